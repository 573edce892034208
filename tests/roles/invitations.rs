//! Invitations: sent once, withdrawn, declined, sent again.

use rolarr_sim::plex::{Effect, Fault, MACHINE};
use rolarr_tests::{World, plex::restricted};

const ANN: &str = "ann@example.org";
const NEW: &str = "somebody.new@example.org";

#[tokio::test]
async fn a_declined_invitation_is_not_sent_again() {
    let mut world = World::started().await;
    let alice = world.scene.alice;
    world.gets_role(alice);
    world.answers(alice, ANN).await;
    world.eventually("an invitation is out", || world.is_invited(ANN)).await;
    world.quiet().await;
    world.plex(|sim, _| sim.person_declines(ANN)).unwrap();
    world.eventually("that is known", || world.database().unwrap().stage(alice) == "declined").await;
    world.quiet().await;
    assert_eq!(world.database().unwrap().audit(alice), ["declined"]);
    world.restart().await;
    world.joins(world.scene.bob, NEW).await;
    world.quiet().await;
    assert_eq!(world.database().unwrap().stage(alice), "declined");
    assert!(!world.is_invited(ANN));
    assert_eq!(world.invitations_sent(), 2, "one for each of the two members");
}

#[tokio::test]
async fn a_declined_invitation_is_sent_again_only_when_the_role_was_lost_and_came_back() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.gets_role(alice);
    world.answers(alice, ANN).await;
    world.eventually("an invitation is out", || world.is_invited(ANN)).await;
    world.quiet().await;
    world.plex(|sim, _| sim.person_declines(ANN)).unwrap();
    world.eventually("that is known", || world.database().unwrap().stage(alice) == "declined").await;
    world.quiet().await;
    world.loses_role(alice);
    world.quiet().await;
    assert_eq!(world.invitations_sent(), 1);
    world.gets_role(alice);
    world.eventually("a new decision invites anew", || world.is_invited(ANN)).await;
    world.quiet().await;
    assert_eq!(world.invitations_sent(), 2);
}

#[tokio::test]
async fn a_pending_invitation_is_withdrawn_with_the_role_and_sent_again_when_it_returns() {
    for leftover in [false, true] {
        let world = World::started().await;
        let alice = world.scene.alice;
        world.plex(|sim, _| sim.world.quirks.cancel_leaves_share = leftover);
        world.gets_role(alice);
        world.answers(alice, NEW).await;
        world.eventually("an invitation is out", || world.is_invited(NEW)).await;
        world.quiet().await;
        world.loses_role(alice);
        world.eventually("it is withdrawn", || world.plex(|sim, _| sim.invites().is_empty())).await;
        world.quiet().await;
        assert!(world.plex(|sim, _| sim.share_of(NEW).is_none()), "and leaves nothing behind");
        assert_eq!(world.database().unwrap().account(alice, "email").as_deref(), Some(NEW));
        world.gets_role(alice);
        world.eventually("it is sent again", || world.is_invited(NEW)).await;
        world.quiet().await;
        assert_eq!(world.invitations_sent(), 2);
        assert_eq!(world.database().unwrap().prompts(alice), ["answered"], "the address is known");
        world.accepts(NEW);
        world.eventually("accepted", || world.database().unwrap().stage(alice) == "joined").await;
        world.quiet().await;
    }
}

#[tokio::test]
async fn an_invitation_accepted_just_before_it_was_to_be_withdrawn_is_restricted() {
    let mut world = World::new().await;
    // The acceptance is not noticed before the role is lost.
    world.setup.check_pending_every = "10m".to_owned();
    world.start().await;
    let alice = world.scene.alice;
    world.gets_role(alice);
    world.answers(alice, ANN).await;
    world.eventually("an invitation is out", || world.is_invited(ANN)).await;
    world.quiet().await;
    world.accepts(ANN);
    world.loses_role(alice);
    world.eventually("it is restricted", || world.filters(ANN) == restricted()).await;
    world.quiet().await;
    assert!(world.is_friend(ANN));
}

