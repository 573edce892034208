//! Three values for each filter: the owner's, ours, and what is seen.

use std::time::Duration;

use anyhow::{Context, Result};
use rolarr::pipeline::settings::Settings;
use rolarr_sim::plex::{Effect, Fault, MACHINE, OTHER_MACHINE};
use rolarr_tests::inprocess::{ANN, Setting, Stage};
use serde_json::json;

fn both(filter: &str) -> Vec<(&'static str, String)> {
    vec![("filterMovies", filter.to_owned()), ("filterTelevision", filter.to_owned())]
}

async fn lose(stage: &Stage) -> Result<()> {
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    Ok(())
}

async fn regain(stage: &Stage) -> Result<()> {
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    Ok(())
}

fn set(stage: &Stage, field: &str, value: &str) -> Result<()> {
    let ann = stage.plex_account(ANN).0;
    Ok(stage.at_plex().owner_sets_filter(ann, field, value)?)
}

#[tokio::test(start_paused = true)]
async fn who_was_hidden_by_the_same_label_before_is_not_locked_out_for_good() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    set(&stage, "filterMovies", "label=noAccess")?;
    set(&stage, "filterTelevision", "label=noAccess")?;
    let writes = stage.writes().len();
    lose(&stage).await?;
    assert_eq!(stage.filters(ANN), both("label=noAccess"));
    assert_eq!(stage.writes().len(), writes, "nothing is to be written");
    regain(&stage).await?;
    assert!(stage.filters(ANN).is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_the_owner_edits_meanwhile_is_left_and_reported() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    set(&stage, "filterTelevision", "contentRating=TV-G")?;
    lose(&stage).await?;
    set(&stage, "filterMovies", "label=Kids")?;
    regain(&stage).await?;
    assert_eq!(
        stage.filters(ANN),
        [("filterMovies", "label=Kids".to_owned()), ("filterTelevision", "contentRating=TV-G".to_owned())]
    );
    assert_eq!(stage.audit().iter().filter(|line| line.contains("by somebody else")).count(), 1);
    // From now on it is the owner's, and comes back after the next restriction.
    lose(&stage).await?;
    assert_eq!(stage.filters(ANN), both("label=noAccess"));
    regain(&stage).await?;
    assert_eq!(stage.filters(ANN)[0], ("filterMovies", "label=Kids".to_owned()));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_owners_filter_comes_back_as_it_was_written() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let owners = "label!=Horror%2CGore&contentRating=G%2CPG";
    set(&stage, "filterMovies", owners)?;
    set(&stage, "filterMusic", "label=Calm")?;
    lose(&stage).await?;
    assert_eq!(stage.filters(ANN).len(), 3, "music is not touched");
    regain(&stage).await?;
    assert_eq!(
        stage.filters(ANN),
        [("filterMovies", owners.to_owned()), ("filterMusic", "label=Calm".to_owned())]
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn everything_closes_every_type_of_media_and_downloads() -> Result<()> {
    let stage = Stage::with(Setting { policy: json!({"block": "everything"}), ..Setting::default() }).await?;
    stage.alice_joins().await?;
    lose(&stage).await?;
    let ann = stage.plex_account(ANN).0;
    assert_eq!(stage.filters(ANN).len(), 4);
    assert!(stage.at_plex().visible_items(ann).is_empty());
    regain(&stage).await?;
    assert!(stage.filters(ANN).is_empty());
    assert_eq!(stage.at_plex().visible_items(ann).len(), 5);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_running_stream_ends_with_the_restriction_and_history_stays() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let ann = stage.plex_account(ANN).0;
    stage.at_plex().start_stream(ann, "Harbour")?;
    let watched = stage.at_plex().history(ann).to_vec();
    lose(&stage).await?;
    assert!(stage.at_plex().sessions().is_empty());
    assert_eq!(stage.at_plex().history(ann), watched);
    assert!(stage.at_plex().friend(ann).is_some());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn removing_gives_the_filters_back_where_the_friendship_goes_on() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let (now, ann) = (stage.now(), stage.plex_account(ANN).0);
    stage.at_plex().owner_shares_with(now, ann, OTHER_MACHINE, &["Documentaries"])?;
    set(&stage, "filterMovies", "label=Kids")?;
    lose(&stage).await?;
    stage.leave(stage.alice()).await?;
    stage.settle().await;
    assert!(stage.at_plex().friend(ann).is_some(), "the other server is still shared");
    let shares = stage.at_plex().share_of(ANN).map(|share| share.machine.clone());
    assert_eq!(shares.as_deref(), Some(OTHER_MACHINE));
    assert_eq!(stage.filters(ANN), [("filterMovies", "label=Kids".to_owned())]);
    assert!(!stage.database_holds(ANN)?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_share_that_is_being_ended_shows_no_more_than_before() -> Result<()> {
    for status in [503, 403] {
        let stage = Stage::set().await?;
        stage.alice_joins().await?;
        let (now, ann) = (stage.now(), stage.plex_account(ANN).0);
        stage.at_plex().owner_shares_with(now, ann, OTHER_MACHINE, &["Documentaries"])?;
        lose(&stage).await?;
        let before = stage.at_plex().visible_items(ann);
        let refused = Effect::Status { status, retry_after: None };
        stage.at_plex().fault(Fault::on("DELETE", "/api/servers/*", refused));
        stage.leave(stage.alice()).await?;
        stage.wait(Duration::from_secs(60)).await;
        let shared =
            |stage: &Stage| stage.at_plex().world.shares.values().any(|share| share.machine == MACHINE);
        assert!(shared(&stage), "not ended yet");
        assert_eq!(stage.at_plex().visible_items(ann), before, "{status}");
        if status == 503 {
            stage.at_plex().clear_faults();
            stage.wait(Duration::from_secs(3600)).await;
            assert!(!shared(&stage));
            assert!(stage.filters(ANN).is_empty());
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn removing_ends_the_friendship_where_nothing_else_is_shared() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    stage.leave(stage.alice()).await?;
    stage.settle().await;
    let ann = stage.plex_account(ANN).0;
    assert!(stage.at_plex().friend(ann).is_none());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_ends_the_share_while_restricted_is_not_left_with_our_filter() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    set(&stage, "filterMovies", "label=Kids")?;
    lose(&stage).await?;
    let ann = stage.plex_account(ANN).0;
    stage.at_plex().person_leaves_share(ann)?;
    assert!(stage.at_plex().friend(ann).is_some());
    regain(&stage).await?;
    // Noticed, and invited again by the next decision.
    lose(&stage).await?;
    regain(&stage).await?;
    if !stage.at_plex().invites().is_empty() {
        let now = stage.now();
        stage.at_plex().person_accepts(now, ANN)?;
    }
    stage.wait(std::time::Duration::from_secs(120)).await;
    assert_eq!(stage.filters(ANN), [("filterMovies", "label=Kids".to_owned())]);

    lose(&stage).await?;
    stage.at_plex().person_leaves_share(ann)?;
    stage.leave(stage.alice()).await?;
    stage.settle().await;
    assert_eq!(stage.filters(ANN), [("filterMovies", "label=Kids".to_owned())]);
    assert!(!stage.database_holds(ANN)?);
    Ok(())
}

/// `allowTuners` of Ann.
fn live_tv(stage: &Stage) -> Option<u8> {
    let ann = stage.plex_account(ANN).0;
    stage.at_plex().friend(ann).map(|tie| tie.settings.allow_tuners)
}

/// Alice has access, the operator gives `allowTuners` like this, and a restriction closes everything.
async fn with_live_tv(change: fn(&mut Settings), owners: Option<&str>) -> Result<Stage> {
    let policy = json!({"block": "everything"});
    let stage = Stage::with(Setting { policy, change, ..Setting::default() }).await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    stage.settle().await;
    let now = stage.now();
    stage.at_plex().person_accepts(now, ANN)?;
    if let Some(value) = owners {
        set(&stage, "allowTuners", value)?;
    }
    stage.wait(Duration::from_secs(120)).await;
    Ok(stage)
}

#[tokio::test(start_paused = true)]
async fn live_tv_with_recording_comes_back_as_it_was() -> Result<()> {
    let none: fn(&mut Settings) = |settings| settings.live_tv = 0;
    let watching: fn(&mut Settings) = |settings| settings.live_tv = 1;
    let recording: fn(&mut Settings) = |settings| settings.live_tv = 2;
    // The owner gave it, or the operator gives it to everybody.
    for (change, owners) in [(none, Some("2")), (watching, Some("2")), (recording, None)] {
        let stage = with_live_tv(change, owners).await?;
        assert_eq!(live_tv(&stage), Some(2), "{owners:?}");
        for _ in 0..2 {
            lose(&stage).await?;
            assert_eq!(live_tv(&stage), Some(0), "{owners:?}");
            regain(&stage).await?;
            assert_eq!(live_tv(&stage), Some(2), "{owners:?}: {:?}", stage.audit());
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn live_tv_without_recording_comes_back_without() -> Result<()> {
    let none: fn(&mut Settings) = |settings| settings.live_tv = 0;
    let watching: fn(&mut Settings) = |settings| settings.live_tv = 1;
    let recording: fn(&mut Settings) = |settings| settings.live_tv = 2;
    for (change, owners) in [(none, Some("1")), (recording, Some("1")), (watching, None)] {
        let stage = with_live_tv(change, owners).await?;
        lose(&stage).await?;
        assert_eq!(live_tv(&stage), Some(0), "{owners:?}");
        regain(&stage).await?;
        assert_eq!(live_tv(&stage), Some(1), "{owners:?}: {:?}", stage.audit());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn live_tv_that_nobody_gave_is_not_given_by_a_role_that_is_back() -> Result<()> {
    let stage = with_live_tv(|settings| settings.live_tv = 0, None).await?;
    lose(&stage).await?;
    regain(&stage).await?;
    assert_eq!(live_tv(&stage), Some(0));
    Ok(())
}
