//! plex.tv is away for a day. After it every member is right, and nobody is asked for in a rush.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use rolarr::pipeline::settings::{Brake, Settings};
use rolarr_sim::plex::{Effect, Fault};
use rolarr_tests::inprocess::{Setting, Stage};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// `plex_request_every` as it is without a line in the configuration.
const EVERY: Duration = Duration::from_millis(250);
/// So many may go out at once after a quiet time.
const BURST: usize = 8;
const MEMBERS: usize = 160;
const CHANGES: usize = 200;

fn without_brake(settings: &mut Settings) {
    settings.brake = Brake { members: 100_000, ..Brake::default() };
}

async fn stage(members: usize) -> Result<(Stage, Vec<rolarr_tests::inprocess::Subscriber>)> {
    let setting =
        Setting { change: without_brake, in_memory: true, request_every: Some(EVERY), ..Setting::default() };
    let mut stage = Stage::with(setting).await?;
    let members = stage.populate(members).await?;
    Ok((stage, members))
}

fn away(stage: &Stage, effect: Effect) {
    let mut sim = stage.at_plex();
    sim.clear_faults();
    sim.fault(Fault::on("*", "/*", effect));
}

/// The most requests in any `window` that began at or after `from` and before `until`.
fn most(stage: &Stage, from: u64, until: u64, window: Duration) -> usize {
    let sim = stage.at_plex();
    let times: Vec<u64> =
        sim.requests.iter().map(|request| request.at_ms).filter(|at| (from..until).contains(at)).collect();
    let window = window.as_millis() as u64;
    let within =
        |(first, at): (usize, &u64)| times[first..].iter().take_while(|next| **next < at + window).count();
    times.iter().enumerate().map(within).max().unwrap_or_default()
}

/// What the settings allow within a time: a token each `EVERY`, and those that were saved up.
fn allowed(window: Duration) -> usize {
    window.as_millis().div_ceil(EVERY.as_millis()) as usize + BURST
}

