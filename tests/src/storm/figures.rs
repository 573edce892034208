//! What a run was like, and what was found.

use std::{fmt, time::Duration};

use anyhow::Result;

use crate::chaos::{evidence::Evidence, town::Town};

/// The figures of a run, or of many.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// What people did.
    pub events: usize,
    /// How often Discord or Plex misbehaved.
    pub faults: usize,
    /// Kills.
    pub kills: usize,
    /// How often an administrator approved what was held.
    pub approvals: usize,
    /// Events that the bot stored.
    pub journaled: usize,
    /// Decisions of the policy.
    pub decisions: usize,
    /// Invitations that Plex sent.
    pub invitations: usize,
    /// Direct messages that came.
    pub messages: usize,
    /// How long it took.
    pub duration: Duration,
    /// What must not be, in words.
    pub violations: Vec<String>,
}

impl Figures {
    pub(super) async fn count(&mut self, evidence: &Evidence, town: &Town) -> Result<()> {
        self.invitations = evidence.at_plex().world.offered.len();
        for soul in &town.souls {
            self.messages += evidence.messages(soul.user).len();
            let user = soul.user;
            let (journaled, decisions) = evidence
                .read(move |tx| {
                    let story = tx.story(user)?;
                    let mut decisions = 0;
                    for row in &story {
                        decisions += usize::from(tx.decision(row.id)?.is_some());
                    }
                    Ok((story.len(), decisions))
                })
                .await?;
            self.journaled += journaled;
            self.decisions += decisions;
        }
        Ok(())
    }
}

impl std::ops::AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.faults += other.faults;
        self.kills += other.kills;
        self.approvals += other.approvals;
        self.journaled += other.journaled;
        self.decisions += other.decisions;
        self.invitations += other.invitations;
        self.messages += other.messages;
        self.duration += other.duration;
        self.violations.extend(other.violations);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} deeds, {} faults, {} kills, {} approvals, {} events journaled, {} decisions, {} invitations, {} messages, {} \
             violations, in {:.0} s",
            self.events,
            self.faults,
            self.kills,
            self.approvals,
            self.journaled,
            self.decisions,
            self.invitations,
            self.messages,
            self.violations.len(),
            self.duration.as_secs_f64()
        )
    }
}
