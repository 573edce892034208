//! Libraries follow the tier that is held, and what was sent for another one is still known as ours.

use anyhow::{Context, Result};
use rolarr::pipeline::settings::Settings;
use rolarr_sim::{
    http::Request,
    plex::{Effect, Fault, Libraries, Library, MACHINE, PlexSim},
};
use rolarr_tests::inprocess::{ANN, Place, Setting, Stage, UnderWay, load};
use serde_json::json;

use super::{A_MOMENT, LONG, reached};

const SHARE: &str = "/api/servers/{machine}/shared_servers/{share}";

/// Whoever has the role sees movies, and with the second one music as well.
async fn tiers() -> Result<Stage> {
    let mut stage = Stage::set().await?;
    stage.stop().await;
    let tiers = json!({"tiers": {"plex": ["Movies"], "vip": ["Movies", "Music"]}});
    stage.policies.put(Ok(load("builtin:tiers", &tiers)?));
    stage.start().await?;
    Ok(stage)
}

/// The libraries that are shared with Ann.
fn shared(stage: &Stage) -> Vec<String> {
    let sim = stage.at_plex();
    let Some(share) = sim.share_of(ANN) else { return Vec::new() };
    let server = sim.world.servers.iter().find(|server| server.machine == MACHINE).unwrap();
    let holds = |id: u64| match &share.libraries {
        Libraries::All => true,
        Libraries::These(these) => these.contains(&id),
    };
    server.libraries.iter().filter(|one| holds(one.id)).map(|one| one.title.clone()).collect()
}

async fn vip(stage: &Stage, has: bool) -> Result<()> {
    match has {
        true => stage.give_role(stage.alice(), stage.vip).await,
        false => stage.take_role(stage.alice(), stage.vip).await,
    }
}

fn stop_libraries(stage: &Stage, place: Place) -> UnderWay {
    let writes = |request: &Request| request.method == "PUT" && request.path.contains("/shared_servers/");
    stage.plex_boundaries.stop(place, writes)
}

#[tokio::test(start_paused = true)]
async fn a_tier_that_flips_during_the_write_and_one_failure_leaves_the_libraries_of_the_tier_held()
-> Result<()> {
    for place in Place::ALL {
        for status in [500, 429] {
            for last in [false, true] {
                let stage = tiers().await?;
                stage.alice_joins().await?;
                if last {
                    vip(&stage, true).await?;
                    stage.wait(LONG).await;
                }
                let under_way = stop_libraries(&stage, place);
                vip(&stage, !last).await?;
                let under_way = reached(under_way).await?;
                let failure = Effect::Status { status, retry_after: None };
                let passed = u32::from(place == Place::Sent);
                stage.at_plex().fault(Fault::on("PUT", SHARE, failure).after(passed).times(1));
                vip(&stage, last).await?;
                stage.wait(A_MOMENT).await;
                drop(under_way);
                stage.wait(LONG).await;
                let expected: &[&str] = if last { &["Movies", "Music"] } else { &["Movies"] };
                assert_eq!(shared(&stage), expected, "{place:?}, {status}, {last}: {:?}", stage.audit());
            }
        }
    }
    Ok(())
}

/// Alice has the role and has given her address; the first invitation is answered so.
async fn first_invitation(effect: Effect) -> Result<Stage> {
    let stage = tiers().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.at_plex().fault(Fault::on("POST", "/api/servers/{machine}/shared_servers", effect).times(1));
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    // It is not tried again before two seconds have passed.
    stage.wait(std::time::Duration::from_secs(1)).await;
    Ok(stage)
}

#[tokio::test(start_paused = true)]
async fn an_invitation_that_is_sent_again_for_another_tier_leaves_the_libraries_of_the_tier_held()
-> Result<()> {
    for lost in [Effect::Hang { applied: false }, Effect::Status { status: 500, retry_after: None }] {
        let stage = first_invitation(lost.clone()).await?;
        vip(&stage, true).await?;
        stage.wait(std::time::Duration::from_secs(300)).await;
        assert_eq!(stage.at_plex().invites().len(), 1, "{lost:?}");
        assert_eq!(shared(&stage), ["Movies", "Music"], "{lost:?}");
        vip(&stage, false).await?;
        stage.wait(std::time::Duration::from_secs(300)).await;
        let now = stage.now();
        stage.at_plex().person_accepts(now, ANN)?;
        stage.wait(LONG).await;
        assert_eq!(shared(&stage), ["Movies"], "{lost:?}: {:?}", stage.audit());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_name_that_two_libraries_have_means_both_for_a_rule_and_for_the_configuration() -> Result<()> {
    let by_rule = json!({"tiers": {"plex": ["movies"], "vip": ["Movies", "Music"]}});
    let by_configuration = json!({});
    for (policy, settings) in [("builtin:tiers", by_rule), ("builtin:role-restriction", by_configuration)] {
        let second = |plex: &mut PlexSim| {
            let server = plex.world.servers.iter_mut().find(|server| server.machine == MACHINE).unwrap();
            let first = server.libraries[0].clone();
            // Another spelling is no other name.
            let title = "MOVIES".to_owned();
            server.libraries.push(Library { id: 777_000_001, key: 77, title, items: Vec::new(), ..first });
        };
        let change = |settings: &mut Settings| {
            settings.named = Some(vec!["Movies".to_owned()]);
        };
        let mut stage = Stage::with(Setting { before: second, change, ..Setting::default() }).await?;
        stage.stop().await;
        stage.policies.put(Ok(load(policy, &settings)?));
        stage.start().await?;
        stage.alice_joins().await?;
        assert_eq!(shared(&stage), ["Movies", "MOVIES"], "{policy}");
        if policy == "builtin:tiers" {
            vip(&stage, true).await?;
            stage.wait(LONG).await;
            assert_eq!(shared(&stage), ["Movies", "Music", "MOVIES"]);
        }
        assert!(stage.audit().iter().all(|line| !line.contains("changed by somebody else")));
    }
    Ok(())
}
