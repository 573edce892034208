//! Whether a role that flickers cost nothing.

use rolarr_sim::plex::PlexSim;

use super::{
    deeds::{Deed, Kind, was_under_way},
    history::History,
};
use crate::chaos::town::Given;

/// What was taken from somebody who lost a role and had it back within the settling time. What follows from an earlier
/// decision may be under way still.
#[must_use]
pub fn taken(plex: &PlexSim, given: &Given, history: &History, deeds: &[Deed]) -> Vec<String> {
    let mut found = Vec::new();
    for (index, lost) in history.turns.iter().enumerate() {
        let Some(back) = history.turns.get(index + 1) else { break };
        let flickers = lost.less() && !lost.ordered && lost.lost.is_some() && back.granted();
        if !flickers || back.at >= lost.at + given.settling {
            continue;
        }
        let earlier =
            index.checked_sub(1).and_then(|before| history.turns.get(before)).map_or(0, |turn| turn.at);
        let taken = deeds.iter().find(|deed| {
            deed.kind == Kind::Takes
                && lost.at < deed.at
                && deed.at < back.at
                && !history.orders.iter().any(|at| lost.at <= *at && *at <= deed.at)
                && !was_under_way(plex, given.moment, earlier, deed.at)
        });
        if let Some(deed) = taken {
            found.push(format!(
                "lost a role at {} and had it back at {}, within the settling time, and had something taken at {}: {lost:?}",
                lost.at, back.at, deed.at
            ));
        }
    }
    found
}
