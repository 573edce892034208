//! A role changes while a write is under way, and the next write fails once: whatever was sent is still known.

use anyhow::Result;
use rolarr_sim::plex::{Effect, Fault};
use rolarr_tests::inprocess::{ANN, Place, Stage};

use super::{
    A_MOMENT, ALL, HIDDEN, LONG, lose, movies, reached, regain, sees, set, set_role, stop_filters, told_last,
};

/// What a single request may come to that says nothing of what somebody else did.
fn failures() -> [Effect; 5] {
    [
        Effect::Status { status: 500, retry_after: None },
        Effect::Status { status: 429, retry_after: None },
        Effect::Status { status: 429, retry_after: Some(20) },
        Effect::Drop { applied: false },
        Effect::Page { status: 502, applied: false },
    ]
}

/// The role comes or goes; while the write that follows is at this place it goes or comes again; and the next write
/// fails once.
async fn turned_round(stage: &Stage, has: bool, place: Place, failure: &Effect) -> Result<()> {
    let under_way = stop_filters(stage, place);
    set_role(stage, has).await?;
    let under_way = reached(under_way).await?;
    // One that was sent and had no effect is not the next one.
    let passed = u32::from(place == Place::Sent);
    let fault = Fault::on("PUT", "/api/users/{id}", failure.clone()).after(passed).times(1);
    stage.at_plex().fault(fault);
    set_role(stage, !has).await?;
    stage.wait(A_MOMENT).await;
    drop(under_way);
    stage.wait(LONG).await;
    Ok(())
}

fn said(stage: &Stage) -> Vec<String> {
    stage.audit().into_iter().filter(|line| line.contains("by somebody else")).collect()
}

#[tokio::test(start_paused = true)]
async fn role_lost_during_the_restoring_write_and_one_failure_leaves_no_access() -> Result<()> {
    for place in Place::ALL {
        for failure in failures() {
            let stage = Stage::set().await?;
            stage.alice_joins().await?;
            lose(&stage).await?;
            turned_round(&stage, true, place, &failure).await?;
            assert_eq!(sees(&stage), HIDDEN, "{place:?}, {failure:?}: {:?}", stage.audit());
            assert_eq!(said(&stage), [""; 0], "{place:?}, {failure:?}");
            assert!(told_last(&stage).contains("is paused"), "{place:?}, {failure:?}");
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn role_back_during_the_restricting_write_and_one_failure_leaves_nobody_locked_out() -> Result<()> {
    for place in Place::ALL {
        for failure in failures() {
            let stage = Stage::set().await?;
            stage.alice_joins().await?;
            turned_round(&stage, false, place, &failure).await?;
            assert_eq!(sees(&stage), ALL, "{place:?}, {failure:?}: {:?}", stage.audit());
            assert_eq!(said(&stage), [""; 0], "{place:?}, {failure:?}");
            assert!(!told_last(&stage).contains("is paused"), "{place:?}, {failure:?}");
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_owners_filter_survives_a_flip_under_way_and_one_more_off_and_on() -> Result<()> {
    for place in Place::ALL {
        for failure in failures() {
            let stage = Stage::set().await?;
            stage.alice_joins().await?;
            set(&stage, "filterMovies", "label=Kids")?;
            turned_round(&stage, false, place, &failure).await?;
            assert_eq!(movies(&stage), "label=Kids", "{place:?}, {failure:?}: {:?}", stage.audit());
            lose(&stage).await?;
            assert_eq!(sees(&stage), HIDDEN, "{place:?}, {failure:?}");
            regain(&stage).await?;
            let owners = [("filterMovies", "label=Kids".to_owned())];
            assert_eq!(stage.filters(ANN), owners, "{place:?}, {failure:?}: {:?}", stage.audit());
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn several_flips_under_way_one_after_another_end_as_the_role_says() -> Result<()> {
    for place in Place::ALL {
        for last in [false, true] {
            let stage = Stage::set().await?;
            stage.alice_joins().await?;
            set(&stage, "filterMovies", "label=Kids")?;
            if !last {
                lose(&stage).await?;
            }
            let failure = Effect::Status { status: 500, retry_after: None };
            for _ in 0..2 {
                turned_round(&stage, !last, place, &failure).await?;
            }
            let expected: &[&str] =
                if last { &["Harbour", "Ponies", "Summer", "The Sines"] } else { &HIDDEN };
            assert_eq!(sees(&stage), expected, "{place:?}, {last}: {:?}", stage.audit());
            if !last {
                regain(&stage).await?;
            }
            assert_eq!(movies(&stage), "label=Kids", "{place:?}, {last}: {:?}", stage.audit());
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_flip_during_a_write_whose_answer_is_lost_ends_as_the_role_says() -> Result<()> {
    for lost in
        [Effect::Hang { applied: true }, Effect::Drop { applied: true }, Effect::AppliedBut { status: 502 }]
    {
        for has in [false, true] {
            let stage = Stage::set().await?;
            stage.alice_joins().await?;
            if has {
                lose(&stage).await?;
            }
            let fault = Fault::on("PUT", "/api/users/{id}", lost.clone()).times(1);
            stage.at_plex().fault(fault);
            let again = Effect::Status { status: 500, retry_after: None };
            stage.at_plex().fault(Fault::on("PUT", "/api/users/{id}", again).times(1));
            let under_way = stop_filters(&stage, Place::Applied);
            set_role(&stage, has).await?;
            let under_way = reached(under_way).await?;
            set_role(&stage, !has).await?;
            stage.wait(A_MOMENT).await;
            drop(under_way);
            stage.wait(LONG).await;
            let expected: &[&str] = if has { &HIDDEN } else { &ALL };
            assert_eq!(sees(&stage), expected, "{lost:?}, {has}: {:?}", stage.audit());
        }
    }
    Ok(())
}
