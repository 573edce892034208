//! What happened on Discord.
//!
//! A hint says that a member may have changed. The observer reads the member, and a resync reads all of them. What differs
//! from the database becomes events in the journal.

pub(super) mod deleted_roles;
pub(super) mod ingest;
pub(super) mod observer;
pub(super) mod protection_ended;
pub(super) mod resync;
pub(super) mod resync_requests;
pub mod role_diff;
