//! `rolarr policy diff`: what another policy would have done.

mod carry;
mod html;
mod progress;
mod report;
mod side;
mod source;
mod step;
mod tally;
#[cfg(test)]
mod tests;
mod text;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use anyhow::anyhow;
use rolarr_policy::{contract::Timestamp, recording::Recording};
use serde_json::{Map, Value};

use self::{
    carry::Followers,
    progress::Progress,
    report::{Mode, Report},
    side::{Loader, RECORDED, Side, Usual},
    source::{Raw, Source},
    tally::Tally,
};
use super::{compiling, named::Named, not_done::not_done, settings::parse_settings};
use crate::{
    cli::{
        CliError,
        journal::{KnownSettings, Opened, Place},
        whole_file::WholeFile,
        words,
    },
    config::quantity,
    domain::{UserId, json::to_string_pretty},
    pipeline::Seam,
    policy::{Engine, Limits},
    store::Span,
};

/// So many recordings are handed to a thread at a time.
const BATCH: usize = 64;

/// So many batches wait for each thread at most: what is read and not compared yet stays small.
const WAITING: usize = 4;

/// Compare two policies on recorded events: whose access would differ?
///
/// Each recorded event goes through both, from the state that was recorded with it, and what comes out is
/// compared: the access, then the other actions. With `--carry`, members are followed from event to event instead:
/// with each policy they have the access, memo and wakes that it gave them, and its wakes are due in between.
///
/// Ends with 0 if nothing differs (or only reasons), with 1 if something does, and with 2 if something could not be
/// compared, or nothing could: then the standard error says why.
#[derive(Debug, clap::Args)]
pub(super) struct DiffArgs {
    /// A policy: its file or its folder, or a built-in one. Or the word `recorded`: what was decided at the time.
    old: String,
    /// The policy, or `recorded`, that it is compared with.
    new: String,
    /// Files and folders with recordings. Cases in TOML count, stories don't. Without it the decisions in the bot's
    /// database are taken. Can be repeated.
    #[arg(long = "events", value_name = "PATH", num_args = 1.., conflicts_with_all = ["last", "member", "database", "config"])]
    events: Vec<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// Only the decisions of the last time, for example 90d or 12h.
    #[arg(long, value_name = "AGE", value_parser = age)]
    last: Option<Duration>,
    /// Only this member: the id on Discord.
    #[arg(long, value_name = "ID")]
    member: Option<UserId>,
    /// Settings for both policies, as a JSON object, in place of those of the recordings, the policy's folder and
    /// the configuration.
    #[arg(long, value_name = "JSON", value_parser = parse_settings)]
    settings: Option<Map<String, Value>>,
    /// Settings for the first policy alone.
    #[arg(long, value_name = "JSON", value_parser = parse_settings)]
    old_settings: Option<Map<String, Value>>,
    /// Settings for the second policy alone.
    #[arg(long, value_name = "JSON", value_parser = parse_settings)]
    new_settings: Option<Map<String, Value>>,
    /// Follow members from event to event, each policy with its own access, memo and wakes.
    #[arg(long)]
    carry: bool,
    /// How many examples of each difference are shown.
    #[arg(long, value_name = "N", default_value_t = 3)]
    examples: usize,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    /// Write the result as a page to look at, too. It names members as the recordings do, and only you may read it.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

fn age(text: &str) -> Result<Duration, String> {
    quantity::duration(text).ok_or_else(|| "write a length of time, for example 90d or 12h".to_owned())
}

impl DiffArgs {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<u8, CliError> {
        let engine = compiling::engine().map_err(|error| CliError::failed(error).not_done())?;
        self.run_on(&engine, out)
    }

    pub(super) fn run_on(&self, engine: &Engine, out: &mut dyn Write) -> Result<u8, CliError> {
        let (page, report) = match self.compared(engine) {
            Ok(compared) => compared,
            Err(error) => return Err(not_done(error, self.json, out)),
        };
        self.show(&report, page, out).map_err(|error| CliError::from(error).not_done())?;
        Ok(report.exit_code())
    }

