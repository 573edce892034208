//! `rolarr backup` beside the bot at work, and a database that can't be used.

use std::fs;

use rolarr_tests::{World, process::Process};

use crate::{PROGRAM, run};

const ANN: &str = "ann@example.org";

/// Runs `rolarr backup` into this file: whether it succeeded, and what it printed.
async fn backup(world: &World, file: &std::path::Path, more: &[&str]) -> (bool, String, String) {
    let mut all: Vec<std::ffi::OsString> = vec!["backup".into(), file.into(), "--config".into()];
    all.push(world.configuration().into_os_string());
    all.extend(more.iter().map(Into::into));
    let mut process = Process::start(PROGRAM, &all, &[]);
    let status = process.ended().await;
    (status.success(), process.out().join("\n"), process.err().join("\n"))
}

#[tokio::test]
async fn a_copy_that_is_made_beside_the_bot_brings_everything_back() {
    let world = World::new().await;
    let mut process = run(&world, &[]);
    world.until_connected(0).await;
    world.joins(world.scene.alice, ANN).await;
    let file = world.folder().join("copy.db");
    let (succeeded, out, err) = backup(&world, &file, &[]).await;
    assert!(succeeded, "{err}");
    assert!(out.contains("e-mail addresses") && !out.contains(ANN), "{out}");
    let (succeeded, _, err) = backup(&world, &file, &[]).await;
    assert!(!succeeded && err.contains("is there already") && err.contains("--force"), "{err}");
    assert!(backup(&world, &file, &["--force"]).await.0);
    let (succeeded, _, err) = backup(&world, &world.store(), &["--force"]).await;
    assert!(!succeeded && err.contains("is the database itself"), "{err}");

    // The disk breaks, and what happened since the copy is caught up.
    process.terminate().await;
    process.ended().await;
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{ending}", world.store().display()));
    }
    fs::copy(&file, world.store()).unwrap();
    world.loses_role(world.scene.alice);
    let sessions = world.sessions();
    let _process = run(&world, &[]);
    world.until_connected(sessions).await;
    world
        .eventually("the member is restricted", || world.filters(ANN) == rolarr_tests::plex::restricted())
        .await;
}

#[tokio::test]
async fn a_damaged_database_ends_the_start_with_what_to_do_and_nothing_is_changed() {
    let world = World::new().await;
    fs::write(world.store(), b"this is no database, and it is long enough to see that. ".repeat(40)).unwrap();
    let mut process = run(&world, &[]);
    let status = process.ended().await;
    let said = process.err().join("\n");
    assert!(!status.success() && said.contains("put a backup in its place"), "{said}");
    assert!(world.writes().is_empty());
    let (succeeded, _, err) = backup(&world, &world.folder().join("copy.db"), &[]).await;
    assert!(!succeeded && err.contains("was not copied"), "{err}");
    assert!(!world.folder().join("copy.db").exists());
}
