use rolarr_sim::plex::{Invitee, Libraries, MACHINE, OTHER_MACHINE};
use serde_json::{Value, json};

use crate::ask::{Ask, NOW};

fn v1_target() -> String {
    format!("/api/servers/{MACHINE}/shared_servers")
}

fn v1_body(libraries: &[u64], email: &str) -> Value {
    json!({
        "server_id": MACHINE,
        "shared_server": {"library_section_ids": libraries, "invited_email": email},
        "sharing_settings": {"allowSync": "0", "filterMovies": "", "filterTelevision": ""},
    })
}

fn v2_body(libraries: &[u64], email: &str) -> Value {
    json!({
        "machineIdentifier": MACHINE,
        "librarySectionIds": libraries,
        "invitedEmail": email,
        "settings": {},
    })
}

fn invite(ask: &mut Ask, email: &str) {
    let body = v1_body(&[ask.library("Movies")], email);
    assert_eq!(ask.xml("POST", &v1_target(), Some(body)).0, 200);
}

#[test]
fn an_invited_person_is_no_user_until_they_accept() {
    let mut ask = Ask::new();
    invite(&mut ask, "Ann@Example.org");
    assert!(ask.user("ann").is_none());
    let (_, list) = ask.xml("GET", "/api/invites/requested", None);
    let sent = &list.children[0];
    assert_eq!(sent.get("id"), ask.id("ann").to_string());
    assert_eq!((sent.get("friend"), sent.get("home"), sent.get("server")), ("1", "0", "1"));
    assert_eq!((sent.get("username"), sent.get("email")), ("ann", "ann@example.org"));
    assert_eq!(sent.get("createdAt"), (NOW / 1000).to_string());
    let server = &sent.children[0];
    assert_eq!((server.get("name"), server.get("numLibraries")), ("Attic", "1"));

    let pending = ask.json("GET", "/api/v2/shared_servers/owned/pending", None).1;
    assert_eq!(pending[0]["accepted"], json!(false));
    assert_eq!(pending[0]["invitedEmail"], json!("Ann@Example.org"));
    let share = pending[0]["id"].as_u64().unwrap();

    ask.sim.person_accepts(NOW + 5, "ann").unwrap();
    let user = ask.user("ann").unwrap();
    assert_eq!(user.children[0].get("id"), share.to_string());
    assert_eq!((user.children[0].get("pending"), user.children[0].get("allLibraries")), ("0", "0"));
    assert!(ask.sim.invites().is_empty());
    let accepted = ask.json("GET", "/api/v2/shared_servers/owned/accepted", None).1;
    assert_eq!((accepted[0]["id"].as_u64(), &accepted[0]["accepted"]), (Some(share), &json!(true)));
    assert_eq!(accepted[0]["invited"]["id"], accepted[0]["invitedId"]);
    assert_eq!(ask.json("GET", "/api/v2/shared_servers/owned/pending", None).1, json!([]));
}

#[test]
fn a_username_invites_too() {
    let mut ask = Ask::new();
    invite(&mut ask, "BEN");
    assert!(ask.sim.share_of("ben@example.org").is_some());
}

#[test]
fn an_address_without_an_account_is_the_invites_id() {
    let mut ask = Ask::new();
    invite(&mut ask, "New.Person@example.org");
    let (_, list) = ask.xml("GET", "/api/invites/requested", None);
    assert_eq!(list.children[0].get("id"), "New.Person@example.org");
    assert_eq!(list.children[0].get("username"), "");
    let pending = ask.json("GET", "/api/v2/shared_servers/owned/pending", None).1;
    assert_eq!((&pending[0]["invitedId"], &pending[0]["invited"]), (&Value::Null, &Value::Null));
    let target = "/api/invites/requested/new.person%40example.org?friend=1&home=0&server=1";
    assert_eq!(ask.status("DELETE", target, None), 200);
    assert!(ask.sim.invites().is_empty());
}

