//! What Rolarr did at Plex, and about whom.

use std::collections::BTreeMap;

use rolarr::domain::UserId;
use rolarr_sim::plex::{PlexSim, Recorded};

use crate::chaos::town::Town;

/// What Rolarr did at Plex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It asked for one of our labels, or for the end of a share.
    Takes,
    /// It asked for a share.
    Offers,
    /// The person sees something that they did not see before.
    Widens,
    /// It wrote something else.
    Writes,
}

/// Something that Rolarr did at Plex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed {
    /// About whom.
    pub user: UserId,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// What.
    pub kind: Kind,
}

/// What was done at Plex about each of the souls, in time; requests count whether or not they were answered.
#[must_use]
pub fn deeds(plex: &PlexSim, town: &Town) -> BTreeMap<UserId, Vec<Deed>> {
    let mut named: BTreeMap<String, UserId> = BTreeMap::new();
    for soul in &town.souls {
        if soul.plex != 0 {
            named.insert(soul.plex.to_string(), soul.user);
        }
        named.insert(soul.address.clone(), soul.user);
    }
    for (share, address) in &plex.world.offered_as {
        if let Some(user) = named.get(address) {
            named.insert(share.to_string(), *user);
        }
    }
    let mut all: BTreeMap<UserId, Vec<Deed>> = BTreeMap::new();
    for write in plex.writes() {
        let Some(kind) = kind(write, &town.given.labels) else { continue };
        let mut users: Vec<UserId> =
            names(write).iter().filter_map(|name| named.get(name).copied()).collect();
        users.dedup();
        for user in users {
            all.entry(user).or_default().push(Deed { user, at: write.at_ms, kind });
        }
    }
    for change in plex.sight_changes.iter().filter(|change| !change.gained.is_empty()) {
        if let Some(user) = named.get(&change.account.to_string()) {
            // What had its effect late was done when it was asked for.
            let deed = Deed { user: *user, at: change.asked_ms, kind: Kind::Widens };
            all.entry(*user).or_default().push(deed);
        }
    }
    for deeds in all.values_mut() {
        deeds.sort_by_key(|deed| deed.at);
    }
    all
}

fn kind(write: &Recorded, labels: &[String]) -> Option<Kind> {
    let hides = labels.iter().any(|label| {
        write.body.contains(label) || write.query.iter().any(|(_, value)| value.contains(label))
    });
    match write.method.as_str() {
        "DELETE" => Some(Kind::Takes),
        _ if hides => Some(Kind::Takes),
        "POST" if write.path.ends_with("/shared_servers") => Some(Kind::Offers),
        _ if write.path.ends_with("/terminate") => None,
        _ => Some(Kind::Writes),
    }
}

/// The numbers and addresses that a request names, in its path or in its body.
#[must_use]
pub fn names(write: &Recorded) -> Vec<String> {
    let path = write.path.replace("%40", "@");
    let word = |letter: char| !(letter.is_ascii_alphanumeric() || "@.-_+".contains(letter));
    path.split(word)
        .chain(write.body.split(word))
        .filter(|word| word.contains('@') || word.parse::<u64>().is_ok())
        .map(str::to_owned)
        .collect()
}

/// The longest gap between two requests while some stand in line.
const IN_LINE: u64 = 320;

/// How long one call goes on at most when requests are not answered: two that hang, and their pauses.
const TROUBLE: u64 = 90_000;

/// Whether what was done at `done` may have been under way since before `decided`: it came within a moment, or
/// requests stood in line the whole time between, or some of them went wrong.
#[must_use]
pub fn was_under_way(plex: &PlexSim, moment: u64, decided: u64, done: u64) -> bool {
    if done < decided || done - decided <= moment {
        return true;
    }
    if done - decided > TROUBLE {
        return false;
    }
    let from = decided.saturating_sub(TROUBLE / 2);
    if plex.struck.iter().any(|at| from <= *at && *at <= done) {
        return true;
    }
    let first = plex.requests.partition_point(|request| request.at_ms < decided);
    let mut before = decided;
    for request in plex.requests.iter().skip(first).take_while(|request| request.at_ms <= done) {
        if request.at_ms - before > IN_LINE {
            return false;
        }
        before = request.at_ms;
    }
    done - before <= IN_LINE
}
