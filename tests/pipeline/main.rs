//! The pipeline's behaviour, in one thread and with virtual time.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "nothing of this is shipped: what fails here is a failed test"
)]

mod administrators;
mod answers;
mod brake;
mod brake_kinds;
mod candidates;
mod clock;
mod constant_policy;
mod correcting;
mod crashes;
mod deleted_roles;
mod drift;
mod ending;
mod faults;
mod filters;
mod guilds;
mod holds;
mod identity;
mod invitations;
mod lifting;
mod lists;
mod messages;
mod names;
mod observing;
mod ordering;
mod outage;
mod ownership;
mod pacing;
mod parked;
mod pending;
mod plans;
mod prompts;
mod protection;
mod refusals;
mod reports;
mod second_guild;
mod server;
mod settling;
mod stale;
mod storage;
mod story;
mod streams;
mod swapping;
mod sweeping;
mod troubles;
mod undecided;
mod unreadable;
mod wakes;
#[path = "../wat_policies/mod.rs"]
#[expect(dead_code, reason = "the tests of the sandbox use all of it")]
mod wat_policies;
