//! Events on which the policy fails.

use std::time::Duration;

use anyhow::{Context, Result};
use rolarr::{
    domain::contract::{Cause, Event, Review},
    policy::{Engine, EngineSettings, Limits, Loader, Policy},
    store::{EventRow, EventState},
};
use rolarr_tests::inprocess::Stage;
use serde_json::{Value, json};

use crate::{
    swapping::{default_policy, endless, from_text, reload},
    wat_policies::{contract, embed, harmful::loud},
};

const MINUTE: Duration = Duration::from_secs(60);

async fn story(stage: &Stage) -> Result<Vec<EventRow>> {
    let alice = stage.alice();
    Ok(stage.read(move |tx| tx.story(alice)).await?)
}

/// The policy fails on everything, and alice gets the role.
async fn failing() -> Result<Stage> {
    let stage = Stage::set().await?;
    stage.policies.put(Ok(endless()));
    reload(&stage).await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert!(stage.messages(stage.alice()).is_empty());
    Ok(stage)
}

#[tokio::test(start_paused = true)]
async fn what_the_policy_was_told_is_kept_where_it_failed() -> Result<()> {
    let stage = failing().await?;
    let event = story(&stage).await?.pop().context("an event")?;
    assert_eq!(event.event.state, EventState::Undecided);
    let failure = stage.read(move |tx| tx.failure(event.id)).await?.context("a failure")?;
    assert!(failure.why.contains("fuel"), "{}", failure.why);
    assert_eq!(failure.digest, endless().policy.digest());
    assert!(failure.fuel > 0 && failure.again.is_none());
    let told: Event = serde_json::from_str(&failure.input)?;
    assert!(matches!(told.cause, Cause::RoleAdded(_)));
    stage.wait(MINUTE * 600).await;
    assert_eq!(story(&stage).await?.len(), 1, "the answer would be the same");
    Ok(())
}

/// An error and log lines of a million characters, each of which a terminal would act upon.
#[tokio::test(start_paused = true)]
async fn what_a_policy_says_does_not_fill_the_journal() -> Result<()> {
    let on_events = loud().text().replace("(i32.const 0x39)", "(i32.const 0x30)");
    let stage = Stage::set().await?;
    stage.policies.put(Ok(from_text("loud", embed(&on_events, &contract("1.0.0"), "policy"))));
    reload(&stage).await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    let event = story(&stage).await?.pop().context("an event")?;
    let failure = stage.read(move |tx| tx.failure(event.id)).await?.context("a failure")?;
    assert!(failure.why.contains("it says: \\u{1b}") && failure.why.len() < 500, "{}", failure.why);
    let logged: usize = failure.logs.iter().map(|line| line.raw().len()).sum();
    assert!(logged > 4_000 && logged <= 17 << 10, "{logged}");
    let said: Vec<String> = failure.logs.iter().map(ToString::to_string).collect();
    for text in said.iter().chain(&stage.audit()) {
        assert!(!text.contains('\u{1b}') && text.len() < 40_000, "{}", text.len());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_next_policy_is_asked_about_whom_the_last_one_did_not_decide() -> Result<()> {
    let stage = failing().await?;
    stage.policies.put(Ok(default_policy(&Value::Null)));
    reload(&stage).await?;
    stage.settle().await;
    let causes: Vec<Cause> = story(&stage).await?.into_iter().map(|row| row.event.cause).collect();
    assert_eq!(causes.last(), Some(&Cause::Review(Review::Retry)));
    assert_eq!(stage.messages(stage.alice()).len(), 1, "asked for the address");
    // Once: the next has nothing to make good.
    let events = causes.len();
    stage.policies.put(Ok(default_policy(&json!({ "label": "closed" }))));
    reload(&stage).await?;
    stage.settle().await;
    assert_eq!(story(&stage).await?.len(), events);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_left_meanwhile_has_left() -> Result<()> {
    let stage = failing().await?;
    stage.leave(stage.alice()).await?;
    stage.settle().await;
    stage.policies.put(Ok(default_policy(&Value::Null)));
    reload(&stage).await?;
    stage.settle().await;
    let last = story(&stage).await?.pop().context("an event")?;
    assert_eq!((last.event.cause, last.event.state), (Cause::MemberLeft, EventState::Decided));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn where_the_machine_was_too_busy_the_policy_is_asked_again_an_hour_later() -> Result<()> {
    let stage = Stage::set().await?;
    let mut slow = endless();
    let limits = Limits { clock_ms: 10, fuel: u64::MAX / 4, ..Limits::default() };
    let engine = Engine::new(EngineSettings { loader: Loader::InThisProcess, ..EngineSettings::default() })?;
    slow.policy = Policy::load(&engine, &slow.module, &json!({}), Vec::new(), &limits)?;
    stage.policies.put(Ok(slow));
    reload(&stage).await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.wait(MINUTE * 59).await;
    assert_eq!(story(&stage).await?.len(), 1);
    stage.wait(MINUTE * 2).await;
    let causes: Vec<Cause> = story(&stage).await?.into_iter().map(|row| row.event.cause).collect();
    assert_eq!(causes.get(1..), Some(&[Cause::Review(Review::Retry)][..]));
    Ok(())
}

/// What is damaged keeps neither another policy from taking over nor the bot from starting.
#[tokio::test(start_paused = true)]
async fn a_member_who_can_not_be_read_is_left_out_and_the_others_are_asked_about() -> Result<()> {
    for restarts in [false, true] {
        let mut stage = failing().await?;
        let (alice, bob) = (stage.alice(), stage.bob());
        stage.give_role(bob, stage.role()).await?;
        stage.settle().await;
        stage.policies.put(Ok(default_policy(&Value::Null)));
        if restarts {
            stage.stop().await;
        }
        let damage = "UPDATE members SET roles = '{}' WHERE user = ?1";
        let db = rusqlite::Connection::open(stage.folder.path().join("rolarr.db"))?;
        assert_eq!(db.execute(damage, [alice.to_string()])?, 1);
        drop(db);
        if restarts {
            stage.start().await?;
        } else {
            assert!(reload(&stage).await?.contains("decides now"));
        }
        stage.settle().await;
        assert_eq!(stage.messages(bob).len(), 1, "restarts: {restarts}");
        assert!(stage.messages(alice).is_empty());
        let is_told =
            |text: &&String| text.contains(&alice.to_string()) && text.contains("something unreadable");
        assert_eq!(stage.audit().iter().filter(is_told).count(), 1, "{:?}", stage.audit());
    }
    Ok(())
}
