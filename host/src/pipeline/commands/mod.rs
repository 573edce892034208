//! What members and administrators ask for, on Discord and on the command line.

pub(super) mod cli_requests;
pub(super) mod inbound;
pub(super) mod link;
pub(super) mod slash;
