//! `rolarr policy test`: cases through a policy, and whether what follows is what must follow.
//!
//! | Part | What is there |
//! |---|---|
//! | `plan` | which cases are tested, with which policy |
//! | `parallel` | on all cores, in order |
//! | `judge` | one case |
//! | `story` | one story, carried along as the bot does |
//! | `event` | the stream of what happens in a run |
//! | `human`, `json`, `junit` | who shows it |
//! | `coverage` | what no case covers |
//! | `update` | new outcomes are accepted |
//! | `watch` | again when something changes |

mod coverage;
mod event;
mod human;
mod json;
mod judge;
mod junit;
mod observed;
mod parallel;
mod plan;
mod story;
mod update;
mod watch;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
    time::Instant,
};

use serde_json::{Map, Value};

use self::{
    event::{RunEvent, Show, Tested, Totals, Verdict},
    human::Human,
    json::Json,
    junit::JUnit,
    plan::{Plan, Wish},
};
pub(super) use self::{observed::Decide, plan::limits};
use super::{cases::Story, compiling, settings::parse_settings};
use crate::{files, policy::Engine};

/// Run cases through a policy and compare what follows with what must follow.
///
/// A case is a recorded event in JSON, or written by hand in TOML; docs/policy-tests.md describes both. In a
/// folder all files that end in `.toml`, `.json` or `.jsonl` are taken, and those in its folders; in a policy's
/// folder, which has a `rolarr-policy.toml`, those in its folder `events`.
///
/// The policy is the one that the nearest `rolarr-policy.toml` names, in the path's folder or above it; without
/// one, the built-in `role-restriction`.
///
/// Ends with 0 if all passed, with 1 if a policy decided otherwise, and with 2 if something could not be
/// compared: a file that can't be read, a case without an expectation, an empty folder, a name that no case has,
/// a policy that does not load.
#[derive(Debug, clap::Args)]
pub(super) struct TestArgs {
    /// The policy in place of the one that the cases are for: its file or its folder, or a built-in one.
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    /// Settings for all cases, as a JSON object, in place of their own.
    #[arg(long, value_name = "JSON", value_parser = parse_settings)]
    settings: Option<Map<String, Value>>,
    /// Only cases with this text in their name. Can be repeated: one of the texts is enough.
    #[arg(long = "filter", short = 'f', value_name = "TEXT")]
    names: Vec<String>,
    /// Run again whenever a policy or a case is changed.
    #[arg(long)]
    watch: bool,
    /// Accept what was decided: rewrite what must follow in the cases that failed.
    #[arg(long, conflicts_with = "watch")]
    update: bool,
    /// Show only what did not pass.
    #[arg(long, short)]
    quiet: bool,
    /// Show how many events of each cause and access the cases have.
    #[arg(long)]
    coverage: bool,
    /// What is written: `human`, `json` (one event on each line) or `junit`.
    #[arg(long, value_enum, value_name = "FORM", default_value_t, hide_possible_values = true)]
    format: Format,
    /// Write it to this file; people still see the run.
    #[arg(long, value_name = "FILE", conflicts_with = "watch")]
    output: Option<PathBuf>,
    /// Files and folders with cases.
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
}

/// What is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    #[default]
    Human,
    Json,
    Junit,
}

impl TestArgs {
    pub(super) fn run(&self, out: &mut dyn Write, color: bool) -> anyhow::Result<u8> {
        self.run_on(&compiling::engine()?, out, color)
    }

    pub(super) fn run_on(&self, engine: &Engine, out: &mut dyn Write, color: bool) -> anyhow::Result<u8> {
        if self.watch {
            return self.again_and_again(engine, out, color, |watched, before| {
                watch::wait(watched, &self.paths, before);
                true
            });
        }
        self.once(engine, out, color).map(|(exit, _)| exit)
    }

    /// Runs whenever something changed; `wait` says when, and whether to go on.
    fn again_and_again(
        &self,
        engine: &Engine,
        out: &mut dyn Write,
        color: bool,
        mut wait: impl FnMut(&[PathBuf], &watch::Stamp) -> bool,
    ) -> anyhow::Result<u8> {
        let mut exit;
        let mut watched = Vec::new();
        loop {
            // Taken first: what changes during the run is seen after it.
            let before = watch::Stamp::of(&watched, &self.paths);
            let known = watched;
            (exit, watched) = self.once(engine, out, color)?;
            let before = if known == watched { before } else { watch::Stamp::of(&watched, &self.paths) };
            if self.format == Format::Human {
                writeln!(out, "\nwaiting for changes; Ctrl-C ends it\n")?;
            }
            out.flush()?;
            if !wait(&watched, &before) {
                return Ok(exit);
            }
        }
    }

