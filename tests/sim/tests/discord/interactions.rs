//! Commands, buttons, forms, and the time that an answer may take.

use rolarr_sim::discord::{Answer, InteractionId, MANAGE_GUILD, OptionValue};
use serde_json::{Value, json};

use crate::drive::{INTENTS, World};

fn commands() -> Value {
    let email = json!({"type": 3, "name": "email", "description": "The address", "required": true});
    let member = json!({"type": 6, "name": "member", "description": "Whose it is"});
    let invite = json!({"type": 1, "name": "invite", "description": "Invite", "options": [email, member]});
    let link = json!({"type": 1, "name": "link", "description": "Link"});
    json!([{"name": "plex", "description": "Plex", "options": [invite, link], "default_member_permissions": MANAGE_GUILD.to_string()}])
}

fn register(world: &mut World) {
    let path = format!("applications/{}/guilds/{}/commands", world.sim.application().id, world.scene.guild);
    assert_eq!(world.ask("PUT", &path, &commands()).0, 200);
}

/// Alice uses `/plex link` in the guild's channel.
fn link(world: &mut World) -> InteractionId {
    world.sim.slash_command(world.now, world.scene.channel, world.scene.alice, "plex link", &[]).unwrap()
}

fn callback(world: &World, id: InteractionId) -> String {
    format!("interactions/{id}/{}/callback", world.sim.interaction(id).unwrap().token)
}

fn original(world: &World, id: InteractionId) -> String {
    let token = &world.sim.interaction(id).unwrap().token;
    format!("webhooks/{}/{token}/messages/@original", world.sim.application().id)
}

#[test]
fn a_command_arrives_with_its_options_people_and_permissions() {
    let mut world = World::new();
    register(&mut world);
    let (connection, _) = world.session(INTENTS);
    let (scene, now) = (world.scene, world.now);
    let options = [("email", OptionValue::from("a@example.org")), ("member", OptionValue::from(scene.alice))];
    world.sim.slash_command(now, scene.channel, scene.mod_user, "plex invite", &options).unwrap();
    let events = world.events(connection);
    let data = &events[0]["d"];
    assert_eq!((&events[0]["t"], &data["type"]), (&json!("INTERACTION_CREATE"), &json!(2)));
    assert_eq!(data["data"]["options"][0]["name"], "invite");
    assert_eq!(
        data["data"]["options"][0]["options"][0],
        json!({"name": "email", "type": 3, "value": "a@example.org"})
    );
    let alice = scene.alice.to_string();
    assert_eq!(data["data"]["resolved"]["users"][&alice]["username"], "alice");
    let permissions: u64 = data["member"]["permissions"].as_str().unwrap().parse().unwrap();
    assert_ne!(permissions & MANAGE_GUILD, 0);
    world.sim.slash_command(now, scene.channel, scene.alice, "plex link", &[]).unwrap();
    let events = world.events(connection);
    let permissions: u64 = events[0]["d"]["member"]["permissions"].as_str().unwrap().parse().unwrap();
    assert_eq!(permissions & MANAGE_GUILD, 0);
    world.sim.slash_command(now, scene.channel, scene.owner, "plex link", &[]).unwrap();
    let events = world.events(connection);
    let permissions: u64 = events[0]["d"]["member"]["permissions"].as_str().unwrap().parse().unwrap();
    assert_ne!(permissions & MANAGE_GUILD, 0, "an owner may do everything");
}

#[test]
fn only_registered_commands_can_be_used() {
    let mut world = World::new();
    let (scene, now) = (world.scene, world.now);
    world.sim.slash_command(now, scene.channel, scene.alice, "plex link", &[]).unwrap_err();
    register(&mut world);
    let try_it = |world: &mut World, command: &str, options: &[(&str, OptionValue)]| {
        world.sim.slash_command(now, scene.channel, scene.alice, command, options)
    };
    try_it(&mut world, "plex link", &[]).unwrap();
    try_it(&mut world, "plex", &[]).unwrap_err();
    try_it(&mut world, "plex other", &[]).unwrap_err();
    try_it(&mut world, "plex invite", &[]).unwrap_err();
    try_it(&mut world, "plex invite", &[("email", OptionValue::Number(7))]).unwrap_err();
    try_it(&mut world, "plex link", &[("email", "x".into())]).unwrap_err();
    assert!(world.sim.sees_command(scene.guild, scene.mod_user, "plex"));
    assert!(!world.sim.sees_command(scene.guild, scene.alice, "plex"));
}

