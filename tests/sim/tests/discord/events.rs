//! Who hears what.

use rolarr_sim::discord::intents;
use serde_json::json;

use crate::drive::{INTENTS, World};

#[test]
fn events_reach_only_sessions_that_asked_for_them() {
    let mut world = World::new();
    let (all, _) = world.session(INTENTS);
    let (guilds, _) = world.session(intents::GUILDS);
    let (nothing, ready) = world.session(0);
    assert_eq!(ready.len(), 1, "without GUILDS the guilds never become available");
    let (sim, scene, now) = (&mut world.sim, world.scene, world.now);
    sim.add_role(now, scene.guild, scene.alice, scene.subscriber).unwrap();
    sim.rename_role(now, scene.guild, scene.subscriber, "Patron").unwrap();
    sim.type_direct_message(now, scene.alice, "hello").unwrap();
    sim.type_message(now, scene.channel, scene.alice, "hello all").unwrap();
    sim.leave(now, scene.guild, scene.alice).unwrap();
    sim.join(now, scene.guild, scene.alice).unwrap();
    sim.delete_role(now, scene.guild, scene.subscriber).unwrap();
    let heard = [
        "GUILD_MEMBER_UPDATE",
        "GUILD_ROLE_UPDATE",
        "MESSAGE_CREATE",
        "GUILD_MEMBER_REMOVE",
        "GUILD_MEMBER_ADD",
        "GUILD_ROLE_DELETE",
    ];
    assert_eq!(world.names(all), heard);
    assert_eq!(world.names(guilds), ["GUILD_ROLE_UPDATE", "GUILD_ROLE_DELETE"]);
    assert_eq!(world.names(nothing), [""; 0]);
}

#[test]
fn an_update_carries_all_roles_and_says_nothing_of_the_change() {
    let mut world = World::new();
    let (connection, _) = world.session(INTENTS);
    let (sim, scene, now) = (&mut world.sim, world.scene, world.now);
    sim.add_role(now, scene.guild, scene.mod_user, scene.subscriber).unwrap();
    sim.add_role(now, scene.guild, scene.mod_user, scene.subscriber).unwrap();
    sim.set_nick(now, scene.guild, scene.mod_user, Some("Mo")).unwrap();
    let events = world.events(connection);
    assert_eq!(events.len(), 2, "a role that is held already changes nothing");
    for event in &events {
        assert_eq!(event["d"]["roles"], json!([scene.subscriber, scene.moderator]));
    }
    assert_eq!(events[1]["d"]["nick"], "Mo");
}

#[test]
fn a_deleted_role_is_lost_without_member_updates() {
    let mut world = World::new();
    let (sim, scene, now) = (&mut world.sim, world.scene, world.now);
    sim.add_role(now, scene.guild, scene.alice, scene.subscriber).unwrap();
    let (connection, _) = world.session(INTENTS);
    world.sim.delete_role(now, scene.guild, scene.subscriber).unwrap();
    assert_eq!(world.names(connection), ["GUILD_ROLE_DELETE"]);
    let (_, member) = world.get(&format!("guilds/{}/members/{}", scene.guild, scene.alice));
    assert_eq!(member["roles"], json!([]));
}

#[test]
fn a_direct_message_comes_with_its_content_and_a_guild_message_without() {
    let mut world = World::new();
    let (connection, _) = world.session(INTENTS | intents::GUILD_MESSAGES);
    let (sim, scene, now) = (&mut world.sim, world.scene, world.now);
    sim.type_direct_message(now, scene.alice, "hello").unwrap();
    sim.type_message(now, scene.channel, scene.alice, "hello all").unwrap();
    let mention = format!("hello <@{}>", sim.bot());
    sim.type_message(now, scene.channel, scene.alice, &mention).unwrap();
    let events = world.events(connection);
    let contents: Vec<&str> = events.iter().map(|event| event["d"]["content"].as_str().unwrap()).collect();
    assert_eq!(contents, ["hello", "", &mention]);
    assert!(events[0]["d"].get("guild_id").is_none());
    assert_eq!(events[1]["d"]["guild_id"], json!(scene.guild));
}

#[test]
fn an_outage_is_not_a_removal_and_what_happens_in_it_is_never_heard() {
    let mut world = World::new();
    let (connection, _) = world.session(INTENTS);
    let (scene, now) = (world.scene, world.now);
    world.sim.set_available(now, scene.guild, false).unwrap();
    world.sim.add_role(now, scene.guild, scene.alice, scene.subscriber).unwrap();
    let events = world.events(connection);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["d"], json!({"id": scene.guild, "unavailable": true}));
    assert_eq!(world.get(&format!("guilds/{}", scene.guild)).0, 503);
    let (late, ready) = world.session(INTENTS);
    assert_eq!(ready.len(), 1);
    world.sim.set_available(now, scene.guild, true).unwrap();
    assert_eq!(world.names(connection), ["GUILD_CREATE"]);
    assert_eq!(world.names(late), ["GUILD_CREATE"]);
}

#[test]
fn a_bot_that_is_thrown_out_hears_it_once_and_then_nothing() {
    let mut world = World::new();
    let (connection, _) = world.session(INTENTS);
    let (scene, now) = (world.scene, world.now);
    world.sim.kick_bot(now, scene.guild).unwrap();
    world.sim.add_role(now, scene.guild, scene.alice, scene.subscriber).unwrap();
    let events = world.events(connection);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["d"], json!({"id": scene.guild}));
    assert_eq!(world.refusal("GET", &format!("guilds/{}", scene.guild), &json!(null)), (404, 10_004));
    world.sim.invite_bot(now, scene.guild).unwrap();
    assert_eq!(world.names(connection), ["GUILD_CREATE"]);
}

#[test]
fn what_people_can_not_do_is_an_error_and_changes_nothing() {
    let mut world = World::new();
    let (connection, _) = world.session(INTENTS);
    let (sim, scene, now) = (&mut world.sim, world.scene, world.now);
    let nobody = rolarr_sim::discord::UserId(900_000_001);
    let nothing = rolarr_sim::discord::RoleId(900_000_002);
    sim.join(now, scene.guild, scene.alice).unwrap_err();
    sim.join(now, scene.guild, nobody).unwrap_err();
    sim.leave(now, scene.guild, nobody).unwrap_err();
    sim.add_role(now, scene.guild, nobody, scene.subscriber).unwrap_err();
    sim.add_role(now, scene.guild, scene.alice, nothing).unwrap_err();
    sim.rename_role(now, scene.guild, nothing, "x").unwrap_err();
    sim.delete_role(now, scene.guild, rolarr_sim::discord::RoleId(scene.guild.0)).unwrap_err();
    sim.type_direct_message(now, nobody, "x").unwrap_err();
    sim.add_role(now, rolarr_sim::discord::GuildId(1), scene.alice, scene.subscriber).unwrap_err();
    assert_eq!(world.names(connection), [""; 0]);
}
