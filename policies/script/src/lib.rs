//! A policy that runs a script, so that an operator who is no programmer can write the rules.
//!
//! The script is the one source that `configure` gets. It is read there, and the memory that this leaves behind is
//! what every event starts from: an event costs only what its own lines cost.
//!
//! | Part | What is there |
//! |---|---|
//! | `script` | from the text to something that decides |
//! | `language` | the engine: Rhai, and what a script may call |
//! | `event`, `action`, `filter`, `moment` | the contract's words, as a script writes them |
//! | `given` | what is handed to these, taken apart |
//! | `settings` | the operator's settings, held against the script's own |
//! | `answer` | from what a script returns to a decision |
//! | `lint` | mistakes that are seen without running anything |
//! | `complaint`, `vocabulary` | messages: the line, and what was probably meant |
//! | `limits`, `weighed` | what a script may use, and what its functions cost |
//! | `sorting` | lists in an order that the script says |
//! | `trace` | where a script was when a limit stopped it |

mod action;
mod answer;
mod complaint;
mod event;
mod filter;
mod given;
mod language;
mod limits;
mod lint;
mod moment;
mod script;
mod settings;
mod sorting;
mod trace;
mod vocabulary;
mod weighed;

use std::cell::RefCell;

use rolarr_policy::contract::{Decision, Event, Metadata, Source};
use rolarr_policy::{Policy, Settings};

use crate::script::Script;

/// A script that decides.
pub struct ScriptPolicy(Script);

rolarr_policy::export!(ScriptPolicy);

std::thread_local! {
    /// What the script that was read last says of itself.
    static METADATA: RefCell<Option<Metadata>> = const { RefCell::new(None) };
}

impl Policy for ScriptPolicy {
    /// Before a script was read, what the runner is; afterwards, what the script is.
    fn describe() -> Metadata {
        METADATA.with_borrow(Clone::clone).unwrap_or_else(|| Metadata {
            name: "script".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            description: "Runs a script.".to_owned(),
            ..Metadata::default()
        })
    }

    fn configure(settings: Settings<'_>, sources: Vec<Source>) -> Result<Self, String> {
        METADATA.set(None);
        let script = Script::load(sources, settings.as_json())?;
        METADATA.set(Some(script.metadata().clone()));
        Ok(Self(script))
    }

    fn evaluate(&self, event: &Event) -> Result<Decision, String> {
        self.0.decide(event)
    }
}

#[cfg(test)]
mod tests;
