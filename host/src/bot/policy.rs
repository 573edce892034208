//! The policy that the configuration names.

use anyhow::Context;
use serde_json::Value;

use super::cache_beside;
use crate::{
    config::{Config, ConfigError, PolicyModule},
    policy::{Engine, EngineError, EngineSettings, LoadError, LoadProblem, Module, Policy},
};

/// Loads the policy with its settings.
///
/// # Errors
/// A [`ConfigError`] at the place where the policy, or the setting that it refuses, stands in the file; or about
/// the folder for compiled policies. Another error if no policy can run on this machine.
pub(super) fn load(config: &Config) -> anyhow::Result<Policy> {
    let engine = engine(config)?;
    let wanted = &config.policy.module;
    let name = match &wanted.value {
        PolicyModule::Builtin(name) => format!("builtin:{name}"),
        PolicyModule::File(path) => path.display().to_string(),
    };
    let mistake = |what: String, hint: &str| config.error_at(wanted.place, what, hint);
    let module = Module::open(&name).map_err(|error| {
        mistake(error.to_string(), "check the path; it is relative to the configuration file's folder")
    })?;
    let settings = Value::Object(config.policy.settings.json.clone());
    let policy = Policy::load(&engine, &module, &settings, Vec::new(), &config.policy.limits);
    Ok(policy.map_err(|error| match &error.problem {
        LoadProblem::Configure(_) => settings_mistake(config, &error),
        LoadProblem::Script(_) => {
            mistake(error.in_full(), "change the script, and look at it with `rolarr policy check FILE`")
        }
        _ => mistake(error.to_string(), "`rolarr policy check FILE` tells more about a policy file"),
    })?)
}

fn engine(config: &Config) -> anyhow::Result<Engine> {
    let folder = cache_beside(&config.store.path);
    match Engine::new(EngineSettings { cache_dir: Some(folder) }) {
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

fn settings_mistake(config: &Config, error: &LoadError) -> ConfigError {
    let place = config.policy.settings.place_named_in(&error.to_string()).or(config.policy.module.place);
    config.error_at(
        place,
        error.in_full(),
        "change it under [policy.settings]; the policy's page lists its settings",
    )
}
