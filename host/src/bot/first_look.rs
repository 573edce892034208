//! One look at Discord and at Plex before anything is changed: whether all that the configuration names
//! exists.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, bail};
use tracing::warn;

use crate::{
    config::{self, Config, Located},
    domain::{GuildId, RoleId},
    pipeline::{
        knows_guild,
        ports::{Discord, DiscordError, Guild},
        settings::{
            Brake, Drift, ExistingShares, FirstStart, GuildSettings, Removal, Settings, Timings, TrackedRole,
        },
    },
    plex::{Library, Plex, PlexError, Server},
    store::Store,
};

/// What was seen.
pub(super) struct Looked {
    /// The configuration, checked against what there is.
    pub(super) settings: Settings,
    /// The guilds as Discord shows them: at least one. One that was served before may be missing.
    pub(super) guilds: Vec<Guild>,
}

/// How often and at what distance a service that can't be reached is tried again: a home server often starts
/// before its network does.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(3);

/// Looks, and checks.
///
/// # Errors
/// A [`config::ConfigError`] that names what does exist, if something that the configuration names does not;
/// and what keeps Discord or Plex from answering.
pub(super) async fn take(
    config: &Config,
    plex: &Plex,
    discord: &dyn Discord,
    store: &Store,
) -> anyhow::Result<Looked> {
    let guilds = guilds(config, discord, store).await?;
    check_channels(config, discord).await;
    let owner = plex_answers(config, || plex.owner()).await?;
    let server = server(config, plex_answers(config, || plex.servers()).await?)?;
    let libraries = plex_answers(config, || plex.libraries(&server.machine)).await?;
    check_shared(config, &server, &libraries)?;
    warn_of_shared_names(&libraries);
    check_server(config, plex).await;
    let named = config.plex.libraries.as_ref();
    let timing = &config.timing;
    let settings = Settings {
        guilds: guild_settings(config),
        protected_members: config.discord.protected_members.iter().copied().collect(),
        protected_roles: config.discord.protected_roles.iter().map(|role| role.value).collect(),
        first_start: match config.discord.first_start {
            config::FirstStart::Adopt => FirstStart::Adopt,
            config::FirstStart::Process => FirstStart::Process,
        },
        audit_channel: config.discord.audit_channel.as_ref().map(|channel| channel.value),
        owner,
        server,
        libraries,
        named: named.map(|names| names.iter().map(|name| name.value.clone()).collect()),
        downloads: config.plex.downloads,
        live_tv: config.plex.live_tv.allow_tuners(),
        existing_shares: match config.plex.existing_shares {
            config::ExistingShares::Ask => ExistingShares::Ask,
            config::ExistingShares::Never => ExistingShares::Never,
        },
        removal: match config.plex.remove {
            config::Removal::Share => Removal::Share,
            config::Removal::Friendship => Removal::Friendship,
        },
        drift: match config.plex.drift {
            config::Drift::Report => Drift::Report,
            config::Drift::Correct => Drift::Correct,
        },
        brake: Brake { members: config.brake.members, window: config.brake.window },
        reserved_labels: reserved_labels(config),
        streams: config.plex.server_url.is_some(),
        timings: Timings {
            prompt: config.prompt.valid_for,
            reread: timing.reread_after.clone(),
            check_pending: timing.check_pending_every,
            confirm_absence: timing.confirm_absence_after,
            stale: timing.plex_reads_lag,
            late: timing.plex_writes_lag,
            streams: timing.streams_again_after,
            sweep: timing.sweep_every,
            drift: timing.drift_every,
            message_spacing: timing.message_every,
            retry_first: timing.retry_first,
            retry_longest: timing.retry_longest,
            refused_again: timing.refused_again_after.clone(),
            settle: timing.settle_for,
            ..Timings::default()
        },
    };
    Ok(Looked { settings, guilds })
}

fn guild_settings(config: &Config) -> Vec<GuildSettings> {
    let mut guilds: Vec<GuildSettings> = config
        .discord
        .guilds
        .iter()
        .map(|guild| {
            let mut roles: Vec<TrackedRole> = guild
                .roles
                .iter()
                .map(|role| TrackedRole { id: role.id.value, key: role.key.clone() })
                .collect();
            roles.sort_by(|left, right| left.key.cmp(&right.key));
            GuildSettings {
                id: guild.id.value,
                key: guild.key.clone(),
                roles,
                prompt_channel: guild.prompt_channel.as_ref().map(|channel| channel.value),
            }
        })
        .collect();
    guilds.sort_by(|left, right| left.key.cmp(&right.key));
    guilds
}

