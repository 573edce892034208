use super::script::{Script, refuses, says};
use crate::{PlexError, Session, TransportError};
use rolarr_domain::PlexAccountId;

const TERMINATE: &str = "GET server /status/sessions/terminate?sessionId=s1&reason=Access has ended";

fn session() -> Session {
    Session { id: "s1".into(), account: PlexAccountId(123) }
}

#[tokio::test]
async fn what_is_watched_is_listed_by_account() {
    let body = r#"<MediaContainer size="3">
        <Video sessionKey="1" title="x"><User id="123" title="ann"/><Player/><Session id="s1" location="wan"/></Video>
        <Track sessionKey="2"><User id="1"/><Session id="s2"/></Track>
        <Video sessionKey="3"><User id="124"/></Video></MediaContainer>"#;
    let script = Script::new([("GET server /status/sessions", says(200, body))]);
    let sessions = script.plex().sessions().await.unwrap();
    assert_eq!(sessions, [session(), Session { id: "s2".into(), account: PlexAccountId(1) }]);
}

#[tokio::test]
async fn a_stream_that_is_over_is_fine() {
    for status in [200, 404] {
        let script = Script::new([(TERMINATE, says(status, ""))]);
        script.plex().terminate(&session(), "Access has ended").await.unwrap();
    }
}

#[tokio::test]
async fn the_servers_refusal_does_not_stop_everything() {
    for (status, part) in [(401, "Plex Pass"), (403, "owner's")] {
        let script = Script::new([(TERMINATE, refuses(status, "ann"))]);
        let error = script.plex().terminate(&session(), "Access has ended").await.unwrap_err();
        assert!(matches!(error, PlexError::Refused { status: s, .. } if s == status), "{error:?}");
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_401_of_the_server_counts_in_its_own_form_only() {
    let own = "<html><head><title>Unauthorized</title></head><body><h1>401 Unauthorized</h1></body></html>";
    let script = Script::new([(TERMINATE, says(401, own))]);
    let error = script.plex().terminate(&session(), "Access has ended").await.unwrap_err();
    assert!(matches!(error, PlexError::Refused { status: 401, .. }), "{error:?}");
    for body in ["", "<html><body>Log in to the proxy</body></html>", r#"{"authenticated":false}"#] {
        let script = Script::new([(TERMINATE, says(401, body))]);
        let error = script.plex().terminate(&session(), "Access has ended").await.unwrap_err();
        assert_eq!(error, PlexError::NotPlex { status: 401 }, "{body}");
    }
}

#[tokio::test]
async fn labels_are_listed_and_without_an_address_nothing_is_asked() {
    let line = "GET server /library/sections/1/label";
    let body = r#"<MediaContainer size="2"><Directory key="9" title="Kids"/><Directory key="10" title="Noaccess"/></MediaContainer>"#;
    assert_eq!(Script::new([(line, says(200, body))]).plex().labels(1).await.unwrap(), ["Kids", "Noaccess"]);
    let script = Script::new([(line, Err(TransportError::NoAddress))]);
    let error = script.plex().labels(1).await.unwrap_err();
    assert_eq!(error.to_string(), "Plex can't be reached or is at fault: its address is not configured");
}
