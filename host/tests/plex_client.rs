//! The Plex client over real sockets, against the simulated plex.tv and Plex server.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use rolarr::{
    domain::{Email, MachineId, PlexAccountId, Secret, SectionId, ShareId, contract::Rule},
    plex::{
        Addresses, Changes, Field, FieldValue, HttpTransport, Identity, Invite, Invitee, LibraryKind, Limits,
        NewShare, Pause, Plex, PlexError, Sections, Session, Share, filter,
    },
};
use rolarr_sim::plex::{
    Effect, Face, Fault, Libraries, MACHINE, OWNER_TOKEN, PlexServers, PlexSim, system_clock,
};

const NOW: u64 = 1_790_000_000_000;
const ANN: &str = "ann@example.org";
const NOBODY: &str = "Zoe+x@Example.org";

/// Looks again at once: the simulator does not get fresher by waiting.
struct AtOnce;

#[async_trait]
impl Pause for AtOnce {
    async fn pause(&self, _: Duration) {}
}

/// A request that changes something: method, face, path with `…` for numbers, and the answer's status.
type Write = (String, Face, String, Option<u16>);

struct Rig {
    sim: Arc<Mutex<PlexSim>>,
    _servers: PlexServers,
    plex: Plex,
}

impl Rig {
    async fn new() -> Self {
        let sim = Arc::new(Mutex::new(PlexSim::sample()));
        let servers = PlexServers::start(Arc::clone(&sim), system_clock()).await.unwrap();
        let addresses = Addresses::new(&servers.plex_tv, &servers.clients, Some(&servers.server)).unwrap();
        let identity = Identity {
            token: Secret::new(OWNER_TOKEN),
            server_token: None,
            client_identifier: "11111111-2222-3333-4444-555555555555".into(),
        };
        let limits = Limits { total: Duration::from_millis(700), ..Limits::default() };
        let transport = HttpTransport::new(addresses, &identity, limits).unwrap();
        let plex = Plex::with_pause(Arc::new(transport), Arc::new(AtOnce));
        Self { sim, _servers: servers, plex }
    }

    fn sim(&self) -> MutexGuard<'_, PlexSim> {
        self.sim.lock().unwrap()
    }

    fn fault(&self, method: &str, route: &str, effect: Effect) {
        self.sim().fault(Fault::on(method, route, effect));
    }

    fn fault_once(&self, method: &str, route: &str, effect: Effect) {
        self.sim().fault(Fault::on(method, route, effect).times(1));
    }

    /// Ann, with Movies and TV Shows, as if she had accepted long ago.
    fn befriend(&self) -> PlexAccountId {
        let mut sim = self.sim();
        let ann = sim.account(ANN).unwrap().id;
        sim.owner_shares_with(NOW, ann, MACHINE, &["Movies", "TV Shows"]).unwrap();
        PlexAccountId(ann)
    }

    async fn movies_and_shows(&self) -> Sections {
        let libraries = self.plex.libraries(&machine()).await.unwrap();
        let wanted = libraries
            .iter()
            .filter(|library| matches!(library.kind, LibraryKind::Movies | LibraryKind::Television));
        Sections::new(wanted.map(|library| library.id).collect()).unwrap()
    }

    async fn invite(&self, address: &str) -> Result<(), PlexError> {
        let share = NewShare {
            machine: machine(),
            sections: self.movies_and_shows().await,
            to: Invitee::Address(Email::parse(address).unwrap()),
            settings: Changes::new(),
        };
        self.plex.invite(&share).await
    }

    async fn invite_of(&self, address: &str) -> Option<Invite> {
        let email = Email::parse(address).unwrap();
        self.plex.invites().await.unwrap().into_iter().find(|invite| invite.names.has(&email))
    }

    async fn share_of(&self, address: &str) -> Option<Share> {
        let email = Email::parse(address).unwrap();
        self.plex.shares(&machine()).await.unwrap().into_iter().find(|share| share.names.has(&email))
    }

    fn writes(&self) -> Vec<Write> {
        let part = |part: &str| {
            let number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            if number { "…" } else { part }.to_owned()
        };
        let route = |path: &str| path.split('/').map(part).collect::<Vec<_>>().join("/");
        self.sim().writes().iter().map(|w| (w.method.clone(), w.face, route(&w.path), w.status)).collect()
    }
}

