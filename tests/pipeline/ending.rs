//! What others do while a share or an invitation is being ended.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rolarr::{
    domain::{
        UserId,
        contract::{AccountChange, Cause},
    },
    pipeline::ports::Command,
    store::Stage as At,
};
use rolarr_sim::{
    http::Request,
    plex::{Effect, Fault},
};
use rolarr_tests::inprocess::{ANN, Place, Stage, UnderWay};

/// Longer than it takes to end a share and to make it again.
const MINUTES: Duration = Duration::from_secs(300);

fn ends(request: &Request) -> bool {
    request.method == "DELETE"
}

/// Waits until the request that ends something is where it is to be stopped.
async fn ending(stage: &Stage, mut under_way: UnderWay) -> Result<UnderWay> {
    let reached = tokio::time::timeout(MINUTES, under_way.reached()).await;
    ensure!(reached.context("nothing is ended")?, "the request was never stopped");
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Leaving);
    Ok(under_way)
}

/// Alice has the role, and an invitation to her address is out.
async fn invited(address: &str) -> Result<Stage> {
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.write(stage.alice(), address).await?.context("no answer")?;
    stage.settle().await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Invited);
    Ok(stage)
}

fn invite_alice(stage: &Stage) -> Command {
    Command::Invite { email: ANN.to_owned(), member: Some(stage.alice()) }
}

/// How often somebody's acceptance is in the journal.
async fn acceptances(stage: &Stage, user: UserId) -> Result<usize> {
    let story = stage.read(move |tx| tx.story(user)).await?;
    Ok(story.iter().filter(|row| row.event.cause == Cause::Account(AccountChange::Accepted)).count())
}

