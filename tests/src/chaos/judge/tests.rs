//! The judge's own cases: runs in which something is wrong, made by hand.

use std::collections::BTreeMap;

use rolarr::{
    domain::{
        EventId, UserId,
        contract::{Access, Grant, Restricted, Restriction},
    },
    store::HoldReason,
};
use rolarr_sim::plex::{Offered, PlexSim};

use super::{
    brake::{self, Times, WINDOW},
    deeds::{Deed, Kind},
    giving,
    history::{History, Turn},
    settling,
};
use crate::chaos::town::{Deletion, Given, Held, Soul, Town, Verdict};

fn granted() -> Access {
    Access::Granted(Grant::default())
}

fn restricted() -> Access {
    Access::Restricted(Restricted { before: Grant::default(), restriction: Restriction::default() })
}

fn turn(user: u64, at: u64, before: Access, after: Access) -> Turn {
    Turn {
        user: UserId(user),
        at,
        event: EventId(1),
        noticed: at,
        before,
        after,
        ordered: false,
        lost: None,
        why: String::new(),
    }
}

fn loses(user: u64, at: u64) -> Turn {
    turn(user, at, granted(), restricted())
}

fn deed(user: u64, at: u64, kind: Kind) -> Deed {
    Deed { user: UserId(user), at, kind }
}

fn history(turns: &[Turn]) -> History {
    History { turns: turns.to_vec(), ..History::default() }
}

struct Story {
    histories: BTreeMap<UserId, History>,
    deeds: BTreeMap<UserId, Vec<Deed>>,
    plex: PlexSim,
    town: Town,
}

impl Story {
    /// Three who lose access a minute apart, and are written of five hours later, as after an outage.
    fn three() -> Self {
        let soul = |user| Soul::new(UserId(user), user, format!("soul{user}@example.org"));
        let mut town = Town::of((1..=3).map(soul).collect(), Vec::new(), Vec::new());
        town.given.brake = 2;
        Self {
            histories: (1..=3).map(|user| (UserId(user), history(&[loses(user, user * 60_000)]))).collect(),
            deeds: (1..=3)
                .map(|user| (UserId(user), vec![deed(user, 5 * WINDOW + user, Kind::Takes)]))
                .collect(),
            plex: PlexSim::sample(),
            town,
        }
    }

