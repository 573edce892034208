//! Cases: what happens, and what must follow.
//!
//! A case is a recorded event in JSON, or written by hand in TOML; a story is a sequence of events of one
//! member. `docs/policy-tests.md` describes the form for people.
//!
//! | Part | What is there |
//! |---|---|
//! | `find` | from a path to the files with cases and to the policy that they are for |
//! | `read` | a file in its two forms |
//! | `recorded` | recordings in JSON |
//! | `written` | cases and stories in TOML |
//! | `words` | the contract's words in their short and their full form |
//! | `moment` | moments and lengths of time |
//! | `write` | actions in their short form, as text |

mod find;
mod moment;
mod read;
mod recorded;
mod words;
mod write;
mod written;

use std::{ops::Range, path::PathBuf, sync::Arc};

use serde_json::{Map, Value};

use super::node::{self, Mistake, Place};
use crate::domain::contract::{Access, Cause, Event, GuildRoles, Role};

pub(super) use find::{Found, find};
pub(super) use moment::date;
pub(super) use read::{LONGEST, parse, read};
pub(super) use recorded::decision_at;
pub(super) use words::Wanted;
pub(super) use write::{access_in_toml, brief, in_json, in_toml, reason_in_toml};
pub(super) use written::usual_origin;

/// A file with what stands in it.
#[derive(Debug)]
pub(super) struct CaseFile {
    /// As the operator named it.
    pub(super) path: PathBuf,
    /// Its text, as it was read.
    pub(super) text: String,
    /// Its cases, in their order. One that is wrong does not keep the others from being tested.
    pub(super) tests: Vec<Result<Test, Broken>>,
}

impl CaseFile {
    /// Whether its cases were written by hand, in TOML. If not, they are recordings in JSON.
    pub(super) fn is_written(&self) -> bool {
        read::is_toml(&self.path)
    }
}

/// A case that is wrong.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    /// Its name, or which it is in its file.
    pub(super) name: String,
    /// What is wrong.
    pub(super) mistake: Mistake,
}

/// One case, or one story.
#[derive(Debug)]
pub(super) struct Test {
    /// What it is about.
    pub(super) name: String,
    /// Where it begins.
    pub(super) place: Place,
    /// The settings that the policy gets; none if neither case nor file says.
    pub(super) settings: Option<Arc<Map<String, Value>>>,
    /// What happens.
    pub(super) kind: Kind,
}

/// What happens.
#[derive(Debug)]
pub(super) enum Kind {
    /// One event.
    Case(Box<Case>),
    /// Several.
    Story(Box<Story>),
}

/// One event and what must follow.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) event: Event,
    pub(super) expect: Expect,
}

/// What must follow.
#[derive(Clone, Debug, Default)]
pub(super) struct Expect {
    /// The actions, one by one and in order.
    pub(super) actions: Vec<Wanted>,
    /// The reason; none if it is not compared.
    pub(super) reason: Option<String>,
    /// The most units of work that one event may cost.
    pub(super) max_fuel: Option<u64>,
    /// The most memory that one event may need, in bytes.
    pub(super) max_memory: Option<usize>,
    /// The most actions.
    pub(super) max_actions: Option<usize>,
    /// Where actions and reason stand in the file, in bytes. Recordings in JSON have no such places.
    pub(super) spans: Option<Spans>,
}

/// Where an expectation stands in its file, in bytes.
#[derive(Clone, Debug)]
pub(super) struct Spans {
    pub(super) actions: Range<usize>,
    pub(super) reason: Option<Range<usize>>,
}

/// A sequence of events of one member.
#[derive(Debug)]
pub(super) struct Story {
    /// The member at the start. Its cause means nothing.
    pub(super) start: Event,
    pub(super) steps: Vec<Step>,
}

/// What happens next in a story, and what must follow.
#[derive(Debug)]
pub(super) struct Step {
    /// Where it begins.
    pub(super) place: Place,
    /// So many milliseconds pass first.
    pub(super) after: u64,
    pub(super) what: What,
    /// The roles in other guilds from here on, if that changes.
    pub(super) elsewhere: Option<Vec<GuildRoles>>,
    pub(super) origin: Option<crate::domain::contract::Origin>,
    pub(super) expect: Expect,
    /// What must stand afterwards.
    pub(super) access: Option<AccessCheck>,
    pub(super) wakes: Option<Vec<String>>,
    pub(super) memo: Option<String>,
}

/// What happens in a step.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// Only time passes.
    Time,
    /// This.
    Cause(Cause),
    /// The member holds these roles from here on.
    Roles(Vec<Role>),
}

/// Which access must stand.
#[derive(Clone, Debug)]
pub(super) enum AccessCheck {
    /// One of this case, whatever is in it.
    Case(Access),
    /// Exactly this one.
    Exactly(Access),
}

#[cfg(test)]
mod tests;