fn machine() -> MachineId {
    MachineId(MACHINE.into())
}

fn no_access() -> FieldValue {
    filter::only(&Rule { labels: vec!["noAccess".into()], ..Rule::default() }).unwrap()
}

fn restrict() -> Changes {
    [Field::Movies, Field::Television].map(|field| (field, no_access())).into()
}

fn route_b(status: u16) -> Write {
    ("PUT".into(), Face::PlexTv, "/api/users/…".into(), Some(status))
}

fn route_c() -> Write {
    ("POST".into(), Face::Clients, "/api/v2/sharing_settings".into(), Some(200))
}

fn unavailable(error: &PlexError, applied: bool) -> bool {
    matches!(error, PlexError::Unavailable { maybe_applied, .. } if *maybe_applied == applied)
}

#[tokio::test]
async fn a_person_is_invited_restricted_given_back_and_removed() {
    let rig = Rig::new().await;
    let plex = &rig.plex;
    let owner = plex.owner().await.unwrap();
    assert!(owner.plex_pass && owner.names.email == "owner@example.org");
    let servers = plex.servers().await.unwrap();
    assert_eq!(servers.iter().map(|server| server.name.as_str()).collect::<Vec<_>>(), ["Attic", "Cellar"]);
    assert_eq!(servers[0].machine, machine());

    rig.invite(ANN).await.unwrap();
    let invite = rig.invite_of(ANN).await.unwrap();
    assert_eq!((invite.friend, invite.server, invite.servers), (true, true, vec!["Attic".to_owned()]));
    let pending = plex.pending_shares().await.unwrap();
    assert_eq!((pending.len(), &pending[0].machine), (1, &machine()));
    assert!(!rig.share_of(ANN).await.unwrap().accepted);
    assert!(plex.users().await.unwrap().is_empty());

    let ann = PlexAccountId(rig.sim().person_accepts(NOW, ANN).unwrap());
    assert!(plex.invites().await.unwrap().is_empty() && plex.pending_shares().await.unwrap().is_empty());
    let share = rig.share_of(ANN).await.unwrap();
    assert_eq!((share.account, share.accepted, share.all_libraries), (Some(ann), true, false));
    assert_eq!(share.libraries, rig.movies_and_shows().await.as_slice());
    let friend = plex.users().await.unwrap().remove(0);
    assert_eq!((friend.id, friend.home, friend.shares[0].id), (ann, false, share.id));
    assert_eq!(rig.sim().visible_items(ann.0), ["Harbour", "Ponies", "Shootout"]);

    rig.sim().owner_sets_filter(ann.0, "filterMovies", "label=Kids|contentRating=G").unwrap();
    let before = plex.users().await.unwrap().remove(0).settings;
    rig.sim().start_stream(ann.0, "Ponies").unwrap();
    plex.write_settings(ann, Some("ann"), &restrict()).await.unwrap();
    assert_eq!(rig.sim().filters(ann.0).into_values().collect::<Vec<_>>(), ["label=noAccess"; 2]);
    assert!(rig.sim().visible_items(ann.0).is_empty());
    assert_eq!(rig.sim().history(ann.0), ["Ponies"]);

    let back: Changes = restrict().into_keys().map(|field| (field, before.value(field))).collect();
    plex.write_settings(ann, Some("ann"), &back).await.unwrap();
    assert_eq!(rig.sim().filters(ann.0), [("filterMovies", "label=Kids|contentRating=G".into())].into());
    assert_eq!(rig.writes()[1..], [route_b(200), route_b(200)]);

    plex.end_share(&machine(), share.id).await.unwrap();
    assert_eq!(plex.end_share(&machine(), share.id).await, Err(PlexError::NotFound));
    assert!(rig.share_of(ANN).await.is_none());
    // Ending a share is not ending friendship.
    assert_eq!(plex.users().await.unwrap().len(), 1);
    plex.end_friendship(ann).await.unwrap();
    assert_eq!(plex.end_friendship(ann).await, Err(PlexError::NotFound));
    assert!(plex.users().await.unwrap().is_empty());
}

