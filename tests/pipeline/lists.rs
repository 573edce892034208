//! Some of plex.tv's lists are missing for good: what does not bear on them goes on.
//!
//! Beside the list of invitations that is gone: the other two lists, any two of them and all three, the page of a proxy,
//! a refusal, garbage, an answer that is cut off, and one that never comes.

use std::time::Duration;

use anyhow::{Context, Result};
use rolarr::store::Stage as At;
use rolarr_sim::plex::{Effect, Fault};
use rolarr_tests::inprocess::{ANN, BEN, Stage};

const HOUR: Duration = Duration::from_secs(3_600);

const LISTS: [&str; 3] = [
    "/api/invites/requested",
    "/api/servers/{machine}/shared_servers",
    "/api/v2/shared_servers/owned/pending",
];

fn ways() -> Vec<Effect> {
    vec![
        Effect::Gone,
        Effect::Page { status: 404, applied: false },
        Effect::Page { status: 403, applied: false },
        Effect::Status { status: 403, retry_after: None },
        Effect::Garbage,
        Effect::Truncated,
        Effect::EmptyBody,
        Effect::Hang { applied: false },
        Effect::Status { status: 503, retry_after: None },
    ]
}

fn lose(stage: &Stage, list: &str, how: &Effect) {
    stage.at_plex().fault(Fault::on("GET", list, how.clone()));
}

fn told(stage: &Stage) -> Vec<String> {
    stage.audit().into_iter().filter(|text| text.contains("does not give the list")).collect()
}

