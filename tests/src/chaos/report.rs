//! What a run injected and what it found.

use std::{fmt, ops::AddAssign};

/// The figures of one seed, or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many seeds.
    pub seeds: u64,
    /// What people and administrators did.
    pub events: u64,
    /// Requests that went wrong, and losses of the gateway.
    pub faults: u64,
    /// Kills.
    pub kills: u64,
    /// How often access was held back.
    pub held: u64,
    /// Requests to Plex.
    pub requests: u64,
    /// What must not be, each in words.
    pub violations: Vec<String>,
    /// A digest of all requests, messages and rows: the same seed gives the same.
    pub trace: u64,
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.events += other.events;
        self.faults += other.faults;
        self.kills += other.kills;
        self.held += other.held;
        self.requests += other.requests;
        self.violations.extend(other.violations);
        self.trace ^= other.trace;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "chaos: {} seeds, {} events, {} faults, {} kills, {} holds, {} requests to Plex, {} violations",
            self.seeds,
            self.events,
            self.faults,
            self.kills,
            self.held,
            self.requests,
            self.violations.len()
        )
    }
}
