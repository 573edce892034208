//! Rolarr keeps access to a Plex server in step with Discord roles.

pub mod bot;
pub mod cli;
pub mod config;
pub mod discord;
pub mod pipeline;
pub mod store;

pub use rolarr_domain as domain;
pub use rolarr_edge::{files, panics, unreached};
pub use rolarr_plex as plex;
pub use rolarr_sandbox as policy;
