//! Which policy decides: reloads and rolling back.

use std::time::Duration;

use anyhow::Result;
use rolarr::{
    domain::{
        Timestamp, UserId,
        contract::{Action, Cause},
    },
    pipeline::{ports::Command, settings::Brake},
    store::{Answer, DecisionRow, EventState, Order, WakeRow},
};
use rolarr_tests::inprocess::{Setting, Stage, load, load_module};
use serde_json::{Value, json};

use crate::wat_policies::{Parts, contract, core_module, embed, harmful::LOOP};

const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn with_label(label: &str) -> Value {
    json!({ "label": label })
}

pub(crate) fn default_policy(settings: &Value) -> rolarr::pipeline::ports::policy_source::Loaded {
    load("builtin:role-restriction", settings).unwrap()
}

/// A policy from WebAssembly text.
pub(crate) fn from_text(name: &str, module: Vec<u8>) -> rolarr::pipeline::ports::policy_source::Loaded {
    load_module(rolarr::policy::Module::from_bytes(name, module), &json!({})).unwrap()
}

/// A policy that never ends, on the events of a journal.
pub(crate) fn endless() -> rolarr::pipeline::ports::policy_source::Loaded {
    let text = Parts { evaluate: LOOP, ..Parts::default() }.text();
    let journal = text.replace("(i32.const 0x39)", "(i32.const 0x30)");
    from_text("endless", embed(&journal, &contract("1.0.0"), "policy"))
}

/// A policy of another name, which decides nothing for anybody.
pub(crate) fn idle() -> rolarr::pipeline::ports::policy_source::Loaded {
    from_text("idle", core_module(&Parts::default()))
}

pub(crate) async fn reload(stage: &Stage) -> Result<String> {
    Ok(stage.command(stage.bob(), true, Command::ReloadPolicy).await?.text)
}

async fn roll_back(stage: &Stage, to: Option<&str>) -> Result<String> {
    let to = to.map(str::to_owned);
    Ok(stage.command(stage.bob(), true, Command::RollBackPolicy { to }).await?.text)
}

/// Every decision about a member, oldest first.
pub(crate) async fn decisions(stage: &Stage, user: UserId) -> Result<Vec<DecisionRow>> {
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
pub(crate) async fn label(stage: &Stage) -> Result<Option<String>> {
    let last = decisions(stage, stage.alice()).await?.pop();
    Ok(last.and_then(|decision| labels(&decision.actions).pop()))
}

fn labels(actions: &[Action]) -> Vec<String> {
    let value = serde_json::to_value(actions).unwrap();
    let labels = value[0]["restrict-to"]["movies"]["only"]["labels"].as_array().cloned().unwrap_or_default();
    labels.iter().map(|label| label.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_reload_says_what_else_changed_in_the_configuration() -> Result<()> {
    let stage = Stage::set().await?;
    assert!(!reload(&stage).await?.contains("started again"));
    stage.policies.change_elsewhere(&["discord", "timing"]);
    let said = reload(&stage).await?;
    assert!(said.contains("changed in `[discord]`, `[timing]` too"), "{said}");
    stage.policies.put(Ok(default_policy(&with_label("other"))));
    let said = reload(&stage).await?;
    assert!(said.contains("started again"), "{said}");
    stage.policies.change_elsewhere(&[]);
    assert!(!reload(&stage).await?.contains("started again"));
    Ok(())
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

#[tokio::test(start_paused = true)]
async fn what_could_not_take_over_does_not_do_so_at_a_start() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.alice_joins().await?;
    stage.policies.put(Ok(endless()));
    assert!(reload(&stage).await?.contains("was not changed"));
    stage.policies.touch();
    stage.stop().await;
    stage.start().await?;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(label(&stage).await?.as_deref(), Some("noAccess"));
    let told = stage.audit().iter().filter(|text| text.contains("was not changed")).count();
    assert_eq!(told, 2, "at the reload and at the start");

    // It is tried again whenever its file is written.
    stage.policies.touch();
    stage.wait(MINUTE).await;
    assert!(stage.audit().iter().filter(|text| text.contains("was not changed")).count() > told);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_back_twice_does_not_come_to_what_they_went_back_from() -> Result<()> {
    let stage = Stage::set().await?;
    for label in ["second", "third"] {
        stage.policies.put(Ok(default_policy(&with_label(label))));
        stage.wait(MINUTE).await;
        reload(&stage).await?;
    }
    let mut settings = Vec::new();
    for _ in 0..2 {
        stage.wait(MINUTE).await;
        roll_back(&stage, None).await?;
        settings.push(stage.read(|tx| tx.kept_policies()).await?.remove(0).settings);
    }
    assert_eq!(settings, [with_label("second"), json!({})]);
    Ok(())
}

/// A crash after the answer must not go back once more, and one before it must not lose that.
#[tokio::test(start_paused = true)]
async fn an_order_to_go_back_is_answered_with_what_it_does() -> Result<()> {
    let change: fn(&mut _) = |settings: &mut rolarr::pipeline::settings::Settings| {
        settings.timings.notice = Duration::from_secs(5);
    };
    let stage = Stage::with(Setting { change, ..Setting::default() }).await?;
    stage.policies.put(Ok(default_policy(&with_label("second"))));
    reload(&stage).await?;
    let order = stage.change(|tx| tx.put_order(&Order::RollBack(None))).await?;
    loop {
        let (kept, waits) = stage.read(move |tx| Ok((tx.kept_policies()?, tx.order_waits(order)?))).await?;
        let done = kept[0].settings == json!({});
        assert_eq!(waits, !done, "both in the same transaction");
        if done {
            break;
        }
        stage.wait(Duration::from_millis(1)).await;
    }
    let answer = stage.change(move |tx| tx.take_answer(order)).await?;
    assert!(matches!(&answer, Some(Answer::Done(said)) if said.contains("decides now")), "{answer:?}");
    stage.wait(MINUTE).await;
    assert_eq!(stage.change(move |tx| tx.take_answer(order)).await?, None, "answered once");
    Ok(())
}

/// A decision that was under way while another policy took over stores its wake after that; and one that was due
/// already waits to be decided.
#[tokio::test(start_paused = true)]
async fn no_policy_is_told_of_another_ones_wakes() -> Result<()> {
    let change: fn(&mut _) = |settings: &mut rolarr::pipeline::settings::Settings| {
        settings.timings.notice = Duration::from_secs(5);
    };
    let stage = Stage::with(Setting { change, ..Setting::default() }).await?;
    stage.alice_joins().await?;
    stage.policies.put(Ok(idle()));
    let (guild, alice) = (stage.guild(), stage.alice());
    let wake = |due| WakeRow {
        guild,
        user: alice,
        tag: "later".to_owned(),
        due: Timestamp(due),
        policy: "role-restriction".to_owned(),
    };
    let wake = wake(stage.now() + 60_000);
    reload(&stage).await?;
    stage.change(move |tx| tx.put_wake(&wake)).await?;
    stage.wait(MINUTE * 2).await;
    let story = stage.read(move |tx| tx.story(alice)).await?;
    assert!(!story.iter().any(|row| matches!(row.event.cause, Cause::Wake(_))), "{story:?}");
    assert_eq!(stage.read(move |tx| tx.wakes(guild, alice)).await?.len(), 0);
    Ok(())
}
