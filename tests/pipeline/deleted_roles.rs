//! A role that was deleted is not a role that was taken away.

use std::time::Duration;

use anyhow::Result;
use rolarr::{
    domain::{GuildId, RoleId},
    pipeline::{
        ports::{Command, GatewayNews},
        settings::{Brake, Settings},
    },
    store::Stage as At,
};
use rolarr_sim::{
    discord::{RestFault, RestFaultKind},
    plex::{Effect, Fault},
};
use rolarr_tests::inprocess::{ANN, Setting, Stage, Subscriber};

use crate::second_guild::{
    gets_the_second_role, joins_by_the_second, loses_the_second_role, with_a_second_guild,
};

const HOUR: Duration = Duration::from_secs(3600);
const WHILE: Duration = Duration::from_secs(120);

fn two_an_hour(settings: &mut Settings) {
    settings.brake = Brake { members: 2, window: HOUR };
}

async fn stage(subscribers: usize) -> Result<(Stage, Vec<Subscriber>)> {
    let mut stage = Stage::with(Setting { change: two_an_hour, ..Setting::default() }).await?;
    let members = stage.populate(subscribers).await?;
    Ok((stage, members))
}

/// The role is deleted, and the gateway says so, and nothing else.
async fn delete(stage: &Stage) -> Result<()> {
    stage.delete_role(stage.role())?;
    stage.news(GatewayNews::RoleDeleted(stage.guild(), stage.role())).await
}

async fn approve(stage: &Stage) -> Result<String> {
    Ok(stage.command(stage.bob(), true, Command::Approve { member: None }).await?.text)
}

fn restricted(stage: &Stage, members: &[Subscriber]) -> usize {
    members.iter().filter(|member| stage.is_restricted(member.plex)).count()
}

async fn held(stage: &Stage) -> Result<usize> {
    Ok(stage.read(|tx| tx.holds()).await?.len())
}

