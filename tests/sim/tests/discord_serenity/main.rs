//! The simulated Discord with a real client: serenity, over real sockets.

mod bot;
mod gateway;
mod interactions;
mod rest;
