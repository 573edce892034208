//! Whose account it is: a typed address gives no power over somebody else's share.

use rolarr_sim::discord::{OptionValue, UserId};
use rolarr_tests::{World, plex::restricted};

const ANN: &str = "ann@example.org";
const BEN: &str = "ben@example.org";
const CLEO: &str = "cleo@example.org";

/// Plex requests that name a person's account or one of their shares.
fn concerning(world: &World, account: u64, share: u64) -> Vec<String> {
    let (account, share) = (account.to_string(), share.to_string());
    let names =
        |text: &str| text.split(|c: char| !c.is_ascii_digit()).any(|part| part == account || part == share);
    let writes = world.writes().into_iter();
    writes
        .filter(|write| names(&write.path) || names(&write.body))
        .map(|write| format!("{} {}", write.method, write.path))
        .collect()
}

#[tokio::test]
async fn the_address_of_an_existing_friend_is_held_with_the_same_answer_and_nothing_is_touched() {
    let mut world = World::new().await;
    world.setup.audit_channel = Some(world.scene.channel);
    world.start().await;
    let (alice, bob) = (world.scene.alice, world.scene.bob);
    let ben = world.befriended(BEN);
    world.owner_sets(BEN, "filterMovies", "label=Kids");
    let before = world.plex(|sim, _| (sim.share_of(BEN).cloned(), sim.friend(ben).cloned()));
    let share = before.0.as_ref().unwrap().id;

    world.gets_role(bob);
    let to_new = world.answers(bob, ANN).await;
    world.gets_role(alice);
    let to_friends = world.answers(alice, BEN).await;
    assert_eq!(to_new, to_friends, "nobody learns who is a friend");
    world.quiet().await;
    assert_eq!(world.told(alice), world.told(bob));
    let database = world.database().unwrap();
    assert_eq!(database.account(alice, "email").as_deref(), Some("-"));
    assert_eq!(database.account(alice, "claim").as_deref(), Some(BEN));
    assert_eq!(database.audit(alice), ["held"]);
    let asked_again = world.commands(alice, "plex link", &[]).await.now.content;
    assert_eq!(asked_again, world.commands(bob, "plex link", &[]).await.now.content);
    let reported = world.discord(|sim, _| {
        let told = sim.messages_in(world.scene.channel);
        told.iter().filter(|told| told.now.content.contains("gave the address of somebody")).count()
    });
    assert_eq!(reported, 1, "the administrators are told");

    // Whatever happens to the member: the friend's share is not theirs.
    world.loses_role(alice);
    world.quiet().await;
    world.gets_role(alice);
    world.quiet().await;
    world.leaves(alice);
    let forgotten = || world.database().unwrap().account(alice, "claim").as_deref() == Some("-");
    world.eventually("the claim is forgotten", forgotten).await;
    world.quiet().await;
    let after = world.plex(|sim, _| (sim.share_of(BEN).cloned(), sim.friend(ben).cloned()));
    assert_eq!(before, after);
    assert_eq!(concerning(&world, ben, share), Vec::<String>::new());
    assert!(!world.writes().iter().any(|write| write.body.contains(BEN)), "no invitation to them either");
}

#[tokio::test]
async fn an_administrator_gives_a_held_address_to_the_member_and_the_share_is_taken_over() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.befriended(BEN);
    world.gets_role(alice);
    world.answers(alice, BEN).await;
    world.quiet().await;
    let options = [("email", OptionValue::from(BEN)), ("member", OptionValue::from(alice))];
    let answer = world.commands(world.scene.mod_user, "plex invite", &options).await;
    assert_eq!(answer.now.content, "They have access.");
    world.quiet().await;
    assert_eq!(world.database().unwrap().stage(alice), "joined");
    assert_eq!(world.invitations_sent(), 0);
    world.loses_role(alice);
    world.eventually("it follows the role from now on", || world.filters(BEN) == restricted()).await;
}

#[tokio::test]
async fn an_administrator_gives_another_address_to_a_member_whose_address_is_held() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.befriended(BEN);
    world.gets_role(alice);
    world.answers(alice, BEN).await;
    world.quiet().await;
    let options = [("email", OptionValue::from(ANN)), ("member", OptionValue::from(alice))];
    let answer = world.commands(world.scene.mod_user, "plex invite", &options).await.now.content;
    assert_eq!(answer, "The invitation is out.");
    assert!(world.is_invited(ANN));
    assert_eq!(world.database().unwrap().account(alice, "claim").as_deref(), Some("-"));
    assert_eq!(world.database().unwrap().account(alice, "held").as_deref(), Some("-"));
}

