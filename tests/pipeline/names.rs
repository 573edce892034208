//! What a policy names is held against what there is, and what does not exist is told.

use std::time::Duration;

use anyhow::Result;
use rolarr::pipeline::ports::{Command, policy_source::Loaded};
use rolarr_sim::plex::MACHINE;
use rolarr_tests::inprocess::{Stage, load};
use serde_json::{Value, json};

use crate::{
    constant_policy::{Always, always},
    swapping::{default_policy, reload, with_label},
};

/// Longer than the time between two comparisons.
const ROUND: Duration = Duration::from_secs(7 * 3600);

fn tiers(tiers: &Value) -> Loaded {
    load("builtin:tiers", &json!({ "tiers": tiers })).unwrap()
}

/// The bot starts with another policy.
async fn with(policy: Loaded) -> Result<Stage> {
    let mut stage = Stage::set().await?;
    stage.stop().await;
    stage.policies.put(Ok(policy));
    stage.start().await?;
    Ok(stage)
}

/// What administrators were told about names.
fn told(stage: &Stage) -> Vec<String> {
    let about = ["no tracked role", "no library", "no Discord server", "carry the label", "can't be set"];
    let says = |text: &str| about.iter().any(|words| text.to_lowercase().contains(&words.to_lowercase()));
    stage.audit().into_iter().filter(|text| says(text)).collect()
}

#[tokio::test(start_paused = true)]
async fn names_that_do_not_exist_are_told_once_with_what_was_meant_and_what_there_is() -> Result<()> {
    let mut stage = with(tiers(&json!({"plxe": ["Movies"], "vip": ["Moviez", "music"]}))).await?;
    let all = told(&stage);
    assert_eq!(all.len(), 1, "{:?}", stage.audit());
    for words in [
        "The policy `tiers 1` (",
        "In the setting `tiers`, no tracked role has the key `plxe`. Did you mean `plex`? There is: `plex`, `vip`.",
        "In the setting `tiers.vip`, the Plex server has no library `Moviez`. Did you mean `Movies`? There is: \
         `Movies`, `TV Shows`, `Music`, `Photos`.",
    ] {
        assert!(all[0].contains(words), "{words}: {all:?}");
    }
    // Neither a comparison nor a restart tells it again.
    stage.wait(ROUND).await;
    stage.stop().await;
    stage.start().await?;
    stage.wait(ROUND).await;
    assert_eq!(told(&stage).len(), 1, "{:?}", told(&stage));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_reload_and_going_back_are_looked_at_too() -> Result<()> {
    let stage = with(tiers(&json!({"plex": ["Movies"]}))).await?;
    assert_eq!(told(&stage), [""; 0]);
    stage.policies.put(Ok(tiers(&json!({"plex": ["Film"]}))));
    reload(&stage).await?;
    stage.settle().await;
    assert_eq!(told(&stage).len(), 1, "{:?}", stage.audit());
    stage.policies.put(Ok(tiers(&json!({"plex": ["Music"]}))));
    reload(&stage).await?;
    stage.settle().await;
    assert_eq!(told(&stage).len(), 1);
    let back = Command::RollBackPolicy { to: None };
    stage.command(stage.bob(), true, back).await?;
    stage.settle().await;
    assert_eq!(told(&stage).len(), 2, "{:?}", stage.audit());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_candidate_is_looked_at_and_named_as_one() -> Result<()> {
    let stage = with(tiers(&json!({"plex": ["Movies"]}))).await?;
    stage.policies.put_candidate(Some(Ok(tiers(&json!({"gold": ["Movies"]})).policy)));
    reload(&stage).await?;
    stage.settle().await;
    let all = told(&stage);
    assert!(all.len() == 1 && all[0].starts_with("The candidate `tiers 1`"), "{all:?}");
    assert!(all[0].contains("no tracked role has the key `gold`"), "{all:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_library_that_goes_is_told_where_a_rule_names_it() -> Result<()> {
    let stage = with(tiers(&json!({"plex": ["Movies", "Music"]}))).await?;
    stage.at_plex().world.remove_library(MACHINE, "Music").unwrap();
    stage.wait(ROUND).await;
    let all = told(&stage);
    assert!(all.len() == 1 && all[0].contains("no library `Music`"), "{all:?}");
    // It comes back, and goes once more.
    stage.at_plex().world.add_library(MACHINE, "Music", "artist").unwrap();
    stage.wait(ROUND).await;
    assert_eq!(told(&stage).len(), 1);
    stage.at_plex().world.remove_library(MACHINE, "Music").unwrap();
    stage.wait(ROUND).await;
    assert_eq!(told(&stage).len(), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_library_that_only_an_answer_names_is_found_before_anybody_has_the_role() -> Result<()> {
    let stage = with(always(&Always::Libraries(&["Movies", "Serien"]))?).await?;
    let all = told(&stage);
    assert!(
        all.len() == 1 && all[0].contains("In an answer, the Plex server has no library `Serien`."),
        "{all:?}"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_label_in_an_answer_that_no_filter_can_carry_is_told() -> Result<()> {
    let stage = with(always(&Always::Restrict([Some("no,access"), None, None, None]))?).await?;
    let all = told(&stage);
    assert!(all.len() == 1 && all[0].contains("can't be set") && all[0].contains("`no,access`"), "{all:?}");
    Ok(())
}

#[test]
fn a_label_in_the_settings_that_no_filter_can_carry_does_not_load() {
    for (policy, label) in [
        ("builtin:tiers", "no,access"),
        ("builtin:grace-period", "a|b"),
        ("builtin:remove-after", "100%"),
        ("builtin:never-touch", "a\u{7}"),
    ] {
        let settings = match policy {
            "builtin:tiers" => json!({ "label": label, "tiers": { "plex": ["Movies"] } }),
            _ => with_label(label),
        };
        let error = format!("{:#}", load(policy, &settings).unwrap_err());
        assert!(error.contains("setting `label`"), "{policy}, {label}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn items_that_carry_the_label_of_whichever_policy_are_told() -> Result<()> {
    let grace = |label: &str| load("builtin:grace-period", &with_label(label)).unwrap();
    for (policy, label) in [
        (default_policy(&with_label("hidden")), "Hidden"),
        (grace("gone"), "gone"),
        (always(&Always::Restrict([None, Some("nothing"), None, None]))?, "nothing"),
    ] {
        let mut stage = Stage::set().await?;
        stage.stop().await;
        stage.policies.put(Ok(policy));
        stage.at_plex().world.add_item("TV Shows", "Tagged", &[label], "G");
        stage.start().await?;
        let all = told(&stage);
        assert_eq!(all.len(), 1, "{label}: {:?}", stage.audit());
        assert!(all[0].contains("Items in the library `TV Shows` carry the label"), "{all:?}");
    }
    Ok(())
}
