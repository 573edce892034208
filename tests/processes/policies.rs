//! The policy of a bot that runs is changed: by its file, by a signal, and on the command line.

use std::{collections::BTreeMap, time::Instant};

use rolarr_tests::{World, process::Process};

use crate::{PROGRAM, run};

const ANN: &str = "ann@example.org";
const SCRIPT: &str = include_str!("../../policies/role-restriction/role-restriction.rhai");

/// Runs a command beside the bot: whether it succeeded, and what it printed.
async fn rolarr(world: &World, arguments: &[&str]) -> (bool, String) {
    let config = world.folder().join("config.toml");
    let mut all: Vec<std::ffi::OsString> = arguments.iter().map(Into::into).collect();
    all.extend(["--config".into(), config.into_os_string()]);
    let mut process = Process::start(PROGRAM, &all, &[]);
    let status = process.ended().await;
    (status.success(), [process.out(), process.err()].concat().join("\n"))
}

fn write(world: &World, label: &str) {
    std::fs::write(world.folder().join("rules.rhai"), SCRIPT.replace("noAccess", label)).unwrap();
}

fn filters(label: &str) -> BTreeMap<&'static str, String> {
    ["filterMovies", "filterTelevision"].map(|field| (field, format!("label={label}"))).into()
}

/// Takes the role away, and gives it back once the filters are there.
async fn is_restricted_to(world: &World, label: &str) {
    let alice = world.scene.alice;
    world.loses_role(alice);
    world.eventually(&format!("the filters have {label}"), || world.filters(ANN) == filters(label)).await;
    world.gets_role(alice);
    world.eventually("the filters are gone", || world.filters(ANN).is_empty()).await;
}

/// A bot with a script, and a member who has access.
async fn with_a_script() -> (World, Process) {
    let mut world = World::new().await;
    write(&world, "first");
    world.setup.policy = Some(world.folder().join("rules.rhai").display().to_string());
    world.setup.audit_channel = Some(world.scene.channel);
    world.setup.brake = 100;
    let process = run(&world, &[]);
    world.until_connected(0).await;
    world.joins(world.scene.alice, ANN).await;
    (world, process)
}

fn swaps(process: &Process) -> usize {
    process.err().iter().filter(|line| line.contains("another policy decides")).count()
}

#[tokio::test]
async fn whoever_saves_a_script_has_it_decide_and_a_broken_one_changes_nothing() {
    let (world, mut process) = with_a_script().await;
    is_restricted_to(&world, "first").await;
    let saved = Instant::now();
    write(&world, "second");
    world.eventually("the script takes over", || swaps(&process) == 1).await;
    println!("an edited script decides {:.2} s after it was saved", saved.elapsed().as_secs_f64());
    is_restricted_to(&world, "second").await;

    std::fs::write(world.folder().join("rules.rhai"), "fn decide(event) { nothing( }").unwrap();
    let refused = || process.err().iter().any(|line| line.contains("the policy was not changed"));
    world.eventually("the broken one is refused", refused).await;
    is_restricted_to(&world, "second").await;
    assert_eq!(swaps(&process), 1);
    process.terminate().await;
    assert!(process.ended().await.success());
}

#[tokio::test]
async fn a_signal_has_the_settings_read_anew() {
    let (mut world, mut process) = with_a_script().await;
    world.setup.label = Some("third".to_owned());
    _ = world.configuration();
    process.reload().await;
    world.eventually("the settings count", || swaps(&process) == 1).await;
    is_restricted_to(&world, "third").await;
    process.terminate().await;
    assert!(process.ended().await.success());
}

#[tokio::test]
async fn the_command_line_reloads_goes_back_and_applies() {
    let (mut world, mut process) = with_a_script().await;
    let alice = world.scene.alice;
    world.loses_role(alice);
    world.eventually("the member is restricted", || world.filters(ANN) == filters("first")).await;
    world.setup.label = Some("second".to_owned());
    _ = world.configuration();
    let (done, said) = rolarr(&world, &["policy", "reload"]).await;
    assert!(done && said.contains("decides now, in place of"), "{said}");
    let (done, said) = rolarr(&world, &["policy", "reload"]).await;
    assert!(done && said.contains("nothing changed"), "{said}");

    let (done, said) = rolarr(&world, &["policy", "apply", "--dry-run"]).await;
    assert!(done && said.contains(&alice.to_string()), "{said}");
    world.quiet().await;
    assert_eq!(world.filters(ANN), filters("first"), "a swap changes nothing for anybody");
    let (done, said) = rolarr(&world, &["policy", "apply", "--yes"]).await;
    assert!(done, "{said}");
    world.eventually("it is applied", || world.filters(ANN) == filters("second")).await;

    let (done, said) = rolarr(&world, &["policy", "rollback"]).await;
    assert!(done && said.contains("decides now") && said.contains("It stays until"), "{said}");
    let (done, said) = rolarr(&world, &["policy", "history"]).await;
    assert!(done && said.matches("role-restriction").count() + said.matches("rules").count() >= 2, "{said}");
    let (done, said) = rolarr(&world, &["policy", "rollback", "nosuch"]).await;
    assert!(!done && said.contains("no earlier policy is called `nosuch`"), "{said}");
    let (done, said) = rolarr(&world, &["invite-missing", "--dry-run"]).await;
    assert!(done, "{said}");
    process.terminate().await;
    assert!(process.ended().await.success());
}
