//! `/plex invite` and `/plex remove`.

use anyhow::Result;
use rolarr::{pipeline::ports::Command, store::Stage as At};
use rolarr_tests::inprocess::{ANN, Stage};

fn invite(member: Option<rolarr::domain::UserId>) -> Command {
    Command::Invite { email: ANN.to_owned(), member }
}

fn remove() -> Command {
    Command::Remove { email: ANN.to_uppercase() }
}

#[tokio::test(start_paused = true)]
async fn commands_of_administrators_are_for_administrators() -> Result<()> {
    let stage = Stage::set().await?;
    for command in [invite(None), remove()] {
        let reply = stage.command(stage.bob(), false, command).await?;
        assert!(reply.text.contains("for administrators"), "{}", reply.text);
    }
    assert!(stage.writes().is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn remove_is_the_full_removal() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let reply = stage.command(stage.bob(), true, remove()).await?;
    assert!(reply.text.starts_with("Removed"), "{}", reply.text);
    assert!(stage.at_plex().share_of(ANN).is_none());
    assert!(!stage.database_holds(ANN)?);
    let told = stage.messages(stage.alice()).len();
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(stage.messages(stage.alice()).len(), told);
    assert!(stage.audit().iter().any(|line| line.contains("removed by")));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_address_that_was_never_invited_is_not_removed() -> Result<()> {
    let stage = Stage::set().await?;
    let reply = stage.command(stage.bob(), true, remove()).await?;
    assert!(reply.text.contains("never invited"), "{}", reply.text);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_bare_address_can_be_invited_and_removed() -> Result<()> {
    let stage = Stage::set().await?;
    let reply = stage.command(stage.bob(), true, invite(None)).await?;
    assert_eq!(reply.text, "The invitation is out.");
    let now = stage.now();
    stage.at_plex().person_accepts(now, ANN)?;
    stage.wait(std::time::Duration::from_secs(120)).await;
    let again = stage.command(stage.bob(), true, invite(None)).await?;
    assert_eq!(again.text, "They have access.");
    let reply = stage.command(stage.bob(), true, remove()).await?;
    assert!(reply.text.starts_with("Removed"), "{}", reply.text);
    assert!(stage.at_plex().share_of(ANN).is_none());
    assert!(!stage.database_holds(ANN)?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_member_can_be_invited_by_an_administrator_and_follows_the_rules_from_then_on() -> Result<()> {
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.command(stage.bob(), true, invite(Some(stage.alice()))).await?;
    stage.settle().await;
    let question = stage.messages(stage.alice()).pop().unwrap();
    assert!(question.contains("I have your e-mail address"), "the question is answered: {question}");
    let now = stage.now();
    stage.at_plex().person_accepts(now, ANN)?;
    stage.wait(std::time::Duration::from_secs(120)).await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Joined);
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(stage.filters(ANN).len(), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_address_that_was_invited_bare_can_be_given_to_a_member() -> Result<()> {
    let stage = Stage::set().await?;
    stage.command(stage.bob(), true, invite(None)).await?;
    stage.settle().await;
    let reply = stage.command(stage.bob(), true, invite(Some(stage.alice()))).await?;
    assert_eq!(reply.text, "The invitation is out.");
    let account = stage.account(stage.alice()).await?;
    assert!(account.email.is_some());
    assert_eq!(account.stage, At::Invited);
    stage.leave(stage.alice()).await?;
    stage.settle().await;
    assert!(stage.at_plex().invites().is_empty());
    Ok(())
}
