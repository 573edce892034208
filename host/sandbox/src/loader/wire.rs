//! What is asked of the child, and what it answers.
//!
//! A request is one line of JSON and after it the bytes of the module. An answer is one object of JSON. Both end where
//! the pipe ends.

use rolarr_policy::contract::{Metadata, Source};
use serde::{Deserialize, Serialize};

use crate::{error::LoadProblem, limits::Limits, logs::LogLine, module::Description, start::Start};
use rolarr_domain::UntrustedText;

/// The version of these messages. It grows when their form changes.
pub(super) const PROTOCOL: u32 = 1;

/// The longest answer, in bytes. The longest text in it is the schema of a policy's settings.
pub(super) const LONGEST_ANSWER: u64 = 4 << 20;

/// The file with the machine code.
pub(crate) const CODE: &str = "code";

/// The file with the component.
pub(crate) const COMPONENT: &str = "component";

/// What is to be done with a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Task {
    /// To say what it is. Nothing of it is compiled or run.
    Describe,
    /// To make a component of it. Nothing of it is compiled or run.
    Componentise,
    /// To load it: everything up to machine code whose events start from here.
    Load(Start),
}

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(super) protocol: u32,
    pub(super) task: Task,
    pub(super) limits: Limits,
    /// The canonical text of the settings.
    pub(super) settings: String,
    pub(super) sources: Vec<Source>,
    /// The folder for what is handed over, inside of the folder that the child begins in.
    pub(super) folder: String,
    /// The folder for the machine code of single functions, beside it; none: they are not kept.
    pub(super) functions: Option<String>,
}

/// What is answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(super) protocol: u32,
    /// The version of the program that answers.
    pub(super) rolarr: UntrustedText,
    /// For which engine it compiles.
    pub(super) engine: String,
    /// What can be said of the module; none: it is not a policy.
    pub(crate) description: Option<Description>,
    pub(crate) outcome: Outcome,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// It was described.
    Described,
    /// The component is there.
    Componentised,
    /// The machine code is there.
    Loaded(Box<Ready>),
    /// It can't be used.
    Refused {
        /// Why.
        problem: LoadProblem,
        /// What it logged before that.
        logs: Vec<LogLine>,
    },
    /// Nothing could be written where it was to be handed over.
    NotHandedOver(UntrustedText),
}

/// A policy that was loaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// Where its events start from.
    pub(crate) start: Start,
    /// What it says of itself.
    pub(crate) metadata: Metadata,
    /// What it logged.
    pub(crate) logs: Vec<LogLine>,
    /// Memory that its instances have from the start, in bytes.
    pub(crate) initial_memory: u64,
    /// The SHA-256 of the machine code, in hexadecimal.
    pub(crate) sum: String,
}
