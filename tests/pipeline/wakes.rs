//! Events that a policy asked for.

use std::time::Duration;

use anyhow::Result;
use rolarr::{
    domain::{
        Timestamp,
        contract::{Cause, Origin},
    },
    store::WakeRow,
};
use rolarr_tests::inprocess::Stage;

const HOUR: u64 = 3_600_000;

fn wake(stage: &Stage, tag: &str, due: u64, policy: &str) -> WakeRow {
    WakeRow {
        guild: stage.guild(),
        user: stage.alice(),
        tag: tag.to_owned(),
        due: Timestamp(due),
        policy: policy.to_owned(),
    }
}

async fn woken(stage: &Stage) -> Result<Vec<(String, Timestamp, Origin)>> {
    let alice = stage.alice();
    let story = stage.read(move |tx| tx.story(alice)).await?;
    let wakes = story.into_iter().filter_map(|row| match row.event.cause {
        Cause::Wake(tag) => Some((tag, row.event.at, row.event.origin)),
        _ => None,
    });
    Ok(wakes.collect())
}

#[tokio::test(start_paused = true)]
async fn a_wake_fires_once_and_says_when_it_was_due_also_when_nobody_was_there() -> Result<()> {
    let mut stage = Stage::set().await?;
    let due = stage.now() + HOUR;
    stage.stop().await;
    let (first, second) =
        (wake(&stage, "remind", 1, "role-restriction"), wake(&stage, "remind", due, "role-restriction"));
    stage
        .change(move |tx| {
            tx.put_wake(&first)?;
            // The same tag replaces.
            tx.put_wake(&second)
        })
        .await?;
    stage.wait(Duration::from_secs(7 * 3600)).await;
    stage.start().await?;
    stage.settle().await;
    stage.wait(Duration::from_secs(7 * 3600)).await;
    assert_eq!(woken(&stage).await?, [("remind".to_owned(), Timestamp(due), Origin::Timer)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn wakes_of_a_policy_of_another_name_are_dropped_and_so_are_those_of_a_leaver() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.alice_joins().await?;
    let due = stage.now() + HOUR;
    stage.stop().await;
    let rows = [wake(&stage, "other", due, "grace-period"), wake(&stage, "ours", due, "role-restriction")];
    stage.change(move |tx| rows.iter().try_for_each(|row| tx.put_wake(row))).await?;
    stage.start().await?;
    let (guild, alice) = (stage.guild(), stage.alice());
    let left = stage.read(move |tx| tx.wakes(guild, alice)).await?;
    assert_eq!(left.iter().map(|wake| wake.tag.as_str()).collect::<Vec<_>>(), ["ours"]);
    stage.leave(stage.alice()).await?;
    stage.wait(Duration::from_secs(7 * 3600)).await;
    assert!(woken(&stage).await?.is_empty());
    Ok(())
}
