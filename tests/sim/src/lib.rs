//! Stand-ins for Discord, plex.tv and a Plex server, to run Rolarr against.
//!
//! Behind the sockets they are plain state machines without a clock of their own, so that a test can also
//! drive them in process, with virtual time.

pub mod discord;
pub mod http;
pub mod plex;
pub mod serve;
