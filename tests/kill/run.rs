//! The story told once, with or without a kill.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rolarr_tests::{World, process::Process};

use crate::{state, story};

const PROGRAM: &str = env!("CARGO_BIN_EXE_rolarr-steps");

/// How the story ended.
pub(crate) struct Ended {
    /// What stood at Plex, at Discord and in the database after each chapter.
    pub(crate) chapters: Vec<String>,
    /// The steps in the order in which they were reached.
    reached: Vec<String>,
}

impl Ended {
    /// How often a step was reached.
    pub(crate) fn times(&self, step: &str) -> usize {
        self.reached.iter().filter(|reached| *reached == step).count()
    }
}

/// Tells the story. `kill` is the step, and its how manieth time, at which the process is killed.
pub(crate) async fn to_the_end(kill: Option<(&str, usize)>) -> Ended {
    let mut world = World::new().await;
    world.setup.audit_channel = Some(world.scene.channel);
    let world = Arc::new(world);
    let stop_at = kill.map(|(step, nth)| vec![step.to_owned(), nth.to_string()]).unwrap_or_default();
    let process = start(&world, &stop_at);
    world.until_connected(0).await;
    let watch = Arc::new(Watch::default());
    let guard = tokio::spawn(restart_when_it_stands_still(process, Arc::clone(&world), Arc::clone(&watch)));
    let mut chapters = Vec::new();
    for chapter in 0..story::CHAPTERS {
        story::happens(chapter, &world).await;
        loop {
            world.quiet().await;
            if !watch.restarting.load(Ordering::SeqCst) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        chapters.push(state::of(&world));
    }
    watch.over.store(true, Ordering::SeqCst);
    let reached = guard.await.unwrap();
    assert_eq!(watch.kills.load(Ordering::SeqCst), usize::from(kill.is_some()), "{kill:?}");
    Ended { chapters, reached }
}

fn start(world: &World, stop_at: &[String]) -> Process {
    let config = world.configuration().display().to_string();
    let arguments: Vec<String> =
        ["--watch".to_owned(), config].into_iter().chain(stop_at.iter().cloned()).collect();
    Process::start(PROGRAM, &arguments, &[])
}

#[derive(Default)]
struct Watch {
    kills: AtomicUsize,
    restarting: AtomicBool,
    over: AtomicBool,
}

/// Kills the process once it stands still at its step, and starts it again without such a step. Returns the
/// steps that were reached.
async fn restart_when_it_stands_still(
    mut process: Process,
    world: Arc<World>,
    watch: Arc<Watch>,
) -> Vec<String> {
    while !watch.over.load(Ordering::SeqCst) {
        if process.said("standing still") {
            watch.restarting.store(true, Ordering::SeqCst);
            process.kill().await;
            watch.kills.fetch_add(1, Ordering::SeqCst);
            let sessions = world.sessions();
            process = start(&world, &[]);
            world.until_connected(sessions).await;
            watch.restarting.store(false, Ordering::SeqCst);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let out = process.out();
    out.iter().filter_map(|line| line.strip_prefix("reached ")).map(str::to_owned).collect()
}