    /// The place of the page is found first: comparing may take minutes.
    fn compared(&self, engine: &Engine) -> Result<(Option<WholeFile>, Report), CliError> {
        let page = self.html.as_deref().map(WholeFile::begin).transpose()?;
        Ok((page, self.compare(engine)?))
    }

    /// Neither the page nor the report is lost because the other one can't be written.
    fn show(&self, report: &Report, page: Option<WholeFile>, out: &mut dyn Write) -> anyhow::Result<()> {
        let page = page.map_or(Ok(()), |page| page.write_whole(&html::page(report)));
        if self.json {
            let mut value = serde_json::to_value(report)?;
            words::without_addresses(&mut value);
            writeln!(out, "{}", to_string_pretty(&value)?)?;
        } else {
            text::write(out, report)?;
        }
        page
    }

    fn compare(&self, engine: &Engine) -> Result<Report, CliError> {
        if self.old == RECORDED && self.new == RECORDED {
            return Err(CliError::failed(anyhow!(
                "what was recorded is compared with itself: name a policy"
            )));
        }
        let opened = if self.events.is_empty() { Some(self.place.open()?) } else { None };
        let config = opened.as_ref().and_then(|opened| opened.config.as_ref());
        let limits = config.map_or_else(Limits::default, |config| config.policy.limits.clone());
        let configured = config.map(|config| config.policy.settings.json.clone()).unwrap_or_default();
        let side = |name: &str, own: &Option<Map<String, Value>>| -> Result<Side, String> {
            if name == RECORDED {
                return Ok(Side::Recorded);
            }
            let named = Named::find(name)?;
            let module = named.open()?;
            engine.describe(&module, &limits).map_err(|error| error.to_string())?;
            let fixed = own.clone().or_else(|| self.settings.clone());
            let usual = Usual::of(&named, &configured);
            let loader = Loader::new(engine, module, limits.clone(), fixed.clone(), usual);
            if let Some(fixed) = &fixed {
                // The same for all events: said once, before anything is read.
                loader.with(Some(fixed))?;
            }
            Ok(Side::Policy(Box::new(loader)))
        };
        let side = |name, own| side(name, own).map_err(|problem| CliError::failed(anyhow!(problem)));
        let sides = [side(&self.old, &self.old_settings)?, side(&self.new, &self.new_settings)?];
        let (source, known) = match &opened {
            Some(opened) => {
                let now = Seam::system().now();
                let since = self.last.map(|age| {
                    Timestamp(now.0.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)))
                });
                let span = Span { since, until: None, member: self.member };
                (Source::journal(opened, span)?, opened.settings())
            }
            None => (Source::files(&self.events), None),
        };
        let database = opened.as_ref().map_or_else(PathBuf::new, |opened: &Opened| opened.path.clone());
        let mode = if self.carry { Mode::Carry } else { Mode::Step };
        let work =
            Work { sides: &sides, known: known.as_ref(), database: &database, examples: self.examples };
        let mut tally = work.run(source, mode);
        if tally.events == 0 && tally.problem_count == 0 {
            tally.problem("there is no recorded event to compare".to_owned());
        }
        let [old, new] = &sides;
        Ok(Report::new(mode, old.about(), new.about(), tally))
    }
}

/// What all threads work with.
struct Work<'a> {
    sides: &'a [Side; 2],
    known: Option<&'a KnownSettings>,
    database: &'a Path,
    examples: usize,
}

/// What is handed to a thread: recordings, each with its place among all, and its member.
enum Batch {
    Raw(Vec<(u64, Raw)>),
    Members(Vec<(u64, u64, Recording)>),
}

