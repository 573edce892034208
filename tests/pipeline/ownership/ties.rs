//! A share ends and another one begins: what is remembered of the first says nothing of the second, and what
//! somebody else began is theirs.

use std::time::Duration;

use anyhow::{Context, Result};
use rolarr::pipeline::settings::Settings;
use rolarr_sim::plex::{Effect, Fault, MACHINE};
use rolarr_tests::inprocess::{ANN, Setting, Stage};

use super::{ALL, HIDDEN, LONG, lose, regain, sees, set, set_role, told_last};

/// Ann's share is ended by hand while Alice is restricted, and Alice gets the role, is invited and accepts anew.
async fn begun_again(ended: fn(&Stage) -> Result<()>) -> Result<Stage> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    lose(&stage).await?;
    ended(&stage)?;
    regain(&stage).await?;
    // Where it had not been noticed by then, the next decision invites again.
    if stage.at_plex().invites().is_empty() {
        lose(&stage).await?;
        regain(&stage).await?;
    }
    let now = stage.now();
    stage.at_plex().person_accepts(now, ANN)?;
    Ok(stage)
}

fn unfriended(stage: &Stage) -> Result<()> {
    let ann = stage.plex_account(ANN).0;
    Ok(stage.at_plex().owner_unfriends(ann)?)
}

fn share_ended(stage: &Stage) -> Result<()> {
    let ann = stage.plex_account(ANN).0;
    Ok(stage.at_plex().owner_ends_share(ann, MACHINE)?)
}

#[tokio::test(start_paused = true)]
async fn who_joined_anew_and_loses_the_role_at_once_is_restricted() -> Result<()> {
    for ended in [unfriended, share_ended] {
        for seconds in [0, 3, 70] {
            let stage = begun_again(ended).await?;
            stage.wait(Duration::from_secs(seconds)).await;
            set_role(&stage, false).await?;
            stage.wait(LONG).await;
            assert_eq!(sees(&stage), HIDDEN, "{seconds} s: {:?}", stage.audit());
            assert!(told_last(&stage).contains("is paused"), "{seconds} s");
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_joined_anew_is_not_left_with_the_filter_of_the_share_before() -> Result<()> {
    for ended in [unfriended, share_ended] {
        let stage = begun_again(ended).await?;
        stage.wait(LONG).await;
        assert_eq!(sees(&stage), ALL, "{:?}", stage.audit());
        set(&stage, "filterMovies", "label=Kids")?;
        lose(&stage).await?;
        regain(&stage).await?;
        assert_eq!(stage.filters(ANN), [("filterMovies", "label=Kids".to_owned())], "{:?}", stage.audit());
    }
    Ok(())
}

/// Alice is invited and has not accepted.
async fn invited() -> Result<Stage> {
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    stage.wait(Duration::from_secs(300)).await;
    assert_eq!(stage.at_plex().invites().len(), 1);
    Ok(stage)
}

#[tokio::test(start_paused = true)]
async fn an_invitation_that_we_withdrew_and_that_still_shows_is_sent_again_with_the_role() -> Result<()> {
    for (leaves, seconds) in [(false, 8), (false, 12), (true, 8)] {
        let stage = invited().await?;
        stage.at_plex().fault(Fault::on("GET", "*", Effect::Lagging { seconds }));
        match leaves {
            true => stage.leave(stage.alice()).await?,
            false => set_role(&stage, false).await?,
        }
        for _ in 0..600 {
            if stage.at_plex().invites().is_empty() {
                break;
            }
            stage.wait(Duration::from_millis(50)).await;
        }
        assert!(stage.at_plex().invites().is_empty(), "it is withdrawn");
        if leaves {
            stage.join(stage.alice()).await?;
        }
        set_role(&stage, true).await?;
        stage.wait(LONG).await;
        let alice = stage.alice();
        let asked = stage.read(move |tx| tx.open_prompt_of(alice)).await?.is_some();
        let invited = stage.at_plex().invites().len();
        assert_eq!(invited + usize::from(asked), 1, "{leaves}, {seconds} s: {:?}", stage.audit());
        let blamed =
            stage.audit().into_iter().find(|line| line.contains("declined") || line.contains("was ended by"));
        assert_eq!(blamed, None, "{leaves}, {seconds} s");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_owners_own_invitation_of_somebody_restricted_is_left_and_reported() -> Result<()> {
    // Plex is compared with what should be there every ten minutes.
    let often = |settings: &mut Settings| settings.timings.drift = Duration::from_secs(600);
    let stage = Stage::with(Setting { change: often, ..Setting::default() }).await?;
    stage.alice_joins().await?;
    lose(&stage).await?;
    unfriended(&stage)?;
    let (now, ann) = (stage.now(), stage.plex_account(ANN).0);
    let share = stage.at_plex().owner_invites(now, ann, MACHINE)?;
    let before = stage.audit().len();
    stage.wait(Duration::from_secs(1_500)).await;
    let stands = stage.at_plex().share_of(ANN).map(|share| share.id);
    assert_eq!(stands, Some(share), "{:?}", stage.writes());
    assert_eq!(stage.at_plex().invites().len(), 1);
    let alice = format!("<@{}>", stage.alice());
    let told: Vec<String> =
        stage.audit().into_iter().skip(before).filter(|line| line.contains(&alice)).collect();
    assert!(!told.is_empty(), "administrators are told");
    Ok(())
}

/// Alice declined an invitation, and the owner shared with Ann by hand since, with a filter.
async fn shared_by_hand_since() -> Result<Stage> {
    let stage = invited().await?;
    stage.at_plex().person_declines(ANN)?;
    stage.wait(Duration::from_secs(300)).await;
    let (now, ann) = (stage.now(), stage.plex_account(ANN).0);
    stage.at_plex().owner_shares_with(now, ann, MACHINE, &["Movies"])?;
    set(&stage, "filterMovies", "label=Kids")?;
    Ok(stage)
}

#[tokio::test(start_paused = true)]
async fn a_share_that_the_owner_made_is_not_taken_over_after_a_failure() -> Result<()> {
    for failure in [None, Some(429), Some(500)] {
        let stage = shared_by_hand_since().await?;
        if let Some(status) = failure {
            let failure = Effect::Status { status, retry_after: None };
            let route = "/api/servers/{machine}/shared_servers";
            stage.at_plex().fault(Fault::on("POST", route, failure).times(1));
        }
        lose(&stage).await?;
        regain(&stage).await?;
        stage.wait(LONG).await;
        lose(&stage).await?;
        let owners = [("filterMovies", "label=Kids".to_owned())];
        assert_eq!(stage.filters(ANN), owners, "{failure:?}: {:?}", stage.audit());
        stage.leave(stage.alice()).await?;
        stage.wait(LONG).await;
        assert_eq!(stage.filters(ANN), owners, "{failure:?}");
        let share = stage.at_plex().share_of(ANN).map(|share| share.machine.clone());
        assert_eq!(share.as_deref(), Some(MACHINE), "{failure:?}: {:?}", stage.audit());
    }
    Ok(())
}
