//! plex.tv, or something between, refuses to be read for a while.

use std::time::Duration;

use anyhow::{Context, Result};
use rolarr::store::Stage as At;
use rolarr_sim::plex::{Effect, Fault};
use rolarr_tests::inprocess::{ANN, BEN, Stage};

const LISTS: [&str; 4] = [
    "/api/users",
    "/api/invites/requested",
    "/api/servers/{machine}/shared_servers",
    "/api/v2/shared_servers/owned/pending",
];

fn told(stage: &Stage) -> Vec<String> {
    stage.audit().into_iter().filter(|text| text.contains("list of")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_refused_parks_nobody_and_is_told_once() -> Result<()> {
    for (list, status) in LISTS.into_iter().zip([403, 400, 418, 404]) {
        let stage = Stage::set().await?;
        stage.alice_joins().await?;
        let (alice, bob) = (stage.alice(), stage.bob());
        stage.give_role(bob, stage.role()).await?;
        stage.settle().await;
        stage.write(bob, BEN).await?.context("no answer")?;
        stage.settle().await;
        let before = told(&stage).len();
        stage.at_plex().fault(Fault::on("GET", list, Effect::Status { status, retry_after: None }));
        stage.take_role(alice, stage.role()).await?;
        stage.wait(Duration::from_secs(3 * 3600)).await;
        for member in [alice, bob] {
            assert_eq!(stage.account(member).await?.parked, None, "{list} {status}");
        }
        assert!(stage.account(bob).await?.due.is_some(), "{list} {status}: it is tried again");
        let news = told(&stage).split_off(before);
        assert_eq!(news.len(), 1, "{list} {status}: {news:?}");
        stage.at_plex().clear_faults();
        let now = stage.now();
        stage.at_plex().person_accepts(now, BEN)?;
        stage.wait(Duration::from_secs(1_800)).await;
        assert_eq!(stage.filters(ANN).len(), 2, "{list} {status}");
        assert_eq!(stage.account(bob).await?.stage, At::Joined, "{list} {status}");
    }
    Ok(())
}