impl Work<'_> {
    /// Reads everything and compares it on all processors.
    fn run(&self, source: Source<'_>, mode: Mode) -> Tally {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let mut tally = Tally::new(self.examples);
        let latest = &AtomicU64::new(0);
        thread::scope(|scope| {
            let mut senders = Vec::new();
            let mut workers = Vec::new();
            for _ in 0..threads {
                let (sender, batches) = sync_channel(WAITING);
                senders.push(sender);
                workers.push(scope.spawn(move || self.compare(&batches, mode, latest)));
            }
            self.hand_out(source, mode, &senders, latest, &mut tally);
            // The threads end when nothing more can come.
            drop(senders);
            for worker in workers {
                match worker.join() {
                    Ok(theirs) => tally.add(theirs),
                    Err(_) => tally.problem("a thread that compared ended by itself".to_owned()),
                }
            }
        });
        tally
    }

    /// Reads, and hands each recording to a thread: all of one member to the same, if members are followed.
    fn hand_out(
        &self,
        mut source: Source<'_>,
        mode: Mode,
        senders: &[SyncSender<Batch>],
        latest: &AtomicU64,
        tally: &mut Tally,
    ) {
        let mut progress = Progress::start();
        let (mut place, mut turn) = (0, 0);
        let mut raw = Vec::with_capacity(BATCH);
        let mut members: Vec<Vec<_>> = senders.iter().map(|_| Vec::new()).collect();
        let send = |index: usize, batch: Batch| {
            if let Some(sender) = senders.get(index % senders.len().max(1)) {
                // A thread that ended by itself is told of when it is joined.
                let _ = sender.send(batch);
            }
        };
        while let Some(next) = source.next() {
            place += 1;
            progress.reached(place, || source.share());
            let next = match next {
                Ok(next) => next,
                Err(problem) => {
                    tally.problem(problem);
                    continue;
                }
            };
            match mode {
                Mode::Step => {
                    raw.push((place, next));
                    if raw.len() == BATCH {
                        send(turn, Batch::Raw(std::mem::take(&mut raw)));
                        turn += 1;
                    }
                }
                Mode::Carry => match next.recording(self.known, self.database) {
                    Err(problem) => tally.problem(problem),
                    Ok(recording) => {
                        latest.fetch_max(recording.event.at.0, Ordering::Relaxed);
                        let member = member(&recording);
                        let index = usize::try_from(member % senders.len().max(1) as u64).unwrap_or(0);
                        if let Some(theirs) = members.get_mut(index) {
                            theirs.push((place, member, recording));
                            if theirs.len() == BATCH {
                                send(index, Batch::Members(std::mem::take(theirs)));
                            }
                        }
                    }
                },
            }
        }
        tally.stories = source.stories();
        send(turn, Batch::Raw(raw));
        for (index, theirs) in members.into_iter().enumerate() {
            send(index, Batch::Members(theirs));
        }
        progress.finish();
    }

    /// What one thread does.
    fn compare(&self, batches: &Receiver<Batch>, mode: Mode, latest: &AtomicU64) -> Tally {
        let mut tally = Tally::new(self.examples);
        let mut followers = Followers::default();
        for batch in batches {
            match batch {
                Batch::Raw(batch) => {
                    for (place, raw) in batch {
                        match raw.recording(self.known, self.database) {
                            Ok(recording) => {
                                step::compare(self.sides, &recording, member(&recording), place, &mut tally);
                            }
                            Err(problem) => tally.problem(problem),
                        }
                    }
                }
                Batch::Members(batch) => {
                    for (place, member, recording) in batch {
                        followers.follow(self.sides, recording, member, place, &mut tally);
                    }
                }
            }
        }
        if mode == Mode::Carry {
            followers.finish(self.sides, Timestamp(latest.load(Ordering::Relaxed)), &mut tally);
        }
        tally
    }
}

/// Who it is about, in which guild.
fn member(recording: &Recording) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&recording.event.guild, &recording.event.member.id).hash(&mut hasher);
    hasher.finish()
}
