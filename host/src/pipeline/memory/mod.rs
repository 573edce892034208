//! What the workers remember while the bot runs. None of it outlives a restart, and nothing here knows a worker.

pub(super) mod active_policy;
pub(super) mod direct_messages;
pub(super) mod doubt;
pub(super) mod hints;
pub(super) mod lists;
pub(super) mod quarantine;
pub(super) mod resync_schedule;
pub(super) mod server_looks;
pub(super) mod snapshot;
pub(super) mod token;