#[tokio::test]
async fn somebody_can_be_invited_restricted() {
    let rig = Rig::new().await;
    let share = NewShare {
        machine: machine(),
        sections: rig.movies_and_shows().await,
        to: Invitee::Address(Email::parse(NOBODY).unwrap()),
        settings: restrict(),
    };
    rig.plex.invite(&share).await.unwrap();
    let account = rig.sim().person_accepts(NOW, NOBODY).unwrap();
    assert!(rig.sim().visible_items(account).is_empty());
    assert_eq!(rig.plex.users().await.unwrap()[0].settings.value(Field::Movies), no_access());
}

#[tokio::test]
async fn a_friend_gets_a_second_server_and_keeps_their_filters() {
    let rig = Rig::new().await;
    let ann = rig.befriend();
    rig.sim().owner_sets_filter(ann.0, "filterMovies", "label=Kids").unwrap();
    let cellar = rig.plex.servers().await.unwrap().remove(1).machine;
    let library = rig.plex.libraries(&cellar).await.unwrap().remove(0).id;
    let share = NewShare {
        machine: cellar.clone(),
        sections: Sections::new(vec![library]).unwrap(),
        to: Invitee::Account(ann),
        settings: restrict(),
    };
    rig.plex.invite(&share).await.unwrap();
    assert_eq!(rig.plex.shares(&cellar).await.unwrap()[0].account, Some(ann));
    assert_eq!(rig.sim().filters(ann.0), [("filterMovies", "label=Kids".into())].into());
}

#[tokio::test]
async fn libraries_of_a_share_are_replaced() {
    let rig = Rig::new().await;
    rig.befriend();
    let share = rig.share_of(ANN).await.unwrap();
    let music = rig.plex.libraries(&machine()).await.unwrap()[2].id;
    rig.plex.set_sections(&machine(), share.id, &Sections::new(vec![music]).unwrap()).await.unwrap();
    assert_eq!(rig.share_of(ANN).await.unwrap().libraries, [music]);
    let sections = Sections::new(vec![SectionId(1)]).unwrap();
    let gone = rig.plex.set_sections(&machine(), ShareId(1), &sections).await;
    assert_eq!(gone, Err(PlexError::NotFound));
}

#[tokio::test]
async fn a_share_of_everything_says_so() {
    let rig = Rig::new().await;
    let ann = rig.sim().account(ANN).unwrap().id;
    rig.sim().owner_shares_with(NOW, ann, MACHINE, &[]).unwrap();
    let share = rig.share_of(ANN).await.unwrap();
    assert!(share.all_libraries && share.libraries.len() == 4);
    assert_eq!(rig.sim().share_of(ANN).unwrap().libraries, Libraries::All);
}

#[tokio::test]
async fn invitations_are_cancelled_by_number_and_by_address() {
    let rig = Rig::new().await;
    for address in [ANN, NOBODY] {
        rig.invite(address).await.unwrap();
        let invite = rig.invite_of(address).await.unwrap();
        assert_eq!(invite.id.contains('@'), address == NOBODY);
        rig.plex.cancel_invite(&invite).await.unwrap();
        assert!(rig.invite_of(address).await.is_none());
        assert_eq!(rig.plex.cancel_invite(&invite).await, Err(PlexError::NotFound));
    }
    assert!(rig.sim().world.shares.is_empty());
}

