//! The question for the e-mail address.

use std::time::Duration;

use anyhow::{Context, Result};
use rolarr::{
    domain::contract::{AccountChange, Cause},
    pipeline::ports::{ButtonAction, Command, Pressed},
    store::{Prompt, PromptState, Stage as At},
};
use rolarr_tests::inprocess::{ANN, Stage};

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn prompt(stage: &Stage) -> Result<Prompt> {
    let alice = stage.alice();
    stage.read(move |tx| tx.latest_prompt(alice)).await?.context("nobody was asked")
}

async fn asked() -> Result<Stage> {
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(prompt(&stage).await?.state, PromptState::Open);
    Ok(stage)
}

#[tokio::test(start_paused = true)]
async fn a_second_role_asks_no_second_time() -> Result<()> {
    let stage = asked().await?;
    stage.give_role(stage.alice(), stage.vip).await?;
    stage.settle().await;
    assert_eq!(stage.messages(stage.alice()).len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_is_no_address_is_said_so_and_the_question_stays_open() -> Result<()> {
    let stage = asked().await?;
    let reply = stage.write(stage.alice(), "my mail is ann at example").await?.context("no answer")?;
    assert!(reply.text.contains("does not look like an e-mail address"), "{}", reply.text);
    assert_eq!(prompt(&stage).await?.state, PromptState::Open);
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    assert_eq!(prompt(&stage).await?.state, PromptState::Answered);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_was_asked_nothing_gets_no_answer_to_small_talk() -> Result<()> {
    let stage = Stage::set().await?;
    assert_eq!(stage.write(stage.bob(), "hello").await?, None);
    assert_eq!(stage.write(stage.bob(), ANN).await?, None);
    assert!(!stage.database_holds(ANN)?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn losing_the_last_role_closes_the_question_and_its_button_says_so() -> Result<()> {
    let stage = asked().await?;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    let closed = prompt(&stage).await?;
    assert_eq!(closed.state, PromptState::Closed);
    assert!(stage.open_buttons(stage.alice()).is_empty());
    assert!(stage.messages(stage.alice())[0].contains("no longer need"));
    let pressed = stage.press(stage.alice(), ButtonAction::Answer(closed.id)).await?;
    assert!(matches!(pressed, Pressed::Say(_)));
    assert_eq!(stage.write(stage.alice(), ANN).await?, None);
    assert!(stage.writes().is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn leaving_closes_the_question() -> Result<()> {
    let stage = asked().await?;
    stage.leave(stage.alice()).await?;
    stage.settle().await;
    assert_eq!(prompt(&stage).await?.state, PromptState::Closed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_role_back_asks_anew_after_the_question_was_closed() -> Result<()> {
    let stage = asked().await?;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(prompt(&stage).await?.state, PromptState::Open);
    assert_eq!(stage.open_buttons(stage.alice()).len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn after_a_day_the_question_expires_and_a_press_opens_it_again() -> Result<()> {
    let stage = asked().await?;
    stage.wait(DAY).await;
    let expired = prompt(&stage).await?;
    assert_eq!(expired.state, PromptState::Expired);
    assert!(stage.messages(stage.alice())[0].contains("in time"));
    let alice = stage.alice();
    let story = stage.read(move |tx| tx.story(alice)).await?;
    assert_eq!(
        story.last().map(|event| event.event.cause.clone()),
        Some(Cause::Account(AccountChange::AskExpired))
    );

    let pressed = stage.press(stage.alice(), ButtonAction::Answer(expired.id)).await?;
    assert_eq!(pressed, Pressed::Form(expired.id));
    stage.fill_in(stage.alice(), expired.id, ANN).await?.context("no answer")?;
    stage.settle().await;
    assert_eq!(stage.at_plex().invites().len(), 1);
    assert!(stage.messages(stage.alice())[0].contains("I have your e-mail address"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn plex_link_takes_an_expired_question_up_again_and_takes_an_address() -> Result<()> {
    let stage = asked().await?;
    stage.wait(DAY).await;
    let reply = stage.command(stage.alice(), false, Command::Link { email: None }).await?;
    assert!(reply.button.is_some());
    assert_eq!(prompt(&stage).await?.state, PromptState::Open);
    let link = Command::Link { email: Some(ANN.to_owned()) };
    stage.command(stage.alice(), false, link.clone()).await?;
    stage.settle().await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Invited);
    let again = stage.command(stage.alice(), false, link).await?;
    assert!(again.text.contains("Thank you"), "{}", again.text);
    stage.settle().await;
    assert_eq!(stage.at_plex().world.offered.len(), 1, "the same address again changes nothing");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn plex_link_without_a_role_links_nothing() -> Result<()> {
    let stage = Stage::set().await?;
    for email in [None, Some(ANN.to_owned())] {
        let reply = stage.command(stage.bob(), false, Command::Link { email }).await?;
        assert!(reply.text.contains("nothing to link"), "{}", reply.text);
    }
    stage.settle().await;
    assert!(stage.writes().is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_button_does_nothing() -> Result<()> {
    let stage = asked().await?;
    let id = prompt(&stage).await?.id;
    let pressed = stage.press(stage.bob(), ButtonAction::Answer(id)).await?;
    assert!(matches!(pressed, Pressed::Say(reply) if reply.text.contains("not for you")));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_question_survives_a_restart() -> Result<()> {
    let mut stage = asked().await?;
    stage.stop().await;
    stage.start().await?;
    let id = prompt(&stage).await?.id;
    assert_eq!(stage.press(stage.alice(), ButtonAction::Answer(id)).await?, Pressed::Form(id));
    stage.fill_in(stage.alice(), id, ANN).await?.context("no answer")?;
    stage.settle().await;
    assert_eq!(stage.at_plex().invites().len(), 1);
    assert_eq!(stage.messages(stage.alice()).len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_address_that_plex_does_not_take_can_be_given_again() -> Result<()> {
    let stage = asked().await?;
    use rolarr_sim::plex::Fault;

    use crate::troubles::says;
    stage.at_plex().fault(
        Fault::on(
            "POST",
            "/api/servers/{machine}/shared_servers",
            says(400, "The username or email entered appears to be invalid."),
        )
        .times(1),
    );
    stage.write(stage.alice(), "typo@example.org").await?.context("no answer")?;
    stage.settle().await;
    assert!(stage.messages(stage.alice()).last().is_some_and(|last| last.contains("does not accept")));
    assert!(!stage.database_holds("typo@example.org")?);
    stage.command(stage.alice(), false, Command::Link { email: Some(ANN.to_owned()) }).await?;
    stage.settle().await;
    assert_eq!(stage.at_plex().invites().len(), 1);
    Ok(())
}
