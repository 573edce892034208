//! What the workers run on: the loop of a worker, the quarantine of rows that can not be read, the wall clock, and the
//! database's housekeeping.

pub(super) mod housekeeping;
pub(super) mod keyed;
pub(super) mod quarantine;
pub(super) mod wall_clock;
pub(super) mod worker;