#[test]
fn the_second_invite_is_refused_with_the_persons_name() {
    let mut ask = Ask::new();
    let movies = ask.library("Movies");
    let text = "You're already sharing this server with Ben B.. Please edit your existing share.";
    invite(&mut ask, "ben@example.org");
    for accepted in [false, true] {
        if accepted {
            ask.sim.person_accepts(NOW, "ben").unwrap();
        }
        for name in ["ben@example.org", "ben", "BEN@EXAMPLE.ORG"] {
            let (status, body) = ask.xml("POST", &v1_target(), Some(v1_body(&[movies], name)));
            assert_eq!((status, body.get("code"), body.get("status")), (400, "400", text));
            let (status, body) = ask.json("POST", "/api/v2/shared_servers", Some(v2_body(&[movies], name)));
            let error = json!({"code": 1999, "message": text, "status": 400, "field": "base"});
            assert_eq!((status, &body["errors"][0]), (422, &error));
        }
    }
}

#[test]
fn an_unregistered_address_is_refused_twice_whatever_its_case() {
    let mut ask = Ask::new();
    invite(&mut ask, "new@example.org");
    let body = v1_body(&[], "NEW@example.org");
    assert_eq!(ask.xml("POST", &v1_target(), Some(body)).0, 400);
}

#[test]
fn nobody_can_be_invited_by_a_name_that_is_nobodys() {
    let mut ask = Ask::new();
    for name in ["", " ", "nobody", "@example.org", "a@b", "a b@example.org", "a@b@c.org", "owner"] {
        let (status, body) = ask.xml("POST", &v1_target(), Some(v1_body(&[], name)));
        assert_eq!(status, 400, "{name}");
        assert_eq!(body.get("status"), "The username or email entered appears to be invalid.");
        assert_eq!(ask.status("POST", "/api/v2/shared_servers", Some(v2_body(&[], name))), 404);
    }
    assert_eq!(ask.xml("POST", &v1_target(), Some(v1_body(&[], "owner@example.org"))).0, 400);
    assert!(ask.sim.world.shares.is_empty() && ask.sim.invites().is_empty());
}

#[test]
fn no_libraries_are_all_libraries() {
    let mut ask = Ask::new();
    assert_eq!(ask.xml("POST", &v1_target(), Some(v1_body(&[], "ann@example.org"))).0, 200);
    assert_eq!(ask.json("POST", "/api/v2/shared_servers", Some(v2_body(&[], "ben"))).0, 201);
    for who in ["ann", "ben"] {
        assert_eq!(ask.sim.share_of(who).unwrap().libraries, Libraries::All);
    }
}

#[test]
fn the_servers_own_keys_share_nothing_in_v1_and_are_unknown_in_v2() {
    let mut ask = Ask::new();
    assert_eq!(ask.xml("POST", &v1_target(), Some(v1_body(&[1, 2], "ann"))).0, 200);
    assert_eq!(ask.sim.share_of("ann").unwrap().libraries, Libraries::These([].into()));
    let (status, body) = ask.json("POST", "/api/v2/shared_servers", Some(v2_body(&[1, 2], "ben")));
    assert_eq!((status, &body["errors"][0]["code"]), (404, &json!(1002)));
    assert!(ask.sim.share_of("ben").is_none());
}

#[test]
fn v2_answers_with_the_share_and_refuses_to_list() {
    let mut ask = Ask::new();
    let movies = ask.library("Movies");
    let (status, share) = ask.json("POST", "/api/v2/shared_servers", Some(v2_body(&[movies], "ann")));
    assert_eq!(status, 201);
    assert_eq!(share["libraries"], json!([{"id": movies, "key": 1, "title": "Movies", "type": "movie"}]));
    assert_eq!(share["machineIdentifier"], json!(MACHINE));
    assert_eq!(share["sharingSettings"]["filterPhotos"], Value::Null);
    let outcome = ask.outcome("GET", "/api/v2/shared_servers", None, true);
    let rolarr_sim::http::Outcome::Respond(answer) = outcome else { panic!("no answer") };
    assert_eq!(answer.status, 405);
    assert_eq!(answer.headers, [("allow".to_owned(), "OPTIONS, POST".to_owned())]);
}

