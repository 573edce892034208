//! One of the two that are compared: a policy, or what was recorded.

use std::{collections::HashMap, sync::RwLock};

use rolarr_policy::{
    contract::{Decision, Event},
    recording::Recording,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    cli::policy::named::Named,
    files,
    policy::{Engine, Failure, Limits, LoadProblem, Module, Policy},
};

/// The word for the decisions that were recorded.
pub(super) const RECORDED: &str = "recorded";

/// What decides.
pub(super) enum Side {
    /// The recorded decisions.
    Recorded,
    /// A policy.
    Policy(Box<dyn Decides>),
}

/// What a policy does here.
pub(super) trait Decides: Send + Sync {
    /// The policy for people.
    fn about(&self) -> About;

    /// The name that its wakes belong to, with the settings of a recording; none if it can't be loaded.
    fn name(&self, recording: &Recording) -> Option<String>;

    /// What it decides on an event, with the settings of a recording.
    ///
    /// # Errors
    /// It can't be told: the policy can't be loaded, or the machine was too busy.
    fn decide(&self, recording: &Recording, event: &Event) -> Result<Answer, String>;
}

/// What a side says to an event.
pub(super) enum Answer {
    Decided(Decision),
    /// The policy failed, and why: the event would stay undecided.
    Undecided(String),
}

/// A side for people.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct About {
    /// As it was named on the command line.
    pub(super) given: String,
    /// Name and version, if it is a policy that was loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<String>,
}

impl Side {
    pub(super) fn about(&self) -> About {
        match self {
            Self::Recorded => About { given: RECORDED.to_owned(), name: None, version: None, digest: None },
            Self::Policy(policy) => policy.about(),
        }
    }

    /// What it decides on an event, which is the recorded one or one like it.
    ///
    /// # Errors
    /// It can't be told: nothing was recorded, the policy can't be loaded, or the machine was too busy.
    pub(super) fn answer(&self, recording: &Recording, event: &Event) -> Result<Answer, String> {
        match self {
            Self::Recorded => match &recording.decision {
                Some(expected) => Ok(Answer::Decided(Decision {
                    actions: expected.actions.clone(),
                    reason: expected.reason.clone(),
                })),
                None => Err(format!("event {}: no decision is recorded", event.id)),
            },
            Self::Policy(policy) => policy.decide(recording, event),
        }
    }
}

impl Decides for Loader {
    fn about(&self) -> About {
        let loaded = self.any();
        let metadata = loaded.as_ref().map(Policy::metadata);
        About {
            given: self.module.name.clone(),
            name: metadata.map(|metadata| metadata.name.clone()),
            version: metadata.map(|metadata| metadata.version.clone()),
            digest: loaded.as_ref().map(|policy| policy.digest().to_owned()),
        }
    }

    fn name(&self, recording: &Recording) -> Option<String> {
        let policy = self.with(recording.settings.as_ref()).ok()?;
        Some(policy.metadata().name.clone())
    }

    fn decide(&self, recording: &Recording, event: &Event) -> Result<Answer, String> {
        let policy = self.with(recording.settings.as_ref())?;
        match policy.evaluate(event) {
            Ok(evaluation) => Ok(Answer::Decided(evaluation.decision)),
            // A busy machine is not a wrong policy.
            Err(error) if matches!(error.cause, Failure::OutOfTime { .. }) => Err(error.to_string()),
            Err(error) => Ok(Answer::Undecided(error.cause.to_string())),
        }
    }
}

/// The settings of a policy where a recording has none.
pub(super) struct Usual {
    settings: Map<String, Value>,
    /// Where they come from.
    of: String,
}

impl Usual {
    /// Those of the policy's folder, else those that are configured.
    pub(super) fn of(named: &Named, configured: &Map<String, Value>) -> Self {
        match (named.settings(), &named.manifest) {
            (Some(own), Some(manifest)) => {
                Self { settings: own.clone(), of: format!("in {}", files::shown(&manifest.file)) }
            }
            _ => Self { settings: configured.clone(), of: "of the configured policy".to_owned() },
        }
    }
}

/// A policy, loaded once for each of the settings that recordings have.
pub(super) struct Loader {
    engine: Engine,
    module: Module,
    limits: Limits,
    /// In place of those of the recordings.
    fixed: Option<Map<String, Value>>,
    /// Where a recording has none.
    usual: Usual,
    loaded: RwLock<HashMap<String, Result<Policy, String>>>,
}

impl Loader {
    pub(super) fn new(
        engine: &Engine,
        module: Module,
        limits: Limits,
        fixed: Option<Map<String, Value>>,
        usual: Usual,
    ) -> Self {
        Self { engine: engine.clone(), module, limits, fixed, usual, loaded: RwLock::default() }
    }

    /// The policy with the settings of a recording.
    pub(super) fn with(&self, recorded: Option<&Map<String, Value>>) -> Result<Policy, String> {
        let own = self.fixed.as_ref().or(recorded);
        let settings = own.unwrap_or(&self.usual.settings);
        let key = serde_json::to_string(settings).map_err(|error| error.to_string())?;
        if let Some(known) = self.loaded.read().ok().and_then(|loaded| loaded.get(&key).cloned()) {
            return known;
        }
        let Ok(mut loaded) = self.loaded.write() else {
            return Err("a thread that loaded the policy ended".to_owned());
        };
        // Another thread may have been first.
        loaded
            .entry(key)
            .or_insert_with(|| {
                let settings_are_empty = settings.is_empty();
                let settings = Value::Object(settings.clone());
                Policy::load(&self.engine, &self.module, &settings, Vec::new(), &self.limits).map_err(
                    |error| match (&error.problem, own) {
                        (LoadProblem::Configure(_), None) if !settings_are_empty => format!(
                            "{error}; these are the settings {}: give others with `--old-settings` or \
                             `--new-settings`",
                            self.usual.of
                        ),
                        _ => error.to_string(),
                    },
                )
            })
            .clone()
    }

    /// The policy with whatever settings it was loaded.
    fn any(&self) -> Option<Policy> {
        let loaded = self.loaded.read().ok()?;
        let mut all: Vec<&Policy> = loaded.values().flatten().collect();
        all.sort_by_key(|policy| policy.digest().to_owned());
        all.first().map(|policy| (*policy).clone())
    }
}
