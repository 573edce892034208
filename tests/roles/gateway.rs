//! What the gateway says, says twice, says late or does not say at all.

use rolarr_sim::discord::{EventFault, EventFaultKind, RestFault, RestFaultKind};
use rolarr_tests::{World, plex::restricted};

const ANN: &str = "ann@example.org";
const BEN: &str = "ben@example.org";

#[tokio::test]
async fn an_existing_guild_is_taken_in_without_messages_or_writes() {
    let world = {
        let mut world = World::new().await;
        world.gets_role(world.scene.alice);
        world.gets_role(world.scene.mod_user);
        world.befriended(ANN);
        world.start().await;
        world
    };
    world.quiet().await;
    for member in [world.scene.alice, world.scene.bob, world.scene.mod_user, world.scene.owner] {
        assert!(world.told(member).is_empty());
    }
    assert!(world.writes().is_empty());
    let database = world.database().unwrap();
    assert!(database.rows("SELECT * FROM events").is_empty(), "no events");
    assert!(database.rows("SELECT * FROM accounts").is_empty());
    assert_eq!(database.rows("SELECT count(*) FROM members"), ["5"]);
    // A role that is lost later changes nothing for somebody whom Rolarr did not invite.
    world.loses_role(world.scene.alice);
    world.quiet().await;
    assert!(world.writes().is_empty());
    assert!(world.told(world.scene.alice).is_empty());
}

#[tokio::test]
async fn with_first_start_process_those_who_have_the_role_are_asked() {
    let mut world = World::new().await;
    world.setup.first_start = "process".to_owned();
    world.gets_role(world.scene.alice);
    world.gets_role(world.scene.owner);
    world.start().await;
    world.asked(world.scene.alice).await;
    world.quiet().await;
    assert_eq!(world.told(world.scene.alice).len(), 1);
    assert!(world.told(world.scene.owner).is_empty(), "the guild's owner is never touched");
    assert!(world.told(world.scene.bob).is_empty());
}

#[tokio::test]
async fn what_happens_while_the_bot_is_down_is_caught_up() {
    let mut world = World::started().await;
    let (alice, bob) = (world.scene.alice, world.scene.bob);
    world.joins(alice, ANN).await;
    world.stop().await;
    world.loses_role(alice);
    world.gets_role(bob);
    world.start().await;
    world.eventually("the loss is caught up", || world.filters(ANN) == restricted()).await;
    world.asked(bob).await;
    world.quiet().await;
    world.stop().await;
    world.leaves(alice);
    world.start().await;
    world.eventually("the leaving is caught up", || !world.is_friend(ANN)).await;
    world.quiet().await;
    assert_eq!(world.told(bob).len(), 1);
}

#[tokio::test]
async fn what_happens_while_the_gateway_is_lost_is_caught_up() {
    let world = World::started().await;
    let (alice, bob) = (world.scene.alice, world.scene.bob);
    world.joins(alice, ANN).await;
    let sessions = world.sessions();
    world.discord(|sim, now| {
        sim.refuse_resumes(100);
        sim.drop_connections(now);
    });
    world.loses_role(alice);
    world.gets_role(bob);
    world.until_connected(sessions).await;
    world.eventually("the loss is caught up", || world.filters(ANN) == restricted()).await;
    world.asked(bob).await;
    world.quiet().await;
    world.answers(bob, BEN).await;
    world.eventually("all works as before", || world.is_invited(BEN)).await;
}

#[tokio::test]
async fn events_that_are_doubled_lost_or_swapped_end_in_the_right_state() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.joins(alice, ANN).await;
    let told = world.told(alice).len();
    world.discord(|sim, _| {
        sim.fail_events(EventFault::once("GUILD_MEMBER_UPDATE", EventFaultKind::Duplicate))
    });
    world.loses_role(alice);
    world.eventually("it is restricted", || world.filters(ANN) == restricted()).await;
    world.quiet().await;
    assert_eq!(world.told(alice).len(), told + 1);
    world.discord(|sim, _| {
        sim.fail_events(EventFault::once("GUILD_MEMBER_UPDATE", EventFaultKind::SwapWithNext))
    });
    world.gets_role(alice);
    world.loses_role(alice);
    world.gets_role(alice);
    world.quiet().await;
    world.eventually("the last change holds", || world.filters(ANN).is_empty()).await;
    world.discord(|sim, _| sim.fail_events(EventFault::once("GUILD_MEMBER_UPDATE", EventFaultKind::Lose)));
    world.loses_role(alice);
    world.discord(|sim, now| sim.set_nick(now, world.scene.guild, alice, Some("al"))).unwrap();
    world.eventually("the next event shows what was lost", || world.filters(ANN) == restricted()).await;
    world.quiet().await;
}

#[tokio::test]
async fn an_event_with_an_odd_field_is_not_overlooked() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.joins(alice, ANN).await;
    let odd = EventFaultKind::Set { pointer: "/roles".to_owned(), value: "odd".into() };
    world.discord(|sim, _| sim.fail_events(EventFault::once("GUILD_MEMBER_UPDATE", odd)));
    world.loses_role(alice);
    world.eventually("it is looked at all the same", || world.filters(ANN) == restricted()).await;
}

#[tokio::test]
async fn a_member_read_from_before_the_change_is_read_again() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.joins(alice, ANN).await;
    let stale = RestFault::once("GET", "guilds/*/members/*", RestFaultKind::StaleMember);
    world.discord(|sim, _| sim.fail_requests(stale));
    world.loses_role(alice);
    world.eventually("the second read counts", || world.filters(ANN) == restricted()).await;
    world.quiet().await;
}