#[test]
fn an_invite_can_be_born_restricted() {
    let mut ask = Ask::new();
    let mut body = v1_body(&[], "ann@example.org");
    body["sharing_settings"]["filterMovies"] = json!("label=noAccess");
    ask.xml("POST", &v1_target(), Some(body));
    let ann = ask.sim.person_accepts(NOW, "ann").unwrap();
    assert_eq!(ask.user("ann").unwrap().get("filterMovies"), "label=noAccess");
    assert_eq!(ask.sim.visible_items(ann), ["Harbour", "Summer", "The Sines"]);
}

#[test]
fn a_cancelled_invite_can_leave_its_share() {
    for leaves in [false, true] {
        let mut ask = Ask::new();
        ask.sim.world.quirks.cancel_leaves_share = leaves;
        invite(&mut ask, "ann@example.org");
        let target = format!("/api/invites/requested/{}?friend=0&home=0&server=1", ask.id("ann"));
        assert_eq!(ask.status("DELETE", &target, None), 200);
        assert_eq!(ask.status("DELETE", &target, None), 404);
        assert!(ask.sim.invites().is_empty());
        let again = v1_body(&[], "ann@example.org");
        if leaves {
            assert_eq!(ask.xml("POST", &v1_target(), Some(again.clone())).0, 400);
            let share = ask.sim.share_of("ann").unwrap().id;
            assert_eq!(ask.status("DELETE", &format!("{}/{share}", v1_target()), None), 200);
        }
        assert_eq!(ask.xml("POST", &v1_target(), Some(again)).0, 200);
    }
}

#[test]
fn a_cancellation_names_what_it_cancels() {
    let mut ask = Ask::new();
    invite(&mut ask, "ann@example.org");
    let target = format!("/api/invites/requested/{}", ask.id("ann"));
    assert_eq!(ask.status("DELETE", &target, None), 400);
    assert_eq!(ask.status("DELETE", &format!("{target}?friend=1&home=0&server=0"), None), 200);
    assert_eq!(ask.sim.invites().len(), 1);
    assert!(!ask.sim.invites()[0].friend);
}

#[test]
fn a_friend_must_accept_another_server_and_shows_it_as_pending() {
    let mut ask = Ask::new();
    let (ann, _) = ask.friend("ann");
    let target = format!("/api/servers/{OTHER_MACHINE}/shared_servers");
    let body = json!({"shared_server": {"library_section_ids": [], "invited_id": ann}});
    assert_eq!(ask.xml("POST", &target, Some(body)).0, 200);
    let pending = |ask: &mut Ask| -> Vec<String> {
        let user = ask.user("ann").unwrap();
        user.children.iter().map(|server| server.get("pending").to_owned()).collect()
    };
    assert_eq!(pending(&mut ask), ["0", "1"]);
    assert_eq!(ask.xml("GET", "/api/invites/requested", None).1.children[0].get("friend"), "0");
    ask.sim.person_accepts(NOW, "ann").unwrap();
    assert_eq!(pending(&mut ask), ["0", "0"]);
}

#[test]
fn a_friend_need_not_accept_if_plex_is_so_inclined() {
    let mut ask = Ask::new();
    ask.sim.world.quirks.friends_need_not_accept = true;
    let (ann, share) = ask.friend("ann");
    assert_eq!(ask.status("DELETE", &format!("{}/{share}", v1_target()), None), 200);
    let body = json!({"shared_server": {"library_section_ids": [], "invited_id": ann}});
    assert_eq!(ask.xml("POST", &v1_target(), Some(body)).0, 200);
    assert_eq!(ask.user("ann").unwrap().children[0].get("pending"), "0");
}

