//! The simulators behind real sockets on loopback.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Face, PlexSim};
use crate::serve::Server;

/// What tells the time: milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The system's clock.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// plex.tv, clients.plex.tv and a Plex server, listening. They end when this is dropped.
#[derive(Debug)]
pub struct PlexServers {
    /// Stands for `https://plex.tv`.
    pub plex_tv: String,
    /// Stands for `https://clients.plex.tv`.
    pub clients: String,
    /// Stands for the Plex server.
    pub server: String,
    _listening: [Server; 3],
}

impl PlexServers {
    /// Starts listening on three free ports of 127.0.0.1.
    ///
    /// # Errors
    /// If no port can be had.
    pub async fn start(sim: Arc<Mutex<PlexSim>>, clock: Clock) -> io::Result<Self> {
        let plex_tv = listen(&sim, &clock, Face::PlexTv).await?;
        let clients = listen(&sim, &clock, Face::Clients).await?;
        let server = listen(&sim, &clock, Face::Server).await?;
        let mut state = sim.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = state.world.servers.first_mut() {
            first.address = Some(server.address());
        }
        drop(state);
        Ok(Self {
            plex_tv: plex_tv.url(),
            clients: clients.url(),
            server: server.url(),
            _listening: [plex_tv, clients, server],
        })
    }
}

async fn listen(sim: &Arc<Mutex<PlexSim>>, clock: &Clock, face: Face) -> io::Result<Server> {
    let (sim, clock) = (Arc::clone(sim), Arc::clone(clock));
    Server::start(Arc::new(move |request| {
        sim.lock().unwrap_or_else(PoisonError::into_inner).handle(clock(), face, request)
    }))
    .await
}
