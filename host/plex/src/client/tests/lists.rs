use super::script::{Script, says};
use crate::{Field, FieldValue, LibraryKind, PlexError};
use rolarr_domain::{MachineId, PlexAccountId, SectionId, ShareId};

fn machine() -> MachineId {
    MachineId("abc".into())
}

fn unreadable(error: &PlexError) -> bool {
    matches!(error, PlexError::Unavailable { maybe_applied: false, .. })
}

#[tokio::test]
async fn the_owner_is_read_and_plex_pass_is_seen_in_either_place() {
    for (extra, pass) in [
        (r#""subscription":{"active":true}"#, true),
        (r#""subscription":{"active":false},"roles":["plexpass"]"#, true),
        (r#""subscription":{"active":false},"roles":[]"#, false),
        (r#""subscription":null"#, false),
    ] {
        let body =
            format!(r#"{{"id":1,"username":"owner","email":"owner@example.org","title":"O",{extra}}}"#);
        let script = Script::new([("GET plex.tv /api/v2/user", says(200, body))]);
        let owner = script.plex().owner().await.unwrap();
        assert_eq!((owner.id, owner.plex_pass), (PlexAccountId(1), pass), "{extra}");
        assert_eq!(owner.names.email, "owner@example.org");
        assert!(!format!("{owner:?}").contains("owner@"));
    }
}

#[tokio::test]
async fn only_owned_servers_are_listed() {
    let body = r#"[
        {"name":"Box","clientIdentifier":"abc","provides":"server","owned":true,"accessToken":"hidden"},
        {"name":"Theirs","clientIdentifier":"def","provides":"server","owned":false},
        {"name":"Player","clientIdentifier":"ghi","provides":"client,player","owned":true},
        {"name":"Both","clientIdentifier":"jkl","provides":"client, server","owned":1}]"#;
    let line = "GET plex.tv /api/v2/resources?includeHttps=1&includeRelay=1&includeIPv6=1";
    let servers = Script::new([(line, says(200, body))]).plex().servers().await.unwrap();
    assert_eq!(servers.iter().map(|server| server.machine.0.as_str()).collect::<Vec<_>>(), ["abc", "jkl"]);
}

#[tokio::test]
async fn libraries_have_both_their_numbers() {
    let body = r#"<MediaContainer size="1"><Server name="Box" machineIdentifier="abc">
        <Section id="900000001" key="1" type="movie" title="Movies"/>
        <Section id="900000002" key="2" type="show" title="TV"/>
        <Section id="900000003" key="3" type="artist" title="Music"/>
        <Section id="900000004" key="4" type="photo" title="Photos"/>
        <Section id="900000005" key="5" type="new" title="?"/></Server></MediaContainer>"#;
    let script = Script::new([("GET plex.tv /api/servers/abc", says(200, body))]);
    let libraries = script.plex().libraries(&machine()).await.unwrap();
    assert_eq!((libraries[0].id, libraries[0].key), (SectionId(900_000_001), 1));
    let kinds: Vec<_> = libraries.iter().map(|library| library.kind).collect();
    use LibraryKind::{Movies, Music, Other, Photos, Television};
    assert_eq!(kinds, [Movies, Television, Music, Photos, Other]);
}

#[tokio::test]
async fn a_list_without_libraries_is_not_believed() {
    for body in [
        r#"<MediaContainer size="1"><Server machineIdentifier="abc"/></MediaContainer>"#,
        r#"<MediaContainer size="1"><Server machineIdentifier="abc"><Section key="1"/></Server></MediaContainer>"#,
    ] {
        let script = Script::new([("GET plex.tv /api/servers/abc", says(200, body))]);
        assert!(unreadable(&script.plex().libraries(&machine()).await.unwrap_err()));
    }
    let other = r#"<MediaContainer size="1"><Server machineIdentifier="def"/></MediaContainer>"#;
    let script = Script::new([("GET plex.tv /api/servers/abc", says(200, other))]);
    assert_eq!(script.plex().libraries(&machine()).await, Err(PlexError::NotFound));
}

const USERS: &str = r#"<?xml version="1.0"?>
    <MediaContainer friendlyName="myPlex" size="3">
     <User id="123" title="Ann" username="ann" email="ann@example.org" home="0" restricted="0"
           allowSync="0" allowTuners="2" filterAll="" filterMovies="label=A&amp;contentRating=G" filterPhotos="">
      <Unknown/>
      <Server id="777" serverId="55" machineIdentifier="abc" allLibraries="1" owned="1" pending="0"/>
      <Server id="778" serverId="56" machineIdentifier="def" allLibraries="0" owned="1" pending="1"/>
     </User>
     <User id="124" title="Child" username="" email="" restricted="1"/>
     <User id="125" title="Spouse" home="1"/>
    </MediaContainer>"#;

#[tokio::test]
async fn friends_are_read_with_their_shares_and_settings() {
    let script = Script::new([("GET plex.tv /api/users/", says(200, USERS))]);
    let friends = script.plex().users().await.unwrap();
    let ann = &friends[0];
    assert_eq!((ann.id, ann.home, ann.names.email.as_str()), (PlexAccountId(123), false, "ann@example.org"));
    let shares: Vec<_> = ann
        .shares
        .iter()
        .map(|share| (share.id, share.machine.0.as_str(), share.pending, share.all_libraries))
        .collect();
    assert_eq!(shares, [(ShareId(777), "abc", false, true), (ShareId(778), "def", true, false)]);
    assert_eq!(ann.settings.value(Field::Movies).0, "label=A&contentRating=G");
    assert_eq!(ann.settings.0.get(&Field::Photos), Some(&FieldValue(String::new())));
    assert_eq!(ann.settings.0.get(&Field::Music), None);
    assert_eq!(ann.settings.value(Field::LiveTv).0, "2");
    assert!(friends[1].home && friends[2].home);
    assert_eq!(friends[2].settings.value(Field::Downloads).0, "0");
}

#[tokio::test]
async fn nobody_seems_absent_because_a_list_is_not_whole() {
    let whole = USERS.len();
    let bodies = [
        String::new(),
        USERS[..whole - 1].to_owned(),
        USERS[..whole / 2].to_owned(),
        USERS.replace("size=\"3\"", "size=\"4\""),
        USERS.replace("<User id=\"124\"", "<User"),
        USERS.replace("id=\"124\"", "id=\"x\""),
        USERS.replace("machineIdentifier=\"abc\"", ""),
        USERS.replace("id=\"777\"", ""),
        "<html><head/><body>Sign in to the hotel's network</body></html>".to_owned(),
        r#"{"users":[]}"#.to_owned(),
    ];
    for body in bodies {
        let script = Script::new([("GET plex.tv /api/users/", says(200, body.clone()))]);
        let error = script.plex().users().await.unwrap_err();
        assert!(unreadable(&error), "{body} {error}");
    }
}

#[tokio::test]
async fn invitations_have_a_number_or_the_address_for_an_id() {
    let body = r#"<MediaContainer size="2">
        <Invite id="4711" friend="0" home="0" server="1" username="bob" email="bob@example.org" friendlyName="Bob">
          <Server name="Box" numLibraries="2"/></Invite>
        <Invite id="Zoe@Example.org" friend="1" home="0" server="1" username="" email="zoe@example.org"/>
        </MediaContainer>"#;
    let script = Script::new([("GET plex.tv /api/invites/requested", says(200, body))]);
    let invites = script.plex().invites().await.unwrap();
    assert_eq!((invites[0].id.as_str(), invites[0].friend, invites[0].server), ("4711", false, true));
    assert_eq!(invites[0].servers, ["Box"]);
    assert_eq!((invites[1].id.as_str(), invites[1].friend), ("Zoe@Example.org", true));
    assert!(!format!("{invites:?}").to_lowercase().contains("zoe"));
}

#[tokio::test]
async fn shares_say_whether_they_were_accepted_and_what_is_shared() {
    let body = r#"<MediaContainer size="4">
        <SharedServer id="1" userID="123" email="ann@example.org" acceptedAt="1760000000" invitedAt="1750000000">
          <Section id="900000001" shared="1"/><Section id="900000002" shared="0"/></SharedServer>
        <SharedServer id="2" userID="" email="zoe@example.org" acceptedAt="" invitedAt="1"/>
        <SharedServer id="3" email="zoe@example.org" invitedAt="1" allLibraries="1"/>
        <SharedServer id="4" userID="124"/></MediaContainer>"#;
    let script = Script::new([("GET plex.tv /api/servers/abc/shared_servers", says(200, body))]);
    let shares = script.plex().shares(&machine()).await.unwrap();
    assert_eq!(shares.iter().map(|share| share.accepted).collect::<Vec<_>>(), [true, false, false, true]);
    assert_eq!(shares[0].libraries, [SectionId(900_000_001)]);
    let accounts: Vec<_> = shares.iter().map(|share| share.account).collect();
    assert_eq!(accounts, [Some(PlexAccountId(123)), None, None, Some(PlexAccountId(124))]);
    assert!(shares[2].all_libraries);
}

#[tokio::test]
async fn pending_shares_name_their_server() {
    let body = r#"[
      {"id":7,"machineIdentifier":"abc","accepted":false,"invitedId":123,"invitedEmail":null,"inviteToken":"hidden",
       "invited":{"id":123,"username":"ann","email":"ann@example.org","title":"Ann"},
       "allLibraries":false,"libraries":[{"id":900000001,"key":"1","title":"Movies","type":"movie"}]},
      {"id":8,"machineIdentifier":"def","accepted":false,"invitedId":null,"invitedEmail":"zoe@example.org",
       "invited":null,"allLibraries":true,"libraries":[]}]"#;
    let line = "GET clients /api/v2/shared_servers/owned/pending";
    let pending = Script::new([(line, says(200, body))]).plex().pending_shares().await.unwrap();
    assert_eq!((pending[0].machine.0.as_str(), pending[0].share.id), ("abc", ShareId(7)));
    assert_eq!(pending[0].share.account, Some(PlexAccountId(123)));
    assert_eq!(pending[0].share.names.email, "ann@example.org");
    assert_eq!(pending[0].share.libraries, [SectionId(900_000_001)]);
    assert_eq!((pending[1].share.account, pending[1].share.names.email.as_str()), (None, "zoe@example.org"));
    for body in ["{}", "[{}]", r#"[{"id":1}]"#, "[", "<MediaContainer/>"] {
        assert!(unreadable(
            &Script::new([(line, says(200, body))]).plex().pending_shares().await.unwrap_err()
        ));
    }
}
