//! Differences, grouped and counted, with a few examples of each.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    mem::discriminant,
};

use rolarr_policy::contract::{Access, Action, Event};
use serde::Serialize;

use super::side::Answer;
use crate::cli::words;

/// At most so many different problems are told apart.
const MOST_PROBLEMS: usize = 50;

/// What kind of difference it is. The first ones matter most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// The member's access differs.
    Access,
    /// One of them fails on an event that the other decides.
    Undecided,
    /// The access is the same, and other actions differ.
    Actions,
    /// Only the reason differs. It changes nothing, and counts as no difference.
    Reason,
}

/// One difference, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Example {
    /// The event's number; in a replay that carries members along, the last event before it.
    pub(super) event: String,
    /// When, in milliseconds since 1970.
    pub(super) at: u64,
    /// The member's id.
    pub(super) member: String,
    pub(super) username: String,
    /// What happened.
    pub(super) cause: String,
    /// The access before.
    pub(super) before: String,
    pub(super) old: Told,
    pub(super) new: Told,
}

/// What one side said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Told {
    pub(super) actions: Vec<Action>,
    pub(super) reason: String,
    /// Why it did not decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) undecided: Option<String>,
}

impl From<&Answer> for Told {
    fn from(answer: &Answer) -> Self {
        match answer {
            Answer::Decided(decision) => {
                Self { actions: decision.actions.clone(), reason: decision.reason.clone(), undecided: None }
            }
            Answer::Undecided(why) => Self { undecided: Some(why.clone()), ..Self::default() },
        }
    }
}

/// Differences of one kind and transition.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    /// How often.
    pub(super) times: u64,
    /// Whose, by a hash of guild and id.
    pub(super) members: HashSet<u64>,
    /// How long all of them together, in milliseconds. Only where members are carried along.
    pub(super) millis: u64,
    /// How many of them last to the end. Only where members are carried along.
    pub(super) lasting: u64,
    /// The first ones, by their place among the events.
    pub(super) examples: BTreeMap<u64, Example>,
}

/// All differences, so far.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) keep: usize,
    pub(super) events: u64,
    pub(super) members: HashSet<u64>,
    /// Events on which both agree.
    pub(super) same: u64,
    /// Events that neither decides.
    pub(super) undecided_by_both: u64,
    /// Stories that were left out.
    pub(super) stories: u64,
    /// How often a member's access changed in the recordings otherwise than by a decision.
    pub(super) taken_up: u64,
    /// The first and the last event's time, in milliseconds since 1970.
    pub(super) span: Option<(u64, u64)>,
    pub(super) groups: BTreeMap<(Kind, String), Group>,
    pub(super) problems: BTreeMap<String, u64>,
    pub(super) problem_count: u64,
}

impl Tally {
    /// Keeps so many examples of each group.
    pub(super) fn new(keep: usize) -> Self {
        Self { keep, ..Self::default() }
    }

    /// An event that is compared.
    pub(super) fn saw(&mut self, event: &Event, member: u64) {
        self.events += 1;
        self.members.insert(member);
        let at = event.at.0;
        self.span = Some(self.span.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
    }

    /// A difference. The example is made only if it is kept.
    pub(super) fn differs(
        &mut self,
        kind: Kind,
        label: String,
        member: u64,
        place: u64,
        example: impl FnOnce() -> Example,
    ) -> &mut Group {
        let keep = self.keep;
        let group = self.groups.entry((kind, label)).or_default();
        group.times += 1;
        group.members.insert(member);
        let last = group.examples.last_key_value().map(|(last, _)| *last);
        if group.examples.len() < keep || last.is_some_and(|last| place < last) {
            group.examples.entry(place).or_insert_with(example);
            if group.examples.len() > keep {
                group.examples.pop_last();
            }
        }
        group
    }

    pub(super) fn problem(&mut self, what: String) {
        self.problem_count += 1;
        if self.problems.len() < MOST_PROBLEMS || self.problems.contains_key(&what) {
            *self.problems.entry(what).or_default() += 1;
        }
    }

    /// Adds what another thread counted.
    pub(super) fn add(&mut self, other: Self) {
        let Self {
            keep: _,
            events,
            members,
            same,
            undecided_by_both,
            stories,
            taken_up,
            span,
            groups,
            problems,
            problem_count,
        } = other;
        self.events += events;
        self.members.extend(members);
        self.same += same;
        self.undecided_by_both += undecided_by_both;
        self.stories += stories;
        self.taken_up += taken_up;
        self.span = match (self.span, span) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        };
        for (key, group) in groups {
            let mine = self.groups.entry(key).or_default();
            mine.times += group.times;
            mine.members.extend(group.members);
            mine.millis += group.millis;
            mine.lasting += group.lasting;
            mine.examples.extend(group.examples);
            while mine.examples.len() > self.keep {
                mine.examples.pop_last();
            }
        }
        self.problem_count += problem_count;
        for (what, count) in problems {
            *self.problems.entry(what).or_default() += count;
        }
    }
}

/// How the access differs, as "restricted -> removed". `before` is what both began with, if it was the same.
pub(super) fn transition(before: Option<&Access>, old: &Access, new: &Access) -> String {
    let word = |access: &Access| match access {
        Access::Absent if before.is_some_and(|before| !before.is_absent()) => "removed",
        other => words::case(other),
    };
    let label = format!("{} -> {}", word(old), word(new));
    if discriminant(old) != discriminant(new) {
        return label;
    }
    let what = match (old, new) {
        (Access::Granted(old), Access::Granted(new)) if old.libraries != new.libraries => "other libraries",
        (Access::Granted(_), Access::Granted(_)) => "other permissions",
        (Access::Restricted(old), Access::Restricted(new)) if old.restriction != new.restriction => {
            "another restriction"
        }
        _ => "something else comes back afterwards",
    };
    format!("{label} ({what})")
}

/// What differs between two lists of actions that lead to the same access.
pub(super) fn other_actions(old: &[Action], new: &[Action]) -> String {
    let of = |actions: &[Action], kind: &str| -> Vec<Action> {
        actions.iter().filter(|action| area(action) == kind).cloned().collect()
    };
    let areas: BTreeSet<&str> = old.iter().chain(new).map(area).collect();
    let differing: Vec<&str> = areas.into_iter().filter(|kind| of(old, kind) != of(new, kind)).collect();
    if differing.is_empty() { "their order".to_owned() } else { differing.join(", ") }
}

fn area(action: &Action) -> &'static str {
    match action {
        Action::Invite(_)
        | Action::RestrictTo(_)
        | Action::Unrestrict
        | Action::Remove
        | Action::SetLibraries(_) => "access that stands already",
        Action::Tell(_) | Action::Quiet => "messages",
        Action::WakeAt(_) | Action::CancelWake(_) => "wakes",
        Action::SetMemo(_) => "memo",
        Action::Other(_) => "other actions",
    }
}
