//! Guilds, members, limits, refusals.

use rolarr_sim::http::{Outcome, Response};
use serde_json::{Value, json};

use crate::drive::{World, request};

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[test]
fn only_the_bot_gets_in() {
    let mut world = World::new();
    let status = |world: &mut World, token: Option<&str>, path: &str| {
        let mut request = request("GET", path, Vec::new());
        request.headers.extend(token.map(|token| ("authorization".to_owned(), token.to_owned())));
        match world.sim.handle(world.now, &request) {
            Outcome::Respond(response) => response.status,
            other => panic!("{other:?}"),
        }
    };
    let token = world.sim.token().to_owned();
    assert_eq!(status(&mut world, Some(&format!("Bot {token}")), "users/@me"), 200);
    assert_eq!(status(&mut world, Some(&token), "users/@me"), 401);
    assert_eq!(status(&mut world, Some("Bot wrong"), "users/@me"), 401);
    assert_eq!(status(&mut world, None, "users/@me"), 401);
    assert_eq!(status(&mut world, None, "gateway"), 200);
    assert_eq!(world.sim.invalid_requests(), 3);
}

#[test]
fn a_guild_is_shown_with_its_roles_and_counts() {
    let mut world = World::new();
    let guild = world.scene.guild;
    let (_, shown) = world.get(&format!("guilds/{guild}?with_counts=true"));
    assert_eq!((&shown["name"], &shown["approximate_member_count"]), (&json!("Example"), &json!(5)));
    world.sim.show_member_count(guild, Some(400)).unwrap();
    let (_, shown) = world.get(&format!("guilds/{guild}?with_counts=true"));
    assert_eq!(shown["approximate_member_count"], 400);
    let (_, plain) = world.get(&format!("guilds/{guild}"));
    assert!(plain.get("approximate_member_count").is_none());
    let (_, roles) = world.get(&format!("guilds/{guild}/roles"));
    let names: Vec<&str> =
        roles.as_array().unwrap().iter().map(|role| role["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["@everyone", "Subscriber", "Moderator"]);
    let (_, counts) = world.get(&format!("guilds/{guild}/roles/member-counts"));
    assert_eq!(counts, json!({world.scene.subscriber.to_string(): 0, world.scene.moderator.to_string(): 1}));
}

#[test]
fn members_are_listed_in_pages_by_rising_id() {
    let mut world = World::new();
    let path = format!("guilds/{}/members", world.scene.guild);
    let ids = |page: &Value| -> Vec<u64> {
        let members = page.as_array().unwrap().iter();
        members.map(|member| member["user"]["id"].as_str().unwrap().parse().unwrap()).collect()
    };
    let (_, all) = world.get(&format!("{path}?limit=1000"));
    let all = ids(&all);
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted());
    assert_eq!(ids(&world.get(&path).1), all[..1], "one, if nothing is said");
    assert_eq!(ids(&world.get(&format!("{path}?limit=2&after={}", all[1])).1), all[2..4]);
    assert_eq!(world.refusal("GET", &format!("{path}?limit=1001"), &Value::Null), (400, 50_035));
    assert_eq!(world.refusal("GET", &format!("{path}?limit=0"), &Value::Null), (400, 50_035));
    world.sim.application_mut().members_intent = false;
    assert_eq!(world.refusal("GET", &path, &Value::Null), (403, 50_001));
}

#[test]
fn each_thing_that_does_not_exist_has_its_own_code() {
    let mut world = World::new();
    let guild = world.scene.guild;
    let alice = world.scene.alice;
    world.sim.leave(world.now, guild, alice).unwrap();
    let channel = world.alice_channel();
    for (path, refusal) in [
        (format!("guilds/{guild}/members/{alice}"), (404, 10_007)),
        (format!("guilds/{guild}/members/900000001"), (404, 10_013)),
        (format!("guilds/900000001/members/{alice}"), (404, 10_004)),
        ("guilds/900000001".to_owned(), (404, 10_004)),
        ("guilds/word".to_owned(), (400, 50_035)),
        ("channels/900000001".to_owned(), (404, 10_003)),
        ("channels/900000001/messages".to_owned(), (404, 10_003)),
        (format!("channels/{channel}/messages/900000001"), (404, 10_008)),
        ("nothing/here".to_owned(), (404, 0)),
    ] {
        assert_eq!(world.refusal("GET", &path, &Value::Null), refusal, "{path}");
    }
    world.sim.let_bot_see(world.scene.channel, false).unwrap();
    let hidden = format!("channels/{}", world.scene.channel);
    assert_eq!(world.refusal("GET", &hidden, &Value::Null), (403, 50_001));
}

#[test]
fn every_answer_says_how_much_is_left() {
    let mut world = World::new();
    let channel = world.alice_channel();
    let path = format!("channels/{channel}/messages");
    let text = json!({"content": "x"});
    for left in (0..5).rev() {
        let response = world.response("POST", &path, &text);
        assert_eq!(response.status, 200);
        assert_eq!(header(&response, "x-ratelimit-remaining"), Some(left.to_string().as_str()));
        assert_eq!(header(&response, "x-ratelimit-limit"), Some("5"));
    }
    world.now += 1500;
    let response = world.response("POST", &path, &text);
    assert_eq!(response.status, 429);
    assert_eq!(header(&response, "retry-after"), Some("4"));
    assert_eq!(header(&response, "x-ratelimit-reset-after"), Some("3.500"));
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!((&body["retry_after"], &body["global"]), (&json!(3.5), &json!(false)));
    world.now += 3500;
    assert_eq!(world.ask("POST", &path, &text).0, 200);
    assert_eq!(world.sim.told(world.scene.alice).len(), 6);
}

#[test]
fn limits_can_be_switched_off() {
    let mut world = World::new();
    world.sim.enforce_rate_limits(false);
    for _ in 0..200 {
        assert_eq!(world.get("users/@me").0, 200);
    }
}

#[test]
fn ten_thousand_invalid_requests_shut_the_address_out() {
    let mut world = World::new();
    world.sim.enforce_rate_limits(false);
    world.sim.application_mut().token_valid = false;
    for _ in 0..10_000 {
        assert_eq!(world.get("users/@me").0, 401);
    }
    world.sim.application_mut().token_valid = true;
    assert_eq!(world.ask("GET", "users/@me", &Value::Null), (429, Value::Null));
    world.now += 601_000;
    assert_eq!(world.get("users/@me").0, 200);
}

#[test]
fn another_version_of_the_api_is_refused() {
    let mut world = World::new();
    let mut request = request("GET", "gateway", Vec::new());
    request.path = "/api/v9/gateway".to_owned();
    let Outcome::Respond(response) = world.sim.handle(world.now, &request) else { panic!("not answered") };
    assert_eq!(response.status, 400);
}

#[test]
fn every_request_is_in_the_log() {
    let mut world = World::new();
    world.get("guilds/1?with_counts=true");
    world.ask("POST", "users/@me/channels", &json!({"recipient_id": "7"}));
    let log = world.sim.requests();
    assert_eq!((log[0].method.as_str(), log[0].path.as_str(), log[0].status), ("GET", "guilds/1", Some(404)));
    assert_eq!(log[0].query, [("with_counts".to_owned(), "true".to_owned())]);
    assert_eq!((&log[1].body, log[1].status), (&json!({"recipient_id": "7"}), Some(400)));
}
