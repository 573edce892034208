//! What goes wrong, in words for the operator.

use std::time::Duration;

use rolarr_policy::contract::Source;

use super::answer::Malformed;
use super::logs::{LogLine, printable};
use super::script;

/// Why a call into a policy gave nothing that counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The code stopped in a way that it can't go on from.
    #[error("it crashed: {0}")]
    Trap(String),
    /// The stack was used up.
    #[error("it crashed: it calls itself without end (the stack is used up)")]
    EndlessRecursion,
    /// More work than allowed.
    #[error("it ran out of fuel ({limit} units): it may run without end; the limit is `{name}`")]
    OutOfFuel {
        /// The limit in units of work.
        limit: u64,
        /// The limit's name among the settings.
        name: &'static str,
    },
    /// More time than allowed, twice.
    #[error(
        "it ran out of time ({} ms): it may run without end, or the machine is too busy; the limit is `{name}`",
        limit.as_millis()
    )]
    OutOfTime {
        /// The limit.
        limit: Duration,
        /// The limit's name among the settings.
        name: &'static str,
    },
    /// More memory than allowed.
    #[error("it ran out of memory ({} KiB); the limit is `memory_bytes`", limit / 1024)]
    OutOfMemory {
        /// The limit in bytes.
        limit: usize,
    },
    /// A larger answer than allowed.
    #[error("it gave more than {} KiB of output at once; the limit is `answer_bytes`", limit / 1024)]
    TooMuchOutput {
        /// The limit in bytes.
        limit: usize,
    },
    /// The answer is no value of the contract: invalid UTF-8, a list outside of its memory.
    #[error("it gave a broken value: {0}")]
    BrokenValue(String),
    /// The answer is a value of the contract that means nothing.
    #[error("its answer is malformed: {0}")]
    Malformed(Box<Malformed>),
    /// The policy itself says that it can't. It may say so in several lines, of which the message is the first: see
    /// [`Failure::details`].
    #[error("{}", refusal(.0))]
    Refused(String),
    /// No instance could be made.
    #[error("no instance of it could be made: {0}")]
    Engine(String),
}

impl Failure {
    /// What a policy says beyond its first line, or empty: of a script, the line with the mistake. The messages
    /// themselves are one line, for logs and the audit channel.
    #[must_use]
    pub fn details(&self) -> &str {
        match self {
            Self::Refused(text) => text.split_once('\n').map_or("", |(_, rest)| rest),
            _ => "",
        }
    }
}

/// An event stayed undecided: no action follows.
#[derive(Debug, thiserror::Error)]
#[error("policy `{policy}` did not decide event `{event}`: {cause}{}", in_a_script(.policy, .cause))]
pub struct EvaluationError {
    /// The policy's module, as the operator named it.
    pub policy: Box<str>,
    /// The event's id.
    pub event: Box<str>,
    /// Why.
    pub cause: Failure,
    /// What the policy logged before that. Often the last line says more than a trap.
    pub logs: Vec<LogLine>,
    /// Units of work until then.
    pub fuel: u64,
    /// Time until then.
    pub took: Duration,
}

/// What to look for in a script that its runner did not stop first.
fn in_a_script(policy: &str, cause: &Failure) -> &'static str {
    match cause {
        Failure::OutOfFuel { .. } if script::is_script(policy) => {
            "; look for a loop that compares long texts, each of which stands there in quotes or is what a function \
             returned"
        }
        _ => "",
    }
}

/// A policy could not be loaded.
#[derive(Debug, thiserror::Error)]
#[error("policy `{policy}` can't be used: {problem}")]
pub struct LoadError {
    /// The policy's module, as the operator named it.
    pub policy: String,
    /// Why.
    pub problem: LoadProblem,
    /// What the policy logged before that.
    pub logs: Vec<LogLine>,
}

impl LoadError {
    /// The message with all that the policy says, which may be several lines: for a screen.
    #[must_use]
    pub fn in_full(&self) -> String {
        with_details(self.to_string(), self.problem.details())
    }
}

impl EvaluationError {
    /// The message with all that the policy says, which may be several lines: for a screen.
    #[must_use]
    pub fn in_full(&self) -> String {
        with_details(self.to_string(), self.cause.details())
    }
}

