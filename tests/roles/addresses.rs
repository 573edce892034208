//! Ways to give an address, and addresses that are none.

use rolarr_sim::plex::{Effect, Fault, MACHINE};
use rolarr_tests::World;

const ANN: &str = "ann@example.org";

#[tokio::test]
async fn a_bad_address_is_refused_and_a_good_one_is_taken_through_the_form() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.gets_role(alice);
    for bad in ["ann at example.org", "ann@@example.org", "@", "ann\u{7}@example.org", "Ann <ann@example>"] {
        let answer = world.answers(alice, bad).await;
        assert!(answer.contains("does not look like an e-mail address"), "{bad:?}: {answer}");
    }
    world.quiet().await;
    assert_eq!(world.database().unwrap().prompts(alice), ["open"]);
    let answer = world.answers(alice, " It is *Ann@Example.org*. ").await;
    assert!(answer.starts_with("Thank you"), "{answer}");
    world.eventually("an invitation is out", || world.plex(|sim, _| sim.share_of(ANN).is_some())).await;
    world.quiet().await;
    let question = world.discord(|sim, _| sim.told(alice)[0].clone());
    assert!(question.button().is_some(), "the address can be changed until the invitation is accepted");
    assert!(question.now.content.contains("I have your e-mail address"), "{question:?}");
    world.accepts("Ann@Example.org");
    let closed = || world.discord(|sim, _| sim.told(alice)[0].button().is_none());
    world.eventually("the question's button is closed", closed).await;
    assert_eq!(world.told(alice).len(), 1);
}

#[tokio::test]
async fn a_plain_reply_in_the_direct_message_works_too() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.gets_role(alice);
    world.asked(alice).await;
    world.quiet().await;
    let answer = world.types(alice, "what is this about?").await;
    assert!(answer.contains("does not look like an e-mail address"), "{answer}");
    let answer = world.types(alice, ANN).await;
    assert!(answer.starts_with("Thank you"), "{answer}");
    world.eventually("an invitation is out", || world.is_invited(ANN)).await;
}

#[tokio::test]
async fn somebody_who_is_not_asked_anything_is_not_answered() {
    let world = World::started().await;
    let bob = world.scene.bob;
    for text in ["hello", ANN] {
        world.discord(|sim, now| sim.type_direct_message(now, bob, text)).unwrap();
    }
    world.quiet().await;
    assert!(world.told(bob).is_empty());
    assert!(world.writes().is_empty());
    assert_eq!(world.database().unwrap().account(bob, "id"), None);
}

#[tokio::test]
async fn an_address_that_plex_does_not_take_can_be_given_anew() {
    let world = World::started().await;
    let alice = world.scene.alice;
    let route = format!("/api/servers/{MACHINE}/shared_servers");
    let says = "<Response code=\"404\" status=\"The username or email entered appears to be invalid.\"/>";
    let effect = Effect::Says { status: 404, body: says.to_owned() };
    world.plex(|sim, _| sim.fault(Fault::on("POST", &route, effect).times(1)));
    world.gets_role(alice);
    world.answers(alice, "tyop@example.org").await;
    world
        .eventually("the member is told", || {
            world.told(alice).iter().any(|told| told.contains("Plex does not accept that e-mail address"))
        })
        .await;
    world.quiet().await;
    let answer = world.types(alice, ANN).await;
    assert!(answer.starts_with("Thank you"), "{answer}");
    world.eventually("an invitation is out", || world.is_invited(ANN)).await;
    world.quiet().await;
    assert_eq!(world.database().unwrap().account(alice, "email").as_deref(), Some(ANN));
}
