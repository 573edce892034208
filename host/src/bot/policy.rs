//! The policies that the configuration names.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::Context;
use serde_json::Value;

use crate::{
    config::{Config, ConfigError, Located, PolicyModule, PolicySettings, Said},
    pipeline::ports::policy_source::{Configured, Loaded, Policies, Stamp},
    policy::{
        Engine, EngineError, EngineSettings, Limits, LoadError, LoadProblem, Loader, Module, OpenError,
        Policy,
    },
    store::KeptPolicy,
};

/// Loads what the configuration file names, whenever it is asked.
pub(super) struct FromConfig {
    engine: Engine,
    file: PathBuf,
    /// What it said when the bot started.
    started: Said,
    /// What was read of the file last.
    last: Mutex<Last>,
}

struct Last {
    /// The modules of the policy and of the candidate beside it.
    modules: Vec<PolicyModule>,
    limits: Limits,
    said: Said,
}

impl Last {
    fn of(config: &Config) -> Self {
        let shadow = config.policy.shadow.as_ref().map(|shadow| &shadow.module);
        let modules = std::iter::once(&config.policy.module).chain(shadow);
        Self {
            modules: modules.map(|module| module.value.clone()).collect(),
            limits: config.policy.limits.clone(),
            said: config.said.clone(),
        }
    }
}

impl FromConfig {
    /// Loads what the configuration names.
    ///
    /// # Errors
    /// A [`ConfigError`] at the place where the policy, or the setting that it refuses, stands in the file.
    pub(super) fn begin(engine: Engine, config: &Config) -> anyhow::Result<(Self, Configured)> {
        let configured = configured(&engine, config)?;
        let last = Last::of(config);
        let (file, started) = (config.file.clone(), config.said.clone());
        Ok((Self { engine, file, started, last: Mutex::new(last) }, configured))
    }
}

impl Policies for FromConfig {
    fn load(&self) -> Result<Configured, String> {
        let config = Config::load(&self.file).map_err(|error| error.to_string())?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Last::of(&config);
        configured(&self.engine, &config).map_err(|error| error.to_string())
    }

    fn changed_elsewhere(&self) -> Vec<String> {
        self.started.changed(&self.last.lock().unwrap_or_else(PoisonError::into_inner).said)
    }

    fn load_kept(&self, kept: &KeptPolicy, module: Vec<u8>) -> Result<Loaded, String> {
        let limits = self.last.lock().unwrap_or_else(PoisonError::into_inner).limits.clone();
        let module = Module { name: kept.origin.clone(), bytes: module, sources: kept.sources.clone() };
        load(&self.engine, module, kept.settings.clone(), &limits).map_err(|error| error.to_string())
    }

    fn give_up(&self) {
        self.engine.give_up();
    }

    fn close(&self) {
        self.engine.close();
    }

    fn stamp(&self) -> Option<Stamp> {
        let modules = self.last.lock().unwrap_or_else(PoisonError::into_inner).modules.clone();
        let mut hash = DefaultHasher::new();
        let mut files = 0;
        for module in modules {
            let PolicyModule::File(path) = module else { continue };
            files += 1;
            // A file that is away is another state of it.
            let about = std::fs::metadata(path).ok();
            about.map(|about| (about.len(), about.modified().ok())).hash(&mut hash);
        }
        (files > 0).then(|| hash.finish())
    }
}

fn configured(engine: &Engine, config: &Config) -> Result<Configured, ConfigError> {
    let policy = &config.policy;
    let active = named(engine, config, &policy.module, &policy.settings)?;
    let candidate = policy.shadow.as_ref().map(|shadow| {
        let loaded = named(engine, config, &shadow.module, &shadow.settings);
        loaded.map(|loaded| loaded.policy).map_err(|error| error.to_string())
    });
    Ok(Configured { active, candidate })
}

/// Loads a policy that the configuration names.
fn named(
    engine: &Engine,
    config: &Config,
    wanted: &Located<PolicyModule>,
    settings: &PolicySettings,
) -> Result<Loaded, ConfigError> {
    let mistake = |what: String, hint: &str| config.error_at(wanted.place, what, hint);
    let limits = &config.policy.limits;
    let module = Module::open_within(&wanted.value.name(), limits).map_err(|error| {
        let hint = match error {
            OpenError::TooLarge { .. } => "a larger file may be allowed under [policy.limits]",
            _ => "check the path; it is relative to the configuration file's folder",
        };
        mistake(error.to_string(), hint)
    })?;
    load(engine, module, settings.to_value(), limits).map_err(|error| match &error.problem {
        LoadProblem::Configure(_) => config.error_at(
            settings.place_named_in(&error.to_string()).or(wanted.place),
            error.in_full(),
            "change it under [policy.settings]; the policy's page lists its settings",
        ),
        LoadProblem::Script(_) => {
            mistake(error.in_full(), "change the script, and look at it with `rolarr policy check FILE`")
        }
        _ => mistake(error.to_string(), "`rolarr policy check FILE` tells more about a policy file"),
    })
}

fn load(engine: &Engine, module: Module, settings: Value, limits: &Limits) -> Result<Loaded, LoadError> {
    let policy = Policy::load(engine, &module, &settings, Vec::new(), limits)?;
    Ok(Loaded { policy, module, settings })
}

/// Makes the engine of a configuration.
///
/// # Errors
/// A [`ConfigError`] about the folder for compiled policies. Another error if no policy can run on this machine.
pub(super) fn engine(config: &Config, loader: Loader) -> anyhow::Result<Engine> {
    let path = &config.store.path;
    let settings = EngineSettings {
        cache_dir: Some(cache_beside(path)),
        fallback_dir: path.parent().map(std::path::Path::to_owned),
        loader,
    };
    match Engine::new(settings) {
        Ok(engine) => Ok(engine),
        Err(error @ EngineError::Cache { .. }) => Err(config
            .error_at(
                None,
                error.to_string(),
                "compiled policies are kept in this folder, beside the database: let the user who runs the bot \
                 write there, or move the database with `store.path`; the folder may be deleted at any time",
            )
            .into()),
        Err(error) => Err(error)
            .context("no policy can run: a 64-bit processor, and memory and threads that a limit may be withholding, are needed"),
    }
}

/// Where compiled policies are kept: beside the database.
fn cache_beside(store: &Path) -> PathBuf {
    store.with_extension("cache")
}
