//! What a run left behind, whether the bot ran in this process or in one of its own.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use rolarr::{
    domain::{GuildId, RoleId, TaskId, UserId},
    store::{Store, StoreError, Task, Threads, Tx},
};
use rolarr_sim::{
    discord::{self as sim, DiscordSim},
    plex::PlexSim,
};
use tempfile::TempDir;

use crate::{World, inprocess::Stage};

/// The two sides and the database.
#[derive(Debug)]
pub struct Evidence {
    store: Store,
    discord: Arc<Mutex<DiscordSim>>,
    plex: Arc<Mutex<PlexSim>>,
    guilds: BTreeMap<GuildId, Vec<RoleId>>,
    audit: sim::ChannelId,
    files: String,
    /// What this installation's nonces begin with.
    nonces: String,
    path: PathBuf,
    /// What keeps the files there, unless somebody else does.
    _folder: Option<TempDir>,
}

impl Evidence {
    /// Of a pipeline in this process.
    ///
    /// # Errors
    /// If the database can't be read.
    pub async fn of_stage(mut stage: Stage) -> Result<Self> {
        stage.crash();
        let guild = |guild: &rolarr::pipeline::settings::GuildSettings| {
            (guild.id, guild.roles.iter().map(|role| role.id).collect())
        };
        let path = stage.folder.path().join("rolarr.db");
        let store = Store::open(&path, Threads::None)?;
        Ok(Self {
            nonces: nonces(&store).await?,
            store,
            discord: Arc::clone(&stage.discord),
            plex: Arc::clone(&stage.plex),
            guilds: stage.goes_by().guilds.iter().map(guild).collect(),
            audit: sim::ChannelId(stage.audit.0),
            files: stage.database_text()?,
            path,
            _folder: Some(stage.folder),
        })
    }

    /// Of a process, which has ended.
    ///
    /// # Errors
    /// If the database can't be read.
    pub async fn of_world(world: &World) -> Result<Self> {
        let tracked = world.setup.roles.iter().map(|(_, role)| RoleId(role.0)).collect();
        let path = world.store();
        let store = Store::open(&path, Threads::None)?;
        Ok(Self {
            nonces: nonces(&store).await?,
            store,
            discord: Arc::clone(&world.discord_sim),
            plex: Arc::clone(&world.plex_sim),
            guilds: [(GuildId(world.scene.guild.0), tracked)].into(),
            audit: world.setup.audit_channel.unwrap_or(world.scene.channel),
            files: world.database_text()?,
            path,
            _folder: None,
        })
    }

    /// A copy, in which something can be changed that the original does not show.
    ///
    /// # Errors
    /// If the database can't be copied.
    pub fn copy(&self) -> Result<Self> {
        let folder = crate::inprocess::folder(true)?;
        let path = folder.path().join("rolarr.db");
        rolarr::store::backup(&self.path, &path, rolarr::store::Existing::Replace)?;
        Ok(Self {
            store: Store::open(&path, Threads::None)?,
            discord: Arc::new(Mutex::new(self.on_discord().clone())),
            plex: Arc::new(Mutex::new(self.at_plex().clone())),
            guilds: self.guilds.clone(),
            audit: self.audit,
            files: self.files.clone(),
            nonces: self.nonces.clone(),
            path,
            _folder: Some(folder),
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

    /// The guilds that are served.
    pub fn guilds(&self) -> impl Iterator<Item = GuildId> {
        self.guilds.keys().copied()
    }

    /// Everything in the database's files, in small letters.
    #[must_use]
    pub fn files(&self) -> &str {
        &self.files
    }

    /// As if this stood in the database's files too.
    pub(super) fn leave_in_files(&mut self, text: &str) {
        self.files.push_str(text);
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

    /// Changes the database of a copy.
    pub(super) async fn change<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.store.write(work).await
    }

    /// The roles of a member on Discord, sorted; none if they are no member.
    #[must_use]
    pub fn roles_of(&self, guild: GuildId, user: UserId) -> Option<Vec<RoleId>> {
        let discord = self.on_discord();
        let member = discord.guild(sim::GuildId(guild.0))?.members.get(&sim::UserId(user.0))?;
        Some(member.roles.iter().map(|role| RoleId(role.0)).collect())
    }

    /// Whether one of these roles gives access.
    #[must_use]
    pub fn has_tracked(&self, guild: GuildId, roles: &[RoleId]) -> bool {
        let tracked = self.guilds.get(&guild).map(Vec::as_slice).unwrap_or_default();
        roles.iter().any(|role| tracked.contains(role))
    }

    /// What the bot wrote to a person, oldest first, as it stands now.
    #[must_use]
    pub fn messages(&self, user: UserId) -> Vec<String> {
        let sim = self.on_discord();
        sim.told(sim::UserId(user.0)).into_iter().map(|message| message.now.content.clone()).collect()
    }

    /// How many messages a person typed to the bot.
    #[must_use]
    pub fn typed(&self, user: UserId) -> usize {
        let sim = self.on_discord();
        let user = sim::UserId(user.0);
        sim.direct_messages(user).into_iter().filter(|message| message.author == user).count()
    }

    /// The audit channel.
    #[must_use]
    pub fn audit_channel(&self) -> sim::ChannelId {
        self.audit
    }

    /// What stands in the audit channel, oldest first.
    #[must_use]
    pub fn audit(&self) -> Vec<String> {
        let sim = self.on_discord();
        sim.messages_in(self.audit).into_iter().map(|message| message.now.content.clone()).collect()
    }

    /// What a task's message is known by.
    #[must_use]
    pub fn nonce_of(&self, task: TaskId) -> String {
        format!("{}-{task}", self.nonces)
    }

    /// All messages that the bot ever had to send or to change.
    ///
    /// # Errors
    /// If the database can't be read.
    pub async fn tasks(&self) -> Result<Vec<Task>, StoreError> {
        self.store
            .read(|tx| {
                let mut tasks = Vec::new();
                let mut next = 1;
                while let Some(task) = tx.task(TaskId(next))? {
                    tasks.push(task);
                    next += 1;
                }
                Ok(tasks)
            })
            .await
    }
}

async fn nonces(store: &Store) -> Result<String, StoreError> {
    Ok(store.read(|tx| tx.fact("nonce")).await?.unwrap_or_default())
}
