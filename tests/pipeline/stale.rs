//! Nothing is decided, or written over, by what is no longer so.
//!
//! Members of the kind: a plan that took a while, a decision that took a while, a page of a list that took a while; a
//! role that came, one that went, somebody who left, an administrator's command in between.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use rolarr::{
    domain::contract::{Access, Cause},
    pipeline::{Step, Watcher, ports::Command},
    store::{EventState, Order, Scope},
};
use rolarr_tests::inprocess::{ANN, Setting, Stage};

use crate::swapping::{default_policy, with_label};

const WHILE: Duration = Duration::from_secs(120);

fn attentive(settings: &mut rolarr::pipeline::settings::Settings) {
    settings.timings.notice = Duration::from_secs(5);
}

/// Lets so much time pass at the first of these steps.
fn slow(at: Step, time: Duration) -> Watcher {
    let passed = Arc::new(AtomicBool::new(false));
    Arc::new(move |step| {
        let waits = step == at && !passed.swap(true, Ordering::Relaxed);
        Box::pin(async move {
            if waits {
                tokio::time::sleep(time).await;
            }
        })
    })
}

#[tokio::test(start_paused = true)]
async fn a_decision_on_a_member_whom_an_administrator_removed_meanwhile_gives_nothing_back() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.alice_joins().await?;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.stop().await;
    stage.start_watched(Some(slow(Step::PolicyAnswered, Duration::from_secs(30)))).await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.wait(Duration::from_secs(5)).await;
    let reply = stage.command(stage.bob(), true, Command::Remove { email: ANN.to_owned() }).await?;
    assert!(reply.text.starts_with("Removed"), "{}", reply.text);
    stage.wait(WHILE).await;
    let alice = stage.alice();
    let (grants, story) = stage.read(move |tx| Ok((tx.grants(alice)?, tx.story(alice)?))).await?;
    assert!(grants.iter().all(|grant| grant.access == Access::Absent), "{grants:?}");
    assert!(story.iter().all(|row| row.event.state != EventState::Waiting));
    assert!(story.iter().any(|row| row.event.state == EventState::Skipped
        && row.event.remark.as_deref().is_some_and(|remark| remark.contains("administrator"))));
    assert!(!stage.database_holds(ANN)?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_event_is_decided_again_where_the_member_became_another_meanwhile() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.stop().await;
    stage.start_watched(Some(slow(Step::PolicyAnswered, Duration::from_secs(30)))).await?;
    // The policy is told that there is no access, and an administrator gives some before it is stored.
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.wait(Duration::from_secs(5)).await;
    let invite = Command::Invite { email: ANN.to_owned(), member: Some(stage.alice()) };
    stage.command(stage.bob(), true, invite).await?;
    stage.wait(WHILE).await;
    let alice = stage.alice();
    let decision = stage
        .read(move |tx| {
            let event =
                tx.story(alice)?.into_iter().find(|row| matches!(row.event.cause, Cause::RoleAdded(_)));
            event.map(|row| tx.decision(row.id)).transpose()
        })
        .await?
        .flatten();
    let input = decision.map(|decision| decision.input).unwrap_or_default();
    assert!(input.contains("granted"), "it is recorded what the decision was carried out on: {input}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn applying_a_policy_reviews_by_the_roles_and_members_of_that_moment() -> Result<()> {
    // Each of them changes after the policy was asked about everybody, and before that is stored.
    for change in ["loses", "leaves"] {
        let mut stage = Stage::with(Setting { change: attentive, ..Setting::default() }).await?;
        stage.give_role(stage.alice(), stage.role()).await?;
        stage.settle().await;
        let alice = stage.alice();
        stage.stop().await;
        stage.policies.put(Ok(default_policy(&with_label("closed"))));
        // Somebody else's row is changed at the step at which a plan is asked: here the database itself is what
        // changes between the two.
        stage.start().await?;
        stage.stop().await;
        let (guild, leaves) = (stage.guild(), change == "leaves");
        stage
            .change(move |tx| {
                let Some(mut row) = tx.member(guild, alice)? else { return Ok(()) };
                row.roles.clear();
                row.present = !leaves;
                tx.put_member(&row)
            })
            .await?;
        let (now, discord_guild) = (stage.now(), stage.scene.guild);
        {
            let mut discord = stage.on_discord();
            let user = rolarr_sim::discord::UserId(alice.0);
            if leaves {
                discord.leave(now, discord_guild, user)?;
            } else {
                discord.remove_role(now, discord_guild, user, rolarr_sim::discord::RoleId(stage.role().0))?;
            }
        }
        stage.start().await?;
        stage.change(|tx| tx.put_order(&Order::Apply(Scope::Everybody))).await?;
        stage.wait(WHILE).await;
        let story = stage.read(move |tx| tx.story(alice)).await?;
        let reviews: Vec<_> =
            story.iter().filter(|row| matches!(row.event.cause, Cause::Review(_))).collect();
        assert!(reviews.iter().all(|row| row.event.roles.is_empty()), "{change}: {reviews:?}");
        assert!(!leaves || reviews.is_empty(), "a leaver is not reviewed");
    }
    Ok(())
}

/// Alice loses the role unheard, the sweep's page shows her without it and waits, and the role is back meanwhile: what
/// the gateway says then is what is stored.
async fn heard_while_a_page_waits(
    stage: &mut Stage,
    event: impl AsyncFn(&Stage) -> Result<()>,
) -> Result<()> {
    let gate_open = Arc::new(AtomicBool::new(true));
    let waits = Arc::clone(&gate_open);
    let after = Arc::new(AtomicBool::new(false));
    let page = Arc::clone(&after);
    stage.stop().await;
    stage.gate(Arc::new(move |place: &'static str| {
        // After the list of members was read: the answer is on its way for a while.
        let held = place == "discord-answer" && page.load(Ordering::Relaxed) && waits.load(Ordering::Relaxed);
        Box::pin(async move {
            if held {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        })
    }));
    stage.start().await?;
    after.store(true, Ordering::Relaxed);
    event(stage).await?;
    gate_open.store(false, Ordering::Relaxed);
    stage.wait(WHILE).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_older_than_what_was_heard_takes_nothing_away() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.alice_joins().await?;
    let (writes, told) = (stage.writes().len(), stage.messages(stage.alice()).len());
    heard_while_a_page_waits(&mut stage, async |stage| {
        let (now, user, role) = (
            stage.now(),
            rolarr_sim::discord::UserId(stage.alice().0),
            rolarr_sim::discord::RoleId(stage.role().0),
        );
        stage.on_discord().remove_role(now, stage.scene.guild, user, role)?;
        stage.command(stage.bob(), true, Command::Sync).await?;
        stage.wait(Duration::from_secs(7)).await;
        stage.give_role(stage.alice(), stage.role()).await?;
        stage.wait(Duration::from_secs(20)).await;
        Ok(())
    })
    .await?;
    assert_eq!(stage.writes().len(), writes);
    assert_eq!(stage.messages(stage.alice()).len(), told);
    Ok(())
}
