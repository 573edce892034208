//! The whole system under a schedule that one seed draws: events, faults, kills and restarts.
//!
//! Pipeline, store and policy run in one thread with virtual time, straight on the simulators' state machines.
//! A kill drops everything at a numbered step, and what is opened next is a copy of what the files held then: as
//! after the end of a process, not of the machine. That each commit reaches the disk is SQLite's part, and a test
//! of the store holds it to that. So the same seed gives the same run, down to the last request.

mod administrators;
mod driver;
pub mod evidence;
pub(crate) mod faults;
mod fuse;
mod happen;
pub mod judge;
mod opening;
mod plan;
mod report;
mod tamper;
pub mod town;
mod troubles;
mod under_way;

pub use driver::run;
pub use report::Report;
pub use tamper::{Struck, Tamper, tampered, without_brake};
