//! The whole system under a schedule that one seed draws: events, faults, kills and restarts.
//!
//! Pipeline, store and policy run in one thread with virtual time, straight on the simulators' state machines.
//! A kill drops everything at a numbered step, and what is opened next is a copy of what the disk had then. So
//! the same seed gives the same run, down to the last request.

mod driver;
pub mod evidence;
pub(crate) mod faults;
mod fuse;
pub mod invariants;
mod plan;
mod report;
mod tamper;
pub mod timeline;
pub mod town;

pub use driver::{run, run_with};
pub use report::Report;
pub use tamper::Tamper;
