//! What a policy asks for by itself is bounded.
//!
//! Members of the kind: a wake as early as may be, again and again; the same from several tags; one that asks for a time
//! that has passed, after a downtime; messages without end; many members each at a fair pace.

use rolarr::domain::AuditKind;
use std::time::Duration;

use anyhow::Result;
use rolarr::{
    domain::contract::Cause,
    store::{Paced, Reader},
};
use rolarr_tests::inprocess::{Stage, load_script};

use crate::swapping::reload;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

async fn with(script: &str) -> Result<Stage> {
    let mut stage = Stage::set().await?;
    stage.stop().await;
    let policy = load_script("eager", script).map_err(|error| format!("{error:#}"));
    assert!(policy.is_ok(), "{:?}", policy.err());
    stage.policies.put(policy);
    stage.start().await?;
    Ok(stage)
}

async fn woken(stage: &Stage) -> Result<usize> {
    let alice = stage.alice();
    let story = stage.read(move |tx| tx.story(alice)).await?;
    Ok(story.iter().filter(|row| matches!(row.event.cause, Cause::Wake(_))).count())
}

fn alarms(stage: &Stage) -> Vec<String> {
    stage.audit().into_iter().filter(|text| text.contains("asks for too much")).collect()
}

const EVERY_MINUTE: &str = r#"
fn decide(event) {
    [wake_at("again", event.at + minutes(1)), set_memo("x")].because("always")
}
"#;

#[tokio::test(start_paused = true)]
async fn a_policy_that_wakes_itself_without_end_is_stopped_and_told_of_once() -> Result<()> {
    let stage = with(EVERY_MINUTE).await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.wait(HOUR * 5).await;
    let first = woken(&stage).await?;
    assert!((20..=30).contains(&first), "{first}");
    assert_eq!(alarms(&stage).len(), 1, "{:?}", alarms(&stage));
    assert!(alarms(&stage)[0].starts_with("Stopped"), "{:?}", alarms(&stage));
    assert_eq!(
        stage.read(|tx| tx.stopped()).await?.iter().map(|(whose, _)| *whose).collect::<Vec<_>>(),
        [Paced::Member(stage.guild(), stage.alice())]
    );
    // What happens on Discord is decided as before.
    let alice = stage.alice();
    let before = stage.read(move |tx| tx.story(alice)).await?.len();
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(stage.read(move |tx| tx.story(alice)).await?.len(), before + 1);
    // It stays so over a restart, and an administrator lifts it.
    let mut stage = stage;
    stage.stop().await;
    stage.start().await?;
    stage.wait(HOUR * 2).await;
    assert_eq!(woken(&stage).await?, first);
    let said = reload(&stage).await?;
    assert!(said.contains("may ask again"), "{said}");
    assert!(stage.read(|tx| tx.stopped()).await?.is_empty());
    stage.wait(HOUR).await;
    assert!(woken(&stage).await? > first);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn several_tags_count_together() -> Result<()> {
    let script = r#"
fn decide(event) {
    [wake_at("a", event.at + minutes(2)), wake_at("b", event.at + minutes(3)), wake_at("c", event.at + minutes(4))]
        .because("always")
}
"#;
    let stage = with(script).await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.wait(HOUR * 5).await;
    assert!(woken(&stage).await? <= 30 * 5, "{}", woken(&stage).await?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn after_a_downtime_a_wake_does_not_catch_up_with_what_has_passed() -> Result<()> {
    let mut stage = with(EVERY_MINUTE).await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.stop().await;
    stage.wait(HOUR * 9).await;
    let before = woken(&stage).await?;
    stage.open(None).await?;
    stage.wait(Duration::from_secs(59)).await;
    assert_eq!(woken(&stage).await?, before + 1, "overdue once, and the next a minute from now");
    let notes = stage.read(|tx| tx.audited()).await?;
    assert!(notes.iter().any(|(kind, text)| kind == "policy" && text.contains("60 seconds")), "{notes:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_fair_pace_is_not_stopped() -> Result<()> {
    let script = r#"
fn decide(event) {
    [wake_at("hourly", event.at + minutes(10)), tell("still here")].because("always")
}
"#;
    let stage = with(script).await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.wait(HOUR * 24).await;
    assert!(woken(&stage).await? >= 24 * 5);
    assert!(alarms(&stage).is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn messages_without_end_are_stopped_and_an_alarm_is_not_behind_them() -> Result<()> {
    let script = r#"
fn decide(event) {
    let all = [];
    for number in 0..8 { all.push(tell("message " + number)); }
    all.because("talks")
}
"#;
    let stage = with(script).await?;
    for _ in 0..4 {
        stage.give_role(stage.alice(), stage.role()).await?;
        stage.wait(MINUTE).await;
        stage.take_role(stage.alice(), stage.role()).await?;
        stage.wait(MINUTE).await;
    }
    assert_eq!(alarms(&stage).len(), 1);
    stage.wait(HOUR).await;
    let told = stage.messages(stage.alice()).len();
    assert!((20..=30).contains(&told), "{told}");
    Ok(())
}

/// Messages for when Plex agrees: one for each event.
#[tokio::test(start_paused = true)]
async fn messages_for_later_count_too() -> Result<()> {
    let stage =
        with(r#"fn decide(event) { [invite(), quiet(), tell_once_done("done")].because("talks") }"#).await?;
    stage.alice_joins().await?;
    for _ in 0..25 {
        stage.take_role(stage.alice(), stage.role()).await?;
        stage.wait(MINUTE).await;
        stage.give_role(stage.alice(), stage.role()).await?;
        stage.wait(MINUTE).await;
    }
    assert_eq!(alarms(&stage).len(), 1, "{:?}", alarms(&stage));
    let told = stage.messages(stage.alice()).iter().filter(|text| text.contains("done")).count();
    assert!((5..=30).contains(&told), "{told}");
    Ok(())
}

/// More messages in one answer than anybody reads: there is no decision, and the number is named.
#[tokio::test(start_paused = true)]
async fn an_answer_with_too_many_messages_is_none() -> Result<()> {
    let script = r#"
fn decide(event) {
    let all = [];
    for number in 0..60 { all.push(tell("message " + number)); }
    all
}
"#;
    let stage = with(script).await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert!(stage.messages(stage.alice()).is_empty());
    let named = stage.audit().iter().any(|text| text.contains("it has 60 actions `tell`, and may have 8"));
    assert!(named, "{:?}", stage.audit());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn reports_of_decisions_beyond_some_hundreds_are_one_message_and_alarms_go_first() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.stop().await;
    let now = stage.now();
    stage
        .change(move |tx| {
            for number in 0..2_000 {
                tx.audit(now.into(), None, None, AuditKind::Decision, &format!("decision {number}"))?;
            }
            tx.audit(now.into(), None, None, AuditKind::Alarm, "look at this")
        })
        .await?;
    let waiting = stage.read(move |tx| tx.due_tasks(Reader::Administrators, now.into(), 9_999)).await?;
    assert!(waiting.len() <= 502, "{}", waiting.len());
    let texts: Vec<String> = waiting.into_iter().flatten().map(|task| format!("{:?}", task.work)).collect();
    assert!(texts[0].contains("look at this"), "{}", texts[0]);
    assert!(texts.iter().any(|text| text.contains("1500 more")), "{:?}", texts.last());
    Ok(())
}