#[test]
fn commands_that_discord_would_refuse_are_refused() {
    let mut world = World::new();
    let app = world.sim.application().id;
    let path = format!("applications/{app}/commands");
    let command = |name: &str| json!({"name": name, "description": "d"});
    for bad in [
        json!({}),
        json!([command("Plex")]),
        json!([command("")]),
        json!([command("a b")]),
        json!([{"name": "plex", "description": ""}]),
        json!([command("plex"), command("plex")]),
        json!([{"name": "plex", "description": "d", "options": [{"type": 99, "name": "o", "description": "d"}]}]),
    ] {
        assert_eq!(world.refusal("PUT", &path, &bad), (400, 50_035), "{bad}");
    }
    let other = "applications/900000001/commands";
    assert_eq!(world.refusal("PUT", other, &commands()), (403, 20_012));
    let elsewhere = format!("applications/{app}/guilds/900000001/commands");
    assert_eq!(world.refusal("PUT", &elsewhere, &commands()), (403, 50_001));
    assert_eq!(world.ask("PUT", &path, &commands()).0, 200);
    assert_eq!(world.sim.commands(None).len(), 1);
}

#[test]
fn the_first_answer_has_three_seconds_and_comes_once() {
    let mut world = World::new();
    register(&mut world);
    let id = link(&mut world);
    let reply = json!({"type": 4, "data": {"content": "hello", "flags": 64}});
    let path = callback(&world, id);
    world.now += 3000;
    assert_eq!(world.ask("POST", &path, &reply).0, 204);
    assert_eq!(world.refusal("POST", &path, &reply), (400, 40_060));
    assert_eq!(world.sim.reply(id).unwrap().only_for, Some(world.scene.alice));
    let late = link(&mut world);
    let path = callback(&world, late);
    world.now += 3001;
    assert_eq!(world.refusal("POST", &path, &reply), (404, 10_062));
    assert_eq!(world.sim.interaction(late).unwrap().answer, Answer::Awaited);
    let wrong = format!("interactions/{late}/wrong-token/callback");
    assert_eq!(world.refusal("POST", &wrong, &reply), (404, 10_062));
}

#[test]
fn a_deferred_answer_is_filled_in_within_fifteen_minutes() {
    let mut world = World::new();
    register(&mut world);
    let id = link(&mut world);
    let path = original(&world, id);
    let text = json!({"content": "done"});
    assert_eq!(world.refusal("PATCH", &path, &text), (404, 10_015), "nothing is there to edit yet");
    let defer = json!({"type": 5, "data": {"flags": 64}});
    let answer = callback(&world, id);
    assert_eq!(world.ask("POST", &answer, &defer).0, 204);
    world.now += 14 * 60_000;
    assert_eq!(world.ask("PATCH", &path, &text).0, 200);
    assert_eq!(world.ask("PATCH", &path, &json!({"content": "really done"})).0, 200);
    let reply = world.sim.reply(id).unwrap();
    assert_eq!((reply.now.content.as_str(), reply.before.len()), ("really done", 1));
    assert_eq!(reply.only_for, Some(world.scene.alice), "as it was deferred");
    assert!(world.sim.messages_in(world.scene.channel).is_empty());
    assert_eq!(world.get(&path).0, 200);
    world.now += 2 * 60_000;
    assert_eq!(world.refusal("PATCH", &path, &text), (401, 50_027));
}

#[test]
fn followups_are_messages_of_their_own() {
    let mut world = World::new();
    register(&mut world);
    let id = link(&mut world);
    let answer = callback(&world, id);
    world.ask("POST", &answer, &json!({"type": 4, "data": {"content": "first"}}));
    let token = world.sim.interaction(id).unwrap().token.clone();
    let path = format!("webhooks/{}/{token}", world.sim.application().id);
    assert_eq!(world.ask("POST", &path, &json!({"content": "second", "flags": 64})).0, 200);
    let followups = world.sim.interaction(id).unwrap().followups.clone();
    assert_eq!(world.sim.message(followups[0]).unwrap().only_for, Some(world.scene.alice));
    assert_eq!(world.sim.messages_in(world.scene.channel).len(), 1, "the first is for all to see");
    let path = original(&world, id);
    assert_eq!(world.ask("DELETE", &path, &Value::Null).0, 204);
    assert!(world.sim.messages_in(world.scene.channel).is_empty());
    assert_eq!(world.refusal("PATCH", &path, &json!({"content": "x"})), (404, 10_008));
}

/// A message with a button in Alice's direct messages, and her press on it.
fn press(world: &mut World) -> InteractionId {
    let channel = world.alice_channel();
    let button = json!({"type": 2, "style": 1, "label": "Link", "custom_id": "prompt:1"});
    let body = json!({"content": "Which address?", "components": [{"type": 1, "components": [button]}]});
    world.ask("POST", &format!("channels/{channel}/messages"), &body);
    let message = world.sim.told(world.scene.alice).last().unwrap().id;
    world.sim.press_button(world.now, world.scene.alice, message, "prompt").unwrap()
}

