//! What the Plex server has changes while the bot runs: libraries come, go and are made anew, the server gets
//! another name, and the owner's Plex Pass lapses.

use std::time::Duration;

use anyhow::{Context, Result};
use rolarr::{
    domain::UserId,
    pipeline::{ports::Command, settings::Settings},
    store::Stage as At,
};
use rolarr_sim::{
    http::Request,
    plex::{Libraries, MACHINE},
};
use rolarr_tests::inprocess::{ANN, BEN, Place, Setting, Stage, load};
use serde_json::json;

/// Longer than the time between two comparisons.
const ROUND: Duration = Duration::from_secs(7 * 3600);

/// A member gets the role and gives an address.
async fn invited(stage: &Stage, user: UserId, address: &str) -> Result<()> {
    stage.give_role(user, stage.role()).await?;
    stage.settle().await;
    stage.write(user, address).await?.context("no answer")?;
    stage.settle().await;
    Ok(())
}

/// The libraries that are shared with somebody; those of an invitation count.
fn shared(stage: &Stage, who: &str) -> Vec<String> {
    let sim = stage.at_plex();
    let Some(share) = sim.share_of(who) else { return Vec::new() };
    let Libraries::These(these) = &share.libraries else { return vec!["all of them".to_owned()] };
    let server = sim.world.servers.iter().find(|server| server.machine == MACHINE).unwrap();
    let titles = server.libraries.iter().filter(|one| these.contains(&one.id)).map(|one| one.title.clone());
    titles.collect()
}

fn add(stage: &Stage, title: &str, kind: &str) {
    stage.at_plex().world.add_library(MACHINE, title, kind).unwrap();
}

fn remove(stage: &Stage, title: &str) {
    stage.at_plex().world.remove_library(MACHINE, title).unwrap();
}

fn rename(stage: &Stage, name: &str) {
    name.clone_into(&mut stage.at_plex().world.servers[0].name);
}

