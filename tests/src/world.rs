//! Discord, Plex, and the bot between them.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rolarr_sim::{
    discord::{DiscordServer, DiscordSim, RoleId, Scene, now_ms},
    plex::{PlexServers, PlexSim, system_clock},
};
use tempfile::TempDir;

use crate::{Setup, bot::Bot, database::Database};

/// Discord and Plex on loopback, a folder, and the bot if it runs.
#[derive(Debug)]
pub struct World {
    /// Discord.
    pub server: DiscordServer,
    /// Who and what there is on Discord.
    pub scene: Scene,
    /// What the bot is configured with at its next start.
    pub setup: Setup,
    /// The bot, if it runs in this process.
    pub bot: Option<Bot>,
    /// Discord's state machine.
    pub discord_sim: Arc<Mutex<DiscordSim>>,
    /// plex.tv's state machine.
    pub plex_sim: Arc<Mutex<PlexSim>>,
    plex_servers: PlexServers,
    folder: TempDir,
}

impl World {
    /// Discord and Plex, and no bot yet.
    pub async fn new() -> Self {
        let (sim, scene) = Scene::new(now_ms()).unwrap();
        let discord_sim = Arc::new(Mutex::new(sim));
        let server = DiscordServer::start(Arc::clone(&discord_sim)).await.unwrap();
        let plex_sim = Arc::new(Mutex::new(PlexSim::sample()));
        let plex_servers = PlexServers::start(Arc::clone(&plex_sim), system_clock()).await.unwrap();
        let setup = Setup::new(scene.guild, scene.subscriber);
        let folder = tempfile::tempdir().unwrap();
        share_compiled_policies(folder.path());
        Self { server, scene, setup, bot: None, discord_sim, plex_sim, plex_servers, folder }
    }

    /// Discord, Plex and the bot, which has taken in the guild.
    pub async fn started() -> Self {
        let mut world = Self::new().await;
        world.start().await;
        world
    }

    /// Starts the bot in this process and waits until it has compared the guild and registered its commands.
    pub async fn start(&mut self) {
        assert!(self.bot.is_none(), "the bot runs already");
        let sessions = self.sessions();
        self.bot = Some(Bot::start(&self.configuration()));
        self.until_connected(sessions).await;
    }

    /// Stops the bot politely.
    pub async fn stop(&mut self) {
        self.bot.take().expect("the bot does not run").stop().await.unwrap();
    }

    /// Stops the bot and starts it again.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    /// Waits until the bot has a session on the gateway beyond the first `sessions` ones, has compared the
    /// guild and has registered its commands.
    pub async fn until_connected(&self, sessions: usize) {
        self.eventually("the bot is connected and has taken in the guild", || {
            self.sessions() > sessions
                && self.discord(|sim, _| !sim.commands(None).is_empty())
                && self.database().is_some_and(|database| database.guild_is_taken_in())
        })
        .await;
    }

    /// How often the list of members was read to its end: once for each session on the gateway.
    #[must_use]
    pub fn sessions(&self) -> usize {
        let list = format!("guilds/{}/members", self.scene.guild);
        self.discord(|sim, _| sim.requests().iter().filter(|request| request.path == list).count())
    }

    /// Writes the configuration file as [`World::setup`] says, and returns its path.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        let path = self.folder.path().join("config.toml");
        let text = self.setup.text(&self.server, &self.plex_servers, &self.store());
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The database file.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.folder.path().join("rolarr.db")
    }

    /// The folder of the database and the configuration.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Everything that stands in the database's files, in small letters, without what is no text.
    ///
    /// # Errors
    /// If they can't be read.
    pub fn database_text(&self) -> std::io::Result<String> {
        let mut all = String::new();
        for file in std::fs::read_dir(self.folder.path())? {
            let path = file?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("rolarr.db")) {
                let mut bytes = std::fs::read(path)?;
                bytes.make_ascii_lowercase();
                all.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
        Ok(all)
    }

    /// The database, if there is one yet.
    #[must_use]
    pub fn database(&self) -> Option<Database> {
        Database::open(&self.store())
    }

    /// Does something with Discord, at the present time.
    pub fn discord<T>(&self, act: impl FnOnce(&mut DiscordSim, u64) -> T) -> T {
        self.server.with(act)
    }

    /// Does something with Plex, at the present time.
    pub fn plex<T>(&self, act: impl FnOnce(&mut PlexSim, u64) -> T) -> T {
        act(&mut self.plex_sim.lock().unwrap_or_else(PoisonError::into_inner), now_ms())
    }

    /// Another role, tracked from the bot's next start on.
    pub fn track(&mut self, key: &str) -> RoleId {
        let guild = self.scene.guild;
        let role = self.discord(|sim, now| sim.create_role(now, guild, key).unwrap());
        self.setup.roles.push((key.to_owned(), role));
        role
    }
}

/// All tests run the same policy: it is compiled once, and not once for each test.
fn share_compiled_policies(folder: &Path) {
    let program = std::env::current_exe().unwrap();
    // target/debug/deps/program
    let shared = program.ancestors().nth(3).unwrap().join("tmp/compiled-policies");
    std::fs::create_dir_all(&shared).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(shared, folder.join("rolarr.cache")).unwrap();
    #[cfg(not(unix))]
    let _ = (shared, folder);
}
