//! The whole pipeline in one thread with virtual time: store, policy, Plex client and simulators, without a
//! socket. A test that uses it runs on a runtime whose clock is paused.

mod discord;
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
        GuildId, PlexAccountId, PromptId, RoleId, Timestamp, UserId,
        contract::{Cause, Origin},
    },
    pipeline::{
        Parts, Pipeline, Seam, Watcher,
        ports::{
            ButtonAction, Command, Discord, GatewayNews, Hint, Intake, Invoker, Pressed, Reply, Said, Via,
        },
        settings::{
            Brake, Drift, ExistingShares, FirstStart, GuildSettings, Removal, Settings, Timings, TrackedRole,
        },
    },
    plex::{Paced, Plex, Transport},
    store::{Account, EventState, Impediment, MemberRow, NewEvent, Store, StoreError, Threads, Tx},
};
use rolarr_sim::{
    discord::{self as sim, DiscordSim, Scene},
    plex::PlexSim,
};
use serde_json::Value;
use tempfile::TempDir;

pub use self::{
    discord::ToDiscord,
    plex::ToPlex,
    policies::{Shelf, load, load_module},
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
        let client = client(&plex, &seam, None);
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
            shared: libraries.clone(),
            libraries,
            downloads: false,
            live_tv: 0,
            existing_shares: ExistingShares::Ask,
            removal: Removal::Share,
            drift: Drift::Report,
            brake: Brake::default(),
            streams: true,
            timings: Timings {
                // Nobody else writes into these databases, and months pass in some of the stories.
                notice: Duration::from_secs(3600),
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
        let port = Arc::new(ToDiscord { sim: Arc::clone(&self.discord), seam: seam.clone() });
        let mut guilds = Vec::new();
        for guild in &self.settings.guilds {
            guilds.push(port.guild(guild.id).await?);
        }
        let store = Store::open(&self.folder.path().join("rolarr.db"), Threads::None)?;
        let pipeline = Pipeline::start(Parts {
            settings: self.settings.clone(),
            seam: seam.clone(),
            store: store.clone(),
            policy: self.policies.configured()?,
            policies: Arc::clone(&self.policies) as Arc<dyn rolarr::pipeline::policies::Policies>,
            plex: client(&self.plex, &seam, self.request_every),
            discord: port,
            guilds,
        })
        .await?;
        pipeline.handle().news(GatewayNews::Session).await;
        self.pipeline = Some(pipeline);
        self.store = Some(store);
        Ok(())
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

    /// plex.tv's state machine.
    pub fn at_plex(&self) -> MutexGuard<'_, PlexSim> {
        self.plex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn intake(&self) -> Result<rolarr::pipeline::Handle> {
        Ok(self.pipeline.as_ref().context("the pipeline was stopped")?.handle())
    }

    /// The policy is loaded anew, as after SIGHUP.
    ///
    /// # Errors
    /// If the pipeline was stopped.
    pub fn reload_policy(&self) -> Result<()> {
        self.intake()?.reload_policy();
        Ok(())
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

    /// The gateway tells of a member as they are now, if the pipeline runs.
    ///
    /// # Errors
    /// Never while the pipeline runs.
    pub async fn tell(&self, user: UserId) -> Result<()> {
        let Ok(intake) = self.intake() else { return Ok(()) };
        let said = discord::snapshot(&self.on_discord(), self.guild(), user).map_or(Said::Left, Said::Member);
        intake.hint(Hint { guild: self.guild(), user, said }).await;
        Ok(())
    }

    /// The gateway says something of a member, true or not.
    ///
    /// # Errors
    /// If the pipeline does not run.
    pub async fn hint(&self, hint: Hint) -> Result<()> {
        self.intake()?.hint(hint).await;
        Ok(())
    }

    /// What the policy decides on an event, asked directly.
    ///
    /// # Errors
    /// If it fails.
    pub fn decide(
        &self,
        event: &rolarr_policy::contract::Event,
    ) -> Result<rolarr_policy::contract::Decision> {
        Ok(self.policies.configured()?.active.policy.evaluate(event)?.decision)
    }

    /// A member gets a role.
    ///
    /// # Errors
    /// If Discord would refuse it.
    pub async fn give_role(&self, user: UserId, role: RoleId) -> Result<()> {
        let now = self.now();
        self.on_discord().add_role(now, self.scene.guild, sim::UserId(user.0), sim::RoleId(role.0))?;
        self.tell(user).await
    }

    /// A member loses a role.
    ///
    /// # Errors
    /// If Discord would refuse it.
    pub async fn take_role(&self, user: UserId, role: RoleId) -> Result<()> {
        let now = self.now();
        self.on_discord().remove_role(now, self.scene.guild, sim::UserId(user.0), sim::RoleId(role.0))?;
        self.tell(user).await
    }

    /// A member leaves the guild.
    ///
    /// # Errors
    /// If Discord would refuse it.
    pub async fn leave(&self, user: UserId) -> Result<()> {
        let now = self.now();
        self.on_discord().leave(now, self.scene.guild, sim::UserId(user.0))?;
        self.tell(user).await
    }

    /// A person joins the guild.
    ///
    /// # Errors
    /// If Discord would refuse it.
    pub async fn join(&self, user: UserId) -> Result<()> {
        let now = self.now();
        self.on_discord().join(now, self.scene.guild, sim::UserId(user.0))?;
        self.tell(user).await
    }

    /// A person answers by direct message.
    ///
    /// # Errors
    /// If the pipeline does not run.
    pub async fn write(&self, user: UserId, text: &str) -> Result<Option<Reply>> {
        Ok(self.intake()?.address(user, text, Via::DirectMessage).await)
    }

    /// A person fills in the form.
    ///
    /// # Errors
    /// If the pipeline does not run.
    pub async fn fill_in(&self, user: UserId, prompt: PromptId, text: &str) -> Result<Option<Reply>> {
        Ok(self.intake()?.address(user, text, Via::Form(prompt)).await)
    }

    /// A person presses a button.
    ///
    /// # Errors
    /// If the pipeline does not run.
    pub async fn press(&self, user: UserId, action: ButtonAction) -> Result<Pressed> {
        Ok(self.intake()?.pressed(user, action).await)
    }

    /// A person gives a command in the guild.
    ///
    /// # Errors
    /// If the pipeline does not run.
    pub async fn command(&self, user: UserId, administrator: bool, command: Command) -> Result<Reply> {
        let by = Invoker { user, guild: Some(self.guild()), administrator };
        Ok(self.intake()?.command(command, by).await)
    }

    /// Something else happens on the gateway.
    ///
    /// # Errors
    /// If the pipeline does not run.
    pub async fn news(&self, news: GatewayNews) -> Result<()> {
        self.intake()?.news(news).await;
        Ok(())
    }

    /// Alice has the role, was invited under Ann's address and accepted.
    ///
    /// # Errors
    /// If any of it fails.
    pub async fn alice_joins(&self) -> Result<()> {
        self.give_role(self.alice(), self.role()).await?;
        self.settle().await;
        self.write(self.alice(), ANN).await?.context("the address was not taken up")?;
        self.settle().await;
        let now = self.now();
        self.at_plex().person_accepts(now, ANN)?;
        self.wait(Duration::from_secs(120)).await;
        Ok(())
    }

    /// What the bot wrote to a person, oldest first, as it stands now.
    #[must_use]
    pub fn messages(&self, user: UserId) -> Vec<String> {
        let sim = self.on_discord();
        sim.told(sim::UserId(user.0)).into_iter().map(|message| message.now.content.clone()).collect()
    }

    /// The labels of the buttons that can be pressed in the direct messages of a person.
    #[must_use]
    pub fn open_buttons(&self, user: UserId) -> Vec<String> {
        let sim = self.on_discord();
        let messages = sim.told(sim::UserId(user.0));
        let ids = messages.into_iter().filter_map(|message| message.button());
        ids.map(ToOwned::to_owned).collect()
    }

    /// What stands in the audit channel, oldest first.
    #[must_use]
    pub fn audit(&self) -> Vec<String> {
        let sim = self.on_discord();
        let messages = sim.messages_in(sim::ChannelId(self.audit.0));
        messages.into_iter().map(|message| message.now.content.clone()).collect()
    }

    /// A person's number at Plex.
    ///
    /// # Panics
    /// If there is no such person.
    #[must_use]
    pub fn plex_account(&self, who: &str) -> PlexAccountId {
        PlexAccountId(self.at_plex().account(who).map(|account| account.id).unwrap_or_default())
    }

    /// The filters that are set for a person.
    #[must_use]
    pub fn filters(&self, who: &str) -> Vec<(&'static str, String)> {
        let account = self.plex_account(who).0;
        self.at_plex().filters(account).into_iter().collect()
    }

    /// The writes that plex.tv and the server got, as method and path.
    #[must_use]
    pub fn writes(&self) -> Vec<String> {
        let sim = self.at_plex();
        sim.writes().into_iter().map(|write| format!("{} {}", write.method, write.path)).collect()
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

    /// Changes the database behind the pipeline's back, while it is stopped.
    ///
    /// # Errors
    /// If it can't be written.
    pub async fn change<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        Store::open(&self.folder.path().join("rolarr.db"), Threads::None)?.write(work).await
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

    /// A member's account.
    ///
    /// # Errors
    /// If there is none.
    pub async fn account(&self, user: UserId) -> Result<Account> {
        self.read(move |tx| tx.account_of(user)).await?.context("the member has no account")
    }

    /// A member as they are stored.
    ///
    /// # Errors
    /// If the database can't be read.
    pub async fn member(&self, user: UserId) -> Result<Option<MemberRow>> {
        let guild = self.guild();
        Ok(self.read(move |tx| tx.member(guild, user)).await?)
    }

    /// Whether a text stands anywhere in the database's files.
    ///
    /// # Errors
    /// If they can't be read.
    pub fn database_holds(&self, text: &str) -> Result<bool> {
        Ok(self.database_text()?.contains(&text.to_lowercase()))
    }

    /// Everything that stands in the database's files, in small letters, without what is no text.
    ///
    /// # Errors
    /// If they can't be read.
    pub fn database_text(&self) -> Result<String> {
        let mut all = String::new();
        for file in std::fs::read_dir(self.folder.path())? {
            let mut bytes = std::fs::read(file?.path())?;
            bytes.make_ascii_lowercase();
            all.push_str(&String::from_utf8_lossy(&bytes));
        }
        Ok(all)
    }
}

/// A folder for the database.
fn folder(in_memory: bool) -> Result<TempDir> {
    let memory = std::path::Path::new("/dev/shm");
    if in_memory && memory.is_dir() {
        return Ok(tempfile::tempdir_in(memory)?);
    }
    Ok(tempfile::tempdir()?)
}

fn client(sim: &Arc<Mutex<PlexSim>>, seam: &Seam, every: Option<Duration>) -> Plex {
    let transport: Arc<dyn Transport> = Arc::new(ToPlex { sim: Arc::clone(sim), seam: seam.clone() });
    Plex::new(match every {
        Some(every) => Arc::new(Paced::new(transport, every)),
        None => transport,
    })
}
