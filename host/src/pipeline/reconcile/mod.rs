//! Reconcile: Plex is made to agree with what was decided, by the smallest write, and read back.

pub(super) mod accepted;
mod correction;
pub(super) mod diff;
pub(super) mod drift;
mod field_plan;
mod invitation;
pub(super) mod job;
mod lists;
pub(super) mod outcome;
pub(super) mod reconciler;
mod refusals;
mod removal;
mod requests;
pub(super) mod server;
pub(super) mod snapshot;
mod streams;
pub(super) mod token;
