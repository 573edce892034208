//! What happens in a run of tests: one stream, whoever shows it.

use std::{io, path::PathBuf, time::Duration};

use super::coverage::Coverage;
use crate::{
    domain::{Timestamp, contract::Action},
    files,
    policy::LogLine,
};

/// Something happened in a run.
#[derive(Debug)]
pub(super) enum RunEvent<'a> {
    /// It begins.
    Started {
        /// How many cases there are.
        cases: usize,
        /// The policies, as they were named.
        policies: &'a [String],
    },
    /// Something could not be tested that is no case: a file, a folder, a policy.
    Problem(&'a str),
    /// A case was tested.
    Tested(&'a Tested),
    /// The expectations of a file were rewritten.
    Updated {
        /// The file.
        file: &'a std::path::Path,
        /// How many of its cases.
        cases: usize,
    },
    /// All were tested.
    Ended(&'a Totals),
}

/// Shows a run to somebody.
pub(super) trait Show {
    /// Takes the next event.
    fn show(&mut self, event: &RunEvent<'_>) -> io::Result<()>;
}

/// What became of a case.
#[derive(Debug)]
pub(super) struct Tested {
    /// The file.
    pub(super) file: PathBuf,
    /// Which of its cases, from 0.
    pub(super) index: usize,
    /// The line; none in a recording.
    pub(super) line: Option<usize>,
    pub(super) name: String,
    pub(super) verdict: Verdict,
    /// The event of a case, or the steps of a story.
    pub(super) steps: Vec<StepReport>,
    pub(super) coverage: Coverage,
    pub(super) took: Duration,
}

impl Tested {
    /// File and name, for people.
    pub(super) fn title(&self) -> String {
        format!("{}: {}", files::shown(&self.file), self.name)
    }
}

/// Whether a case is as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is.
    Passed,
    /// It is not: some step has findings.
    Failed,
    /// It could not be compared.
    Error(String),
}

/// What came of an event, or of a step of a story.
#[derive(Debug, Default)]
pub(super) struct StepReport {
    /// Which step of a story, from 1, and its line.
    pub(super) step: Option<(usize, usize)>,
    /// What happened, a line each.
    pub(super) happened: Vec<String>,
    /// The actions, each with the time of its event.
    pub(super) decided: Vec<(Timestamp, Action)>,
    /// The reason of the last decision.
    pub(super) reason: String,
    pub(super) logs: Vec<LogLine>,
    /// The most that one event cost.
    pub(super) fuel: u64,
    /// The most memory that one event needed, in bytes.
    pub(super) memory: usize,
    /// What is not as it must be.
    pub(super) findings: Vec<Finding>,
}

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Other actions.
    Actions { expected: Vec<Action>, decided: Vec<Action> },
    /// Another reason.
    Reason { expected: String, decided: String },
    /// No decision.
    Undecided(String),
    /// More than allowed.
    Over {
        /// Of what.
        what: &'static str,
        most: u64,
        found: u64,
    },
    /// After the step something stands that should not, or the other way round.
    Stands {
        /// What.
        what: &'static str,
        expected: Vec<String>,
        found: Vec<String>,
    },
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) errors: usize,
    /// Whose expectations were rewritten.
    pub(super) updated: usize,
    pub(super) coverage: Coverage,
    pub(super) took: Duration,
}

impl Totals {
    /// The exit code.
    pub(super) fn exit(&self) -> u8 {
        match (self.errors, self.failed) {
            (0, 0) => 0,
            (0, _) => 1,
            _ => 2,
        }
    }
}
