//! What goes wrong, in words for the operator.

use std::time::Duration;

use rolarr_policy::contract::Source;
use serde::{Deserialize, Deserializer, Serialize};

use super::answer::Malformed;
use super::logs::LogLine;
use super::module::Description;
use super::script;
use rolarr_domain::{UntrustedText, printable};

/// What a limit is called among the settings.
pub type LimitName = &'static str;

/// Why a call into a policy gave nothing that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The code stopped in a way that it can't go on from.
    #[error("it crashed: {0}")]
    Trap(UntrustedText),
    /// The stack was used up.
    #[error("it crashed: it calls itself without end (the stack is used up)")]
    EndlessRecursion,
    /// More work than allowed.
    #[error("it ran out of fuel ({limit} units): it may run without end; the limit is `{name}`")]
    OutOfFuel {
        /// The limit in units of work.
        limit: u64,
        /// The limit's name among the settings.
        #[serde(deserialize_with = "name_of_a_limit")]
        name: LimitName,
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
        #[serde(deserialize_with = "name_of_a_limit")]
        name: LimitName,
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
    BrokenValue(UntrustedText),
    /// The answer is a value of the contract that means nothing.
    #[error("its answer is malformed: {0}")]
    Malformed(Box<Malformed>),
    /// The policy itself says that it can't. It may say so in several lines, of which the message is the first: see
    /// [`Failure::details`].
    #[error("{}", refusal(.0))]
    Refused(UntrustedText),
    /// No instance could be made.
    #[error("no instance of it could be made: {0}")]
    Engine(UntrustedText),
}

impl Failure {
    /// What a policy says beyond its first line, safe to print, or empty: of a script, the line with the mistake. The messages
    /// themselves are one line, for logs and the audit channel.
    #[must_use]
    pub fn details(&self) -> String {
        match self {
            Self::Refused(text) => text.details().lines(),
            _ => String::new(),
        }
    }
}

/// An event stayed undecided: no action follows.
#[derive(Debug, thiserror::Error)]
#[error("policy `{policy}` did not decide event `{event}`: {cause}{}", in_a_script(.policy, .cause))]
pub struct EvaluationError {
    /// The policy's module, as the operator named it.
    pub policy: UntrustedText,
    /// The event's id.
    pub event: UntrustedText,
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
fn in_a_script(policy: &UntrustedText, cause: &Failure) -> &'static str {
    match cause {
        Failure::OutOfFuel { .. } if script::is_script(policy.raw()) => {
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
    pub policy: UntrustedText,
    /// Why.
    pub problem: LoadProblem,
    /// What the policy logged before that.
    pub logs: Vec<LogLine>,
    /// What can be said of the file all the same.
    pub description: Option<Box<Description>>,
}

impl LoadError {
    /// The message with all that the policy says, which may be several lines: for a screen.
    #[must_use]
    pub fn in_full(&self) -> String {
        with_details(self.to_string(), &self.problem.details())
    }
}

impl EvaluationError {
    /// The message with all that the policy says, which may be several lines: for a screen.
    #[must_use]
    pub fn in_full(&self) -> String {
        with_details(self.to_string(), &self.cause.details())
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
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
    Damaged(UntrustedText),
    /// WebAssembly, but not a policy.
    #[error("it is WebAssembly, but not a policy: {0}")]
    NotAPolicy(UntrustedText),
    /// For another version of the contract.
    #[error(
        "it was made for contract {found}, this Rolarr knows {known}: {}",
        advice(*.newer)
    )]
    Version {
        /// The version that it was made for.
        found: UntrustedText,
        /// The versions that are known here, like `1.x`.
        known: String,
        /// Whether it is a later version than is known.
        newer: bool,
    },
    /// It asks for what no policy gets.
    #[error("it imports `{import}`, which no policy gets{}", wasi_hint(.import))]
    ForeignImport {
        /// The import.
        import: UntrustedText,
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
        #[serde(deserialize_with = "name_of_a_limit")]
        name: LimitName,
        /// What was asked for.
        value: usize,
        /// The most that is possible.
        most: usize,
    },
    /// It could not be compiled.
    #[error("it can't be compiled: {0}")]
    Compile(UntrustedText),
    /// Telling what it is failed.
    #[error("it can't say what it is: {0}")]
    Describe(Failure),
    /// Taking the settings failed.
    #[error("it does not take the settings: {}", said(.0))]
    Configure(Failure),
    /// A script has a mistake.
    #[error("{}", said(.0))]
    Script(Failure),
    /// Loading it took more time than allowed.
    #[error("loading it takes more than {:.0} s; the limit is `{name}`", limit.as_secs_f32())]
    LoadingTakesLong {
        /// The limit for a file of this size.
        limit: Duration,
        /// The limit's name among the settings.
        #[serde(deserialize_with = "name_of_a_limit")]
        name: LimitName,
    },
    /// Loading it took more memory than allowed.
    #[error("loading it takes more than {} MiB of memory; the limit is `load_memory_bytes`", limit >> 20)]
    LoadingTakesMemory {
        /// The limit for a file of this size, in bytes.
        limit: u64,
    },
    /// Loading it ended the process that did it.
    #[error("the file is damaged or hostile: {0}")]
    Crashed(UntrustedText),
    /// The process that loads it can't work.
    #[error("{0}")]
    Loader(UntrustedText),
    /// There is no folder in which that process can hand over what it made.
    #[error("there is no folder for what is compiled that only this user can enter: {0}")]
    NoFolder(UntrustedText),
    /// Somebody gave up on it before it was loaded.
    #[error("loading it was given up")]
    GivenUp,
}

/// The limits that errors name.
const LIMITS: [&str; 8] = [
    "fuel",
    "clock",
    "configure_fuel",
    "configure_clock",
    "memory_bytes",
    "load_clock",
    "load_cpu",
    "load_memory_bytes",
];

fn name_of_a_limit<'de, D: Deserializer<'de>>(from: D) -> Result<&'static str, D::Error> {
    let name = String::deserialize(from)?;
    let known = LIMITS.into_iter().find(|known| *known == name);
    known.ok_or_else(|| serde::de::Error::custom("no limit of this name"))
}

