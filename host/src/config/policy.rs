//! The section of the policy: which one, its settings, its limits.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Number, Value};
use toml::de::DeValue;

use crate::{
    domain::closest,
    files::{self, FileError},
    policy::Limits,
};

use super::{
    Candidate, ConfigError, Located, Policy, PolicyModule, PolicySettings,
    document::{Entry, Section},
    error::{listed, quoted},
};

/// What the names of policies that are part of the program begin with.
const BUILTIN: &str = "builtin:";

/// Reads `[policy]`.
pub(super) fn policy(root: &Section<'_>) -> Result<Policy, ConfigError> {
    let section = root.section("policy", &["module", "settings", "limits", "shadow"])?;
    let module = match section.get("module") {
        None => Located { value: PolicyModule::Builtin("role-restriction"), place: None },
        Some(entry) => entry.located(module(&entry)?),
    };
    let shadow = match section.get("shadow") {
        None => None,
        Some(_) => Some(candidate(&section.section("shadow", &["module", "settings"])?)?),
    };
    Ok(Policy { module, settings: settings(&section)?, limits: limits(&section)?, shadow })
}

fn candidate(section: &Section<'_>) -> Result<Candidate, ConfigError> {
    let entry = section.require("module", "module = \"candidate.rhai\"")?;
    Ok(Candidate { module: entry.located(module(&entry)?), settings: settings(section)? })
}

fn module(entry: &Entry<'_>) -> Result<PolicyModule, ConfigError> {
    let hint = "write \"builtin:role-restriction\", or the path of a policy file in quotes, relative to this \
                configuration file's folder";
    let name = entry.name(hint)?;
    if let Some(builtin) = name.strip_prefix(BUILTIN) {
        let known = PolicyModule::BUILTIN.into_iter().find(|known| *known == builtin);
        return known.map(PolicyModule::Builtin).ok_or_else(|| {
            let hint = match closest(builtin, PolicyModule::BUILTIN) {
                Some(meant) => format!("did you mean `{BUILTIN}{meant}`?"),
                None => format!("there is: {}", listed(PolicyModule::BUILTIN)),
            };
            entry.error(&format!("names {}, which is not part of Rolarr", quoted(name)), hint)
        });
    }
    let path = entry.document().resolve(name);
    let shown = quoted(&path.to_string_lossy());
    match path.metadata() {
        Ok(about) if about.is_dir() => Err(entry.error(&format!("names {shown}, which is a folder"), hint)),
        Ok(about) => match files::special(&about) {
            Some(what) => Err(entry.error(&format!("names {shown}, which is {what}"), hint)),
            None => Ok(PolicyModule::File(path)),
        },
        Err(_) if PolicyModule::BUILTIN.contains(&name) => Err(entry.error(
            &format!("names the file {shown}, which does not exist"),
            format!("write \"{BUILTIN}{name}\""),
        )),
        Err(error) => {
            let why = FileError::from(error);
            Err(entry.error(&format!("names the file {shown}: {why}"), hint))
        }
    }
}

fn settings(section: &Section<'_>) -> Result<PolicySettings, ConfigError> {
    let section = section.open_section("settings")?;
    let mut json = Map::new();
    let mut places = BTreeMap::new();
    for (key, entry) in section.entries() {
        places.insert(key.to_owned(), entry.place());
        json.insert(key.to_owned(), to_json(&entry, entry.value())?);
    }
    Ok(PolicySettings { json, place: section.place(), places })
}

/// A setting as the policy gets it. A date becomes its text, because JSON has none.
fn to_json(setting: &Entry<'_>, value: &DeValue<'_>) -> Result<Value, ConfigError> {
    let number = || setting.error("has a number that policies can't be given", "write a smaller number");
    Ok(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(integer) => {
            let (text, radix) = (integer.as_str(), integer.radix());
            let signed = i64::from_str_radix(text, radix).ok().map(Number::from);
            let unsigned = || u64::from_str_radix(text, radix).ok().map(Number::from);
            Value::Number(signed.or_else(unsigned).ok_or_else(number)?)
        }
        DeValue::Float(float) => {
            let float = float.as_str().parse().ok().and_then(Number::from_f64);
            Value::Number(float.ok_or_else(number)?)
        }
        DeValue::Boolean(truth) => Value::Bool(*truth),
        DeValue::Datetime(date) => Value::String(date.to_string()),
        DeValue::Array(items) => {
            items.iter().map(|item| to_json(setting, item.get_ref())).collect::<Result<_, _>>()?
        }
        DeValue::Table(table) => {
            let fields = table
                .iter()
                .map(|(key, value)| Ok((key.get_ref().to_string(), to_json(setting, value.get_ref())?)));
            Value::Object(fields.collect::<Result<_, ConfigError>>()?)
        }
    })
}

fn limits(section: &Section<'_>) -> Result<Limits, ConfigError> {
    const KEYS: [&str; 17] = [
        "module_bytes",
        "memory_bytes",
        "fuel",
        "clock",
        "configure_fuel",
        "configure_clock",
        "actions",
        "text_bytes",
        "answer_bytes",
        "load_cpu",
        "load_cpu_per_mib",
        "load_clock",
        "load_clock_per_mib",
        "load_memory_bytes",
        "load_memory_per_mib_bytes",
        "log_lines",
        "log_bytes",
    ];
    let section = section.section("limits", &KEYS)?;
    let defaults = Limits::default();
    let at_most = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let size =
        |key: &str, default: usize| section.get(key).map_or(Ok(default), |entry| entry.size().map(at_most));
    let count = |key: &str, default: u64| section.get(key).map_or(Ok(default), |entry| entry.count());
    let number =
        |key: &str, default: usize| section.get(key).map_or(Ok(default), |entry| entry.count().map(at_most));
    let millis = |key: &str, default: u64| {
        let whole = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        section.get(key).map_or(Ok(default), |entry| entry.duration_above_zero().map(whole))
    };
    Ok(Limits {
        module_bytes: size("module_bytes", defaults.module_bytes)?,
        memory_bytes: size("memory_bytes", defaults.memory_bytes)?,
        fuel: count("fuel", defaults.fuel)?,
        clock_ms: millis("clock", defaults.clock_ms)?,
        configure_fuel: count("configure_fuel", defaults.configure_fuel)?,
        configure_clock_ms: millis("configure_clock", defaults.configure_clock_ms)?,
        actions: number("actions", defaults.actions)?,
        text_bytes: size("text_bytes", defaults.text_bytes)?,
        answer_bytes: size("answer_bytes", defaults.answer_bytes)?,
        load_cpu_ms: millis("load_cpu", defaults.load_cpu_ms)?,
        load_cpu_per_mib_ms: millis("load_cpu_per_mib", defaults.load_cpu_per_mib_ms)?,
        load_clock_ms: millis("load_clock", defaults.load_clock_ms)?,
        load_clock_per_mib_ms: millis("load_clock_per_mib", defaults.load_clock_per_mib_ms)?,
        load_memory_bytes: size("load_memory_bytes", defaults.load_memory_bytes)?,
        load_memory_per_mib_bytes: size("load_memory_per_mib_bytes", defaults.load_memory_per_mib_bytes)?,
        log_lines: number("log_lines", defaults.log_lines)?,
        log_bytes: size("log_bytes", defaults.log_bytes)?,
    })
}
