//! What the demo plays in: the simulators on loopback, the bot that runs against them, and its database.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, bail};
use rolarr_sim::{
    discord::{ChannelId, DiscordServer, DiscordSim, GuildId, InteractionId, RoleId, UserId, now_ms},
    plex::{PlexServers, PlexSim, system_clock},
};
use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    bot,
    config::Config,
    domain,
    files::shown,
    pipeline::Seam,
    store::{Store, Threads},
};

/// Ann's address at the simulated plex.tv. She has an account with it.
pub(super) const ADDRESS: &str = "ann@example.org";

/// The Plex server that is shared.
pub(super) const SERVER: &str = "Attic";

/// How long the bot may take until it has taken in the members.
const START: Duration = Duration::from_secs(60);

/// How long the bot may take to end.
const END: Duration = Duration::from_secs(15);

/// How long a form may take to open.
const FORM: Duration = Duration::from_secs(10);

/// Between two looks.
pub(super) const GLANCE: Duration = Duration::from_millis(50);

/// The simulators, and the bot at work.
pub(super) struct World {
    pub(super) discord: DiscordServer,
    pub(super) cast: Cast,
    plex: Arc<Mutex<PlexSim>>,
    _plex_servers: PlexServers,
    /// A handle of the demo's own on the bot's database.
    pub(super) store: Store,
    bot: JoinHandle<anyhow::Result<()>>,
    stop: CancellationToken,
    folder: PathBuf,
    /// What Ann did with buttons and forms, oldest first.
    pub(super) done: Vec<InteractionId>,
}

/// Who and what there is on the simulated Discord.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cast {
    pub(super) guild: GuildId,
    pub(super) role: RoleId,
    pub(super) audit: ChannelId,
    pub(super) ann: UserId,
    /// Ann's account at plex.tv.
    pub(super) ann_at_plex: u64,
}

impl Cast {
    pub(super) fn guild(&self) -> domain::GuildId {
        domain::GuildId(self.guild.0)
    }

    pub(super) fn ann(&self) -> domain::UserId {
        domain::UserId(self.ann.0)
    }

    pub(super) fn role(&self) -> domain::RoleId {
        domain::RoleId(self.role.0)
    }
}

impl World {
    /// Starts the simulators on free ports, writes a configuration that points to them, and starts the bot
    /// with it. Comes back when the bot has taken in the members.
    pub(super) async fn start(
        folder: &Path,
        policy: &str,
        settings: &Map<String, Value>,
    ) -> anyhow::Result<Self> {
        let plex = PlexSim::sample();
        let ann_at_plex = plex.account(ADDRESS).context("the simulated plex.tv does not know Ann")?.id;
        let (discord, cast) = discord(ann_at_plex)?;
        let token = discord.token().to_owned();
        let plex = Arc::new(Mutex::new(plex));
        let no_port = "no port of 127.0.0.1 can be had for the simulators";
        let discord = DiscordServer::start(Arc::new(Mutex::new(discord))).await.context(no_port)?;
        let plex_servers = PlexServers::start(Arc::clone(&plex), system_clock()).await.context(no_port)?;
        let text = toml::to_string_pretty(&json!({
            "discord": {
                "token": token,
                "audit_channel": cast.audit.to_string(),
                "guilds": [{
                    "id": cast.guild.to_string(),
                    "key": "example",
                    "roles": [{"key": "subscriber", "id": cast.role.to_string()}],
                }],
            },
            "plex": {
                "token": rolarr_sim::plex::OWNER_TOKEN,
                "server": SERVER,
                "server_url": plex_servers.server,
            },
            "policy": {"module": policy, "settings": settings},
            "addresses": {
                "discord_api": discord.url(),
                "discord_gateway": discord.gateway_url(),
                "plex_tv": plex_servers.plex_tv,
                "plex_clients": plex_servers.clients,
            },
            // Nobody waits for people or for far-away services here.
            "timing": {
                "check_pending_every": "200ms",
                "confirm_absence_after": "200ms",
                "plex_reads_lag": "100ms",
                "streams_again_after": "100ms",
                "reread_after": ["200ms", "500ms"],
                "message_every": "0ms",
                "plex_request_every": "0ms",
                "retry_first": "200ms",
                "retry_longest": "1s",
                "refused_again_after": ["200ms", "500ms"],
                // So that the story goes on; the default is ten seconds.
                "settle_for": "0s",
            },
        }))
        .context("the policy's settings can't be written into a configuration file")?;
        let file = folder.join("config.toml");
        std::fs::write(&file, text).with_context(|| format!("can't write `{}`", shown(&file)))?;
        let config = Config::load(&file)?;
        let path = config.store.path.clone();
        let asked = bot::Asked::default();
        let stop = asked.stop.clone();
        let mut bot = tokio::spawn(bot::run(config, Seam::system(), asked));
        let store = tokio::select! {
            ended = &mut bot => return Err(early(ended)),
            store = tokio::time::timeout(START, taken_in(&path, &discord, cast)) => {
                store.context("the bot did not take in the members in time")??
            }
        };
        let folder = folder.to_owned();
        let done = Vec::new();
        Ok(Self { discord, cast, plex, _plex_servers: plex_servers, store, bot, stop, folder, done })
    }

    /// plex.tv and the Plex server. Don't wait for anything while holding it.
    pub(super) fn plex(&self) -> MutexGuard<'_, PlexSim> {
        self.plex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An error if the bot has ended by itself.
    pub(super) async fn bot_runs(&mut self) -> anyhow::Result<()> {
        if self.bot.is_finished() {
            return Err(early((&mut self.bot).await));
        }
        Ok(())
    }

