//! What a run left behind, whether the bot ran in this process or in one of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use rolarr::{
    domain::{GuildId, RoleId, UserId},
    store::{Store, StoreError, Threads, Tx},
};
use rolarr_sim::{
    discord::{self as sim, DiscordSim},
    plex::PlexSim,
};

use crate::{World, inprocess::Stage};

/// The two sides and the database.
#[derive(Debug)]
pub struct Evidence {
    store: Store,
    discord: Arc<Mutex<DiscordSim>>,
    plex: Arc<Mutex<PlexSim>>,
    guild: GuildId,
    tracked: Vec<RoleId>,
    audit: sim::ChannelId,
    files: String,
}

impl Evidence {
    /// Of a pipeline in this process.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn of_stage(stage: &Stage) -> Result<Self> {
        Ok(Self {
            store: Store::open(&stage.folder.path().join("rolarr.db"), Threads::None)?,
            discord: Arc::clone(&stage.discord),
            plex: Arc::clone(&stage.plex),
            guild: stage.guild(),
            tracked: vec![stage.role(), stage.vip],
            audit: sim::ChannelId(stage.audit.0),
            files: stage.database_text()?,
        })
    }

    /// Of a process, which has ended.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn of_world(world: &World) -> Result<Self> {
        Ok(Self {
            store: Store::open(&world.store(), Threads::None)?,
            discord: Arc::clone(&world.discord_sim),
            plex: Arc::clone(&world.plex_sim),
            guild: GuildId(world.scene.guild.0),
            tracked: world.setup.roles.iter().map(|(_, role)| RoleId(role.0)).collect(),
            audit: world.setup.audit_channel.unwrap_or(world.scene.channel),
            files: world.database_text()?,
        })
    }

    /// plex.tv and the server.
    pub fn at_plex(&self) -> MutexGuard<'_, PlexSim> {
        self.plex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Discord.
    pub fn on_discord(&self) -> MutexGuard<'_, DiscordSim> {
        self.discord.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The guild.
    #[must_use]
    pub fn guild(&self) -> GuildId {
        self.guild
    }

    /// Everything in the database's files, in small letters.
    #[must_use]
    pub fn files(&self) -> &str {
        &self.files
    }

    /// Reads the database.
    ///
    /// # Errors
    /// If it can't be read.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.store.read(work).await
    }

    /// The roles of a member on Discord, sorted; none if they are no member.
    #[must_use]
    pub fn roles_of(&self, user: UserId) -> Option<Vec<RoleId>> {
        let discord = self.on_discord();
        let member = discord.guild(sim::GuildId(self.guild.0))?.members.get(&sim::UserId(user.0))?;
        Some(member.roles.iter().map(|role| RoleId(role.0)).collect())
    }

    /// Whether one of these roles gives access.
    #[must_use]
    pub fn has_tracked(&self, roles: &[RoleId]) -> bool {
        roles.iter().any(|role| self.tracked.contains(role))
    }

    /// What the bot wrote to a person, oldest first, as it stands now.
    #[must_use]
    pub fn messages(&self, user: UserId) -> Vec<String> {
        let sim = self.on_discord();
        sim.told(sim::UserId(user.0)).into_iter().map(|message| message.now.content.clone()).collect()
    }

    /// What stands in the audit channel, oldest first.
    #[must_use]
    pub fn audit(&self) -> Vec<String> {
        let sim = self.on_discord();
        sim.messages_in(self.audit).into_iter().map(|message| message.now.content.clone()).collect()
    }
}
