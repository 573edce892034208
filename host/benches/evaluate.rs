//! What Rolarr's own part of an evaluation costs.
//!
//! The default policy decides one recorded event through the engine, and through a bare loop of wasmtime
//! with the same component and the same settings: a store, an instance, one call. Both are measured in turn,
//! in one run, so that a busy machine slows both. The bare loop has fuel, epochs and the pool too; what
//! the engine adds are the limits' bookkeeping, the conversions, and the checks of the answer.
//!
//! `cargo bench -p rolarr --bench evaluate` prints criterion's numbers for each, and the ratio. It fails if
//! the ratio is above 1.25, and where there is no pool: the bare loop is then slow too, and the ratio says
//! nothing.

#![expect(clippy::expect_used, reason = "a bench stops where it fails")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use rolarr::policy::bench::Bare;
use rolarr::policy::{Engine, EngineSettings, Limits, Loader, Module, Policy};
use rolarr_policy::Policy as _;
use rolarr_policy::contract::Event;
use rolarr_policy::recording;

/// The ratio that must not be passed.
const MOST: f64 = 1.25;

fn main() {
    let engine = Engine::new(EngineSettings {
        loader: Loader::At(env!("CARGO_BIN_EXE_rolarr").into()),
        ..EngineSettings::default()
    })
    .expect("an engine");
    if !engine.is_pooled() {
        eprintln!("no pool of instances on this machine (is address space limited? see `ulimit -v`)");
        std::process::exit(1);
    }
    let module = Module::open("builtin:role-restriction").expect("the default policy");
    let settings = serde_json::json!({});
    let policy = Policy::load(&engine, &module, &settings, Vec::new(), &Limits::default()).expect("it loads");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/events/table-3-last-role-removed.json");
    let event = recording::read_file(file.as_ref()).expect("a recording").remove(0).event;
    let bare = Bare::new(&policy, &event);

    let evaluation = policy.evaluate(&event).expect("a decision");
    println!("the event costs {} units of fuel", evaluation.fuel);

    let mut criterion = Criterion::default().configure_from_args();
    criterion.bench_function("native", |bencher| {
        let policy = role_restriction::RoleRestriction::configure(rolarr_policy::Settings::new("{}"), vec![])
            .expect("it takes no settings");
        bencher.iter(|| policy.evaluate(black_box(&event)));
    });
    criterion.bench_function("bare wasmtime", |bencher| bencher.iter(|| bare.call()));
    criterion.bench_function("through the engine", |bencher| {
        bencher.iter(|| policy.evaluate(black_box(&event)));
    });
    criterion.final_summary();

    let (engine, bare) = in_turn(&policy, &bare, &event);
    let ratio = engine.as_secs_f64() / bare.as_secs_f64();
    println!("through the engine {engine:?}, bare wasmtime {bare:?}, ratio {ratio:.3} (at most {MOST})");
    if ratio > MOST {
        eprintln!("the engine adds more than it may");
        std::process::exit(1);
    }
}

/// The medians of both, measured in turn in short batches.
fn in_turn(policy: &Policy, bare: &Bare, event: &Event) -> (Duration, Duration) {
    const BATCHES: usize = 400;
    const BATCH: u32 = 50;
    let time = |work: &dyn Fn()| {
        let start = Instant::now();
        for _ in 0..BATCH {
            work();
        }
        start.elapsed() / BATCH
    };
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for _ in 0..BATCHES {
        ours.push(time(&|| drop(black_box(policy.evaluate(black_box(event))))));
        theirs.push(time(&|| bare.call()));
    }
    (median(ours), median(theirs))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
