//! Reconciliation: what to ask of Plex next, given what is desired, what was sent and what was read. Pure.
//!
//! A request may take effect after Rolarr stopped waiting for its answer, and a read may show what was true some
//! seconds ago. So nothing is concluded from one read alone:
//!
//! * Every value that was sent stays *ours* until a read that began after [`Windows`] have passed shows that it is
//!   superseded.
//! * A value is written although a read shows it already, if something else was sent after it.
//! * An absence counts if two reads agree and no earlier request can create the share any more. A presence counts
//!   for good if no earlier request can end it any more.
//!
//! [`fields`] and [`libraries`] decide about an accepted share, [`share`] about whether there is one.

pub mod fields;
pub mod libraries;
pub mod share;

use crate::Timestamp;

/// For how long an earlier request or an old read can still matter, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// A second read confirms an absence if it began this long after the first.
    pub confirm: u64,
    /// A read can show what was true before an answered request for this long after the answer.
    pub stale: u64,
    /// A request without an answer can take effect for this long after it was sent.
    pub late: u64,
}

/// Whether a read that began at a moment is after everything that can still happen until `until`.
#[must_use]
pub fn settled(until: Option<Timestamp>, began: Timestamp) -> bool {
    until.is_none_or(|until| began >= until)
}

/// The later of a moment that may be known and another one.
#[must_use]
pub fn later(known: Option<Timestamp>, other: Timestamp) -> Option<Timestamp> {
    Some(known.map_or(other, |known| known.max(other)))
}
