use serde_json::json;

use crate::ask::{Ask, NOW};

#[test]
fn the_identity_needs_no_token() {
    let mut ask = Ask::server();
    ask.token = String::new();
    let (status, identity) = ask.xml("GET", "/identity", None);
    assert_eq!((status, identity.get("machineIdentifier")), (200, rolarr_sim::plex::MACHINE));
    assert_eq!(ask.status("GET", "/", None), 401);
    ask.token = "nonsense".to_owned();
    assert_eq!(ask.status("GET", "/status/sessions", None), 401);
}

#[test]
fn a_guest_sees_libraries_and_may_not_administer() {
    let mut ask = Ask::server();
    let (ann, share) = ask.friend("ann");
    ask.sim.start_stream(ann, "Ponies").unwrap();
    let account = ask.sim.account("ann").unwrap().token.clone();
    for token in [account, format!("share-token-{share}")] {
        ask.token = token;
        assert_eq!(ask.status("GET", "/", None), 200);
        assert_eq!(ask.status("GET", "/library/sections", None), 200);
        assert_eq!(ask.status("GET", "/status/sessions", None), 403);
        assert_eq!(ask.status("GET", "/status/sessions/terminate?sessionId=x", None), 403);
        assert_eq!(ask.status("GET", "/library/sections/1/label", None), 403);
    }
    ask.token = ask.sim.account("ben").unwrap().token.clone();
    assert_eq!(ask.status("GET", "/", None), 401);
}

#[test]
fn libraries_have_the_servers_own_keys() {
    let mut ask = Ask::server();
    let (_, sections) = ask.xml("GET", "/library/sections", None);
    let keys: Vec<&str> = sections.children.iter().map(|directory| directory.get("key")).collect();
    assert_eq!(keys, ["1", "2", "3", "4"]);
    let (_, sections) = ask.json("GET", "/library/sections", None);
    assert_eq!(sections["MediaContainer"]["size"], json!(4));
    assert_eq!(sections["MediaContainer"]["Directory"][0]["title"], json!("Movies"));
}

#[test]
fn the_labels_of_a_library_are_listed() {
    let mut ask = Ask::server();
    ask.sim.world.add_item("Movies", "Other", &["noAccess", "Kids"], "");
    let (_, labels) = ask.xml("GET", "/library/sections/1/label", None);
    let titles: Vec<&str> = labels.children.iter().map(|label| label.get("title")).collect();
    assert_eq!(titles, ["Kids", "NoAccess"]);
    assert!(ask.xml("GET", "/library/sections/2/label", None).1.children.is_empty());
    for key in ["9", "x", "900000002"] {
        assert_eq!(ask.status("GET", &format!("/library/sections/{key}/label"), None), 404, "{key}");
    }
}

#[test]
fn sessions_name_the_owner_as_number_one() {
    let mut ask = Ask::server();
    let (ann, _) = ask.friend("ann");
    let owner = ask.sim.world.owner.id;
    let hers = ask.sim.start_stream(ann, "Ponies").unwrap();
    ask.sim.start_stream(owner, "The Sines").unwrap();
    let (_, sessions) = ask.xml("GET", "/status/sessions", None);
    let (video, track) = (&sessions.children[0], &sessions.children[1]);
    assert_eq!((video.name.as_str(), track.name.as_str()), ("Video", "Track"));
    assert_eq!(video.children[0].get("id"), ann.to_string());
    assert_eq!(track.children[0].get("id"), "1");
    let session = video.children.iter().find(|child| child.name == "Session").unwrap();
    assert_eq!(session.get("id"), hers);
    assert_ne!(session.get("id"), video.get("sessionKey"));
    let (_, sessions) = ask.json("GET", "/status/sessions", None);
    assert_eq!(sessions["MediaContainer"]["Metadata"][0]["Session"]["id"], json!(hers));
}

#[test]
fn a_session_is_terminated_by_its_id_with_either_method() {
    for method in ["GET", "POST"] {
        let mut ask = Ask::server();
        let (ann, _) = ask.friend("ann");
        let session = ask.sim.start_stream(ann, "Ponies").unwrap();
        let key = ask.sim.sessions()[0].key;
        let terminate = |id: &str| format!("/status/sessions/terminate?sessionId={id}&reason=no+longer");
        assert_eq!(ask.status(method, &terminate(""), None), 403);
        assert_eq!(ask.status(method, &terminate(&key.to_string()), None), 404);
        assert_eq!(ask.sim.sessions().len(), 1);
        assert_eq!(ask.status(method, &terminate(&session), None), 200);
        assert!(ask.sim.sessions().is_empty());
        assert_eq!(ask.status(method, &terminate(&session), None), 404);
    }
}

#[test]
fn terminating_needs_a_plex_pass() {
    let mut ask = Ask::server();
    let (ann, _) = ask.friend("ann");
    let session = ask.sim.start_stream(ann, "Ponies").unwrap();
    ask.sim.world.plex_pass = false;
    let target = format!("/status/sessions/terminate?sessionId={session}");
    assert_eq!(ask.status("GET", &target, None), 401);
    assert_eq!(ask.sim.sessions().len(), 1);
}

#[test]
fn another_servers_streams_are_not_here() {
    let mut ask = Ask::server();
    let ann = ask.id("ann");
    ask.sim.owner_shares_with(NOW, ann, rolarr_sim::plex::OTHER_MACHINE, &[]).unwrap();
    let session = ask.sim.start_stream(ann, "Glaciers").unwrap();
    assert!(ask.xml("GET", "/status/sessions", None).1.children.is_empty());
    let target = format!("/status/sessions/terminate?sessionId={session}");
    assert_eq!(ask.status("POST", &target, None), 404);
}
