//! The whole pipeline in one thread with virtual time: store, policy, Plex client and simulators, without a
//! socket. A test that uses it runs on a runtime whose clock is paused.

mod boundary;
mod deeds;
mod discord;
mod looks;
mod plex;
mod policies;
mod population;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use rolarr::{
    domain::{
        GuildId, RoleId, Timestamp, UserId,
        contract::{Cause, Origin},
    },
    pipeline::{
        Parts, Pipeline, Reached, Seam, Watcher, knows_guild,
        ports::{Discord, DiscordError, GatewayNews, Intake},
        settings::{
            Brake, Drift, ExistingShares, FirstStart, GuildSettings, Removal, Settings, Timings, TrackedRole,
        },
    },
    plex::{Paced, Plex, Transport},
    store::{EventState, Impediment, NewEvent, Store, StoreError, Threads, Tx},
};
use rolarr_sim::{
    discord::{DiscordSim, Scene},
    plex::PlexSim,
};
use serde_json::Value;
use tempfile::TempDir;

pub use self::{
    boundary::{Boundaries, Place, UnderWay},
    discord::ToDiscord,
    plex::ToPlex,
    policies::{Shelf, load, load_module, load_script},
    population::Subscriber,
};

/// When every story begins: 2026-01-01 00:00 UTC.
pub const BEGINNING: Timestamp = Timestamp(1_767_225_600_000);

/// A person of the sample world at Plex.
pub const ANN: &str = "ann@example.org";
/// Another.
pub const BEN: &str = "ben@example.org";

/// One story: two simulators, a database, and the pipeline between them.
pub struct Stage {
    /// Discord.
    pub discord: Arc<Mutex<DiscordSim>>,
    /// plex.tv.
    pub plex: Arc<Mutex<PlexSim>>,
    /// Who is who on Discord.
    pub scene: Scene,
    /// A second tracked role.
    pub vip: RoleId,
    /// The channel in which administrators are told.
    pub audit: rolarr::domain::ChannelId,
    /// The folder of the database.
    pub folder: TempDir,
    in_memory: bool,
    request_every: Option<Duration>,
    seam: Seam,
    settings: Settings,
    /// The policies that the configuration would name.
    pub policies: Arc<Shelf>,
    pipeline: Option<Pipeline>,
    store: Option<Store>,
    gate: Option<Gate>,
    /// The requests to Plex that are to be stopped on their way.
    pub plex_boundaries: Boundaries,
    /// The requests to Discord that are.
    pub discord_boundaries: Boundaries,
}

/// Is told of each request before it goes out and after it was answered. What it returns may never be ready,
/// which stands for a crash at that place.
pub type Gate = Arc<dyn Fn(&'static str) -> Reached + Send + Sync>;

/// Waits at a gate, if there is one.
async fn pass(gate: Option<&Gate>, place: &'static str) {
    if let Some(gate) = gate {
        gate(place).await;
    }
}

/// What a test changes of the ordinary.
pub struct Setting {
    /// Settings of the default policy.
    pub policy: Value,
    /// What the pipeline goes by.
    pub change: fn(&mut Settings),
    /// What there is at Plex before Rolarr starts.
    pub before: fn(&mut PlexSim),
    /// What there is on Discord before Rolarr starts.
    pub on_discord: fn(&mut DiscordSim, &Scene),
    /// What chance is drawn from.
    pub seed: u64,
    /// The database stands in memory, where there is a place for that: many stories after another need not
    /// wait for a disk.
    pub in_memory: bool,
    /// The least time between two requests to Plex in the long run, as `plex_request_every`; none for no limit.
    pub request_every: Option<Duration>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            policy: Value::Null,
            change: |_| {},
            before: |_| {},
            on_discord: |_, _| {},
            seed: 1,
            in_memory: false,
            request_every: None,
        }
    }
}

