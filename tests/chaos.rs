//! The whole system, seed by seed: `cargo test --release -p rolarr-tests --test chaos`.
//!
//! `ROLARR_SEEDS` is how many seeds are run (from 1), `ROLARR_SEED` one of them alone, twice, to show that it
//! replays exactly. The last line has the figures; it ends with 1 if anything was violated.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "nothing of this is shipped: what fails here is a failed test"
)]

use std::{
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use rolarr_tests::chaos::{self, Report, Tamper};

/// Without `ROLARR_SEEDS`: an unoptimised build is not made for many.
const SEEDS: u64 = if cfg!(debug_assertions) { 6 } else { 100 };

fn main() -> ExitCode {
    let number = |name: &str| {
        let text = std::env::var(name).ok()?;
        let parsed = text.parse::<u64>();
        Some(parsed.map_err(|_| format!("{name} should be a whole number and is `{text}`")).unwrap())
    };
    let began = Instant::now();
    let total = match number("ROLARR_SEED") {
        Some(seed) => {
            let (first, second) = (one(seed), one(seed));
            replays(&first, &second);
            first
        }
        None => {
            for tamper in Tamper::ALL {
                is_noticed(tamper);
            }
            many(number("ROLARR_SEEDS").unwrap_or(SEEDS))
        }
    };
    for violation in &total.violations {
        println!("{violation}");
    }
    println!("{total}, in {:.1} s", began.elapsed().as_secs_f64());
    if total.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one(seed: u64) -> Report {
    runtime().block_on(chaos::run(seed)).expect("the run could be set up")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// A judge who finds nothing in a run in which something is wrong would be none.
fn is_noticed(tamper: Tamper) {
    for seed in 1..=30 {
        let run = runtime().block_on(chaos::run_with(seed, Some(tamper)));
        let (report, tampered) = run.expect("the run could be set up");
        // Not every run has somebody whose access many lose at once.
        let must = tampered && tamper != Tamper::NoBrake;
        assert!(!must || !report.violations.is_empty(), "seed {seed}: {tamper:?} was not noticed");
        if !report.violations.is_empty() {
            return;
        }
    }
    unreachable!("no run has an opportunity for {tamper:?}, or it is not noticed");
}

fn replays(first: &Report, second: &Report) {
    assert_eq!(first, second, "the same seed gave another run");
}

fn many(seeds: u64) -> Report {
    let next = AtomicU64::new(1);
    let total = Mutex::new(Report::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed > seeds {
                        return;
                    }
                    let report = one(seed);
                    if seed == 1 {
                        replays(&report, &one(seed));
                    }
                    if !report.violations.is_empty() {
                        println!("seed {seed} failed; replay it with ROLARR_SEED={seed}");
                    }
                    *total.lock().unwrap() += report;
                }
            });
        }
    });
    total.into_inner().unwrap()
}
