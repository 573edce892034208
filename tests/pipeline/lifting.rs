//! How a hold ends: what it held goes on, whatever ends it; and who was shown what.
//!
//! Members of the kind: a comparison that finds nothing more to correct, a start, an approval, a returning role; a
//! removal that comes into a hold; a message that is not delivered.

use std::time::Duration;

use anyhow::Result;
use rolarr::{
    domain::contract::{Access, Grant},
    pipeline::{
        ports::Command,
        settings::{Brake, Drift, Settings},
    },
    store::{GrantRow, HoldReason, Order, Stage as At},
};
use rolarr_sim::discord::{RestFault, RestFaultKind};
use rolarr_tests::inprocess::{Setting, Stage, Subscriber};

use crate::second_guild::{joins_by_the_second, with_a_second_guild};

const HOUR: Duration = Duration::from_secs(3600);
const WHILE: Duration = Duration::from_secs(120);
/// Longer than the time between two comparisons.
const ROUND: Duration = Duration::from_secs(7 * 3600);

fn nobody(settings: &mut Settings) {
    settings.brake = Brake { members: 0, window: HOUR };
    settings.drift = Drift::Correct;
    settings.timings.notice = Duration::from_secs(5);
}

async fn stage(subscribers: usize) -> Result<(Stage, Vec<Subscriber>)> {
    let mut stage = Stage::with(Setting { change: nobody, ..Setting::default() }).await?;
    let members = stage.populate(subscribers).await?;
    Ok((stage, members))
}

async fn reasons(stage: &Stage) -> Result<Vec<HoldReason>> {
    Ok(stage.read(|tx| tx.holds()).await?.into_iter().flatten().map(|hold| hold.reason).collect())
}

async fn say(stage: &Stage, command: Command) -> Result<String> {
    Ok(stage.command(stage.bob(), true, command).await?.text)
}

fn approve() -> Command {
    Command::Approve { member: None }
}