/// What the bot answers to a member who gives an address and then tries this and that.
async fn answers_to(world: &World, member: UserId, address: &str) -> (Vec<String>, Vec<String>) {
    world.gets_role(member);
    let mut said = vec![world.answers(member, address).await];
    world.quiet().await;
    for again in [address, "another@example.org", address] {
        let options = [("email", OptionValue::from(again))];
        said.push(world.commands(member, "plex link", &options).await.now.content);
        said.push(world.commands(member, "plex link", &[]).await.now.content);
        said.push(world.types(member, again).await);
        world.quiet().await;
    }
    (said, world.told(member))
}

#[tokio::test]
async fn no_number_of_tries_tells_who_is_a_friend() {
    let mut world = World::new().await;
    for existing_shares in ["ask", "never"] {
        world.setup.existing_shares = existing_shares.to_owned();
        world.start().await;
        let (guild, taken) = (world.scene.guild, format!("{existing_shares}.taken@example.org"));
        let joins = |name: &str| {
            world.discord(|sim, now| {
                let user = sim.create_user(now, name);
                sim.join(now, guild, user).unwrap();
                user
            })
        };
        let new = format!("{existing_shares}.new@example.org");
        world.plex(|sim, _| sim.world.add_person(&taken, "", ""));
        world.befriended(&taken);
        let of_new = answers_to(&world, joins("first"), &new).await;
        let of_friends = answers_to(&world, joins("second"), &taken).await;
        let of_owners = answers_to(&world, joins("third"), "owner@example.org").await;
        let of_members = answers_to(&world, joins("fourth"), &new).await;
        assert_eq!(of_friends, of_new, "{existing_shares}");
        assert_eq!(of_owners, of_new, "{existing_shares}");
        assert_eq!(of_members, of_new, "{existing_shares}");
        world.stop().await;
    }
    // The new one, another one, and the new one again; and three times the other one by those whose own is held.
    assert_eq!(world.invitations_sent(), 2 * (3 + 3), "one for each address that is nobody's");
}

#[tokio::test]
async fn where_existing_shares_are_never_taken_the_address_is_refused_with_the_same_answer() {
    let mut world = World::new().await;
    world.setup.existing_shares = "never".to_owned();
    world.start().await;
    let alice = world.scene.alice;
    world.befriended(BEN);
    world.gets_role(alice);
    let answer = world.answers(alice, BEN).await;
    assert!(answer.starts_with("Thank you. If everything is in order"), "{answer}");
    world.quiet().await;
    assert_eq!(world.database().unwrap().audit(alice), ["refused"]);
    assert_eq!(world.database().unwrap().account(alice, "email").as_deref(), Some("-"));
    assert!(world.writes().is_empty());
}

#[tokio::test]
async fn the_owners_own_address_and_one_of_the_owners_home_are_refused() {
    let world = World::started().await;
    let (alice, bob) = (world.scene.alice, world.scene.bob);
    world.befriended(BEN);
    let ben = world.plex_account(BEN);
    world.plex(|sim, _| sim.world.ties.get_mut(&ben).unwrap().home = true);
    for (member, address) in [(alice, "owner@example.org"), (bob, BEN)] {
        world.gets_role(member);
        let answer = world.answers(member, address).await;
        assert!(answer.starts_with("Thank you. If everything is in order"), "{answer}");
        world.quiet().await;
        assert_eq!(world.database().unwrap().audit(member), ["refused"]);
    }
    assert!(world.writes().is_empty());
}

#[tokio::test]
async fn an_address_of_another_member_is_held_with_the_same_answer() {
    let world = World::started().await;
    let (alice, bob) = (world.scene.alice, world.scene.bob);
    world.joins(alice, ANN).await;
    let written = world.writes().len();
    world.gets_role(bob);
    let answer = world.answers(bob, "ANN@example.org").await;
    assert!(answer.starts_with("Thank you. If everything is in order"), "{answer}");
    world.quiet().await;
    assert_eq!(world.database().unwrap().audit(bob), ["held"]);
    world.leaves(bob);
    world.quiet().await;
    assert_eq!(world.writes().len(), written);
    assert!(world.is_friend(ANN));
}

