//! Whether the brake held: not more than it lets pass, nobody who was held, nobody whose role was deleted.

use std::collections::{BTreeMap, BTreeSet};

use rolarr::{
    domain::{UserId, contract::Access},
    store::HoldReason,
};
use rolarr_sim::plex::PlexSim;

use super::{
    deeds::{Deed, Kind, was_under_way},
    history::{History, Turn},
};
use crate::chaos::town::{Held, Town, Verdict};

/// How long the brake's window is, in milliseconds.
pub const WINDOW: u64 = 3_600_000;

/// How long after it was given a word of an administrator may have counted that was not answered.
const UNANSWERED: u64 = 15_000;

/// Everything that is known of everybody, in time.
pub struct Times<'a> {
    /// What was decided.
    pub histories: &'a BTreeMap<UserId, History>,
    /// What was done.
    pub deeds: &'a BTreeMap<UserId, Vec<Deed>>,
    /// Where it was done.
    pub plex: &'a PlexSim,
    /// How long what takes something waits before it is done, in milliseconds.
    pub settling: u64,
}

impl Times<'_> {
    /// Whether an administrator gave a command about somebody between two moments.
    fn was_commanded(&self, user: UserId, from: u64, to: u64) -> bool {
        let history = self.histories.get(&user);
        history.is_some_and(|history| history.orders.iter().any(|at| from <= *at && *at <= to))
    }

    /// What was taken from somebody, each with the decision that it followed from.
    fn takings(&self, user: UserId) -> impl Iterator<Item = (&Turn, &Deed)> {
        let history = self.histories.get(&user);
        let deeds = self.deeds.get(&user).map(Vec::as_slice).unwrap_or_default();
        deeds
            .iter()
            .filter(|deed| deed.kind == Kind::Takes)
            .filter_map(move |deed| Some((history?.loss(deed.at, self.settling)?, deed)))
    }
}

/// Whether a word of an administrator may have let happen between two moments what is held for somebody.
pub(super) fn approved(verdicts: &[Verdict], user: UserId, from: u64, to: u64) -> bool {
    verdicts.iter().any(|verdict| {
        let until = if verdict.answered { verdict.at } else { verdict.at + UNANSWERED };
        verdict.approves && verdict.members.contains(&user) && verdict.at <= to && until >= from
    })
}

/// More members than the brake lets pass had less at Plex by decisions of one window, without an
/// administrator's word. Whatever an administrator approved begins a new count.
#[must_use]
pub fn too_many(times: &Times<'_>, town: &Town) -> Vec<String> {
    let verdicts = &town.verdicts;
    let brake = town.given.brake;
    let mut passed: Vec<&Turn> = Vec::new();
    for user in times.histories.keys() {
        for (turn, deed) in times.takings(*user) {
            let commanded = times.was_commanded(*user, turn.at, deed.at);
            if !turn.ordered && !commanded && !approved(verdicts, *user, turn.at, deed.at) {
                passed.push(turn);
            }
        }
    }
    passed.sort_by_key(|turn| (turn.at, turn.user));
    for end in &passed {
        let anew = |from: u64| {
            verdicts.iter().any(|verdict| {
                let until = if verdict.answered { verdict.at } else { verdict.at + UNANSWERED };
                verdict.approves && verdict.all && verdict.at <= end.at && until >= from
            })
        };
        let members: BTreeSet<UserId> = passed
            .iter()
            .filter(|turn| turn.at <= end.at && end.at - turn.at < WINDOW && !anew(turn.at))
            .map(|turn| turn.user)
            .collect();
        if members.len() > usize::try_from(brake).unwrap_or(usize::MAX) {
            return vec![format!(
                "{} members had less within an hour up to {}, and the brake lets {brake} pass. {verdicts:?} {members:?}",
                members.len(),
                end.at
            )];
        }
    }
    Vec::new()
}

/// Nothing is taken from somebody who is held before an administrator lets it happen, or the decision that was
/// held is overtaken by one that gives.
#[must_use]
pub fn held_back(times: &Times<'_>, town: &Town) -> Vec<String> {
    let mut found = Vec::new();
    for held in town.held.iter().filter(|held| held.reason != HoldReason::Drift) {
        let Some(history) = times.histories.get(&held.user) else { continue };
        let end = end_of(held, history, &town.verdicts);
        for (turn, deed) in times.takings(held.user) {
            let within = deed.at > held.since && deed.at < end && turn.at < end;
            if within && !was_under_way(times.plex, town.given.moment, held.since, deed.at) {
                found.push(format!(
                    "<@{}> was held from {} to {end}, and had something taken at {}: {turn:?}",
                    held.user, held.since, deed.at
                ));
                break;
            }
        }
    }
    found
}

fn end_of(held: &Held, history: &History, verdicts: &[Verdict]) -> u64 {
    let concerns = |verdict: &&Verdict| {
        let until = if verdict.answered { verdict.at } else { verdict.at + UNANSWERED };
        until >= held.since && verdict.members.contains(&held.user)
    };
    let verdict = verdicts.iter().filter(concerns).map(|verdict| verdict.at).min();
    // An administrator's own command goes before what waits for one.
    let ordered = history.orders.iter().copied().find(|at| *at > held.since);
    let lifted = history.turns.iter().find(|turn| turn.at > held.since && !turn.less()).map(|turn| turn.at);
    verdict.into_iter().chain(ordered).chain(lifted).min().unwrap_or(u64::MAX)
}

/// From those who lost their last role because it was deleted nothing is taken until an administrator lets it
/// happen, whatever the number that the brake lets pass.
#[must_use]
pub fn lost_with_a_role(times: &Times<'_>, town: &Town) -> Vec<String> {
    let mut found = Vec::new();
    for deletion in &town.deletions {
        for user in &deletion.losers {
            let Some(soul) = town.souls.iter().find(|soul| soul.user == *user) else { continue };
            // Whoever got a role after it, or left, lost by something else; and so did those for whom an
            // administrator rejected it.
            let rejected = |verdict: &&Verdict| !verdict.approves && verdict.members.contains(user);
            let rejected = town.verdicts.iter().filter(rejected).map(|verdict| verdict.at);
            let otherwise = soul.gained.iter().chain(&soul.left).copied();
            let end = otherwise.chain(rejected).filter(|at| *at >= deletion.at).min().unwrap_or(u64::MAX);
            let taken = times.takings(*user).find(|(turn, deed)| {
                turn.noticed > deletion.at
                    && turn.at < end
                    && !turn.ordered
                    && !times.was_commanded(*user, turn.at, deed.at)
                    // Of a role that came and was deleted unnoticed the bot can't know.
                    && turn.lost.as_ref().is_none_or(|lost| *lost == deletion.role.into())
                    && matches!(turn.before, Access::Granted(_))
                    && !approved(&town.verdicts, *user, turn.at, deed.at)
            });
            if let Some((turn, deed)) = taken {
                found.push(format!(
                    "<@{user}> lost access at {} with a role of {} that was deleted at {}, and nobody approved it: \
                     {turn:?}. Before: {:?}. {:?}, {soul:?}",
                    deed.at,
                    deletion.guild,
                    deletion.at,
                    times.histories.get(user).map(|history| &history.turns),
                    town.verdicts
                ));
            }
        }
    }
    found
}
