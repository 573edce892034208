//! The database: one SQLite file.
//!
//! One thread writes and groups what comes in at the same time into one commit; another reads. A test that
//! needs everything in one thread opens the store [`Threads::None`].
//!
//! What the pipeline does in one transaction it writes as one closure over [`Tx`], whose methods know the
//! tables.

mod accounts;
mod backup;
mod changes;
mod connection;
mod drift;
mod error;
mod events;
mod failures;
#[cfg(test)]
mod file_tests;
mod guard;
#[cfg(test)]
mod guard_tests;
mod holds;
mod instance;
mod journal;
mod ledgers;
mod libraries;
mod members;
mod messages;
mod orders;
mod policies;
mod prompts;
mod rows;
mod settling;
mod shadow;
#[cfg(test)]
mod tests;
mod times;
mod wakes;
mod worker;

pub use crate::domain::{
    account::{Account, ParkReason, Parked, Record, Told},
    reconcile::share::Stage,
};
pub use backup::{Existing, backup};
pub use changes::Table;
pub use connection::{Impediment, Tx};
pub use drift::{Aspect, DriftRow};
pub use error::StoreError;
pub use events::{DecisionRow, EventRow, EventState, NewEvent, WakeRow};
pub use failures::{FailureRow, Unanswered};
pub use holds::{DeletedRole, HoldReason, HoldRow};
pub use instance::Instance;
pub use journal::{AuditRow, Journal, Span, keep_fact};
pub use ledgers::LedgerRow;
pub use members::{GrantRow, MemberRow};
pub use messages::{Reader, Task, TaskState, Work};
pub use orders::{Answer, Order, Plan, PlannedChange, Scope};
pub use policies::KeptPolicy;
pub use prompts::{Prompt, PromptState};
pub use rows::Each;
pub use settling::SettlingRow;
pub use shadow::{Decided, Difference, Likeness, Likenesses};
pub use times::Furthest;
pub use wakes::{Pace, Paced, Shelved};
pub use worker::{Store, Threads};
