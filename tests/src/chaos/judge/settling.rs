//! Whether what takes something waited for the settling time, so that a role that flickers cost nothing.

use rolarr_sim::plex::PlexSim;

use super::{
    brake::approved,
    deeds::{Deed, Kind, was_under_way},
    history::History,
};
use crate::chaos::town::Town;

/// What was taken from somebody who lost a role, before the settling time was over or after the role was back within
/// it. What follows from an earlier decision may be under way still, and an administrator's word waits for nothing.
#[must_use]
pub fn taken(plex: &PlexSim, town: &Town, history: &History, deeds: &[Deed]) -> Vec<String> {
    let given = &town.given;
    let mut found = Vec::new();
    for (index, lost) in history.turns.iter().enumerate() {
        if !lost.less() || lost.ordered || lost.lost.is_none() {
            continue;
        }
        let next = history.turns.get(index + 1).map_or(u64::MAX, |next| next.at);
        let end = next.min(lost.at + given.settling);
        let earlier =
            index.checked_sub(1).and_then(|before| history.turns.get(before)).map_or(0, |turn| turn.at);
        let taken = deeds.iter().find(|deed| {
            deed.kind == Kind::Takes
                && lost.at < deed.at
                && deed.at < end
                && !history.orders.iter().any(|at| lost.at <= *at && *at <= deed.at)
                && !approved(&town.verdicts, lost.user, lost.at, deed.at)
                && !was_under_way(plex, given.moment, earlier, deed.at)
        });
        if let Some(deed) = taken {
            found.push(format!(
                "lost a role at {}, and had something taken at {}, within the settling time: {lost:?}",
                lost.at, deed.at
            ));
        }
    }
    found
}
