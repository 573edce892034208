//! plex.tv and the Plex server.

pub mod filter;
mod model;
mod percent;
mod transport;

pub use model::*;
pub use transport::{Base, Method, Request, Response, Transport, TransportError};
