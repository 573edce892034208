//! What counts for the brake: whatever takes something from a member, by whatever event it comes.

use std::time::Duration;

use anyhow::Result;
use rolarr::{
    domain::Timestamp,
    pipeline::{
        ports::Command,
        settings::{Brake, Settings},
    },
    store::{Order, Scope, WakeRow},
};
use rolarr_sim::plex::MACHINE;
use rolarr_tests::inprocess::{Setting, Stage, Subscriber};

use crate::constant_policy::{Always, NAME, always};

const WHILE: Duration = Duration::from_secs(120);

fn two(settings: &mut Settings) {
    settings.brake = Brake { members: 2, ..Brake::default() };
    settings.timings.notice = Duration::from_secs(5);
}

fn nobody(settings: &mut Settings) {
    settings.brake = Brake { members: 0, ..Brake::default() };
    settings.timings.notice = Duration::from_secs(5);
}

/// A guild with subscribers, whose policy says this from now on whatever happens.
async fn ruled(
    change: fn(&mut Settings),
    count: usize,
    rule: &Always<'_>,
) -> Result<(Stage, Vec<Subscriber>)> {
    let mut stage = Stage::with(Setting { change, ..Setting::default() }).await?;
    let members = stage.populate(count).await?;
    stage.stop().await;
    stage.policies.put(Ok(always(rule)?));
    stage.start().await?;
    Ok((stage, members))
}

/// The policy is asked about everybody.
async fn review(stage: &Stage) -> Result<()> {
    stage.change(|tx| tx.put_order(&Order::Apply(Scope::Everybody))).await?;
    stage.wait(WHILE).await;
    Ok(())
}

async fn approve(stage: &Stage) -> Result<String> {
    let reply = stage.command(stage.bob(), true, Command::Approve { member: None }).await?;
    stage.wait(WHILE).await;
    Ok(reply.text)
}

async fn held(stage: &Stage) -> Result<usize> {
    Ok(stage.read(|tx| tx.holds()).await?.len())
}

/// How many of them see every library.
fn see_all(stage: &Stage, members: &[Subscriber]) -> usize {
    let sim = stage.at_plex();
    let all = |member: &&Subscriber| {
        sim.world.shares.values().any(|share| {
            share.machine == MACHINE
                && share.is_with(member.plex.0)
                && share.libraries == rolarr_sim::plex::Libraries::All
        })
    };
    members.iter().filter(all).count()
}

/// For how many of them a filter is set for music.
fn filtered(stage: &Stage, members: &[Subscriber]) -> usize {
    let sim = stage.at_plex();
    members.iter().filter(|member| sim.filters(member.plex.0).contains_key("filterMusic")).count()
}

#[tokio::test(start_paused = true)]
async fn fewer_libraries_count() -> Result<()> {
    let (stage, members) = ruled(two, 5, &Always::Libraries(&["Movies"])).await?;
    assert_eq!(see_all(&stage, &members), 5);
    review(&stage).await?;
    assert_eq!(see_all(&stage, &members), 3, "a review goes through the brake like any other event");
    assert_eq!(held(&stage).await?, 3);
    assert_eq!(approve(&stage).await?, "Approved: the access of 3 members shrinks now.");
    assert_eq!(see_all(&stage, &members), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn libraries_that_somebody_may_have_beyond_the_operators_count() -> Result<()> {
    fn one_library(settings: &mut Settings) {
        nobody(settings);
        settings.named = Some(vec!["Movies".to_owned()]);
    }
    // They were shared everything by hand, before the operator chose one library.
    let (stage, members) = ruled(one_library, 2, &Always::Libraries(&["Movies"])).await?;
    review(&stage).await?;
    assert_eq!(see_all(&stage, &members), 2);
    assert_eq!(held(&stage).await?, 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_same_libraries_by_name_take_nothing() -> Result<()> {
    let mut stage = Stage::with(Setting { change: nobody, ..Setting::default() }).await?;
    let all: Vec<String> = stage.settings().libraries.iter().map(|library| library.title.clone()).collect();
    stage.populate(2).await?;
    stage.stop().await;
    let names: Vec<&str> = all.iter().map(String::as_str).collect();
    stage.policies.put(Ok(always(&Always::Libraries(&names))?));
    stage.start().await?;
    review(&stage).await?;
    assert_eq!(held(&stage).await?, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn narrower_filters_count() -> Result<()> {
    let mut stage = Stage::with(Setting { change: two, ..Setting::default() }).await?;
    let members = stage.populate(5).await?;
    for pair in members.chunks(2) {
        for member in pair {
            stage.take_role(member.user, stage.role()).await?;
        }
        // So that the brake lets them pass.
        stage.wait(Duration::from_secs(2 * 3600)).await;
    }
    assert_eq!(members.iter().filter(|member| stage.is_restricted(member.plex)).count(), 5);
    assert_eq!(filtered(&stage, &members), 0);
    stage.stop().await;
    let label = Some("noAccess");
    stage.policies.put(Ok(always(&Always::Restrict([label, label, label, None]))?));
    stage.start().await?;
    review(&stage).await?;
    assert_eq!(filtered(&stage, &members), 2);
    assert_eq!(held(&stage).await?, 3);
    approve(&stage).await?;
    assert_eq!(filtered(&stage, &members), 5);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_comes_by_wakes_counts() -> Result<()> {
    let (mut stage, members) = ruled(two, 5, &Always::Libraries(&["Movies"])).await?;
    stage.stop().await;
    let (guild, due) = (stage.guild(), Timestamp(stage.now() + 60_000));
    let users: Vec<_> = members.iter().map(|member| member.user).collect();
    stage
        .change(move |tx| {
            users.iter().try_for_each(|user| {
                tx.put_wake(&WakeRow {
                    guild,
                    user: *user,
                    tag: "again".to_owned(),
                    due,
                    policy: NAME.to_owned(),
                })
            })
        })
        .await?;
    stage.start().await?;
    stage.wait(WHILE * 2).await;
    assert_eq!(see_all(&stage, &members), 3);
    assert_eq!(held(&stage).await?, 3);
    Ok(())
}
