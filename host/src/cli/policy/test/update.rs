//! New outcomes are accepted: what must follow is rewritten where it stands, and nothing else is touched.

use std::{ops::Range, path::Path};

use super::event::{Finding, StepReport, Tested};
use crate::{
    cli::policy::cases::{self, CaseFile, Expect, Kind, Test},
    domain::contract::Action,
    files::{self, FileError},
};

/// Rewrites what must follow from the cases of one file that failed. Gives how many are as they must be now.
///
/// # Errors
///
/// One line that says why the file was left as it is.
pub(super) fn update(file: &CaseFile, failed: &[&Tested]) -> Result<usize, String> {
    let refuse = |why: &str| Err(format!("{}: was not updated: {why}", files::shown(&file.path)));
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut whole = 0;
    for tested in failed {
        let Some(Ok(test)) = file.tests.get(tested.index) else { continue };
        for (step, expect) in tested.steps.iter().zip(expectations(test)) {
            match edits_of(file, tested.index, step, expect) {
                Some(some) => edits.extend(some),
                None => return refuse("where the expectation stands was not found"),
            }
        }
        whole += usize::from(tested.steps.iter().all(is_accepted));
    }
    if edits.is_empty() {
        return Ok(0);
    }
    edits.sort_by_key(|(range, _)| range.start);
    let mut text = file.text.clone();
    for (range, new) in edits.into_iter().rev() {
        if text.get(range.clone()).is_none() {
            return refuse("where the expectation stands was not found");
        }
        text.replace_range(range, &new);
    }
    if !is_as_decided(file, &text, failed) {
        return refuse("its form is one that can't be rewritten; write `expect` as a list in brackets");
    }
    match files::read_text(&file.path, file.text.len() as u64) {
        Ok(now) if now == file.text => {}
        Ok(_) | Err(FileError::TooLarge { .. }) => return refuse("it was changed meanwhile"),
        Err(error) => return refuse(&format!("it can't be read: {error}")),
    }
    match std::fs::write(&file.path, text) {
        Ok(()) => Ok(whole),
        Err(error) => refuse(&format!("it can't be written: {error}")),
    }
}

/// What must follow: of a case, or of each step of a story.
fn expectations(test: &Test) -> Vec<&Expect> {
    match &test.kind {
        Kind::Case(case) => vec![&case.expect],
        Kind::Story(story) => story.steps.iter().map(|step| &step.expect).collect(),
    }
}

fn differs(step: &StepReport) -> bool {
    let is_outcome = |finding: &Finding| matches!(finding, Finding::Actions { .. } | Finding::Reason { .. });
    step.findings.iter().any(is_outcome)
}

/// Whether nothing is left to complain of once the outcome is accepted.
fn is_accepted(step: &StepReport) -> bool {
    step.findings.iter().all(|finding| matches!(finding, Finding::Actions { .. } | Finding::Reason { .. }))
}

/// What to write where, so that what was decided is what must follow. None if the place is not known.
fn edits_of(
    file: &CaseFile,
    index: usize,
    step: &StepReport,
    expect: &Expect,
) -> Option<Vec<(Range<usize>, String)>> {
    if !differs(step) {
        return Some(Vec::new());
    }
    if !file.is_written() {
        let (range, indent) = cases::decision_at(&file.text, index)?;
        let actions: Vec<Action> = step.decided.iter().map(|(_, action)| action.clone()).collect();
        let reason = if expect.reason.is_some() { step.reason.as_str() } else { "" };
        return Some(vec![(range, cases::in_json(&actions, reason, indent))]);
    }
    let spans = expect.spans.as_ref()?;
    let mut edits = Vec::new();
    for finding in &step.findings {
        match finding {
            Finding::Actions { .. } => edits.push((spans.actions.clone(), cases::in_toml(&step.decided))),
            Finding::Reason { .. } => {
                edits.push((spans.reason.clone()?, cases::reason_in_toml(&step.reason)));
            }
            _ => {}
        }
    }
    Some(edits)
}

/// Whether the new text says what was decided, and of all other cases what the old one said.
fn is_as_decided(file: &CaseFile, text: &str, failed: &[&Tested]) -> bool {
    let Ok(new) = cases::parse(text.to_owned(), &file.path) else { return false };
    new.tests.len() == file.tests.len()
        && new.tests.iter().zip(&file.tests).enumerate().all(|(index, pair)| match pair {
            (Ok(new), Ok(old)) => {
                let reports = failed.iter().find(|tested| tested.index == index);
                let (new, old) = (expectations(new), expectations(old));
                new.len() == old.len()
                    && new.iter().zip(&old).enumerate().all(|(step, (new, old))| {
                        match reports.and_then(|tested| tested.steps.get(step)) {
                            Some(report) if differs(report) => says(new, report),
                            _ => new.actions == old.actions && new.reason == old.reason,
                        }
                    })
            }
            (Err(_), Err(_)) => true,
            _ => false,
        })
}

fn says(expect: &Expect, report: &StepReport) -> bool {
    expect.actions.len() == report.decided.len()
        && expect.actions.iter().zip(&report.decided).all(|(wanted, (at, action))| wanted.of(*at) == *action)
        && expect.reason.as_ref().is_none_or(|reason| *reason == report.reason)
}

/// The failed cases of one file.
pub(super) fn of<'a>(path: &Path, failed: &'a [Tested]) -> Vec<&'a Tested> {
    failed.iter().filter(|tested| tested.file == path).collect()
}
