//! Requests that have their effect after the client gave them up, and reads that show old things.

use std::time::Duration;

use anyhow::{Context, Result};
use rolarr_sim::plex::{Effect, Fault};
use rolarr_tests::inprocess::{ANN, Stage};

use super::{ALL, HIDDEN, LONG, lose, regain, sees, set_role, told_last};

const INVITE: &str = "/api/servers/{machine}/shared_servers";
const FILTERS: &str = "/api/users/{id}";

/// A client gives up after thirty seconds.
const AFTER: Effect = Effect::Late { after_ms: 40_000 };

/// Waits until Ann sees this, for a minute at most.
async fn until_seen(stage: &Stage, expected: &[&str]) -> Result<()> {
    for _ in 0..1_200 {
        if sees(stage) == expected {
            return Ok(());
        }
        stage.wait(Duration::from_millis(50)).await;
    }
    anyhow::bail!("it never showed: {:?}", stage.audit())
}

#[tokio::test(start_paused = true)]
async fn reads_that_alternate_for_some_seconds_leave_nobody_hidden_who_has_the_role() -> Result<()> {
    for old_first in [false, true] {
        for seconds in [3, 8] {
            for pause in [20, 400, 1_100] {
                let stage = Stage::set().await?;
                stage.alice_joins().await?;
                let alternating = Effect::Alternating { seconds, old_first };
                stage.at_plex().fault(Fault::on("GET", "/api/users", alternating));
                set_role(&stage, false).await?;
                until_seen(&stage, &HIDDEN).await?;
                stage.wait(Duration::from_millis(pause)).await;
                set_role(&stage, true).await?;
                stage.wait(LONG).await;
                let context = format!("{old_first}, {seconds} s, {pause} ms");
                assert_eq!(sees(&stage), ALL, "{context}: {:?}", stage.messages(stage.alice()));
            }
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn reads_that_alternate_for_some_seconds_leave_no_access_without_the_role() -> Result<()> {
    for old_first in [false, true] {
        for pause in [20, 400, 1_100] {
            let stage = Stage::set().await?;
            stage.alice_joins().await?;
            lose(&stage).await?;
            let alternating = Effect::Alternating { seconds: 3, old_first };
            stage.at_plex().fault(Fault::on("GET", "/api/users", alternating));
            set_role(&stage, true).await?;
            until_seen(&stage, &ALL).await?;
            stage.wait(Duration::from_millis(pause)).await;
            set_role(&stage, false).await?;
            stage.wait(LONG).await;
            assert_eq!(sees(&stage), HIDDEN, "{old_first}, {pause} ms: {:?}", stage.audit());
            assert!(told_last(&stage).contains("is paused"));
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_invitation_that_takes_effect_after_the_member_left_is_withdrawn_and_the_address_forgotten()
-> Result<()> {
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.at_plex().fault(Fault::on("POST", INVITE, AFTER).times(1));
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    stage.wait(Duration::from_secs(20)).await;
    stage.leave(stage.alice()).await?;
    stage.wait(LONG).await;
    assert_eq!(stage.at_plex().late(), 0);
    assert_eq!(stage.at_plex().invites(), [], "{:?}", stage.audit());
    assert!(stage.at_plex().share_of(ANN).is_none());
    assert!(!stage.database_holds(ANN)?, "the address is forgotten");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_invitation_that_takes_effect_after_the_role_went_is_withdrawn() -> Result<()> {
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.at_plex().fault(Fault::on("POST", INVITE, AFTER).times(1));
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    stage.wait(Duration::from_secs(20)).await;
    set_role(&stage, false).await?;
    stage.wait(LONG).await;
    assert_eq!(stage.at_plex().invites(), [], "{:?}", stage.audit());
    assert!(stage.at_plex().share_of(ANN).is_none());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_restriction_that_takes_effect_after_the_role_came_back_is_lifted() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    stage.at_plex().fault(Fault::on("PUT", FILTERS, AFTER).times(1));
    set_role(&stage, false).await?;
    stage.wait(Duration::from_secs(20)).await;
    set_role(&stage, true).await?;
    stage.wait(LONG).await;
    assert_eq!(stage.at_plex().late(), 0);
    assert_eq!(sees(&stage), ALL, "{:?}", stage.audit());
    assert!(!told_last(&stage).contains("is paused"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_lift_that_takes_effect_after_the_role_went_again_gives_no_access() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    lose(&stage).await?;
    stage.at_plex().fault(Fault::on("PUT", FILTERS, AFTER).times(1));
    set_role(&stage, true).await?;
    stage.wait(Duration::from_secs(20)).await;
    set_role(&stage, false).await?;
    stage.wait(LONG).await;
    assert_eq!(stage.at_plex().late(), 0);
    assert_eq!(sees(&stage), HIDDEN, "{:?}", stage.audit());
    regain(&stage).await?;
    assert_eq!(sees(&stage), ALL, "{:?}", stage.audit());
    Ok(())
}
