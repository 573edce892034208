//! What a policy decided, and whether it is what must follow.

use super::{
    coverage::Coverage,
    event::{Finding, StepReport},
};
use crate::{
    cli::policy::{
        cases::{Expect, Wanted},
        situation,
    },
    domain::{
        Timestamp,
        contract::{Action, Event},
    },
    policy::{Evaluation, EvaluationError, Failure, LogLine, Policy},
};

/// What decides events.
pub(in crate::cli::policy) trait Decide {
    /// Decides one event.
    fn decide(&self, event: &Event) -> Result<Evaluation, EvaluationError>;
}

impl Decide for Policy {
    fn decide(&self, event: &Event) -> Result<Evaluation, EvaluationError> {
        self.evaluate(event)
    }
}

/// What a policy answered to the events of a case or of a step.
#[derive(Default)]
pub(super) struct Observed {
    /// What happened, a line for each event.
    pub(super) happened: Vec<String>,
    decided: Vec<(Timestamp, Action)>,
    reason: String,
    logs: Vec<LogLine>,
    fuel: u64,
    memory: usize,
    /// When the last event was.
    last: Option<Timestamp>,
    undecided: Option<String>,
    pub(super) coverage: Coverage,
}

impl Observed {
    /// Lets the policy decide an event. True if it did. An error is no verdict on the policy.
    pub(super) fn evaluate(&mut self, policy: &impl Decide, event: &Event) -> Result<(), String> {
        self.coverage.add(event);
        self.last = Some(event.at);
        self.happened.push(situation::line(event));
        match policy.decide(event) {
            Ok(Evaluation { decision, fuel, memory, logs, .. }) => {
                self.decided.extend(decision.actions.into_iter().map(|action| (event.at, action)));
                self.reason = decision.reason;
                self.logs.extend(logs);
                self.fuel = self.fuel.max(fuel);
                self.memory = self.memory.max(memory);
                Ok(())
            }
            // A busy machine is not a slow policy.
            Err(error @ EvaluationError { cause: Failure::OutOfTime { .. }, .. }) => Err(error.to_string()),
            Err(EvaluationError { cause, logs, fuel, .. }) => {
                let details = cause.details();
                let line = if details.is_empty() { "" } else { "\n" };
                self.undecided = Some(format!("{cause}{line}{details}"));
                self.logs.extend(logs);
                self.fuel = self.fuel.max(fuel);
                Ok(())
            }
        }
    }

    /// The actions of the last event; none if it stayed undecided.
    pub(super) fn last_actions(&self, since: usize) -> Option<Vec<Action>> {
        if self.undecided.is_some() {
            return None;
        }
        Some(self.decided.iter().skip(since).map(|(_, action)| action.clone()).collect())
    }

    pub(super) fn decided_so_far(&self) -> usize {
        self.decided.len()
    }

    /// Compares with what must follow. `now` is the time for wakes of which none was decided.
    pub(super) fn compare(self, expect: &Expect, now: Timestamp, step: Option<(usize, usize)>) -> StepReport {
        let Self { happened, decided, reason, logs, fuel, memory, last, undecided, .. } = self;
        let last = last.unwrap_or(now);
        let mut findings = Vec::new();
        match undecided {
            Some(why) => findings.push(Finding::Undecided(why)),
            None => {
                let expected = resolve(&expect.actions, &decided, last);
                if expected.iter().ne(decided.iter().map(|(_, action)| action)) {
                    let decided = decided.iter().map(|(_, action)| action.clone()).collect();
                    findings.push(Finding::Actions { expected, decided });
                }
                if let Some(expected) = expect.reason.as_ref().filter(|expected| **expected != reason) {
                    findings.push(Finding::Reason { expected: expected.clone(), decided: reason.clone() });
                }
            }
        }
        let mut limit = |what, most: Option<u64>, found: u64| {
            if let Some(most) = most.filter(|most| found > *most) {
                findings.push(Finding::Over { what, most, found });
            }
        };
        limit("fuel", expect.max_fuel, fuel);
        limit("bytes of memory", expect.max_memory.map(|most| most as u64), memory as u64);
        limit("actions", expect.max_actions.map(|most| most as u64), decided.len() as u64);
        StepReport { step, happened, decided, reason, logs, fuel, memory, findings }
    }
}

/// What must follow, with the times of the wakes. A wake is counted from the event that asked for the same one, or
/// else from the event that decided the action in its place, or from the last.
fn resolve(wanted: &[Wanted], decided: &[(Timestamp, Action)], last: Timestamp) -> Vec<Action> {
    let mut asked: Vec<&(Timestamp, Action)> =
        decided.iter().filter(|(_, action)| matches!(action, Action::WakeAt(_))).collect();
    let of = |(index, wanted): (usize, &Wanted)| {
        let same = asked.iter().position(|(_, action)| match (wanted, action) {
            (Wanted::Wake { tag, .. }, Action::WakeAt(wake)) => *tag == wake.tag,
            _ => false,
        });
        let at = match same {
            Some(place) => asked.remove(place).0,
            None => decided.get(index).map_or(last, |(at, _)| *at),
        };
        wanted.of(at)
    };
    wanted.iter().enumerate().map(of).collect()
}
