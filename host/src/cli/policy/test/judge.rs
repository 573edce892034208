//! A test of a file: it is told to the policy and gets its verdict.

use std::time::Instant;

use super::{
    event::{StepReport, Tested, Verdict},
    observed::{Decide, Observed},
    story,
};
use crate::cli::policy::cases::{CaseFile, Kind, Test};

/// Tests one case of a file.
pub(super) fn judge(policy: &impl Decide, file: &CaseFile, index: usize, test: &Test) -> Tested {
    let started = Instant::now();
    let (verdict, steps, coverage) = match &test.kind {
        Kind::Case(case) => {
            let mut step = Observed::default();
            let outcome = step.evaluate(policy, &case.event);
            let coverage = std::mem::take(&mut step.coverage);
            let report = step.compare(&case.expect, case.event.at, None);
            (verdict(outcome, std::slice::from_ref(&report)), vec![report], coverage)
        }
        Kind::Story(story) => {
            let (outcome, steps, coverage) = story::tell(policy, story);
            (verdict(outcome, &steps), steps, coverage)
        }
    };
    Tested {
        file: file.path.clone(),
        index,
        line: file.is_written().then_some(test.place.line),
        name: test.name.clone(),
        verdict,
        steps,
        coverage,
        took: started.elapsed(),
    }
}

fn verdict(outcome: Result<(), String>, steps: &[StepReport]) -> Verdict {
    match outcome {
        Err(problem) => Verdict::Error(problem),
        Ok(()) if steps.iter().all(|step| step.findings.is_empty()) => Verdict::Passed,
        Ok(()) => Verdict::Failed,
    }
}
