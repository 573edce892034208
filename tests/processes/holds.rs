//! Access that is held back, decided on the command line and on Discord.

use rolarr::store::{HoldRow, Store, Threads};
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

/// The time that a list ends with.
fn listed_at(list: &str) -> String {
    list.split("approve --listed ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap().to_owned()
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
    is_held_for(world, "too-many").await;
    assert_ne!(world.filters(ANN), restricted());
}

/// As if the bot had ended before it told anybody.
async fn not_shown_yet(world: &World) {
    let store = Store::open(&world.store(), Threads::None).unwrap();
    let unshown = store.write(|tx| {
        for hold in tx.holds()?.into_iter().flatten() {
            tx.put_hold(&HoldRow { announced: false, shown: false, ..hold })?;
        }
        Ok(())
    });
    unshown.await.unwrap();
}

async fn is_held_for(world: &World, reason: &str) {
    let waits = || world.database().unwrap().rows("SELECT reason FROM holds") == [reason];
    world.eventually("it is held", waits).await;
    world.quiet().await;
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
    let (succeeded, out, err) = holds(&world, &["approve", "--listed", &listed_at(&out)]).await;
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
    not_shown_yet(&world).await;
    let (succeeded, _, err) = holds(&world, &["approve"]).await;
    assert!(!succeeded && err.contains("the audit channel did not show who it is"), "{err}");
    assert!(err.contains("rolarr holds list"), "{err}");
    let (_, out, _) = holds(&world, &["list"]).await;
    // A list by itself widens nothing.
    let (succeeded, _, err) = holds(&world, &["approve"]).await;
    assert!(!succeeded, "{err}");
    let (succeeded, _, err) = holds(&world, &["approve", "--listed", "2001-01-01"]).await;
    assert!(!succeeded && err.contains("nobody who is held back was so at that time"), "{err}");
    let (succeeded, out, _) = holds(&world, &["approve", "--listed", &listed_at(&out)]).await;
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
    // There is no audit channel: the first answer shows who is held, and decides nothing.
    let answer = world.commands(moderator, "rolarr reject", &[]).await.now.content;
    assert!(answer.starts_with("Nothing is decided."), "{answer}");
    assert!(answer.contains(&format!("<@{}>", world.scene.alice)), "{answer}");
    let answer = world.commands(moderator, "rolarr reject", &[]).await.now.content;
    assert_eq!(answer, "Rejected: 1 member keeps the access that they have.");
    world.quiet().await;
    assert_ne!(world.filters(ANN), restricted());
    let answer = world.commands(moderator, "rolarr approve", &[]).await.now.content;
    assert_eq!(answer, "Nobody is held.");
    let answer = world.commands(moderator, "rolarr sync", &[]).await.now.content;
    assert!(answer.starts_with("I compare all members"), "{answer}");
}

/// A bot as it comes, and a member who has access by one role and is protected by another if so.
async fn with_staff() -> (World, Process, rolarr_sim::discord::RoleId) {
    let mut world = World::new().await;
    let guild = world.scene.guild;
    let staff = world.discord(|sim, now| sim.create_role(now, guild, "Staff").unwrap());
    world.setup.protected_roles.push(staff);
    let process = run(&world, &[]);
    world.until_connected(0).await;
    world.joins(world.scene.alice, ANN).await;
    (world, process, staff)
}

/// While the bot does not run, the role is deleted; then the bot starts, and holds what that would take.
async fn deleted_meanwhile(world: &World, mut process: Process, role: rolarr_sim::discord::RoleId) {
    process.terminate().await;
    process.ended().await;
    let guild = world.scene.guild;
    world.discord(|sim, now| sim.delete_role(now, guild, role).unwrap());
    let _process = run(world, &[]);
    is_held_for(world, "role-deleted").await;
    assert_ne!(world.filters(ANN), restricted());
    let (_, out, _) = holds(world, &["list"]).await;
    assert!(out.contains("was deleted"), "{out}");
}

#[tokio::test]
async fn a_tracked_role_that_was_deleted_while_the_bot_was_stopped_is_held_at_the_start() {
    let (world, process, _) = with_staff().await;
    deleted_meanwhile(&world, process, world.scene.subscriber).await;
}

#[tokio::test]
async fn so_is_a_protected_one() {
    let (world, process, staff) = with_staff().await;
    let alice = world.scene.alice;
    world.gets(alice, staff);
    let protected = || {
        let rows = world.database().unwrap().rows("SELECT roles FROM members WHERE present AND NOT bot");
        rows.iter().any(|roles| roles.contains(&staff.to_string()))
    };
    world.eventually("the protection is known", protected).await;
    world.loses_role(alice);
    let skipped = || {
        let rows = world.database().unwrap().rows("SELECT state FROM events ORDER BY id DESC LIMIT 1");
        rows == ["skipped"]
    };
    world.eventually("the loss is skipped", skipped).await;
    deleted_meanwhile(&world, process, staff).await;
}

#[tokio::test]
async fn a_role_that_is_deleted_while_the_bot_runs_is_held_at_once() {
    let (world, _process, _) = with_staff().await;
    let (guild, role) = (world.scene.guild, world.scene.subscriber);
    world.discord(|sim, now| sim.delete_role(now, guild, role).unwrap());
    is_held_for(&world, "role-deleted").await;
    assert_ne!(world.filters(ANN), restricted());
}

#[tokio::test]
async fn without_a_database_there_is_nothing_to_show() {
    let world = World::new().await;
    let (succeeded, _, err) = holds(&world, &["list"]).await;
    assert!(!succeeded && err.contains("there is no database"), "{err}");
    assert!(world.database().is_none(), "none was made");
}

#[tokio::test]
async fn a_hold_that_can_not_be_read_is_named_and_the_others_are_decided_on() {
    let (world, mut process) = careful().await;
    world.loses_role(world.scene.alice);
    is_held(&world).await;
    process.terminate().await;
    process.ended().await;
    let db = rusqlite::Connection::open(world.store()).unwrap();
    db.execute_batch(
        "INSERT INTO accounts (user) VALUES (900000031);
         INSERT INTO holds (account, reason, since, before, shown)
             SELECT id, 'too-many', 7, '{}', 1 FROM accounts WHERE user = 900000031",
    )
    .unwrap();
    drop(db);
    let (succeeded, out, err) = holds(&world, &["list"]).await;
    assert!(succeeded, "{err}");
    assert!(out.contains("the member 900000031, who is held back, can't be read"), "{out}");
    assert!(out.contains(&world.scene.alice.to_string()) && out.contains("1 in all"), "{out}");
    let (succeeded, _, err) = holds(&world, &["approve", "--member", "900000031"]).await;
    assert!(!succeeded && err.contains("can't be read"), "{err}");
    let (succeeded, out, _) = holds(&world, &["approve", "--listed", &listed_at(&out)]).await;
    assert!(succeeded && out.contains("Noted for 1 member"), "{out}");
    let _process = run(&world, &[]);
    world.eventually("the other is restricted", || world.filters(ANN) == restricted()).await;
    let left =
        world.database().unwrap().rows("SELECT user FROM holds JOIN accounts ON accounts.id = account");
    assert_eq!(left, ["900000031"]);
}
