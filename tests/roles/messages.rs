//! Messages: closed direct messages, and Discord in trouble.

use rolarr_sim::discord::{DirectMessages, RestFault, RestFaultKind};
use rolarr_tests::{World, plex::restricted};

const ANN: &str = "ann@example.org";

async fn with_prompt_channel() -> World {
    let mut world = World::new().await;
    let guild = world.scene.guild;
    let channel = world.discord(|sim, now| sim.create_channel(now, guild, "plex").unwrap());
    world.setup.prompt_channel = Some(channel);
    world.start().await;
    world
}

/// Presses the neutral button; what the person, and only that person, gets to see.
async fn looks_behind_the_button(
    world: &World,
    user: rolarr_sim::discord::UserId,
) -> rolarr_sim::discord::Message {
    let channel = world.setup.prompt_channel.unwrap();
    let stands = || world.discord(|sim, _| sim.messages_in(channel).first().map(|message| message.id));
    let button = world.eventually_some("the button stands in the prompt channel", stands).await;
    let pressed = world.presses(user, button).await;
    world.reply(pressed, user).await
}

#[tokio::test]
async fn a_member_with_closed_direct_messages_is_asked_behind_the_button_in_the_prompt_channel() {
    let world = with_prompt_channel().await;
    let (alice, bob) = (world.scene.alice, world.scene.bob);
    let channel = world.setup.prompt_channel.unwrap();
    world.discord(|sim, _| sim.set_direct_messages(alice, DirectMessages::Closed)).unwrap();
    world.gets_role(alice);
    let question = looks_behind_the_button(&world, alice).await;
    assert!(question.now.content.contains("e-mail address"), "{question:?}");
    let others = looks_behind_the_button(&world, bob).await;
    assert_eq!(others.now.content, "There is nothing for you at the moment.");
    let answer = world.enters(alice, question.id, ANN).await;
    assert!(answer.starts_with("Thank you"), "{answer}");
    world.eventually("an invitation is out", || world.is_invited(ANN)).await;
    world.accepts(ANN);
    world.eventually("accepted", || world.database().unwrap().stage(alice) == "joined").await;
    world.quiet().await;

    world.loses_role(alice);
    world.eventually("it is restricted all the same", || world.filters(ANN) == restricted()).await;
    world.quiet().await;
    let status = looks_behind_the_button(&world, alice).await;
    assert!(status.now.content.contains("is paused"), "{status:?}");
    assert!(world.told(alice).is_empty());
    let stands: Vec<String> = world.discord(|sim, _| {
        sim.messages_in(channel).iter().map(|message| message.now.content.clone()).collect()
    });
    assert_eq!(stands.len(), 1, "one button for all, and no word of anybody: {stands:?}");
    assert!(!stands[0].contains("role") && !stands[0].contains(&alice.to_string()), "{stands:?}");
}

#[tokio::test]
async fn closed_direct_messages_without_a_prompt_channel_keep_nobody_from_being_served() {
    let world = World::started().await;
    let alice = world.scene.alice;
    world.discord(|sim, _| sim.set_direct_messages(alice, DirectMessages::Closed)).unwrap();
    world.gets_role(alice);
    world.eventually("the question waits", || world.database().unwrap().prompts(alice) == ["open"]).await;
    world.quiet().await;
    let options = [("email", rolarr_sim::discord::OptionValue::from(ANN))];
    let answer = world.commands(alice, "plex link", &options).await.now.content;
    assert!(answer.starts_with("Thank you"), "{answer}");
    world.eventually("an invitation is out", || world.is_invited(ANN)).await;
    world.quiet().await;
}

#[tokio::test]
async fn a_message_whose_answer_is_lost_is_not_sent_twice() {
    for kind in [RestFaultKind::Drop, RestFaultKind::Status { status: 502, code: 0 }, RestFaultKind::Garbage]
    {
        let world = World::started().await;
        let alice = world.scene.alice;
        let fault = RestFault::once("POST", "channels/*/messages", kind.clone()).after_applying();
        world.discord(|sim, _| sim.fail_requests(fault));
        world.gets_role(alice);
        world.asked(alice).await;
        world.quiet().await;
        assert_eq!(world.told(alice).len(), 1, "{kind:?}");
        world.answers(alice, ANN).await;
        world.eventually("an invitation is out", || world.is_invited(ANN)).await;
    }
}

#[tokio::test]
async fn a_message_that_discord_does_not_take_at_first_goes_out_later() {
    let world = World::started().await;
    let alice = world.scene.alice;
    let kinds = [
        RestFaultKind::Status { status: 500, code: 0 },
        RestFaultKind::TooManyRequests { retry_after_ms: Some(200), global: false },
        RestFaultKind::Drop,
    ];
    for kind in kinds {
        world.discord(|sim, _| sim.fail_requests(RestFault::once("POST", "channels/*/messages", kind)));
    }
    world.gets_role(alice);
    world.asked(alice).await;
    world.quiet().await;
    assert_eq!(world.told(alice).len(), 1);
}
