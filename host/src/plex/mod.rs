//! plex.tv and the Plex server.

mod model;
mod transport;

pub use model::*;
pub use transport::{Base, Method, Request, Response, Transport, TransportError};
