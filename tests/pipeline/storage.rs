//! The disk is full, or the database can't be written, while the pipeline runs.

use std::time::Duration;

use anyhow::{Context, Result};
use rolarr::store::{EventState, Impediment, Stage as At, StoreError};
use rolarr_tests::inprocess::{ANN, BEN, Setting, Stage};

const HOUR: Duration = Duration::from_secs(3600);

async fn stage() -> Result<Stage> {
    let stage = Stage::with(Setting { in_memory: true, ..Setting::default() }).await?;
    stage.alice_joins().await?;
    Ok(stage)
}

async fn caught_up(stage: &Stage, events_before: usize) -> Result<()> {
    stage.impede(Impediment::None).await?;
    stage.wait(HOUR).await;
    assert_eq!(stage.filters(ANN).len(), 2, "the role that was lost meanwhile");
    let alice = stage.alice();
    let story = stage.read(move |tx| tx.story(alice)).await?;
    assert!(story.iter().all(|event| event.event.state == EventState::Decided));
    assert_eq!(story.len() - events_before, 1, "one event for one change");
    let told = stage.messages(alice);
    assert_eq!(told.iter().filter(|text| text.contains("paused")).count(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_happens_while_nothing_can_be_stored_is_caught_up_when_it_can() -> Result<()> {
    for impediment in [Impediment::ReadOnly, Impediment::Full] {
        let stage = stage().await?;
        let (alice, bob) = (stage.alice(), stage.bob());
        let events = stage.read(move |tx| tx.story(alice)).await?.len();
        let writes = stage.writes().len();
        stage.impede(impediment).await?;
        let refused = stage.fill_up().await?;
        match impediment {
            Impediment::Full => assert!(matches!(refused, StoreError::Full), "{refused}"),
            _ => assert!(matches!(refused, StoreError::ReadOnly), "{refused}"),
        }
        stage.take_role(alice, stage.role()).await?;
        stage.give_role(bob, stage.role()).await?;
        stage.wait(HOUR / 2).await;
        let story = stage.read(move |tx| tx.story(alice)).await?;
        assert_eq!(story.len(), events, "{impediment:?}: nothing can be stored");
        assert_eq!(stage.writes().len(), writes, "nothing is done that is not stored before");
        assert!(stage.messages(bob).is_empty());
        caught_up(&stage, events).await?;
        assert_eq!(stage.messages(bob).len(), 1, "asked once");
        stage.write(bob, BEN).await?.context("no answer")?;
        stage.settle().await;
        assert_eq!(stage.account(bob).await?.stage, At::Invited);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_not_stored_is_not_acknowledged() -> Result<()> {
    let stage = stage().await?;
    let bob = stage.bob();
    stage.give_role(bob, stage.role()).await?;
    stage.settle().await;
    stage.impede(Impediment::ReadOnly).await?;
    let reply = stage.write(bob, BEN).await?.context("no answer")?;
    assert!(reply.text.contains("try again"), "{}", reply.text);
    stage.wait(HOUR).await;
    assert!(stage.at_plex().invites().is_empty());
    stage.impede(Impediment::None).await?;
    stage.write(bob, BEN).await?.context("no answer")?;
    stage.wait(HOUR / 4).await;
    assert_eq!(stage.account(bob).await?.stage, At::Invited);
    assert_eq!(stage.at_plex().invites().len(), 1);
    Ok(())
}

/// Where an invitation is under way as the disk fills up, what was done at Plex is found there again.
#[tokio::test(start_paused = true)]
async fn nothing_is_done_twice_when_the_disk_fills_up_in_the_middle() -> Result<()> {
    for pause in 0..40 {
        let stage = Stage::with(Setting { in_memory: true, ..Setting::default() }).await?;
        let bob = stage.bob();
        stage.give_role(bob, stage.role()).await?;
        stage.settle().await;
        stage.write(bob, BEN).await?.context("no answer")?;
        stage.wait(Duration::from_millis(pause)).await;
        // A disk fills up, or can't be written any more.
        if pause % 2 == 0 {
            stage.impede(Impediment::Full).await?;
            stage.fill_up().await?;
        } else {
            stage.impede(Impediment::ReadOnly).await?;
        }
        stage.wait(HOUR / 2).await;
        stage.impede(Impediment::None).await?;
        stage.wait(HOUR / 2).await;
        assert_eq!(stage.account(bob).await?.stage, At::Invited, "stopped after {pause} ms");
        let sent = stage.writes().iter().filter(|write| write.ends_with("shared_servers")).count();
        assert_eq!((stage.at_plex().invites().len(), sent), (1, 1), "stopped after {pause} ms");
    }
    Ok(())
}
