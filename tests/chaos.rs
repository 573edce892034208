//! The whole system, seed by seed: `cargo test --release -p rolarr-tests --test chaos`.
//!
//! `ROLARR_SEEDS` is how many seeds are run (from 1), `ROLARR_SEED` one of them alone, twice, to show that it
//! replays exactly. The last line has the figures; it ends with 1 if anything was violated.
#![expect(clippy::unwrap_used, reason = "nothing of this is shipped: what fails here is a failed test")]

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rolarr_tests::chaos::{self, Report, Struck, Tamper};

/// Without `ROLARR_SEEDS`: an unoptimised build is not made for many.
const SEEDS: u64 = if cfg!(debug_assertions) { 6 } else { 100 };

/// A seed that takes longer hangs.
const LONGEST: Duration = Duration::from_secs(if cfg!(debug_assertions) { 600 } else { 120 });

/// In so many seeds each tamper finds something to strike at.
const TAMPERED: u64 = 12;

fn main() -> ExitCode {
    let number = |name: &str| {
        let text = std::env::var(name).ok()?;
        let parsed = text.parse::<u64>();
        Some(parsed.map_err(|_| format!("{name} should be a whole number and is `{text}`")).unwrap())
    };
    let began = Instant::now();
    let watch = Watch::begin();
    let total = match number("ROLARR_SEED") {
        Some(seed) => twice(&watch, seed),
        None => {
            let seeds = number("ROLARR_SEEDS").unwrap_or(SEEDS);
            let mut total = many(&watch, seeds);
            total.violations.extend(unnoticed(&watch));
            // A judge who asks for nothing of those who gave their address would find nothing there.
            if total.answered == 0 {
                total.violations.push("nobody counts as having given an address".to_owned());
            }
            total
        }
    };
    for violation in &total.violations {
        println!("{violation}");
    }
    println!("{}", total.frequencies());
    println!("{total}, in {:.1} s", began.elapsed().as_secs_f64());
    if total.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs something with a seed; whatever goes wrong in it is a violation that names the seed.
fn with<T, F: Future<Output = anyhow::Result<T>>>(
    watch: &Watch,
    seed: u64,
    run: impl FnOnce(u64) -> F,
) -> Result<T, String> {
    watch.begins(seed);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(run(seed))));
    watch.ended(seed);
    match ended {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(format!("seed {seed}: it could not be run: {error:#}")),
        Err(_) => Err(format!("seed {seed}: it panicked, see above")),
    }
}

fn one(watch: &Watch, seed: u64) -> Report {
    with(watch, seed, chaos::run).unwrap_or_else(|violation| Report {
        seeds: 1,
        violations: vec![violation],
        ..Report::default()
    })
}

fn twice(watch: &Watch, seed: u64) -> Report {
    let (mut first, second) = (one(watch, seed), one(watch, seed));
    if first != second {
        first.violations.push(format!("seed {seed}: it gave another run the second time"));
    }
    first
}

/// A judge who finds nothing in a run in which something is wrong would be none.
fn unnoticed(watch: &Watch) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting: Vec<Tamper> = Tamper::ALL.to_vec();
    for seed in 1..=TAMPERED {
        if waiting.is_empty() {
            break;
        }
        let outcomes = with(watch, seed, |seed| chaos::tampered(seed, &waiting));
        let outcomes = match outcomes {
            Ok(outcomes) => outcomes,
            Err(violation) => return vec![violation],
        };
        for (tamper, struck) in outcomes {
            if struck == Struck::Missed {
                found.push(format!("seed {seed}: {tamper:?} was not noticed"));
            }
            waiting.retain(|other| *other != tamper || struck == Struck::Not);
        }
    }
    found.extend(waiting.iter().map(|tamper| format!("no run has an opportunity for {tamper:?}")));
    let noticed =
        (1..=TAMPERED).any(|seed| with(watch, seed, chaos::without_brake).is_ok_and(|noticed| noticed));
    if !noticed {
        found.push("that there was no brake was not noticed".to_owned());
    }
    found
}

/// The first and every hundredth seed are run twice.
fn many(watch: &Watch, seeds: u64) -> Report {
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
                    let report = if seed % 100 == 1 { twice(watch, seed) } else { one(watch, seed) };
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

/// Ends everything when a seed hangs, and says which.
struct Watch(Arc<Mutex<BTreeMap<u64, Instant>>>);

impl Watch {
    fn begin() -> Self {
        let running: Arc<Mutex<BTreeMap<u64, Instant>>> = Arc::default();
        let watched = Arc::clone(&running);
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_secs(1));
                let running = watched.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((seed, _)) = running.iter().find(|(_, began)| began.elapsed() > LONGEST) {
                    println!("seed {seed} hangs; replay it with ROLARR_SEED={seed}");
                    std::process::exit(1);
                }
            }
        });
        Self(running)
    }

    fn begins(&self, seed: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(seed, Instant::now());
    }

    fn ended(&self, seed: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&seed);
    }
}