#[tokio::test]
async fn a_share_that_a_cancelled_invitation_left_is_found_and_ended() {
    let rig = Rig::new().await;
    rig.sim().world.quirks.cancel_leaves_share = true;
    rig.sim().world.quirks.v1_lists_pending = false;
    rig.invite(NOBODY).await.unwrap();
    rig.plex.cancel_invite(&rig.invite_of(NOBODY).await.unwrap()).await.unwrap();
    assert_eq!(rig.invite(NOBODY).await, Err(PlexError::AlreadyShared));
    assert!(rig.share_of(NOBODY).await.is_none());
    let left = rig.plex.pending_shares().await.unwrap().remove(0);
    assert_eq!(left.machine, machine());
    rig.plex.end_share(&left.machine, left.share.id).await.unwrap();
    rig.invite(NOBODY).await.unwrap();
}

#[tokio::test]
async fn a_refusal_tells_why_and_names_nobody() {
    let rig = Rig::new().await;
    rig.invite("ben@example.org").await.unwrap();
    let error = rig.invite("ben@example.org").await.unwrap_err();
    assert_eq!(error, PlexError::AlreadyShared);
    assert!(!format!("{error} {error:?}").contains("Ben"));
    let error = rig.invite("owner@example.org").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Plex refuses (status 400): The username or email entered appears to be invalid."
    );
    rig.sim().world.quirks.friend_limit = Some(1);
    let error = rig.invite(ANN).await.unwrap_err();
    assert_eq!(error.to_string(), "Plex refuses (status 400): You have reached the limit of friends.");
}

#[tokio::test]
async fn a_refused_write_goes_by_the_other_route_and_keeps_what_is_set() {
    for status in [404, 405, 410, 422] {
        let rig = Rig::new().await;
        let ann = rig.befriend();
        let set = [("allowChannels", "1"), ("allowSubtitleAdmin", "1"), ("allowTuners", "2")];
        for (field, value) in set.into_iter().chain([("filterMusic", "label=M"), ("filterAll", "label=X")]) {
            rig.sim().owner_sets_filter(ann.0, field, value).unwrap();
        }
        let before = rig.sim().friend(ann.0).unwrap().settings.clone();
        rig.fault("PUT", "/api/users/{id}", Effect::Status { status, retry_after: None });
        rig.plex.write_settings(ann, Some("ann"), &restrict()).await.unwrap();
        assert_eq!(rig.writes(), [route_b(status), route_c()]);
        let mut expected = before;
        expected.filter_movies = Some("label=noAccess".into());
        expected.filter_television = Some("label=noAccess".into());
        assert_eq!(rig.sim().friend(ann.0).unwrap().settings, expected);
    }
}

#[tokio::test]
async fn a_write_that_does_not_take_goes_by_the_other_route() {
    let rig = Rig::new().await;
    let ann = rig.befriend();
    rig.fault("PUT", "/api/users/{id}", Effect::NotTaken);
    rig.plex.write_settings(ann, None, &restrict()).await.unwrap();
    assert_eq!(rig.writes(), [route_b(200), route_c()]);
    assert!(rig.sim().visible_items(ann.0).is_empty());
}

#[tokio::test]
async fn a_write_that_no_route_makes_take_is_an_error() {
    let rig = Rig::new().await;
    let ann = rig.befriend();
    rig.fault("PUT", "/api/users/{id}", Effect::NotTaken);
    rig.fault("POST", "/api/v2/sharing_settings", Effect::NotTaken);
    assert_eq!(rig.plex.write_settings(ann, None, &restrict()).await, Err(PlexError::NotTaken));
    assert!(rig.sim().filters(ann.0).is_empty());
}

#[tokio::test]
async fn a_write_that_took_though_it_was_refused_does_no_harm() {
    let rig = Rig::new().await;
    let ann = rig.befriend();
    rig.fault("PUT", "/api/users/{id}", Effect::AppliedBut { status: 404 });
    rig.plex.write_settings(ann, None, &restrict()).await.unwrap();
    assert_eq!(rig.sim().filters(ann.0).into_values().collect::<Vec<_>>(), ["label=noAccess"; 2]);
}

#[tokio::test]
async fn an_old_list_is_looked_at_again() {
    for looks in [1, 3] {
        let rig = Rig::new().await;
        let ann = rig.befriend();
        rig.sim().fault(Fault::on("GET", "/api/users", Effect::Stale).times(looks));
        rig.plex.write_settings(ann, None, &restrict()).await.unwrap();
        assert_eq!(rig.writes(), [route_b(200)]);
    }
}

