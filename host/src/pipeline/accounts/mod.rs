//! What is stored with an account, beside what happens to it: its address, and its events in the journal.

pub(super) mod address;
pub(super) mod journal;
