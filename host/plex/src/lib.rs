//! plex.tv and the Plex server.
//!
//! [`Plex`] speaks the protocol over a [`Transport`]: [`HttpTransport`] for real, a simulator in tests. What
//! plex.tv says passes the [`Redactor`] before anybody sees it.

mod addresses;
mod client;
mod http;
mod json;
mod model;
mod pace;
mod percent;
mod redact;
mod text;
mod transport;
mod xml;

pub use addresses::{Addresses, BadAddress, CLIENTS, PLEX_TV};
pub use client::{Pause, Plex, Sleep};
pub use http::{BadIdentity, HttpTransport, Identity, Limits};
pub use model::*;
pub use pace::Paced;
pub use redact::Redactor;
pub use rolarr_domain::{Changes, Field, FieldValue, Sections, Settings, filter};
pub use transport::{Base, Method, Request, Response, Transport, TransportError};
