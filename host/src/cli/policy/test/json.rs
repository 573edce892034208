//! A run as JSON, one event on each line.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::event::{Finding, RunEvent, Show, StepReport, Tested, Totals, Verdict};
use crate::{
    cli::policy::cases::brief,
    domain::{contract::Action, json::to_string},
};

/// The version of the lines.
const FORMAT: u64 = 1;

/// Writes a run as lines of JSON.
pub(super) struct Json<'a> {
    out: &'a mut dyn Write,
}

impl<'a> Json<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out }
    }
}

impl Show for Json<'_> {
    fn show(&mut self, event: &RunEvent<'_>) -> io::Result<()> {
        let line = match event {
            RunEvent::Started { cases, policies } => {
                json!({ "event": "started", "format": FORMAT, "cases": cases, "policies": policies })
            }
            RunEvent::Problem(text) => json!({ "event": "problem", "text": text }),
            RunEvent::Tested(tested) => case(tested),
            RunEvent::Updated { file, cases } => {
                json!({ "event": "updated", "file": file.to_string_lossy(), "cases": cases })
            }
            RunEvent::Ended(totals) => ended(totals),
        };
        writeln!(self.out, "{}", to_string(&line)?)
    }
}

fn case(tested: &Tested) -> Value {
    let mut case = json!({
        "event": "case",
        "file": tested.file.to_string_lossy(),
        "line": tested.line,
        "name": tested.name,
        "result": match tested.verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::Error(_) => "error",
        },
        "micros": u64::try_from(tested.took.as_micros()).unwrap_or(u64::MAX),
        "steps": tested.steps.iter().map(step).collect::<Vec<_>>(),
    });
    if let (Verdict::Error(problem), Value::Object(fields)) = (&tested.verdict, &mut case) {
        fields.insert("error".to_owned(), problem.as_str().into());
    }
    case
}

fn step(step: &StepReport) -> Value {
    json!({
        "line": step.step.map(|(_, line)| line),
        "happened": step.happened,
        "decided": step.decided.iter().map(|(_, action)| brief(action)).collect::<Vec<_>>(),
        "reason": step.reason,
        "fuel": step.fuel,
        "memory": step.memory,
        "logs": step.logs.iter().map(|line| &line.text).collect::<Vec<_>>(),
        "findings": step.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn finding(finding: &Finding) -> Value {
    match finding {
        Finding::Actions { expected, decided } => {
            let list = |actions: &[Action]| actions.iter().map(brief).collect::<Vec<_>>();
            json!({ "what": "actions", "expected": list(expected), "decided": list(decided) })
        }
        Finding::Reason { expected, decided } => {
            json!({ "what": "reason", "expected": expected, "decided": decided })
        }
        Finding::Undecided(why) => json!({ "what": "undecided", "why": why }),
        Finding::Over { what, most, found } => json!({ "what": what, "most": most, "found": found }),
        Finding::Stands { what, expected, found } => {
            json!({ "what": what, "expected": expected, "found": found })
        }
    }
}

fn ended(totals: &Totals) -> Value {
    json!({
        "event": "ended",
        "passed": totals.passed,
        "failed": totals.failed,
        "errors": totals.errors,
        "updated": totals.updated,
        "exit-code": totals.exit(),
        "millis": u64::try_from(totals.took.as_millis()).unwrap_or(u64::MAX),
        "coverage": totals.coverage.json(),
    })
}