#[tokio::test(start_paused = true)]
async fn an_accepted_member_is_restricted_and_restored_and_removed_all_the_same() -> Result<()> {
    for list in LISTS {
        for how in ways() {
            let stage = Stage::set().await?;
            stage.alice_joins().await?;
            let alice = stage.alice();
            lose(&stage, list, &how);
            stage.take_role(alice, stage.role()).await?;
            stage.wait(HOUR / 4).await;
            assert_eq!(stage.filters(ANN).len(), 2, "{list} {how:?}");
            stage.give_role(alice, stage.role()).await?;
            stage.wait(HOUR / 4).await;
            assert!(stage.filters(ANN).is_empty(), "{list} {how:?}");
            stage.leave(alice).await?;
            stage.wait(HOUR / 4).await;
            assert!(stage.at_plex().share_of(ANN).is_none(), "{list} {how:?}");
            let account = stage.account(alice).await?;
            assert_eq!(
                (account.email, account.stage, account.parked),
                (None, At::None, None),
                "{list} {how:?}"
            );
            stage.wait(HOUR * 5).await;
            assert!(told(&stage).len() <= 1, "{:?}", told(&stage));
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_gone_is_named_once() -> Result<()> {
    for list in LISTS {
        let stage = Stage::set().await?;
        stage.alice_joins().await?;
        lose(&stage, list, &Effect::Gone);
        for _ in 0..3 {
            stage.take_role(stage.alice(), stage.role()).await?;
            stage.wait(HOUR).await;
            stage.give_role(stage.alice(), stage.role()).await?;
            stage.wait(HOUR).await;
        }
        let told = told(&stage);
        assert!(told.len() == 1 && told[0].contains(list), "{told:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_needs_the_list_waits_for_it() -> Result<()> {
    for list in LISTS {
        for how in [Effect::Gone, Effect::Garbage, Effect::Page { status: 403, applied: false }] {
            let stage = Stage::set().await?;
            let (alice, bob) = (stage.alice(), stage.bob());
            stage.give_role(alice, stage.role()).await?;
            stage.give_role(bob, stage.role()).await?;
            stage.settle().await;
            stage.write(alice, ANN).await?.context("no answer")?;
            stage.settle().await;
            lose(&stage, list, &how);
            // An address is given: whether it is free can't be told.
            stage.write(bob, BEN).await?.context("no answer")?;
            stage.wait(HOUR).await;
            assert_eq!(stage.at_plex().invites().len(), 1, "{list} {how:?}");
            // An invitation that is out is noticed when it is accepted, at the usual time.
            assert_eq!(stage.account(alice).await?.stage, At::Invited, "{list} {how:?}");
            let now = stage.now();
            stage.at_plex().person_accepts(now, ANN)?;
            stage.wait(Duration::from_secs(120)).await;
            assert_eq!(stage.account(alice).await?.stage, At::Joined, "{list} {how:?}");
            stage.at_plex().clear_faults();
            stage.wait(HOUR).await;
            assert_eq!(stage.account(bob).await?.stage, At::Invited, "{list} {how:?}");
            let delayed = stage.audit().iter().filter(|text| text.contains("I keep trying")).count();
            assert_eq!(delayed, 0, "the list is told of and not each account: {:?}", stage.audit());
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_missing_is_no_failure_of_the_accounts_that_need_it() -> Result<()> {
    for list in LISTS {
        for invited_before in [false, true] {
            let stage = Stage::set().await?;
            let alice = stage.alice();
            stage.give_role(alice, stage.role()).await?;
            stage.settle().await;
            if invited_before {
                stage.write(alice, ANN).await?.context("no answer")?;
                stage.settle().await;
            }
            lose(&stage, list, &Effect::Gone);
            // An invitation is to be withdrawn, or one is to be sent.
            if invited_before {
                stage.take_role(alice, stage.role()).await?;
            } else {
                stage.write(alice, ANN).await?.context("no answer")?;
            }
            stage.wait(HOUR * 3).await;
            let account = stage.account(alice).await?;
            assert_eq!((account.attempts, account.refusals), (0, 0), "{list} {invited_before}");
            assert!(account.due.is_some() && account.parked.is_none(), "{list} {invited_before}");

            // What fails after that is at its beginning: it is tried again soon, and not told of.
            stage.at_plex().clear_faults();
            let method = if invited_before { "DELETE" } else { "POST" };
            let fails = Effect::Status { status: 500, retry_after: None };
            stage.at_plex().fault(Fault::on(method, "/api/*", fails).times(3));
            stage.wait(HOUR / 4).await;
            let stands = stage.account(alice).await?.stage;
            assert_eq!(stands, if invited_before { At::None } else { At::Invited }, "{list}");
            assert!(stage.audit().iter().all(|text| !text.contains("I keep trying")), "{:?}", stage.audit());
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_invitation_is_withdrawn_once_the_list_is_back_and_nobody_is_forgotten_before() -> Result<()> {
    for list in LISTS {
        for leaves in [false, true] {
            let stage = Stage::set().await?;
            let alice = stage.alice();
            stage.give_role(alice, stage.role()).await?;
            stage.settle().await;
            stage.write(alice, ANN).await?.context("no answer")?;
            stage.settle().await;
            lose(&stage, list, &Effect::Gone);
            if leaves {
                stage.leave(alice).await?;
            } else {
                stage.take_role(alice, stage.role()).await?;
            }
            stage.wait(HOUR * 3).await;
            assert!(stage.account(alice).await?.email.is_some(), "{list}");
            stage.at_plex().clear_faults();
            stage.wait(HOUR).await;
            assert!(
                stage.at_plex().invites().is_empty() && stage.at_plex().share_of(ANN).is_none(),
                "{list}"
            );
            assert_eq!(stage.account(alice).await?.email.is_none(), leaves, "{list}");
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_invitation_that_is_accepted_after_the_member_left_is_ended_without_the_list() -> Result<()> {
    for list in LISTS {
        let stage = Stage::set().await?;
        let alice = stage.alice();
        stage.give_role(alice, stage.role()).await?;
        stage.settle().await;
        stage.write(alice, ANN).await?.context("no answer")?;
        stage.settle().await;
        lose(&stage, list, &Effect::Gone);
        stage.leave(alice).await?;
        stage.wait(HOUR).await;
        let now = stage.now();
        if stage.at_plex().share_of(ANN).is_some() {
            stage.at_plex().person_accepts(now, ANN)?;
        }
        stage.wait(HOUR).await;
        assert!(stage.at_plex().share_of(ANN).is_none(), "{list}");
    }
    Ok(())
}

/// Any two lists, and all three.
fn sets() -> [Vec<&'static str>; 4] {
    let [invitations, shares, pending] = LISTS;
    [vec![invitations, shares], vec![invitations, pending], vec![shares, pending], LISTS.to_vec()]
}

/// How the first list is missing, and how the others are.
fn pairs_of_ways() -> [(Effect, Effect); 7] {
    let status = |status| Effect::Status { status, retry_after: None };
    let silent = || Effect::Hang { applied: false };
    [
        (status(403), status(403)),
        (status(500), Effect::Garbage),
        (Effect::Truncated, status(503)),
        (Effect::Gone, status(403)),
        (Effect::Page { status: 401, applied: false }, Effect::Drop { applied: false }),
        (Effect::EmptyBody, silent()),
        (silent(), silent()),
    ]
}

fn lose_all(stage: &Stage, lists: &[&str], (first, others): &(Effect, Effect)) {
    for (number, list) in lists.iter().enumerate() {
        lose(stage, list, if number == 0 { first } else { others });
    }
}

#[tokio::test(start_paused = true)]
async fn without_several_lists_an_accepted_member_is_restricted_and_restored_and_removed() -> Result<()> {
    for lists in sets() {
        for ways in pairs_of_ways() {
            let context = format!("{lists:?} {ways:?}");
            let stage = Stage::set().await?;
            stage.alice_joins().await?;
            let alice = stage.alice();
            lose_all(&stage, &lists, &ways);
            stage.take_role(alice, stage.role()).await?;
            stage.wait(HOUR / 2).await;
            assert_eq!(stage.filters(ANN).len(), 2, "{context}: {:?}", stage.audit());
            stage.give_role(alice, stage.role()).await?;
            stage.wait(HOUR / 2).await;
            assert!(stage.filters(ANN).is_empty(), "{context}: {:?}", stage.audit());
            stage.leave(alice).await?;
            stage.wait(HOUR / 2).await;
            assert!(stage.at_plex().share_of(ANN).is_none(), "{context}: {:?}", stage.audit());
            let account = stage.account(alice).await?;
            assert_eq!((account.email, account.stage, account.parked), (None, At::None, None), "{context}");
            stage.wait(HOUR * 5).await;
            assert!(told(&stage).len() <= lists.len(), "{context}: {:?}", told(&stage));
            assert_eq!(
                stage.audit().iter().filter(|text| text.contains("I keep trying")).count(),
                0,
                "{context}"
            );
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_needs_one_of_several_missing_lists_waits_for_it() -> Result<()> {
    for lists in sets() {
        for ways in pairs_of_ways() {
            let context = format!("{lists:?} {ways:?}");
            let stage = Stage::set().await?;
            let (alice, bob) = (stage.alice(), stage.bob());
            stage.give_role(alice, stage.role()).await?;
            stage.give_role(bob, stage.role()).await?;
            stage.settle().await;
            stage.write(alice, ANN).await?.context("no answer")?;
            stage.settle().await;
            lose_all(&stage, &lists, &ways);
            stage.write(bob, BEN).await?.context("no answer")?;
            stage.wait(HOUR).await;
            assert_eq!(stage.at_plex().invites().len(), 1, "{context}");
            assert_eq!(stage.account(alice).await?.stage, At::Invited, "{context}");
            let now = stage.now();
            stage.at_plex().person_accepts(now, ANN)?;
            stage.wait(HOUR / 4).await;
            assert_eq!(stage.account(alice).await?.stage, At::Joined, "{context}");
            stage.at_plex().clear_faults();
            stage.wait(HOUR).await;
            assert_eq!(stage.account(bob).await?.stage, At::Invited, "{context}");
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn without_the_list_of_friends_nothing_is_changed_until_it_is_there() -> Result<()> {
    for lists in sets() {
        for ways in pairs_of_ways() {
            let context = format!("{lists:?} {ways:?}");
            let stage = Stage::set().await?;
            stage.alice_joins().await?;
            lose_all(&stage, &lists, &ways);
            lose(&stage, "/api/users", &Effect::Status { status: 403, retry_after: None });
            let writes = stage.writes().len();
            stage.take_role(stage.alice(), stage.role()).await?;
            stage.wait(HOUR * 2).await;
            assert_eq!(stage.writes().len(), writes, "{context}");
            assert_eq!(stage.account(stage.alice()).await?.stage, At::Joined, "{context}");
            stage.at_plex().clear_faults();
            stage.wait(HOUR).await;
            assert_eq!(stage.filters(ANN).len(), 2, "{context}");
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn while_all_of_plex_is_away_a_look_asks_for_three_lists() -> Result<()> {
    for how in [Effect::Status { status: 503, retry_after: None }, Effect::Drop { applied: false }] {
        let stage = Stage::set().await?;
        stage.alice_joins().await?;
        let before = stage.at_plex().requests.len();
        stage.at_plex().fault(Fault::on("*", "*", how.clone()));
        stage.take_role(stage.alice(), stage.role()).await?;
        // The first retry is later.
        stage.wait(Duration::from_millis(1_500)).await;
        let asked = stage.at_plex().requests[before..].len();
        assert_eq!(asked, 3, "{how:?}");
    }
    Ok(())
}
