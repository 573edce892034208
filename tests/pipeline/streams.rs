//! What a member watches ends with their access, whatever the server says.

use std::time::Duration;

use anyhow::Result;
use rolarr::store::Stage as At;
use rolarr_sim::{
    http::Request,
    plex::{Effect, Fault, SERVER_LAG_MS},
};
use rolarr_tests::inprocess::{ANN, Place, Stage};

const SESSIONS: &str = "/status/sessions";
const TERMINATE: &str = "/status/sessions/terminate";
const FILM: &str = "Harbour";

/// Longer than all tries to end what plays.
const LONG: Duration = Duration::from_secs(900);

/// Alice has access, and Ann's account plays so many films.
async fn watching(films: usize) -> Result<Stage> {
    let stage = Stage::set().await?;
    stage.alice_joins().await?;
    let ann = stage.plex_account(ANN).0;
    for _ in 0..films {
        stage.at_plex().start_stream(ann, FILM)?;
    }
    Ok(stage)
}

fn fails(status: u16) -> Effect {
    Effect::Status { status, retry_after: None }
}

fn playing(stage: &Stage) -> usize {
    stage.at_plex().sessions().len()
}

fn terminated(stage: &Stage) -> usize {
    stage.at_plex().requests.iter().filter(|request| request.path == TERMINATE).count()
}

/// What administrators are told of a stream that goes on.
fn told(stage: &Stage) -> Vec<String> {
    let of_alice = format!("<@{}>", stage.alice().0);
    let is = |text: &String| text.contains("dashboard of Plex") && text.contains(&of_alice);
    stage.audit().into_iter().filter(is).collect()
}

fn is_told_of_the_pause(stage: &Stage) -> bool {
    stage.messages(stage.alice()).iter().any(|text| text.contains("is paused"))
}

