//! When Plex or the policy fails.

use std::time::Duration;

use anyhow::{Context, Result};
use rolarr::store::{EventState, Impediment, Stage as At};
use rolarr_sim::plex::{Effect, Fault};
use rolarr_tests::inprocess::{ANN, Stage};

const SHARED: &str = "/api/servers/{machine}/shared_servers";

pub(crate) fn says(status: u16, words: &str) -> Effect {
    Effect::Says { status, body: format!("<Response code=\"{status}\" status=\"{words}\"/>") }
}

async fn asked() -> Result<Stage> {
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    Ok(stage)
}

fn invitations(stage: &Stage) -> usize {
    let sim = stage.at_plex();
    let sent = |write: &&&rolarr_sim::plex::Recorded| {
        write.method == "POST" && write.path.ends_with("shared_servers")
    };
    sim.writes().iter().filter(sent).count()
}

#[tokio::test(start_paused = true)]
async fn an_invitation_whose_answer_is_lost_is_looked_for_and_not_sent_twice() -> Result<()> {
    for effect in [Effect::Hang { applied: true }, Effect::AppliedBut { status: 502 }] {
        let stage = asked().await?;
        stage.at_plex().fault(Fault::on("POST", SHARED, effect).times(1));
        stage.write(stage.alice(), ANN).await?.context("no answer")?;
        stage.wait(Duration::from_secs(600)).await;
        assert_eq!(stage.account(stage.alice()).await?.stage, At::Invited);
        assert_eq!(invitations(&stage), 1);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn already_sharing_after_a_lost_answer_is_success() -> Result<()> {
    let stage = asked().await?;
    // The invitation takes, its answer is lost, and the lists show it only later.
    stage.at_plex().fault(Fault::on("POST", SHARED, Effect::Hang { applied: true }).times(1));
    stage.at_plex().fault(Fault::on("GET", "/api/invites/requested", Effect::Stale).times(3));
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    stage.wait(Duration::from_secs(900)).await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Invited);
    assert_eq!(stage.at_plex().invites().len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn plex_away_for_hours_delays_and_loses_nothing() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    for path in ["/api/users/", "/api/invites/requested"] {
        stage.at_plex().fault(Fault::on("GET", path, Effect::Status { status: 503, retry_after: None }));
    }
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.wait(Duration::from_secs(3 * 3600)).await;
    assert!(stage.filters(ANN).is_empty());
    stage.at_plex().clear_faults();
    stage.wait(Duration::from_secs(1800)).await;
    assert_eq!(stage.filters(ANN).len(), 2);
    Ok(())
}

fn alerts(stage: &Stage) -> usize {
    stage.audit().iter().filter(|line| line.contains("does not accept the token")).count()
}

async fn an_invalid_token(restarted: bool) -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.alice_joins().await?;
    stage.give_role(stage.bob(), stage.role()).await?;
    stage.settle().await;
    stage.at_plex().set_token_valid(false);
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.write(stage.bob(), "ben@example.org").await?.context("no answer")?;
    stage.settle().await;
    assert!(stage.account(stage.alice()).await?.parked.is_some());
    assert!(stage.account(stage.bob()).await?.parked.is_some());
    assert_eq!(alerts(&stage), 1);
    let before = stage.at_plex().requests.len();
    stage.wait(Duration::from_secs(7200)).await;
    let paths: Vec<String> = {
        let sim = stage.at_plex();
        sim.requests[before..].iter().map(|request| format!("{} {}", request.method, request.path)).collect()
    };
    assert!(paths.iter().all(|path| path == "GET /api/v2/user"), "only the token is asked for: {paths:?}");
    assert!((6..=25).contains(&paths.len()), "with growing pauses: {}", paths.len());

    if restarted {
        stage.at_plex().set_token_valid(true);
        stage.stop().await;
        stage.start().await?;
        stage.settle().await;
    } else {
        stage.at_plex().set_token_valid(true);
        // The longest pause, and its chance.
        stage.wait(Duration::from_secs(1260)).await;
    }
    assert_eq!(stage.filters(ANN).len(), 2);
    assert_eq!(stage.account(stage.bob()).await?.stage, At::Invited);
    assert_eq!(invitations(&stage), 2);
    assert_eq!(alerts(&stage), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_invalid_token_parks_and_alerts_once_and_a_valid_one_goes_on_by_itself() -> Result<()> {
    an_invalid_token(false).await
}

#[tokio::test(start_paused = true)]
async fn a_start_with_a_valid_token_goes_on_at_once() -> Result<()> {
    an_invalid_token(true).await
}

/// 401 for one kind of request while the token works for all others.
#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_now_and_then_alerts_once_and_is_asked_for_less_and_less() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let refused = Effect::Status { status: 401, retry_after: None };
    for route in ["/api/users/{id}", "/api/v2/sharing_settings"] {
        for method in ["PUT", "POST"] {
            stage.at_plex().fault(Fault::on(method, route, refused.clone()));
        }
    }
    stage.take_role(stage.alice(), stage.role()).await?;
    let before = stage.at_plex().requests.len();
    stage.wait(Duration::from_secs(12 * 3600)).await;
    let requests = stage.at_plex().requests.len() - before;
    assert!(requests < 12 * 6 * 12, "{requests} requests in twelve hours");
    assert_eq!(alerts(&stage), 1);
    stage.at_plex().clear_faults();
    stage.wait(Duration::from_secs(1260)).await;
    assert_eq!(stage.filters(ANN).len(), 2);
    assert_eq!(alerts(&stage), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_happens_at_the_moment_of_the_refusal_does_not_lose_the_alert() -> Result<()> {
    for pause in 0..25 {
        let stage = Stage::set().await?;
        stage.alice_joins().await?;
        stage.at_plex().set_token_valid(false);
        stage.take_role(stage.alice(), stage.role()).await?;
        stage.wait(Duration::from_millis(pause)).await;
        stage.give_role(stage.alice(), stage.role()).await?;
        stage.take_role(stage.alice(), stage.role()).await?;
        stage.wait(Duration::from_secs(600)).await;
        assert_eq!(alerts(&stage), 1, "after {pause} ms");
        stage.at_plex().set_token_valid(true);
        stage.wait(Duration::from_secs(1260)).await;
        assert_eq!(stage.filters(ANN).len(), 2, "after {pause} ms");
        assert_eq!(alerts(&stage), 1, "after {pause} ms");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_database_that_can_not_be_written_at_that_moment_does_not_lose_the_alert() -> Result<()> {
    for pause in 0..25 {
        let stage = Stage::set().await?;
        stage.alice_joins().await?;
        stage.at_plex().set_token_valid(false);
        stage.take_role(stage.alice(), stage.role()).await?;
        stage.wait(Duration::from_millis(pause)).await;
        stage.impede(Impediment::ReadOnly).await?;
        stage.wait(Duration::from_secs(900)).await;
        stage.impede(Impediment::None).await?;
        stage.wait(Duration::from_secs(1_500)).await;
        assert_eq!(alerts(&stage), 1, "after {pause} ms");
        stage.at_plex().set_token_valid(true);
        stage.wait(Duration::from_secs(1260)).await;
        assert_eq!(stage.filters(ANN).len(), 2, "after {pause} ms");
    }
    Ok(())
}

/// Answers with 401 that are not in plex.tv's own form.
fn unclear() -> [Effect; 3] {
    [
        Effect::Page { status: 401, applied: false },
        Effect::Says { status: 401, body: String::new() },
        Effect::Says { status: 401, body: "{\"error\":\"unauthorized\"}".to_owned() },
    ]
}

#[tokio::test(start_paused = true)]
async fn a_401_that_is_not_plex_tvs_own_alerts_of_no_token_and_parks_nobody() -> Result<()> {
    let users: &[(&str, &str)] = &[("GET", "/api/users")];
    let all: &[(&str, &str)] = &[("*", "*")];
    let writes: &[(&str, &str)] = &[("PUT", "/api/users/{id}"), ("POST", "/api/v2/sharing_settings")];
    for routes in [users, all, writes] {
        for how in unclear() {
            let context = format!("{routes:?} {how:?}");
            let stage = Stage::set().await?;
            stage.alice_joins().await?;
            for (method, route) in routes {
                stage.at_plex().fault(Fault::on(method, route, how.clone()));
            }
            stage.take_role(stage.alice(), stage.role()).await?;
            // Longer than the time between two comparisons.
            stage.wait(SEVEN_HOURS).await;
            let account = stage.account(stage.alice()).await?;
            assert!(account.parked.is_none() && account.due.is_some(), "{context}");
            assert!(stage.filters(ANN).is_empty(), "{context}");
            assert_eq!(alerts(&stage), 0, "{context}: {:?}", stage.audit());
            stage.at_plex().clear_faults();
            stage.wait(Duration::from_secs(1_800)).await;
            assert_eq!(stage.filters(ANN).len(), 2, "{context}");
            assert_eq!(alerts(&stage), 0, "{context}: {:?}", stage.audit());
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_told_although_the_first_401_is_not_plex_tvs_own() -> Result<()> {
    for how in unclear() {
        let stage = Stage::set().await?;
        stage.alice_joins().await?;
        stage.at_plex().set_token_valid(false);
        for route in ["/api/users", "/api/invites/requested"] {
            stage.at_plex().fault(Fault::on("GET", route, how.clone()));
        }
        stage.take_role(stage.alice(), stage.role()).await?;
        stage.wait(Duration::from_secs(600)).await;
        assert_eq!(alerts(&stage), 1, "{how:?}: {:?}", stage.audit());
        assert!(stage.account(stage.alice()).await?.parked.is_some(), "{how:?}");
        stage.at_plex().set_token_valid(true);
        stage.at_plex().clear_faults();
        stage.wait(Duration::from_secs(1_260)).await;
        assert_eq!((stage.filters(ANN).len(), alerts(&stage)), (2, 1), "{how:?}");
    }
    Ok(())
}

/// Nobody's access changes: only the comparison meets the refusal.
#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_while_nothing_is_to_be_done_is_told_too() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    stage.at_plex().set_token_valid(false);
    let before = stage.at_plex().requests.len();
    stage.wait(Duration::from_secs(24 * 3600)).await;
    assert_eq!(alerts(&stage), 1);
    let reads = {
        let sim = stage.at_plex();
        sim.requests[before..].iter().filter(|request| request.path != "/api/v2/user").count()
    };
    assert_eq!(reads, 0, "the owner's account is asked first, and meets the refusal");
    // When it is accepted again, the comparison is made up for.
    let ann = stage.plex_account(ANN).0;
    stage.at_plex().person_leaves_share(ann)?;
    stage.at_plex().set_token_valid(true);
    stage.wait(Duration::from_secs(1_800)).await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Lost);
    Ok(())
}

/// All tries of a request that is refused.
const TRIES: u32 = 4;

const SEVEN_HOURS: Duration = Duration::from_secs(7 * 3_600);

#[tokio::test(start_paused = true)]
async fn a_refusal_that_passes_parks_nobody() -> Result<()> {
    let refusals = [
        ("POST", SHARED, says(403, "Invite a user requires a Plex Pass")),
        ("POST", SHARED, says(422, "You have reached the limit of friends.")),
        ("POST", SHARED, says(400, "Try again later")),
    ];
    for (method, route, refusal) in refusals {
        let stage = asked().await?;
        stage.at_plex().fault(Fault::on(method, route, refusal.clone()).times(TRIES - 1));
        stage.write(stage.alice(), ANN).await?.context("no answer")?;
        stage.wait(SEVEN_HOURS).await;
        let account = stage.account(stage.alice()).await?;
        assert_eq!((account.parked, account.refusals, account.stage), (None, 0, At::Invited), "{refusal:?}");
        let told: Vec<String> =
            stage.audit().into_iter().filter(|text| text.contains("Plex refuses")).collect();
        assert!(told.len() == 1 && told[0].contains("I try 2 more times, next in an hour"), "{told:?}");
    }
    Ok(())
}

/// The same for what is written for an accepted share: a filter, the end of a share.
#[tokio::test(start_paused = true)]
async fn a_refused_restriction_or_removal_is_tried_again_for_hours() -> Result<()> {
    for removes in [false, true] {
        let stage = Stage::set().await?;
        stage.alice_joins().await?;
        for (method, route) in [
            ("PUT", "/api/users/{id}"),
            ("POST", "/api/v2/sharing_settings"),
            ("DELETE", "/api/v2/sharings/{id}"),
        ] {
            stage.at_plex().fault(Fault::on(method, route, says(403, "Not now")).times(2));
        }
        if removes {
            stage.leave(stage.alice()).await?;
        } else {
            stage.take_role(stage.alice(), stage.role()).await?;
        }
        stage.wait(SEVEN_HOURS).await;
        assert_eq!(stage.account(stage.alice()).await?.parked, None);
        if removes {
            assert!(stage.at_plex().share_of(ANN).is_none());
        } else {
            assert_eq!(stage.filters(ANN).len(), 2);
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_page_of_a_proxy_on_a_write_parks_nobody_however_long_it_lasts() -> Result<()> {
    for status in [400, 401, 403, 407, 422, 451] {
        let stage = asked().await?;
        let page = Effect::Page { status, applied: false };
        stage.at_plex().fault(Fault::on("POST", SHARED, page));
        stage.write(stage.alice(), ANN).await?.context("no answer")?;
        stage.wait(SEVEN_HOURS * 4).await;
        assert_eq!(stage.account(stage.alice()).await?.parked, None, "{status}");
        stage.at_plex().clear_faults();
        stage.wait(Duration::from_secs(1_800)).await;
        assert_eq!(stage.account(stage.alice()).await?.stage, At::Invited, "{status}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_page_of_a_proxy_on_a_filter_write_changes_nothing_and_is_tried_again() -> Result<()> {
    let paused = |stage: &Stage| stage.messages(stage.alice()).iter().any(|text| text.contains("is paused"));
    for status in [200, 401, 403, 404] {
        let proxy = |stage: &Stage| {
            let page = Effect::Page { status, applied: false };
            for (method, route) in [("PUT", "/api/users/{id}"), ("*", "/api/v2/sharing_settings")] {
                stage.at_plex().fault(Fault::on(method, route, page.clone()));
            }
        };
        let stage = Stage::set().await?;
        stage.alice_joins().await?;
        proxy(&stage);
        stage.take_role(stage.alice(), stage.role()).await?;
        stage.wait(SEVEN_HOURS).await;
        let account = stage.account(stage.alice()).await?;
        assert!(account.parked.is_none() && account.due.is_some(), "{status}: {:?}", stage.audit());
        assert!(stage.filters(ANN).is_empty() && !paused(&stage), "{status}");
        assert_eq!(alerts(&stage), 0, "{status}");
        stage.at_plex().clear_faults();
        stage.wait(Duration::from_secs(1_800)).await;
        assert!(stage.filters(ANN).len() == 2 && paused(&stage), "{status}: {:?}", stage.audit());

        // The same on the way back.
        proxy(&stage);
        stage.give_role(stage.alice(), stage.role()).await?;
        stage.wait(SEVEN_HOURS).await;
        assert_eq!(stage.filters(ANN).len(), 2, "{status}");
        assert_eq!(stage.account(stage.alice()).await?.parked, None, "{status}");
        stage.at_plex().clear_faults();
        stage.wait(Duration::from_secs(1_800)).await;
        assert!(stage.filters(ANN).is_empty(), "{status}: {:?}", stage.audit());
        assert_eq!(alerts(&stage), 0, "{status}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_lasts_parks_with_plexs_words_and_a_new_event_is_still_decided() -> Result<()> {
    let stage = asked().await?;
    let refusal = says(403, "Invite a user requires a Plex Pass");
    stage.at_plex().fault(Fault::on("POST", SHARED, refusal).times(TRIES));
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    stage.wait(SEVEN_HOURS).await;
    let parked = stage.account(stage.alice()).await?.parked.context("not parked")?;
    assert!(parked.words.contains("Plex refuses"), "{parked:?}");
    let told = stage.audit();
    assert!(told.iter().any(|text| text.contains("`/plex invite`")), "the next step is named: {told:?}");
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    let account = stage.account(stage.alice()).await?;
    assert_eq!((account.parked, account.stage), (None, At::Invited));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn plexs_own_words_name_nobody() -> Result<()> {
    let stage = asked().await?;
    let words = "You're already sharing this server with Ann Example. Please edit your existing share.";
    stage.at_plex().fault(Fault::on("POST", SHARED, says(400, words)).times(1));
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    stage.wait(Duration::from_secs(600)).await;
    assert!(!stage.database_holds("Ann Example")?);
    assert!(
        stage.audit().iter().all(|line| !line.contains("Ann") && !line.contains('@') || line.contains("<@"))
    );
    let alice = stage.alice();
    for event in stage.read(move |tx| tx.story(alice)).await? {
        let decision = stage.read(move |tx| tx.decision(event.id)).await?;
        if let Some(decision) = decision {
            assert!(!decision.input.contains(ANN));
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn every_decision_is_a_recording_that_the_policy_repeats() -> Result<()> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    let alice = stage.alice();
    let mut decisions = 0;
    for event in stage.read(move |tx| tx.story(alice)).await? {
        assert_eq!(event.event.state, EventState::Decided);
        let Some(decision) = stage.read(move |tx| tx.decision(event.id)).await? else {
            panic!("a decided event has a decision")
        };
        let input: rolarr_policy::contract::Event = serde_json::from_str(&decision.input)?;
        assert_eq!(stage.decide(&input)?.actions, decision.actions);
        decisions += 1;
    }
    assert!(decisions >= 4);
    Ok(())
}
