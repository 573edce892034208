//! Two bots on one database.

use rolarr_tests::World;

use crate::run;

const ANN: &str = "ann@example.org";

#[tokio::test]
async fn a_second_bot_on_the_same_database_is_refused_and_a_killed_one_leaves_it_free() {
    let world = World::new().await;
    let mut first = run(&world, &[]);
    world.until_connected(0).await;
    let sessions = world.sessions();
    let mut second = run(&world, &[]);
    let status = second.ended().await;
    let said = second.err().join("\n");
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("another Rolarr works with this database: stop it first"), "{said}");
    assert!(said.contains("rolarr.db"), "which: {said}");
    assert_eq!(world.sessions(), sessions, "it asked nobody anything");
    // The first goes on, and whatever ends it frees the database.
    world.joins(world.scene.alice, ANN).await;
    first.kill().await;
    let sessions = world.sessions();
    let mut third = run(&world, &[]);
    world.until_connected(sessions).await;
    assert!(!third.has_ended());
}
