//! The real process over sockets: killed at random moments under load, and in bad weather.
//!
//! `ROLARR_KILLS` is how often it is killed (30), `ROLARR_SOCKET_SEEDS` how many runs in bad weather there are
//! (4; `.ci/run storm` has 20), two of them side by side, and `ROLARR_SEED` what everything is drawn from (chance
//! without it; it is printed).

use std::time::Duration;

use anyhow::{Context, Result};
use rolarr_tests::storm::{self, Figures, Weather};

const PROGRAM: &str = env!("CARGO_BIN_EXE_rolarr-steps");

fn number(name: &str, otherwise: u64) -> Result<u64> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} should be a whole number and is `{text}`")),
        Err(_) => Ok(otherwise),
    }
}

fn calm() -> Weather {
    Weather {
        seed: 1,
        kills: 0,
        least: Duration::ZERO,
        faults: false,
        brake: 10_000,
        deletes: false,
        tampered: false,
    }
}

fn nothing_is_violated(figures: &Figures) {
    assert!(figures.violations.is_empty(), "{}", figures.violations.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_random_moments_lose_nothing_and_send_nothing_twice() -> Result<()> {
    let kills = usize::try_from(number("ROLARR_KILLS", 30)?)?;
    let seed = number("ROLARR_SEED", fastrand::u64(..))?;
    println!("ROLARR_SEED={seed}");
    // A database that has seen a few hundred deeds is like any other: many kills are many runs.
    let mut total = Figures::default();
    let mut run = 0;
    while total.kills < kills {
        let kills = (kills - total.kills).clamp(1, 30) - 1;
        let weather = Weather { seed: seed.wrapping_add(run), kills, ..calm() };
        total += storm::run(PROGRAM, weather).await?;
        run += 1;
    }
    println!("killed: {total}");
    nothing_is_violated(&total);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_weather_over_sockets_leads_to_the_same_end() -> Result<()> {
    let seeds = number("ROLARR_SOCKET_SEEDS", 4)?;
    let seed = number("ROLARR_SEED", fastrand::u64(..))?;
    println!("ROLARR_SEED={seed}");
    let run = |run: u64| {
        let weather = Weather {
            seed: seed.wrapping_add(run),
            kills: 2,
            least: Duration::from_secs(8),
            faults: true,
            // In half of them the brake holds, in a third a role is deleted.
            brake: if run.is_multiple_of(2) { 3 } else { 10_000 },
            deletes: run % 3 == 1,
            tampered: false,
        };
        storm::run(PROGRAM, weather)
    };
    let mut total = Figures::default();
    for first in (0..seeds).step_by(2) {
        let second = async { if first + 1 < seeds { run(first + 1).await } else { Ok(Figures::default()) } };
        let (first, second) = tokio::join!(run(first), second);
        total += first?;
        total += second?;
    }
    println!("bad weather, {seeds} seeds: {total}");
    nothing_is_violated(&total);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_judge_notices_what_is_wrong() -> Result<()> {
    let weather = Weather { least: Duration::from_secs(6), tampered: true, ..calm() };
    let figures = storm::run(PROGRAM, weather).await?;
    assert!(!figures.violations.is_empty(), "shares were gone, and nobody noticed");
    Ok(())
}
