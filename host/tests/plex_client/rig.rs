//! A simulated Plex behind sockets and a client that talks to it.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use rolarr::domain::contract::Rule;
use rolarr::domain::{Email, MachineId, PlexAccountId, Secret};
use rolarr::plex::{
    Addresses, Changes, Field, FieldValue, HttpTransport, Identity, Invite, Invitee, LibraryKind, Limits,
    NewShare, Pause, Plex, PlexError, Sections, Share, filter,
};
use rolarr_sim::plex::{Effect, Face, Fault, MACHINE, OWNER_TOKEN, PlexServers, PlexSim, system_clock};

pub(crate) const NOW: u64 = 1_790_000_000_000;
pub(crate) const ANN: &str = "ann@example.org";
pub(crate) const NOBODY: &str = "Zoe+x@Example.org";

/// Looks again at once: the simulator does not get fresher by waiting.
pub(crate) struct AtOnce;

#[async_trait]
impl Pause for AtOnce {
    async fn pause(&self, _: Duration) {}
}

/// A request that changes something: method, face, path with `…` for numbers, and the answer's status.
pub(crate) type Write = (String, Face, String, Option<u16>);

pub(crate) struct Rig {
    sim: Arc<Mutex<PlexSim>>,
    _servers: PlexServers,
    pub(crate) plex: Plex,
}

impl Rig {
    pub(crate) async fn new() -> Self {
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

    pub(crate) fn sim(&self) -> MutexGuard<'_, PlexSim> {
        self.sim.lock().unwrap()
    }

    pub(crate) fn fault(&self, method: &str, route: &str, effect: Effect) {
        self.sim().fault(Fault::on(method, route, effect));
    }

    pub(crate) fn fault_once(&self, method: &str, route: &str, effect: Effect) {
        self.sim().fault(Fault::on(method, route, effect).times(1));
    }

    /// Ann, with Movies and TV Shows, as if she had accepted long ago.
    pub(crate) fn befriend(&self) -> PlexAccountId {
        let mut sim = self.sim();
        let ann = sim.account(ANN).unwrap().id;
        sim.owner_shares_with(NOW, ann, MACHINE, &["Movies", "TV Shows"]).unwrap();
        PlexAccountId(ann)
    }

    pub(crate) async fn movies_and_shows(&self) -> Sections {
        let libraries = self.plex.libraries(&machine()).await.unwrap();
        let wanted = libraries
            .iter()
            .filter(|library| matches!(library.kind, LibraryKind::Movies | LibraryKind::Television));
        Sections::new(wanted.map(|library| library.id).collect()).unwrap()
    }

    pub(crate) async fn invite(&self, address: &str) -> Result<(), PlexError> {
        let share = NewShare {
            machine: machine(),
            sections: self.movies_and_shows().await,
            to: Invitee::Address(Email::parse(address).unwrap()),
            settings: Changes::new(),
        };
        self.plex.invite(&share).await
    }

    pub(crate) async fn invite_of(&self, address: &str) -> Option<Invite> {
        let email = Email::parse(address).unwrap();
        self.plex.invites().await.unwrap().into_iter().find(|invite| invite.names.has(&email))
    }

    pub(crate) async fn share_of(&self, address: &str) -> Option<Share> {
        let email = Email::parse(address).unwrap();
        self.plex.shares(&machine()).await.unwrap().into_iter().find(|share| share.names.has(&email))
    }

    pub(crate) fn writes(&self) -> Vec<Write> {
        let part = |part: &str| {
            let number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            if number { "…" } else { part }.to_owned()
        };
        let route = |path: &str| path.split('/').map(part).collect::<Vec<_>>().join("/");
        self.sim().writes().iter().map(|w| (w.method.clone(), w.face, route(&w.path), w.status)).collect()
    }
}

pub(crate) fn machine() -> MachineId {
    MachineId(MACHINE.into())
}

pub(crate) fn no_access() -> FieldValue {
    filter::only(&Rule { labels: vec!["noAccess".into()], ..Rule::default() }).unwrap()
}

pub(crate) fn restrict() -> Changes {
    [Field::Movies, Field::Television].map(|field| (field, no_access())).into()
}

pub(crate) fn route_b(status: u16) -> Write {
    ("PUT".into(), Face::PlexTv, "/api/users/…".into(), Some(status))
}

pub(crate) fn route_c() -> Write {
    ("POST".into(), Face::Clients, "/api/v2/sharing_settings".into(), Some(200))
}

pub(crate) fn unavailable(error: &PlexError, applied: bool) -> bool {
    matches!(error, PlexError::Unavailable { maybe_applied, .. } if *maybe_applied == applied)
}
