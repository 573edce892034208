//! The computer's clock is wrong: by years ahead, by years behind, a little, for a while and from the start.

use std::time::Duration;

use anyhow::{Context, Result};
use rolarr::{
    domain::{
        Timestamp,
        contract::{AccountChange, Cause},
    },
    pipeline::settings::Settings,
    store::{PromptState, WakeRow, Work},
};
use rolarr_sim::{
    discord::{RestFault, RestFaultKind},
    plex::{Effect, Fault},
};
use rolarr_tests::inprocess::{ANN, Setting, Stage};

const HOUR: Duration = Duration::from_secs(3_600);
const TWO_YEARS: i64 = 2 * 366 * 24 * 3_600_000;

fn told(stage: &Stage, part: &str) -> usize {
    stage.audit().iter().filter(|text| text.contains(part)).count()
}

async fn prompt(stage: &Stage) -> Result<PromptState> {
    let alice = stage.alice();
    Ok(stage.read(move |tx| tx.latest_prompt(alice)).await?.context("no question")?.state)
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_far_off_ends_no_question_wakes_no_policy_and_deletes_nothing() -> Result<()> {
    for by in [TWO_YEARS, 11 * 60_000, -TWO_YEARS] {
        let stage = Stage::set().await?;
        stage.alice_joins().await?;
        let (bob, guild) = (stage.bob(), stage.guild());
        stage.give_role(bob, stage.role()).await?;
        stage.settle().await;
        let due = rolarr::domain::Timestamp(stage.now()).plus_millis(10 * 24 * 3_600_000);
        let wake =
            WakeRow { guild, user: bob, tag: "t".to_owned(), due, policy: "role-restriction".to_owned() };
        stage.change(move |tx| tx.put_wake(&wake)).await?;
        let alice = stage.alice();
        let story = stage.read(move |tx| tx.story(alice)).await?.len();
        stage.set_clock_wrong(by);
        stage.wait(HOUR * 5).await;
        let asked = stage.read(move |tx| tx.latest_prompt(bob)).await?.context("no question")?;
        assert_eq!(asked.state, PromptState::Open, "{by}");
        assert_eq!(stage.read(move |tx| tx.story(alice)).await?.len(), story, "{by}");
        assert_eq!(stage.read(move |tx| tx.wakes(guild, bob)).await?.len(), 1, "{by}");
        assert_eq!(told(&stage, "clock differs from Discord's"), 1, "{by}");
        stage.set_clock_wrong(0);
        stage.wait(HOUR * 5).await;
        assert_eq!(told(&stage, "clock agrees with Discord's again"), 1, "{by}");
        stage.wait(HOUR * 20).await;
        let asked = stage.read(move |tx| tx.latest_prompt(bob)).await?.context("no question")?;
        assert_eq!(asked.state, PromptState::Expired, "{by}: it expires when it should");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_a_little_off_is_believed() -> Result<()> {
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.set_clock_wrong(5 * 60_000);
    stage.wait(HOUR * 26).await;
    assert_eq!(prompt(&stage).await?, PromptState::Expired);
    assert_eq!(told(&stage, "clock"), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_a_wrong_clock_put_off_goes_on_once_it_is_right() -> Result<()> {
    for restarts in [false, true] {
        let mut stage = Stage::set().await?;
        stage.alice_joins().await?;
        let alice = stage.alice();
        stage.set_clock_wrong(TWO_YEARS);
        stage.at_plex().fault(Fault::on(
            "GET",
            "/api/users",
            Effect::Status { status: 503, retry_after: None },
        ));
        // Too many direct messages: they pause.
        let away = RestFaultKind::Status { status: 403, code: 40_003 };
        stage.on_discord().fail_requests(RestFault::once("POST", "users/@me/channels", away).times(1_000));
        stage.take_role(alice, stage.role()).await?;
        let (now, work) =
            (rolarr::domain::Timestamp(stage.now()), Work::Tell { text: "Hello there.".to_owned() });
        stage.change(move |tx| tx.add_task(None, Some(alice), &work, now)).await?;
        stage.wait(HOUR * 3).await;
        stage.at_plex().clear_faults();
        stage.on_discord().end_trouble();
        if restarts {
            stage.stop().await;
        }
        stage.set_clock_wrong(0);
        if restarts {
            stage.start().await?;
        }
        stage.wait(HOUR * 3).await;
        assert_eq!(stage.filters(ANN).len(), 2, "{restarts}");
        assert!(stage.messages(alice).iter().any(|text| text.contains("Hello there.")), "{restarts}");
        assert!(stage.messages(alice).iter().any(|text| text.contains("paused")), "{restarts}");
    }
    Ok(())
}

/// A question is open for two hours, and what was decided is kept for one.
fn short(settings: &mut Settings) {
    settings.timings.prompt = HOUR * 2;
    settings.timings.keep_decisions = HOUR;
}

#[tokio::test(start_paused = true)]
async fn what_comes_due_under_a_clock_that_is_eleven_minutes_off_follows_once_it_is_right() -> Result<()> {
    for by in [11 * 60_000, -11 * 60_000] {
        let stage = Stage::with(Setting { change: short, ..Setting::default() }).await?;
        stage.alice_joins().await?;
        let (alice, bob, guild) = (stage.alice(), stage.bob(), stage.guild());
        let causes = async |user| -> Result<Vec<Cause>> {
            let story = stage.read(move |tx| tx.story(user)).await?;
            Ok(story.into_iter().map(|row| row.event.cause).collect())
        };
        let asked = async || -> Result<PromptState> {
            Ok(stage.read(move |tx| tx.latest_prompt(bob)).await?.context("no question")?.state)
        };
        let decided = causes(alice).await?;
        assert!(!decided.is_empty());
        // The next day, and with it the next time that old rows are deleted, begins while the clock is wrong.
        stage.wait(HOUR * 20).await;
        stage.give_role(bob, stage.role()).await?;
        stage.settle().await;
        let due = Timestamp(stage.now()).plus_millis(3_600_000);
        let wake =
            WakeRow { guild, user: bob, tag: "t".to_owned(), due, policy: "role-restriction".to_owned() };
        stage.change(move |tx| tx.put_wake(&wake)).await?;
        stage.set_clock_wrong(by);
        stage.wait(HOUR * 10).await;
        assert_eq!(asked().await?, PromptState::Open, "{by}");
        assert_eq!(causes(alice).await?, decided, "{by}: nothing is deleted");
        assert_eq!(stage.read(move |tx| tx.wakes(guild, bob)).await?.len(), 1, "{by}");
        assert_eq!(told(&stage, "clock differs from Discord's"), 1, "{by}");

        stage.set_clock_wrong(0);
        stage.wait(HOUR * 2).await;
        assert_eq!(told(&stage, "clock agrees with Discord's again"), 1, "{by}");
        assert_eq!(asked().await?, PromptState::Expired, "{by}");
        assert_eq!(causes(alice).await?, [], "{by}: what is old is deleted");
        assert_eq!(stage.read(move |tx| tx.wakes(guild, bob)).await?, [], "{by}");
        let bobs = causes(bob).await?;
        for cause in [Cause::Wake("t".to_owned()), Cause::Account(AccountChange::AskExpired)] {
            assert_eq!(bobs.iter().filter(|known| **known == cause).count(), 1, "{by}: {bobs:?}");
        }
    }
    Ok(())
}

/// Nothing in it lies so far away that it could not have been put off by a clock that is right.
#[tokio::test(start_paused = true)]
async fn what_a_clock_that_was_hours_ahead_put_off_does_not_wait_for_those_hours() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let alice = stage.alice();
    stage.set_clock_wrong(20 * 3_600_000);
    let away = Effect::Status { status: 503, retry_after: None };
    stage.at_plex().fault(Fault::on("GET", "/api/users", away));
    let away = RestFaultKind::Status { status: 503, code: 0 };
    stage.on_discord().fail_requests(RestFault::once("POST", "users/@me/channels", away).times(1_000));
    stage.take_role(alice, stage.role()).await?;
    let (now, work) = (Timestamp(stage.now()), Work::Tell { text: "Hello there.".to_owned() });
    stage.change(move |tx| tx.add_task(None, Some(alice), &work, now)).await?;
    stage.wait(HOUR).await;
    stage.at_plex().clear_faults();
    stage.on_discord().end_trouble();
    stage.set_clock_wrong(0);
    stage.wait(HOUR * 2).await;
    assert_eq!(stage.filters(ANN).len(), 2);
    let told = stage.messages(alice);
    assert!(told.iter().any(|text| text.contains("Hello there.")), "{told:?}");
    assert!(told.iter().any(|text| text.contains("paused")), "{told:?}");
    Ok(())
}
