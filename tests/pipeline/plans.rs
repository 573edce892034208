//! Asking a policy about every member.

use std::time::Duration;

use anyhow::{Context, Result};
use rolarr::{
    domain::contract::{Cause, Review},
    pipeline::settings::Brake,
    store::{Answer, Order, Plan, Scope},
};
use rolarr_tests::inprocess::{Setting, Stage};

use crate::swapping::{default_policy, with_label};

const MINUTE: Duration = Duration::from_secs(60);

async fn ask(stage: &Stage, order: Order) -> Result<Answer> {
    let id = stage.change(move |tx| tx.put_order(&order)).await?;
    stage.wait(MINUTE).await;
    stage.change(move |tx| tx.take_answer(id)).await?.context("the order was not answered")
}

async fn plan(stage: &Stage, order: Order) -> Result<Plan> {
    match ask(stage, order).await? {
        Answer::Plan(plan) => Ok(plan),
        other => anyhow::bail!("{other:?}"),
    }
}

/// Orders are looked for every few seconds here, as they are outside of tests.
fn attentive(settings: &mut rolarr::pipeline::settings::Settings) {
    settings.timings.notice = Duration::from_secs(5);
    settings.brake = Brake { members: 2, window: Duration::from_secs(3600) };
}

#[tokio::test(start_paused = true)]
async fn applying_a_policy_shows_who_would_have_less_and_goes_through_the_brake() -> Result<()> {
    let mut stage = Stage::with(Setting { change: attentive, ..Setting::default() }).await?;
    let members = stage.populate(5).await?;
    // Everybody is restricted once, by the first policy's label.
    let unheld = Order::Approve(None);
    for member in &members {
        stage.take_role(member.user, stage.role()).await?;
    }
    stage.wait(MINUTE * 3).await;
    ask(&stage, unheld).await?;
    stage.wait(MINUTE * 3).await;
    assert!(members.iter().all(|member| stage.is_restricted(member.plex)));

    stage.policies.put(Ok(default_policy(&with_label("closed"))));
    ask(&stage, Order::Reload).await?;
    let writes = stage.writes().len();
    let shown = plan(&stage, Order::Plan(Scope::Everybody)).await?;
    assert_eq!((shown.changes.len(), shown.shrinks, shown.free), (5, 5, 2));
    assert!(shown.looked_at >= 5);
    assert_eq!(shown.changes[0].from, "restricted");
    assert_eq!(stage.writes().len(), writes, "a plan changes nothing");
    let user = members[0].user;
    let before = stage.read(move |tx| tx.story(user)).await?.len();

    plan(&stage, Order::Apply(Scope::Everybody)).await?;
    stage.wait(MINUTE * 5).await;
    let story = stage.read(move |tx| tx.story(user)).await?;
    assert_eq!(story.len(), before + 1);
    assert_eq!(story.last().map(|row| row.event.cause.clone()), Some(Cause::Review(Review::PolicyChanged)));
    assert_eq!(stage.read(|tx| tx.holds()).await?.len(), 3, "two an hour pass");

    let again = plan(&stage, Order::Plan(Scope::Everybody)).await?;
    assert_eq!(again.shrinks, 0, "it was decided already");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_had_the_role_before_is_asked_on_wish_and_nobody_else() -> Result<()> {
    let before: fn(&mut rolarr_sim::discord::DiscordSim, &rolarr_sim::discord::Scene) = |sim, scene| {
        sim.add_role(rolarr_tests::inprocess::BEGINNING.0, scene.guild, scene.alice, scene.subscriber)
            .unwrap();
    };
    let stage = Stage::with(Setting { change: attentive, on_discord: before, ..Setting::default() }).await?;
    assert!(stage.messages(stage.alice()).is_empty(), "taken in as they are");
    let shown = plan(&stage, Order::Plan(Scope::NeverAsked)).await?;
    assert_eq!(shown.changes.iter().map(|change| change.user).collect::<Vec<_>>(), [stage.alice()]);
    assert_eq!((shown.changes[0].from.as_str(), shown.changes[0].to.as_str()), ("no access", "access"));
    assert!(stage.messages(stage.alice()).is_empty());
    plan(&stage, Order::Apply(Scope::NeverAsked)).await?;
    stage.wait(MINUTE).await;
    assert_eq!(stage.messages(stage.alice()).len(), 1);
    let again = plan(&stage, Order::Plan(Scope::NeverAsked)).await?;
    assert!(again.changes.is_empty(), "asked already");
    Ok(())
}
