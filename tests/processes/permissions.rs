//! A database that can't be written.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use rolarr_tests::{World, process::Process};

use crate::{PROGRAM, run};

const TOLD: &str = "the database can't be written: check who owns the file and its folder";

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A database that a bot made and left, in a folder of its own.
async fn left() -> World {
    let world = World::new().await;
    let mut process = run(&world, &[]);
    world.until_connected(0).await;
    process.terminate().await;
    assert!(process.ended().await.success());
    allow(world.folder(), 0o777);
    allow(&world.configuration(), 0o644);
    world
}

/// Runs a command as somebody to whom permissions apply: whether it succeeded, and what it said.
async fn as_nobody(world: &World, arguments: &[&str]) -> (bool, String) {
    let config = world.folder().join("config.toml");
    let mut all: Vec<std::ffi::OsString> = arguments.iter().map(Into::into).collect();
    all.extend(["--config".into(), config.into_os_string()]);
    let mut process = Process::start_as_nobody(PROGRAM, &all, world.folder());
    let status = process.ended().await;
    (status.success(), process.err().join("\n"))
}

#[tokio::test]
async fn a_file_that_can_only_be_read_ends_the_start_with_what_to_check() {
    let world = left().await;
    let before = fs::read(world.store()).unwrap();
    // Of an earlier owner's bot.
    let _ = fs::remove_file(world.folder().join("rolarr.db.lock"));
    allow(&world.store(), 0o444);
    for command in [&["run"][..], &["holds", "list"]] {
        let (succeeded, said) = as_nobody(&world, command).await;
        assert!(!succeeded && said.contains(TOLD) && said.contains("rolarr.db"), "{command:?}: {said}");
    }
    assert_eq!(fs::read(world.store()).unwrap(), before);
    // What needs no more than to read works.
    let copy = world.folder().join("copy.db");
    let (succeeded, said) = as_nobody(&world, &["backup", &copy.to_string_lossy()]).await;
    assert!(succeeded, "{said}");
}

#[tokio::test]
async fn a_folder_that_can_not_be_written_ends_the_start_with_what_to_check() {
    let world = left().await;
    allow(&world.store(), 0o666);
    // The program is put there before.
    let _ = as_nobody(&world, &["holds", "list"]).await;
    let _ = fs::remove_file(world.folder().join("rolarr.db.lock"));
    for ending in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{ending}", world.store().display()));
    }
    allow(world.folder(), 0o555);
    for command in [&["run"][..], &["holds", "list"]] {
        let (succeeded, said) = as_nobody(&world, command).await;
        assert!(!succeeded && said.contains(TOLD) && said.contains("rolarr.db"), "{command:?}: {said}");
    }
    allow(world.folder(), 0o777);
}
