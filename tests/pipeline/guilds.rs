//! One person in several guilds is one account, with the most generous of the guilds' decisions.

use std::time::Duration;

use anyhow::Result;
use rolarr::{
    domain::{GuildId, RoleId},
    pipeline::ports::Command,
    store::{EventState, Stage as At},
};
use rolarr_sim::discord::{self as sim, RestFault, RestFaultKind};
use rolarr_tests::inprocess::{ANN, Stage};

use crate::second_guild::{in_second, with_a_second_guild};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn the_guild_that_gives_most_decides_and_the_last_that_gives_anything_ends_it() -> Result<()> {
    let mut stage = Stage::set().await?;
    let (guild, role) = with_a_second_guild(&mut stage).await?;
    stage.alice_joins().await?;
    let now = stage.now();
    stage.on_discord().add_role(now, guild, stage.scene.alice, role)?;
    in_second(&stage, guild).await?;
    assert_eq!(stage.messages(stage.alice()).len(), 1, "nobody is asked twice");
    let writes = stage.writes().len();

    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(stage.writes().len(), writes, "the other guild still gives access");
    assert_eq!(stage.messages(stage.alice()).len(), 1);

    let now = stage.now();
    stage.on_discord().remove_role(now, guild, stage.scene.alice, role)?;
    in_second(&stage, guild).await?;
    assert_eq!(stage.filters(ANN).len(), 2);

    stage.leave(stage.alice()).await?;
    stage.settle().await;
    assert_eq!(stage.account(stage.alice()).await?.stage, At::Joined, "restricted by the other guild");
    assert_eq!(stage.filters(ANN).len(), 2);

    let now = stage.now();
    stage.on_discord().leave(now, guild, stage.scene.alice)?;
    in_second(&stage, guild).await?;
    assert!(stage.at_plex().share_of(ANN).is_none());
    assert!(!stage.database_holds(ANN)?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_guild_that_is_not_served_any_more_gives_nothing() -> Result<()> {
    let mut stage = Stage::set().await?;
    let (guild, role) = with_a_second_guild(&mut stage).await?;
    stage.alice_joins().await?;
    let now = stage.now();
    stage.on_discord().add_role(now, guild, stage.scene.alice, role)?;
    in_second(&stage, guild).await?;
    stage.stop().await;
    stage.settings().guilds.truncate(1);
    stage.start().await?;
    stage.take_role(stage.alice(), stage.role()).await?;
    stage.settle().await;
    assert_eq!(stage.filters(ANN).len(), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_guild_that_cannot_be_listed_keeps_no_other_waiting() -> Result<()> {
    let mut stage = Stage::set().await?;
    let (guild, role) = with_a_second_guild(&mut stage).await?;
    stage.alice_joins().await?;
    stage.stop().await;
    let first = format!("guilds/{}/members", stage.scene.guild.0);
    let refused = RestFaultKind::Status { status: 503, code: 0 };
    stage.on_discord().fail_requests(RestFault::once("GET", &first, refused).times(1_000));
    let now = stage.now();
    stage.on_discord().add_role(now, guild, stage.scene.alice, role)?;
    stage.start().await?;
    let alice = stage.alice();
    let story = stage.read(move |tx| tx.story(alice)).await?;
    assert_eq!(story.last().map(|event| event.event.guild), Some(GuildId(guild.0)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_guild_that_discord_lets_wait_for_hours_keeps_no_other_waiting() -> Result<()> {
    let mut stage = Stage::set().await?;
    let (guild, role) = with_a_second_guild(&mut stage).await?;
    stage.alice_joins().await?;
    let alice = stage.alice();
    let first = format!("guilds/{}/members", stage.scene.guild.0);
    let wait = RestFaultKind::TooManyRequests { retry_after_ms: Some(8 * 3_600_000), global: false };
    stage.on_discord().fail_requests(RestFault::once("GET", &first, wait));
    stage.command(stage.bob(), true, Command::Sync).await?;
    stage.settle().await;
    let now = stage.now();
    stage.on_discord().add_role(now, guild, stage.scene.alice, role)?;
    // No gateway tells of it.
    stage.command(stage.bob(), true, Command::Sync).await?;
    stage.settle().await;
    let story = stage.read(move |tx| tx.story(alice)).await?;
    assert_eq!(story.last().map(|event| event.event.guild), Some(GuildId(guild.0)));
    Ok(())
}

/// Bob owns the second guild, which Discord does not show at the next start.
async fn without_bobs_guild(stage: &mut Stage, answer: RestFaultKind) -> Result<(GuildId, RoleId)> {
    let (guild, role) = with_a_second_guild(stage).await?;
    stage.alice_joins().await?;
    let bob = stage.scene.bob;
    let now = stage.now();
    stage.on_discord().join(now, guild, bob)?;
    stage.on_discord().give_guild(guild, bob)?;
    stage.command(stage.bob(), true, Command::Sync).await?;
    stage.settle().await;
    stage.give_role(stage.bob(), stage.role()).await?;
    stage.settle().await;
    stage.stop().await;
    let second = format!("guilds/{}/**", guild.0);
    stage.on_discord().fail_requests(RestFault::once("GET", &second, answer).times(1_000_000));
    Ok((GuildId(guild.0), RoleId(role.0)))
}

#[tokio::test(start_paused = true)]
async fn a_guild_that_can_not_be_had_at_the_start_keeps_no_other_waiting_and_its_owner_is_known() -> Result<()>
{
    let away = RestFaultKind::Status { status: 503, code: 0 };
    let not_there = RestFaultKind::Status { status: 404, code: 10_004 };
    for (answer, kicked) in [(away, false), (not_there, true)] {
        let mut stage = Stage::set().await?;
        let (guild, role) = without_bobs_guild(&mut stage, answer).await?;
        let (alice, bob) = (stage.alice(), stage.bob());
        let now = stage.now();
        stage.on_discord().add_role(now, sim::GuildId(guild.0), stage.scene.alice, sim::RoleId(role.0))?;
        stage.start().await?;
        assert!(stage.audit().iter().any(|text| text.contains("without the Discord server `second`")));
        stage.take_role(alice, stage.role()).await?;
        stage.take_role(bob, stage.role()).await?;
        stage.wait(HOUR).await;
        assert_eq!(stage.filters(ANN).len(), 2, "the first guild is served");
        let story = stage.read(move |tx| tx.story(bob)).await?;
        assert!(story.iter().all(|row| row.event.state == EventState::Skipped), "{story:?}");
        let told = stage.audit().iter().filter(|text| text.contains("no member of a Discord server")).count();
        assert_eq!(told, usize::from(kicked));
        // Once it shows, what happened there is caught up.
        stage.on_discord().end_trouble();
        stage.wait(HOUR).await;
        assert!(stage.filters(ANN).iter().all(|(_, filter)| filter.is_empty()), "{:?}", stage.filters(ANN));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_guild_that_was_never_seen_is_needed_at_the_start() -> Result<()> {
    let mut stage = Stage::set().await?;
    stage.stop().await;
    let unknown = crate::second_guild::settings(sim::GuildId(900_000_001), sim::RoleId(900_000_002));
    stage.settings().guilds.push(unknown);
    assert!(stage.start().await.is_err());
    Ok(())
}