fn told(stage: &Stage, words: &str) -> Vec<String> {
    stage.audit().into_iter().filter(|text| text.contains(words)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_new_library_is_shared_with_whoever_is_invited_next() -> Result<()> {
    let stage = Stage::set().await?;
    invited(&stage, stage.alice(), ANN).await?;
    add(&stage, "Anime", "show");
    stage.wait(Duration::from_secs(60)).await;
    invited(&stage, stage.bob(), BEN).await?;
    assert_eq!(shared(&stage, ANN), ["Movies", "TV Shows", "Music", "Photos"]);
    assert_eq!(shared(&stage, BEN), ["Movies", "TV Shows", "Music", "Photos", "Anime"]);
    let all = told(&stage, "The libraries of the Plex server changed");
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0].contains("`Anime` is new"), "{all:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_library_that_was_made_anew_is_shared_by_its_new_number() -> Result<()> {
    fn two(settings: &mut Settings) {
        settings.named = Some(vec!["movies".to_owned(), "Music".to_owned()]);
    }
    for change in [(|_: &mut Settings| {}) as fn(&mut Settings), two] {
        let stage = Stage::with(Setting { change, ..Setting::default() }).await?;
        stage.at_plex().world.quirks.refuses_unknown_libraries = true;
        remove(&stage, "Movies");
        add(&stage, "Movies", "movie");
        invited(&stage, stage.alice(), ANN).await?;
        assert!(shared(&stage, ANN).contains(&"Movies".to_owned()), "{:?}", stage.audit());
        assert!(told(&stage, "`Movies` was made anew").len() == 1, "{:?}", stage.audit());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_library_that_is_made_anew_while_an_invitation_is_under_way_is_shared_by_the_next_try() -> Result<()>
{
    let stage = Stage::set().await?;
    stage.at_plex().world.quirks.refuses_unknown_libraries = true;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    let invites = |request: &Request| request.method == "POST" && request.path.ends_with("/shared_servers");
    let mut under_way = stage.plex_boundaries.stop(Place::Sent, invites);
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    assert!(under_way.reached().await);
    remove(&stage, "Movies");
    add(&stage, "Movies", "movie");
    drop(under_way);
    stage.settle().await;
    assert_eq!(shared(&stage, ANN), ["TV Shows", "Music", "Photos", "Movies"], "{:?}", stage.audit());
    Ok(())
}

async fn tiers() -> Result<Stage> {
    let mut stage = Stage::set().await?;
    stage.stop().await;
    let tiers = json!({"tiers": {"plex": ["Movies"], "vip": ["Movies", "Anime"]}});
    stage.policies.put(Ok(load("builtin:tiers", &tiers)?));
    stage.start().await?;
    Ok(stage)
}

#[tokio::test(start_paused = true)]
async fn what_a_rule_names_is_shared_again_once_it_was_made_anew() -> Result<()> {
    let stage = tiers().await?;
    stage.alice_joins().await?;
    assert_eq!(shared(&stage, ANN), ["Movies"]);
    remove(&stage, "Movies");
    add(&stage, "Movies", "movie");
    stage.wait(ROUND).await;
    assert_eq!(shared(&stage, ANN), ["Movies"], "{:?}", stage.audit());
    assert_eq!(told(&stage, "by somebody else"), [""; 0]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_library_that_a_rule_names_and_that_came_since_is_found() -> Result<()> {
    let stage = tiers().await?;
    stage.alice_joins().await?;
    add(&stage, "Anime", "show");
    stage.give_role(stage.alice(), stage.vip).await?;
    stage.settle().await;
    assert_eq!(shared(&stage, ANN), ["Movies", "Anime"], "{:?}", stage.audit());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_library_that_a_rule_names_and_that_does_not_exist_is_named_with_those_that_do() -> Result<()> {
    let stage = tiers().await?;
    stage.alice_joins().await?;
    stage.give_role(stage.alice(), stage.vip).await?;
    stage.settle().await;
    // Nothing was changed for somebody who has access already, and an invitation is not sent at all.
    let held = told(&stage, "does not have: `Anime`. The server has `Movies`, `TV Shows`, `Music`, `Photos`");
    assert_eq!(held.len(), 1, "{:?}", stage.audit());
    assert_eq!(shared(&stage, ANN), ["Movies"]);
    stage.give_role(stage.bob(), stage.vip).await?;
    stage.settle().await;
    stage.write(stage.bob(), BEN).await?.context("no answer")?;
    stage.settle().await;
    assert_eq!(told(&stage, "does not have: `Anime`").len(), 2, "{:?}", stage.audit());
    assert_eq!(shared(&stage, BEN), [""; 0]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_library_that_is_gone_for_a_while_keeps_nobody_out_once_it_is_back() -> Result<()> {
    let stage = tiers().await?;
    stage.alice_joins().await?;
    remove(&stage, "Movies");
    stage.wait(ROUND).await;
    stage.give_role(stage.bob(), stage.role()).await?;
    stage.settle().await;
    stage.write(stage.bob(), BEN).await?.context("no answer")?;
    stage.wait(ROUND).await;
    // One message for each of them, however often it is looked at again.
    assert_eq!(told(&stage, "does not have: `Movies`").len(), 2, "{:?}", stage.audit());
    assert!(stage.at_plex().share_of(BEN).is_none());
    // Who loses the role meanwhile is restricted and told all the same.
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.wait(ROUND).await;
    assert!(!stage.filters(ANN).is_empty(), "{:?}", stage.audit());
    assert!(stage.messages(stage.alice()).iter().any(|text| text.contains("is paused")));
    stage.give_role(stage.alice(), stage.role()).await?;
    add(&stage, "Movies", "movie");
    stage.wait(ROUND).await;
    assert_eq!(shared(&stage, ANN), ["Movies"], "{:?}", stage.audit());
    assert!(stage.filters(ANN).is_empty());
    assert!(stage.at_plex().share_of(BEN).is_some(), "{:?}", stage.audit());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_cut_off_for_a_moment_takes_no_library_away() -> Result<()> {
    let stage = Stage::set().await?;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    let lists = |request: &Request| request.method == "GET" && request.path.ends_with(MACHINE);
    let mut under_way = stage.plex_boundaries.stop(Place::Sent, lists);
    stage.write(stage.alice(), ANN).await?.context("no answer")?;
    assert!(under_way.reached().await);
    stage.at_plex().world.quirks.sections_shown = Some(1);
    drop(under_way);
    stage.wait(Duration::from_secs(1)).await;
    stage.at_plex().world.quirks.sections_shown = None;
    stage.settle().await;
    assert_eq!(shared(&stage, ANN).len(), 4);
    assert_eq!(told(&stage, "libraries"), [""; 0]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn libraries_that_can_not_be_listed_keep_nobody_from_being_invited() -> Result<()> {
    use rolarr_sim::plex::{Effect, Fault};
    let stage = Stage::set().await?;
    let away = Effect::Status { status: 503, retry_after: None };
    stage.at_plex().fault(Fault::on("GET", "/api/servers/{machine}", away));
    invited(&stage, stage.alice(), ANN).await?;
    assert_eq!(shared(&stage, ANN).len(), 4, "{:?}", stage.audit());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_invitation_of_a_server_that_has_another_name_by_now_is_withdrawn() -> Result<()> {
    let stage = Stage::set().await?;
    invited(&stage, stage.alice(), ANN).await?;
    rename(&stage, "Loft");
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert!(stage.at_plex().invites().is_empty());
    assert!(stage.at_plex().share_of(ANN).is_none());
    let cancelled =
        stage.writes().into_iter().filter(|write| write.starts_with("DELETE /api/invites/")).count();
    assert_eq!(cancelled, 1, "{:?}", stage.writes());
    // Members read the new name.
    assert!(stage.messages(stage.alice()).last().unwrap().contains("**Loft**"));
    Ok(())
}

/// How many invitations were sent.
fn sent(stage: &Stage) -> usize {
    stage
        .writes()
        .iter()
        .filter(|write| write.starts_with("POST") && write.ends_with("/shared_servers"))
        .count()
}

#[tokio::test(start_paused = true)]
async fn an_invitation_that_is_accepted_right_after_the_server_got_another_name_is_noticed() -> Result<()> {
    for accepted_first in [false, true] {
        let stage = Stage::set().await?;
        invited(&stage, stage.alice(), ANN).await?;
        let now = stage.now();
        if accepted_first {
            stage.at_plex().person_accepts(now, ANN)?;
            rename(&stage, "Loft");
        } else {
            rename(&stage, "Loft");
            stage.at_plex().person_accepts(now, ANN)?;
        }
        stage.wait(Duration::from_secs(120)).await;
        assert_eq!(stage.account(stage.alice()).await?.stage, At::Joined, "{accepted_first}");
        // The share is kept and restricted like any other, and no invitation is sent again.
        stage.take_role(stage.alice(), stage.role()).await?;
        stage.settle().await;
        assert_eq!(stage.filters(ANN).len(), 2, "{accepted_first}: {:?}", stage.audit());
        stage.wait(ROUND).await;
        assert_eq!((sent(&stage), told(&stage, "by somebody else").len()), (1, 0), "{accepted_first}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_invitation_that_is_out_while_the_server_gets_another_name_is_not_sent_again() -> Result<()> {
    let stage = Stage::set().await?;
    invited(&stage, stage.alice(), ANN).await?;
    rename(&stage, "Loft");
    stage.wait(ROUND).await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Invited);
    assert_eq!((sent(&stage), stage.at_plex().invites().len()), (1, 1));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_administrator_invites_right_after_the_server_got_another_name() -> Result<()> {
    let stage = Stage::set().await?;
    rename(&stage, "Loft");
    let invite = Command::Invite { email: BEN.to_owned(), member: Some(stage.bob()) };
    let reply = stage.command(stage.alice(), true, invite).await?;
    assert_eq!(reply.text, "The invitation is out.");
    stage.wait(ROUND).await;
    assert_eq!(stage.account(stage.bob()).await?.stage, At::Invited);
    assert_eq!((sent(&stage), stage.at_plex().invites().len()), (1, 1));
    let now = stage.now();
    stage.at_plex().person_accepts(now, BEN)?;
    stage.wait(Duration::from_secs(120)).await;
    assert_eq!(stage.account(stage.bob()).await?.stage, At::Joined);
    assert_eq!(shared(&stage, BEN).len(), 4);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn members_read_the_name_that_the_server_has_since_the_last_comparison() -> Result<()> {
    let stage = Stage::set().await?;
    rename(&stage, "Loft");
    stage.wait(ROUND).await;
    stage.give_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert!(stage.messages(stage.alice())[0].contains("**Loft**"), "{:?}", stage.messages(stage.alice()));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_plex_pass_that_lapses_is_told_once_and_again_when_it_is_back() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.alice_joins().await?;
    stage.wait(ROUND).await;
    assert_eq!(told(&stage, "Plex Pass"), [""; 0]);
    stage.at_plex().world.plex_pass = false;
    stage.wait(ROUND * 2).await;
    let all = told(&stage, "Plex Pass");
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0].contains("has no Plex Pass"), "{all:?}");
    // A start says it to the log alone.
    stage.stop().await;
    stage.settings().owner.plex_pass = false;
    stage.start().await?;
    stage.wait(ROUND).await;
    assert_eq!(told(&stage, "Plex Pass").len(), 1);
    stage.at_plex().world.plex_pass = true;
    stage.wait(ROUND * 2).await;
    let all = told(&stage, "Plex Pass");
    assert!(all.len() == 2 && all[1].contains("has a Plex Pass again"), "{all:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn without_members_the_server_is_looked_at_all_the_same() -> Result<()> {
    let stage = Stage::set().await?;
    stage.at_plex().world.plex_pass = false;
    add(&stage, "Anime", "show");
    stage.wait(ROUND).await;
    assert_eq!(told(&stage, "Plex Pass").len(), 1);
    assert_eq!(told(&stage, "`Anime` is new").len(), 1);
    Ok(())
}
