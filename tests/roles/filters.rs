//! Filters: the owner's, what Rolarr wrote, and what somebody else did meanwhile.

use rolarr_sim::plex::{Effect, Fault};
use rolarr_tests::{World, plex::restricted};

const ANN: &str = "ann@example.org";

#[tokio::test]
async fn a_member_whose_filter_was_noaccess_before_is_not_locked_out_for_good() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.joins(alice, ANN).await;
    // Another bot wrote this before Rolarr came.
    world.owner_sets(ANN, "filterMovies", "label=noAccess");
    world.owner_sets(ANN, "filterTelevision", "label=noAccess");
    world.loses_role(alice);
    world.eventually("it is restricted", || world.filters(ANN) == restricted()).await;
    world.quiet().await;
    world.gets_role(alice);
    world.eventually("the filters are open", || world.filters(ANN).is_empty()).await;
    world.quiet().await;
    assert!(!world.plex(|sim, _| sim.visible_items(sim.account(ANN).unwrap().id)).is_empty());
}

#[tokio::test]
async fn what_the_owner_edits_while_the_member_is_restricted_is_left_and_reported() {
    let mut world = World::new().await;
    world.setup.audit_channel = Some(world.scene.channel);
    world.start().await;
    let alice = world.scene.alice;
    world.joins(alice, ANN).await;
    world.loses_role(alice);
    world.eventually("it is restricted", || world.filters(ANN) == restricted()).await;
    world.quiet().await;
    world.owner_sets(ANN, "filterMovies", "contentRating=PG");
    world.gets_role(alice);
    world
        .eventually("the other filter is open", || !world.filters(ANN).contains_key("filterTelevision"))
        .await;
    world.quiet().await;
    assert_eq!(world.filters(ANN), [("filterMovies", "contentRating=PG".to_owned())].into());
    assert_eq!(world.database().unwrap().audit(alice), ["foreign"]);
    let reported = world.discord(|sim, _| {
        let told = sim.messages_in(world.scene.channel);
        told.iter().any(|told| told.now.content.contains("the filter for movies was changed at Plex"))
    });
    assert!(reported, "the administrators are told");
    // It is the owner's from now on, and comes back after the next restriction.
    world.loses_role(alice);
    world.eventually("it is restricted", || world.filters(ANN) == restricted()).await;
    world.quiet().await;
    world.gets_role(alice);
    let back = || world.filters(ANN) == [("filterMovies", "contentRating=PG".to_owned())].into();
    world.eventually("the owner's filter is back", back).await;
}

#[tokio::test]
async fn filters_that_the_first_route_does_not_take_are_written_by_the_second() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.joins(alice, ANN).await;
    world.plex(|sim, _| sim.fault(Fault::on("PUT", "/api/users/{id}", Effect::NotTaken)));
    world.loses_role(alice);
    world.eventually("both filters are written", || world.filters(ANN) == restricted()).await;
    world.quiet().await;
    assert!(world.told(alice).last().unwrap().contains("is paused"));
}

#[tokio::test]
async fn nobody_is_told_of_a_restriction_that_plex_did_not_take() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.joins(alice, ANN).await;
    let told = world.told(alice);
    world.plex(|sim, _| {
        sim.fault(Fault::on("PUT", "/api/users/{id}", Effect::NotTaken));
        sim.fault(Fault::on(
            "*",
            "/api/v2/sharing_settings",
            Effect::Status { status: 500, retry_after: None },
        ));
    });
    world.loses_role(alice);
    world
        .eventually("it was tried a few times", || {
            world
                .database()
                .unwrap()
                .account(alice, "attempts")
                .is_some_and(|attempts| attempts.as_str() >= "2")
        })
        .await;
    assert_eq!(world.told(alice), told);
    assert!(world.filters(ANN).is_empty());
    world.plex(|sim, _| sim.clear_faults());
    world.eventually("it takes in the end", || world.filters(ANN) == restricted()).await;
    world.quiet().await;
    assert_eq!(world.told(alice).len(), told.len() + 1);
}

#[tokio::test]
async fn the_owners_other_settings_stay_as_they_are() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.joins(alice, ANN).await;
    world.owner_sets(ANN, "filterMusic", "label=Quiet");
    let ann = world.plex_account(ANN);
    let before = world.plex(|sim, _| sim.friend(ann).cloned());
    world.loses_role(alice);
    world.eventually("it is restricted", || world.filters(ANN).contains_key("filterTelevision")).await;
    world.quiet().await;
    assert_eq!(world.filters(ANN).get("filterMusic").map(String::as_str), Some("label=Quiet"));
    world.gets_role(alice);
    world.eventually("it is lifted", || !world.filters(ANN).contains_key("filterTelevision")).await;
    world.quiet().await;
    assert_eq!(world.filters(ANN), [("filterMusic", "label=Quiet".to_owned())].into());
    let allowed = |tie: Option<rolarr_sim::plex::Tie>| tie.unwrap().settings.json()["allowSync"].clone();
    assert_eq!(allowed(before), allowed(world.plex(|sim, _| sim.friend(ann).cloned())));
}
