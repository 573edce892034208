//! Connections, sessions, close codes.

use rolarr_sim::discord::{Frame, intents};
use serde_json::{Value, json};

use crate::drive::{INTENTS, World, names, payloads};

fn closes(world: &mut World, op: u64, data: Value) -> Option<u16> {
    let connection = world.sim.connect(world.now);
    world.sim.take_frames(connection);
    match world.say(connection, op, data).as_slice() {
        [Frame::Close(code)] => Some(*code),
        _ => None,
    }
}

#[test]
fn a_session_begins_with_ready_and_then_its_guilds() {
    let mut world = World::new();
    let (_, payloads) = world.session(INTENTS);
    assert_eq!(names(&payloads), ["READY", "GUILD_CREATE"]);
    assert_eq!(payloads[0]["s"], 1);
    assert_eq!(payloads[1]["s"], 2);
    assert_eq!(payloads[0]["d"]["guilds"], json!([{"id": world.scene.guild, "unavailable": true}]));
    assert_eq!(payloads[1]["d"]["members"].as_array().unwrap().len(), 1);
    assert_eq!(payloads[1]["d"]["member_count"], 5);
}

#[test]
fn what_can_not_be_accepted_closes_with_its_code() {
    let mut world = World::new();
    let good = world.identify(INTENTS);
    let with = |name: &str, value: Value| {
        let mut data = good.clone();
        data[name] = value;
        data
    };
    assert_eq!(closes(&mut world, 2, good.clone()), None);
    assert_eq!(closes(&mut world, 2, with("token", json!("wrong"))), Some(4004));
    assert_eq!(closes(&mut world, 2, with("intents", json!(1_u64 << 40))), Some(4013));
    assert_eq!(closes(&mut world, 2, with("intents", json!(intents::MESSAGE_CONTENT))), Some(4014));
    assert_eq!(closes(&mut world, 2, with("shard", json!([1, 1]))), Some(4010));
    assert_eq!(closes(&mut world, 2, with("token", Value::Null)), Some(4002));
    assert_eq!(closes(&mut world, 77, Value::Null), Some(4001));
    assert_eq!(closes(&mut world, 8, Value::Null), Some(4003));
    world.sim.application_mut().members_intent = false;
    assert_eq!(closes(&mut world, 2, good), Some(4014));
}

#[test]
fn identifying_twice_on_a_connection_closes_it() {
    let mut world = World::new();
    let (connection, _) = world.session(INTENTS);
    let again = world.identify(INTENTS);
    assert_eq!(world.say(connection, 2, again), [Frame::Close(4005)]);
    assert_eq!(world.say(connection, 1, Value::Null), [], "a closed connection says nothing");
}

#[test]
fn a_heartbeat_is_answered_and_its_absence_closes() {
    let mut world = World::new();
    let (connection, _) = world.session(INTENTS);
    world.now += 60_000;
    assert_eq!(payloads(&world.say(connection, 1, json!(2)))[0]["op"], 11);
    world.now += 60_000;
    world.sim.tick(world.now);
    assert_eq!(world.sim.take_frames(connection), []);
    world.now += 60_000;
    world.sim.tick(world.now);
    assert_eq!(world.sim.take_frames(connection), [Frame::Close(4009)]);
    assert_eq!(world.sim.live_sessions(), 0);
}

#[test]
fn more_than_120_payloads_in_a_minute_close_the_connection() {
    let mut world = World::new();
    let (connection, _) = world.session(INTENTS);
    for _ in 0..119 {
        assert_eq!(world.say(connection, 1, Value::Null).len(), 1);
    }
    assert_eq!(world.say(connection, 1, Value::Null), [Frame::Close(4008)]);
}

fn resume(world: &mut World, session: &Value, sequence: u64) -> Vec<Frame> {
    let connection = world.sim.connect(world.now);
    world.sim.take_frames(connection);
    let data = json!({"token": world.sim.token(), "session_id": session, "seq": sequence});
    world.say(connection, 6, data)
}

