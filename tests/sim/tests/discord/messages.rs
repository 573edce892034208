//! Direct messages: posting once, editing, being refused.

use rolarr_sim::discord::DirectMessages;
use serde_json::{Value, json};

use crate::drive::{INTENTS, World};

fn row(buttons: &[Value]) -> Value {
    json!([{"type": 1, "components": buttons}])
}

fn button(custom_id: &str) -> Value {
    json!({"type": 2, "style": 1, "label": "Press", "custom_id": custom_id})
}

#[test]
fn the_same_nonce_posts_once_within_a_few_minutes() {
    let mut world = World::new();
    let channel = world.alice_channel();
    let path = format!("channels/{channel}/messages");
    let text = |content: &str| json!({"content": content, "nonce": "task-7", "enforce_nonce": true});
    let (_, first) = world.ask("POST", &path, &text("hello"));
    world.now += 60_000;
    let (status, second) = world.ask("POST", &path, &text("another"));
    assert_eq!((status, &second["id"], &second["content"]), (200, &first["id"], &json!("hello")));
    assert_eq!(world.sim.told(world.scene.alice).len(), 1);
    let other = world.scene.channel;
    world.ask("POST", &format!("channels/{other}/messages"), &text("elsewhere"));
    assert_eq!(world.sim.messages_in(other).len(), 1, "a nonce belongs to its channel");
    world.now += 180_000;
    world.ask("POST", &path, &text("late"));
    assert_eq!(world.sim.told(world.scene.alice).len(), 2, "after a few minutes it is forgotten");
}

#[test]
fn a_nonce_that_is_not_enforced_posts_again() {
    let mut world = World::new();
    let path = format!("channels/{}/messages", world.alice_channel());
    for _ in 0..2 {
        world.ask("POST", &path, &json!({"content": "hello", "nonce": "n"}));
    }
    assert_eq!(world.sim.told(world.scene.alice).len(), 2);
}

#[test]
fn what_a_message_can_not_be_is_refused_and_posts_nothing() {
    let mut world = World::new();
    let path = format!("channels/{}/messages", world.alice_channel());
    world.sim.enforce_rate_limits(false);
    let long = "x".repeat(101);
    for (body, refusal) in [
        (json!({"content": "x".repeat(2001)}), (400, 50_035)),
        (json!({"content": ""}), (400, 50_006)),
        (json!({}), (400, 50_006)),
        (json!({"content": 7}), (400, 50_035)),
        (json!({"content": "x", "nonce": "x".repeat(26)}), (400, 50_035)),
        (json!({"content": "x", "components": 7}), (400, 50_035)),
        (json!({"content": "x", "components": row(&[])}), (400, 50_035)),
        (json!({"content": "x", "components": row(&[button(&long)])}), (400, 50_035)),
        (json!({"content": "x", "components": row(&[button("a"), button("a")])}), (400, 50_035)),
        (
            json!({"content": "x", "components": row(&[json!({"type": 2, "style": 1, "custom_id": "a"})])}),
            (400, 50_035),
        ),
        (json!({"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}}), (400, 50_035)),
        (json!([]), (400, 50_109)),
        (Value::Null, (400, 50_109)),
    ] {
        assert_eq!(world.refusal("POST", &path, &body), refusal, "{body}");
    }
    assert!(world.sim.told(world.scene.alice).is_empty());
    let longest = json!({"content": "ü".repeat(2000), "components": row(&[button("a")])});
    assert_eq!(world.ask("POST", &path, &longest).0, 200);
}

#[test]
fn an_edit_replaces_text_and_buttons_and_keeps_what_was() {
    let mut world = World::new();
    let (connection, _) = world.session(INTENTS);
    let channel = world.alice_channel();
    let body = json!({"content": "question", "components": row(&[button("a")])});
    let (_, message) = world.ask("POST", &format!("channels/{channel}/messages"), &body);
    let path = format!("channels/{channel}/messages/{}", message["id"].as_str().unwrap());
    world.ask("PATCH", &path, &json!({"components": []}));
    let (_, edited) = world.ask("PATCH", &path, &json!({"content": "closed"}));
    assert_eq!((&edited["content"], &edited["components"]), (&json!("closed"), &json!([])));
    assert!(edited["edited_timestamp"].is_string());
    let told = world.sim.told(world.scene.alice);
    assert_eq!((told.len(), told[0].before.len(), told[0].button()), (1, 2, None));
    assert_eq!(world.names(connection), ["MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_UPDATE"]);
    let theirs = world.sim.type_direct_message(world.now, world.scene.alice, "mine").unwrap();
    let path = format!("channels/{channel}/messages/{theirs}");
    assert_eq!(world.refusal("PATCH", &path, &json!({"content": "x"})), (403, 50_005));
}

#[test]
fn people_who_can_not_be_reached_are_refused_with_the_reason() {
    let mut world = World::new();
    let path = format!("channels/{}/messages", world.alice_channel());
    let text = json!({"content": "hello"});
    let (alice, guild) = (world.scene.alice, world.scene.guild);
    world.sim.set_direct_messages(alice, DirectMessages::Closed).unwrap();
    assert_eq!(world.refusal("POST", &path, &text), (403, 50_007));
    world.sim.set_direct_messages(alice, DirectMessages::Open).unwrap();
    assert_eq!(world.ask("POST", &path, &text).0, 200);
    world.sim.leave(world.now, guild, alice).unwrap();
    assert_eq!(world.refusal("POST", &path, &text), (403, 50_278));
    let bot = world.sim.bot();
    let open = |id: Value| json!({"recipient_id": id});
    assert_eq!(world.refusal("POST", "users/@me/channels", &open(json!(bot))), (400, 50_033));
    assert_eq!(world.refusal("POST", "users/@me/channels", &open(json!("7"))), (400, 50_033));
    assert_eq!(world.refusal("POST", "users/@me/channels", &open(Value::Null)), (400, 50_035));
}

#[test]
fn the_newest_messages_come_first() {
    let mut world = World::new();
    let channel = world.alice_channel();
    let alice = world.scene.alice;
    let ids: Vec<String> = (0..5)
        .map(|n| world.sim.type_direct_message(world.now, alice, &format!("m{n}")).unwrap().to_string())
        .collect();
    let mut texts = |query: &str| -> Vec<String> {
        let (_, page) = world.get(&format!("channels/{channel}/messages{query}"));
        let page = page.as_array().unwrap().clone();
        page.iter().map(|message| message["content"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(texts("?limit=2"), ["m4", "m3"]);
    assert_eq!(texts(&format!("?limit=2&before={}", ids[3])), ["m2", "m1"]);
    assert_eq!(texts(&format!("?limit=2&after={}", ids[0])), ["m2", "m1"]);
    assert_eq!(texts("").len(), 5);
}

#[test]
fn mentions_notify_only_whom_they_may() {
    let mut world = World::new();
    let channel = world.scene.channel;
    let path = format!("channels/{channel}/messages");
    let text = format!("<@{}> @everyone", world.scene.alice);
    world.ask("POST", &path, &json!({"content": text, "allowed_mentions": {"parse": []}}));
    world.ask("POST", &path, &json!({"content": text}));
    let messages = world.sim.messages_in(channel);
    assert!(messages[0].notified.is_empty() && !messages[0].notified_everyone);
    assert_eq!(messages[0].allowed_mentions, Some(json!({"parse": []})));
    assert!(messages[1].notified.contains(&world.scene.alice) && messages[1].notified_everyone);
}
