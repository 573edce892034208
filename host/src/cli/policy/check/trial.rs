//! Events through a policy, each twice: whether it decides them, and always the same, and what that costs.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use rolarr_policy::contract::{
    Access, AccountChange, Action, Cause, Event, Grant, Member, Restricted, Restriction, Review, Role, Rule,
    Service,
};

use crate::{
    cli::policy::{situation, test::Decide},
    domain::filter,
    policy::{Evaluation, EvaluationError, Failure, Limits},
};

/// What came of the events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// How many there were.
    pub(super) events: usize,
    /// Those whose second decision or cost was another.
    pub(super) unstable: Vec<String>,
    /// Why some stayed undecided, each reason once, in the order in which they came up.
    pub(super) undecided: Vec<Undecided>,
    /// Why restrictions can't be set at Plex, each reason once.
    pub(super) impossible: Vec<Undecided>,
    /// Those for which the machine was too busy: there is no verdict.
    pub(super) untested: usize,
    /// The most that one event took of each limit.
    pub(super) shares: Vec<Share>,
    /// How many lines were logged.
    pub(super) logged: usize,
}

/// Events that stayed undecided for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Undecided {
    /// The reason in one line.
    pub(super) why: String,
    /// What there is to say about that in further lines, or empty.
    pub(super) details: String,
    /// Which events.
    pub(super) events: Vec<String>,
}

impl Seen {
    fn stays_undecided(&mut self, event: String, cause: &Failure) {
        Self::note_reason(&mut self.undecided, event, cause.to_string(), cause.details().to_owned());
    }

    fn note_reason(reasons: &mut Vec<Undecided>, event: String, why: String, details: String) {
        match reasons.iter_mut().find(|known| known.why == why && known.details == details) {
            Some(known) => known.events.push(event),
            None => reasons.push(Undecided { why, details, events: vec![event] }),
        }
    }
}

/// The most that one event took of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// The limit's name among the settings.
    pub(super) limit: &'static str,
    pub(super) most: u64,
    pub(super) of: u64,
    /// Which event.
    pub(super) event: String,
}

impl Share {
    /// In thousandths of the limit.
    pub(super) fn per_mille(&self) -> u64 {
        (u128::from(self.most) * 1_000 / u128::from(self.of.max(1))).try_into().unwrap_or(u64::MAX)
    }

    /// Whether half of the limit is used up.
    pub(super) fn is_near(&self) -> bool {
        self.per_mille() > 500
    }
}

/// How long all events together may take. Those of a usual policy take a few milliseconds.
const CLOCK: Duration = Duration::from_secs(3);

/// A policy that is watched.
pub(super) struct Trial<'a> {
    policy: &'a dyn Decide,
    limits: &'a Limits,
    seen: RefCell<Seen>,
    /// An event showed that it runs without end: others would only show the same, each for as long.
    endless: Cell<bool>,
    begun: Instant,
}

impl<'a> Trial<'a> {
    pub(super) fn of(policy: &'a dyn Decide, limits: &'a Limits) -> Self {
        Self { policy, limits, seen: RefCell::default(), endless: Cell::new(false), begun: Instant::now() }
    }

    /// Whether no further event is tried.
    pub(super) fn is_over(&self) -> bool {
        self.endless.get() || self.begun.elapsed() > CLOCK
    }

    pub(super) fn finish(self) -> Seen {
        self.seen.into_inner()
    }

    fn note(&self, seen: &mut Seen, event: &str, evaluation: &Evaluation) {
        let Evaluation { decision, fuel, memory, logs, .. } = evaluation;
        seen.logged += logs.len();
        for problem in decision.actions.iter().flat_map(cannot_be_set) {
            Seen::note_reason(&mut seen.impossible, event.to_owned(), problem.to_string(), String::new());
        }
        let longest = decision.actions.iter().map(longest_text).max().unwrap_or(0).max(decision.reason.len());
        let answer = serde_json::to_string(decision).map_or(0, |text| text.len());
        let logged: usize = logs.iter().map(|line| line.text.raw().len()).sum();
        let limits = self.limits;
        for (limit, most, of) in [
            ("fuel", *fuel, limits.fuel),
            ("memory_bytes", *memory as u64, limits.memory_bytes as u64),
            ("actions", decision.actions.len() as u64, limits.actions as u64),
            ("text_bytes", longest as u64, limits.text_bytes as u64),
            ("answer_bytes", answer as u64, limits.answer_bytes as u64),
            ("log_lines", logs.len() as u64, limits.log_lines as u64),
            ("log_bytes", logged as u64, limits.log_bytes as u64),
        ] {
            let share = Share { limit, most, of, event: event.to_owned() };
            match seen.shares.iter_mut().find(|known| known.limit == limit) {
                Some(known) if known.most >= most => {}
                Some(known) => *known = share,
                None => seen.shares.push(share),
            }
        }
    }
}

