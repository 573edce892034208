//! What was decided and what Rolarr then did at Plex, in time: whether the brake held, and nobody got anything
//! by a decision that takes away. Pure functions, so that tests can hand them a run in which something is wrong.

use std::collections::BTreeSet;

use rolarr::{
    domain::{UserId, contract::Access},
    store::DecisionRow,
};
use rolarr_sim::plex::{PlexSim, Recorded, SightChange};

use super::town::Soul;

/// How long the brake's window is, in milliseconds.
pub const WINDOW: u64 = 3_600_000;

/// A decision that changed what somebody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Who.
    pub user: UserId,
    /// When it was decided, in milliseconds since 1970.
    pub at: u64,
    /// They have less by it.
    pub less: bool,
    /// They have access without a restriction after it.
    pub granted: bool,
}

/// What Rolarr did at Plex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It asked for our label, or for the end of a share.
    Takes,
    /// It asked for a share.
    Offers,
    /// The person sees something that they did not see before.
    Widens,
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

/// What somebody's decisions made of their access, by the contract's own rule.
#[must_use]
pub fn turns(user: UserId, decisions: &[DecisionRow]) -> Vec<Turn> {
    let rank = |access: &Access| match access {
        Access::Absent => 0,
        Access::Restricted(_) => 1,
        Access::Granted(_) => 2,
    };
    let mut access = Access::Absent;
    let mut turns = Vec::new();
    for row in decisions {
        let next = rolarr_policy::apply_all(&access, &row.actions);
        if rank(&next) != rank(&access) {
            let granted = matches!(next, Access::Granted(_));
            turns.push(Turn { user, at: row.at.0, less: rank(&next) < rank(&access), granted });
        }
        access = next;
    }
    turns
}

/// What was done at Plex about somebody; requests count whether or not they were answered.
#[must_use]
pub fn deeds(plex: &PlexSim, soul: &Soul) -> Vec<Deed> {
    let done = |at, kind| Deed { user: soul.user, at, kind };
    let mut deeds = Vec::new();
    for write in plex.writes() {
        let hides = write.body.contains("noAccess")
            || write.query.iter().any(|(_, value)| value.contains("noAccess"));
        let kind = match write.method.as_str() {
            "DELETE" => Kind::Takes,
            _ if hides => Kind::Takes,
            "POST" if write.path.ends_with("/shared_servers") => Kind::Offers,
            _ => continue,
        };
        if is_about(plex, write, soul) {
            deeds.push(done(write.at_ms, kind));
        }
    }
    let widened = |change: &&SightChange| change.account == soul.plex && !change.gained.is_empty();
    deeds.extend(plex.sight_changes.iter().filter(widened).map(|change| done(change.at_ms, Kind::Widens)));
    deeds
}

/// Whether a request names somebody: by account, by address, or by the number of their share.
fn is_about(plex: &PlexSim, write: &Recorded, soul: &Soul) -> bool {
    let account = soul.plex.to_string();
    let in_path = write.path.split('/').any(|part| {
        let share = part.parse().ok().and_then(|id: u64| plex.world.offered_as.get(&id));
        part == account || part.contains(&soul.address) || share == Some(&soul.address)
    });
    let mut words = write.body.split(|letter: char| !letter.is_ascii_alphanumeric());
    in_path || write.body.contains(&soul.address) || words.any(|word| word == account)
}

/// The last decision about somebody before a moment.
fn last<'a>(turns: &'a [Turn], deed: &Deed) -> Option<&'a Turn> {
    turns.iter().rfind(|turn| turn.user == deed.user && turn.at <= deed.at)
}

/// More members than the brake lets pass had less at Plex by decisions of one window, without an
/// administrator's word. Whatever an administrator approved begins a new count.
#[must_use]
pub fn too_many(turns: &[Turn], deeds: &[Deed], approvals: &[u64], brake: u32) -> Vec<String> {
    let approved_in = |from: u64, to: u64| approvals.iter().any(|at| from <= *at && *at <= to);
    let mut passed: Vec<&Turn> = Vec::new();
    for deed in deeds.iter().filter(|deed| deed.kind == Kind::Takes) {
        let Some(turn) = last(turns, deed).filter(|turn| turn.less) else { continue };
        if !approved_in(turn.at, deed.at) {
            passed.push(turn);
        }
    }
    passed.sort_by_key(|turn| (turn.at, turn.user));
    let mut found = Vec::new();
    for end in &passed {
        let members: BTreeSet<UserId> = passed
            .iter()
            .filter(|turn| turn.at <= end.at && end.at - turn.at < WINDOW && !approved_in(turn.at, end.at))
            .map(|turn| turn.user)
            .collect();
        if members.len() > brake as usize {
            let about = |user: &UserId| {
                let turns: Vec<_> = turns.iter().filter(|turn| turn.user == *user).collect();
                let deeds: Vec<_> = deeds.iter().filter(|deed| deed.user == *user).collect();
                format!("\n  {turns:?}\n  {deeds:?}")
            };
            let stories: Vec<String> = members.iter().map(about).collect();
            found.push(format!(
                "{} members had less within an hour up to {}, and the brake lets {brake} pass. Approved at \
                 {approvals:?}.{}",
                members.len(),
                end.at,
                stories.concat()
            ));
            break;
        }
    }
    found
}

