//! Rolarr keeps access to a Plex server in step with Discord roles.

pub mod bot;
pub mod cli;
pub mod config;
pub mod discord;
pub mod files;
pub mod panics;
pub mod pipeline;
pub mod plex;
pub mod policy;
pub mod store;
mod unreached;

pub use rolarr_domain as domain;