impl Decide for Trial<'_> {
    fn decide(&self, event: &Event) -> Result<Evaluation, EvaluationError> {
        let first = self.policy.decide(event);
        if let Err(error) = &first
            && matches!(error.cause, Failure::OutOfFuel { .. } | Failure::OutOfTime { .. })
        {
            self.endless.set(true);
            let mut seen = self.seen.borrow_mut();
            seen.events += 1;
            match &error.cause {
                Failure::OutOfTime { .. } => seen.untested += 1,
                cause => seen.stays_undecided(situation::short(event), cause),
            }
            return first;
        }
        let second = self.policy.decide(event);
        let mut seen = self.seen.borrow_mut();
        seen.events += 1;
        let name = situation::short(event);
        match (&first, &second) {
            (Ok(one), Ok(other)) => {
                let of = |evaluation: &Evaluation| {
                    (evaluation.decision.clone(), evaluation.fuel, evaluation.memory, evaluation.logs.clone())
                };
                if of(one) != of(other) {
                    seen.unstable.push(name.clone());
                }
                self.note(&mut seen, &name, one);
            }
            (Err(one), Err(other)) => match (&one.cause, &other.cause) {
                (Failure::OutOfTime { .. }, _) | (_, Failure::OutOfTime { .. }) => seen.untested += 1,
                (cause, same) if cause == same => seen.stays_undecided(name, cause),
                _ => seen.unstable.push(name),
            },
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => match error.cause {
                Failure::OutOfTime { .. } => seen.untested += 1,
                _ => seen.unstable.push(name),
            },
        }
        first
    }
}

/// Why the restriction that an action asks for can't be set at Plex.
fn cannot_be_set(action: &Action) -> Vec<filter::CannotCarry> {
    let Action::RestrictTo(restriction) = action else { return Vec::new() };
    let mut problems: Vec<_> =
        filter::rules(restriction).filter_map(|rule| filter::only(rule).err()).collect();
    problems.dedup();
    problems
}

/// The longest text in an action, in bytes.
fn longest_text(action: &Action) -> usize {
    match action {
        Action::Tell(message) => message.text.len(),
        Action::SetMemo(memo) => memo.len(),
        Action::WakeAt(wake) => wake.tag.len(),
        Action::CancelWake(tag) => tag.len(),
        Action::SetLibraries(names) | Action::Invite(Grant { libraries: Some(names), .. }) => {
            names.iter().map(String::len).max().unwrap_or(0)
        }
        _ => 0,
    }
}

