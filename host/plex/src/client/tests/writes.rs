use std::time::Duration;

use serde_json::json;

use super::script::{Script, busy, refuses, says};
use crate::{Field, FieldValue, Invite, Invitee, Names, NewShare, PlexError, Sections, TransportError};
use rolarr_domain::{Email, MachineId, PlexAccountId, SectionId, ShareId};

const POST: &str = "POST plex.tv /api/servers/abc/shared_servers";

fn share() -> NewShare {
    NewShare {
        machine: MachineId("abc".into()),
        sections: Sections::new(vec![SectionId(900_000_002), SectionId(900_000_001)]).unwrap(),
        to: Invitee::Address(Email::parse("zoe@example.org").unwrap()),
        settings: [].into(),
    }
}

fn invite(id: &str) -> Invite {
    let names = Names { email: "zoe@example.org".into(), ..Names::default() };
    Invite { id: id.into(), names, friend: false, home: false, server: true, servers: vec!["Box".into()] }
}

#[tokio::test]
async fn an_invitation_has_the_shape_that_python_plexapi_gives_it() {
    let script = Script::new([(POST, says(200, "<whatever"))]);
    script.plex().invite(&share()).await.unwrap();
    let expected = json!({
        "server_id": "abc",
        "shared_server": {"library_section_ids": [900_000_001, 900_000_002], "invited_email": "zoe@example.org"},
        "sharing_settings": {"allowSync": "0", "allowCameraUpload": "0", "allowChannels": "0",
                             "filterMovies": "", "filterTelevision": "", "filterMusic": ""},
    });
    assert_eq!(script.bodies(), [expected]);
}

#[tokio::test]
async fn somebody_can_be_invited_restricted() {
    let script = Script::new([(POST, says(201, ""))]);
    let filter = FieldValue("label=noAccess".into());
    let settings = [Field::Movies, Field::Photos].map(|field| (field, filter.clone()));
    let settings = settings.into_iter().chain([(Field::Downloads, FieldValue("1".into()))]).collect();
    script.plex().invite(&NewShare { settings, ..share() }).await.unwrap();
    let expected = json!({"allowSync": "1", "allowCameraUpload": "0", "allowChannels": "0",
        "filterMovies": "label=noAccess", "filterTelevision": "", "filterMusic": "", "filterPhotos": "label=noAccess"});
    assert_eq!(script.bodies()[0]["sharing_settings"], expected);
}

#[tokio::test]
async fn inviting_a_friend_again_leaves_what_is_set_for_them() {
    let script = Script::new([(POST, says(200, ""))]);
    let to = Invitee::Account(PlexAccountId(123));
    script.plex().invite(&NewShare { to, ..share() }).await.unwrap();
    let shared = json!({"library_section_ids": [900_000_001, 900_000_002], "invited_id": 123});
    assert_eq!(script.bodies(), [json!({"server_id": "abc", "shared_server": shared})]);
}

#[tokio::test]
async fn already_sharing_is_a_state_and_names_nobody() {
    let v1 = "You're already sharing this server with Zoe Q. Please edit your existing share.";
    let v2 = r#"{"errors":[{"code":1999,"message":"Server has already been taken: already shared"}]}"#;
    for answer in [refuses(400, v1), says(422, v2)] {
        let error = Script::new([(POST, answer)]).plex().invite(&share()).await.unwrap_err();
        assert_eq!(error, PlexError::AlreadyShared);
        assert!(!format!("{error} {error:?}").contains("Zoe"));
    }
}

#[tokio::test]
async fn a_refusal_says_why_and_not_of_whom() {
    let words = "The username or email entered appears to be invalid.";
    for status in [400, 404] {
        let error = Script::new([(POST, refuses(status, words))]).plex().invite(&share()).await.unwrap_err();
        assert_eq!(error, PlexError::InvalidAddress);
    }
    let error = Script::new([(POST, says(404, ""))]).plex().invite(&share()).await.unwrap_err();
    assert_eq!(error, PlexError::NotFound);

    let users = r#"<MediaContainer size="1"><User id="1" title="Zoe Quux" username="zq"/></MediaContainer>"#;
    let words = "zoe@example.org, also ZQ or Zoe Quux or zoe%40example.org, is blocked";
    let script = Script::new([("GET plex.tv /api/users/", says(200, users)), (POST, refuses(403, words))]);
    let plex = script.plex();
    plex.users().await.unwrap();
    let error = plex.invite(&share()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Plex refuses (status 403): (someone) also (someone) or (someone) or (someone) is blocked"
    );
    assert!(!format!("{error:?}").to_lowercase().contains("zoe"));
}

