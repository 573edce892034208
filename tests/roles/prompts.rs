//! The question for the address: how long it is open, and what closes it.

use rolarr_tests::World;

const ANN: &str = "ann@example.org";

#[tokio::test]
async fn an_expired_question_is_taken_up_again_by_pressing_its_button() {
    let mut world = World::new().await;
    world.setup.valid_for = "1s".to_owned();
    world.start().await;
    let alice = world.scene.alice;
    world.gets_role(alice);
    let question = world.asked(alice).await;
    world.eventually("it expires", || world.database().unwrap().prompts(alice) == ["expired"]).await;
    world.quiet().await;
    assert!(world.told(alice)[0].contains("I did not get your e-mail address in time"));
    let answer = world.enters(alice, question, ANN).await;
    assert!(answer.starts_with("Thank you"), "{answer}");
    world.eventually("an invitation is out", || world.is_invited(ANN)).await;
    world.quiet().await;
    assert_eq!(world.told(alice).len(), 1, "no second question");
}

#[tokio::test]
async fn an_expired_question_is_taken_up_again_by_command() {
    let mut world = World::new().await;
    world.setup.valid_for = "1s".to_owned();
    world.start().await;
    let alice = world.scene.alice;
    world.gets_role(alice);
    world.asked(alice).await;
    world.eventually("it expires", || world.database().unwrap().prompts(alice) == ["expired"]).await;
    world.quiet().await;
    let offer = world.commands(alice, "plex link", &[]).await;
    assert!(offer.button().is_some(), "{offer:?}");
    let answer = world.enters(alice, offer.id, ANN).await;
    assert!(answer.starts_with("Thank you"), "{answer}");
    world.eventually("an invitation is out", || world.is_invited(ANN)).await;
}

#[tokio::test]
async fn a_question_survives_a_restart() {
    let mut world = World::started().await;
    let alice = world.scene.alice;
    world.gets_role(alice);
    let question = world.asked(alice).await;
    world.quiet().await;
    // The form is opened before the restart and sent off after it.
    let pressed = world.presses(alice, question).await;
    world.restart().await;
    world.quiet().await;
    assert_eq!(world.told(alice).len(), 1, "it is not asked twice");
    let sent = world.discord(|sim, now| sim.submit_modal(now, pressed, &[("email", ANN)])).unwrap();
    let answer = world.reply(sent, alice).await;
    assert!(answer.now.content.starts_with("Thank you"), "{answer:?}");
    world.eventually("an invitation is out", || world.is_invited(ANN)).await;
}

#[tokio::test]
async fn the_last_role_lost_closes_the_question_and_its_button_says_so() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.gets_role(alice);
    let question = world.asked(alice).await;
    let pressed = world.presses(alice, question).await;
    world.quiet().await;
    world.loses_role(alice);
    world
        .eventually("the button is closed", || {
            world.discord(|sim, _| sim.message(question).unwrap().button().is_none())
        })
        .await;
    world.quiet().await;
    assert!(world.told(alice)[0].contains("I no longer need your e-mail address"));
    // A form that was still open leads to nothing.
    let sent = world.discord(|sim, now| sim.submit_modal(now, pressed, &[("email", ANN)])).unwrap();
    let answer = world.reply(sent, alice).await.now.content;
    assert!(answer.contains("nothing to link"), "{answer}");
    world.quiet().await;
    assert!(world.writes().is_empty());
    assert_eq!(world.told(alice).len(), 1);
    // The role comes back: a new question.
    world.gets_role(alice);
    world.eventually("it is asked again", || world.told(alice).len() == 2).await;
    world.answers(alice, ANN).await;
    world.eventually("an invitation is out", || world.is_invited(ANN)).await;
}

#[tokio::test]
async fn a_second_role_asks_no_second_question() {
    let mut world = World::new().await;
    let vip = world.track("vip");
    world.start().await;
    let alice = world.scene.alice;
    world.gets_role(alice);
    world.asked(alice).await;
    world.quiet().await;
    world.gets(alice, vip);
    world.quiet().await;
    world.loses_role(alice);
    world.quiet().await;
    assert_eq!(world.told(alice).len(), 1);
    assert_eq!(world.database().unwrap().prompts(alice), ["open"]);
}

#[tokio::test]
async fn leaving_closes_the_question() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.gets_role(alice);
    world.asked(alice).await;
    world.quiet().await;
    world.leaves(alice);
    world.eventually("it is closed", || world.database().unwrap().prompts(alice) == ["closed"]).await;
    world.quiet().await;
    assert_eq!(world.told(alice).len(), 1);
    assert!(world.writes().is_empty());
}
