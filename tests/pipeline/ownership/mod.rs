//! What is true at Plex is what was decided, whatever happened to the requests in between; and what others set at
//! Plex is theirs.
//!
//! | Part | What goes wrong |
//! |---|---|
//! | `flips` | a role changes while a write is under way, and the next write fails once |
//! | `libraries` | the same for the libraries of a share |
//! | `late` | requests have their effect after they were given up, and reads show old things |
//! | `conditions` | filters hold conditions of ours and of others |
//! | `ties` | a share ends and another one begins |

mod conditions;
mod flips;
mod late;
mod libraries;
mod ties;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rolarr_sim::http::Request;
use rolarr_tests::inprocess::{ANN, Place, Stage, UnderWay};

/// Longer than all pauses that a few failures lead to.
const LONG: Duration = Duration::from_secs(3_600);

/// Longer than what the bot may wait before it takes something away, and shorter than a client's patience.
const A_MOMENT: Duration = Duration::from_secs(15);

/// Alice gets the role or loses it, and the gateway says so.
async fn set_role(stage: &Stage, has: bool) -> Result<()> {
    match has {
        true => stage.give_role(stage.alice(), stage.role()).await,
        false => stage.take_role(stage.alice(), stage.role()).await,
    }
}

async fn lose(stage: &Stage) -> Result<()> {
    set_role(stage, false).await?;
    stage.wait(Duration::from_secs(120)).await;
    Ok(())
}

async fn regain(stage: &Stage) -> Result<()> {
    set_role(stage, true).await?;
    stage.wait(Duration::from_secs(120)).await;
    Ok(())
}

/// The owner, or somebody's tool, sets a filter of Ann's by hand.
fn set(stage: &Stage, field: &str, value: &str) -> Result<()> {
    let ann = stage.plex_account(ANN).0;
    Ok(stage.at_plex().owner_sets_filter(ann, field, value)?)
}

/// Ann's filter for movies.
fn movies(stage: &Stage) -> String {
    let is = stage.filters(ANN).into_iter().find(|(field, _)| *field == "filterMovies");
    is.map(|(_, value)| value).unwrap_or_default()
}

/// What Ann sees.
fn sees(stage: &Stage) -> Vec<String> {
    let ann = stage.plex_account(ANN).0;
    stage.at_plex().visible_items(ann)
}

/// What Ann sees where movies and television are hidden from her.
const HIDDEN: [&str; 2] = ["Summer", "The Sines"];

/// What Ann sees where nothing is.
const ALL: [&str; 5] = ["Harbour", "Ponies", "Shootout", "Summer", "The Sines"];

/// Waits until a request is where it is to be stopped.
async fn reached(mut under_way: UnderWay) -> Result<UnderWay> {
    let reached = tokio::time::timeout(Duration::from_secs(600), under_way.reached()).await;
    ensure!(reached.context("no such request was made")?, "the request was never stopped");
    Ok(under_way)
}

/// The next write of Ann's filters is stopped.
fn stop_filters(stage: &Stage, place: Place) -> UnderWay {
    stage.plex_boundaries.stop(place, writes_filters)
}

fn writes_filters(request: &Request) -> bool {
    request.method == "PUT" && request.path.starts_with("/api/users/")
}

/// What the member was told last about their access.
fn told_last(stage: &Stage) -> String {
    let about = |text: &String| text.contains("is paused") || text.contains("is back");
    stage.messages(stage.alice()).into_iter().rfind(about).unwrap_or_default()
}
