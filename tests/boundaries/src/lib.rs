//! What must hold for whatever comes into Rolarr from outside: for each boundary one function that takes bytes,
//! hands them to what reads them, and panics if something does not hold. It says whether they were taken.
//!
//! Property tests feed them noise and damaged samples with each `cargo test`; the fuzz targets in `fuzz` feed
//! them what a coverage-guided fuzzer thinks of.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "nothing of this is shipped: what fails here is a failed test"
)]

mod configuration;
mod email;
mod filter;
mod gateway;
mod loader;
mod module;
mod plex;
mod recording;
mod refusals;

pub use configuration::configuration;
pub use email::email;
pub use filter::filter;
pub use gateway::gateway;
pub use loader::loader;
pub use module::module;
pub use plex::{CALLS, plex};
pub use recording::recording;
pub use refusals::{discord_refusal, plex_refusal};

/// Panics if a text for people holds what must not reach a terminal or a log.
fn is_fit_for_people(text: &str) {
    assert!(!text.trim().is_empty(), "an error that says nothing");
    let odd = text.chars().find(|letter| letter.is_control() && *letter != '\n');
    assert!(odd.is_none(), "{odd:?} in {text:?}");
}