#[tokio::test]
async fn flags_are_written_with_the_filters_and_alone() {
    let rig = Rig::new().await;
    let ann = rig.befriend();
    rig.sim().owner_sets_filter(ann.0, "allowTuners", "2").unwrap();
    rig.sim().owner_sets_filter(ann.0, "allowSync", "1").unwrap();
    let off = FieldValue("0".into());
    let mut changes = restrict();
    changes.extend([(Field::Downloads, off.clone()), (Field::LiveTv, off), (Field::Photos, no_access())]);
    rig.plex.write_settings(ann, Some("ann"), &changes).await.unwrap();
    let settings = rig.sim().friend(ann.0).unwrap().settings.clone();
    assert_eq!((settings.allow_sync, settings.allow_tuners), (false, 0));
    assert_eq!(settings.filter_photos.as_deref(), Some("label=noAccess"));
    assert_eq!(rig.writes(), [route_b(200), route_c()]);

    let back: Changes = [(Field::LiveTv, FieldValue("2".into()))].into();
    rig.plex.write_settings(ann, Some("ann"), &back).await.unwrap();
    let settings = rig.sim().friend(ann.0).unwrap().settings.clone();
    assert_eq!((settings.allow_sync, settings.allow_tuners), (false, 2));
    assert_eq!(settings.filter_movies.as_deref(), Some("label=noAccess"));
}

#[tokio::test]
async fn a_managed_account_is_refused_in_plex_words_without_its_name() {
    let rig = Rig::new().await;
    let child = PlexAccountId(rig.sim().world.add_managed("Quentin", Some("teen")));
    let error = rig.plex.write_settings(child, None, &restrict()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Plex refuses (status 422): An error occurred updating the settings for (someone)."
    );
    assert!(!format!("{error:?}").contains("Quentin"));
    assert!(rig.plex.users().await.unwrap()[0].home);
}

#[tokio::test]
async fn silence_ends_and_says_whether_it_may_have_taken_effect() {
    let rig = Rig::new().await;
    let ann = rig.befriend();
    rig.fault_once("GET", "/api/users", Effect::Hang { applied: false });
    assert!(unavailable(&rig.plex.users().await.unwrap_err(), false));
    rig.fault_once("PUT", "/api/users/{id}", Effect::Hang { applied: true });
    let error = rig.plex.write_settings(ann, None, &restrict()).await.unwrap_err();
    assert!(unavailable(&error, true), "{error:?}");
    assert!(rig.plex.users().await.unwrap()[0].settings.show(&restrict()));
    rig.fault_once("POST", "/api/servers/{machine}/shared_servers", Effect::Drop { applied: true });
    assert!(unavailable(&rig.invite(NOBODY).await.unwrap_err(), true));
    assert!(rig.invite_of(NOBODY).await.is_some());
}

#[tokio::test]
async fn half_a_list_is_no_list() {
    for effect in [Effect::Truncated, Effect::Garbage, Effect::EmptyBody, Effect::Drop { applied: false }] {
        let rig = Rig::new().await;
        rig.befriend();
        rig.invite(NOBODY).await.unwrap();
        rig.fault("GET", "/*", effect.clone());
        let plex = &rig.plex;
        let errors = [
            plex.users().await.err(),
            plex.invites().await.err(),
            plex.shares(&machine()).await.err(),
            plex.pending_shares().await.err(),
            plex.libraries(&machine()).await.err(),
            plex.servers().await.err(),
            plex.owner().await.err(),
            plex.sessions().await.err(),
        ];
        for error in errors {
            assert!(error.as_ref().is_some_and(|error| unavailable(error, false)), "{effect:?} {error:?}");
        }
    }
}

