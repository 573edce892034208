//! Whether anything was given that was not decided: a share by a restriction, a wider view, a second invitation.

use rolarr::domain::contract::Access;
use rolarr_sim::plex::{PlexSim, SightChange};

use super::{
    deeds::{Deed, Kind, was_under_way},
    history::{History, Turn},
    sight,
};
use crate::chaos::town::{Given, Soul};

/// Shares that were offered to somebody whose last decision was a restriction or a removal, and what such a
/// decision made visible.
#[must_use]
pub fn without_access(
    plex: &PlexSim,
    given: &Given,
    soul: &Soul,
    history: &History,
    deeds: &[Deed],
) -> Vec<String> {
    let mut found = Vec::new();
    for deed in deeds.iter().filter(|deed| matches!(deed.kind, Kind::Offers | Kind::Widens)) {
        let last = history.last(deed.at);
        let granted = last.is_some_and(|turn| turn.granted());
        let under_way = last.is_some_and(|turn| {
            let before = history.turns.iter().rfind(|earlier| earlier.at < turn.at);
            let before = before.is_some_and(|turn| turn.granted());
            before && was_under_way(plex, given.moment + given.settling, turn.at, deed.at)
        });
        if granted || under_way || last.is_some_and(|turn| is_of_another_rule(plex, given, soul, turn, deed))
        {
            continue;
        }
        let what = if deed.kind == Kind::Offers { "was offered a share" } else { "sees more since a write" };
        found.push(format!(
            "<@{}> {what} at {}, and was not to have access: {:?}",
            soul.user, deed.at, history.turns
        ));
    }
    found
}

/// They were restricted by another rule until this decision, or had access again by one that never reached Plex:
/// this rule may show what the other did not, and nothing more than itself.
fn is_of_another_rule(plex: &PlexSim, given: &Given, soul: &Soul, turn: &Turn, deed: &Deed) -> bool {
    let another = match (&turn.before, &turn.after) {
        (Access::Granted(_), Access::Restricted(_)) => true,
        (Access::Restricted(other), Access::Restricted(this)) => other.restriction != this.restriction,
        _ => false,
    };
    let may = sight::should_see(plex, soul, &turn.after, given);
    let is = |change: &&SightChange| change.asked_ms == deed.at && change.account == soul.plex;
    let gained = plex.sight_changes.iter().filter(is).flat_map(|change| &change.gained);
    deed.kind == Kind::Widens
        && another
        && gained.clone().count() > 0
        && gained.into_iter().all(|title| may.contains(title))
}

/// Each invitation follows from the last decision that allows one, and from each follows one at most.
#[must_use]
pub fn invited_twice(plex: &PlexSim, soul: &Soul, history: &History) -> Vec<String> {
    let mut used: Option<(u64, u64)> = None;
    let mut asked = 0;
    let mut found = Vec::new();
    for offer in plex.world.offered.iter().filter(|offer| offer.to == soul.address) {
        let opening = history.openings.iter().copied().filter(|at| *at <= offer.asked_ms).max();
        match opening {
            None => found.push(format!("an invitation at {} for no decision", offer.at_ms)),
            Some(opening) => {
                // One that was asked for earlier and had its effect later is not a second one.
                if offer.asked_ms < asked {
                    continue;
                }
                asked = offer.asked_ms;
                let again = used.filter(|(before, _)| *before == opening).map(|(_, at)| at);
                used = Some((opening, offer.at_ms));
                // One that was declined, or accepted and ended, before the bot had seen it is like none.
                let ended = |first: u64| {
                    let mut ends = [soul.declined, soul.departed].into_iter().flatten();
                    ends.any(|at| first <= at && at <= offer.at_ms)
                };
                if again.is_some_and(|first| !ended(first)) {
                    found.push(format!(
                        "a second invitation at {} for one decision at {opening}",
                        offer.at_ms
                    ));
                }
            }
        }
    }
    found
}
