//! Cases: what happens, and what must follow.
//!
//! A case is a recorded event in JSON, or written by hand in TOML; a story is a sequence of events of one
//! member. `docs/policy-tests.md` describes the form for people.
//!
//! | Part | What is there |
//! |---|---|
//! | `find` | from a path to the files with cases and to the policy that they are for |
//! | `model` | a file, its cases and stories |
//! | `read` | a file in its two forms |
//! | `recorded` | recordings in JSON |
//! | `written` | cases and stories in TOML |
//! | `words` | the contract's words in their short and their full form |
//! | `moment` | moments and lengths of time |
//! | `write` | actions in their short form, as text |

mod find;
mod model;
mod moment;
mod read;
mod recorded;
mod words;
mod write;
mod written;

pub(super) use find::{Found, find};
pub(super) use model::{AccessCheck, CaseFile, Expect, Kind, Step, Story, Test, What};
pub(super) use moment::date;
pub(super) use read::{LONGEST, parse, read};
pub(super) use recorded::decision_at;
pub(super) use words::Wanted;
pub(super) use write::{access_in_toml, brief, in_json, in_toml, reason_in_toml};
pub(super) use written::usual_origin;

#[cfg(test)]
mod tests;
