use rolarr_sim::{
    http::Outcome,
    plex::{Effect, Face, Fault, MACHINE},
};
use serde_json::{Value, json};

use crate::ask::Ask;

fn restrict(ann: u64) -> String {
    format!("/api/users/{ann}?filterMovies=label=noAccess")
}

fn with(effect: Effect) -> (Ask, u64) {
    let mut ask = Ask::new();
    let (ann, _) = ask.friend("ann");
    ask.sim.fault(Fault::on("PUT", "/api/users/{id}", effect));
    (ask, ann)
}

#[test]
fn a_status_comes_instead_of_the_effect() {
    let (mut ask, ann) = with(Effect::Status { status: 429, retry_after: Some(7) });
    let Outcome::Respond(answer) = ask.outcome("PUT", &restrict(ann), None, false) else {
        panic!("no answer")
    };
    assert_eq!(answer.status, 429);
    assert!(answer.headers.contains(&("retry-after".to_owned(), "7".to_owned())));
    assert!(ask.sim.filters(ann).is_empty());
}

#[test]
fn a_status_can_come_with_the_effect() {
    let (mut ask, ann) = with(Effect::AppliedBut { status: 404 });
    assert_eq!(ask.status("PUT", &restrict(ann), None), 404);
    assert_eq!(ask.sim.filters(ann).len(), 1);
}

#[test]
fn a_request_can_get_no_answer_before_or_after_its_effect() {
    for applied in [false, true] {
        let (mut ask, ann) = with(Effect::Hang { applied });
        assert_eq!(ask.outcome("PUT", &restrict(ann), None, false), Outcome::Hang);
        assert_eq!(ask.sim.filters(ann).is_empty(), !applied);
        let (mut ask, ann) = with(Effect::Drop { applied });
        assert_eq!(ask.outcome("PUT", &restrict(ann), None, false), Outcome::Drop);
        assert_eq!(ask.sim.filters(ann).is_empty(), !applied);
        assert_eq!(ask.sim.requests.last().unwrap().status, None);
    }
}

#[test]
fn a_write_can_be_answered_and_not_taken() {
    let (mut ask, ann) = with(Effect::NotTaken);
    assert_eq!(ask.status("PUT", &restrict(ann), None), 200);
    assert!(ask.sim.filters(ann).is_empty());
}

#[test]
fn a_body_can_be_garbage_or_half_or_missing() {
    for effect in [Effect::Garbage, Effect::Truncated, Effect::EmptyBody] {
        let mut ask = Ask::new();
        let whole = ask.outcome("GET", &format!("/api/v2/servers/{MACHINE}"), None, true);
        ask.sim.fault(Fault::on("GET", "/api/v2/servers/{machine}", effect.clone()));
        let broken = ask.outcome("GET", &format!("/api/v2/servers/{MACHINE}"), None, true);
        let (Outcome::Respond(whole), Outcome::Respond(broken)) = (whole, broken) else {
            panic!("no answer")
        };
        assert_eq!(broken.status, 200);
        assert!(serde_json::from_slice::<Value>(&whole.body).is_ok());
        assert!(serde_json::from_slice::<Value>(&broken.body).is_err(), "{effect:?}");
    }
}

#[test]
fn a_read_can_be_older_than_the_last_write() {
    let mut ask = Ask::new();
    let (ann, _) = ask.friend("ann");
    ask.sim.fault(Fault::on("GET", "/api/users", Effect::Stale).times(2));
    let filter = |ask: &mut Ask| ask.user("ann").unwrap().get("filterMovies").to_owned();
    assert_eq!(ask.status("PUT", &restrict(ann), None), 200);
    assert_eq!(filter(&mut ask), "");
    assert_eq!(filter(&mut ask), "");
    assert_eq!(filter(&mut ask), "label=noAccess");
}

#[test]
fn plex_says_what_it_is_told_to_say() {
    let body = "<Response code=\"422\" status=\"Invalid token\"/>".to_owned();
    let (mut ask, ann) = with(Effect::Says { status: 422, body: body.clone() });
    let Outcome::Respond(answer) = ask.outcome("PUT", &restrict(ann), None, false) else {
        panic!("no answer")
    };
    assert_eq!((answer.status, answer.body), (422, body.into_bytes()));
}

#[test]
fn a_rule_can_wait_and_can_end() {
    let mut ask = Ask::new();
    let refusal = Effect::Status { status: 500, retry_after: None };
    ask.sim.fault(Fault::on("*", "/api/*", refusal).after(1).times(2));
    let seen: Vec<u16> = (0..5).map(|_| ask.status("GET", "/api/users", None)).collect();
    assert_eq!(seen, [200, 500, 500, 200, 200]);
}

#[test]
fn a_rule_can_be_for_one_address() {
    let mut ask = Ask::new();
    let refusal = Effect::Status { status: 503, retry_after: None };
    ask.sim.fault(Fault::on("GET", "/*", refusal).at(Face::Clients));
    assert_eq!(ask.status("GET", "/api/users", None), 200);
    ask.face = Face::Clients;
    assert_eq!(ask.status("GET", "/api/users", None), 503);
    ask.sim.clear_faults();
    assert_eq!(ask.status("GET", "/api/users", None), 200);
}

#[test]
fn a_route_matches_whole_segments() {
    let mut ask = Ask::new();
    let (ann, share) = ask.friend("ann");
    let refusal = Effect::Status { status: 500, retry_after: None };
    ask.sim.fault(Fault::on("DELETE", "/api/servers/{machine}/shared_servers/{share}", refusal));
    assert_eq!(ask.status("DELETE", &format!("/api/v2/shared_servers/{share}x"), None), 404);
    assert_eq!(ask.status("PUT", &restrict(ann), None), 200);
    assert_eq!(ask.status("DELETE", &format!("/api/servers/{MACHINE}/shared_servers/{share}"), None), 500);
}

#[test]
fn every_request_is_recorded_without_secrets() {
    let mut ask = Ask::new();
    let (ann, _) = ask.friend("ann");
    ask.status("GET", "/api/users?X-Plex-Token=secret", None);
    ask.status("PUT", &restrict(ann), None);
    let body = json!({"invitedId": ann, "settings": {}});
    ask.status("POST", "/api/v2/sharing_settings", Some(body.clone()));
    assert_eq!(ask.sim.requests.len(), 3);
    assert!(ask.sim.requests[0].query.is_empty());
    let writes = ask.sim.writes();
    assert_eq!(writes.len(), 2);
    assert_eq!((writes[0].method.as_str(), writes[0].status), ("PUT", Some(200)));
    assert_eq!(writes[0].query, [("filterMovies".to_owned(), "label=noAccess".to_owned())]);
    assert_eq!(writes[1].body, body.to_string());
}