/// A member who was restricted is shown everything by the owner's hand, and that setting it right takes from them is
/// held.
async fn held_for_drift(stage: &Stage, member: &Subscriber) -> Result<()> {
    stage.take_role(member.user, stage.role()).await?;
    stage.wait(WHILE).await;
    say(stage, approve()).await?;
    stage.wait(WHILE).await;
    assert!(stage.is_restricted(member.plex));
    for field in ["filterMovies", "filterTelevision"] {
        stage.at_plex().owner_sets_filter(member.plex.0, field, "")?;
    }
    stage.wait(ROUND).await;
    assert_eq!(reasons(stage).await?, [HoldReason::Drift]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_leaver_whom_a_comparison_held_is_removed_once_that_is_approved() -> Result<()> {
    let (stage, members) = stage(1).await?;
    held_for_drift(&stage, &members[0]).await?;
    stage.leave(members[0].user).await?;
    stage.wait(Duration::from_secs(5)).await;
    // What is decided is a hold of its own, which nobody was shown yet.
    assert_eq!(reasons(&stage).await?, [HoldReason::TooMany]);
    let text = say(&stage, Command::Reject { member: None }).await?;
    assert!(text.starts_with("Nothing is decided"), "{text}");
    stage.wait(ROUND).await;
    assert_eq!(reasons(&stage).await?, [HoldReason::TooMany], "no comparison drops it");
    say(&stage, approve()).await?;
    stage.wait(WHILE).await;
    assert_eq!(stage.account(members[0].user).await?.stage, At::None);
    assert!(stage.account(members[0].user).await?.email.is_none());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_comparisons_hold_on_an_account_that_is_to_have_nothing_goes_on_with_that() -> Result<()> {
    // As an earlier version left it.
    for restart in [false, true] {
        let (mut stage, members) = stage(1).await?;
        held_for_drift(&stage, &members[0]).await?;
        let (user, guild) = (members[0].user, stage.guild());
        stage.stop().await;
        stage
            .change(move |tx| {
                tx.put_grant(
                    user,
                    &GrantRow { guild, access: Access::Absent, since: None, memo: String::new() },
                )
            })
            .await?;
        stage.start().await?;
        if !restart {
            stage.wait(ROUND * 2).await;
        }
        stage.wait(ROUND).await;
        assert!(reasons(&stage).await?.is_empty());
        assert_eq!(stage.account(user).await?.stage, At::None, "the share is ended");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_restriction_that_was_shown_and_became_a_removal_is_shown_again() -> Result<()> {
    let (stage, members) = stage(1).await?;
    stage.take_role(members[0].user, stage.role()).await?;
    stage.wait(WHILE).await;
    let told = || stage.audit().into_iter().filter(|text| text.contains("I hold back")).count();
    assert_eq!(told(), 1);
    stage.leave(members[0].user).await?;
    // It is decided by now, and nobody is told yet.
    stage.wait(Duration::from_secs(2)).await;
    let text = say(&stage, approve()).await?;
    assert!(text.starts_with("Nothing is decided"), "{text}");
    stage.wait(WHILE).await;
    assert_eq!(told(), 2);
    say(&stage, approve()).await?;
    stage.wait(WHILE).await;
    assert!(stage.account(members[0].user).await?.email.is_none());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whom_a_message_that_is_not_delivered_names_was_shown_to_nobody() -> Result<()> {
    let (stage, members) = stage(2).await?;
    let path = format!("channels/{}/messages", stage.audit.0);
    let fault = RestFault::once("POST", &path, RestFaultKind::Status { status: 503, code: 0 });
    stage.on_discord().fail_requests(fault.times(10_000));
    stage.take_role(members[0].user, stage.role()).await?;
    stage.wait(WHILE).await;
    let text = say(&stage, approve()).await?;
    assert!(text.starts_with("Nothing is decided") || text.contains("not shown"), "{text}");
    assert!(text.contains(&format!("<@{}>", members[0].user)), "the answer shows who it is: {text}");
    stage.wait(WHILE).await;
    assert!(!stage.is_restricted(members[0].plex));
    say(&stage, approve()).await?;
    stage.wait(WHILE).await;
    assert!(stage.is_restricted(members[0].plex));
    Ok(())
}

fn no_channel(settings: &mut Settings) {
    nobody(settings);
    settings.audit_channel = None;
}

#[tokio::test(start_paused = true)]
async fn without_a_channel_the_first_approval_lists_and_the_second_decides() -> Result<()> {
    let mut stage = Stage::with(Setting { change: no_channel, ..Setting::default() }).await?;
    let members = stage.populate(2).await?;
    for member in &members {
        stage.take_role(member.user, stage.role()).await?;
    }
    stage.wait(WHILE).await;
    let text = say(&stage, approve()).await?;
    assert!(members.iter().all(|member| text.contains(&format!("<@{}>", member.user))), "{text}");
    stage.wait(WHILE).await;
    assert!(members.iter().all(|member| !stage.is_restricted(member.plex)));
    let text = say(&stage, approve()).await?;
    assert!(text.starts_with("Approved: the access of 2 members"), "{text}");
    stage.wait(WHILE).await;
    assert!(members.iter().all(|member| stage.is_restricted(member.plex)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_order_by_a_list_is_for_what_was_held_at_that_time() -> Result<()> {
    let (stage, members) = stage(2).await?;
    stage.take_role(members[0].user, stage.role()).await?;
    stage.wait(Duration::from_secs(3)).await;
    let listed = stage.now();
    stage.wait(Duration::from_secs(1)).await;
    stage.take_role(members[1].user, stage.role()).await?;
    stage.wait(Duration::from_secs(3)).await;
    stage.change(move |tx| tx.put_order(&Order::ApproveListed(listed.into()))).await?;
    stage.wait(WHILE).await;
    assert!(stage.is_restricted(members[0].plex));
    assert!(!stage.is_restricted(members[1].plex));
    assert_eq!(reasons(&stage).await?.len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_lost_a_role_before_it_was_deleted_did_not_lose_it_by_that() -> Result<()> {
    let generous: fn(&mut Settings) = |settings| settings.brake = Brake { members: 10, window: HOUR };
    let mut stage = Stage::with(Setting { change: generous, ..Setting::default() }).await?;
    let members = stage.populate(1).await?;
    let user = members[0].user;
    // The role goes, the other one comes; a year later the first role is deleted.
    stage.give_role(user, stage.vip).await?;
    stage.settle().await;
    stage.take_role(user, stage.role()).await?;
    stage.wait(HOUR * 24).await;
    stage.delete_role(stage.role())?;
    stage.news(rolarr::pipeline::ports::GatewayNews::RoleDeleted(stage.guild(), stage.role())).await?;
    stage.wait(WHILE).await;
    stage.take_role(user, stage.vip).await?;
    stage.wait(WHILE).await;
    assert!(reasons(&stage).await?.is_empty());
    assert!(stage.is_restricted(members[0].plex));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_a_guild_gave_that_is_not_served_any_more_is_void_once_that_is_approved() -> Result<()> {
    let mut stage = Stage::with(Setting { change: nobody, ..Setting::default() }).await?;
    let (guild, role) = with_a_second_guild(&mut stage).await?;
    joins_by_the_second(&stage, guild, role).await?;
    stage.stop().await;
    let gone = stage.settings().guilds.pop();
    stage.start().await?;
    stage.wait(WHILE).await;
    assert_eq!(reasons(&stage).await?, [HoldReason::GuildUnserved]);
    say(&stage, approve()).await?;
    stage.wait(WHILE).await;
    let alice = stage.alice();
    let grants = stage.read(move |tx| tx.grants(alice)).await?;
    assert!(grants.iter().all(|grant| grant.access == Access::Absent), "{grants:?}");
    // Served again, with the role still held: access comes back by a review, not never.
    stage.stop().await;
    stage.settings().guilds.extend(gone);
    stage.start().await?;
    stage.change(|tx| tx.put_order(&Order::Apply(rolarr::store::Scope::Everybody))).await?;
    stage.wait(WHILE).await;
    let grants = stage.read(move |tx| tx.grants(alice)).await?;
    assert!(grants.iter().any(|grant| grant.access == Access::Granted(Grant::default())), "{grants:?}");
    Ok(())
}