#[tokio::test(start_paused = true)]
async fn a_stream_begun_again_before_the_filter_reached_the_server_is_ended() -> Result<()> {
    for seconds in [1, 8, SERVER_LAG_MS / 1_000 - 2] {
        let stage = watching(1).await?;
        let ann = stage.plex_account(ANN).0;
        stage.take_role(stage.alice(), stage.role()).await?;
        while stage.at_plex().visible_items(ann).iter().any(|title| title == FILM) {
            stage.wait(Duration::from_millis(100)).await;
        }
        stage.wait(Duration::from_secs(seconds)).await;
        let now = stage.now();
        stage.at_plex().start_stream_before_the_filter(now, ann, FILM)?;
        assert!(playing(&stage) > 0, "{seconds} s");
        stage.wait(Duration::from_secs(60)).await;
        assert_eq!(playing(&stage), 0, "{seconds} s");
        assert!(told(&stage).is_empty() && is_told_of_the_pause(&stage), "{seconds} s: {:?}", stage.audit());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_accepted_without_effect_is_sent_again() -> Result<()> {
    // At the first look, at both, and at some more.
    for times in [1, 2, 4] {
        for how in [Effect::NotTaken, Effect::Page { status: 200, applied: false }] {
            let stage = watching(1).await?;
            stage.at_plex().fault(Fault::on("GET", TERMINATE, how.clone()).times(times));
            stage.take_role(stage.alice(), stage.role()).await?;
            stage.wait(LONG).await;
            assert_eq!(playing(&stage), 0, "{times} times {how:?}");
            assert_eq!(terminated(&stage), times as usize + 1, "{how:?}");
            assert!(told(&stage).is_empty() && is_told_of_the_pause(&stage), "{:?}", stage.audit());
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_lasts_reaches_the_audit_channel_once() -> Result<()> {
    let cases = [
        (TERMINATE, Effect::NotTaken, "they still watch something"),
        (TERMINATE, fails(500), "could not be stopped"),
        (TERMINATE, fails(401), "Plex Pass"),
        (TERMINATE, Effect::Hang { applied: false }, "could not be stopped"),
        (SESSIONS, fails(503), "could not be stopped"),
        (SESSIONS, Effect::Garbage, "could not be stopped"),
    ];
    for (route, how, words) in cases {
        let stage = watching(1).await?;
        stage.at_plex().fault(Fault::on("GET", route, how.clone()));
        stage.take_role(stage.alice(), stage.role()).await?;
        stage.wait(LONG).await;
        let all = told(&stage);
        assert!(all.len() == 1 && all[0].contains(words), "{route} {how:?}: {:?}", stage.audit());
        assert!(is_told_of_the_pause(&stage), "{route} {how:?}");
        let tries = terminated(&stage);
        assert!(tries <= 7, "{route} {how:?}: {tries}");
        assert_eq!(stage.filters(ANN).len(), 2, "{route} {how:?}");
        // It is over with that.
        stage.wait(LONG * 4).await;
        assert_eq!((told(&stage).len(), terminated(&stage)), (1, tries), "{route} {how:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn one_stream_that_can_not_be_ended_keeps_no_other_going() -> Result<()> {
    for films in [2, 3] {
        let stage = watching(films).await?;
        stage.at_plex().fault(Fault::on("GET", TERMINATE, fails(500)).times(1));
        stage.take_role(stage.alice(), stage.role()).await?;
        stage.wait(Duration::from_secs(15)).await;
        assert_eq!(playing(&stage), 1, "only that of the first request goes on");
        // It fails for good.
        stage.at_plex().fault(Fault::on("GET", TERMINATE, fails(500)));
        stage.wait(LONG).await;
        assert_eq!((playing(&stage), told(&stage).len()), (1, 1), "{:?}", stage.audit());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_back_ends_the_tries() -> Result<()> {
    let stage = watching(1).await?;
    stage.at_plex().fault(Fault::on("GET", TERMINATE, Effect::NotTaken));
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.wait(Duration::from_secs(40)).await;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.wait(LONG).await;
    assert_eq!((playing(&stage), told(&stage).len()), (1, 0), "{:?}", stage.audit());
    assert!(stage.filters(ANN).is_empty());
    Ok(())
}

/// Alice's share is gone, and so is all that is known of her.
async fn is_forgotten(stage: &Stage, context: &str) -> Result<()> {
    assert!(stage.at_plex().share_of(ANN).is_none(), "{context}");
    let account = stage.account(stage.alice()).await?;
    assert_eq!((account.stage, account.email, account.due), (At::None, None, None), "{context}");
    assert_eq!((account.plex_account, account.streams_due), (None, None), "{context}");
    assert!(!stage.database_holds(ANN)?, "{context}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_leavers_stream_whose_end_fails_is_ended_later() -> Result<()> {
    for (route, how) in [
        (TERMINATE, fails(500)),
        (TERMINATE, Effect::NotTaken),
        (TERMINATE, Effect::Drop { applied: false }),
        (SESSIONS, fails(503)),
    ] {
        for times in [1, 3] {
            let context = format!("{times} times {route} {how:?}");
            let stage = watching(2).await?;
            stage.at_plex().fault(Fault::on("GET", route, how.clone()).times(times));
            stage.leave(stage.alice()).await?;
            stage.wait(LONG).await;
            assert_eq!(playing(&stage), 0, "{context}");
            assert!(told(&stage).is_empty(), "{context}: {:?}", stage.audit());
            is_forgotten(&stage, &context).await?;
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_leavers_stream_that_can_not_be_ended_is_told_and_the_leaver_is_forgotten() -> Result<()> {
    for (route, how) in [
        (TERMINATE, fails(500)),
        (TERMINATE, Effect::NotTaken),
        (SESSIONS, Effect::Drop { applied: false }),
        (SESSIONS, Effect::Hang { applied: false }),
    ] {
        let context = format!("{route} {how:?}");
        let stage = watching(1).await?;
        stage.at_plex().fault(Fault::on("GET", route, how));
        stage.leave(stage.alice()).await?;
        stage.wait(LONG).await;
        let all = told(&stage);
        assert!(all.len() == 1 && all[0].contains("their share is ended"), "{context}: {:?}", stage.audit());
        is_forgotten(&stage, &context).await?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_the_end_of_a_share_and_of_a_stream_lets_no_stream_go_on() -> Result<()> {
    for place in Place::ALL {
        let mut stage = watching(2).await?;
        let asks = |request: &Request| request.path == SESSIONS;
        let mut under_way = stage.plex_boundaries.stop(place, asks);
        stage.leave(stage.alice()).await?;
        assert!(under_way.reached().await, "{place:?}");
        assert!(stage.at_plex().share_of(ANN).is_none(), "{place:?}");
        stage.crash();
        drop(under_way);
        stage.start().await?;
        stage.wait(LONG).await;
        assert_eq!(playing(&stage), 0, "{place:?}");
        is_forgotten(&stage, &format!("{place:?}")).await?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_others_watch_goes_on() -> Result<()> {
    let stage = watching(1).await?;
    let owner = stage.at_plex().world.owner.id;
    stage.at_plex().start_stream(owner, FILM)?;
    stage.at_plex().fault(Fault::on("GET", TERMINATE, Effect::NotTaken).times(2));
    stage.leave(stage.alice()).await?;
    stage.wait(LONG).await;
    let accounts: Vec<u64> = stage.at_plex().sessions().iter().map(|session| session.account).collect();
    assert_eq!(accounts, [owner]);
    assert!(told(&stage).is_empty(), "{:?}", stage.audit());
    Ok(())
}
