//! What a file of cases holds.

use std::{ops::Range, path::PathBuf, sync::Arc};

use serde_json::{Map, Value};

use super::{
    super::node::{Mistake, Place},
    words::Wanted,
};
use crate::domain::contract::{Access, Cause, Event, GuildRoles, Origin, Role};

/// A file with what stands in it.
#[derive(Debug)]
pub(in crate::cli::policy) struct CaseFile {
    /// As the operator named it.
    pub(in crate::cli::policy) path: PathBuf,
    /// Its text, as it was read.
    pub(in crate::cli::policy) text: String,
    /// Its cases, in their order. One that is wrong does not keep the others from being tested.
    pub(in crate::cli::policy) tests: Vec<Result<Test, Broken>>,
}

/// A case that is wrong.
#[derive(Clone, Debug)]
pub(in crate::cli::policy) struct Broken {
    /// Its name, or which it is in its file.
    pub(in crate::cli::policy) name: String,
    /// What is wrong.
    pub(in crate::cli::policy) mistake: Mistake,
}

/// One case, or one story.
#[derive(Debug)]
pub(in crate::cli::policy) struct Test {
    /// What it is about.
    pub(in crate::cli::policy) name: String,
    /// Where it begins.
    pub(in crate::cli::policy) place: Place,
    /// The settings that the policy gets; none if neither case nor file says.
    pub(in crate::cli::policy) settings: Option<Arc<Map<String, Value>>>,
    /// What happens.
    pub(in crate::cli::policy) kind: Kind,
}

/// What happens.
#[derive(Debug)]
pub(in crate::cli::policy) enum Kind {
    /// One event.
    Case(Box<Case>),
    /// Several.
    Story(Box<Story>),
}

/// One event and what must follow.
#[derive(Debug)]
pub(in crate::cli::policy) struct Case {
    pub(in crate::cli::policy) event: Event,
    pub(in crate::cli::policy) expect: Expect,
}

/// What must follow.
#[derive(Clone, Debug, Default)]
pub(in crate::cli::policy) struct Expect {
    /// The actions, one by one and in order.
    pub(in crate::cli::policy) actions: Vec<Wanted>,
    /// The reason; none if it is not compared.
    pub(in crate::cli::policy) reason: Option<String>,
    /// The most units of work that one event may cost.
    pub(in crate::cli::policy) max_fuel: Option<u64>,
    /// The most memory that one event may need, in bytes.
    pub(in crate::cli::policy) max_memory: Option<usize>,
    /// The most actions.
    pub(in crate::cli::policy) max_actions: Option<usize>,
    /// Where actions and reason stand in the file, in bytes. Recordings in JSON have no such places.
    pub(in crate::cli::policy) spans: Option<Spans>,
}

/// Where an expectation stands in its file, in bytes.
#[derive(Clone, Debug)]
pub(in crate::cli::policy) struct Spans {
    pub(in crate::cli::policy) actions: Range<usize>,
    pub(in crate::cli::policy) reason: Option<Range<usize>>,
}

/// A sequence of events of one member.
#[derive(Debug)]
pub(in crate::cli::policy) struct Story {
    /// The member at the start. Its cause means nothing.
    pub(in crate::cli::policy) start: Event,
    pub(in crate::cli::policy) steps: Vec<Step>,
}

/// What happens next in a story, and what must follow.
#[derive(Debug)]
pub(in crate::cli::policy) struct Step {
    /// Where it begins.
    pub(in crate::cli::policy) place: Place,
    /// So many milliseconds pass first.
    pub(in crate::cli::policy) after: u64,
    pub(in crate::cli::policy) what: What,
    /// The roles in other guilds from here on, if that changes.
    pub(in crate::cli::policy) elsewhere: Option<Vec<GuildRoles>>,
    pub(in crate::cli::policy) origin: Option<Origin>,
    pub(in crate::cli::policy) expect: Expect,
    /// What must stand afterwards.
    pub(in crate::cli::policy) access: Option<AccessCheck>,
    pub(in crate::cli::policy) wakes: Option<Vec<String>>,
    pub(in crate::cli::policy) memo: Option<String>,
}

/// What happens in a step.
#[derive(Clone, Debug)]
pub(in crate::cli::policy) enum What {
    /// Only time passes.
    Time,
    /// This.
    Cause(Cause),
    /// The member holds these roles from here on.
    Roles(Vec<Role>),
}

/// Which access must stand.
#[derive(Clone, Debug)]
pub(in crate::cli::policy) enum AccessCheck {
    /// One of this case, whatever is in it.
    Case(Access),
    /// Exactly this one.
    Exactly(Access),
}