    fn of(&self, judge: fn(&Times<'_>, &Town) -> Vec<String>) -> usize {
        let settling = self.town.given.settling;
        let times = Times { histories: &self.histories, deeds: &self.deeds, plex: &self.plex, settling };
        judge(&times, &self.town).len()
    }

    fn says(&mut self, at: u64, approves: bool, member: Option<UserId>) {
        let members = member.map_or((1..=3).map(UserId).collect(), |member| vec![member]);
        self.town.verdicts.push(Verdict { at, approves, all: member.is_none(), members, answered: true });
    }
}

#[test]
fn one_more_than_the_brake_lets_pass_is_found() {
    let mut story = Story::three();
    assert_eq!(story.of(brake::too_many), 1);
    story.town.given.brake = 3;
    assert_eq!(story.of(brake::too_many), 0);
}

#[test]
fn what_an_administrator_approved_does_not_count() {
    let mut story = Story::three();
    story.says(4 * WINDOW, true, None);
    assert_eq!(story.of(brake::too_many), 0);
}

#[test]
fn a_rejection_or_an_approval_from_before_lets_nothing_pass() {
    let mut story = Story::three();
    story.says(4 * WINDOW, false, None);
    story.says(1, true, None);
    assert_eq!(story.of(brake::too_many), 1);
}

#[test]
fn an_approval_of_one_member_lets_pass_that_one() {
    let mut story = Story::three();
    story.says(4 * WINDOW, true, Some(UserId(2)));
    assert_eq!(story.of(brake::too_many), 0);
    story.town.given.brake = 1;
    assert_eq!(story.of(brake::too_many), 1);
}

#[test]
fn another_hour_counts_anew() {
    let mut story = Story::three();
    story.town.given.brake = 1;
    story.histories = (1..=3).map(|user| (UserId(user), history(&[loses(user, user * WINDOW)]))).collect();
    assert_eq!(story.of(brake::too_many), 0);
}

#[test]
fn a_loss_that_was_carried_out_counts_though_the_next_one_was_cancelled() {
    let mut story = Story::three();
    story.town.given.settling = 10_000;
    let returns = |at| turn(1, at, restricted(), granted());
    let cancelled = [loses(1, 120_000), returns(125_000)];
    let carried_out = [loses(1, 60_000), returns(90_000), loses(1, 120_000), returns(125_000)];
    for (turns, found) in [(&cancelled[..], 0), (&carried_out[..], 1)] {
        story.histories.insert(UserId(1), history(turns));
        story.deeds.insert(UserId(1), vec![deed(1, 70_500, Kind::Takes)]);
        assert_eq!(story.of(brake::too_many), found, "{turns:?}");
    }
}

#[test]
fn a_loss_that_became_another_while_it_waited_counts() {
    let mut story = Story::three();
    let mut other = restricted();
    if let Access::Restricted(restricted) = &mut other {
        restricted.restriction.downloads = Some(false);
    }
    let turns = [loses(1, 60_000), turn(1, 65_000, restricted(), other)];
    story.histories.insert(UserId(1), history(&turns));
    for (settling, found) in [(10_000, 1), (5_000, 0)] {
        story.town.given.settling = settling;
        assert_eq!(story.of(brake::too_many), found, "{settling}");
    }
}

#[test]
fn whatever_is_taken_within_the_settling_time_is_found() {
    let mut story = Story::three();
    story.town.given.settling = 10_000;
    let role = rolarr::domain::Snowflake("1".to_owned());
    let lost = Turn { lost: Some(role), ..loses(1, 200_000) };
    let before = turn(1, 1_000, Access::Absent, granted());
    let waits = [before, lost, turn(1, 205_000, restricted(), granted())];
    let found = |story: &Story, turns: &[Turn], at| {
        let deeds = [deed(1, at, Kind::Takes)];
        settling::taken(&story.plex, &story.town, &history(turns), &deeds).len()
    };
    assert_eq!((found(&story, &waits[..2], 209_999), found(&story, &waits[..2], 210_000)), (1, 0));
    assert_eq!((found(&story, &waits, 204_000), found(&story, &waits, 206_000)), (1, 0));
    story.says(203_000, true, Some(UserId(1)));
    assert_eq!(found(&story, &waits, 204_000), 0, "an administrator's word does not wait");
}

#[test]
fn whatever_is_taken_from_somebody_who_is_held_is_found() {
    let mut story = Story::three();
    let held = Held {
        user: UserId(2),
        since: 120_000,
        reason: HoldReason::TooMany,
        event: None,
        before: Vec::new(),
        long: false,
    };
    story.town.held.push(held);
    assert_eq!(story.of(brake::held_back), 1, "a removal too, not only a filter");
    story.says(5 * WINDOW, true, None);
    assert_eq!(story.of(brake::held_back), 0);
}

#[test]
fn what_is_lost_with_a_deleted_role_needs_an_approval_whatever_the_brake() {
    let mut story = Story::three();
    story.town.given.brake = 10_000;
    let guild = rolarr::domain::GuildId(900_000_001);
    story.town.deletions.push(Deletion {
        at: 1_000,
        guild,
        role: rolarr::domain::RoleId(1),
        losers: vec![UserId(1), UserId(3)],
    });
    assert_eq!(story.of(brake::lost_with_a_role), 2);
    story.says(WINDOW, true, Some(UserId(1)));
    assert_eq!(story.of(brake::lost_with_a_role), 1);
    story.town.souls[2].left.push(2_000);
    assert_eq!(story.of(brake::lost_with_a_role), 0, "who leaves loses by that");
}

#[test]
fn a_share_or_a_wider_view_after_a_restriction_is_found_a_moment_later() {
    let plex = PlexSim::sample();
    let soul = Soul::new(UserId(1), 1, "soul1@example.org".to_owned());
    let turns = history(&[turn(1, 1_000, Access::Absent, granted()), loses(1, 60_000)]);
    let found = |kind, at| {
        giving::without_access(&plex, &Given::default(), &soul, &turns, &[deed(1, at, kind)]).len()
    };
    for kind in [Kind::Offers, Kind::Widens] {
        assert_eq!(found(kind, 30_000), 0);
        assert_eq!(found(kind, 60_900), 0, "it was under way");
        assert_eq!(found(kind, 62_000), 1);
    }
}

#[test]
fn a_request_that_hung_may_come_later() {
    let mut plex = PlexSim::sample();
    plex.struck.push(59_000);
    let soul = Soul::new(UserId(1), 1, "soul1@example.org".to_owned());
    let turns = history(&[turn(1, 1_000, Access::Absent, granted()), loses(1, 60_000)]);
    let found = |at| {
        giving::without_access(&plex, &Given::default(), &soul, &turns, &[deed(1, at, Kind::Offers)]).len()
    };
    assert_eq!((found(90_000), found(200_000)), (0, 1));
}

#[test]
fn each_decision_allows_one_invitation() {
    let mut plex = PlexSim::sample();
    let soul = Soul::new(UserId(1), 1, "soul1@example.org".to_owned());
    let mut history = history(&[]);
    history.openings = vec![1_000, 50_000];
    let mut found = |at_ms| {
        plex.world.offered.push(Offered { at_ms, asked_ms: at_ms, to: soul.address.clone(), share: at_ms });
        giving::invited_twice(&plex, &soul, &history).len()
    };
    assert_eq!((found(2_000), found(60_000), found(70_000)), (0, 0, 1));
}