impl Stage {
    /// An ordinary beginning: the guild is taken in, nobody has a role.
    ///
    /// # Errors
    /// If anything can't be set up.
    pub async fn set() -> Result<Self> {
        Self::with(Setting::default()).await
    }

    /// A beginning of its own.
    ///
    /// # Errors
    /// If anything can't be set up.
    pub async fn with(setting: Setting) -> Result<Self> {
        let seam = Seam::seeded(setting.seed, BEGINNING);
        let (mut discord, scene) = Scene::new(BEGINNING.0)?;
        let vip = discord.create_role(BEGINNING.0, scene.guild, "VIP")?;
        let audit = discord.create_channel(BEGINNING.0, scene.guild, "audit")?;
        (setting.on_discord)(&mut discord, &scene);
        let mut plex = PlexSim::sample();
        (setting.before)(&mut plex);
        let (discord, plex) = (Arc::new(Mutex::new(discord)), Arc::new(Mutex::new(plex)));
        let policies = Arc::new(Shelf::new(&setting.policy)?);
        let client = client(&plex, &seam, None, None, Boundaries::default());
        let owner = client.owner().await?;
        let server = client.servers().await?.into_iter().next().context("the sample world has a server")?;
        let libraries = client.libraries(&server.machine).await?;
        let vip = RoleId(vip.0);
        let audit = rolarr::domain::ChannelId(audit.0);
        let mut settings = Settings {
            guilds: vec![GuildSettings {
                id: GuildId(scene.guild.0),
                key: "home".to_owned(),
                roles: vec![
                    TrackedRole { id: RoleId(scene.subscriber.0), key: "plex".to_owned() },
                    TrackedRole { id: vip, key: "vip".to_owned() },
                ],
                prompt_channel: Some(rolarr::domain::ChannelId(scene.channel.0)),
            }],
            protected_members: [].into(),
            protected_roles: [].into(),
            first_start: FirstStart::Adopt,
            audit_channel: Some(audit),
            owner,
            server,
            libraries,
            named: None,
            downloads: false,
            live_tv: 0,
            existing_shares: ExistingShares::Ask,
            removal: Removal::Share,
            drift: Drift::Report,
            brake: Brake::default(),
            reserved_labels: ["noaccess".to_owned()].into(),
            streams: true,
            timings: Timings {
                // Nobody else writes into these databases, and months pass in some of the stories.
                notice: Duration::from_secs(3600),
                // The stories are about what follows from a decision. When it follows has stories of its own.
                settle: Duration::ZERO,
                ..Timings::default()
            },
        };
        (setting.change)(&mut settings);
        let in_memory = setting.in_memory;
        let folder = folder(in_memory)?;
        let mut stage = Self {
            discord,
            plex,
            scene,
            vip,
            audit,
            folder,
            in_memory,
            request_every: setting.request_every,
            seam,
            settings,
            policies,
            pipeline: None,
            store: None,
            gate: None,
            plex_boundaries: Boundaries::default(),
            discord_boundaries: Boundaries::default(),
        };
        stage.start().await?;
        Ok(stage)
    }

    /// Starts the pipeline; the guilds are compared, as after a new gateway session.
    ///
    /// # Errors
    /// If the database can't be opened.
    pub async fn start(&mut self) -> Result<()> {
        self.start_watched(None).await
    }

    /// The same with somebody who is told of each step.
    ///
    /// # Errors
    /// If the database can't be opened.
    pub async fn start_watched(&mut self, watcher: Option<Watcher>) -> Result<()> {
        self.open(watcher).await?;
        self.settle().await;
        Ok(())
    }

