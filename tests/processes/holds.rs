//! Access that is held back, decided on the command line and on Discord.

use rolarr_tests::{World, plex::restricted, process::Process};

use crate::{PROGRAM, run};

const ANN: &str = "ann@example.org";

/// Runs `rolarr holds`: whether it succeeded, and what it printed.
async fn holds(world: &World, arguments: &[&str]) -> (bool, String, String) {
    let config = world.configuration();
    let mut all: Vec<std::ffi::OsString> = vec!["holds".into()];
    all.extend(arguments.iter().map(Into::into));
    all.extend(["--config".into(), config.into_os_string()]);
    let mut process = Process::start(PROGRAM, &all, &[]);
    let status = process.ended().await;
    (status.success(), process.out().join("\n"), process.err().join("\n"))
}

/// A bot that lets nobody's access shrink by itself, and a member who has access.
async fn careful() -> (World, Process) {
    let mut world = World::new().await;
    world.setup.brake = 0;
    let process = run(&world, &[]);
    world.until_connected(0).await;
    world.joins(world.scene.alice, ANN).await;
    (world, process)
}

async fn is_held(world: &World) {
    let waits = || world.database().unwrap().rows("SELECT reason FROM holds") == ["too-many"];
    world.eventually("it is held", waits).await;
    world.quiet().await;
    assert_ne!(world.filters(ANN), restricted());
}

#[tokio::test]
async fn the_command_line_shows_who_is_held_and_approves() {
    let (world, mut process) = careful().await;
    let alice = world.scene.alice;
    let (_, out, _) = holds(&world, &["list"]).await;
    assert_eq!(out, "Nobody is held back.");
    world.loses_role(alice);
    is_held(&world).await;
    let (_, out, _) = holds(&world, &["list"]).await;
    assert!(out.contains(&alice.to_string()) && out.contains("too many at once"), "{out}");
    let (succeeded, _, err) = holds(&world, &["approve", "--member", "1"]).await;
    assert!(!succeeded && err.contains("the member 1 is not held back"), "{err}");
    let (succeeded, out, err) = holds(&world, &["approve"]).await;
    assert!(succeeded && out == "Approved: the access of 1 member shrinks now.", "{out}{err}");
    world.eventually("the member is restricted", || world.filters(ANN) == restricted()).await;
    process.terminate().await;
    assert!(process.ended().await.success());
}

#[tokio::test]
async fn a_decision_waits_for_a_bot_that_does_not_run() {
    let (world, mut process) = careful().await;
    world.loses_role(world.scene.alice);
    is_held(&world).await;
    process.terminate().await;
    process.ended().await;
    let (succeeded, out, _) = holds(&world, &["approve"]).await;
    assert!(succeeded && out.contains("carried out when it starts"), "{out}");
    assert_ne!(world.filters(ANN), restricted());
    let _process = run(&world, &[]);
    world.eventually("the member is restricted", || world.filters(ANN) == restricted()).await;
}

#[tokio::test]
async fn administrators_decide_on_discord() {
    let (world, _process) = careful().await;
    let moderator = world.scene.mod_user;
    world.loses_role(world.scene.alice);
    is_held(&world).await;
    let answer = world.commands(world.scene.alice, "rolarr reject", &[]).await.now.content;
    assert!(answer.starts_with("This command is for administrators"), "{answer}");
    let answer = world.commands(moderator, "rolarr reject", &[]).await.now.content;
    assert_eq!(answer, "Rejected: 1 member keeps the access that they have.");
    world.quiet().await;
    assert_ne!(world.filters(ANN), restricted());
    let answer = world.commands(moderator, "rolarr approve", &[]).await.now.content;
    assert_eq!(answer, "Nobody is held.");
    let answer = world.commands(moderator, "rolarr sync", &[]).await.now.content;
    assert!(answer.starts_with("I compare all members"), "{answer}");
}

#[tokio::test]
async fn without_a_database_there_is_nothing_to_show() {
    let world = World::new().await;
    let (succeeded, _, err) = holds(&world, &["list"]).await;
    assert!(!succeeded && err.contains("there is no database"), "{err}");
    assert!(world.database().is_none(), "none was made");
}