fn form(row: u64) -> Value {
    let input = json!({"type": 4, "custom_id": "email", "style": 1, "label": "E-mail", "min_length": 3});
    let row = if row == 18 {
        json!({"type": 18, "label": "E-mail", "component": input})
    } else {
        json!({"type": 1, "components": [input]})
    };
    json!({"type": 9, "data": {"title": "Link", "custom_id": "form:1", "components": [row]}})
}

#[test]
fn a_form_is_shown_and_sent_off_in_rows_or_labels() {
    for kind in [1, 18] {
        let mut world = World::new();
        let (connection, _) = world.session(INTENTS);
        let pressed = press(&mut world);
        let path = callback(&world, pressed);
        assert_eq!(world.ask("POST", &path, &form(kind)).0, 204);
        let (now, alice) = (world.now, world.scene.alice);
        world.sim.submit_modal(now, pressed, &[("email", "ab")]).unwrap_err();
        world.sim.submit_modal(now, pressed, &[]).unwrap_err();
        world.sim.submit_modal(now, pressed, &[("other", "abc")]).unwrap_err();
        world.sim.take_frames(connection);
        let sent = world.sim.submit_modal(now, pressed, &[("email", "a@example.org")]).unwrap();
        let events = world.events(connection);
        let data = &events[0]["d"];
        assert_eq!((&data["type"], &data["data"]["custom_id"]), (&json!(5), &json!("form:1")));
        let row = &data["data"]["components"][0];
        let input = if kind == 18 { &row["component"] } else { &row["components"][0] };
        assert_eq!((&row["type"], &input["value"]), (&json!(kind), &json!("a@example.org")));
        assert_eq!(data["user"]["id"], json!(alice));
        assert!(data.get("member").is_none(), "in a direct message there is no member");
        let path = callback(&world, sent);
        assert_eq!(world.refusal("POST", &path, &form(1)), (400, 50_035), "a form can't follow a form");
        let update = json!({"type": 7, "data": {"content": "Thank you", "components": []}});
        assert_eq!(world.ask("POST", &path, &update).0, 204);
        let told = world.sim.told(alice);
        assert_eq!((told.len(), told[0].now.content.as_str(), told[0].button()), (1, "Thank you", None));
    }
}

#[test]
fn a_button_can_be_answered_by_changing_its_message_later() {
    let mut world = World::new();
    let pressed = press(&mut world);
    let path = callback(&world, pressed);
    assert_eq!(world.ask("POST", &path, &json!({"type": 6})).0, 204);
    let path = original(&world, pressed);
    assert_eq!(world.ask("PATCH", &path, &json!({"content": "changed"})).0, 200);
    assert_eq!(world.sim.told(world.scene.alice)[0].now.content, "changed");
}

#[test]
fn what_does_not_fit_an_interaction_is_refused() {
    let mut world = World::new();
    register(&mut world);
    let id = link(&mut world);
    let path = callback(&world, id);
    for bad in [
        json!({"type": 6}),
        json!({"type": 7, "data": {"content": "x"}}),
        json!({"type": 99}),
        json!({}),
        json!({"type": 9, "data": {"title": "x".repeat(46), "custom_id": "a", "components": []}}),
        json!({"type": 9, "data": {"title": "x", "custom_id": "a", "components": []}}),
        json!({"type": 4, "data": {"content": "x".repeat(2001)}}),
    ] {
        assert_eq!(world.refusal("POST", &path, &bad), (400, 50_035), "{bad}");
    }
    assert_eq!(
        world
            .ask("POST", &format!("{path}?with_response=true"), &json!({"type": 4, "data": {"content": "x"}}))
            .0,
        200
    );
}

#[test]
fn a_button_that_is_disabled_or_hidden_can_not_be_pressed() {
    let mut world = World::new();
    register(&mut world);
    let id = link(&mut world);
    let button = json!({"type": 2, "style": 1, "label": "Link", "custom_id": "inbox"});
    let rows = json!([{"type": 1, "components": [button]}]);
    let path = callback(&world, id);
    world.ask("POST", &path, &json!({"type": 4, "data": {"content": "x", "flags": 64, "components": rows}}));
    let reply = world.sim.reply(id).unwrap().id;
    let (now, scene) = (world.now, world.scene);
    world.sim.press_button(now, scene.bob, reply, "inbox").unwrap_err();
    world.sim.press_button(now, scene.alice, reply, "inbox").unwrap();
    let path = original(&world, id);
    let mut rows = rows;
    rows[0]["components"][0]["disabled"] = json!(true);
    world.ask("PATCH", &path, &json!({"components": rows}));
    world.sim.press_button(now, scene.alice, reply, "inbox").unwrap_err();
}
