//! The settling time: what is taken away waits a little, and a role that is back by then costs nothing.
//!
//! Members of the kind: a role that flickers; the same while asked, while invited, and for many at once with the brake;
//! a restart within the wait; what must not wait.

use std::time::Duration;

use anyhow::Result;
use rolarr::{
    domain::contract::Access,
    pipeline::{
        ports::Command,
        settings::{Brake, Settings},
    },
    store::{PromptState, Stage as At},
};
use rolarr_tests::inprocess::{ANN, Setting, Stage, Subscriber, load_script};

const SECOND: Duration = Duration::from_secs(1);
const WHILE: Duration = Duration::from_secs(120);

fn ten_seconds(settings: &mut Settings) {
    settings.timings.settle = SECOND * 10;
}

fn with_the_brake(settings: &mut Settings) {
    ten_seconds(settings);
    settings.brake = Brake { members: 10, window: Duration::from_secs(3600) };
}

async fn stage() -> Result<Stage> {
    Stage::with(Setting { change: ten_seconds, ..Setting::default() }).await
}

async fn access(stage: &Stage) -> Result<Access> {
    let alice = stage.alice();
    let grants = stage.read(move |tx| tx.grants(alice)).await?;
    Ok(grants.into_iter().next().map(|grant| grant.access).unwrap_or_default())
}

async fn takes(stage: &Stage) -> Result<()> {
    stage.take_role(stage.alice(), stage.role()).await
}

async fn gives(stage: &Stage) -> Result<()> {
    stage.give_role(stage.alice(), stage.role()).await
}

fn is_restricted(stage: &Stage) -> bool {
    !stage.filters(ANN).is_empty()
}

