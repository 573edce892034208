//! The table of what happens on Discord and what follows, row by row.

use rolarr_sim::discord::OptionValue;
use rolarr_tests::{World, plex::restricted};

const ANN: &str = "ann@example.org";
const FIELDS: [&str; 2] = ["filterMovies", "filterTelevision"];

#[tokio::test]
async fn a_member_who_gets_the_role_is_asked_and_then_invited() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.gets_role(alice);
    world.asked(alice).await;
    assert_eq!(world.told(alice).len(), 1);
    assert!(world.told(alice)[0].contains("e-mail address"), "{:?}", world.told(alice));
    assert!(world.writes().is_empty(), "nothing happens at Plex before the answer");
    let answer = world.answers(alice, ANN).await;
    assert!(answer.contains("Plex will send an invitation"), "{answer}");
    world.eventually("an invitation is out", || world.is_invited(ANN)).await;
    world.quiet().await;
    let shared = world.plex(|sim, _| sim.share_of(ANN).cloned()).unwrap();
    let titles: Vec<bool> = world.plex(|sim, _| {
        sim.world.servers[0].libraries.iter().map(|library| shared.holds(library.id)).collect()
    });
    assert_eq!(titles, [true, true, false, false], "the libraries that the operator named");
    assert_eq!(world.invitations_sent(), 1);
    let stored = world.database().unwrap().account(alice, "email");
    assert_eq!(stored.as_deref(), Some(ANN), "the address is kept");
}

#[tokio::test]
async fn the_last_role_lost_restricts_and_the_role_back_restores_what_the_owner_had() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.joins(alice, ANN).await;
    let ann = world.plex_account(ANN);
    world.owner_sets(ANN, "filterMovies", "contentRating=G");
    world.plex(|sim, _| sim.start_stream(ann, "Ponies")).unwrap();
    world.loses_role(alice);
    world.eventually("both filters are written", || world.filters(ANN) == restricted()).await;
    world.quiet().await;
    assert!(world.is_friend(ANN));
    assert!(world.plex(|sim, _| sim.visible_items(ann)).is_empty());
    assert!(world.plex(|sim, _| sim.sessions().is_empty()), "what was running is ended");
    assert_eq!(world.plex(|sim, _| sim.history(ann).to_vec()), ["Ponies"], "the history is kept");
    assert!(world.told(alice).last().unwrap().contains("is paused"), "{:?}", world.told(alice));
    assert_eq!(world.database().unwrap().account(alice, "email").as_deref(), Some(ANN));
    let told = world.told(alice).len();
    world.gets_role(alice);
    world
        .eventually("the owner's filters are back", || {
            world.filters(ANN) == [(FIELDS[0], "contentRating=G".to_owned())].into()
        })
        .await;
    world.quiet().await;
    assert_eq!(world.told(alice).len(), told + 1);
    assert!(world.told(alice).last().unwrap().contains("is back"), "{:?}", world.told(alice));
    assert_eq!(world.invitations_sent(), 1);
}

#[tokio::test]
async fn a_role_lost_while_another_tracked_role_is_held_changes_nothing() {
    let mut world = World::new().await;
    let vip = world.track("vip");
    world.start().await;
    let alice = world.scene.alice;
    world.joins(alice, ANN).await;
    let (written, told) = (world.writes().len(), world.told(alice));
    world.gets(alice, vip);
    world.quiet().await;
    world.loses_role(alice);
    world.quiet().await;
    // A change of tier in one step: the one role for the other.
    let (guild, subscriber) = (world.scene.guild, world.scene.subscriber);
    world.discord(|sim, now| sim.set_roles(now, guild, alice, &[subscriber])).unwrap();
    world.quiet().await;
    assert_eq!(world.writes().len(), written);
    assert_eq!(world.told(alice), told);
    world.loses_role(alice);
    world.eventually("the last one restricts", || world.filters(ANN) == restricted()).await;
}

#[tokio::test]
async fn a_member_who_leaves_is_removed_and_forgotten_and_nobody_is_messaged() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.joins(alice, ANN).await;
    let told = world.told(alice);
    world.leaves(alice);
    world.eventually("the share is gone", || !world.is_friend(ANN)).await;
    world.quiet().await;
    assert!(world.plex(|sim, _| sim.share_of(ANN).is_none()));
    assert_eq!(world.told(alice), told);
    let database = world.database().unwrap();
    assert_eq!(database.account(alice, "email").as_deref(), Some("-"));
    assert_eq!(database.account(alice, "plex_account").as_deref(), Some("-"));
}

#[tokio::test]
async fn a_restricted_member_who_leaves_is_removed_too() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.joins(alice, ANN).await;
    world.loses_role(alice);
    world.eventually("it is restricted", || world.filters(ANN) == restricted()).await;
    world.quiet().await;
    world.leaves(alice);
    world.eventually("the share is gone", || !world.is_friend(ANN)).await;
    world.quiet().await;
    assert_eq!(world.database().unwrap().account(alice, "email").as_deref(), Some("-"));
}

#[tokio::test]
async fn an_administrator_removes_a_member_for_good() {
    let world = World::started().await;
    let (alice, moderator) = (world.scene.alice, world.scene.mod_user);
    world.joins(alice, ANN).await;
    let told = world.told(alice);
    let address = [("email", OptionValue::from(ANN))];
    let answer = world.commands(moderator, "plex remove", &address).await;
    assert!(answer.now.content.starts_with("Removed"), "{answer:?}");
    world.quiet().await;
    assert!(!world.is_friend(ANN));
    assert_eq!(world.database().unwrap().account(alice, "email").as_deref(), Some("-"));
    assert_eq!(world.told(alice), told);
    assert_eq!(world.database().unwrap().stage(alice), "none");
}
