//! Which policy decides: reloads, rolling back, candidates, and asking about every member.

use std::time::Duration;

use anyhow::{Context, Result};
use rolarr::{
    domain::{
        Timestamp, UserId,
        contract::{Action, Cause, Review},
    },
    pipeline::{ports::Command, settings::Brake},
    store::{Answer, DecisionRow, EventState, Likenesses, Order, Plan, Scope, WakeRow},
};
use rolarr_tests::inprocess::{Setting, Stage, load, load_module};
use serde_json::{Value, json};

use crate::wat_policies::{Parts, contract, core_module, embed, harmful::LOOP};

const MINUTE: Duration = Duration::from_secs(60);

fn with_label(label: &str) -> Value {
    json!({ "label": label })
}

fn default_policy(settings: &Value) -> rolarr::pipeline::policies::Loaded {
    load("builtin:role-restriction", settings).unwrap()
}

/// A policy from WebAssembly text.
fn from_text(name: &str, module: Vec<u8>) -> rolarr::pipeline::policies::Loaded {
    load_module(rolarr::policy::Module::from_bytes(name, module), &json!({})).unwrap()
}

/// A policy that never ends, on the events of a journal.
fn endless() -> rolarr::pipeline::policies::Loaded {
    let text = Parts { evaluate: LOOP, ..Parts::default() }.text();
    let journal = text.replace("(i32.const 0x39)", "(i32.const 0x30)");
    from_text("endless", embed(&journal, &contract("1.0.0"), "policy"))
}

/// A policy of another name, which decides nothing for anybody.
fn idle() -> rolarr::pipeline::policies::Loaded {
    from_text("idle", core_module(&Parts::default()))
}

async fn reload(stage: &Stage) -> Result<String> {
    Ok(stage.command(stage.bob(), true, Command::ReloadPolicy).await?.text)
}

async fn roll_back(stage: &Stage, to: Option<&str>) -> Result<String> {
    let to = to.map(str::to_owned);
    Ok(stage.command(stage.bob(), true, Command::RollBackPolicy { to }).await?.text)
}

/// Every decision about a member, oldest first.
async fn decisions(stage: &Stage, user: UserId) -> Result<Vec<DecisionRow>> {
    Ok(stage
        .read(move |tx| {
            let mut found = Vec::new();
            for row in tx.story(user)? {
                found.extend(tx.decision(row.id)?);
            }
            Ok(found)
        })
        .await?)
}

/// The label of the restriction that was decided last.
async fn label(stage: &Stage) -> Result<Option<String>> {
    let last = decisions(stage, stage.alice()).await?.pop();
    Ok(last.and_then(|decision| labels(&decision.actions).pop()))
}

