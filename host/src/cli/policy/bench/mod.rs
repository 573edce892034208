//! `rolarr policy bench`.

mod typical;

use std::{
    io::Write,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::anyhow;
use rolarr_policy::contract::Event;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    compiling,
    named::Named,
    not_done::not_done,
    recordings::{self, recordings_in},
    settings::parse_settings,
};
use crate::{
    cli::{CliError, moment::grouped, words},
    domain::json::to_string_pretty,
    policy::{Engine, Limits, Module, Policy, bench::instantiate, printable},
};

/// Measure what a policy costs: time, fuel and memory for each event
///
/// Each event is decided many times, one after the other, in a fresh instance each time, as the bot does it:
/// `evaluate` is all of that with the checks of the answer, `instantiate` is the instance alone. Time is that of
/// this machine at this moment; fuel and memory of an event are the same everywhere.
///
/// Without `--events`, one event of each cause in each state of access is taken.
///
/// Ends with 0 if every event was decided, with 1 if the policy failed on one, and with 2 if it does not load or
/// there is nothing to measure with.
#[derive(Debug, clap::Args)]
pub(super) struct BenchArgs {
    /// The policy: its file or its folder, or a built-in one.
    policy: String,
    /// Files and folders with recordings. Can be repeated.
    #[arg(long = "events", value_name = "PATH", num_args = 1..)]
    events: Vec<PathBuf>,
    /// The settings to load it with, as a JSON object. Without them those of the first recording are taken, or
    /// those of the policy's folder.
    #[arg(long, value_name = "JSON", value_parser = parse_settings)]
    settings: Option<Map<String, Value>>,
    /// How long to measure, in seconds, from 1 to 60. All events are decided at least once.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Decide all events so often instead, however long it takes.
    #[arg(long, value_name = "N", conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rounds: Option<u64>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// The result.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report {
    policy: String,
    name: String,
    version: String,
    digest: String,
    /// The size of its file, in bytes; of a script, with what runs it.
    size: usize,
    /// How long it took to compile it, configure it and keep its memory, in milliseconds.
    load_ms: f64,
    /// Whether events start from the memory that `configure` left behind. If not, `configure` runs for each.
    starts_from_a_snapshot: bool,
    events: usize,
    rounds: u64,
    evaluations: usize,
    /// In a second, on one processor.
    evaluations_per_second: f64,
    /// To make an instance and to drop it, in microseconds.
    instantiate_us: Percentiles<f64>,
    /// To decide an event, the instance included, in microseconds.
    evaluate_us: Percentiles<f64>,
    /// Units of work, over the events.
    fuel: Percentiles<u64>,
    /// In bytes, over the events.
    memory: Percentiles<u64>,
    /// The events that cost the most fuel.
    dearest: Vec<Cost>,
    /// Events that were not decided, and why.
    undecided: Vec<Undecided>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
struct Percentiles<T> {
    p50: T,
    p90: T,
    p99: T,
    max: T,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Cost {
    event: String,
    /// What happened, to whom.
    what: String,
    fuel: u64,
    memory: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Undecided {
    event: String,
    /// What happened, to whom.
    what: String,
    why: String,
}

impl BenchArgs {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<u8, CliError> {
        let report = match self.measure() {
            Ok(report) => report,
            Err(problem) => return Err(not_done(CliError::failed(anyhow!(problem)), self.json, out)),
        };
        self.show(&report, out).map_err(|error| CliError::from(error).not_done())?;
        Ok(u8::from(!report.undecided.is_empty()))
    }

    fn show(&self, report: &Report, out: &mut dyn Write) -> anyhow::Result<()> {
        if self.json {
            let mut value = serde_json::to_value(report)?;
            words::without_addresses(&mut value);
            writeln!(out, "{}", to_string_pretty(&value)?)?;
        } else {
            write(out, report)?;
        }
        Ok(())
    }

    /// What is wrong is for people.
    fn measure(&self) -> Result<Report, String> {
        let named = Named::find(&self.policy)?;
        let module = named.open()?;
        let Taken { events, settings: recorded } = self.events()?;
        // Nothing compiled is kept: how long loading takes is part of the result.
        let engine = Engine::new(compiling::settings(None)).map_err(|error| error.to_string())?;
        let settings = self.settings.clone().or(recorded).or_else(|| named.settings().cloned());
        let settings = Value::Object(settings.unwrap_or_default());
        let began = Instant::now();
        let policy = Policy::load(&engine, &module, &settings, Vec::new(), &Limits::default())
            .map_err(|error| error.in_full())?;
        let load = began.elapsed();
        let measured = Measured::take(&policy, &events, self.rounds, Duration::from_secs(self.seconds));
        Ok(report(&policy, &module, load, &events, measured))
    }

    /// The events to measure with.
    fn events(&self) -> Result<Taken, String> {
        if self.events.is_empty() {
            return Ok(Taken { events: typical::events(), settings: None });
        }
        let mut events = Vec::new();
        let mut settings = None;
        for path in &self.events {
            for file in recordings_in(path)? {
                for recording in recordings::read(&file)?.recordings {
                    settings = settings.or(recording.settings);
                    events.push(recording.event);
                }
            }
        }
        if events.is_empty() {
            return Err("there is no event to measure with: stories are none".to_owned());
        }
        Ok(Taken { events, settings })
    }
}

/// What it is measured with.
struct Taken {
    events: Vec<Event>,
    /// Those of the first recording that has any.
    settings: Option<Map<String, Value>>,
}

/// What was measured.
#[derive(Default)]
struct Measured {
    rounds: u64,
    evaluate: Vec<Duration>,
    instantiate: Vec<Duration>,
    costs: Vec<Cost>,
    undecided: Vec<Undecided>,
}

impl Measured {
    fn take(policy: &Policy, events: &[Event], rounds: Option<u64>, limit: Duration) -> Self {
        let mut measured = Self::default();
        let began = Instant::now();
        let goes_on = |done: u64| match rounds {
            Some(rounds) => done < rounds,
            None => done == 0 || began.elapsed() < limit,
        };
        while goes_on(measured.rounds) {
            for event in events {
                // The first round is measured as a whole, however many events there are.
                if measured.rounds > 0 && rounds.is_none() && began.elapsed() >= limit {
                    break;
                }
                measured.one(policy, event);
            }
            measured.rounds += 1;
        }
        measured
    }

    fn one(&mut self, policy: &Policy, event: &Event) {
        if let Ok(took) = instantiate(policy) {
            self.instantiate.push(took);
        }
        let answer = policy.evaluate(event);
        let is_first = self.rounds == 0;
        match answer {
            Ok(evaluation) => {
                self.evaluate.push(evaluation.took);
                if is_first {
                    self.costs.push(Cost {
                        event: event.id.clone(),
                        what: what(event),
                        fuel: evaluation.fuel,
                        memory: evaluation.memory as u64,
                    });
                }
            }
            Err(error) if is_first => {
                let why = error.cause.to_string();
                self.undecided.push(Undecided { event: event.id.clone(), what: what(event), why });
            }
            Err(_) => {}
        }
    }
}

fn report(policy: &Policy, module: &Module, load: Duration, events: &[Event], measured: Measured) -> Report {
    let Measured { rounds, evaluate, instantiate, mut costs, undecided } = measured;
    let metadata = policy.metadata();
    let total: Duration = evaluate.iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "a rate, for people")]
    let rate = if total.is_zero() { 0.0 } else { evaluate.len() as f64 / total.as_secs_f64() };
    let micros = |times: Vec<Duration>| {
        let Percentiles { p50, p90, p99, max } = percentiles(times);
        let us = |time: Duration| (time.as_secs_f64() * 1e7).round() / 10.0;
        Percentiles { p50: us(p50), p90: us(p90), p99: us(p99), max: us(max) }
    };
    let evaluations = evaluate.len();
    let fuel = percentiles(costs.iter().map(|cost| cost.fuel).collect());
    let memory = percentiles(costs.iter().map(|cost| cost.memory).collect());
    costs.sort_by(|one, other| (other.fuel, &one.event).cmp(&(one.fuel, &other.event)));
    costs.truncate(3);
    Report {
        policy: module.name.clone(),
        name: metadata.name.clone(),
        version: metadata.version.clone(),
        digest: policy.digest().to_owned(),
        size: module.bytes.len() + module.sources.iter().map(|source| source.text.len()).sum::<usize>(),
        load_ms: (load.as_secs_f64() * 1e4).round() / 10.0,
        starts_from_a_snapshot: policy.starts_from_a_snapshot(),
        events: events.len(),
        rounds,
        evaluations,
        evaluations_per_second: rate.round(),
        instantiate_us: micros(instantiate),
        evaluate_us: micros(evaluate),
        fuel,
        memory,
        dearest: costs,
        undecided,
    }
}

/// What an event is about.
fn what(event: &Event) -> String {
    format!("{}; access {}", words::cause(&event.cause), words::case(&event.account.access))
}

/// The values that so many of all do not exceed.
fn percentiles<T: Ord + Copy + Default>(mut values: Vec<T>) -> Percentiles<T> {
    values.sort_unstable();
    let at = |percent: usize| {
        let place = (values.len() * percent).div_ceil(100).saturating_sub(1);
        values.get(place).copied().unwrap_or_default()
    };
    Percentiles { p50: at(50), p90: at(90), p99: at(99), max: at(100) }
}

fn write(out: &mut dyn Write, report: &Report) -> std::io::Result<()> {
    writeln!(out, "{}", printable(&report.policy))?;
    let mut field = |name: &str, value: &str| writeln!(out, "  {name:<13} {}", printable(value));
    field("name", &format!("{} {}", report.name, report.version))?;
    field("digest", &report.digest)?;
    field("size", &format!("{} bytes", grouped(report.size as u64)))?;
    field(
        "loads in",
        &format!("{:.1} ms (compiled and configured; the bot keeps what comes out)", report.load_ms),
    )?;
    let start = if report.starts_from_a_snapshot {
        "from the memory that `configure` left behind"
    } else {
        "with `configure`, which runs for every event: the component can't be snapshotted"
    };
    field("events start", start)?;
    let rounds =
        if report.rounds == 1 { "1 round".to_owned() } else { format!("{} rounds", grouped(report.rounds)) };
    writeln!(
        out,
        "\n{} events, {rounds}, {} evaluations: {} in a second on one processor\n",
        grouped(report.events as u64),
        grouped(report.evaluations as u64),
        grouped(whole(report.evaluations_per_second)),
    )?;
    writeln!(out, "  {:<12} {:>12} {:>12} {:>12} {:>12}", "", "p50", "p90", "p99", "max")?;
    let mut row = |name: &str, cells: [String; 4]| {
        let [p50, p90, p99, max] = cells;
        writeln!(out, "  {name:<12} {p50:>12} {p90:>12} {p99:>12} {max:>12}")
    };
    row("instantiate", cells(report.instantiate_us, time))?;
    row("evaluate", cells(report.evaluate_us, time))?;
    row("fuel", cells(report.fuel, grouped))?;
    row("memory", cells(report.memory, kibibytes))?;
    writeln!(out, "\nMost fuel:")?;
    for Cost { event, what, fuel, memory } in &report.dearest {
        writeln!(
            out,
            "  event {}, {what}: {} units, {}",
            printable(event),
            grouped(*fuel),
            kibibytes(*memory)
        )?;
    }
    for Undecided { event, what, why } in &report.undecided {
        writeln!(out, "\nUNDECIDED event {}, {what}: {}", printable(event), words::clean(why))?;
    }
    Ok(())
}

fn cells<T>(of: Percentiles<T>, shown: impl Fn(T) -> String) -> [String; 4] {
    let Percentiles { p50, p90, p99, max } = of;
    [p50, p90, p99, max].map(shown)
}

fn time(micros: f64) -> String {
    if micros < 1_000.0 { format!("{micros:.1} µs") } else { format!("{:.2} ms", micros / 1_000.0) }
}

fn kibibytes(bytes: u64) -> String {
    format!("{} KiB", grouped(bytes.div_ceil(1024)))
}

/// A rate without its fraction.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate, for people")]
fn whole(rate: f64) -> u64 {
    rate.max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percentiles_of(values: impl IntoIterator<Item = u64>) -> [u64; 4] {
        let Percentiles { p50, p90, p99, max } = percentiles(values.into_iter().collect());
        [p50, p90, p99, max]
    }

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        assert_eq!(percentiles_of([]), [0, 0, 0, 0]);
        assert_eq!(percentiles_of([7]), [7, 7, 7, 7]);
        assert_eq!(percentiles_of(1..=100), [50, 90, 99, 100]);
        assert_eq!(percentiles_of([3, 1, 2]), [2, 3, 3, 3]);
    }
}