#[tokio::test]
async fn a_member_who_leaves_with_an_invitation_out_has_it_withdrawn_and_is_forgotten() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.gets_role(alice);
    world.answers(alice, NEW).await;
    world.eventually("an invitation is out", || world.is_invited(NEW)).await;
    world.quiet().await;
    world.leaves(alice);
    world.eventually("it is withdrawn", || world.plex(|sim, _| sim.invites().is_empty())).await;
    world.quiet().await;
    assert_eq!(world.database().unwrap().account(alice, "email").as_deref(), Some("-"));
    assert!(world.plex(|sim, _| sim.share_of(NEW).is_none()));
}

#[tokio::test]
async fn a_share_that_the_member_ended_is_not_made_again() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.joins(alice, ANN).await;
    let ann = world.plex_account(ANN);
    world.plex(|sim, _| sim.person_leaves_share(ann)).unwrap();
    world.loses_role(alice);
    world.eventually("that is noticed", || world.database().unwrap().stage(alice) == "lost").await;
    world.quiet().await;
    assert_eq!(world.database().unwrap().audit(alice), ["lost"]);
    assert_eq!(world.invitations_sent(), 1);
    world.gets_role(alice);
    world.eventually("a new decision invites anew", || world.is_invited(ANN)).await;
}

#[tokio::test]
async fn an_invitation_whose_answer_is_lost_is_not_sent_twice() {
    for effect in [Effect::Drop { applied: true }, Effect::AppliedBut { status: 502 }, Effect::Garbage] {
        let world = World::started().await;
        let alice = world.scene.alice;
        let route = format!("/api/servers/{MACHINE}/shared_servers");
        world.plex(|sim, _| sim.fault(Fault::on("POST", &route, effect.clone()).times(1)));
        world.gets_role(alice);
        world.answers(alice, ANN).await;
        world.eventually("an invitation is out", || world.is_invited(ANN)).await;
        world.eventually("that is known", || world.database().unwrap().stage(alice) == "invited").await;
        world.quiet().await;
        assert_eq!(world.invitations_sent(), 1, "{effect:?}");
    }
}

#[tokio::test]
async fn a_plex_that_is_away_delays_and_loses_nothing() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.plex(|sim, _| {
        sim.fault(Fault::on("*", "/*", Effect::Status { status: 503, retry_after: None }));
    });
    world.gets_role(alice);
    world.answers(alice, ANN).await;
    world
        .eventually("it was tried a few times", || {
            world
                .database()
                .unwrap()
                .account(alice, "attempts")
                .is_some_and(|attempts| attempts >= "2".to_owned())
        })
        .await;
    world.plex(|sim, _| sim.clear_faults());
    world.eventually("an invitation is out", || world.is_invited(ANN)).await;
    world.quiet().await;
    assert_eq!(world.plex(|sim, _| sim.invites().len()), 1);
}

#[tokio::test]
async fn role_off_and_on_within_a_second_ends_right_with_few_writes_and_no_message() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.joins(alice, ANN).await;
    world.owner_sets(ANN, "filterMovies", "contentRating=G");
    let (written, told) = (world.settings_written(), world.told(alice));
    for _ in 0..3 {
        world.loses_role(alice);
        world.gets_role(alice);
    }
    world.quiet().await;
    assert_eq!(world.filters(ANN), [("filterMovies", "contentRating=G".to_owned())].into());
    assert_eq!(world.told(alice), told);
    let more = world.settings_written() - written;
    assert!(more <= 2, "{more} writes");
    assert_eq!(world.invitations_sent(), 1);
}

#[tokio::test]
async fn role_on_and_off_and_on_with_pauses_in_between_ends_as_the_last_one_says() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.joins(alice, ANN).await;
    for pause in [0, 5, 20, 60, 120, 200] {
        let pause = std::time::Duration::from_millis(pause);
        world.loses_role(alice);
        tokio::time::sleep(pause).await;
        world.gets_role(alice);
        tokio::time::sleep(pause).await;
    }
    world.quiet().await;
    assert!(world.filters(ANN).is_empty());
    world.loses_role(alice);
    world.quiet().await;
    assert_eq!(world.filters(ANN), restricted());
}