#[tokio::test]
async fn an_outage_of_the_guild_is_nobodys_leaving() {
    let mut world = World::started().await;
    let (alice, guild) = (world.scene.alice, world.scene.guild);
    world.joins(alice, ANN).await;
    let written = world.writes().len();
    world.discord(|sim, now| sim.set_available(now, guild, false)).unwrap();
    world.quiet().await;
    world.discord(|sim, now| sim.set_available(now, guild, true)).unwrap();
    world.quiet().await;
    assert_eq!(world.writes().len(), written);
    // An answer that says nothing of the member is not taken for one that does.
    let refused = RestFaultKind::Status { status: 404, code: 10_004 };
    world.discord(|sim, now| {
        sim.fail_requests(RestFault::once("GET", "guilds/*/members/*", refused).times(5));
        sim.send_event(
            now,
            "GUILD_MEMBER_REMOVE",
            serde_json::json!({
                "guild_id": guild, "user": {"id": alice, "username": "alice", "discriminator": "0"},
            }),
        );
    });
    world.quiet().await;
    assert!(world.is_friend(ANN));
    world.discord(|sim, _| sim.end_trouble());
    world.restart().await;
    world.quiet().await;
    assert!(world.is_friend(ANN));
    assert_eq!(world.writes().len(), written);
}

#[tokio::test]
async fn many_members_at_once_are_all_served() {
    const MANY: usize = 30;
    let world = World::started().await;
    let guild = world.scene.guild;
    let members: Vec<_> = world.discord(|sim, now| {
        (0..MANY)
            .map(|number| {
                let user = sim.create_user(now, &format!("member{number}"));
                sim.join(now, guild, user).unwrap();
                user
            })
            .collect()
    });
    world.quiet().await;
    for member in &members {
        world.gets_role(*member);
    }
    world.eventually("all are asked", || members.iter().all(|member| world.told(*member).len() == 1)).await;
    world.quiet().await;
    assert!(members.iter().all(|member| world.told(*member).len() == 1));
}

#[tokio::test]
async fn owners_and_bots_are_never_touched() {
    let world = World::started().await;
    let (guild, owner) = (world.scene.guild, world.scene.owner);
    let bot = world.discord(|sim, now| {
        let bot = sim.create_bot(now, "other");
        sim.join(now, guild, bot).unwrap();
        bot
    });
    world.gets_role(owner);
    world.gets_role(bot);
    world
        .eventually("the owner's change is noted", || {
            world.database().unwrap().rows("SELECT state FROM events") == ["skipped"]
        })
        .await;
    world.quiet().await;
    assert!(world.told(owner).is_empty() && world.told(bot).is_empty());
    assert_eq!(world.database().unwrap().rows("SELECT count(*) FROM decisions"), ["0"]);
}

#[tokio::test]
async fn a_bot_that_is_thrown_out_changes_nothing_for_the_members() {
    let world = World::started().await;
    let (alice, guild) = (world.scene.alice, world.scene.guild);
    world.joins(alice, ANN).await;
    let written = world.writes().len();
    world.discord(|sim, now| sim.kick_bot(now, guild)).unwrap();
    world
        .eventually("the administrators are told", || {
            world.database().unwrap().rows("SELECT kind FROM audit WHERE kind = 'alarm'") == ["alarm"]
        })
        .await;
    world.quiet().await;
    assert_eq!(world.writes().len(), written);
    world.discord(|sim, now| sim.invite_bot(now, guild)).unwrap();
    world.loses_role(alice);
    world.eventually("all works as before", || world.filters(ANN) == restricted()).await;
}

#[tokio::test]
async fn a_renamed_role_goes_on_counting() {
    let world = World::started().await;
    let (alice, guild, role) = (world.scene.alice, world.scene.guild, world.scene.subscriber);
    world.discord(|sim, now| sim.rename_role(now, guild, role, "Patron")).unwrap();
    world.joins(alice, ANN).await;
    let inputs = world.database().unwrap().rows("SELECT input FROM decisions ORDER BY event");
    assert!(inputs[0].contains("Patron") && inputs[0].contains("subscriber"), "{inputs:?}");
}

#[tokio::test]
async fn a_tracked_role_that_is_deleted_takes_access_from_nobody_until_it_is_approved() {
    let mut world = World::started().await;
    let (alice, moderator, guild) = (world.scene.alice, world.scene.mod_user, world.scene.guild);
    let role = world.scene.subscriber;
    world.joins(alice, ANN).await;
    let told = world.told(alice).len();
    // Discord tells of the role and of no member.
    world.discord(|sim, now| sim.delete_role(now, guild, role)).unwrap();
    let alarmed =
        || world.database().unwrap().rows("SELECT kind FROM audit WHERE kind = 'alarm'") == ["alarm"];
    world.eventually("the administrators are told", alarmed).await;
    world.quiet().await;
    assert_ne!(world.filters(ANN), restricted());
    // Nor is it forgotten by a start.
    world.restart().await;
    let held = || world.database().unwrap().rows("SELECT reason FROM holds") == ["role-deleted"];
    world.eventually("the member is held", held).await;
    world.quiet().await;
    assert_ne!(world.filters(ANN), restricted());
    assert_eq!(world.told(alice).len(), told);
    // No channel is configured in which a message could have named the member: the first answer does.
    let first = world.commands(moderator, "rolarr approve", &[]).await.now.content;
    assert!(first.starts_with("Nothing is decided.") && first.contains(&format!("<@{alice}>")), "{first}");
    let answer = world.commands(moderator, "rolarr approve", &[]).await.now.content;
    assert_eq!(answer, "Approved: the access of 1 member shrinks now.");
    world.eventually("the member is restricted", || world.filters(ANN) == restricted()).await;
}
