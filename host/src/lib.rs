//! Rolarr keeps access to a Plex server in step with Discord roles.

pub mod discord;
pub mod domain;
pub mod pipeline;
pub mod plex;
