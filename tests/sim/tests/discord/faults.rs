//! Everything that can be told to go wrong does, as often as it was told, and then no more.

use rolarr_sim::{
    discord::{Ending, EventFault, EventFaultKind, Frame, RestFault, RestFaultKind},
    http::Outcome,
};
use serde_json::{Value, json};

use crate::drive::{INTENTS, World, payloads};

#[test]
fn a_request_fails_before_or_after_its_effect() {
    for (kind, expected) in [
        (RestFaultKind::Hang, None),
        (RestFaultKind::Drop, None),
        (RestFaultKind::Status { status: 500, code: 0 }, Some(500)),
        (RestFaultKind::TooManyRequests { retry_after_ms: None, global: false }, Some(429)),
        (RestFaultKind::Garbage, Some(200)),
    ] {
        let mut world = World::new();
        let path = format!("channels/{}/messages", world.alice_channel());
        let fault = RestFault::once("POST", "channels/*/messages", kind.clone());
        for (fault, posted) in [(fault.clone(), 0), (fault.after_applying(), 1)] {
            world.sim.fail_requests(fault);
            let status = match world.send("POST", &path, &json!({"content": "hello"})) {
                Outcome::Respond(response) => Some(response.status),
                Outcome::Hang | Outcome::Drop => None,
            };
            assert_eq!((status, world.sim.told(world.scene.alice).len()), (expected, posted), "{kind:?}");
            let logged = world.sim.requests().last().unwrap();
            assert_eq!((logged.status, logged.applied), (expected, posted == 1));
        }
        assert_eq!(world.ask("POST", &path, &json!({"content": "hello"})).0, 200, "then no more");
    }
}

#[test]
fn a_rate_limit_says_how_long_or_says_nothing() {
    let mut world = World::new();
    let limit = |retry_after_ms| RestFaultKind::TooManyRequests { retry_after_ms, global: true };
    world.sim.fail_requests(RestFault::once("GET", "users/@me", limit(Some(2500))));
    world.sim.fail_requests(RestFault::once("GET", "users/@me", limit(None)));
    let response = world.response("GET", "users/@me", &Value::Null);
    let header =
        |name: &str| response.headers.iter().find(|(known, _)| known == name).map(|(_, v)| v.as_str());
    assert_eq!((header("retry-after"), header("x-ratelimit-global")), (Some("3"), Some("true")));
    let response = world.response("GET", "users/@me", &Value::Null);
    assert!(response.headers.iter().all(|(name, _)| name != "retry-after"));
    assert!(serde_json::from_slice::<Value>(&response.body).is_err());
}

#[test]
fn a_stale_read_shows_a_member_as_they_were() {
    let mut world = World::new();
    let (scene, now) = (world.scene, world.now);
    let path = format!("guilds/{}/members/{}", scene.guild, scene.alice);
    let stale = || RestFault::once("GET", "guilds/*/members/*", RestFaultKind::StaleMember);
    world.sim.add_role(now, scene.guild, scene.alice, scene.subscriber).unwrap();
    world.sim.fail_requests(stale());
    assert_eq!(world.get(&path).1["roles"], json!([]));
    assert_eq!(world.get(&path).1["roles"], json!([scene.subscriber]));
    world.sim.leave(now, scene.guild, scene.alice).unwrap();
    world.sim.fail_requests(stale());
    assert_eq!(world.get(&path).0, 200);
    assert_eq!(world.get(&path).0, 404);
    world.sim.join(now, scene.guild, scene.alice).unwrap();
    world.sim.fail_requests(stale());
    assert_eq!(world.refusal("GET", &path, &Value::Null), (404, 10_007));
}

#[test]
fn a_list_can_lack_members() {
    let mut world = World::new();
    let path = format!("guilds/{}/members?limit=1000", world.scene.guild);
    world.sim.fail_requests(RestFault::once("GET", "guilds/*/members", RestFaultKind::ShortList));
    assert_eq!(world.get(&path).1.as_array().unwrap().len(), 3);
    assert_eq!(world.get(&path).1.as_array().unwrap().len(), 5);
}

/// The nicks in the order in which updates come after an event fault.
fn nicks(kind: EventFaultKind) -> (Vec<String>, Vec<u64>) {
    let mut world = World::new();
    let (connection, _) = world.session(INTENTS);
    world.sim.fail_events(EventFault::once("GUILD_MEMBER_UPDATE", kind));
    for nick in ["a", "b", "c"] {
        world.sim.set_nick(world.now, world.scene.guild, world.scene.alice, Some(nick)).unwrap();
    }
    let events = world.events(connection);
    let nicks = events.iter().map(|event| event["d"]["nick"].as_str().unwrap_or("-").to_owned()).collect();
    (nicks, events.iter().map(|event| event["s"].as_u64().unwrap()).collect())
}

