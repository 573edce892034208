//! `rolarr policy check`.

use std::io::Write;

use rolarr_policy::contract::Source;
use serde_json::{Map, Value};

use super::parse_settings;
use crate::policy::{
    CONTRACT, Description, Engine, EngineSettings, Kind, Limits, LogLine, Module, Policy, printable,
};

/// Say what a policy is, what it imports, whether it loads, and if not, why.
///
/// Ends with 0 if the policy loads, and with 1 if it does not.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// The policy: a file, or `builtin:role-restriction`.
    file: String,
    /// The settings to load it with, as a JSON object.
    #[arg(long, value_name = "JSON", value_parser = parse_settings, default_value = "{}")]
    settings: Map<String, Value>,
    /// A script file, for a policy that runs scripts. Can be repeated.
    #[arg(long = "source", value_name = "FILE")]
    sources: Vec<std::path::PathBuf>,
}

impl CheckArgs {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<u8> {
        let module = match Module::open(&self.file) {
            Ok(module) => module,
            Err(error) => {
                writeln!(out, "{error}")?;
                return Ok(1);
            }
        };
        writeln!(out, "{}", self.file)?;
        match module.describe() {
            Ok(description) => describe(out, &module, &description)?,
            Err(problem) => {
                writeln!(out, "\nIt does not load: {problem}.")?;
                return Ok(1);
            }
        }
        let mut sources = Vec::new();
        for path in &self.sources {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            match std::fs::read_to_string(path) {
                Ok(text) => sources.push(Source { name, text }),
                Err(error) => {
                    writeln!(
                        out,
                        "\nIt was not loaded: the script `{}` can't be read: {error}.",
                        path.display()
                    )?;
                    return Ok(1);
                }
            }
        }
        let engine = Engine::new(EngineSettings::default())?;
        let settings = Value::Object(self.settings.clone());
        match Policy::load(&engine, &module, &settings, sources, &Limits::default()) {
            Ok(policy) => {
                loaded(out, &policy)?;
                write_logs(out, policy.logs())?;
                writeln!(out, "\nIt loads.")?;
                Ok(0)
            }
            Err(error) => {
                write_logs(out, &error.logs)?;
                match error.problem.details() {
                    "" => writeln!(out, "\nIt does not load: {}.", error.problem)?,
                    details => writeln!(out, "\nIt does not load: {}\n{details}", error.problem)?,
                }
                Ok(1)
            }
        }
    }
}

fn describe(out: &mut dyn Write, module: &Module, description: &Description) -> std::io::Result<()> {
    let Description { kind, size, contract, imports, initial_memory } = description;
    if let [script] = module.sources.as_slice() {
        field(out, "form", "script")?;
        field(out, "size", &format!("{} bytes, and {size} bytes that run scripts", script.text.len()))?;
        return field(out, "contract", &format!("{contract} (this Rolarr offers {CONTRACT})"));
    }
    let form = match kind {
        Kind::Component => "component",
        Kind::CoreModule => "core module with the contract in it",
    };
    field(out, "form", form)?;
    field(out, "size", &format!("{size} bytes"))?;
    field(out, "contract", &format!("{contract} (this Rolarr offers {CONTRACT})"))?;
    field(out, "imports", &if imports.is_empty() { "nothing".to_owned() } else { imports.join(", ") })?;
    field(out, "memory", &format!("{} KiB at the start", initial_memory / 1024))
}

fn loaded(out: &mut dyn Write, policy: &Policy) -> std::io::Result<()> {
    let metadata = policy.metadata();
    field(out, "name", &format!("{} {}", metadata.name, metadata.version))?;
    field(out, "description", &metadata.description)?;
    let settings = match &metadata.settings_schema {
        None => "no schema".to_owned(),
        Some(schema) => match serde_json::from_str::<Value>(schema) {
            Err(error) => format!("a schema that is not valid JSON: {error}"),
            Ok(schema) => match schema.get("properties").and_then(Value::as_object) {
                Some(names) if !names.is_empty() => {
                    names.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
                }
                _ => "a schema without names".to_owned(),
            },
        },
    };
    field(out, "settings", &settings)?;
    let start = if policy.starts_from_a_snapshot() {
        "from the memory that `configure` left behind"
    } else {
        "`configure` runs for every event: the component is of a kind that can't be snapshotted"
    };
    field(out, "events start", start)?;
    field(out, "digest", policy.digest())
}

fn field(out: &mut dyn Write, name: &str, value: &str) -> std::io::Result<()> {
    writeln!(out, "  {name:<13} {}", printable(value))
}

pub(super) fn write_logs(out: &mut dyn Write, logs: &[LogLine]) -> std::io::Result<()> {
    for line in logs {
        let level = format!("{:?}", line.level).to_lowercase();
        writeln!(out, "  log {level:<9} {}", line.text)?;
    }
    Ok(())
}
