use rolarr_sim::plex::{Face, MACHINE, OTHER_MACHINE};
use serde_json::json;

use crate::ask::Ask;

#[test]
fn v2_wants_a_client_identifier_first_of_all() {
    let mut ask = Ask::new();
    ask.token = String::new();
    let request = rolarr_sim::http::Request {
        method: "GET".to_owned(),
        path: "/api/v2/user".to_owned(),
        query: Vec::new(),
        headers: [("accept".to_owned(), "application/json".to_owned())].into(),
        body: Vec::new(),
    };
    let rolarr_sim::http::Outcome::Respond(answer) = ask.sim.handle(0, Face::PlexTv, &request) else {
        panic!("no answer")
    };
    assert_eq!(answer.status, 400);
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let message = "X-Plex-Client-Identifier is missing";
    assert_eq!(body, json!({"errors": [{"code": 1000, "message": message, "status": 400}]}));
}

#[test]
fn a_wrong_token_is_1001_in_both_forms() {
    let mut ask = Ask::new();
    ask.token = "nonsense".to_owned();
    let (status, body) = ask.json("GET", "/api/v2/user", None);
    assert_eq!((status, &body["errors"][0]["code"]), (401, &json!(1001)));
    let (status, body) = ask.xml("GET", "/api/v2/user", None);
    assert_eq!(status, 401);
    assert_eq!((body.name.as_str(), body.children[0].get("code")), ("errors", "1001"));
    let (status, body) = ask.xml("GET", "/api/users", None);
    assert_eq!((status, body.name.as_str(), body.get("code")), (401, "Response", "401"));
}

#[test]
fn a_revoked_token_stops_plex_tv_and_not_the_server() {
    let mut ask = Ask::new();
    ask.sim.set_token_valid(false);
    assert_eq!(ask.status("GET", "/api/v2/user", None), 401);
    assert_eq!(ask.status("GET", "/api/users", None), 401);
    ask.face = Face::Server;
    assert_eq!(ask.status("GET", "/library/sections", None), 200);
    ask.face = Face::PlexTv;
    ask.sim.set_token_valid(true);
    assert_eq!(ask.status("GET", "/api/v2/user", None), 200);
}

#[test]
fn the_account_says_whether_it_has_a_plex_pass() {
    let mut ask = Ask::new();
    for pass in [true, false] {
        ask.sim.world.plex_pass = pass;
        let (_, user) = ask.json("GET", "/api/v2/user", None);
        assert_eq!(user["subscription"]["active"], json!(pass));
        let (_, user) = ask.xml("GET", "/api/v2/user", None);
        let subscription = user.children.iter().find(|child| child.name == "subscription").unwrap();
        assert_eq!(subscription.get("active"), if pass { "1" } else { "0" });
        let roles = user.children.iter().find(|child| child.name == "roles").unwrap();
        assert_eq!(roles.children.iter().any(|role| role.get("id") == "plexpass"), pass);
    }
}

#[test]
fn a_ping_answers_in_both_forms() {
    let mut ask = Ask::new();
    assert_eq!(ask.json("GET", "/api/v2/ping", None), (200, json!({"pong": true})));
    assert_eq!(ask.xml("GET", "/api/v2/ping", None).1.name, "pong");
}

#[test]
fn owned_servers_are_found_with_their_own_tokens() {
    let mut ask = Ask::new();
    let (_, resources) = ask.json("GET", "/api/v2/resources?includeHttps=1", None);
    let found: Vec<_> = resources.as_array().unwrap().iter().collect();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0]["clientIdentifier"], json!(MACHINE));
    assert_eq!((&found[0]["provides"], &found[0]["owned"]), (&json!("server"), &json!(true)));
    assert_ne!(found[0]["accessToken"], found[1]["accessToken"]);
    assert_eq!(found[1]["clientIdentifier"], json!(OTHER_MACHINE));
}

#[test]
fn the_number_of_a_library_is_not_its_key() {
    let mut ask = Ask::new();
    let (_, v1) = ask.xml("GET", &format!("/api/servers/{MACHINE}"), None);
    let (_, v2) = ask.json("GET", &format!("/api/v2/servers/{MACHINE}"), None);
    let sections = &v1.children[0].children;
    let libraries = v2["librarySections"].as_array().unwrap();
    assert_eq!((sections.len(), libraries.len()), (4, 4));
    for (section, library) in sections.iter().zip(libraries) {
        assert_eq!(section.get("id"), library["id"].to_string());
        assert_eq!(section.get("id").len(), 9);
        assert_ne!(section.get("id"), section.get("key"));
        assert_eq!(section.get("title"), library["title"]);
    }
}

#[test]
fn the_list_of_libraries_can_be_incomplete_for_a_moment() {
    let mut ask = Ask::new();
    ask.sim.world.quirks.sections_shown = Some(1);
    let (_, v1) = ask.xml("GET", &format!("/api/servers/{MACHINE}"), None);
    let (_, v2) = ask.json("GET", &format!("/api/v2/servers/{MACHINE}"), None);
    assert_eq!(v1.children[0].children.len(), 1);
    assert_eq!(v2["librarySections"].as_array().unwrap().len(), 1);
}

#[test]
fn another_persons_token_sees_nothing_of_the_owners() {
    let mut ask = Ask::new();
    ask.token = ask.sim.account("ann").unwrap().token.clone();
    assert_eq!(ask.json("GET", "/api/v2/user", None).1["username"], json!("ann"));
    for (method, target) in [
        ("GET", "/api/users".to_owned()),
        ("GET", format!("/api/servers/{MACHINE}")),
        ("GET", format!("/api/v2/servers/{MACHINE}")),
        ("GET", "/api/v2/shared_servers/owned/accepted".to_owned()),
        ("DELETE", "/api/v2/sharings/1".to_owned()),
    ] {
        assert_eq!(ask.status(method, &target, None), 404, "{method} {target}");
    }
}

#[test]
fn removed_routes_are_gone_in_v1s_words() {
    let mut ask = Ask::new();
    for (method, target) in [
        ("GET", "/api/friends"),
        ("PUT", "/api/friends/1"),
        ("DELETE", "/api/friends/1"),
        ("GET", "/api/v2/friends"),
        ("POST", "/api/v2/friends/invite"),
        ("GET", "/api/invites/requests"),
        ("PUT", "/api/invites/requests/1"),
    ] {
        let (status, body) = ask.xml(method, target, None);
        assert_eq!(status, 410, "{method} {target}");
        assert_eq!(body.get("status"), "This endpoint was deprecated and removed");
    }
}

#[test]
fn both_addresses_serve_the_same_routes() {
    let mut ask = Ask::new();
    ask.face = Face::Clients;
    assert_eq!(ask.status("GET", "/api/users/", None), 200);
    assert_eq!(ask.status("GET", "/api/v2/user", None), 200);
    assert_eq!(ask.sim.requests.iter().filter(|request| request.face == Face::Clients).count(), 2);
}
