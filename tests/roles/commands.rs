//! `/plex invite`, `/plex remove`, `/plex link`.

use rolarr_sim::discord::OptionValue;
use rolarr_tests::{World, plex::restricted};

const ANN: &str = "ann@example.org";
const BEN: &str = "ben@example.org";

fn email(address: &str) -> Vec<(&'static str, OptionValue)> {
    vec![("email", OptionValue::from(address))]
}

#[tokio::test]
async fn only_those_who_manage_the_server_may_invite_and_remove() {
    let world = World::started().await;
    let (alice, bob) = (world.scene.alice, world.scene.bob);
    world.joins(alice, ANN).await;
    let written = world.writes().len();
    for command in ["plex invite", "plex remove"] {
        for member in [alice, bob] {
            let answer = world.commands(member, command, &email(ANN)).await.now.content;
            assert!(answer.starts_with("This command is for administrators"), "{answer}");
            let answer = world.commands(member, command, &email("no address")).await.now.content;
            assert!(answer.starts_with("This command is for administrators"), "{answer}");
        }
    }
    world.quiet().await;
    assert_eq!(world.writes().len(), written);
    assert!(world.is_friend(ANN));
}

#[tokio::test]
async fn an_administrator_in_a_direct_message_is_no_administrator() {
    let world = World::started().await;
    let moderator = world.scene.mod_user;
    world.discord(|sim, now| sim.type_direct_message(now, moderator, "hello")).unwrap();
    let channel = world.discord(|sim, _| sim.direct_channel(moderator)).unwrap();
    let used =
        world.discord(|sim, now| sim.slash_command(now, channel, moderator, "plex invite", &email(ANN)));
    let answer = world.reply(used.unwrap(), moderator).await.now.content;
    assert!(answer.starts_with("This command is for administrators"), "{answer}");
    assert!(world.writes().is_empty());
}

#[tokio::test]
async fn an_administrator_invites_an_address_that_belongs_to_no_member_and_removes_it() {
    let world = World::started().await;
    let moderator = world.scene.mod_user;
    let answer = world.commands(moderator, "plex invite", &email(ANN)).await.now.content;
    assert_eq!(answer, "The invitation is out.");
    assert!(world.is_invited(ANN));
    world.accepts(ANN);
    let joined = || world.database().unwrap().rows("SELECT stage FROM accounts") == ["joined"];
    world.eventually("the acceptance is known", joined).await;
    world.quiet().await;
    let answer = world.commands(moderator, "plex invite", &email(ANN)).await.now.content;
    assert_eq!(answer, "They have access.");
    assert_eq!(world.invitations_sent(), 1);
    let answer = world.commands(moderator, "plex remove", &email(ANN)).await.now.content;
    assert!(answer.starts_with("Removed"), "{answer}");
    world.quiet().await;
    assert!(!world.is_friend(ANN));
    let kept = "SELECT email FROM accounts WHERE email IS NOT NULL";
    assert!(world.database().unwrap().rows(kept).is_empty());
}

#[tokio::test]
async fn an_administrator_invites_a_member_by_address_who_is_then_not_asked() {
    let world = World::started().await;
    let (alice, moderator) = (world.scene.alice, world.scene.mod_user);
    world.gets_role(alice);
    let question = world.asked(alice).await;
    world.quiet().await;
    let options = [("email", OptionValue::from(ANN)), ("member", OptionValue::from(alice))];
    let answer = world.commands(moderator, "plex invite", &options).await.now.content;
    assert_eq!(answer, "The invitation is out.");
    world.quiet().await;
    assert_eq!(world.database().unwrap().prompts(alice), ["answered"]);
    world.accepts(ANN);
    world.eventually("accepted", || world.database().unwrap().stage(alice) == "joined").await;
    world.quiet().await;
    assert!(world.discord(|sim, _| sim.message(question).unwrap().button().is_none()));
    world.loses_role(alice);
    world.eventually("it follows the role", || world.filters(ANN) == restricted()).await;
}

#[tokio::test]
async fn what_is_no_address_or_not_known_is_said() {
    let world = World::started().await;
    let moderator = world.scene.mod_user;
    for command in ["plex invite", "plex remove"] {
        let answer = world.commands(moderator, command, &email("nobody")).await.now.content;
        assert!(answer.contains("does not look like an e-mail address"), "{answer}");
    }
    world.befriended(BEN);
    let answer = world.commands(moderator, "plex remove", &email(BEN)).await.now.content;
    assert!(answer.contains("I never invited it"), "{answer}");
    world.quiet().await;
    assert!(world.writes().is_empty());
    assert!(world.is_friend(BEN));
}

#[tokio::test]
async fn a_pending_invitation_and_a_held_claim_are_removed_too() {
    let world = World::started().await;
    let (alice, bob, moderator) = (world.scene.alice, world.scene.bob, world.scene.mod_user);
    world.gets_role(alice);
    world.answers(alice, ANN).await;
    world.eventually("an invitation is out", || world.is_invited(ANN)).await;
    world.quiet().await;
    let answer = world.commands(moderator, "plex remove", &email(ANN)).await.now.content;
    assert!(answer.starts_with("Removed"), "{answer}");
    assert!(!world.is_invited(ANN));
    world.befriended(BEN);
    world.gets_role(bob);
    world.answers(bob, BEN).await;
    world.quiet().await;
    let answer = world.commands(moderator, "plex remove", &email(BEN)).await.now.content;
    assert!(answer.starts_with("Removed"), "{answer}");
    world.quiet().await;
    assert!(world.is_friend(BEN), "the claim is gone, the friend's share is not");
    assert_eq!(world.database().unwrap().account(bob, "claim").as_deref(), Some("-"));
}

#[tokio::test]
async fn a_member_links_an_address_by_command() {
    let world = World::started().await;
    let alice = world.scene.alice;
    let answer = world.commands(alice, "plex link", &email(ANN)).await.now.content;
    assert!(answer.contains("nothing to link"), "{answer}");
    let answer = world.commands(alice, "plex link", &[]).await.now.content;
    assert!(answer.contains("nothing to link"), "{answer}");
    assert!(world.writes().is_empty());
    world.gets_role(alice);
    world.asked(alice).await;
    let answer = world.commands(alice, "plex link", &email("nonsense")).await.now.content;
    assert!(answer.contains("does not look like an e-mail address"), "{answer}");
    let answer = world.commands(alice, "plex link", &email(ANN)).await.now.content;
    assert!(answer.starts_with("Thank you"), "{answer}");
    world.eventually("an invitation is out", || world.is_invited(ANN)).await;
    world.quiet().await;
    let answer = world.commands(alice, "plex link", &email(BEN)).await.now.content;
    assert!(answer.starts_with("Thank you"), "{answer}");
    world.eventually("the other address is invited", || world.is_invited(BEN)).await;
    assert!(!world.is_invited(ANN));
    world.accepts(BEN);
    world.eventually("accepted", || world.database().unwrap().stage(alice) == "joined").await;
    world.quiet().await;
    let answer = world.commands(alice, "plex link", &email(ANN)).await.now.content;
    assert!(answer.starts_with("You are linked"), "{answer}");
    assert_eq!(world.invitations_sent(), 2);
}