    /// The same without waiting until it has settled.
    ///
    /// # Errors
    /// If Discord does not answer, or the database can't be opened.
    pub async fn open(&mut self, watcher: Option<Watcher>) -> Result<()> {
        let seam = match watcher {
            None => self.seam.clone(),
            Some(watcher) => self.seam.clone().watched(watcher),
        };
        let gate = self.gate.clone();
        let port = Arc::new(ToDiscord {
            sim: Arc::clone(&self.discord),
            seam: seam.clone(),
            gate,
            boundaries: self.discord_boundaries.clone(),
        });
        let store = Store::open(&self.folder.path().join("rolarr.db"), Threads::None)?;
        let mut guilds = Vec::new();
        for id in self.settings.guilds.iter().map(|guild| guild.id) {
            match port.guild(id).await {
                Ok(guild) => guilds.push(guild),
                // As at a real start.
                Err(error) if error != DiscordError::Unauthorized => {
                    anyhow::ensure!(store.read(move |tx| knows_guild(tx, id)).await?, error);
                }
                Err(error) => return Err(error.into()),
            }
        }
        anyhow::ensure!(!guilds.is_empty(), "Discord shows no guild");
        let pipeline = Pipeline::start(Parts {
            settings: self.settings.clone(),
            seam: seam.clone(),
            store: store.clone(),
            policy: self.policies.configured()?,
            policies: Arc::clone(&self.policies) as Arc<dyn rolarr::pipeline::ports::policy_source::Policies>,
            plex: client(
                &self.plex,
                &seam,
                self.request_every,
                self.gate.clone(),
                self.plex_boundaries.clone(),
            ),
            discord: port,
            guilds,
        })
        .await?;
        pipeline.handle().news(GatewayNews::Session).await;
        self.pipeline = Some(pipeline);
        self.store = Some(store);
        Ok(())
    }

    /// Puts a gate before and after each request to Discord and Plex; it counts from the next start.
    pub fn gate(&mut self, gate: Gate) {
        self.gate = Some(gate);
    }

    /// Returns when a worker of the pipeline ended by itself, which none does.
    pub async fn broken(&mut self) {
        match &mut self.pipeline {
            Some(pipeline) => pipeline.broken().await,
            None => std::future::pending().await,
        }
    }

