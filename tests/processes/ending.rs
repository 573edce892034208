//! How the process ends: asked to, or because it can't go on.

use std::time::{Duration, Instant};

use rolarr_sim::plex::{Effect, Fault};
use rolarr_tests::World;

use crate::run;

/// A few seconds, and some more for a busy machine.
const A_FEW_SECONDS: Duration = Duration::from_secs(9);

#[tokio::test]
async fn asked_to_stop_while_idle_it_ends_within_seconds() {
    let world = World::new().await;
    let mut process = run(&world, &[]);
    world.until_connected(0).await;
    world.quiet().await;
    let began = Instant::now();
    process.terminate().await;
    let status = process.ended().await;
    assert_eq!(status.code(), Some(0), "{}", process.err().join("\n"));
    assert!(began.elapsed() < A_FEW_SECONDS, "{:?}", began.elapsed());
    assert!(process.err().iter().any(|line| line.contains("stopped")), "{:?}", process.err());
}

#[tokio::test]
async fn asked_to_stop_while_busy_it_ends_within_seconds_and_goes_on_at_the_next_start() {
    let world = World::new().await;
    let mut process = run(&world, &[]);
    world.until_connected(0).await;
    let alice = world.scene.alice;
    world.gets_role(alice);
    let question = world.asked(alice).await;
    // Plex never answers.
    world.plex(|sim, _| sim.fault(Fault::on("*", "/api/invites/*", Effect::Hang { applied: false })));
    world.enters(alice, question, "ann@example.org").await;
    world
        .eventually("it waits for Plex", || {
            world.plex(|sim, _| sim.requests.iter().any(|asked| asked.status.is_none()))
        })
        .await;
    let began = Instant::now();
    process.terminate().await;
    let status = process.ended().await;
    assert_eq!(status.code(), Some(0), "{}", process.err().join("\n"));
    assert!(began.elapsed() < A_FEW_SECONDS, "{:?}", began.elapsed());

    world.plex(|sim, _| sim.clear_faults());
    let _process = run(&world, &[]);
    world.eventually("the invitation goes out", || world.is_invited("ann@example.org")).await;
    world.quiet().await;
    assert_eq!(world.told(alice).len(), 1);
}

#[tokio::test]
async fn a_gateway_that_refuses_the_intents_ends_it_with_what_to_do() {
    let world = World::new().await;
    world.discord(|sim, _| sim.application_mut().members_intent = false);
    let mut process = run(&world, &[]);
    let status = process.ended().await;
    let said = process.err().join("\n");
    assert!(!status.success(), "{said}");
    assert!(said.contains("4014") && said.contains("Server Members Intent"), "{said}");
    assert!(world.writes().is_empty());
}

#[tokio::test]
async fn a_gateway_that_closes_with_4014_later_ends_it_too() {
    let world = World::new().await;
    let mut process = run(&world, &[]);
    world.until_connected(0).await;
    world.discord(|sim, now| sim.close_connections(now, 4014));
    let status = process.ended().await;
    let said = process.err().join("\n");
    assert!(!status.success(), "{said}");
    assert!(said.contains("Server Members Intent"), "{said}");
}