/// One event for each cause that a policy is asked about, in each state of access.
pub(super) fn builtin() -> Vec<Event> {
    let plus = Role { id: "900000101".into(), key: "plus".to_owned(), name: "Plus".to_owned() };
    let mut causes = vec![
        (Cause::RoleAdded(plus.clone()), true),
        (Cause::RoleRemoved(plus.clone()), false),
        (Cause::MemberLeft, false),
        (Cause::Wake("wake".to_owned()), true),
    ];
    causes.extend(
        [
            AccountChange::Identified,
            AccountChange::AskExpired,
            AccountChange::Accepted,
            AccountChange::Declined,
            AccountChange::LeftService,
        ]
        .map(|change| (Cause::Account(change), true)),
    );
    for review in [Review::PolicyChanged, Review::RolesChanged, Review::Retry, Review::Asked] {
        causes.push((Cause::Review(review), true));
        causes.push((Cause::Review(review), false));
    }
    let restricted = Restricted {
        before: Grant::default(),
        restriction: Restriction::movies_and_television(Rule::label("noAccess")),
    };
    let accesses = [Access::Absent, Access::Granted(Grant::default()), Access::Restricted(restricted)];
    let mut events = Vec::new();
    for (cause, holds) in causes {
        for access in &accesses {
            let mut event = Event::new(cause.clone());
            event.id = format!("{:010}", events.len() + 1);
            event.at = 1_767_225_600_000.into();
            event.origin = crate::cli::policy::cases::usual_origin(&cause);
            event.guild = "900000000".into();
            event.member = Member {
                id: "900000001".into(),
                username: "ada".to_owned(),
                roles: if holds { vec![plus.clone()] } else { Vec::new() },
                ..Member::default()
            };
            event.service = Service {
                key: "plex".to_owned(),
                kind: "plex".to_owned(),
                libraries: ["Movies", "Shows", "Music"].map(str::to_owned).to_vec(),
            };
            event.account.access = access.clone();
            event.account.identified = !access.is_absent();
            events.push(event);
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, time::Duration};

    use super::*;
    use crate::domain::contract::Decision;

    /// Decides by how often it was asked, which no sandboxed policy can know.
    struct Counting {
        asked: Cell<u64>,
        answer: fn(u64) -> Result<(u64, Decision), Failure>,
    }

    impl Decide for Counting {
        fn decide(&self, event: &Event) -> Result<Evaluation, EvaluationError> {
            self.asked.set(self.asked.get() + 1);
            let (logs, took) = (Vec::new(), Duration::ZERO);
            match (self.answer)(self.asked.get()) {
                Ok((fuel, decision)) => Ok(Evaluation { decision, fuel, memory: 1, took, logs }),
                Err(cause) => {
                    let (policy, event) = ("counting".into(), event.id.as_str().into());
                    Err(EvaluationError { policy, event, cause, logs, fuel: 0, took })
                }
            }
        }
    }

    fn seen(answer: fn(u64) -> Result<(u64, Decision), Failure>) -> Seen {
        let policy = Counting { asked: Cell::new(0), answer };
        let limits = Limits { fuel: 100, ..Limits::default() };
        let trial = Trial::of(&policy, &limits);
        let _ = trial.decide(&Event::new(Cause::MemberLeft));
        trial.finish()
    }

    #[test]
    fn another_decision_or_another_cost_the_second_time_is_noticed() {
        let name = ["member left, absent".to_owned()];
        assert_eq!(seen(|_| Ok((1, Decision::nothing("")))).unstable, Vec::<String>::new());
        assert_eq!(seen(|n| Ok((n, Decision::nothing("")))).unstable, name);
        assert_eq!(seen(|n| Ok((1, Decision::nothing(n.to_string())))).unstable, name);
        let crash = |n| if n == 1 { Err(Failure::EndlessRecursion) } else { Ok((1, Decision::nothing(""))) };
        assert_eq!(seen(crash).unstable, name);
    }

    #[test]
    fn what_stays_undecided_both_times_is_told_and_a_clock_is_no_verdict() {
        let undecided = seen(|_| Err(Failure::EndlessRecursion)).undecided;
        assert_eq!(undecided.len(), 1);
        assert!(undecided[0].why.contains("calls itself without end"), "{undecided:?}");
        let late = seen(|n| match n {
            1 => Ok((1, Decision::nothing(""))),
            _ => Err(Failure::OutOfTime { limit: Duration::ZERO, name: "clock_ms" }),
        });
        assert_eq!((late.untested, late.unstable.len(), late.undecided.len()), (1, 0, 0));
    }

    #[test]
    fn a_restriction_that_no_filter_can_carry_is_told_with_the_reason() {
        let restricts = |label: &str| {
            let restriction = Restriction::movies_and_television(Rule::label(label));
            Decision::of([Action::RestrictTo(restriction)], "why")
        };
        assert_eq!(seen(|_| Ok((1, Decision::nothing("")))).impossible, []);
        let fine = seen(|_| {
            Ok((1, Decision::of([Action::RestrictTo(Restriction::everything(Rule::label("no")))], "")))
        });
        assert_eq!(fine.impossible, []);
        for label in ["a,b", "", "a|b", " a", "a\u{1b}"] {
            let policy = Counting { asked: Cell::new(0), answer: |_| Ok((1, Decision::nothing(""))) };
            let limits = Limits::default();
            let trial = Trial::of(&policy, &limits);
            let decision = restricts(label);
            let evaluation =
                Evaluation { decision, fuel: 1, memory: 1, took: Duration::ZERO, logs: Vec::new() };
            trial.note(&mut trial.seen.borrow_mut(), "an event", &evaluation);
            let impossible = trial.finish().impossible;
            assert_eq!(impossible.len(), 1, "{label:?}");
            assert!(impossible[0].why.contains("can't stand in a Plex filter"), "{impossible:?}");
        }
    }

    #[test]
    fn an_event_that_runs_without_end_is_asked_once_and_is_the_last_one() {
        let answer: fn(u64) -> Result<(u64, Decision), Failure> =
            |_| Err(Failure::OutOfFuel { limit: 1, name: "fuel" });
        let policy = Counting { asked: Cell::new(0), answer };
        let limits = Limits::default();
        let trial = Trial::of(&policy, &limits);
        assert!(!trial.is_over());
        let _ = trial.decide(&Event::new(Cause::MemberLeft));
        assert!(trial.is_over());
        assert_eq!(policy.asked.get(), 1);
        let seen = trial.finish();
        assert_eq!((seen.events, seen.undecided.len()), (1, 1));
    }

    #[test]
    fn the_highest_share_of_each_limit_is_kept() {
        let seen = seen(|_| Ok((51, Decision::of([Action::SetMemo("x".repeat(3_000))], "why"))));
        let share = |limit: &str| seen.shares.iter().find(|share| share.limit == limit).unwrap();
        assert_eq!((share("fuel").most, share("fuel").of), (51, 100));
        assert!(share("fuel").is_near() && share("text_bytes").is_near());
        assert!(!share("actions").is_near() && !share("answer_bytes").is_near());
    }

    #[test]
    fn more_than_half_of_a_limit_is_near_it() {
        let share = |most| Share { limit: "fuel", most, of: 1_000, event: String::new() };
        assert!(!share(500).is_near());
        assert!(share(501).is_near());
        assert_eq!(Share { of: 0, ..share(5) }.per_mille(), 5_000);
        assert_eq!(Share { of: 1, ..share(u64::MAX) }.per_mille(), u64::MAX);
    }

    #[test]
    fn each_cause_is_tried_in_each_state_of_access() {
        let events = builtin();
        assert_eq!(events.len(), 17 * 3);
        for state in [Access::is_absent, Access::is_granted, Access::is_restricted] {
            assert_eq!(events.iter().filter(|event| state(&event.account.access)).count(), 17);
        }
    }
}