impl LoadProblem {
    /// What a policy says beyond its first line, or empty: of a script, the line with the mistake.
    #[must_use]
    pub fn details(&self) -> String {
        match self {
            Self::Describe(failure) | Self::Configure(failure) | Self::Script(failure) => failure.details(),
            _ => String::new(),
        }
    }

    /// Taking the settings failed. The runner of scripts begins a message with the script's name if the mistake is
    /// in the script, and not in the settings.
    pub(super) fn of_configure(failure: Failure, scripts: &[Source]) -> Self {
        let in_script = |text: &UntrustedText| {
            scripts.iter().any(|script| {
                text.to_string()
                    .strip_prefix(&printable(&script.name))
                    .is_some_and(|rest| rest.starts_with(':'))
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

/// How many characters of a policy's own words stand in a message. All of its first lines are in the details.
const MOST_WORDS: usize = 300;

/// The first line of a policy's own words.
fn first_line(text: &UntrustedText) -> UntrustedText {
    UntrustedText::short(text.first_line().raw(), MOST_WORDS)
}

/// A policy's own words, of which there may be none.
fn refusal(text: &UntrustedText) -> String {
    let text = first_line(text);
    if text.is_empty() { "it gives no reason".to_owned() } else { format!("it says: {text}") }
}

/// A policy's own words about its settings need no "it says".
fn said(failure: &Failure) -> String {
    match failure {
        Failure::Refused(text) if !first_line(text).is_empty() => first_line(text).to_string(),
        other => other.to_string(),
    }
}

fn hint(text: bool) -> &'static str {
    if text { ": it is text; a policy's source must be built first" } else { "" }
}

fn wasi_hint(import: &UntrustedText) -> &'static str {
    if import.raw().starts_with("wasi") {
        ": build it without WASI (Rust: the target `wasm32-unknown-unknown`; JavaScript: `--stub-wasi`; \
         Python: `-s`)"
    } else {
        ": a policy has no access to anything but its event"
    }
}
