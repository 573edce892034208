//! What the end-to-end tests share: Discord and Plex on loopback, the whole bot, people who use it, and ways
//! to wait for what must follow.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "nothing of this is shipped: what fails here is a failed test"
)]

pub mod bot;
pub mod chaos;
pub mod configuration;
pub mod database;
pub mod inprocess;
pub mod people;
pub mod plex;
pub mod process;
mod report;
pub mod storm;
pub mod waiting;
pub mod world;

pub use configuration::Setup;
pub use world::World;
