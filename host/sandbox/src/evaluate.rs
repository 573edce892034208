//! One event.

use std::time::{Duration, Instant};

use rolarr_policy::Convert;
use rolarr_policy::contract::{Decision, Event};

use super::error::{EvaluationError, Failure};
use super::load::{Loaded, Policy, Setup};
use super::logs::LogLine;
use super::run::Run;
use super::{answer, v1};
use rolarr_domain::UntrustedText;

/// What a policy decided, and what that cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// The decision. It was checked, and its reason is one line that is safe to print.
    pub decision: Decision,
    /// Units of work. The same event always costs the same.
    pub fuel: u64,
    /// The memory of the instance at its end, in bytes: the most that it had, because memory never shrinks. The
    /// same event always needs the same.
    pub memory: usize,
    /// Time on the wall.
    pub took: Duration,
    /// What the policy logged.
    pub logs: Vec<LogLine>,
}

impl Policy {
    /// Decides one event, in a fresh instance that is dropped afterwards. Blocks for as long as the policy
    /// takes, at most twice [`Limits::clock_ms`](super::Limits::clock_ms) and the time until a slot is free. A
    /// policy that is configured for every event takes at most twice
    /// [`Limits::configure_clock_ms`](super::Limits::configure_clock_ms) more.
    ///
    /// # Errors
    ///
    /// There is no decision: the event stays undecided and no action follows.
    pub fn evaluate(&self, event: &Event) -> Result<Evaluation, EvaluationError> {
        let started = Instant::now();
        let loaded = &*self.0;
        let _entered = loaded.engine.enter();
        let mut outcome = loaded.attempt(event);
        // A busy machine is not a slow policy: a policy that is slow is slow twice.
        if matches!(outcome.decision, Err(Failure::OutOfTime { .. })) {
            outcome = loaded.attempt(event);
        }
        let Outcome { decision, fuel, memory, logs } = outcome;
        let took = started.elapsed();
        match decision {
            Ok(decision) => Ok(Evaluation { decision, fuel, memory, took, logs }),
            Err(cause) => Err(EvaluationError {
                policy: loaded.name.as_str().into(),
                event: event.id.as_str().into(),
                cause,
                logs,
                fuel,
                took,
            }),
        }
    }
}

struct Outcome {
    decision: Result<Decision, Failure>,
    fuel: u64,
    memory: usize,
    logs: Vec<LogLine>,
}

impl Loaded {
    fn attempt(&self, event: &Event) -> Outcome {
        let mut run = match Run::new(&self.engine, &self.limits, self.limits.of_an_event()) {
            Ok(run) => run,
            Err(failure) => {
                return Outcome { decision: Err(failure), fuel: 0, memory: 0, logs: Vec::new() };
            }
        };
        let decision = self.decide(&mut run, event);
        let (fuel, memory) = (run.fuel_used(), run.memory_used());
        Outcome { decision, fuel, memory, logs: run.finish() }
    }

    fn decide(&self, run: &mut Run, event: &Event) -> Result<Decision, Failure> {
        let rules = match &self.setup {
            Setup::Snapshot => run.instantiate(&self.prepared)?.1,
            Setup::Configure { settings, sources } => {
                run.renew(self.limits.of_loading())?;
                let rules = run.instantiate(&self.prepared)?.1;
                rules
                    .rolarr_policy_rules()
                    .call_configure(&mut run.store, settings, sources)
                    .map_err(|error| run.failure(&error))?
                    .map_err(|text| Failure::Refused(text.into()))?;
                run.renew(self.limits.of_an_event())?;
                rules
            }
        };
        let lowered: v1::types::Event = event.clone().convert();
        let answer = rules
            .rolarr_policy_rules()
            .call_evaluate(&mut run.store, &lowered)
            .map_err(|error| run.failure(&error))?
            .map_err(|text| Failure::Refused(text.into()))?;
        let mut decision: Decision = answer.convert();
        answer::check(&decision, event, &self.limits).map_err(|what| Failure::Malformed(Box::new(what)))?;
        decision.reason = UntrustedText::short(&decision.reason, self.limits.text_bytes).to_string();
        Ok(decision)
    }
}
