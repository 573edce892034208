//! The result, for people and for programs.

use serde::Serialize;

use super::{
    side::About,
    tally::{Example, Group, Kind, Tally},
};

/// At most so many problems are shown.
const PROBLEMS: usize = 10;

/// How it was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Mode {
    /// Each event by itself.
    Step,
    /// Members were followed.
    Carry,
}

/// The result.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Report {
    pub(super) mode: Mode,
    pub(super) old: About,
    pub(super) new: About,
    /// How many events were compared.
    pub(super) events: u64,
    /// Of how many members, in their guilds.
    pub(super) members: usize,
    /// The first event's time, in milliseconds since 1970.
    pub(super) first: Option<u64>,
    /// The last event's time.
    pub(super) last: Option<u64>,
    /// Events on which both agree. With members followed: after which the access is the same.
    pub(super) same: u64,
    /// Members whose access differs, at some time.
    pub(super) members_whose_access_differs: usize,
    pub(super) undecided_by_both: u64,
    /// Stories that were left out: they are no recorded events.
    pub(super) stories: u64,
    /// How often both took up what was recorded, because the access had changed otherwise.
    pub(super) taken_up: u64,
    pub(super) differences: Vec<Difference>,
    /// What could not be compared: how often.
    pub(super) not_compared: u64,
    /// What could not be compared: why.
    pub(super) problems: Vec<Problem>,
}

/// Differences of one kind.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Difference {
    pub(super) kind: Kind,
    /// For example "restricted -> removed".
    pub(super) what: String,
    /// How often.
    pub(super) times: u64,
    /// Of how many members.
    pub(super) members: usize,
    /// How long all together, in days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) days: Option<f64>,
    /// How many of them last to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lasting: Option<u64>,
    pub(super) examples: Vec<Example>,
}

/// Why something could not be compared.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Problem {
    pub(super) what: String,
    pub(super) times: u64,
}

impl Report {
    pub(super) fn new(mode: Mode, old: About, new: About, tally: Tally) -> Self {
        let of_access = tally.groups.iter().filter(|((kind, _), _)| *kind == Kind::Access);
        let affected: std::collections::HashSet<u64> =
            of_access.flat_map(|(_, group)| group.members.iter().copied()).collect();
        let mut differences: Vec<Difference> = tally
            .groups
            .into_iter()
            .map(|((kind, what), group)| Difference::new(mode, kind, what, group))
            .collect();
        differences.sort_by(|one, other| {
            (one.kind, other.times, &one.what).cmp(&(other.kind, one.times, &other.what))
        });
        let mut problems: Vec<Problem> =
            tally.problems.into_iter().map(|(what, times)| Problem { what, times }).collect();
        problems.sort_by(|one, other| (other.times, &one.what).cmp(&(one.times, &other.what)));
        problems.truncate(PROBLEMS);
        Self {
            mode,
            old,
            new,
            events: tally.events,
            members: tally.members.len(),
            first: tally.span.map(|(first, _)| first),
            last: tally.span.map(|(_, last)| last),
            same: tally.same,
            members_whose_access_differs: affected.len(),
            undecided_by_both: tally.undecided_by_both,
            stories: tally.stories,
            taken_up: tally.taken_up,
            differences,
            not_compared: tally.problem_count,
            problems,
        }
    }

    /// 0: no difference, 1: differences, 2: something could not be compared.
    pub(super) fn exit_code(&self) -> u8 {
        if self.not_compared > 0 {
            2
        } else {
            u8::from(self.differences.iter().any(|difference| difference.kind != Kind::Reason))
        }
    }

    /// The differences of one kind.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(move |difference| difference.kind == kind)
    }
}

impl Difference {
    fn new(mode: Mode, kind: Kind, what: String, group: Group) -> Self {
        let followed = mode == Mode::Carry && kind == Kind::Access;
        #[expect(clippy::cast_precision_loss, reason = "days, for people")]
        let days = (group.millis as f64 / 86_400_000.0 * 10.0).round() / 10.0;
        Self {
            kind,
            what,
            times: group.times,
            members: group.members.len(),
            days: followed.then_some(days),
            lasting: followed.then_some(group.lasting),
            examples: group.examples.into_values().collect(),
        }
    }
}
