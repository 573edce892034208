//! The bot as a process for tests. It is `rolarr`, and with `--watch CONFIG` it prints the name of each step
//! of the pipeline as it is reached. With `--watch CONFIG STEP NTH` it stands still for ever once it reaches
//! that step for the NTH time, and nothing in it goes on: a test can kill it at exactly that point.

use std::{
    io::Write,
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;
use rolarr::{
    bot, cli,
    config::Config,
    pipeline::{Reached, Seam, Step, Watcher},
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--watch", config] => watched(config, None),
        ["--watch", config, step, nth] => watched(config, nth.parse().ok().map(|nth| (*step, nth))),
        _ => cli::main(),
    }
}

fn watched(config: &str, stop_at: Option<(&str, usize)>) -> ExitCode {
    match run(config, stop_at) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: &str, stop_at: Option<(&str, usize)>) -> anyhow::Result<()> {
    let config = Config::load(Path::new(config))?;
    cli::logging::start(config.log, std::env::var("RUST_LOG").ok().as_deref(), false)?;
    let seam = Seam::system().watched(watcher(stop_at.map(|(step, nth)| (step.to_owned(), nth))));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the threads")?;
    runtime.block_on(bot::run(config, seam, bot::Asked::default()))
}

#[derive(Default)]
struct Count {
    reached: usize,
    still: bool,
}

fn watcher(stop_at: Option<(String, usize)>) -> Watcher {
    let count = Mutex::new(Count::default());
    Arc::new(move |step: Step| -> Reached {
        let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
        if count.still {
            return Box::pin(std::future::pending());
        }
        say(&format!("reached {}", step.name()));
        if let Some((name, nth)) = &stop_at
            && *name == step.name()
        {
            count.reached += 1;
            if count.reached == *nth {
                count.still = true;
                say("standing still");
                return Box::pin(std::future::pending());
            }
        }
        Box::pin(std::future::ready(()))
    })
}

/// The test may have stopped to listen.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
