//! The policy that the configuration names.

use serde_json::Value;

use super::cache_beside;
use crate::{
    config::{Config, ConfigError, PolicyLimits, PolicyModule},
    policy::{Engine, EngineSettings, Limits, LoadProblem, Module, Policy},
};

/// Loads the policy with its settings.
///
/// # Errors
/// A [`ConfigError`] at the place where the policy, or the setting that it refuses, stands in the file.
pub(super) fn load(config: &Config) -> anyhow::Result<Policy> {
    let engine = Engine::new(EngineSettings { cache_dir: Some(cache_beside(&config.store.path)) })?;
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
    let policy = Policy::load(&engine, &module, &settings, Vec::new(), &limits(&config.policy.limits));
    Ok(policy.map_err(|error| match &error.problem {
        LoadProblem::Settings(_) => settings_mistake(config, &error.to_string()),
        _ => mistake(error.to_string(), "`rolarr policy check FILE` tells more about a policy file"),
    })?)
}

fn settings_mistake(config: &Config, complaint: &str) -> ConfigError {
    let place = config.policy.settings.place_named_in(complaint).or(config.policy.module.place);
    config.error_at(
        place,
        complaint,
        "change it under [policy.settings]; the policy's page lists its settings",
    )
}

fn limits(configured: &PolicyLimits) -> Limits {
    let default = Limits::default();
    let size = |value: Option<u64>, default: usize| {
        value.map_or(default, |value| usize::try_from(value).unwrap_or(usize::MAX))
    };
    let clock = |value: Option<std::time::Duration>, default: u64| {
        value.map_or(default, |value| u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    };
    Limits {
        module_bytes: size(configured.module_bytes, default.module_bytes),
        memory_bytes: size(configured.memory_bytes, default.memory_bytes),
        fuel: configured.fuel.unwrap_or(default.fuel),
        clock_ms: clock(configured.clock, default.clock_ms),
        configure_fuel: configured.configure_fuel.unwrap_or(default.configure_fuel),
        configure_clock_ms: clock(configured.configure_clock, default.configure_clock_ms),
        actions: size(configured.actions, default.actions),
        text_bytes: size(configured.text_bytes, default.text_bytes),
        answer_bytes: size(configured.answer_bytes, default.answer_bytes),
        log_lines: size(configured.log_lines, default.log_lines),
        log_bytes: size(configured.log_bytes, default.log_bytes),
    }
}
