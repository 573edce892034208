//! A crash at every step: the end is the same as without one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use rolarr::{
    domain::UserId,
    pipeline::{Step, Watcher},
};
use rolarr_tests::inprocess::{ANN, BEN, Stage};

/// What the end of a story is judged by.
#[derive(Debug, PartialEq)]
struct End {
    restricted: Vec<(&'static str, String)>,
    shares: Vec<(String, bool)>,
    invites: usize,
    invitations: usize,
    messages: Vec<Vec<String>>,
    accounts: Vec<String>,
}

/// Two members: one joins, is restricted, comes back, is restricted and leaves; the other's invitation is
/// withdrawn and sent again before they leave. `act` is called between any two things that happen.
async fn story<F>(stage: &mut Stage, mut between: F) -> Result<End>
where
    F: AsyncFnMut(&mut Stage) -> Result<()>,
{
    let (alice, bob, role) = (stage.alice(), stage.bob(), stage.role());
    stage.give_role(alice, role).await?;
    stage.give_role(bob, role).await?;
    between(stage).await?;
    answer(stage, alice, ANN).await?;
    answer(stage, bob, BEN).await?;
    between(stage).await?;
    let now = stage.now();
    stage.at_plex().person_accepts(now, ANN)?;
    stage.take_role(bob, role).await?;
    between(stage).await?;
    stage.take_role(alice, role).await?;
    stage.give_role(bob, role).await?;
    between(stage).await?;
    stage.give_role(alice, role).await?;
    stage.leave(bob).await?;
    between(stage).await?;
    stage.take_role(alice, role).await?;
    between(stage).await?;
    let restricted = stage.filters(ANN);
    stage.leave(alice).await?;
    between(stage).await?;
    end(stage, restricted).await
}

/// Answers the question. In a crash the member sees no reply.
async fn answer(stage: &Stage, user: UserId, address: &str) -> Result<()> {
    let reply = tokio::time::timeout(Duration::from_secs(10), stage.write(user, address)).await;
    reply.map_or(Ok(()), |reply| reply.map(drop))
}

async fn end(stage: &Stage, restricted: Vec<(&'static str, String)>) -> Result<End> {
    let (alice, bob) = (stage.alice(), stage.bob());
    let accounts = stage
        .read(move |tx| Ok([tx.account_of(alice)?, tx.account_of(bob)?]))
        .await?
        .into_iter()
        .flatten()
        .map(|account| {
            format!(
                "{:?} {:?} email={} held={:?} parked={:?} due={:?} told={:?}",
                account.user,
                account.stage,
                account.email.is_some(),
                account.held,
                account.parked,
                account.due,
                account.told
            )
        })
        .collect();
    let sim = stage.at_plex();
    let invited = sim.writes().into_iter().filter(|write| {
        write.method == "POST" && write.path.ends_with("shared_servers") && write.status == Some(200)
    });
    Ok(End {
        restricted,
        shares: sim
            .world
            .shares
            .values()
            .map(|share| (share.typed.clone(), share.accepted_at.is_some()))
            .collect(),
        invites: sim.invites().len(),
        invitations: invited.count(),
        messages: {
            drop(sim);
            vec![stage.messages(alice), stage.messages(bob)]
        },
        accounts,
    })
}

const PAUSE: Duration = Duration::from_secs(400);

async fn undisturbed(count: &Arc<Mutex<BTreeMap<Step, usize>>>) -> Result<End> {
    let mut stage = Stage::set().await?;
    stage.stop().await;
    let count = Arc::clone(count);
    let watcher: Watcher = Arc::new(move |step| {
        *count.lock().unwrap().entry(step).or_default() += 1;
        Box::pin(async {})
    });
    stage.start_watched(Some(watcher)).await?;
    story(&mut stage, async |stage| {
        stage.wait(PAUSE).await;
        Ok(())
    })
    .await
}

/// The same story with one crash: at the `nth` time that `step` is reached.
async fn with_crash(step: Step, nth: usize) -> Result<(End, bool)> {
    let mut stage = Stage::set().await?;
    stage.stop().await;
    let seen = Arc::new(Mutex::new(0));
    let crashed = Arc::new(AtomicBool::new(false));
    let watcher: Watcher = {
        let (seen, crashed) = (Arc::clone(&seen), Arc::clone(&crashed));
        Arc::new(move |reached| {
            let mut seen = seen.lock().unwrap();
            if reached == step {
                *seen += 1;
            }
            let now = reached == step && *seen == nth;
            if now {
                crashed.store(true, Ordering::SeqCst);
            }
            // After the crash nobody gets anywhere.
            let stopped = crashed.load(Ordering::SeqCst);
            Box::pin(async move {
                if stopped {
                    std::future::pending::<()>().await;
                }
            })
        })
    };
    stage.start_watched(Some(watcher)).await?;
    let mut restarted = false;
    let end = story(&mut stage, async |stage| {
        stage.wait(PAUSE).await;
        if crashed.load(Ordering::SeqCst) && !restarted {
            restarted = true;
            stage.crash();
            tokio::time::sleep(Duration::from_secs(1)).await;
            stage.start().await?;
            stage.wait(PAUSE).await;
        }
        Ok(())
    })
    .await
    .with_context(|| format!("at {} for the {nth}th time", step.name()))?;
    Ok((end, restarted))
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_step_changes_nothing_in_the_end() -> Result<()> {
    let count = Arc::new(Mutex::new(BTreeMap::new()));
    let expected = undisturbed(&count).await?;
    assert_eq!(expected.restricted.len(), 2, "{expected:?}");
    assert!(expected.shares.is_empty(), "{expected:?}");
    assert_eq!(expected.invitations, 3);
    let reached = count.lock().unwrap().clone();
    for step in Step::ALL {
        let times = reached.get(&step).copied().unwrap_or_default();
        assert!(times > 0, "the story never comes to {}", step.name());
        // The first time, the last, and one between them.
        for nth in BTreeSet::from([1, times.div_ceil(2), times]) {
            let (end, crashed) = with_crash(step, nth).await?;
            assert!(crashed, "{} was not reached a {nth}th time", step.name());
            assert_eq!(end, expected, "a crash at {} for the {nth}th time", step.name());
        }
    }
    Ok(())
}