#[test]
fn a_resume_replays_what_was_missed_with_the_same_numbers() {
    let mut world = World::new();
    let (connection, ready) = world.session(INTENTS);
    let session = ready[0]["d"]["session_id"].clone();
    let (guild, alice, role) = (world.scene.guild, world.scene.alice, world.scene.subscriber);
    world.sim.add_role(world.now, guild, alice, role).unwrap();
    world.sim.drop_connections(world.now);
    assert_eq!(world.sim.take_frames(connection).last(), Some(&Frame::Abort));
    world.sim.disconnected(connection, world.now, None);
    world.sim.remove_role(world.now, guild, alice, role).unwrap();
    world.now += 60_000;
    let replayed = payloads(&resume(&mut world, &session, 2));
    assert_eq!(names(&replayed), ["GUILD_MEMBER_UPDATE", "GUILD_MEMBER_UPDATE", "RESUMED"]);
    assert_eq!(replayed.iter().map(|payload| payload["s"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!((world.sim.identify_count(), world.sim.resume_count()), (1, 1));
}

#[test]
fn a_session_that_is_over_is_not_resumed() {
    let invalid = json!({"op": 9, "s": null, "t": null, "d": false});
    let after = |end: &dyn Fn(&mut World, rolarr_sim::discord::ConnectionId)| {
        let mut world = World::new();
        let (connection, ready) = world.session(INTENTS);
        end(&mut world, connection);
        resume(&mut world, &ready[0]["d"]["session_id"], 2)
    };
    let closed = after(&|world, connection| world.sim.disconnected(connection, world.now, Some(1000)));
    assert_eq!(payloads(&closed), std::slice::from_ref(&invalid));
    let late = after(&|world, connection| {
        world.sim.disconnected(connection, world.now, None);
        world.now += 6 * 60_000;
    });
    assert_eq!(payloads(&late), std::slice::from_ref(&invalid));
    let refused = after(&|world, connection| {
        world.sim.disconnected(connection, world.now, Some(4000));
        world.sim.refuse_resumes(1);
    });
    assert_eq!(payloads(&refused), [invalid]);
    let kept = after(&|world, connection| world.sim.disconnected(connection, world.now, Some(4000)));
    assert_eq!(names(&payloads(&kept)), ["RESUMED"]);
}

#[test]
fn a_number_that_was_never_sent_ends_the_session() {
    let mut world = World::new();
    let (_, ready) = world.session(INTENTS);
    assert_eq!(resume(&mut world, &ready[0]["d"]["session_id"], 99), [Frame::Close(4007)]);
}

#[test]
fn too_many_identifies_reset_the_token() {
    let mut world = World::new();
    world.sim.allow_identifies(2);
    let (first, _) = world.session(INTENTS);
    world.session(INTENTS);
    let (_, bot) = world.get("gateway/bot");
    assert_eq!(bot["session_start_limit"]["remaining"], 0);
    let identify = world.identify(INTENTS);
    assert_eq!(closes(&mut world, 2, identify), Some(4004));
    assert_eq!(world.sim.take_frames(first), [Frame::Close(4004)]);
    assert_eq!(world.get("users/@me").0, 401);
}

#[test]
fn a_second_identify_within_five_seconds_is_refused_if_that_is_wanted() {
    let mut world = World::new();
    world.sim.enforce_identify_rate(true);
    world.session(INTENTS);
    world.now += 4000;
    let (_, refused) = world.session(INTENTS);
    assert_eq!(refused[0]["op"], 9);
    world.now += 5000;
    assert_eq!(names(&world.session(INTENTS).1)[0], "READY");
}

#[test]
fn a_waiting_socket_is_woken() {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };
    let mut world = World::new();
    let woken = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&woken);
    world.sim.wake_with(Arc::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    world.session(INTENTS);
    let before = woken.load(Ordering::Relaxed);
    world.sim.add_role(world.now, world.scene.guild, world.scene.alice, world.scene.subscriber).unwrap();
    assert!(woken.load(Ordering::Relaxed) > before);
}
