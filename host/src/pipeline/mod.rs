//! From what happened to what follows.

pub mod ports;
