//! `rolarr policy test`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use rolarr_policy::contract::{Access, Cause, Event};
use rolarr_policy::recording::{self, Expected, Recording};
use serde_json::{Map, Value};

use super::check::write_logs;
use super::{difference, parse_settings};
use crate::policy::{
    Engine, EngineSettings, Evaluation, Failure, Limits, LogLine, Module, Policy, printable,
};

/// Run recorded events through a policy and compare what follows with what must follow.
///
/// A recording is JSON; a file holds one, a list of them, or one on each line. In a folder all files that
/// end in `.json` or `.jsonl` are taken, and those in its folders.
///
/// Ends with 0 if all passed, with 1 if a policy decided otherwise, and with 2 if something could not be
/// compared: a file that can't be read, a recording without a decision, an empty folder, a policy that does
/// not load.
#[derive(Debug, clap::Args)]
pub(super) struct TestArgs {
    /// The policy: a file, or a built-in one.
    #[arg(long, value_name = "FILE", default_value = "builtin:role-restriction")]
    policy: String,
    /// Settings for all recordings, as a JSON object, in place of their own.
    #[arg(long, value_name = "JSON", value_parser = parse_settings)]
    settings: Option<Map<String, Value>>,
    /// Files and folders with recordings.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

impl TestArgs {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<u8> {
        let module = match Module::open(&self.policy) {
            Ok(module) => module,
            Err(error) => {
                writeln!(out, "{error}")?;
                return Ok(2);
            }
        };
        let mut tester = Tester {
            engine: Engine::new(EngineSettings::default())?,
            module,
            settings: self.settings.as_ref(),
            loaded: BTreeMap::new(),
        };
        let mut tally = Tally::default();
        for path in &self.paths {
            match recordings_in(path) {
                Err(problem) => tally.count(out, &Verdict::Error(problem), "")?,
                Ok(files) => {
                    for file in files {
                        tester.file(out, &file, &mut tally)?;
                    }
                }
            }
        }
        tally.finish(out)
    }
}

/// All files with recordings below a path, sorted.
pub(super) fn recordings_in(path: &Path) -> Result<Vec<PathBuf>, String> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let unreadable =
            |error: std::io::Error| format!("{}: the folder can't be read: {error}", folder.display());
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let path = entry.path();
            // A link to a folder is not followed: it may lead back here.
            if entry.file_type().map_err(unreadable)?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "json" || end == "jsonl") {
                files.push(path);
            }
        }
    }
    if files.is_empty() {
        return Err(format!("{}: there is no recording in this folder", path.display()));
    }
    files.sort();
    Ok(files)
}

/// What became of one recording.
enum Verdict {
    Passed,
    Failed(Vec<String>),
    Error(String),
}

struct Tester<'a> {
    engine: Engine,
    module: Module,
    settings: Option<&'a Map<String, Value>>,
    /// By settings. A policy that did not load says why for each recording that needs it.
    loaded: BTreeMap<String, Result<Policy, String>>,
}

impl Tester<'_> {
    fn file(&mut self, out: &mut dyn Write, file: &Path, tally: &mut Tally) -> std::io::Result<()> {
        let recordings = match recording::read_file(file) {
            Ok(recordings) => recordings,
            Err(error) => return tally.count(out, &Verdict::Error(printable(&error.to_string())), ""),
        };
        let several = recordings.len() > 1;
        for (index, recording) in recordings.iter().enumerate() {
            let mut title = file.display().to_string();
            if several {
                title.push_str(&format!(" #{}", index + 1));
            }
            if let Some(name) = &recording.name {
                title.push_str(&format!(": {}", printable(name)));
            }
            tally.count(out, &self.recording(recording), &title)?;
        }
        Ok(())
    }

    fn recording(&mut self, recording: &Recording) -> Verdict {
        let Some(expected) = &recording.decision else {
            return Verdict::Error(
                "the recording has no decision, so there is nothing to compare".to_owned(),
            );
        };
        let settings = match self.settings {
            Some(settings) => settings.clone(),
            None => recording.settings.clone().unwrap_or_default(),
        };
        let policy = match self.policy(settings) {
            Ok(policy) => policy,
            Err(problem) => return Verdict::Error(problem),
        };
        match policy.evaluate(&recording.event) {
            Ok(evaluation) if expected.is_met_by(&evaluation.decision) => Verdict::Passed,
            Ok(evaluation) => Verdict::Failed(explain(recording, expected, &evaluation)),
            // A busy machine is not a wrong policy.
            Err(error) if matches!(error.cause, Failure::OutOfTime { .. }) => {
                Verdict::Error(error.to_string())
            }
            Err(error) => {
                let mut lines = vec![situation(&recording.event), format!("no decision: {}", error.cause)];
                lines.extend(logged(&error.logs));
                Verdict::Failed(lines)
            }
        }
    }

    fn policy(&mut self, settings: Map<String, Value>) -> Result<Policy, String> {
        let settings = Value::Object(settings);
        let Self { engine, module, loaded, .. } = self;
        loaded
            .entry(settings.to_string())
            .or_insert_with(|| {
                Policy::load(engine, module, &settings, Vec::new(), &Limits::default())
                    .map_err(|error| error.to_string())
            })
            .clone()
    }
}