#[tokio::test(start_paused = true)]
async fn that_a_role_was_deleted_is_enough_to_look_who_had_it() -> Result<()> {
    let (stage, members) = stage(5).await?;
    delete(&stage).await?;
    stage.wait(WHILE).await;
    assert_eq!(held(&stage).await?, 5);
    assert_eq!(restricted(&stage, &members), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_approval_that_comes_before_anybody_is_held_lets_nobody_through() -> Result<()> {
    let (stage, members) = stage(5).await?;
    delete(&stage).await?;
    assert_eq!(approve(&stage).await?, "Nobody is held.");
    stage.wait(HOUR * 2).await;
    assert_eq!(restricted(&stage, &members), 0);
    assert_eq!(held(&stage).await?, 5);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_approval_of_those_who_were_found_first_is_none_of_those_who_are_found_later() -> Result<()> {
    let (stage, members) = stage(5).await?;
    let listed = format!("guilds/{}/members", stage.scene.guild.0);
    let refused = RestFaultKind::Status { status: 503, code: 0 };
    stage.on_discord().fail_requests(RestFault::once("GET", &listed, refused).times(8));
    delete(&stage).await?;
    stage.tell(members[0].user).await?;
    stage.wait(Duration::from_secs(20)).await;
    assert_eq!(held(&stage).await?, 1);
    assert_eq!(approve(&stage).await?, "Approved: the access of 1 member shrinks now.");
    stage.wait(HOUR).await;
    assert_eq!(restricted(&stage, &members), 1);
    assert_eq!(held(&stage).await?, 4);
    assert_eq!(approve(&stage).await?, "Approved: the access of 4 members shrinks now.");
    stage.wait(WHILE).await;
    assert_eq!(restricted(&stage, &members), 5);
    // Whoever leaves now leaves.
    stage.leave(members[0].user).await?;
    stage.wait(WHILE).await;
    assert_eq!(held(&stage).await?, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_role_that_shows_again_is_no_deleted_one() -> Result<()> {
    let (stage, members) = stage(1).await?;
    // The gateway is wrong.
    stage.news(GatewayNews::RoleDeleted(stage.guild(), stage.role())).await?;
    stage.wait(WHILE).await;
    stage.news(GatewayNews::Session).await?;
    stage.wait(WHILE).await;
    assert!(stage.audit().iter().any(|text| text.contains("is there again")), "{:?}", stage.audit());
    stage.take_role(members[0].user, stage.role()).await?;
    stage.wait(WHILE).await;
    assert_eq!(held(&stage).await?, 0);
    assert_eq!(restricted(&stage, &members), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_role_that_was_deleted_in_one_guild_counts_when_the_other_guilds_access_ends() -> Result<()> {
    let mut stage = Stage::set().await?;
    let (guild, role) = with_a_second_guild(&mut stage).await?;
    stage.alice_joins().await?;
    gets_the_second_role(&stage, guild, role).await?;
    delete(&stage).await?;
    stage.wait(WHILE).await;
    assert_eq!(held(&stage).await?, 0, "the second guild still gives access");
    loses_the_second_role(&stage, guild, role).await?;
    stage.wait(WHILE).await;
    assert_eq!(held(&stage).await?, 1);
    assert!(stage.filters(ANN).is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_deleted_in_the_second_guild_counts() -> Result<()> {
    let mut stage = Stage::set().await?;
    let (guild, role) = with_a_second_guild(&mut stage).await?;
    joins_by_the_second(&stage, guild, role).await?;
    let now = stage.now();
    stage.on_discord().delete_role(now, guild, role)?;
    stage.news(GatewayNews::RoleDeleted(GuildId(guild.0), RoleId(role.0))).await?;
    stage.wait(WHILE).await;
    assert_eq!(held(&stage).await?, 1);
    assert!(stage.filters(ANN).is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_was_being_removed_and_came_back_while_plex_was_away_is_held_too() -> Result<()> {
    let (stage, members) = stage(1).await?;
    let user = members[0].user;
    stage.at_plex().fault(Fault::on("DELETE", "*", Effect::Status { status: 503, retry_after: None }));
    stage.leave(user).await?;
    stage.settle().await;
    assert_eq!(stage.account(user).await?.stage, At::Leaving);
    stage.at_plex().fault(Fault::on("*", "*", Effect::Drop { applied: false }));
    stage.join(user).await?;
    stage.settle().await;
    stage.give_role(user, stage.role()).await?;
    stage.settle().await;
    delete(&stage).await?;
    stage.wait(WHILE).await;
    assert_eq!(held(&stage).await?, 1);
    stage.at_plex().clear_faults();
    stage.wait(HOUR).await;
    assert_eq!(restricted(&stage, &members), 0);
    assert_eq!(held(&stage).await?, 1);
    Ok(())
}

/// Members who are protected by a role that is not tracked, and have no tracked one any more.
async fn protected(count: usize) -> Result<(Stage, Vec<Subscriber>)> {
    let (mut stage, members) = stage(count).await?;
    stage.stop().await;
    let staff = stage.vip;
    stage.settings().guilds[0].roles.truncate(1);
    stage.settings().protected_roles.insert(staff);
    stage.start().await?;
    for member in &members {
        stage.give_role(member.user, staff).await?;
        stage.settle().await;
        stage.take_role(member.user, stage.role()).await?;
        stage.settle().await;
    }
    assert_eq!(restricted(&stage, &members), 0);
    Ok((stage, members))
}

async fn is_held_for_the_protected_role(stage: &Stage, members: &[Subscriber]) -> Result<()> {
    stage.wait(HOUR * 24).await;
    assert_eq!(restricted(stage, members), 0);
    assert_eq!(held(stage).await?, members.len());
    let said = stage.audit();
    let alarms = said.iter().filter(|text| text.contains("The protected role `VIP` was deleted")).count();
    assert_eq!(alarms, 1, "{said:#?}");
    let held = said.iter().find(|text| text.contains("I hold back"));
    assert!(held.is_some_and(|text| text.contains("the role `VIP` was deleted on Discord")), "{said:#?}");
    approve(stage).await?;
    stage.wait(WHILE).await;
    assert_eq!(restricted(stage, members), members.len());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn nobody_loses_access_with_a_protected_role_that_is_deleted() -> Result<()> {
    let (stage, members) = protected(4).await?;
    stage.delete_role(stage.vip)?;
    stage.news(GatewayNews::RoleDeleted(stage.guild(), stage.vip)).await?;
    is_held_for_the_protected_role(&stage, &members).await
}

#[tokio::test(start_paused = true)]
async fn nor_with_one_that_was_deleted_while_the_bot_was_stopped() -> Result<()> {
    let (mut stage, members) = protected(4).await?;
    stage.stop().await;
    stage.delete_role(stage.vip)?;
    stage.start().await?;
    is_held_for_the_protected_role(&stage, &members).await
}

#[tokio::test(start_paused = true)]
async fn whoever_has_a_tracked_role_loses_nothing_with_a_protected_one() -> Result<()> {
    let (stage, members) = protected(2).await?;
    stage.give_role(members[0].user, stage.role()).await?;
    stage.settle().await;
    stage.delete_role(stage.vip)?;
    stage.news(GatewayNews::RoleDeleted(stage.guild(), stage.vip)).await?;
    stage.wait(WHILE).await;
    assert_eq!(held(&stage).await?, 1);
    assert_eq!(restricted(&stage, &members), 0);
    Ok(())
}
