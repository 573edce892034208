//! The configuration file: read once, checked completely, and typed from then on.
//!
//! The file is TOML. It is read from the parsed document and not through serde, because every mistake has
//! to be shown with its line, in an operator's words, with what to do next, and without ever repeating what
//! may be a secret.

mod address;
mod document;
mod error;
mod load;
mod model;
mod policy;
pub(crate) mod quantity;
mod secret;
mod sections;
#[cfg(test)]
mod tests;

pub use address::Address;
pub use error::{ConfigError, Place};
pub use model::{
    Addresses, Brake, Candidate, Config, Discord, Drift, ExistingShares, FirstStart, Guild, Level, LiveTv,
    Located, Log, LogFormat, Plex, Policy, PolicyModule, PolicySettings, Prompt, Removal, Said, Store,
    Timing, TrackedRole,
};
