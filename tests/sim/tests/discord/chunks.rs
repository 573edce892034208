//! Members asked for over the gateway.

use rolarr_sim::discord::{ConnectionId, Frame, intents};
use serde_json::{Value, json};

use crate::drive::{INTENTS, World, names, payloads};

fn ask(world: &mut World, connection: ConnectionId, more: Value) -> Vec<Value> {
    let mut data = json!({"guild_id": world.scene.guild});
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    payloads(&world.say(connection, 8, data))
}

#[test]
fn the_whole_list_comes_in_chunks_of_a_thousand() {
    let mut world = World::new();
    for number in 0..2100 {
        let user = world.sim.create_user(world.now, &format!("member{number}"));
        world.sim.join(world.now, world.scene.guild, user).unwrap();
    }
    let (connection, _) = world.session(INTENTS);
    let chunks = ask(&mut world, connection, json!({"query": "", "limit": 0, "nonce": "whole"}));
    let sizes: Vec<usize> =
        chunks.iter().map(|chunk| chunk["d"]["members"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [1000, 1000, 105]);
    for (index, chunk) in chunks.iter().enumerate() {
        assert_eq!(chunk["d"]["chunk_index"], index);
        assert_eq!((&chunk["d"]["chunk_count"], &chunk["d"]["nonce"]), (&json!(3), &json!("whole")));
    }
}

#[test]
fn the_whole_list_is_to_be_had_once_in_thirty_seconds() {
    let mut world = World::new();
    let (connection, _) = world.session(INTENTS);
    let whole = json!({"query": "", "limit": 0, "nonce": "n"});
    assert_eq!(names(&ask(&mut world, connection, whole.clone())), ["GUILD_MEMBERS_CHUNK"]);
    world.now += 10_000;
    let limited = ask(&mut world, connection, whole.clone());
    assert_eq!(names(&limited), ["RATE_LIMITED"]);
    let meta = json!({"guild_id": world.scene.guild, "nonce": "n"});
    assert_eq!(limited[0]["d"], json!({"opcode": 8, "retry_after": 20.0, "meta": meta}));
    let alice = world.scene.alice;
    assert_eq!(names(&ask(&mut world, connection, json!({"user_ids": [alice]}))), ["GUILD_MEMBERS_CHUNK"]);
    world.now += 20_000;
    assert_eq!(names(&ask(&mut world, connection, whole)), ["GUILD_MEMBERS_CHUNK"]);
}

#[test]
fn members_by_id_come_with_those_that_are_none() {
    let mut world = World::new();
    let (connection, _) = world.session(INTENTS);
    let (alice, bob) = (world.scene.alice, world.scene.bob);
    let chunk = ask(&mut world, connection, json!({"user_ids": [bob, "900000001", alice], "nonce": "x"}));
    assert_eq!(chunk.len(), 1);
    let members = chunk[0]["d"]["members"].as_array().unwrap();
    assert_eq!(members.len(), 2);
    assert_eq!(chunk[0]["d"]["not_found"], json!(["900000001"]));
    let nobody = ask(&mut world, connection, json!({"user_ids": "900000001"}));
    assert_eq!((&nobody[0]["d"]["members"], &nobody[0]["d"]["chunk_count"]), (&json!([]), &json!(1)));
}

#[test]
fn members_by_the_beginning_of_their_name() {
    let mut world = World::new();
    let (connection, _) = world.session(INTENTS);
    let chunk = ask(&mut world, connection, json!({"query": "AL", "limit": 10}));
    assert_eq!(chunk[0]["d"]["members"].as_array().unwrap().len(), 1);
}

#[test]
fn what_may_not_be_asked_is_not_answered() {
    let mut world = World::new();
    let (connection, _) = world.session(intents::GUILDS);
    assert_eq!(ask(&mut world, connection, json!({"query": "", "limit": 0})), [Value::Null; 0]);
    let (connection, _) = world.session(INTENTS);
    assert_eq!(world.say(connection, 8, json!({"guild_id": "1", "query": "", "limit": 0})), []);
    world.sim.set_available(world.now, world.scene.guild, false).unwrap();
    world.sim.take_frames(connection);
    assert_eq!(ask(&mut world, connection, json!({"query": "", "limit": 0})), [Value::Null; 0]);
}

#[test]
fn more_than_a_hundred_ids_are_a_mistake() {
    let mut world = World::new();
    let (connection, _) = world.session(INTENTS);
    let ids: Vec<String> = (1..=101).map(|id: u64| id.to_string()).collect();
    let data = json!({"guild_id": world.scene.guild, "user_ids": ids});
    assert_eq!(world.say(connection, 8, data), [Frame::Close(4002)]);
}