    fn once(&self, engine: &Engine, out: &mut dyn Write, color: bool) -> anyhow::Result<(u8, Vec<PathBuf>)> {
        let plan = Plan::make(&Wish {
            policy: self.policy.clone(),
            settings: self.settings.clone(),
            paths: self.paths.clone(),
            names: self.names.clone(),
            at_once: self.watch,
        });
        let mut out = BufWriter::new(out);
        let mut report = match &self.output {
            None => None,
            Some(path) => match File::create(path) {
                Ok(file) => Some(BufWriter::new(file)),
                Err(error) => {
                    writeln!(out, "{}: can't be written: {error}", files::shown(path))?;
                    out.flush()?;
                    return Ok((2, plan.watched().to_vec()));
                }
            },
        };
        let totals = {
            let mut shows: Vec<Box<dyn Show + '_>> = Vec::new();
            match &mut report {
                Some(file) => {
                    shows.push(Box::new(Human::new(&mut out, color, self.quiet, self.coverage)));
                    shows.push(self.show(file, false));
                }
                None => shows.push(self.show(&mut out, color)),
            }
            run(engine, &plan, self.update, &mut |event| {
                shows.iter_mut().try_for_each(|show| show.show(event))
            })?
        };
        if let Some(mut file) = report {
            file.flush()?;
        }
        out.flush()?;
        Ok((totals.exit(), plan.watched().to_vec()))
    }

    fn show<'a>(&self, out: &'a mut dyn Write, color: bool) -> Box<dyn Show + 'a> {
        match self.format {
            Format::Human => Box::new(Human::new(out, color, self.quiet, self.coverage)),
            Format::Json => Box::new(Json::new(out)),
            Format::Junit => Box::new(JUnit::new(out)),
        }
    }
}

/// Tells a story to a policy, whatever must follow.
///
/// # Errors
///
/// One line that says which step can't happen.
pub(super) fn tell_story(policy: &impl Decide, story: &Story) -> Result<(), String> {
    story::tell(policy, story).0
}

/// Tests everything and tells what happens.
fn run(
    engine: &Engine,
    plan: &Plan,
    update: bool,
    tell: &mut dyn FnMut(&RunEvent<'_>) -> io::Result<()>,
) -> io::Result<Totals> {
    let started = Instant::now();
    let mut totals = Totals::default();
    let mut failed: Vec<Tested> = Vec::new();
    tell(&RunEvent::Started { cases: plan.entries.len(), policies: &plan.policies })?;
    let problem = |text: &str, totals: &mut Totals, tell: &mut dyn FnMut(&RunEvent<'_>) -> io::Result<()>| {
        totals.errors += 1;
        tell(&RunEvent::Problem(text))
    };
    for text in &plan.problems {
        problem(text, &mut totals, tell)?;
    }
    if plan.entries.is_empty() && plan.problems.is_empty() {
        problem("there is no case", &mut totals, tell)?;
    }
    parallel::in_order(
        &plan.entries,
        |entry| plan.test(engine, entry),
        |tested| -> io::Result<()> {
            let Some(tested) = tested else { return Ok(()) };
            totals.coverage.merge(&tested.coverage);
            tell(&RunEvent::Tested(&tested))?;
            match tested.verdict {
                Verdict::Passed => totals.passed += 1,
                Verdict::Error(_) => totals.errors += 1,
                Verdict::Failed => {
                    totals.failed += 1;
                    if update {
                        failed.push(tested);
                    }
                }
            }
            Ok(())
        },
    )?;
    for file in &plan.files {
        let failed = update::of(&file.path, &failed);
        if failed.is_empty() {
            continue;
        }
        match update::update(file, &failed) {
            Ok(0) => {}
            Ok(cases) => {
                totals.failed -= cases;
                totals.updated += cases;
                tell(&RunEvent::Updated { file: &file.path, cases })?;
            }
            Err(text) => problem(&text, &mut totals, tell)?,
        }
    }
    totals.took = started.elapsed();
    tell(&RunEvent::Ended(&totals))?;
    Ok(totals)
}

#[cfg(test)]
mod tests;
