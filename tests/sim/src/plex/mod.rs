//! plex.tv and a Plex server, as far as sharing goes.
//!
//! [`PlexSim`] is a state machine: [`PlexSim::handle`] answers one request. [`PlexServers`] puts it behind
//! three sockets. What people do (accept, decline, leave, watch) are methods of [`PlexSim`], [`Fault`] makes
//! requests go wrong, and [`PlexSim::requests`] is what was asked.
//!
//! What is simulated follows what is publicly known of the protocol. Where reports differ, [`Quirks`] has a
//! switch.

use serde::{Deserialize, Serialize};

use crate::http::Request;

pub mod cli;
mod faults;
mod filter;
mod refusal;
mod sample;
mod server;
mod settings;
mod sharing;
mod sim;
mod sockets;
mod state;
mod story;
mod time;
mod v1;
mod v2;
mod v2_shapes;
mod world;
mod xml;

pub use self::{
    faults::{Effect, Fault, Faults},
    filter::admits,
    sample::{MACHINE, OTHER_MACHINE, OWNER_TOKEN},
    settings::{FILTERS, Settings, WrongValue},
    sim::{PlexSim, Recorded, SightChange},
    sockets::{Clock, PlexServers, system_clock},
    state::{
        Account, Invite, Invitee, Item, Libraries, Library, MediaServer, Offered, Quirks, Session, Share, Tie,
    },
    story::{Impossible, SERVER_LAG_MS},
    world::World,
};

/// Which address a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Face {
    /// `https://plex.tv`.
    PlexTv,
    /// `https://clients.plex.tv`, which serves the same routes.
    Clients,
    /// The Plex server itself.
    Server,
}

/// The token that a request carries, in its header or its query.
fn token(request: &Request) -> &str {
    request.header("x-plex-token").or_else(|| request.parameter("X-Plex-Token")).unwrap_or_default()
}
