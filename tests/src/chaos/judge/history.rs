//! What became of somebody's access: their decisions and what administrators said, folded by the contract's
//! own rule and in the order in which they counted.

use std::collections::BTreeMap;

use rolarr::{
    domain::{
        EventId, GuildId, Snowflake, UserId,
        contract::{Access, AccountChange, Action, Cause, Filter, Grant, Origin, Restriction},
    },
    store::{DecisionRow, EventRow, EventState},
};

use crate::chaos::town::Held;

/// An event, and what was decided on it.
#[derive(Clone, Debug)]
pub struct Chapter {
    /// The event.
    pub row: EventRow,
    /// The decision.
    pub decision: Option<DecisionRow>,
}

/// Something that changed what somebody should have.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Who.
    pub user: UserId,
    /// When it counted, in milliseconds since 1970.
    pub at: u64,
    /// The event.
    pub event: EventId,
    /// When that was noticed.
    pub noticed: u64,
    /// What they should have had before, over all guilds.
    pub before: Access,
    /// And from then on.
    pub after: Access,
    /// An administrator said so, and not the policy.
    pub ordered: bool,
    /// The role that the member had lost, if that was the event.
    pub lost: Option<Snowflake>,
    /// What the policy gave as its reason, on which event of which guild.
    pub why: String,
}

impl Turn {
    /// They have less by it.
    #[must_use]
    pub fn less(&self) -> bool {
        rank(&self.after) < rank(&self.before)
    }

    /// They have access without a restriction from then on.
    #[must_use]
    pub fn granted(&self) -> bool {
        matches!(self.after, Access::Granted(_))
    }
}

/// What somebody should have had, and since when.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// What changed it.
    pub turns: Vec<Turn>,
    /// When one more invitation became allowed.
    pub openings: Vec<u64>,
    /// When administrators said something about them with a command.
    pub orders: Vec<u64>,
    /// What each guild decided in the end.
    pub grants: BTreeMap<GuildId, Access>,
    /// What each event made of it, over all guilds.
    pub after: BTreeMap<EventId, Access>,
    /// An administrator rejected what nobody had seen held: from then on nothing can be said.
    pub vague: bool,
}

/// How much it is.
#[must_use]
pub fn rank(access: &Access) -> u8 {
    match access {
        Access::Absent => 0,
        Access::Restricted(_) => 1,
        Access::Granted(_) => 2,
    }
}

/// The most generous of what several guilds decided.
#[must_use]
pub fn most_generous(grants: &BTreeMap<GuildId, Access>) -> Access {
    let mut best = &Access::Absent;
    for access in grants.values() {
        let more = match (best, access) {
            (Access::Restricted(best), Access::Restricted(other)) => {
                closed(&other.restriction) < closed(&best.restriction)
            }
            (best, other) => rank(other) > rank(best),
        };
        if more {
            best = access;
        }
    }
    best.clone()
}

fn closed(restriction: &Restriction) -> usize {
    let filters = [&restriction.movies, &restriction.television, &restriction.music, &restriction.photos];
    filters.iter().filter(|filter| matches!(filter, Filter::Only(_))).count()
        + [restriction.downloads, restriction.live_tv].iter().filter(|switch| **switch == Some(false)).count()
}

impl History {
    /// Of one person; `held` is how they were seen to be held.
    #[must_use]
    pub fn of(user: UserId, story: &[Chapter], held: &[Held]) -> Self {
        let mut counted: Vec<(u64, &Chapter)> = story
            .iter()
            .filter_map(|chapter| match (&chapter.decision, chapter.row.event.state) {
                (Some(decision), EventState::Decided) => Some((decision.at.0, chapter)),
                (None, EventState::Noted) => Some((chapter.row.event.at.0, chapter)),
                _ => None,
            })
            .collect();
        counted.sort_by_key(|(at, chapter)| (*at, chapter.row.id));
        let mut history = Self::default();
        // Each address that a member gives, and each in its place, may be invited.
        let given = story.iter().map(|chapter| &chapter.row.event).filter(|event| {
            event.cause == Cause::Account(AccountChange::Identified) && event.origin == Origin::Live
        });
        history.openings.extend(given.map(|event| event.at.0));
        for (at, chapter) in counted {
            let before = most_generous(&history.grants);
            let ordered = chapter.decision.is_none();
            match &chapter.decision {
                Some(decision) => history.decide(at, chapter.row.event.guild, &decision.actions),
                None => history.order(at, &chapter.row, held.iter().filter(|held| held.user == user)),
            }
            let after = most_generous(&history.grants);
            history.after.insert(chapter.row.id, after.clone());
            if after != before {
                let reason = chapter.decision.as_ref().map(|decision| decision.reason.as_str());
                let (event, id) = (&chapter.row.event, chapter.row.id);
                let why = format!(
                    "{:?} at {} in {} ({:?}): {reason:?}",
                    event.cause, event.at.0, event.guild, event.origin
                );
                let lost = match &event.cause {
                    Cause::RoleRemoved(role) => Some(role.id.clone()),
                    _ => None,
                };
                history.turns.push(Turn {
                    user,
                    at,
                    noticed: event.at.0,
                    event: id,
                    before,
                    after,
                    ordered,
                    lost,
                    why,
                });
            }
        }
        history
    }

    fn decide(&mut self, at: u64, guild: GuildId, actions: &[Action]) {
        let access = self.grants.entry(guild).or_default();
        *access = rolarr_policy::apply_all(access, actions);
        if actions.iter().any(|action| matches!(action, Action::Invite(_) | Action::Unrestrict)) {
            self.openings.push(at);
        }
    }

    /// What an administrator said.
    fn order<'a>(&mut self, at: u64, row: &EventRow, held: impl Iterator<Item = &'a Held>) {
        if row.event.origin != Origin::Administrator {
            return;
        }
        self.orders.push(at);
        match &row.event.cause {
            Cause::Account(AccountChange::Identified) => {
                let access = self.grants.entry(row.event.guild).or_default();
                if !matches!(access, Access::Granted(_)) {
                    *access = rolarr_policy::apply(access, &Action::Invite(Grant::default()));
                }
                self.openings.push(at);
            }
            Cause::Account(AccountChange::RemovedByAdmin) => {
                for access in self.grants.values_mut() {
                    *access = Access::Absent;
                }
            }
            // What was decided before it was held goes on.
            Cause::Review(_) => match held.filter(|held| held.since <= at).max_by_key(|held| held.since) {
                Some(held) => {
                    for (guild, before) in &held.before {
                        let access = self.grants.entry(*guild).or_default();
                        if rank(before) > rank(access) {
                            *access = before.clone();
                        }
                    }
                }
                None => self.vague = true,
            },
            _ => {}
        }
    }

    /// The loss that something was taken for at a moment. What was decided while the loss waited for the settling time
    /// and neither gave nor took more is carried out with it.
    #[must_use]
    pub fn loss(&self, at: u64, settling: u64) -> Option<&Turn> {
        let mut decided: Option<&Turn> = None;
        for turn in self.turns.iter().rev().skip_while(|turn| turn.at > at) {
            let waited = decided.is_none_or(|later| later.at < turn.at + settling);
            if !waited || rank(&turn.after) > rank(&turn.before) {
                return None;
            }
            if turn.less() {
                return Some(turn);
            }
            decided = Some(turn);
        }
        None
    }

    /// The last turn before a moment.
    #[must_use]
    pub fn last(&self, at: u64) -> Option<&Turn> {
        self.turns.iter().rfind(|turn| turn.at <= at)
    }
}