#[test]
fn events_are_lost_doubled_swapped_or_maimed() {
    let owned = |nicks: &[&str]| nicks.iter().map(|nick| (*nick).to_owned()).collect::<Vec<_>>();
    assert_eq!(nicks(EventFaultKind::Lose), (owned(&["b", "c"]), vec![3, 4]));
    assert_eq!(nicks(EventFaultKind::Duplicate), (owned(&["a", "a", "b", "c"]), vec![3, 4, 5, 6]));
    assert_eq!(nicks(EventFaultKind::SwapWithNext), (owned(&["b", "a", "c"]), vec![3, 4, 5]));
    let set = EventFaultKind::Set { pointer: "/nick".to_owned(), value: json!("?") };
    assert_eq!(nicks(set).0, owned(&["?", "b", "c"]));
    let remove = EventFaultKind::Remove { pointer: "/nick".to_owned() };
    assert_eq!(nicks(remove).0, owned(&["-", "b", "c"]));
    let nowhere = EventFaultKind::Remove { pointer: "/not/there".to_owned() };
    assert_eq!(nicks(nowhere).0, owned(&["a", "b", "c"]));
}

#[test]
fn a_guild_can_come_with_a_maimed_role() {
    let mut world = World::new();
    let kind = EventFaultKind::Remove { pointer: "/roles/0/colors".to_owned() };
    world.sim.fail_events(EventFault::once("GUILD_CREATE", kind));
    let (_, events) = world.session(INTENTS);
    let roles = &events[1]["d"]["roles"];
    assert!(roles[0].get("colors").is_none() && roles[1].get("colors").is_some());
}

#[test]
fn an_event_that_nobody_knows_and_a_frame_that_is_no_json_can_be_sent() {
    let mut world = World::new();
    let (connection, _) = world.session(0);
    world.sim.send_event(world.now, "SOMETHING_NEW", json!({"x": 1}));
    world.sim.send_raw_frame("{not json");
    let frames = world.sim.take_frames(connection);
    assert_eq!(payloads(&frames[..1])[0]["t"], "SOMETHING_NEW");
    assert_eq!(frames[1], Frame::Text("{not json".to_owned()));
}

#[test]
fn connections_break_are_closed_or_asked_to_come_back() {
    let mut world = World::new();
    let (connection, _) = world.session(INTENTS);
    world.sim.ask_to_reconnect();
    world.sim.invalidate_sessions(true);
    world.sim.invalidate_sessions(false);
    let ops: Vec<(u64, Value)> =
        world.events(connection).iter().map(|p| (p["op"].as_u64().unwrap(), p["d"].clone())).collect();
    assert_eq!(ops, [(7, Value::Null), (9, json!(true)), (9, json!(false))]);
    assert_eq!(world.sim.live_sessions(), 0);
    let (connection, _) = world.session(INTENTS);
    world.sim.close_connections(world.now, 4000);
    assert_eq!(world.sim.take_frames(connection), [Frame::Close(4000)]);
    let (connection, _) = world.session(INTENTS);
    world.sim.drop_connections(world.now);
    assert_eq!(world.sim.take_frames(connection), [Frame::Abort]);
    world.sim.refuse_connections(1);
    let connection = world.sim.connect(world.now);
    assert_eq!(world.sim.take_frames(connection), [Frame::Abort]);
    world.session(INTENTS);
}

#[test]
fn a_connection_ends_as_soon_as_it_was_accepted() {
    for (ending, ops, last) in [
        (Ending::Abort, vec![], Frame::Abort),
        (Ending::Close(1001), vec![10], Frame::Close(1001)),
        (Ending::Reconnect, vec![10, 7], Frame::Abort),
        (Ending::Invalid { resumable: true }, vec![10, 9], Frame::Abort),
    ] {
        let mut world = World::new();
        world.sim.end_connections(2, ending);
        for _ in 0..2 {
            let connection = world.sim.connect(world.now);
            let mut frames = world.sim.take_frames(connection);
            assert_eq!(frames.pop(), Some(last.clone()), "{ending:?}");
            let sent: Vec<u64> =
                payloads(&frames).iter().map(|payload| payload["op"].as_u64().unwrap()).collect();
            assert_eq!(sent, ops, "{ending:?}");
            assert_eq!(world.sim.open_connections(), []);
        }
        world.session(INTENTS);
        world.sim.end_connections(2, ending);
        world.sim.end_trouble();
        world.session(INTENTS);
    }
}

#[test]
fn a_page_of_the_proxy_has_nothing_of_discords_form() {
    for status in [200, 403, 502] {
        let mut world = World::new();
        world.sim.fail_requests(RestFault::once("GET", "users/@me", RestFaultKind::Page { status }));
        let response = world.response("GET", "users/@me", &Value::Null);
        assert_eq!(response.status, status);
        assert!(serde_json::from_slice::<Value>(&response.body).is_err());
        assert_eq!(world.get("users/@me").0, 200, "then no more");
    }
}

#[test]
fn heartbeats_go_unanswered_while_they_are_silenced() {
    let mut world = World::new();
    let (connection, _) = world.session(INTENTS);
    world.sim.silence_heartbeats(true);
    assert_eq!(world.say(connection, 1, json!(2)), []);
    world.sim.end_trouble();
    assert_eq!(world.say(connection, 1, json!(2)).len(), 1);
}

#[test]
fn a_member_can_be_sent_again_although_nothing_changed() {
    let mut world = World::new();
    let (connection, _) = world.session(INTENTS);
    world.sim.repeat_member(world.now, world.scene.guild, world.scene.bob).unwrap();
    assert_eq!(world.names(connection), ["GUILD_MEMBER_UPDATE"]);
}
