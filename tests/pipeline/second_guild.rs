//! A second guild beside the one of every story.

use anyhow::Result;
use rolarr::{
    domain::{GuildId, RoleId},
    pipeline::{
        ports::{Hint, Said},
        settings::{GuildSettings, TrackedRole},
    },
};
use rolarr_sim::discord as sim;
use rolarr_tests::inprocess::{ANN, Stage};

/// A second guild with a tracked role; Alice is a member.
pub(crate) async fn with_a_second_guild(stage: &mut Stage) -> Result<(sim::GuildId, sim::RoleId)> {
    stage.stop().await;
    let (now, owner, alice) = (stage.now(), stage.scene.owner, stage.scene.alice);
    let (guild, role) = {
        let mut discord = stage.on_discord();
        let guild = discord.create_guild(now, "Second", owner);
        let role = discord.create_role(now, guild, "Friend")?;
        discord.join(now, guild, alice)?;
        (guild, role)
    };
    stage.settings().guilds.push(settings(guild, role));
    stage.start().await?;
    Ok((guild, role))
}

/// What the configuration says of it.
pub(crate) fn settings(guild: sim::GuildId, role: sim::RoleId) -> GuildSettings {
    GuildSettings {
        id: GuildId(guild.0),
        key: "second".to_owned(),
        roles: vec![TrackedRole { id: RoleId(role.0), key: "friend".to_owned() }],
        prompt_channel: None,
    }
}

/// The gateway tells that Alice changed in the second guild.
pub(crate) async fn in_second(stage: &Stage, guild: sim::GuildId) -> Result<()> {
    let hint = Hint { guild: GuildId(guild.0), user: stage.alice(), said: Said::Unclear };
    stage.hint(hint).await?;
    stage.settle().await;
    Ok(())
}

/// Alice gets the second guild's role.
pub(crate) async fn gets_the_second_role(
    stage: &Stage,
    guild: sim::GuildId,
    role: sim::RoleId,
) -> Result<()> {
    let now = stage.now();
    stage.on_discord().add_role(now, guild, stage.scene.alice, role)?;
    in_second(stage, guild).await
}

/// Alice loses it.
pub(crate) async fn loses_the_second_role(
    stage: &Stage,
    guild: sim::GuildId,
    role: sim::RoleId,
) -> Result<()> {
    let now = stage.now();
    stage.on_discord().remove_role(now, guild, stage.scene.alice, role)?;
    in_second(stage, guild).await
}

/// Alice has access by the second guild alone.
pub(crate) async fn joins_by_the_second(stage: &Stage, guild: sim::GuildId, role: sim::RoleId) -> Result<()> {
    gets_the_second_role(stage, guild, role).await?;
    stage.write(stage.alice(), ANN).await?;
    stage.settle().await;
    let now = stage.now();
    stage.at_plex().person_accepts(now, ANN)?;
    stage.wait(std::time::Duration::from_secs(120)).await;
    Ok(())
}