fn with_details(mut message: String, details: &str) -> String {
    if !details.is_empty() {
        message.push('\n');
        message.push_str(details);
    }
    message
}

/// Why a policy could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadProblem {
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The file is something else.
    #[error("the file is not WebAssembly{}", hint(*.text))]
    NotWasm {
        /// It looks like text.
        text: bool,
    },
    /// The file is larger than allowed.
    #[error("the file has {size} bytes, the limit `module_bytes` is {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The file is damaged, or uses what this Rolarr does not know.
    #[error("the file is damaged or incomplete: {0}")]
    Damaged(String),
    /// WebAssembly, but not a policy.
    #[error("it is WebAssembly, but not a policy: {0}")]
    NotAPolicy(String),
    /// For another version of the contract.
    #[error(
        "it was made for contract {found}, this Rolarr knows {known}: {}",
        advice(*.newer)
    )]
    Version {
        /// The version that it was made for.
        found: String,
        /// The versions that are known here, like `1.x`.
        known: String,
        /// Whether it is a later version than is known.
        newer: bool,
    },
    /// It asks for what no policy gets.
    #[error("it imports `{import}`, which no policy gets{}", wasi_hint(.import))]
    ForeignImport {
        /// The import.
        import: String,
    },
    /// It needs more memory at the start than allowed.
    #[error(
        "it needs {} KiB of memory at the start, the limit `memory_bytes` is {} KiB",
        needs / 1024, limit / 1024
    )]
    InitialMemory {
        /// What it needs, in bytes.
        needs: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// A limit in the configuration is not possible.
    #[error("the limit `{name}` is {value}, more than {most} is not possible")]
    Limit {
        /// The limit's name.
        name: &'static str,
        /// What was asked for.
        value: usize,
        /// The most that is possible.
        most: usize,
    },
    /// It could not be compiled.
    #[error("it can't be compiled: {0}")]
    Compile(String),
    /// Telling what it is failed.
    #[error("it can't say what it is: {0}")]
    Describe(Failure),
    /// Taking the settings failed.
    #[error("it does not take the settings: {}", said(.0))]
    Configure(Failure),
    /// A script has a mistake.
    #[error("{}", said(.0))]
    Script(Failure),
}

impl LoadProblem {
    /// What a policy says beyond its first line, or empty: of a script, the line with the mistake.
    #[must_use]
    pub fn details(&self) -> &str {
        match self {
            Self::Describe(failure) | Self::Configure(failure) | Self::Script(failure) => failure.details(),
            _ => "",
        }
    }

    /// Taking the settings failed. The runner of scripts begins a message with the script's name if the mistake is
    /// in the script, and not in the settings.
    pub(super) fn of_configure(failure: Failure, scripts: &[Source]) -> Self {
        let in_script = |text: &str| {
            scripts.iter().any(|script| {
                text.strip_prefix(&printable(&script.name)).is_some_and(|rest| rest.starts_with(':'))
            })
        };
        match failure {
            Failure::Refused(text) if in_script(&text) => Self::Script(Failure::Refused(text)),
            other => Self::Configure(other),
        }
    }
}

fn advice(newer: bool) -> &'static str {
    if newer { "use a newer Rolarr, or build the policy with an older SDK" } else { "build it anew" }
}

/// The first line of a policy's own words.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// A policy's own words, of which there may be none.
fn refusal(text: &str) -> String {
    let text = first_line(text);
    if text.is_empty() { "it gives no reason".to_owned() } else { format!("it says: {text}") }
}

/// A policy's own words about its settings need no "it says".
fn said(failure: &Failure) -> String {
    match failure {
        Failure::Refused(text) if !first_line(text).is_empty() => first_line(text).to_owned(),
        other => other.to_string(),
    }
}

fn hint(text: bool) -> &'static str {
    if text { ": it is text; a policy's source must be built first" } else { "" }
}

fn wasi_hint(import: &str) -> &'static str {
    if import.starts_with("wasi") {
        ": build it without WASI (Rust: the target `wasm32-unknown-unknown`; JavaScript: `--stub-wasi`; \
         Python: `-s`)"
    } else {
        ": a policy has no access to anything but its event"
    }
}