    /// Whether the pipeline runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.pipeline.is_some()
    }

    /// Stops the pipeline in good order.
    pub async fn stop(&mut self) {
        self.store = None;
        if let Some(pipeline) = self.pipeline.take() {
            pipeline.shutdown().await;
        }
    }

    /// Ends the pipeline at once, as a crash would.
    pub fn crash(&mut self) {
        self.store = None;
        self.pipeline = None;
    }

    /// Ends the pipeline as a power cut would: what is opened next is a copy of what the disk had at this
    /// moment, with `torn` at the end of the log, as from a write that was under way.
    ///
    /// # Errors
    /// If the files can't be copied.
    pub fn cut_power(&mut self, torn: &[u8]) -> Result<()> {
        let copy = folder(self.in_memory)?;
        for name in ["rolarr.db", "rolarr.db-wal"] {
            let from = self.folder.path().join(name);
            if from.exists() {
                std::fs::copy(&from, copy.path().join(name))?;
            }
        }
        self.crash();
        let log = copy.path().join("rolarr.db-wal");
        if !torn.is_empty() && log.exists() {
            std::io::Write::write_all(&mut std::fs::OpenOptions::new().append(true).open(log)?, torn)?;
        }
        self.folder = copy;
        Ok(())
    }

    /// What the pipeline goes by.
    #[must_use]
    pub fn goes_by(&self) -> &Settings {
        &self.settings
    }

    /// Changes what the pipeline goes by; it counts from the next start.
    pub fn settings(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Lets time pass until what is under way has come to its end.
    pub async fn settle(&self) {
        self.wait(Duration::from_secs(45)).await;
    }

    /// Lets time pass.
    pub async fn wait(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// The time of day.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.seam.now().0
    }

    /// Discord's state machine.
    pub fn on_discord(&self) -> MutexGuard<'_, DiscordSim> {
        self.discord.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// plex.tv's state machine, as it is now.
    pub fn at_plex(&self) -> MutexGuard<'_, PlexSim> {
        let mut plex = self.plex.lock().unwrap_or_else(PoisonError::into_inner);
        plex.pass(self.now());
        plex
    }

    fn intake(&self) -> Result<rolarr::pipeline::Handle> {
        Ok(self.pipeline.as_ref().context("the pipeline was stopped")?.handle())
    }

    /// The guild.
    #[must_use]
    pub fn guild(&self) -> GuildId {
        GuildId(self.scene.guild.0)
    }

    /// The member most stories are about.
    #[must_use]
    pub fn alice(&self) -> UserId {
        UserId(self.scene.alice.0)
    }

    /// Another member.
    #[must_use]
    pub fn bob(&self) -> UserId {
        UserId(self.scene.bob.0)
    }

    /// The role that gives access.
    #[must_use]
    pub fn role(&self) -> RoleId {
        RoleId(self.scene.subscriber.0)
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
        match &self.store {
            Some(store) => store.read(work).await,
            // A handle of its own sees what was committed.
            None => Store::open(&self.folder.path().join("rolarr.db"), Threads::None)?.read(work).await,
        }
    }

    /// Changes the database: as a part of the pipeline would, or behind its back while it is stopped.
    ///
    /// # Errors
    /// If it can't be written.
    pub async fn change<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        match &self.store {
            Some(store) => store.write(work).await,
            None => Store::open(&self.folder.path().join("rolarr.db"), Threads::None)?.write(work).await,
        }
    }

    /// Lets the pipeline's writes to the database fail, or lifts that.
    ///
    /// # Errors
    /// If the pipeline does not run.
    pub async fn impede(&self, how: Impediment) -> Result<()> {
        let store = self.store.as_ref().context("the pipeline was stopped")?;
        Ok(store.read(move |tx| tx.impede(how)).await?)
    }

    /// Uses up the room that is left in the database, through the pipeline's own connection, until a write fails:
    /// why it does.
    ///
    /// # Errors
    /// If the pipeline does not run, or there is no end of room.
    pub async fn fill_up(&self) -> Result<StoreError> {
        let store = self.store.as_ref().context("the pipeline was stopped")?;
        // Large rows first, and then what is left of the pages of the journal and its indexes.
        let mut refused = None;
        for size in [3_000, 300, 10, 1] {
            let mut in_a_row = 0;
            for number in 0..10_000 {
                let event = NewEvent {
                    at: BEGINNING,
                    origin: Origin::Administrator,
                    guild: self.guild(),
                    user: UserId(number % 50 * 0x0123_4567_89ab),
                    cause: Cause::MemberLeft,
                    roles: Vec::new(),
                    state: EventState::Noted,
                    remark: Some("x".repeat(size)),
                };
                match store.write(move |tx| tx.journal(&event)).await {
                    Ok(_) => in_a_row = 0,
                    Err(error) => {
                        refused = Some(error);
                        in_a_row += 1;
                    }
                }
                if in_a_row >= 100 {
                    break;
                }
            }
        }
        refused.context("there is no end of room")
    }
}

/// A folder for a database.
pub(crate) fn folder(in_memory: bool) -> Result<TempDir> {
    let memory = std::path::Path::new("/dev/shm");
    if in_memory && memory.is_dir() {
        return Ok(tempfile::tempdir_in(memory)?);
    }
    Ok(tempfile::tempdir()?)
}

fn client(
    sim: &Arc<Mutex<PlexSim>>,
    seam: &Seam,
    every: Option<Duration>,
    gate: Option<Gate>,
    boundaries: Boundaries,
) -> Plex {
    let transport: Arc<dyn Transport> =
        Arc::new(ToPlex { sim: Arc::clone(sim), seam: seam.clone(), gate, boundaries });
    Plex::new(match every {
        Some(every) => Arc::new(Paced::new(transport, every)),
        None => transport,
    })
}
