//! `rolarr policy check`: what a policy is, whether it loads, and how it behaves on some events.

mod report;
mod trial;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use rolarr_policy::contract::{Event, Source};
use serde_json::{Map, Value};

use self::{report::Report, trial::Trial};
use super::{
    cases::{self, Kind},
    compiling,
    named::Named,
    settings::parse_settings,
    test::{Decide, limits, tell_story},
};
use crate::{
    domain::json,
    files,
    policy::{Engine, Policy, printable},
};

/// Say what a policy is and what it imports, whether it loads and if not, why, and how it behaves: it decides
/// some events, each twice.
///
/// Without `--events` that is one event for each cause in each state of access. A warning says which limits the
/// policy comes near.
///
/// Ends with 0 if the policy loads and decides each event, both times the same, with 1 if it does not, and with 2
/// if that could not be checked: events that can't be read.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// The policy: its file or its folder, or a built-in one like `builtin:role-restriction`.
    policy: String,
    /// The settings to load it with, as a JSON object. Without them those of the policy's folder are taken.
    #[arg(long, value_name = "JSON", value_parser = parse_settings)]
    settings: Option<Map<String, Value>>,
    /// A script file, for a policy that runs scripts. Can be repeated.
    #[arg(long = "source", value_name = "FILE")]
    sources: Vec<PathBuf>,
    /// A file or folder with the events to decide, as `rolarr policy test` takes them. What must follow and
    /// settings of their own do not count here. Can be repeated.
    #[arg(long, value_name = "PATH")]
    events: Vec<PathBuf>,
    /// Write what was found as one JSON object.
    #[arg(long)]
    json: bool,
}

impl CheckArgs {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<u8> {
        self.run_on(&compiling::engine()?, out)
    }

    pub(super) fn run_on(&self, engine: &Engine, out: &mut dyn Write) -> anyhow::Result<u8> {
        let mut report = Report::new(&self.policy);
        self.look(engine, &mut report);
        if self.json {
            writeln!(out, "{}", json::to_string(&report.json())?)?;
        } else {
            report.write(out)?;
        }
        Ok(report.exit())
    }

    fn look(&self, engine: &Engine, report: &mut Report) {
        let named = Named::find(&self.policy);
        let module = match named.as_ref().map_err(Clone::clone).and_then(Named::open) {
            Ok(module) => module,
            Err(problem) => {
                report.unreadable = Some(problem);
                return;
            }
        };
        report.file.clone_from(&module.name);
        report.script = module.sources.first().map(|script| script.text.len());
        let mut sources = Vec::new();
        for path in &self.sources {
            match read_source(path) {
                Ok(source) => sources.push(source),
                Err(problem) => {
                    report.problem = Some(problem);
                    return;
                }
            }
        }
        let settings = self.settings.as_ref().or(named.as_ref().ok().and_then(Named::settings));
        let settings = Value::Object(settings.cloned().unwrap_or_default());
        let limits = limits();
        let policy = match Policy::load(engine, &module, &settings, sources, &limits) {
            Ok(policy) => policy,
            Err(error) => {
                report.description = error.description.map(|description| *description);
                report.logs = error.logs;
                report.problem = Some(error.problem.to_string());
                report.details = error.problem.details();
                return;
            }
        };
        report.description = Some(policy.description().clone());
        report.logs = policy.logs().to_vec();
        report.size_limit = limits.module_bytes as u64;
        let trial = Trial::of(&policy, &limits);
        if self.events.is_empty() {
            let events = trial::builtin();
            let all = events.len();
            for (tried, event) in events.into_iter().enumerate() {
                if trial.is_over() {
                    report.unchecked.push(not_tried(all - tried));
                    break;
                }
                decide(&trial, &event);
            }
        } else {
            self.try_events(&trial, report);
        }
        report.seen = Some(trial.finish());
        report.policy = Some(policy);
    }

    /// Lets the policy decide the events of files.
    fn try_events(&self, trial: &Trial<'_>, report: &mut Report) {
        for path in &self.events {
            let found = match cases::find(path) {
                Ok(found) => found,
                Err(problem) => {
                    report.unchecked.push(problem);
                    continue;
                }
            };
            for file in found.iter().flat_map(|found| &found.files) {
                let file = match cases::read(file) {
                    Ok(file) => file,
                    Err(error) => {
                        report.unchecked.push(error.to_string());
                        continue;
                    }
                };
                for (tried, test) in file.tests.iter().enumerate() {
                    if trial.is_over() {
                        let left = not_tried(file.tests.len() - tried);
                        report.unchecked.push(format!("{}: {left}", files::shown(&file.path)));
                        return;
                    }
                    match test {
                        Ok(test) => match &test.kind {
                            Kind::Case(case) => decide(trial, &case.event),
                            Kind::Story(story) => {
                                if let Err(problem) = tell_story(trial, story) {
                                    let (path, name) = (files::shown(&file.path), &test.name);
                                    report.unchecked.push(format!("{path}: {name}: {problem}"));
                                }
                            }
                        },
                        Err(broken) => report.unchecked.push(broken.mistake.in_file(&file.path)),
                    }
                }
            }
        }
    }
}

/// What is said where not all events are tried.
fn not_tried(left: usize) -> String {
    match left {
        1 => "1 event more, because those before it take too long".to_owned(),
        left => format!("{left} events more, because those before them take too long"),
    }
}

/// What comes of it the trial has seen.
fn decide(trial: &Trial<'_>, event: &Event) {
    let _ = trial.decide(event);
}

/// How large a script may be that is given with `--source`, in bytes.
const LONGEST_SOURCE: u64 = 1 << 20;

fn read_source(path: &Path) -> Result<Source, String> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    match files::read_text(path, LONGEST_SOURCE) {
        Ok(text) => Ok(Source { name, text }),
        Err(error) => Err(printable(&format!("the script `{}` can't be read: {error}", files::shown(path)))),
    }
}
