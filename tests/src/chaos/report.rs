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
    /// Kinds of faults that were drawn.
    pub drawn: BTreeMap<String, u64>,
    /// Roles that were turned round while a request was under way, by the place of the request.
    pub flips: BTreeMap<String, u64>,
    /// What was drawn together with such a turn.
    pub pairs: BTreeMap<String, u64>,
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
        for (all, more) in [
            (&mut self.drawn, other.drawn),
            (&mut self.flips, other.flips),
            (&mut self.pairs, other.pairs),
            (&mut self.kills, other.kills),
        ] {
            for (what, times) in more {
                *all.entry(what).or_default() += times;
            }
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
    /// A fault of this kind was drawn.
    pub(super) fn drawn(&mut self, kind: &str) {
        *self.drawn.entry(kind.to_owned()).or_default() += 1;
    }

    /// How often what was drawn, most of it first: one line for each table.
    #[must_use]
    pub fn frequencies(&self) -> String {
        let line = |title: &str, table: &BTreeMap<String, u64>| {
            let mut rows: Vec<(&String, &u64)> = table.iter().collect();
            rows.sort_by_key(|(what, times)| (std::cmp::Reverse(**times), (*what).clone()));
            let rows: Vec<String> = rows.into_iter().map(|(what, times)| format!("{what} {times}")).collect();
            format!("{title}: {}", rows.join(", "))
        };
        [
            line("faults at Plex by kind", &self.drawn),
            line("roles turned round while a request was under way", &self.flips),
            line("faults drawn with such a turn", &self.pairs),
            line("kills by the last step", &self.kills),
        ]
        .join("\n")
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
