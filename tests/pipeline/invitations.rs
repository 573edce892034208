//! Invitations that are out, declined, withdrawn, sent again; shares that others end.

use anyhow::{Context, Result};
use rolarr::{
    domain::contract::{AccountChange, Cause},
    store::Stage as At,
};
use rolarr_tests::inprocess::{ANN, Stage};

const MINUTES: std::time::Duration = std::time::Duration::from_secs(300);

async fn invited() -> Result<Stage> {
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    stage.settle().await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Invited);
    Ok(stage)
}

fn invitations(stage: &Stage) -> usize {
    stage.writes().iter().filter(|write| write.starts_with("POST /api/servers/")).count()
}

#[tokio::test(start_paused = true)]
async fn a_declined_invitation_is_not_sent_again() -> Result<()> {
    let stage = invited().await?;
    stage.at_plex().person_declines(ANN)?;
    stage.wait(MINUTES).await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Declined);
    assert_eq!(invitations(&stage), 1);
    assert!(stage.audit().iter().any(|line| line.contains("declined")));
    let alice = stage.alice();
    let story = stage.read(move |tx| tx.story(alice)).await?;
    assert!(story.iter().any(|event| event.event.cause == Cause::Account(AccountChange::Declined)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_new_decision_invites_again_after_a_decline() -> Result<()> {
    let stage = invited().await?;
    stage.at_plex().person_declines(ANN)?;
    stage.wait(MINUTES).await;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(invitations(&stage), 2);
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Invited);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn losing_the_role_withdraws_the_invitation_and_its_leftover_share() -> Result<()> {
    let stage = invited().await?;
    stage.at_plex().world.quirks.cancel_leaves_share = true;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert!(stage.at_plex().invites().is_empty());
    assert!(stage.at_plex().share_of(ANN).is_none());
    let account = stage.account(stage.alice()).await?;
    assert_eq!(account.stage, At::None);
    assert!(account.email.is_some(), "the address is kept");

    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(stage.at_plex().invites().len(), 1);
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Invited);
    assert!(stage.messages(stage.alice()).last().is_some_and(|last| last.contains("new invitation")));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_invitation_accepted_just_before_the_role_went_is_restricted() -> Result<()> {
    let stage = invited().await?;
    let now = stage.now();
    stage.at_plex().person_accepts(now, ANN)?;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Joined);
    assert_eq!(stage.filters(ANN).len(), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn leaving_withdraws_the_invitation_and_forgets_the_address() -> Result<()> {
    let stage = invited().await?;
    stage.leave(stage.alice()).await?;
    stage.settle().await;
    assert!(stage.at_plex().invites().is_empty());
    assert!(!stage.database_holds(ANN)?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_address_without_a_plex_account_is_invited_and_withdrawn() -> Result<()> {
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.write(stage.alice(), "nobody.yet@example.org").await?.context("no answer")?;
    stage.settle().await;
    assert_eq!(stage.at_plex().invites().len(), 1);
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert!(stage.at_plex().invites().is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_share_that_the_member_ended_is_reported_and_not_made_again() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let ann = stage.plex_account(ANN).0;
    stage.at_plex().person_leaves_share(ann)?;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Lost);
    assert_eq!(invitations(&stage), 1, "restricting creates no share");
    assert!(stage.audit().iter().any(|line| line.contains("was ended by the member or the owner")));
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(invitations(&stage), 2, "a new decision invites again");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_rejoins_while_plex_is_away_has_what_was_decided_last() -> Result<()> {
    use rolarr_sim::plex::{Effect, Fault};
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let away = Fault::on("GET", "/api/users/", Effect::Status { status: 503, retry_after: None });
    stage.at_plex().fault(away);
    stage.leave(stage.alice()).await?;
    stage.settle().await;
    stage.join(stage.alice()).await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.at_plex().clear_faults();
    stage.wait(std::time::Duration::from_secs(1800)).await;
    let account = stage.account(stage.alice()).await?;
    assert_eq!(account.stage, At::Joined);
    assert!(account.email.is_some());
    assert!(stage.filters(ANN).is_empty());
    assert_eq!(invitations(&stage), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_same_address_again_does_not_send_a_declined_invitation_again() -> Result<()> {
    use rolarr::pipeline::ports::Command;
    let stage = invited().await?;
    stage.at_plex().person_declines(ANN)?;
    stage.wait(MINUTES).await;
    let link = |email: &str| Command::Link { email: Some(email.to_owned()) };
    stage.command(stage.alice(), false, link(ANN)).await?;
    stage.settle().await;
    assert_eq!(invitations(&stage), 1);
    stage.command(stage.alice(), false, link("ben@example.org")).await?;
    stage.settle().await;
    assert_eq!(invitations(&stage), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_accepted_and_left_unnoticed_is_invited_again_with_the_role() -> Result<()> {
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.write(stage.alice(), ANN).await?;
    stage.settle().await;
    // Between two looks: they stay a friend without a share.
    let (now, ann) = (stage.now(), stage.plex_account(ANN).0);
    stage.at_plex().person_accepts(now, ANN)?;
    stage.at_plex().person_leaves_share(ann)?;
    stage.wait(MINUTES).await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Declined);
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    let account = stage.account(stage.alice()).await?;
    assert_eq!((account.stage, account.held), (At::Invited, None));
    assert_eq!(stage.at_plex().world.offered.len(), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_accepted_and_left_as_the_role_went_is_invited_again_with_the_role() -> Result<()> {
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.write(stage.alice(), ANN).await?;
    stage.settle().await;
    // Before anybody looks the role is gone too, and there is no invitation to withdraw.
    let (now, ann) = (stage.now(), stage.plex_account(ANN).0);
    stage.at_plex().person_accepts(now, ANN)?;
    stage.at_plex().person_leaves_share(ann)?;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::None);
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    let account = stage.account(stage.alice()).await?;
    assert_eq!((account.stage, account.held), (At::Invited, None));
    assert_eq!(stage.at_plex().world.offered.len(), 2);
    Ok(())
}
