//! Plex's protocol: one file per topic.

mod account;
mod exchange;
mod invites;
mod libraries;
mod people;
mod refusal;
mod settings;
mod sharing;
mod streams;
#[cfg(test)]
mod tests;

pub use exchange::{Pause, Plex, Sleep};