#[tokio::test(start_paused = true)]
async fn after_a_day_without_plex_every_member_is_right_within_the_request_limit() -> Result<()> {
    let (stage, members) = stage(MEMBERS).await?;
    let began = stage.now();
    away(&stage, Effect::Status { status: 503, retry_after: None });
    for change in 0..CHANGES {
        if change == CHANGES / 2 {
            away(&stage, Effect::Hang { applied: false });
        }
        let member = members[change % MEMBERS];
        if change < MEMBERS {
            stage.take_role(member.user, stage.role()).await?;
        } else {
            stage.give_role(member.user, stage.role()).await?;
        }
        stage.wait(DAY / CHANGES as u32).await;
    }
    let restored = stage.now();
    assert!(stage.at_plex().writes().is_empty());
    let delayed = stage.audit().iter().filter(|line| line.contains("I keep trying")).count();
    assert_eq!(delayed, 1, "administrators are told of an outage once");

    stage.at_plex().clear_faults();
    let right = || {
        let is_right = |(number, member): (usize, &rolarr_tests::inprocess::Subscriber)| {
            stage.is_restricted(member.plex) == (number >= CHANGES - MEMBERS)
        };
        members.iter().enumerate().all(is_right)
    };
    let mut minutes = 0;
    while !right() {
        minutes += 1;
        assert!(minutes <= 25, "{minutes} minutes after the outage not every member is right");
        stage.wait(Duration::from_secs(60)).await;
    }
    stage.wait(Duration::from_secs(3600)).await;
    assert!(right());

    let minute = Duration::from_secs(60);
    let (during, after) =
        (most(&stage, began, restored, minute), most(&stage, restored, stage.now(), minute));
    println!(
        "a day without Plex, {CHANGES} role changes of {MEMBERS} members: every member right {minutes} min after; \
         at most {during} requests in a minute during the outage and {after} after it, {} are allowed",
        allowed(minute)
    );
    assert!(during <= allowed(minute) && after <= allowed(minute));
    assert!(during <= 100, "an outage is not answered with more requests: {during}");

    // One write for each who lost the role for good, none for those who have it again.
    let mut writes: BTreeMap<String, usize> = BTreeMap::new();
    for write in stage.writes() {
        *writes.entry(write).or_default() += 1;
    }
    assert_eq!(writes.len(), 2 * MEMBERS - CHANGES);
    assert!(writes.values().all(|times| *times == 1), "{writes:?}");
    for (number, member) in members.iter().enumerate() {
        let expected = usize::from(number >= CHANGES - MEMBERS);
        assert_eq!(stage.messages(member.user).len(), expected, "member {number}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_hundred_members_who_wait_do_not_all_come_at_the_moment_plex_is_back() -> Result<()> {
    let (stage, members) = stage(100).await?;
    away(&stage, Effect::Status { status: 503, retry_after: None });
    for member in &members {
        stage.take_role(member.user, stage.role()).await?;
    }
    stage.wait(DAY / 6).await;
    let restored = stage.now();
    stage.at_plex().clear_faults();
    stage.wait(Duration::from_secs(3600)).await;
    assert!(members.iter().all(|member| stage.is_restricted(member.plex)));
    for window in [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60)] {
        let most = most(&stage, restored, stage.now(), window);
        assert!(most <= allowed(window), "{most} requests in {window:?}");
    }
    // Their own pauses differ, too: the first to come back are not all.
    let sim = stage.at_plex();
    let first_minute = |at: u64| at < restored + 60_000;
    let written = sim.writes().iter().filter(|write| first_minute(write.at_ms)).count();
    assert!(written < members.len() / 2, "{written} of {} within a minute", members.len());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn plex_asks_to_wait_and_nobody_asks_before() -> Result<()> {
    let (stage, members) = stage(20).await?;
    for asked in [30, 600] {
        let limited = Effect::Status { status: 429, retry_after: Some(asked) };
        stage.at_plex().fault(Fault::on("*", "/*", limited).times(1));
        for member in &members {
            if asked == 30 {
                stage.take_role(member.user, stage.role()).await?;
            } else {
                stage.give_role(member.user, stage.role()).await?;
            }
        }
        stage.wait(Duration::from_secs(3600)).await;
        assert!(members.iter().all(|member| stage.is_restricted(member.plex) == (asked == 30)));
        let sim = stage.at_plex();
        let at = sim.requests.iter().rposition(|request| request.status == Some(429)).unwrap();
        let pause = sim.requests[at + 1].at_ms - sim.requests[at].at_ms;
        assert!(pause >= asked * 1000, "{pause} ms after being asked to wait {asked} s");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn however_long_plex_asks_to_wait_it_is_asked_again_after_an_hour() -> Result<()> {
    for asked in [3_600, 7_200, 1_000_000, u64::MAX] {
        let (stage, members) = stage(3).await?;
        let limited = Effect::Status { status: 429, retry_after: Some(asked) };
        stage.at_plex().fault(Fault::on("*", "/*", limited).times(1));
        for member in &members {
            stage.take_role(member.user, stage.role()).await?;
        }
        stage.wait(Duration::from_secs(3_595)).await;
        let count = |stage: &Stage| stage.at_plex().requests.len();
        let limited_at = {
            let sim = stage.at_plex();
            sim.requests.iter().rposition(|request| request.status == Some(429)).unwrap()
        };
        assert_eq!(count(&stage), limited_at + 1, "asked to wait {asked} s: nobody asks before");
        stage.wait(Duration::from_secs(900)).await;
        assert!(members.iter().all(|member| stage.is_restricted(member.plex)), "asked to wait {asked} s");
    }
    Ok(())
}

/// A request that has to wait long is not sent at the end of that: much can have changed meanwhile.
#[tokio::test(start_paused = true)]
async fn nobody_is_touched_who_came_under_protection_while_plex_asked_to_wait() -> Result<()> {
    let (mut stage, members) = stage(20).await?;
    stage.stop().await;
    let vip = stage.vip;
    stage.settings().guilds[0].roles.truncate(1);
    stage.settings().protected_roles.insert(vip);
    stage.start().await?;
    stage.settle().await;
    let limited = Effect::Status { status: 429, retry_after: Some(600) };
    stage.at_plex().fault(Fault::on("PUT", "/*", limited).times(1));
    for member in &members {
        stage.take_role(member.user, stage.role()).await?;
    }
    stage.wait(Duration::from_secs(60)).await;
    let restricted = |stage: &Stage| -> Vec<bool> {
        members.iter().map(|member| stage.is_restricted(member.plex)).collect()
    };
    let before = restricted(&stage);
    assert!(before.iter().any(|restricted| !restricted), "somebody waits");
    for member in &members {
        stage.give_role(member.user, vip).await?;
    }
    stage.wait(Duration::from_secs(3600)).await;
    assert_eq!(restricted(&stage), before);
    Ok(())
}