#[test]
fn a_number_that_is_no_friends_is_not_found() {
    let mut ask = Ask::new();
    for number in [1, ask.id("ann")] {
        let body = json!({"shared_server": {"library_section_ids": [], "invited_id": number}});
        assert_eq!(ask.xml("POST", &v1_target(), Some(body)).0, 404);
    }
}

#[test]
fn a_declined_invite_is_gone_with_its_share() {
    let mut ask = Ask::new();
    invite(&mut ask, "ann@example.org");
    ask.sim.person_declines("ann@example.org").unwrap();
    assert!(ask.sim.invites().is_empty() && ask.sim.share_of("ann").is_none());
    assert!(ask.user("ann").is_none());
    assert!(ask.sim.person_accepts(NOW, "ann").is_err());
}

#[test]
fn the_account_that_accepts_may_be_another() {
    let mut ask = Ask::new();
    invite(&mut ask, "ann.work@example.org");
    let share = ask.sim.share_of("ann.work@example.org").unwrap().id;
    let cleo = ask.id("cleo");
    ask.sim.person_accepts_as(NOW, "ann.work@example.org", cleo).unwrap();
    let user = ask.user("cleo").unwrap();
    assert_eq!((user.get("email"), user.children[0].get("id")), ("cleo@example.org", &*share.to_string()));
    let accepted = ask.json("GET", "/api/v2/shared_servers/owned/accepted", None).1;
    assert_eq!((&accepted[0]["invitedId"], &accepted[0]["invitedEmail"]), (&json!(cleo), &Value::Null));
    assert!(ask.sim.account("ann.work@example.org").is_none());
}

#[test]
fn a_new_person_gets_an_account_by_accepting() {
    let mut ask = Ask::new();
    invite(&mut ask, "new@example.org");
    let id = ask.sim.person_accepts(NOW, "new@example.org").unwrap();
    assert_eq!(ask.sim.share_of("new@example.org").unwrap().with, Invitee::Account(id));
    assert_eq!(ask.user("new").unwrap().get("email"), "new@example.org");
}

#[test]
fn an_account_can_not_accept_a_server_that_it_has() {
    let mut ask = Ask::new();
    let (ann, _) = ask.friend("ann");
    invite(&mut ask, "ann.work@example.org");
    assert!(ask.sim.person_accepts_as(NOW, "ann.work@example.org", ann).is_err());
    assert_eq!(ask.sim.invites().len(), 1);
}

#[test]
fn the_invited_person_accepts_over_the_wire() {
    let mut ask = Ask::new();
    invite(&mut ask, "ann@example.org");
    let share = ask.sim.share_of("ann").unwrap().id;
    let accept = format!("/api/v2/shared_servers/{share}/accept");
    assert_eq!(ask.status("POST", &accept, None), 404);
    ask.token = ask.sim.account("ben").unwrap().token.clone();
    assert_eq!(ask.status("POST", &accept, None), 404);
    ask.token = ask.sim.account("ann").unwrap().token.clone();
    let received = ask.json("GET", "/api/v2/shared_servers/invites/received/pending", None).1;
    assert_eq!(received[0]["id"], json!(share));
    assert_eq!(ask.status("POST", &accept, None), 200);
    assert!(ask.sim.friend(ask.id("ann")).is_some());
}

#[test]
fn more_friends_than_allowed_are_refused() {
    let mut ask = Ask::new();
    ask.sim.world.quirks.friend_limit = Some(1);
    invite(&mut ask, "ann@example.org");
    let (status, _) = ask.xml("POST", &v1_target(), Some(v1_body(&[], "ben@example.org")));
    assert_eq!(status, 400);
    assert_eq!(ask.status("POST", "/api/v2/shared_servers", Some(v2_body(&[], "ben"))), 422);
}