/// How long a write may be under way that was right when it began: it may have to go a second route.
const UNDER_WAY: u64 = 60_000;

/// Shares that were offered to somebody whose last decision was a restriction or a removal, and what such a
/// decision made visible.
#[must_use]
pub fn given_without_access(turns: &[Turn], deeds: &[Deed]) -> Vec<String> {
    let mut found = Vec::new();
    for deed in deeds.iter().filter(|deed| deed.kind != Kind::Takes) {
        let begun = Deed { at: deed.at.saturating_sub(UNDER_WAY), ..*deed };
        let meanwhile = |turn: &&Turn| turn.user == deed.user && turn.at > begun.at && turn.at <= deed.at;
        let mut reasons = last(turns, &begun).into_iter().chain(turns.iter().filter(meanwhile));
        if reasons.any(|turn| turn.granted) {
            continue;
        }
        let what = if deed.kind == Kind::Offers { "was offered a share" } else { "sees more since a write" };
        let turns: Vec<_> = turns.iter().filter(|turn| turn.user == deed.user).collect();
        found.push(format!("<@{}> {what} at {}, and was not to have access: {turns:?}", deed.user, deed.at));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loses(user: u64, at: u64) -> Turn {
        Turn { user: UserId(user), at, less: true, granted: false }
    }

    fn gains(user: u64, at: u64) -> Turn {
        Turn { user: UserId(user), at, less: false, granted: true }
    }

    fn deed(user: u64, at: u64, kind: Kind) -> Deed {
        Deed { user: UserId(user), at, kind }
    }

    /// Three who lose access a minute apart, and are written of five hours later, as after an outage.
    fn three() -> (Vec<Turn>, Vec<Deed>) {
        let turns = (1..=3).map(|user| loses(user, user * 60_000)).collect();
        let deeds = (1..=3).map(|user| deed(user, 5 * WINDOW + user, Kind::Takes)).collect();
        (turns, deeds)
    }

    #[test]
    fn one_more_than_the_brake_lets_pass_is_found() {
        let (turns, deeds) = three();
        assert_eq!(too_many(&turns, &deeds, &[], 2).len(), 1);
        assert!(too_many(&turns, &deeds, &[], 3).is_empty());
    }

    #[test]
    fn what_an_administrator_approved_does_not_count() {
        let (turns, deeds) = three();
        assert!(too_many(&turns, &deeds, &[4 * WINDOW], 2).is_empty());
        assert_eq!(too_many(&turns, &deeds, &[1], 2).len(), 1, "an approval before it is none of it");
    }

    #[test]
    fn who_was_held_and_not_written_of_does_not_count() {
        let (turns, mut deeds) = three();
        deeds.pop();
        assert!(too_many(&turns, &deeds, &[], 2).is_empty());
    }

    #[test]
    fn another_hour_counts_anew() {
        let turns: Vec<Turn> = (1..=3).map(|user| loses(user, user * WINDOW)).collect();
        let deeds: Vec<Deed> = (1..=3).map(|user| deed(user, user * WINDOW + 1, Kind::Takes)).collect();
        assert!(too_many(&turns, &deeds, &[], 1).is_empty());
    }

    #[test]
    fn whatever_a_restriction_gives_is_found() {
        let turns = [gains(1, UNDER_WAY), loses(1, 2 * UNDER_WAY)];
        for kind in [Kind::Offers, Kind::Widens] {
            assert!(given_without_access(&turns, &[deed(1, 2 * UNDER_WAY, kind)]).is_empty());
            assert_eq!(given_without_access(&turns, &[deed(1, 3 * UNDER_WAY, kind)]).len(), 1);
            assert_eq!(given_without_access(&turns, &[deed(2, 2 * UNDER_WAY, kind)]).len(), 1);
        }
    }
}
