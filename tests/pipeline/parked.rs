//! What administrators are told to do about an account that Plex refuses, and that it helps.

use std::time::Duration;

use anyhow::{Context, Result};
use rolarr::{
    domain::UserId,
    pipeline::ports::Command,
    store::{Account, Stage as At},
};
use rolarr_sim::plex::Fault;
use rolarr_tests::inprocess::{ANN, Stage};

use crate::troubles::says;

/// Longer than all tries of a request that is refused.
const SEVEN_HOURS: Duration = Duration::from_secs(7 * 3_600);
const MINUTES: Duration = Duration::from_secs(300);

/// Plex refuses every request that changes something.
fn refuse(stage: &Stage) {
    for method in ["POST", "PUT", "DELETE"] {
        stage.at_plex().fault(Fault::on(method, "/api/*", says(403, "Not for you")));
    }
}

/// What the last message says that somebody was given up on, from the next step on.
fn advice(stage: &Stage) -> Option<String> {
    let audit = stage.audit();
    let mut told = audit.iter().filter_map(|text| text.split_once("Mend what Plex complains of; then "));
    told.next_back().map(|(_, advice)| advice.to_owned())
}

fn invite(member: Option<UserId>) -> Command {
    Command::Invite { email: ANN.to_owned(), member }
}

fn remove() -> Command {
    Command::Remove { email: ANN.to_owned() }
}

async fn bare(stage: &Stage) -> Result<Option<Account>> {
    let email = rolarr::domain::Email::parse(ANN)?;
    Ok(stage.read(move |tx| tx.account_with(&email)).await?)
}

#[tokio::test(start_paused = true)]
async fn of_a_member_whose_invitation_is_refused_it_names_two_ways_to_invite_and_both_help() -> Result<()> {
    for by_command in [true, false] {
        let stage = Stage::set().await?;
        let (alice, role) = (stage.alice(), stage.role());
        stage.give_role(alice, role).await?;
        stage.settle().await;
        refuse(&stage);
        stage.write(alice, ANN).await?.context("no answer")?;
        stage.wait(SEVEN_HOURS).await;
        assert!(stage.account(alice).await?.parked.is_some());
        assert_eq!(
            advice(&stage).as_deref(),
            Some(
                "use `/plex invite` with their address and the member, or take the role away and give it again."
            )
        );
        stage.at_plex().clear_faults();
        if by_command {
            stage.command(stage.bob(), true, invite(Some(alice))).await?;
        } else {
            stage.take_role(alice, role).await?;
            stage.settle().await;
            stage.give_role(alice, role).await?;
        }
        stage.wait(MINUTES).await;
        let account = stage.account(alice).await?;
        assert_eq!((account.stage, account.parked), (At::Invited, None), "{by_command}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn of_a_bare_address_whose_invitation_is_refused_it_names_the_command_alone() -> Result<()> {
    let stage = Stage::set().await?;
    refuse(&stage);
    stage.command(stage.bob(), true, invite(None)).await?;
    stage.wait(SEVEN_HOURS).await;
    assert!(bare(&stage).await?.context("no account")?.parked.is_some());
    assert_eq!(advice(&stage).as_deref(), Some("use `/plex invite` with the address again."));
    stage.at_plex().clear_faults();
    let reply = stage.command(stage.bob(), true, invite(None)).await?;
    assert_eq!(reply.text, "The invitation is out.");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn of_a_member_whose_restriction_is_refused_it_names_the_role_and_the_removal_and_both_help()
-> Result<()> {
    for removes in [false, true] {
        let stage = Stage::set().await?;
        let (alice, role) = (stage.alice(), stage.role());
        stage.alice_joins().await?;
        refuse(&stage);
        stage.take_role(alice, role).await?;
        stage.wait(SEVEN_HOURS).await;
        assert!(stage.account(alice).await?.parked.is_some());
        assert_eq!(
            advice(&stage).as_deref(),
            Some(
                "give the member the role and take it away again, or use `/plex remove` with their address."
            )
        );
        stage.at_plex().clear_faults();
        if removes {
            stage.command(stage.bob(), true, remove()).await?;
        } else {
            stage.give_role(alice, role).await?;
            stage.settle().await;
            stage.take_role(alice, role).await?;
        }
        stage.wait(MINUTES).await;
        assert_eq!(stage.account(alice).await?.parked, None, "removes: {removes}");
        assert_eq!(stage.at_plex().share_of(ANN).is_none(), removes);
        assert!(removes || stage.filters(ANN).len() == 2);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn of_whoever_is_to_have_no_share_it_names_the_removal_and_that_helps() -> Result<()> {
    for is_member in [true, false] {
        let stage = Stage::set().await?;
        if is_member {
            stage.alice_joins().await?;
            refuse(&stage);
            stage.leave(stage.alice()).await?;
        } else {
            stage.command(stage.bob(), true, invite(None)).await?;
            let now = stage.now();
            stage.at_plex().person_accepts(now, ANN)?;
            stage.wait(MINUTES).await;
            refuse(&stage);
            stage.command(stage.bob(), true, remove()).await?;
        }
        stage.wait(SEVEN_HOURS).await;
        assert!(stage.at_plex().share_of(ANN).is_some(), "is_member: {is_member}");
        assert!(bare(&stage).await?.context("no account")?.parked.is_some(), "is_member: {is_member}");
        assert_eq!(advice(&stage).as_deref(), Some("use `/plex remove` with the address."));
        stage.at_plex().clear_faults();
        let reply = stage.command(stage.bob(), true, remove()).await?;
        assert!(reply.text.starts_with("Removed"), "is_member: {is_member}: {}", reply.text);
        assert!(stage.at_plex().share_of(ANN).is_none(), "is_member: {is_member}");
        assert!(!stage.database_holds(ANN)?, "is_member: {is_member}");
    }
    Ok(())
}