#[tokio::test]
async fn a_member_who_accepts_with_another_account_is_that_account_from_then_on() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.gets_role(alice);
    world.answers(alice, ANN).await;
    world.eventually("an invitation is out", || world.is_invited(ANN)).await;
    world.quiet().await;
    let cleo = world.plex_account(CLEO);
    world.plex(|sim, now| sim.person_accepts_as(now, ANN, cleo)).unwrap();
    world.eventually("the acceptance is known", || world.database().unwrap().stage(alice) == "joined").await;
    world.quiet().await;
    assert_eq!(world.database().unwrap().account(alice, "plex_account"), Some(cleo.to_string()));
    world.loses_role(alice);
    world.eventually("that account is restricted", || world.filters(CLEO) == restricted()).await;
    world.quiet().await;
    world.leaves(alice);
    world.eventually("that account's share is gone", || !world.is_friend(CLEO)).await;
    world.quiet().await;
    assert_eq!(world.invitations_sent(), 1);
}

#[tokio::test]
async fn a_friend_with_whom_another_server_is_shared_stays_a_friend() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.joins(alice, ANN).await;
    let ann = world.plex_account(ANN);
    world.plex(|sim, now| sim.owner_shares_with(now, ann, rolarr_sim::plex::OTHER_MACHINE, &[])).unwrap();
    world.loses_role(alice);
    world.eventually("it is restricted", || world.filters(ANN) == restricted()).await;
    world.quiet().await;
    world.leaves(alice);
    let ours = || {
        world.plex(|sim, _| {
            let shares = sim.world.shares.values();
            shares.filter(|share| share.is_with(ann) && share.machine == rolarr_sim::plex::MACHINE).count()
        })
    };
    world.eventually("our share is gone", || ours() == 0).await;
    world.quiet().await;
    assert!(world.is_friend(ANN));
    assert!(world.filters(ANN).is_empty(), "filters hold for all servers: what was written is taken back");
}

#[tokio::test]
async fn an_account_that_another_member_accepted_with_is_nobody_elses() {
    let world = World::started().await;
    let (alice, bob) = (world.scene.alice, world.scene.bob);
    world.gets_role(alice);
    world.answers(alice, ANN).await;
    world.eventually("an invitation is out", || world.is_invited(ANN)).await;
    world.quiet().await;
    let cleo = world.plex_account(CLEO);
    world.plex(|sim, now| sim.person_accepts_as(now, ANN, cleo)).unwrap();
    world.eventually("the acceptance is known", || world.database().unwrap().stage(alice) == "joined").await;
    world.quiet().await;
    // Bob types the address of the account that is Alice's now.
    world.gets_role(bob);
    let answer = world.answers(bob, CLEO).await;
    assert!(answer.starts_with("Thank you. If everything is in order"), "{answer}");
    world.quiet().await;
    assert_eq!(world.database().unwrap().audit(bob), ["held"]);
    // An administrator who gives it to Bob is told, and everybody else goes on being served.
    let options = [("email", OptionValue::from(CLEO)), ("member", OptionValue::from(bob))];
    let answer = world.commands(world.scene.mod_user, "plex invite", &options).await.now.content;
    assert!(answer.contains("belongs to another member"), "{answer}");
    world.quiet().await;
    assert!(world.is_friend(CLEO));
    world.leaves(bob);
    world.quiet().await;
    assert!(world.is_friend(CLEO));
    world.loses_role(alice);
    world.eventually("it is Alice's", || world.filters(CLEO) == restricted()).await;
}

#[tokio::test]
async fn a_friend_of_another_server_only_is_held_and_an_administrator_adds_ours() {
    for at_once in [false, true] {
        let world = World::started().await;
        let alice = world.scene.alice;
        world.plex(|sim, _| sim.world.quirks.friends_need_not_accept = at_once);
        let ben = world.plex_account(BEN);
        world.plex(|sim, now| sim.owner_shares_with(now, ben, rolarr_sim::plex::OTHER_MACHINE, &[])).unwrap();
        world.gets_role(alice);
        world.answers(alice, BEN).await;
        world.quiet().await;
        assert_eq!(world.database().unwrap().audit(alice), ["held"]);
        assert!(world.writes().is_empty());
        let options = [("email", OptionValue::from(BEN)), ("member", OptionValue::from(alice))];
        let answer = world.commands(world.scene.mod_user, "plex invite", &options).await.now.content;
        assert_eq!(answer, if at_once { "They have access." } else { "The invitation is out." });
        if !at_once {
            world.accepts(BEN);
        }
        world.eventually("they have joined", || world.database().unwrap().stage(alice) == "joined").await;
        world.quiet().await;
        assert_eq!(world.invitations_sent(), 1);
        world.leaves(alice);
        world.eventually("it ends", || world.database().unwrap().stage(alice) == "none").await;
        world.quiet().await;
        assert!(world.is_friend(BEN), "the other server is still shared");
        assert!(world.plex(|sim, _| {
            sim.world.shares.values().all(|share| share.machine != rolarr_sim::plex::MACHINE)
        }));
    }
}