#[tokio::test]
async fn statuses_mean_what_they_mean_everywhere() {
    let unavailable = |maybe_applied| move |error: &PlexError| matches!(error, PlexError::Unavailable { maybe_applied: maybe, .. } if *maybe == maybe_applied);
    let wait = |seconds: Option<u64>| {
        move |error: &PlexError| {
            *error == PlexError::RateLimited { retry_after: seconds.map(Duration::from_secs) }
        }
    };
    let unauthorized = |error: &PlexError| *error == PlexError::Unauthorized;
    let foreign = |status| move |error: &PlexError| *error == PlexError::NotPlex { status };
    let refused = |status| move |error: &PlexError| matches!(error, PlexError::Refused { status: s, .. } if *s == status);
    type Check = Box<dyn Fn(&PlexError) -> bool>;
    // The answer, and what it means for a list and for a write: a list that is refused says nothing of anybody.
    let cases: Vec<(_, Check, Check)> = vec![
        (refuses(401, "Invalid authentication token."), Box::new(unauthorized), Box::new(unauthorized)),
        (refuses(422, "Invalid token"), Box::new(unauthorized), Box::new(unauthorized)),
        (says(422, PLAIN), Box::new(unauthorized), Box::new(unauthorized)),
        (refuses(422, "No"), Box::new(unavailable(false)), Box::new(refused(422))),
        (refuses(410, "Gone"), Box::new(unavailable(false)), Box::new(refused(410))),
        (says(405, "<html>"), Box::new(unavailable(false)), Box::new(foreign(405))),
        (says(403, ""), Box::new(unavailable(false)), Box::new(foreign(403))),
        (says(451, r#"{"status":"blocked"}"#), Box::new(unavailable(false)), Box::new(foreign(451))),
        (says(407, "Proxy login"), Box::new(unavailable(false)), Box::new(foreign(407))),
        (busy(None), Box::new(wait(None)), Box::new(wait(None))),
        (busy(Some(5)), Box::new(wait(Some(5))), Box::new(wait(Some(5)))),
        (busy(Some(86_400)), Box::new(wait(Some(3_600))), Box::new(wait(Some(3_600)))),
        (says(500, "x"), Box::new(unavailable(false)), Box::new(unavailable(true))),
        (says(503, ""), Box::new(unavailable(false)), Box::new(unavailable(true))),
        (says(408, ""), Box::new(unavailable(false)), Box::new(unavailable(true))),
        (says(302, ""), Box::new(unavailable(false)), Box::new(unavailable(false))),
        (Err(TransportError::NotSent), Box::new(unavailable(false)), Box::new(unavailable(false))),
        (Err(TransportError::NoAnswer("x")), Box::new(unavailable(false)), Box::new(unavailable(true))),
        (Err(TransportError::TooLong), Box::new(unavailable(false)), Box::new(unavailable(true))),
    ];
    for (answer, read, write) in cases {
        let error =
            Script::new([("GET plex.tv /api/users/", answer.clone())]).plex().users().await.unwrap_err();
        assert!(read(&error), "{error:?}");
        let error = Script::new([(POST, answer)]).plex().invite(&share()).await.unwrap_err();
        assert!(write(&error), "{error:?}");
    }
}

const OWNER: &str = "GET plex.tv /api/v2/user";

/// As plex.tv's first API says it.
const PLAIN: &str =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<errors>\n  <error>Invalid token</error>\n</errors>";

/// As plex.tv's second API says it.
const TOKEN: &str = r#"{"errors":[{"code":1001,"message":"User could not be authenticated","status":401}]}"#;

/// Answers with 401 that are not in plex.tv's own form.
const UNCLEAR: [&str; 4] =
    ["", "<html><body>Log in</body></html>", r#"{"error":"unauthorized"}"#, r#"{"message":"No"}"#];

#[tokio::test]
async fn an_unclear_401_is_an_outage_while_the_owners_account_answers_otherwise() {
    for body in UNCLEAR {
        for owner in [
            says(200, r#"{"id":1}"#),
            says(401, ""),
            says(401, "<html>"),
            says(503, ""),
            Err(TransportError::NotSent),
        ] {
            let script = Script::new([("GET plex.tv /api/users/", says(401, body)), (OWNER, owner.clone())]);
            let error = script.plex().users().await.unwrap_err();
            assert!(matches!(error, PlexError::Unavailable { maybe_applied: false, .. }), "{body} {error:?}");
            script.done();
            let script = Script::new([(POST, says(401, body)), (OWNER, owner)]);
            let error = script.plex().invite(&share()).await.unwrap_err();
            assert_eq!(error, PlexError::NotPlex { status: 401 }, "{body}");
            script.done();
        }
    }
}

#[tokio::test]
async fn an_unclear_401_is_a_refused_token_if_the_owners_account_is_refused_in_plex_tvs_form() {
    for body in UNCLEAR {
        let refused = || says(401, TOKEN);
        let script = Script::new([("GET plex.tv /api/users/", says(401, body)), (OWNER, refused())]);
        assert_eq!(script.plex().users().await, Err(PlexError::Unauthorized), "{body}");
        let script = Script::new([(POST, says(401, body)), (OWNER, refused())]);
        assert_eq!(script.plex().invite(&share()).await, Err(PlexError::Unauthorized), "{body}");
        script.done();
    }
}

#[tokio::test]
async fn the_owners_account_is_asked_once_whatever_it_answers() {
    for body in UNCLEAR {
        let script = Script::new([(OWNER, says(401, body))]);
        assert_eq!(script.plex().owner().await, Err(PlexError::NotPlex { status: 401 }), "{body}");
    }
    let script = Script::new([(OWNER, says(401, TOKEN))]);
    assert_eq!(script.plex().owner().await, Err(PlexError::Unauthorized));
}

#[tokio::test]
async fn an_invitation_is_cancelled_by_number_and_by_address() {
    for (id, line) in [
        ("4711", "DELETE plex.tv /api/invites/requested/4711?friend=0&home=0&server=1"),
        (
            "Zoe+x@Example.org",
            "DELETE plex.tv /api/invites/requested/Zoe%2Bx%40Example.org?friend=0&home=0&server=1",
        ),
    ] {
        let script = Script::new([(line, says(204, ""))]);
        script.plex().cancel_invite(&invite(id)).await.unwrap();
        script.done();
        let error = Script::new([(line, says(404, ""))]).plex().cancel_invite(&invite(id)).await.unwrap_err();
        assert_eq!(error, PlexError::NotFound);
        let words = format!("{id} (zoe@example.org) can't be cancelled");
        let error =
            Script::new([(line, refuses(400, &words))]).plex().cancel_invite(&invite(id)).await.unwrap_err();
        assert_eq!(error.to_string(), "Plex refuses (status 400): (someone) (someone) can't be cancelled");
    }
}

#[tokio::test]
async fn libraries_are_set_and_shares_ended_one_by_one() {
    let (machine, share) = (MachineId("abc".into()), ShareId(777));
    let script = Script::new([
        ("PUT plex.tv /api/servers/abc/shared_servers/777", says(200, "")),
        ("DELETE plex.tv /api/servers/abc/shared_servers/777", says(200, "")),
        ("DELETE plex.tv /api/servers/abc/shared_servers/777", says(404, "<html>")),
        ("DELETE plex.tv /api/v2/sharings/123", says(204, "")),
    ]);
    let plex = script.plex();
    let sections = Sections::new(vec![SectionId(900_000_001)]).unwrap();
    plex.set_sections(&machine, share, &sections).await.unwrap();
    plex.end_share(&machine, share).await.unwrap();
    assert_eq!(plex.end_share(&machine, share).await, Err(PlexError::NotFound));
    plex.end_friendship(PlexAccountId(123)).await.unwrap();
    script.done();
    let body = json!({"server_id": "abc", "shared_server": {"library_section_ids": [900_000_001]}});
    assert_eq!(script.bodies(), [body]);
}