#[tokio::test]
async fn what_a_write_answers_does_not_matter() {
    for effect in [Effect::EmptyBody, Effect::Truncated] {
        let rig = Rig::new().await;
        rig.fault("POST", "/*", effect);
        rig.invite(NOBODY).await.unwrap();
        assert!(rig.invite_of(NOBODY).await.is_some());
    }
}

#[tokio::test]
async fn a_list_of_libraries_that_is_empty_for_a_moment_is_not_believed() {
    let rig = Rig::new().await;
    rig.sim().world.quirks.sections_shown = Some(0);
    assert!(unavailable(&rig.plex.libraries(&machine()).await.unwrap_err(), false));
    let unknown = MachineId("unknown".into());
    assert_eq!(rig.plex.libraries(&unknown).await, Err(PlexError::NotFound));
    assert_eq!(rig.plex.shares(&unknown).await, Err(PlexError::NotFound));
}

#[tokio::test]
async fn a_rate_limit_is_passed_on() {
    let rig = Rig::new().await;
    let ann = rig.befriend();
    for (header, wait) in [(None, None), (Some(3), Some(3)), (Some(9_999), Some(60))] {
        let limited = Effect::Status { status: 429, retry_after: header };
        rig.fault_once("*", "/*", limited.clone());
        let expected = PlexError::RateLimited { retry_after: wait.map(Duration::from_secs) };
        assert_eq!(rig.plex.users().await, Err(expected.clone()));
        rig.fault_once("*", "/*", limited);
        assert_eq!(rig.plex.write_settings(ann, None, &restrict()).await, Err(expected));
    }
    assert!(rig.sim().filters(ann.0).is_empty());
}

#[tokio::test]
async fn an_invalid_token_is_told_apart_on_every_route() {
    let rig = Rig::new().await;
    let ann = rig.befriend();
    let share = NewShare {
        machine: machine(),
        sections: rig.movies_and_shows().await,
        to: Invitee::Address(Email::parse(NOBODY).unwrap()),
        settings: Changes::new(),
    };
    rig.sim().set_token_valid(false);
    let plex = &rig.plex;
    assert_eq!(plex.owner().await, Err(PlexError::Unauthorized));
    assert_eq!(plex.users().await, Err(PlexError::Unauthorized));
    assert_eq!(plex.pending_shares().await, Err(PlexError::Unauthorized));
    assert_eq!(plex.invite(&share).await, Err(PlexError::Unauthorized));
    assert_eq!(plex.write_settings(ann, None, &restrict()).await, Err(PlexError::Unauthorized));
    rig.sim().set_token_valid(true);
    let body = r#"<errors><error code="1001" message="Invalid token" status="422"/></errors>"#.into();
    rig.fault("GET", "/*", Effect::Says { status: 422, body });
    assert_eq!(plex.users().await, Err(PlexError::Unauthorized));
}

#[tokio::test]
async fn a_stream_is_ended_and_labels_are_listed() {
    let rig = Rig::new().await;
    let ann = rig.befriend();
    assert!(rig.plex.sessions().await.unwrap().is_empty());
    rig.sim().start_stream(ann.0, "Ponies").unwrap();
    let session = rig.plex.sessions().await.unwrap().remove(0);
    assert_eq!(session.account, ann);
    rig.plex.terminate(&session, "Your access has ended: ask the owner").await.unwrap();
    assert!(rig.sim().sessions().is_empty());
    // It is over already.
    rig.plex.terminate(&session, "x").await.unwrap();
    let nothing = Session { id: String::new(), account: ann };
    let error = rig.plex.terminate(&nothing, "x").await.unwrap_err();
    assert!(matches!(error, PlexError::Refused { status: 403, .. }), "{error:?}");
    rig.sim().world.plex_pass = false;
    let error = rig.plex.terminate(&session, "x").await.unwrap_err();
    assert!(error.to_string().contains("Plex Pass"), "{error}");

    let movies = rig.plex.libraries(&machine()).await.unwrap().remove(0);
    assert_eq!(rig.plex.labels(movies.key).await.unwrap(), ["Kids"]);
    assert_eq!(rig.plex.labels(99).await, Err(PlexError::NotFound));
}