fn explain(recording: &Recording, expected: &Expected, evaluation: &Evaluation) -> Vec<String> {
    let decision = &evaluation.decision;
    let mut lines = vec![situation(&recording.event)];
    if expected.actions != decision.actions {
        lines.push("actions (- expected, + decided):".to_owned());
        lines.extend(
            difference::lines(&expected.actions, &decision.actions)
                .into_iter()
                .map(|line| format!("  {line}")),
        );
    }
    if expected.reason.is_empty() || expected.reason == decision.reason {
        lines.push(format!("reason: {}", decision.reason));
    } else {
        lines.push("reason (- expected, + decided):".to_owned());
        lines.push(format!("  - {}", printable(&expected.reason)));
        lines.push(format!("  + {}", decision.reason));
    }
    lines.extend(logged(&evaluation.logs));
    lines
}

fn logged(logs: &[LogLine]) -> Vec<String> {
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = write_logs(&mut text, logs);
    String::from_utf8_lossy(&text).lines().map(|line| line.trim_start().to_owned()).collect()
}

/// The event in one line.
fn situation(event: &Event) -> String {
    let cause = match &event.cause {
        Cause::RoleAdded(role) => format!("role `{}` added", role.key),
        Cause::RoleRemoved(role) => format!("role `{}` removed", role.key),
        Cause::MemberLeft => "member left".to_owned(),
        Cause::Wake(tag) => format!("wake `{tag}`"),
        Cause::Account(change) => format!("account: {change:?}"),
        Cause::Review(review) => format!("review: {review:?}"),
        Cause::Other(other) => format!("`{}`", other.name),
    };
    let access = match event.account.access {
        Access::Absent => "absent",
        Access::Granted(_) => "granted",
        Access::Restricted(_) => "restricted",
    };
    let roles: Vec<String> = event.member.roles.iter().map(|role| format!("`{}`", role.key)).collect();
    let roles = if roles.is_empty() { "none".to_owned() } else { roles.join(", ") };
    printable(&format!("event: {cause}; access: {access}; roles: {roles}"))
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    errors: usize,
}

impl Tally {
    fn count(&mut self, out: &mut dyn Write, verdict: &Verdict, title: &str) -> std::io::Result<()> {
        match verdict {
            Verdict::Passed => {
                self.passed += 1;
                writeln!(out, "ok    {title}")
            }
            Verdict::Failed(lines) => {
                self.failed += 1;
                writeln!(out, "FAIL  {title}")?;
                lines.iter().try_for_each(|line| writeln!(out, "      {line}"))
            }
            Verdict::Error(problem) if title.is_empty() => {
                self.errors += 1;
                writeln!(out, "ERROR {problem}")
            }
            Verdict::Error(problem) => {
                self.errors += 1;
                writeln!(out, "ERROR {title}\n      {problem}")
            }
        }
    }

    fn finish(&self, out: &mut dyn Write) -> anyhow::Result<u8> {
        let Self { passed, failed, errors } = self;
        write!(out, "\n{passed} passed, {failed} failed")?;
        match errors {
            0 => writeln!(out)?,
            1 => writeln!(out, ", 1 error")?,
            n => writeln!(out, ", {n} errors")?,
        }
        Ok(match (errors, failed) {
            (0, 0) => 0,
            (0, _) => 1,
            _ => 2,
        })
    }
}