fn labels(actions: &[Action]) -> Vec<String> {
    let value = serde_json::to_value(actions).unwrap();
    let labels = value[0]["restrict-to"]["movies"]["only"]["labels"].as_array().cloned().unwrap_or_default();
    labels.iter().map(|label| label.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_reload_lets_the_new_policy_decide_and_changes_nothing_by_itself() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let writes = stage.writes().len();
    stage.policies.put(Ok(default_policy(&with_label("closed"))));
    let said = reload(&stage).await?;
    assert!(said.contains("decides now, in place of `role-restriction"), "{said}");
    stage.settle().await;
    assert_eq!(stage.writes().len(), writes, "nothing changed for anybody");
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(label(&stage).await?.as_deref(), Some("closed"));
    let digest = default_policy(&with_label("closed")).policy.digest().to_owned();
    assert_eq!(decisions(&stage, stage.alice()).await?.pop().map(|row| row.digest), Some(digest));
    assert!(reload(&stage).await?.contains("decides already: nothing changed"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn only_administrators_change_the_policy() -> Result<()> {
    let stage = Stage::set().await?;
    stage.policies.put(Ok(idle()));
    for command in [Command::ReloadPolicy, Command::RollBackPolicy { to: None }] {
        let reply = stage.command(stage.bob(), false, command).await?;
        assert!(reply.text.contains("for administrators"), "{}", reply.text);
    }
    assert_eq!(stage.read(|tx| tx.kept_policies()).await?.len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_does_not_load_leaves_the_old_one_and_says_why() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    stage.policies.put(Err("config.toml:7: the policy `new.wasm` does not load: not a policy".to_owned()));
    let said = reload(&stage).await?;
    assert!(said.contains("was not changed") && said.contains("config.toml:7"), "{said}");
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(label(&stage).await?.as_deref(), Some("noAccess"));
    assert_eq!(stage.audit().iter().filter(|text| text.contains("config.toml:7")).count(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_fails_on_what_really_happened_does_not_take_over() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    stage.policies.put(Ok(endless()));
    let said = reload(&stage).await?;
    assert!(said.contains("was not changed") && said.contains("fuel"), "{said}");
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(label(&stage).await?.as_deref(), Some("noAccess"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_file_is_taken_in_once_it_is_written_whole() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.policies.touch();
    stage.stop().await;
    stage.start().await?;
    stage.policies.put(Ok(default_policy(&with_label("closed"))));
    // Somebody writes it for a while: it looks different at each look.
    for _ in 0..30 {
        stage.policies.touch();
        stage.wait(Duration::from_millis(200)).await;
        assert_eq!(stage.read(|tx| tx.kept_policies()).await?.len(), 1);
    }
    stage.wait(Duration::from_secs(2)).await;
    assert_eq!(stage.read(|tx| tx.kept_policies()).await?.len(), 2);
    stage.policies.put(Err("broken".to_owned()));
    stage.policies.touch();
    stage.wait(MINUTE).await;
    assert_eq!(stage.audit().iter().filter(|text| text.contains("broken")).count(), 1, "told once");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn rolling_back_goes_to_the_policy_before_whatever_became_of_its_file() -> Result<()> {
    let mut stage = Stage::set().await?;
    assert!(roll_back(&stage, None).await?.contains("no earlier policy"));
    stage.policies.put(Ok(default_policy(&with_label("closed"))));
    reload(&stage).await?;
    let said = roll_back(&stage, Some("nosuch")).await?;
    assert!(said.contains("no earlier policy is called `nosuch`: `role-restriction` ("), "{said}");
    let said = roll_back(&stage, Some("role-restriction")).await?;
    assert!(said.contains("decides now") && said.contains("It stays until"), "{said}");
    stage.alice_joins().await?;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(label(&stage).await?.as_deref(), Some("noAccess"));

    // It holds over a restart, because the configuration still names what was taken back.
    stage.stop().await;
    stage.start().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(label(&stage).await?.as_deref(), Some("noAccess"));

    // And ends when it names another.
    stage.policies.put(Ok(default_policy(&with_label("other"))));
    stage.stop().await;
    stage.start().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(label(&stage).await?.as_deref(), Some("other"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_reload_ends_that_a_policy_was_rolled_back() -> Result<()> {
    let stage = Stage::set().await?;
    stage.policies.put(Ok(default_policy(&with_label("closed"))));
    reload(&stage).await?;
    let digest = default_policy(&Value::Null).policy.digest()[..8].to_owned();
    roll_back(&stage, Some(&digest)).await?;
    assert!(reload(&stage).await?.contains("decides now"));
    let present = stage.read(|tx| tx.kept_policies()).await?.remove(0);
    assert_eq!(present.settings, with_label("closed"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn under_a_stream_of_events_each_is_decided_once_by_the_policy_that_it_names() -> Result<()> {
    let change: fn(&mut _) = |settings: &mut rolarr::pipeline::settings::Settings| {
        settings.brake = Brake { members: 10_000, window: MINUTE };
    };
    let mut stage = Stage::with(Setting { change, ..Setting::default() }).await?;
    let members = stage.populate(40).await?;
    let policies: Vec<_> = ["one", "two", "three"].map(|label| default_policy(&with_label(label))).into();
    for round in 0..30 {
        for (at, member) in members.iter().enumerate() {
            if round % 2 == 0 {
                stage.take_role(member.user, stage.role()).await?;
            } else {
                stage.give_role(member.user, stage.role()).await?;
            }
            if at % 13 == 5 {
                stage.policies.put(Ok(policies[(round + at) % 3].clone()));
                stage.reload_policy()?;
            }
            stage.wait(Duration::from_millis(3)).await;
        }
        stage.wait(Duration::from_secs(5)).await;
    }
    stage.wait(MINUTE * 10).await;
    let (mut decided, mut used) = (0, std::collections::BTreeMap::<String, usize>::new());
    for member in &members {
        let user = member.user;
        let story = stage.read(move |tx| tx.story(user)).await?;
        assert!(
            story.iter().all(|row| row.event.state != EventState::Waiting),
            "{user} has an event that waits"
        );
        let roles =
            story.iter().filter(|row| matches!(row.event.cause, Cause::RoleAdded(_) | Cause::RoleRemoved(_)));
        let roles: Vec<_> = roles.map(|row| row.id).collect();
        let found = decisions(&stage, user).await?;
        let of_roles: Vec<_> = found.iter().map(|row| row.event).filter(|id| roles.contains(id)).collect();
        assert_eq!(of_roles, roles, "each event of {user} is decided once");
        decided += of_roles.len();
        for decision in found {
            for label in labels(&decision.actions) {
                let policy = policies.iter().find(|loaded| loaded.policy.digest() == decision.digest);
                let named = policy.map(|loaded| loaded.settings["label"].as_str().unwrap());
                // Before the first swap it is the default.
                assert_eq!(named.unwrap_or("noAccess"), label);
                *used.entry(label).or_default() += 1;
            }
        }
    }
    assert!(decided >= 40 * 15, "only {decided} events were decided");
    assert!(used.len() >= 3, "{used:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn wakes_go_with_a_policy_of_another_name_and_stay_with_one_of_the_same() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let wake = WakeRow {
        guild: stage.guild(),
        user: stage.alice(),
        tag: "later".to_owned(),
        due: Timestamp(stage.now() + 3_600_000),
        policy: "role-restriction".to_owned(),
    };
    let (guild, alice) = (stage.guild(), stage.alice());
    stage.change(move |tx| tx.put_wake(&wake)).await?;
    stage.policies.put(Ok(default_policy(&with_label("closed"))));
    reload(&stage).await?;
    assert_eq!(stage.read(move |tx| tx.wakes(guild, alice)).await?.len(), 1);
    stage.policies.put(Ok(idle()));
    reload(&stage).await?;
    assert_eq!(stage.read(move |tx| tx.wakes(guild, alice)).await?.len(), 0);
    Ok(())
}

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

#[tokio::test(start_paused = true)]
async fn a_candidate_is_compared_and_has_no_effect() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.policies.put_candidate(Some(Ok(idle().policy)));
    stage.stop().await;
    stage.start().await?;
    stage.alice_joins().await?;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(label(&stage).await?.as_deref(), Some("noAccess"));
    let digest = idle().policy.digest().to_owned();
    let found = stage.read(move |tx| tx.likenesses(&digest)).await?;
    assert!(found.access >= 2 && found.failed == 0, "{found:?}");
    assert_eq!(found.all(), decisions(&stage, stage.alice()).await?.len() as u64);
    let digest = idle().policy.digest().to_owned();
    let newest = stage.read(move |tx| tx.differences(&digest, 1)).await?.remove(0);
    assert!(newest.actions.is_empty() && !newest.decided.is_empty(), "{newest:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_candidate_that_fails_holds_nobody_up() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.policies.put_candidate(Some(Ok(endless().policy)));
    stage.stop().await;
    stage.start().await?;
    stage.alice_joins().await?;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(label(&stage).await?.as_deref(), Some("noAccess"));
    let digest = endless().policy.digest().to_owned();
    let found = stage.read(move |tx| tx.likenesses(&digest)).await?;
    assert_eq!(found, Likenesses { failed: found.all(), ..Likenesses::default() });
    assert!(found.failed > 0);

    stage.policies.put_candidate(Some(Err("candidate.wasm: not a policy".to_owned())));
    let said = reload(&stage).await?;
    assert!(said.contains("nothing changed") && said.contains("can't be loaded"), "{said}");
    stage.settle().await;
    assert!(stage.audit().iter().any(|text| text.contains("candidate.wasm: not a policy")));
    Ok(())
}
