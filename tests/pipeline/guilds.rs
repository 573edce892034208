//! One person in several guilds is one account, with the most generous of the guilds' decisions.

use anyhow::Result;
use rolarr::{domain::GuildId, pipeline::ports::Command, store::Stage as At};
use rolarr_sim::discord::{RestFault, RestFaultKind};
use rolarr_tests::inprocess::{ANN, Stage};

use crate::second_guild::{in_second, with_a_second_guild};

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
