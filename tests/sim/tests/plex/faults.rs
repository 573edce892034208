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

/// Ann's filter for movies, as the list of friends shows it.
fn shown(ask: &mut Ask) -> String {
    ask.user("ann").unwrap().get("filterMovies").to_owned()
}

#[test]
fn a_write_can_have_its_effect_after_it_was_given_up() {
    let (mut ask, ann) = with(Effect::Late { after_ms: 40_000 });
    let asked = ask.now;
    assert_eq!(ask.outcome("PUT", &restrict(ann), None, false), Outcome::Hang);
    assert_eq!((shown(&mut ask).as_str(), ask.sim.late()), ("", 1));
    ask.sim.clear_faults();
    ask.now += 39_999;
    assert_eq!(shown(&mut ask), "");
    ask.now += 1;
    assert_eq!((shown(&mut ask).as_str(), ask.sim.late()), ("label=noAccess", 0));
    assert_eq!(ask.sim.sight_changes[0].at_ms, ask.now);
    assert_eq!(ask.sim.sight_changes[0].asked_ms, asked);
}

#[test]
fn late_writes_have_their_effects_in_their_order() {
    let (mut ask, ann) = with(Effect::Late { after_ms: 40_000 });
    assert_eq!(ask.outcome("PUT", &restrict(ann), None, false), Outcome::Hang);
    ask.now += 10;
    let lift = format!("/api/users/{ann}?filterMovies=");
    assert_eq!(ask.outcome("PUT", &lift, None, false), Outcome::Hang);
    ask.sim.pass(ask.now + 39_995);
    assert_eq!(ask.sim.filters(ann).len(), 1);
    ask.sim.pass(ask.now + 40_000);
    assert!(ask.sim.filters(ann).is_empty());
}

#[test]
fn a_page_of_a_proxy_comes_with_any_status_and_with_or_without_effect() {
    for status in [200, 403, 404, 422, 502] {
        for applied in [false, true] {
            let (mut ask, ann) = with(Effect::Page { status, applied });
            let Outcome::Respond(answer) = ask.outcome("PUT", &restrict(ann), None, false) else {
                panic!("no answer")
            };
            assert_eq!(answer.status, status);
            assert!(String::from_utf8(answer.body).unwrap().starts_with("<!DOCTYPE html>"));
            assert_eq!(ask.sim.filters(ann).is_empty(), !applied);
        }
    }
}

#[test]
fn a_list_can_be_gone_for_good() {
    let mut ask = Ask::new();
    ask.sim.fault(Fault::on("GET", "/api/invites/requested", Effect::Gone).for_good());
    assert_eq!(ask.status("GET", "/api/invites/requested", None), 410);
    ask.sim.clear_faults();
    assert_eq!(ask.status("GET", "/api/invites/requested", None), 410);
    assert_eq!(ask.status("GET", "/api/users", None), 200);
}

#[test]
fn a_write_can_show_some_seconds_later() {
    let mut ask = Ask::new();
    let (ann, _) = ask.friend("ann");
    ask.sim.fault(Fault::on("GET", "/api/users", Effect::Lagging { seconds: 3 }));
    ask.status("PUT", &restrict(ann), None);
    ask.now += 2_000;
    let lift = format!("/api/users/{ann}?filterMovies=");
    ask.status("PUT", &lift, None);
    assert_eq!(shown(&mut ask), "");
    ask.now += 1_000;
    assert_eq!(shown(&mut ask), "label=noAccess", "the first shows, and the second does not");
    ask.now += 2_000;
    assert_eq!(shown(&mut ask), "");
}

#[test]
fn reads_can_alternate_between_new_and_old() {
    for old_first in [false, true] {
        let mut ask = Ask::new();
        let (ann, _) = ask.friend("ann");
        ask.sim.fault(Fault::on("GET", "/api/users", Effect::Alternating { seconds: 3, old_first }));
        ask.status("PUT", &restrict(ann), None);
        let seen: Vec<bool> = (0..4).map(|_| shown(&mut ask).is_empty()).collect();
        assert_eq!(seen, [old_first, !old_first, old_first, !old_first]);
        ask.now += 3_000;
        let seen: Vec<bool> = (0..4).map(|_| shown(&mut ask).is_empty()).collect();
        assert_eq!(seen, [false; 4]);
    }
}

#[test]
fn a_rule_can_end_at_a_time() {
    let mut ask = Ask::new();
    let refusal = Effect::Status { status: 500, retry_after: None };
    ask.sim.fault(Fault::on("*", "/api/*", refusal).until(ask.now + 10));
    assert_eq!(ask.status("GET", "/api/users", None), 500);
    ask.now += 11;
    assert_eq!(ask.status("GET", "/api/users", None), 200);
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
