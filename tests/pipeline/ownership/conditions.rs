//! A filter is a conjunction: our conditions are ours, and what others put beside them is theirs.

use anyhow::Result;
use rolarr_sim::plex::{Effect, Fault};
use rolarr_tests::inprocess::{ANN, Stage, load};
use serde_json::Value;

use super::{ALL, HIDDEN, LONG, lose, movies, regain, sees, set, told_last};

#[tokio::test(start_paused = true)]
async fn what_another_tool_puts_beside_ours_stays_and_ours_goes_with_the_role() -> Result<()> {
    for both in ["label=noAccess&label!=Other", "label!=Other&label=noAccess", "label=noaccess&label!=Other"]
    {
        let stage = Stage::set().await?;
        stage.alice_joins().await?;
        for _ in 0..2 {
            lose(&stage).await?;
            // The tool writes it anew at each of its runs.
            set(&stage, "filterMovies", both)?;
            regain(&stage).await?;
            let others = [("filterMovies", "label!=Other".to_owned())];
            assert_eq!(stage.filters(ANN), others, "{both}: {:?}", stage.audit());
            assert_eq!(sees(&stage), ALL, "{both}");
            assert!(told_last(&stage).contains("is back"), "{both}");
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_another_tool_put_beside_the_reserved_label_before_us_is_the_owners() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    set(&stage, "filterMovies", "label=noAccess&label!=Other")?;
    set(&stage, "filterTelevision", "label=noAccess")?;
    lose(&stage).await?;
    assert_eq!(sees(&stage), HIDDEN);
    regain(&stage).await?;
    let others = [("filterMovies", "label!=Other".to_owned())];
    assert_eq!(stage.filters(ANN), others, "{:?}", stage.audit());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_the_list_of_friends_leaves_out_is_read_elsewhere_and_kept() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    set(&stage, "filterMovies", "label=Kids")?;
    set(&stage, "filterMusic", "label!=Other")?;
    for left_out in [true, false] {
        // In the second round what was written while it was left out is given back by a list that has it.
        stage.at_plex().world.quirks.friends_lack_filters = left_out;
        lose(&stage).await?;
        assert_eq!(movies(&stage), "label=noAccess", "{:?}", stage.audit());
        stage.at_plex().world.quirks.friends_lack_filters = !left_out;
        // A comparison meanwhile takes nothing for somebody's edit.
        stage.wait(LONG * 25).await;
        regain(&stage).await?;
        let owners = [("filterMovies", "label=Kids".to_owned()), ("filterMusic", "label!=Other".to_owned())];
        assert_eq!(stage.filters(ANN), owners, "{left_out}: {:?}", stage.audit());
        assert!(told_last(&stage).contains("is back"), "{left_out}");
        assert!(!stage.audit().iter().any(|line| line.contains("by somebody else")), "{:?}", stage.audit());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn filters_that_nothing_states_are_not_written_over() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    set(&stage, "filterMovies", "label=Kids")?;
    {
        let mut plex = stage.at_plex();
        plex.world.quirks.friends_lack_filters = true;
        plex.fault(Fault::on(
            "GET",
            "/api/v2/sharing_settings",
            Effect::Status { status: 500, retry_after: None },
        ));
    }
    lose(&stage).await?;
    assert_eq!(movies(&stage), "label=Kids");
    stage.at_plex().clear_faults();
    stage.wait(LONG).await;
    assert_eq!(movies(&stage), "label=noAccess");
    regain(&stage).await?;
    assert_eq!(movies(&stage), "label=Kids");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_is_hidden_still_is_not_told_that_access_is_back() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    lose(&stage).await?;
    set(&stage, "filterMovies", "label=noAccess&label!=Other")?;
    set(&stage, "filterTelevision", "contentRating!=R&label=noAccess")?;
    regain(&stage).await?;
    assert_eq!(told_last(&stage).contains("is back"), sees(&stage) == ALL, "{:?}", stage.filters(ANN));
    Ok(())
}

/// The policy that shows what is rated for everybody, together with the owner's own filters.
async fn by_rating() -> Result<Stage> {
    let mut stage = Stage::set().await?;
    stage.stop().await;
    stage.policies.put(Ok(load("builtin:content-rating", &Value::Null)?));
    stage.start().await?;
    stage.alice_joins().await?;
    Ok(stage)
}

#[tokio::test(start_paused = true)]
async fn an_owners_filter_that_is_stricter_than_a_narrow_rule_is_neither_widened_nor_lost() -> Result<()> {
    for failure in [None, Some(500), Some(429)] {
        for owners in ["contentRating=G", "contentRating=G&label!=Horror"] {
            let stage = by_rating().await?;
            set(&stage, "filterMovies", owners)?;
            if let Some(status) = failure {
                let failure = Effect::Status { status, retry_after: None };
                stage.at_plex().fault(Fault::on("PUT", "/api/users/{id}", failure).times(1));
            }
            for _ in 0..2 {
                lose(&stage).await?;
                assert_eq!(movies(&stage), owners, "{failure:?}: restricted, {:?}", stage.audit());
                regain(&stage).await?;
                assert_eq!(movies(&stage), owners, "{failure:?}: with the role, {:?}", stage.audit());
                assert_eq!(stage.filters(ANN).len(), 1, "{failure:?}");
            }
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_owners_filter_that_is_looser_than_a_narrow_rule_comes_back_as_it_was() -> Result<()> {
    for owners in ["label!=Horror", "contentRating=G%2CPG%2CR"] {
        let stage = by_rating().await?;
        set(&stage, "filterMovies", owners)?;
        let failure = Effect::Status { status: 500, retry_after: None };
        stage.at_plex().fault(Fault::on("PUT", "/api/users/{id}", failure).times(1));
        lose(&stage).await?;
        assert!(movies(&stage).starts_with(owners), "{owners}: {}", movies(&stage));
        assert!(!sees(&stage).contains(&"Shootout".to_owned()), "{owners}");
        regain(&stage).await?;
        assert_eq!(stage.filters(ANN), [("filterMovies", owners.to_owned())], "{:?}", stage.audit());
    }
    Ok(())
}
