//! The simulated Discord with a real client: serenity, over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed test panics, also in the functions that several tests share"
)]

mod bot;
mod gateway;
mod interactions;
mod rest;
