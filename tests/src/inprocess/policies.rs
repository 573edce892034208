//! Policies without files: what the configuration would name is put here.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use rolarr::{
    pipeline::ports::policy_source::{Configured, Loaded, Policies, Stamp},
    policy::{Engine, EngineSettings, Limits, Loader, Module, Policy},
    store::KeptPolicy,
};
use serde_json::Value;

/// What the configuration would name.
pub struct Shelf(Mutex<Named>);

struct Named {
    active: Result<Loaded, String>,
    candidate: Option<Result<Policy, String>>,
    /// As if there were a file that was changed so often.
    stamp: Option<Stamp>,
    /// What else changed in the configuration.
    elsewhere: Vec<String>,
}

impl Shelf {
    /// The default policy with settings.
    ///
    /// # Errors
    /// If it refuses them.
    pub fn new(settings: &Value) -> Result<Self> {
        let active = Ok(load("builtin:role-restriction", settings)?);
        Ok(Self(Mutex::new(Named { active, candidate: None, stamp: None, elsewhere: Vec::new() })))
    }

    fn named(&self) -> std::sync::MutexGuard<'_, Named> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The configuration names this policy from now on; an error is one that does not load.
    pub fn put(&self, policy: Result<Loaded, String>) {
        self.named().active = policy;
    }

    /// The configuration names this candidate from now on.
    pub fn put_candidate(&self, candidate: Option<Result<Policy, String>>) {
        self.named().candidate = candidate;
    }

    /// These sections of the configuration changed too.
    pub fn change_elsewhere(&self, sections: &[&str]) {
        self.named().elsewhere = sections.iter().map(|name| (*name).to_owned()).collect();
    }

    /// The policy's file is written.
    pub fn touch(&self) {
        let mut named = self.named();
        named.stamp = Some(named.stamp.unwrap_or(0) + 1);
    }

    /// What the configuration names.
    ///
    /// # Errors
    /// If that does not load.
    pub fn configured(&self) -> Result<Configured> {
        self.load().map_err(anyhow::Error::msg)
    }
}

impl Policies for Shelf {
    fn load(&self) -> Result<Configured, String> {
        let named = self.named();
        Ok(Configured { active: named.active.clone()?, candidate: named.candidate.clone() })
    }

    fn changed_elsewhere(&self) -> Vec<String> {
        self.named().elsewhere.clone()
    }

    fn load_kept(&self, kept: &KeptPolicy, module: Vec<u8>) -> Result<Loaded, String> {
        let module = Module { name: kept.origin.clone(), bytes: module, sources: kept.sources.clone() };
        load_module(module, &kept.settings).map_err(|error| format!("{error:#}"))
    }

    fn stamp(&self) -> Option<Stamp> {
        self.named().stamp
    }
}

/// Loads a policy by the name of its module.
///
/// # Errors
/// If it does not load.
pub fn load(name: &str, settings: &Value) -> Result<Loaded> {
    load_module(Module::open(name)?, settings)
}

/// Loads a policy from the text of a script.
///
/// # Errors
/// If it does not load.
pub fn load_script(name: &str, text: &str) -> Result<Loaded> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(format!("{name}.rhai"));
    std::fs::write(&path, text)?;
    load(&path.display().to_string(), &Value::Null)
}

/// An hour, in milliseconds.
const LONG: u64 = 3_600_000;

/// Loads a policy from a module. Each is compiled once in a process, whatever the number of stories.
///
/// # Errors
/// If it does not load.
pub fn load_module(module: Module, settings: &Value) -> Result<Loaded> {
    static LOADED: Mutex<Vec<(Module, Value, Policy)>> = Mutex::new(Vec::new());
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |known: &Module| known.bytes == module.bytes && known.sources == module.sources;
    let known = loaded.iter().find(|(known, with, _)| same(known) && with == settings);
    let policy = match known {
        Some((.., policy)) => policy.clone(),
        None => {
            let engine =
                Engine::new(EngineSettings { loader: Loader::InThisProcess, ..EngineSettings::default() })?;
            // A busy machine must not change what follows: fuel is the limit.
            let limits = Limits { clock_ms: LONG, configure_clock_ms: LONG, ..Limits::default() };
            let policy = Policy::load(&engine, &module, settings, Vec::new(), &limits)
                .with_context(|| format!("the policy `{}`", module.name))?;
            loaded.push((module.clone(), settings.clone(), policy.clone()));
            policy
        }
    };
    let settings = if settings.is_null() { serde_json::json!({}) } else { settings.clone() };
    Ok(Loaded { policy, module, settings })
}