    /// Asks the bot to stop, and waits until it has.
    pub(super) async fn end(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        match tokio::time::timeout(END, &mut self.bot).await {
            Ok(ended) => ended.context("the bot broke off")?.context("the bot ended with an error"),
            Err(_) => {
                self.bot.abort();
                bail!("the bot did not stop when it was asked to");
            }
        }
    }

    /// Ann presses the button of the question, waits for the form, and sends it off.
    pub(super) async fn answer(&mut self, typed: &str) -> anyhow::Result<()> {
        let ann = self.cast.ann;
        let pressed = self.discord.with(|sim, now| {
            let question = sim
                .told(ann)
                .into_iter()
                .rev()
                .find_map(|message| message.button().map(|button| (message.id, button.to_owned())));
            let (message, button) =
                question.context("Ann has no question with a button that she could press")?;
            anyhow::Ok(sim.press_button(now, ann, message, &button)?)
        })?;
        self.done.push(pressed);
        let opened = async {
            while !self.discord.with(|sim, _| sim.form(pressed).is_some()) {
                tokio::time::sleep(GLANCE).await;
            }
        };
        tokio::time::timeout(FORM, opened).await.context("no form opened when Ann pressed the button")?;
        let sent = self.discord.with(|sim, now| sim.submit_modal(now, pressed, &[("email", typed)]))?;
        self.done.push(sent);
        Ok(())
    }

    /// Whether the bytes of a text stand in any file that the bot has written: the database, its log, the
    /// bot's log.
    pub(super) async fn written(&self, text: &'static str) -> anyhow::Result<bool> {
        let folder = self.folder.clone();
        tokio::task::spawn_blocking(move || stands_in(&folder, text.as_bytes()))
            .await
            .context("the files can't be searched")?
            .with_context(|| format!("the files in `{}` can't be read", shown(&self.folder)))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
        self.bot.abort();
    }
}

fn early(ended: Result<anyhow::Result<()>, tokio::task::JoinError>) -> anyhow::Error {
    match ended {
        Ok(Ok(())) => anyhow::anyhow!("the bot ended by itself"),
        // As it is: it may be a mistake in the configuration, with a hint.
        Ok(Err(error)) => error,
        Err(error) => anyhow::Error::from(error).context("the bot broke off"),
    }
}

/// A guild with a role, a channel for administrators, and Ann.
fn discord(ann_at_plex: u64) -> anyhow::Result<(DiscordSim, Cast)> {
    let now = now_ms();
    let mut sim = DiscordSim::new(now);
    let owner = sim.create_user(now, "owner");
    let guild = sim.create_guild(now, "Example", owner);
    let role = sim.create_role(now, guild, "Subscriber")?;
    let audit = sim.create_channel(now, guild, "administrators")?;
    let ann = sim.create_user(now, "ann");
    sim.join(now, guild, ann)?;
    // Somebody who has the role before Rolarr comes.
    let ben = sim.create_user(now, "ben");
    sim.join(now, guild, ben)?;
    sim.add_role(now, guild, ben, role)?;
    Ok((sim, Cast { guild, role, audit, ann, ann_at_plex }))
}

/// Waits until the members stand in the database.
async fn taken_in(path: &Path, discord: &DiscordServer, cast: Cast) -> anyhow::Result<Store> {
    // The bot has made its database before it asks Discord for anything.
    while discord.with(|sim, _| sim.requests().is_empty()) {
        tokio::time::sleep(GLANCE).await;
    }
    let file = path.to_owned();
    let store = tokio::task::spawn_blocking(move || Store::open(&file, Threads::Own))
        .await
        .context("the database can't be opened a second time")??;
    let guild = cast.guild();
    while store.read(move |tx| tx.adopted(guild)).await?.is_none() {
        tokio::time::sleep(GLANCE).await;
    }
    Ok(store)
}

fn stands_in(folder: &Path, wanted: &[u8]) -> std::io::Result<bool> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let found = if entry.file_type()?.is_dir() {
            stands_in(&entry.path(), wanted)?
        } else {
            let mut file = File::open(entry.path())?;
            let mut bytes = Vec::new();
            let read = file.read_to_end(&mut bytes);
            // It stays open until the process ends. The bot has the database open in this same process: closing
            // another handle of the file would give up the process's locks on it, and a command beside it would take
            // its log away while it is in use.
            std::mem::forget(file);
            read?;
            bytes.windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted))
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many locks this process has on a file.
    #[cfg(target_os = "linux")]
    fn locks(file: &Path) -> usize {
        use std::os::unix::fs::MetadataExt;
        let inode = std::fs::metadata(file).unwrap().ino().to_string();
        let process = std::process::id().to_string();
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        let ours = |line: &&str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.contains(&"POSIX")
                && words.contains(&process.as_str())
                && words.iter().any(|word| word.ends_with(&format!(":{inode}")))
        };
        locks.lines().filter(ours).count()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn searching_the_files_of_a_database_in_use_leaves_its_locks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rolarr.db");
        let _store = Store::open(&path, Threads::Own).unwrap();
        let files = ["rolarr.db", "rolarr.db-shm"].map(|name| folder.path().join(name));
        let before = files.each_ref().map(|file| locks(file));
        assert!(before.iter().all(|count| *count > 0), "{before:?}");
        assert!(!stands_in(folder.path(), b"ann@example.org").unwrap());
        assert!(stands_in(folder.path(), b"sqlite format 3").unwrap());
        assert_eq!(files.each_ref().map(|file| locks(file)), before);
    }
}