async fn guilds(config: &Config, discord: &dyn Discord, store: &Store) -> anyhow::Result<Vec<Guild>> {
    let mut seen = Vec::new();
    let mut missing = None;
    let mut roles: BTreeSet<RoleId> = BTreeSet::new();
    for wanted in &config.discord.guilds {
        let id = wanted.id.value;
        let guild = match guild(discord, id).await {
            Ok(guild) => guild,
            Err(error) => {
                let token_works = error != DiscordError::Unauthorized;
                let known = token_works && store.read(move |tx| knows_guild(tx, id)).await?;
                if known {
                    warn!(
                        guild = wanted.key,
                        %error,
                        "a Discord server that was served before can't be had; the bot starts without it"
                    );
                }
                let error = not_had(config, &wanted.id, error);
                if !known {
                    return Err(error);
                }
                missing.get_or_insert(error);
                continue;
            }
        };
        let tracked = store.read(move |tx| tx.adopted(id)).await?.unwrap_or_default();
        for role in &wanted.roles {
            let exists = guild.roles.iter().any(|known| known.id == role.id.value);
            // One that was tracked before was deleted since. The bot starts: nobody loses access by that until
            // an administrator decides.
            if !exists && !tracked.contains(&role.id.value) {
                let hint = format!("the server `{}` has: {}", guild.name, named(&guild));
                let what = format!(
                    "the role `{}` ({}) does not exist on the Discord server `{}`",
                    role.key, role.id.value, guild.name
                );
                bail!(config.error_at(role.id.place, what, hint));
            }
        }
        roles.extend(guild.roles.iter().map(|role| role.id));
        seen.push(guild);
    }
    if let Some(error) = missing {
        // Without any there is nothing to serve.
        if seen.is_empty() {
            return Err(error);
        }
        // A protected role that none of the others has may be one of that server.
        return Ok(seen);
    }
    for role in config.discord.protected_roles.iter().filter(|role| !roles.contains(&role.value)) {
        let id = role.value;
        if let Some(name) = store.read(move |tx| tx.protected_role(id)).await? {
            // It was deleted since. Whoever it protected keeps what they have until an administrator decides.
            warn!(role = name, "a protected role does not exist any more");
            continue;
        }
        let what = format!("the protected role {} does not exist on any of the Discord servers", role.value);
        let hint = seen.iter().map(named).collect::<Vec<_>>().join(", ");
        bail!(config.error_at(role.place, what, format!("there is: {hint}")));
    }
    Ok(seen)
}

/// Messages into a channel that takes none would wait for ever: what to change is said at once.
async fn check_channels(config: &Config, discord: &dyn Discord) {
    let audit = config.discord.audit_channel.iter().map(|channel| ("audit_channel", channel.value));
    let prompts = config.discord.guilds.iter().filter_map(|guild| guild.prompt_channel.as_ref());
    let prompts = prompts.map(|channel| ("prompt_channel", channel.value));
    for (setting, channel) in audit.chain(prompts) {
        match discord.channel_faults(channel).await {
            Ok(faults) => {
                for fault in faults {
                    warn!("the channel {channel} in `{setting}` {fault}");
                }
            }
            Err(error) => {
                warn!(setting, %channel, %error, "it can't be checked whether the bot can write there")
            }
        }
    }
}

/// Roles for a hint: name and id. The role that everybody has is the guild's own id, and no choice.
fn named(guild: &Guild) -> String {
    const MOST: usize = 30;
    let roles = guild.roles.iter().filter(|role| role.id.0 != guild.id.0);
    let mut names: Vec<String> = roles.map(|role| format!("`{}` ({})", role.name, role.id)).collect();
    if names.len() > MOST {
        names.truncate(MOST);
        names.push("…".to_owned());
    }
    if names.is_empty() { "no roles".to_owned() } else { names.join(", ") }
}

async fn guild(discord: &dyn Discord, id: GuildId) -> Result<Guild, DiscordError> {
    let mut tries = 0;
    loop {
        match discord.guild(id).await {
            Err(DiscordError::Unavailable { .. } | DiscordError::RateLimited { .. }) if tries < TRIES => {
                tries += 1;
                warn!(tries, "Discord does not answer yet; trying again");
                tokio::time::sleep(PAUSE).await;
            }
            other => return other,
        }
    }
}

fn not_had(config: &Config, id: &Located<GuildId>, error: DiscordError) -> anyhow::Error {
    match error {
        DiscordError::Unauthorized => config
            .error_at(
                None,
                "Discord does not accept the bot's token",
                "copy it anew from the page `Bot` of the application in the developer portal",
            )
            .into(),
        error if error.says_not_in_guild() => config
            .error_at(
                id.place,
                format!("the bot is no member of a Discord server with the id {}", id.value),
                "check the id, and invite the bot to the server (docs/install-and-operate.md, step 1)",
            )
            .into(),
        error => anyhow::Error::new(error).context("Discord can't be asked for the server"),
    }
}

