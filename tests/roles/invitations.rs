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
    world.eventually("that is decided", || world.database().unwrap().decisions(alice).len() == 2).await;
    world.quiet().await;
    assert_eq!(world.invitations_sent(), 1);
    world.gets_role(alice);
    world.eventually("a new decision invites anew", || world.is_invited(ANN)).await;
    world.quiet().await;
    assert_eq!(world.invitations_sent(), 2);
}

#[tokio::test]
async fn a_pending_invitation_is_withdrawn_with_the_role_and_sent_again_when_it_returns() {
    for (leftover, listed) in [(false, true), (true, true), (true, false)] {
        let world = World::started().await;
        let alice = world.scene.alice;
        world.plex(|sim, _| {
            sim.world.quirks.cancel_leaves_share = leftover;
            sim.world.quirks.v1_lists_pending = listed;
        });
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
                .is_some_and(|attempts| attempts.as_str() >= "2")
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
    world.eventually("the last change holds", || world.filters(ANN).is_empty()).await;
    world.loses_role(alice);
    world.eventually("the last change holds", || world.filters(ANN) == restricted()).await;
}

#[tokio::test]
async fn a_member_who_declined_may_give_another_address() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.gets_role(alice);
    world.answers(alice, ANN).await;
    world.eventually("an invitation is out", || world.is_invited(ANN)).await;
    world.quiet().await;
    world.plex(|sim, _| sim.person_declines(ANN)).unwrap();
    world.eventually("that is known", || world.database().unwrap().stage(alice) == "declined").await;
    world.quiet().await;
    let options = [("email", rolarr_sim::discord::OptionValue::from(NEW))];
    let answer = world.commands(alice, "plex link", &options).await.now.content;
    assert!(answer.starts_with("Thank you"), "{answer}");
    world.eventually("that one is invited", || world.is_invited(NEW)).await;
    world.quiet().await;
    assert!(!world.is_invited(ANN));
}

#[tokio::test]
async fn leaving_and_coming_back_while_plex_is_away_loses_nothing() {
    let world = World::started().await;
    let (alice, guild) = (world.scene.alice, world.scene.guild);
    world.joins(alice, ANN).await;
    let written = world.writes().len();
    world.plex(|sim, _| {
        sim.fault(Fault::on("*", "/*", Effect::Status { status: 503, retry_after: None }));
    });
    world.leaves(alice);
    world
        .eventually("the leaving is decided", || world.database().unwrap().decisions(alice).len() == 2)
        .await;
    world.discord(|sim, now| sim.join(now, guild, alice)).unwrap();
    world.gets_role(alice);
    world.eventually("the return is decided", || world.database().unwrap().decisions(alice).len() == 3).await;
    world.plex(|sim, _| sim.clear_faults());
    world.quiet().await;
    assert!(world.is_friend(ANN));
    assert_eq!(world.writes().len(), written);
    assert_eq!(world.database().unwrap().account(alice, "email").as_deref(), Some(ANN));
    assert_eq!(world.told(alice).len(), 1, "only the first question");
}

#[tokio::test]
async fn who_left_and_comes_back_later_is_asked_again() {
    let world = World::started().await;
    let (alice, guild) = (world.scene.alice, world.scene.guild);
    world.joins(alice, ANN).await;
    world.leaves(alice);
    world.eventually("the share is gone", || !world.is_friend(ANN)).await;
    world.quiet().await;
    world.discord(|sim, now| sim.join(now, guild, alice)).unwrap();
    world.quiet().await;
    assert_eq!(world.told(alice).len(), 1);
    world.gets_role(alice);
    world.eventually("a second question", || world.told(alice).len() == 2).await;
    world.answers(alice, ANN).await;
    world.eventually("a second invitation", || world.is_invited(ANN)).await;
    world.quiet().await;
    assert_eq!(world.invitations_sent(), 2);
}

#[tokio::test]
async fn a_token_that_plex_no_longer_accepts_is_one_alarm_and_the_work_is_done_after_it_is_mended() {
    let mut world = World::new().await;
    world.setup.audit_channel = Some(world.scene.channel);
    world.start().await;
    let (alice, bob) = (world.scene.alice, world.scene.bob);
    world.joins(alice, ANN).await;
    world.joins(bob, NEW).await;
    world.plex(|sim, _| sim.set_token_valid(false));
    world.loses_role(alice);
    world.loses_role(bob);
    for member in [alice, bob] {
        let parked = || world.database().unwrap().account(member, "parked").is_some_and(|words| words != "-");
        world.eventually("it is parked", parked).await;
    }
    world.quiet().await;
    let told = || world.database().unwrap().rows("SELECT count(*) FROM audit WHERE kind = 'token'");
    assert_eq!(told(), ["1"], "one alarm, however many it concerns");
    world.plex(|sim, _| sim.set_token_valid(true));
    world.restart().await;
    world
        .eventually("both are restricted", || {
            world.filters(ANN) == restricted() && world.filters(NEW) == restricted()
        })
        .await;
    world.quiet().await;
}

#[tokio::test]
async fn a_friend_list_that_is_full_parks_the_member_with_plexs_words_and_a_new_event_is_still_decided() {
    let mut world = World::new().await;
    world.setup.audit_channel = Some(world.scene.channel);
    world.start().await;
    let alice = world.scene.alice;
    world.plex(|sim, _| sim.world.quirks.friend_limit = Some(0));
    world.gets_role(alice);
    world.answers(alice, ANN).await;
    let parked = || world.database().unwrap().account(alice, "parked").filter(|words| words != "-");
    world.eventually_some("it is parked", parked).await;
    world.quiet().await;
    assert_eq!(world.database().unwrap().audit(alice), ["delayed", "parked"]);
    assert!(world.plex(|sim, _| sim.invites().is_empty()));
    world.plex(|sim, _| sim.world.quirks.friend_limit = None);
    world.loses_role(alice);
    world.eventually("that is decided", || world.database().unwrap().decisions(alice).len() == 2).await;
    world.quiet().await;
    world.gets_role(alice);
    world.eventually("a new decision unparks", || world.is_invited(ANN)).await;
}
