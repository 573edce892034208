//! What a run injected and what it found.

use std::{collections::BTreeMap, fmt, ops::AddAssign};

/// The figures of one seed, or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many seeds.
    pub seeds: u64,
    /// What people and administrators changed or said.
    pub events: u64,
    /// Requests that went wrong, and what the gateway lost.
    pub faults: u64,
    /// Kills, by the step that was the last.
    pub kills: BTreeMap<String, u64>,
    /// How often access was held back.
    pub held: u64,
    /// Members who had given their address when the run ended.
    pub answered: u64,
    /// Decisions of the policies.
    pub decisions: u64,
    /// Requests to Plex.
    pub requests: u64,
    /// What must not be, each in words.
    pub violations: Vec<String>,
    /// A digest of all requests to Plex and Discord, all messages and all decisions: the same seed gives the
    /// same.
    pub trace: u64,
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.events += other.events;
        self.faults += other.faults;
        for (step, kills) in other.kills {
            *self.kills.entry(step).or_default() += kills;
        }
        self.held += other.held;
        self.answered += other.answered;
        self.decisions += other.decisions;
        self.requests += other.requests;
        self.violations.extend(other.violations);
        self.trace ^= other.trace;
    }
}

impl Report {
    /// The kills by the step that was the last, most of them first.
    #[must_use]
    pub fn kills_by_step(&self) -> String {
        let mut steps: Vec<(&String, &u64)> = self.kills.iter().collect();
        steps.sort_by_key(|(step, kills)| (std::cmp::Reverse(**kills), (*step).clone()));
        let steps: Vec<String> = steps.into_iter().map(|(step, kills)| format!("{step} {kills}")).collect();
        format!("kills by the last step: {}", steps.join(", "))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "chaos: {} seeds, {} events, {} faults, {} kills, {} holds, {} decisions, {} requests to Plex, {} \
             violations",
            self.seeds,
            self.events,
            self.faults,
            self.kills.values().sum::<u64>(),
            self.held,
            self.decisions,
            self.requests,
            self.violations.len()
        )
    }
}