async fn plex_answers<T, F>(config: &Config, mut ask: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = Result<T, PlexError>>,
{
    let mut tries = 0;
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            // Something between may answer until the network is there.
            Err(
                PlexError::Unavailable { .. } | PlexError::RateLimited { .. } | PlexError::NotPlex { .. },
            ) if tries < TRIES => {
                tries += 1;
                warn!(tries, "Plex does not answer yet; trying again");
                tokio::time::sleep(PAUSE).await;
            }
            Err(PlexError::Unauthorized) => bail!(config.error_at(
                None,
                "Plex does not accept the token",
                "get a new one (docs/install-and-operate.md, step 2), and put it where [plex] says that the token is",
            )),
            Err(error) => return Err(error).context("Plex can't be asked"),
        }
    }
}

fn server(config: &Config, servers: Vec<Server>) -> anyhow::Result<Server> {
    let wanted = &config.plex.server;
    let by_machine = servers.iter().find(|server| server.machine.0 == wanted.value);
    let lower = wanted.value.to_lowercase();
    let mut by_name = servers.iter().filter(|server| server.name.to_lowercase() == lower);
    let found = match (by_machine, by_name.next(), by_name.next()) {
        (Some(server), _, _) | (None, Some(server), None) => server.clone(),
        (None, Some(_), Some(_)) => {
            let what = format!("the Plex account has several servers with the name `{}`", wanted.value);
            bail!(config.error_at(
                wanted.place,
                what,
                format!("write one of the identifiers: {}", list(&servers))
            ));
        }
        (None, None, _) => {
            let what = format!("the Plex account has no server `{}`", wanted.value);
            let hint = match servers.as_slice() {
                [] => "it has no server at all: is this the token of the server's owner?".to_owned(),
                some => format!("it has: {}", list(some)),
            };
            bail!(config.error_at(wanted.place, what, hint));
        }
    };
    Ok(found)
}

fn list(servers: &[Server]) -> String {
    let names = servers.iter().map(|server| format!("`{}` ({})", server.name, server.machine));
    names.collect::<Vec<_>>().join(", ")
}

/// All libraries that the configuration names must exist at a start.
fn check_shared(config: &Config, server: &Server, libraries: &[Library]) -> anyhow::Result<()> {
    for name in config.plex.libraries.iter().flatten() {
        let lower = name.value.to_lowercase();
        if !libraries.iter().any(|library| library.title.to_lowercase() == lower) {
            let there = libraries.iter().map(|library| format!("`{}`", library.title)).collect::<Vec<_>>();
            let what = format!("the Plex server `{}` has no library `{}`", server.name, name.value);
            bail!(config.error_at(name.place, what, format!("it has: {}", there.join(", "))));
        }
    }
    Ok(())
}

/// Names can't tell these libraries apart.
fn warn_of_shared_names(libraries: &[Library]) {
    let mut names: Vec<String> = libraries.iter().map(|library| library.title.to_lowercase()).collect();
    names.sort_unstable();
    let mut told = BTreeSet::new();
    for name in names.windows(2).filter_map(|pair| pair.first().filter(|name| pair.last() == Some(*name))) {
        if told.insert(name) {
            warn!(
                library = name,
                "several libraries of the server have this name; a rule or a configuration that names it shares all \
                 of them. To share only one, rename the others in Plex"
            );
        }
    }
}

/// The server itself takes the token, or says why not: else that would show first when somebody's stream is to end.
async fn check_server(config: &Config, plex: &Plex) {
    if config.plex.server_url.is_none() {
        return;
    }
    match plex.sessions().await {
        Ok(_) => {}
        Err(error @ PlexError::Refused { .. }) => warn!(
            %error,
            "plex.tv accepts the Plex token and the server at `plex.server_url` does not, so what a member is \
             watching can't be stopped and labels can't be checked: check that the address leads to the server that \
             is shared, and that the token is of the account that owns it"
        ),
        Err(error) => warn!(
            %error,
            "the server at `plex.server_url` can't be asked now: while that lasts, what a member is watching can't be \
             stopped"
        ),
    }
}

/// The labels that hide everything, in lower case: those that the configuration reserves. Those by which a policy hides
/// are added once it decides.
fn reserved_labels(config: &Config) -> BTreeSet<String> {
    config.plex.reserved_labels.iter().map(|label| label.to_lowercase()).collect()
}
