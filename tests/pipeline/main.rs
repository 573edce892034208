//! The pipeline's behaviour, in one thread and with virtual time.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "nothing of this is shipped: what fails here is a failed test"
)]

mod administrators;
mod brake;
mod crashes;
mod drift;
mod faults;
mod filters;
mod guilds;
mod identity;
mod invitations;
mod messages;
mod observing;
mod ordering;
mod outage;
mod prompts;
mod storage;
mod story;
mod swapping;
mod sweeping;
mod troubles;
mod wakes;
#[path = "../wat_policies/mod.rs"]
mod wat_policies;