#[tokio::test(start_paused = true)]
async fn an_administrator_invites_whose_share_is_being_ended_and_it_is_made_again() -> Result<()> {
    for place in Place::ALL {
        let stage = Stage::set().await?;
        stage.alice_joins().await?;
        let under_way = stage.plex_boundaries.stop(place, ends);
        stage.command(stage.bob(), true, Command::Remove { email: ANN.to_owned() }).await?;
        let under_way = ending(&stage, under_way).await?;
        let reply = stage.command(stage.bob(), true, invite_alice(&stage)).await?;
        assert!(reply.text.contains("I am working on it"), "{place:?}: {}", reply.text);
        drop(under_way);
        stage.wait(MINUTES).await;
        let account = stage.account(stage.alice()).await?;
        assert_eq!((account.stage, account.held, account.parked), (At::Invited, None, None), "{place:?}");
        assert_eq!(stage.at_plex().world.offered.len(), 2, "{place:?}: it is made again, once");

        let now = stage.now();
        stage.at_plex().person_accepts(now, ANN)?;
        stage.wait(MINUTES).await;
        assert_eq!(stage.account(stage.alice()).await?.stage, At::Joined, "{place:?}");
        assert!(stage.filters(ANN).is_empty(), "{place:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_administrator_invites_whose_invitation_is_being_withdrawn_and_it_is_sent_again() -> Result<()> {
    for place in Place::ALL {
        let stage = invited(ANN).await?;
        let under_way = stage.plex_boundaries.stop(place, ends);
        stage.take_role(stage.alice(), stage.role()).await?;
        let under_way = ending(&stage, under_way).await?;
        stage.command(stage.bob(), true, invite_alice(&stage)).await?;
        drop(under_way);
        stage.wait(MINUTES).await;
        assert_eq!(stage.account(stage.alice()).await?.stage, At::Invited, "{place:?}");
        assert_eq!(stage.at_plex().invites().len(), 1, "{place:?}");
        assert_eq!(stage.at_plex().world.offered.len(), 2, "{place:?}: it is sent again, once");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_share_whose_end_is_lost_is_not_made_twice_when_an_administrator_invites() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    stage.at_plex().fault(Fault::on("DELETE", "/api/v2/*", Effect::Drop { applied: false }).times(1));
    let under_way = stage.plex_boundaries.stop(Place::Applied, ends);
    stage.command(stage.bob(), true, Command::Remove { email: ANN.to_owned() }).await?;
    let under_way = ending(&stage, under_way).await?;
    stage.command(stage.bob(), true, invite_alice(&stage)).await?;
    drop(under_way);
    stage.wait(MINUTES * 3).await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Joined);
    assert_eq!(stage.at_plex().world.offered.len(), 1, "it was never gone");
    assert!(stage.at_plex().share_of(ANN).is_some());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_invitation_accepted_while_it_is_withdrawn_is_journalled_and_the_share_restricted() -> Result<()> {
    let stage = invited(ANN).await?;
    let under_way = stage.plex_boundaries.stop(Place::Sent, ends);
    stage.take_role(stage.alice(), stage.role()).await?;
    let under_way = ending(&stage, under_way).await?;
    let now = stage.now();
    stage.at_plex().person_accepts(now, ANN)?;
    drop(under_way);
    stage.wait(MINUTES).await;
    let account = stage.account(stage.alice()).await?;
    assert_eq!((account.stage, account.plex_account), (At::Joined, Some(stage.plex_account(ANN))));
    assert_eq!(acceptances(&stage, stage.alice()).await?, 1);
    assert_eq!(stage.filters(ANN).len(), 2, "the role is gone");
    assert!(stage.open_buttons(stage.alice()).is_empty(), "the address can't be changed any more");

    // It is like any share that was accepted: with the role it is open again.
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.wait(MINUTES).await;
    assert!(stage.filters(ANN).is_empty());
    assert_eq!(stage.at_plex().world.offered.len(), 1);
    assert_eq!(acceptances(&stage, stage.alice()).await?, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_invitation_accepted_while_it_is_withdrawn_stays_if_the_role_is_back_by_then() -> Result<()> {
    let stage = invited(ANN).await?;
    let under_way = stage.plex_boundaries.stop(Place::Sent, ends);
    stage.take_role(stage.alice(), stage.role()).await?;
    let under_way = ending(&stage, under_way).await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.wait(Duration::from_secs(20)).await;
    let now = stage.now();
    stage.at_plex().person_accepts(now, ANN)?;
    drop(under_way);
    stage.wait(MINUTES).await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Joined);
    assert_eq!(acceptances(&stage, stage.alice()).await?, 1);
    assert!(stage.filters(ANN).is_empty());
    assert_eq!(stage.at_plex().world.offered.len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_invitation_accepted_while_it_is_withdrawn_for_a_leaver_is_ended() -> Result<()> {
    let stage = invited(ANN).await?;
    let under_way = stage.plex_boundaries.stop(Place::Sent, ends);
    stage.leave(stage.alice()).await?;
    let under_way = ending(&stage, under_way).await?;
    let now = stage.now();
    stage.at_plex().person_accepts(now, ANN)?;
    drop(under_way);
    stage.wait(MINUTES).await;
    assert!(stage.at_plex().share_of(ANN).is_none());
    let account = stage.account(stage.alice()).await?;
    assert_eq!((account.stage, account.email), (At::None, None));
    assert!(!stage.database_holds(ANN)?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_invitation_accepted_while_it_is_withdrawn_for_another_address_is_journalled_and_stays()
-> Result<()> {
    let mistyped = "anm@example.org";
    let stage = invited(mistyped).await?;
    let under_way = stage.plex_boundaries.stop(Place::Sent, ends);
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    let under_way = ending(&stage, under_way).await?;
    assert_eq!(stage.account(stage.alice()).await?.corrections, 1);
    let now = stage.now();
    stage.at_plex().person_accepts(now, mistyped)?;
    drop(under_way);
    stage.wait(MINUTES).await;
    let account = stage.account(stage.alice()).await?;
    assert_eq!((account.stage, account.correction, account.corrections), (At::Joined, None, 0));
    assert_eq!(acceptances(&stage, stage.alice()).await?, 1);
    assert!(stage.at_plex().invites().is_empty() && stage.filters(mistyped).is_empty());
    let told = stage.messages(stage.alice());
    assert!(told.iter().any(|text| text.contains("was accepted already")), "{told:?}");
    assert!(!stage.database_holds(ANN)?);
    Ok(())
}