#[tokio::test(start_paused = true)]
async fn a_loss_is_decided_at_once_and_carried_out_after_the_settling_time() -> Result<()> {
    let stage = stage().await?;
    stage.alice_joins().await?;
    let (told, audited) = (stage.messages(stage.alice()).len(), stage.audit().len());
    takes(&stage).await?;
    stage.wait(SECOND * 9).await;
    assert!(matches!(access(&stage).await?, Access::Restricted(_)), "the access advances at once");
    assert!(!is_restricted(&stage));
    assert_eq!((stage.messages(stage.alice()).len(), stage.audit().len()), (told, audited));
    stage.wait(SECOND * 30).await;
    assert!(is_restricted(&stage));
    assert_eq!(stage.messages(stage.alice()).len(), told + 1);
    assert_eq!(stage.audit().len(), audited + 1, "{:?}", stage.audit());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_role_that_flickers_costs_nothing() -> Result<()> {
    let stage = stage().await?;
    stage.alice_joins().await?;
    let (told, audited) = (stage.messages(stage.alice()).len(), stage.audit().len());
    let writes = stage.writes().len();
    for _ in 0..3 {
        takes(&stage).await?;
        stage.wait(SECOND * 4).await;
        gives(&stage).await?;
        stage.wait(SECOND * 4).await;
    }
    stage.wait(WHILE).await;
    assert!(matches!(access(&stage).await?, Access::Granted(_)));
    assert_eq!(stage.writes().len(), writes);
    assert_eq!(stage.messages(stage.alice()).len(), told);
    assert_eq!(stage.audit().len(), audited, "{:?}", stage.audit());
    let alice = stage.alice();
    let story = stage.read(move |tx| tx.story(alice)).await?;
    assert!(story.len() >= 6, "the journal has all of it");
    // The next loss begins a wait of its own.
    takes(&stage).await?;
    stage.wait(SECOND * 9).await;
    assert!(!is_restricted(&stage));
    stage.wait(SECOND * 30).await;
    assert!(is_restricted(&stage));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_wait_survives_a_restart() -> Result<()> {
    for crash in [false, true] {
        let mut stage = stage().await?;
        stage.alice_joins().await?;
        takes(&stage).await?;
        stage.wait(SECOND * 3).await;
        if crash {
            stage.crash()
        } else {
            stage.stop().await
        }
        stage.open(None).await?;
        stage.wait(SECOND * 4).await;
        assert!(!is_restricted(&stage), "not earlier");
        stage.wait(SECOND * 20).await;
        assert!(is_restricted(&stage), "and not never");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_back_after_a_restart_within_the_wait_cancels_it() -> Result<()> {
    let mut stage = stage().await?;
    stage.alice_joins().await?;
    let writes = stage.writes().len();
    takes(&stage).await?;
    stage.wait(SECOND * 2).await;
    stage.crash();
    stage.open(None).await?;
    stage.wait(SECOND).await;
    gives(&stage).await?;
    stage.wait(WHILE).await;
    assert_eq!(stage.writes().len(), writes);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_question_and_an_invitation_stand_while_it_waits() -> Result<()> {
    let stage = stage().await?;
    gives(&stage).await?;
    stage.settle().await;
    let alice = stage.alice();
    let state = async |stage: &Stage| -> Result<Option<PromptState>> {
        Ok(stage.read(move |tx| tx.latest_prompt(alice)).await?.map(|prompt| prompt.state))
    };
    takes(&stage).await?;
    stage.wait(SECOND * 5).await;
    assert_eq!(state(&stage).await?, Some(PromptState::Open));
    gives(&stage).await?;
    stage.wait(WHILE).await;
    assert_eq!(state(&stage).await?, Some(PromptState::Open));
    assert_eq!(stage.messages(alice).len(), 1, "no second question");
    // The same for an invitation that is out.
    stage.write(alice, ANN).await?;
    stage.settle().await;
    let writes = stage.writes().len();
    takes(&stage).await?;
    stage.wait(SECOND * 5).await;
    gives(&stage).await?;
    stage.wait(WHILE).await;
    assert_eq!(stage.writes().len(), writes);
    assert_eq!(stage.account(alice).await?.stage, At::Invited);
    takes(&stage).await?;
    stage.wait(WHILE).await;
    assert_eq!(stage.account(alice).await?.stage, At::None, "what lasts is withdrawn");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn leaving_and_an_administrators_removal_do_not_wait() -> Result<()> {
    let first = stage().await?;
    first.alice_joins().await?;
    first.leave(first.alice()).await?;
    first.wait(SECOND * 8).await;
    assert!(first.at_plex().share_of(ANN).is_none());
    // Also within a wait.
    let second = stage().await?;
    second.alice_joins().await?;
    takes(&second).await?;
    second.wait(SECOND * 2).await;
    second.leave(second.alice()).await?;
    second.wait(SECOND * 7).await;
    assert!(second.at_plex().share_of(ANN).is_none());
    let third = stage().await?;
    third.alice_joins().await?;
    takes(&third).await?;
    third.wait(SECOND * 2).await;
    let reply = third.command(third.bob(), true, Command::Remove { email: ANN.to_owned() }).await?;
    assert!(reply.text.starts_with("Removed"), "{}", reply.text);
    third.wait(WHILE).await;
    assert!(!third.database_holds(ANN)?);
    assert_eq!(third.read(|tx| tx.settled_by(u64::MAX.wrapping_div(4).into(), 9)).await?, []);
    Ok(())
}

async fn lose(stage: &Stage, members: &[Subscriber]) -> Result<()> {
    for member in members {
        stage.take_role(member.user, stage.role()).await?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn forty_that_flicker_are_no_alarm_and_the_count_begins_as_before() -> Result<()> {
    let mut stage = Stage::with(Setting { change: with_the_brake, ..Setting::default() }).await?;
    let members = stage.populate(40).await?;
    let (writes, audited) = (stage.writes().len(), stage.audit().len());
    lose(&stage, &members).await?;
    stage.wait(SECOND * 5).await;
    for member in &members {
        stage.give_role(member.user, stage.role()).await?;
    }
    stage.wait(WHILE).await;
    assert_eq!(stage.writes().len(), writes);
    assert_eq!(stage.audit().len(), audited, "{:?}", stage.audit());
    assert!(members.iter().all(|member| stage.messages(member.user).is_empty()));
    assert!(stage.read(|tx| tx.holds()).await?.is_empty());
    // Ten may still lose theirs, and the eleventh is held: an alarm for what lasts.
    lose(&stage, &members[..11]).await?;
    stage.wait(WHILE).await;
    assert_eq!(members.iter().filter(|member| stage.is_restricted(member.plex)).count(), 10);
    assert_eq!(stage.audit().iter().filter(|text| text.contains("I hold back")).count(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_alarm_names_only_whom_it_outlasts() -> Result<()> {
    let mut stage = Stage::with(Setting { change: with_the_brake, ..Setting::default() }).await?;
    stage.settings().brake.members = 0;
    stage.stop().await;
    stage.start().await?;
    let members = stage.populate(3).await?;
    lose(&stage, &members).await?;
    stage.wait(SECOND * 5).await;
    stage.give_role(members[1].user, stage.role()).await?;
    stage.wait(WHILE).await;
    let held: Vec<String> = stage.audit().into_iter().filter(|text| text.contains("I hold back")).collect();
    assert_eq!(held.len(), 1, "{held:?}");
    for (number, member) in members.iter().enumerate() {
        assert_eq!(held[0].contains(&format!("<@{}>", member.user)), number != 1, "{held:?}");
    }
    Ok(())
}

fn two_an_hour(settings: &mut Settings) {
    ten_seconds(settings);
    settings.brake = Brake { members: 2, window: Duration::from_secs(3600) };
}

/// A member loses the role, and has it back before that is carried out.
async fn flickers(stage: &Stage, member: Subscriber) -> Result<()> {
    stage.take_role(member.user, stage.role()).await?;
    stage.wait(SECOND * 4).await;
    stage.give_role(member.user, stage.role()).await?;
    stage.wait(SECOND * 20).await;
    Ok(())
}

/// A member loses the role for longer than the settling time, and has it back.
async fn is_restricted_for_a_while(stage: &Stage, member: Subscriber) -> Result<()> {
    stage.take_role(member.user, stage.role()).await?;
    stage.wait(WHILE).await;
    assert!(stage.is_restricted(member.plex));
    stage.give_role(member.user, stage.role()).await?;
    stage.wait(WHILE).await;
    assert!(!stage.is_restricted(member.plex));
    Ok(())
}

fn restricted(stage: &Stage, members: &[Subscriber]) -> Vec<bool> {
    members.iter().map(|member| stage.is_restricted(member.plex)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_loss_that_was_carried_out_counts_though_the_next_one_is_cancelled() -> Result<()> {
    for restarts in [false, true] {
        let mut stage = Stage::with(Setting { change: two_an_hour, ..Setting::default() }).await?;
        let members = stage.populate(3).await?;
        is_restricted_for_a_while(&stage, members[0]).await?;
        flickers(&stage, members[0]).await?;
        flickers(&stage, members[0]).await?;
        if restarts {
            stage.stop().await;
            stage.start().await?;
        }
        lose(&stage, &members[1..]).await?;
        stage.wait(WHILE).await;
        assert_eq!(restricted(&stage, &members), [false, true, false], "two had less within the hour");
        assert_eq!(stage.read(|tx| tx.holds()).await?.len(), 1);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_loss_that_was_carried_out_counts_though_the_next_one_was_held_and_is_cancelled() -> Result<()> {
    let mut stage = Stage::with(Setting { change: two_an_hour, ..Setting::default() }).await?;
    let members = stage.populate(4).await?;
    is_restricted_for_a_while(&stage, members[0]).await?;
    lose(&stage, &members[1..3]).await?;
    stage.wait(SECOND * 2).await;
    lose(&stage, &members[..1]).await?;
    stage.wait(SECOND * 2).await;
    assert_eq!(stage.read(|tx| tx.holds()).await?.len(), 2);
    for member in [members[0], members[2]] {
        stage.give_role(member.user, stage.role()).await?;
    }
    stage.wait(WHILE).await;
    assert!(stage.read(|tx| tx.holds()).await?.is_empty());
    lose(&stage, &members[3..]).await?;
    stage.wait(WHILE).await;
    assert_eq!(restricted(&stage, &members), [false, true, false, false], "two had less within the hour");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_loss_that_is_cancelled_leaves_room_for_another_until_it_comes_again() -> Result<()> {
    let mut stage = Stage::with(Setting { change: two_an_hour, ..Setting::default() }).await?;
    let members = stage.populate(3).await?;
    flickers(&stage, members[0]).await?;
    lose(&stage, &members[1..]).await?;
    stage.wait(SECOND * 2).await;
    lose(&stage, &members[..1]).await?;
    stage.wait(WHILE).await;
    assert_eq!(restricted(&stage, &members), [false, true, true]);
    assert_eq!(stage.read(|tx| tx.holds()).await?.len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_loss_that_waits_and_then_is_held_is_taken_out_of_the_count_as_a_whole() -> Result<()> {
    let mut stage = Stage::with(Setting { change: two_an_hour, ..Setting::default() }).await?;
    let members = stage.populate(4).await?;
    lose(&stage, &members[..3]).await?;
    stage.wait(SECOND * 2).await;
    // One of those who wait leaves: that is more than may pass by now.
    stage.leave(members[0].user).await?;
    stage.wait(SECOND * 2).await;
    assert_eq!(stage.read(|tx| tx.holds()).await?.len(), 2);
    stage.join(members[0].user).await?;
    for member in [members[0], members[2]] {
        stage.give_role(member.user, stage.role()).await?;
    }
    stage.wait(WHILE).await;
    assert!(stage.read(|tx| tx.holds()).await?.is_empty());
    lose(&stage, &members[3..]).await?;
    stage.wait(WHILE).await;
    assert_eq!(restricted(&stage, &members), [false, true, false, true]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_loss_that_was_carried_out_counts_from_its_own_time_once_the_next_one_is_cancelled() -> Result<()> {
    let mut stage = Stage::with(Setting { change: two_an_hour, ..Setting::default() }).await?;
    let members = stage.populate(3).await?;
    is_restricted_for_a_while(&stage, members[0]).await?;
    stage.wait(SECOND * 3_000).await;
    flickers(&stage, members[0]).await?;
    stage.wait(SECOND * 600).await;
    lose(&stage, &members[1..]).await?;
    stage.wait(WHILE).await;
    assert_eq!(restricted(&stage, &members), [false, true, true], "the first loss is more than an hour ago");
    Ok(())
}

/// Says what it does at once, and asks to be woken.
const TALKS: &str = r#"
fn decide(event) {
    if event.cause == "wake" { return restrict_to(no_access("noAccess"), ["movies"]).because("woken"); }
    if event.has_any() { return [invite(), tell("welcome")].because("has it"); }
    [restrict_to(no_access("noAccess"), ["movies"]), tell("gone"), set_memo("lost"), wake_at("later", event.at + hours(1))]
        .because("lost it")
}
"#;

#[tokio::test(start_paused = true)]
async fn messages_of_the_policy_wait_with_it_and_wakes_and_memo_do_not() -> Result<()> {
    let mut stage = stage().await?;
    stage.alice_joins().await?;
    stage.stop().await;
    stage.policies.put(load_script("talks", TALKS).map_err(|error| format!("{error:#}")));
    stage.start().await?;
    let (guild, alice) = (stage.guild(), stage.alice());
    let told = stage.messages(alice).len();
    takes(&stage).await?;
    stage.wait(SECOND * 5).await;
    assert_eq!(stage.messages(alice).len(), told);
    let (memo, wakes) = stage
        .read(move |tx| Ok((tx.grants(alice)?.pop().map(|grant| grant.memo), tx.wakes(guild, alice)?.len())))
        .await?;
    assert_eq!((memo.as_deref(), wakes), (Some("lost"), 1));
    gives(&stage).await?;
    stage.wait(WHILE).await;
    assert_eq!(stage.messages(alice).len(), told, "{:?}", stage.messages(alice));
    takes(&stage).await?;
    stage.wait(WHILE).await;
    let said = stage.messages(alice).split_off(told);
    assert!(said.contains(&"gone".to_owned()) && !said.contains(&"welcome".to_owned()), "{said:?}");
    Ok(())
}
