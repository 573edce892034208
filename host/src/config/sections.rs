//! What stands in which section, and its defaults.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use super::{
    Address, Addresses, Brake, Config, ConfigError, Discord, Drift, ExistingShares, FirstStart, Guild, Level,
    LiveTv, Located, Log, LogFormat, Plex, Prompt, Removal, Store, Timing, TrackedRole,
    address::NotAnAddress,
    document::{Entry, Section},
    error::quoted,
    policy,
    secret::secret,
};

/// The sections of the file.
pub(super) const ROOT: [&str; 9] =
    ["discord", "plex", "prompt", "policy", "store", "log", "addresses", "brake", "timing"];

/// Reads the whole file. Warnings are not filled in.
pub(super) fn config(root: &Section<'_>) -> Result<Config, ConfigError> {
    Ok(Config {
        file: root.document().file.to_owned(),
        discord: discord(root)?,
        plex: plex(root)?,
        prompt: prompt(root)?,
        policy: policy::policy(root)?,
        store: store(root)?,
        log: log(root)?,
        addresses: addresses(root)?,
        brake: brake(root)?,
        timing: timing(root)?,
        warnings: Vec::new(),
        said: super::Said::default(),
    })
}

fn discord(root: &Section<'_>) -> Result<Discord, ConfigError> {
    const KEYS: [&str; 6] =
        ["token", "audit_channel", "protected_members", "protected_roles", "first_start", "guilds"];
    const GUILD: &str = "add a section `[[discord.guilds]]` with `id`, `key` and `[[discord.guilds.roles]]` \
                         as in config.example.toml";
    let section = root.section("discord", &KEYS)?;
    let token = secret(&section.require("token", "token = { env = \"DISCORD_TOKEN\" }")?)?;
    let mut guilds: Vec<Guild> = Vec::new();
    let mut roles = BTreeSet::new();
    for entry in section.sections("guilds", &["id", "key", "roles", "prompt_channel"])? {
        let guild = guild(&entry)?;
        let twice = |what: &str| {
            let hint = "each Discord server stands in the file once, with a key of its own";
            root.document().error(
                entry.place(),
                format!("this Discord server's {what} stands in the file twice"),
                hint,
            )
        };
        if guilds.iter().any(|other| other.id.value == guild.id.value) {
            return Err(twice("id"));
        }
        if guilds.iter().any(|other| other.key == guild.key) {
            return Err(twice("key"));
        }
        for role in &guild.roles {
            if !roles.insert(role.id.value) {
                return Err(root.document().error(
                    role.id.place,
                    format!("the role {} stands in the file twice", role.id.value),
                    "a role belongs to one Discord server and has one key: delete one of the two",
                ));
            }
        }
        guilds.push(guild);
    }
    if guilds.is_empty() {
        return Err(root.document().error(section.place(), "no Discord server is named", GUILD));
    }
    let ids = "write a list of ids: [\"1\", \"2\"]";
    let protected_roles = match section.get("protected_roles") {
        None => Vec::new(),
        Some(entry) => entry.list(ids)?.iter().map(Entry::id).collect::<Result<Vec<Located<_>>, _>>()?,
    };
    if let Some(role) = protected_roles.iter().find(|role| roles.contains(&role.value)) {
        return Err(root.document().error(
            role.place,
            format!("the role {} is protected and tracked at once", role.value),
            "holders of a protected role are never looked at: take it out of one of the two lists",
        ));
    }
    let protected_members = match section.get("protected_members") {
        None => Vec::new(),
        Some(entry) => {
            entry.list(ids)?.iter().map(|id| Ok(id.id()?.value)).collect::<Result<Vec<_>, ConfigError>>()?
        }
    };
    Ok(Discord {
        token,
        guilds,
        audit_channel: section.get("audit_channel").map(|entry| entry.id()).transpose()?,
        protected_members,
        protected_roles,
        first_start: choice(
            &section,
            "first_start",
            &[("adopt", FirstStart::Adopt), ("process", FirstStart::Process)],
        )?,
    })
}

fn guild(section: &Section<'_>) -> Result<Guild, ConfigError> {
    let id: Located<crate::domain::GuildId> = section.require("id", "id = \"1\"")?.id()?;
    let key = key(&section.require("key", "key = \"home\"")?)?;
    let mut roles: Vec<TrackedRole> = Vec::new();
    for entry in section.sections("roles", &["key", "id"])? {
        let role = TrackedRole {
            key: self::key(&entry.require("key", "key = \"plex\"")?)?,
            id: entry.require("id", "id = \"2\"")?.id()?,
        };
        if roles.iter().any(|other| other.key == role.key) {
            return Err(section.document().error(
                entry.place(),
                format!(
                    "two roles of the Discord server {} have the key {}",
                    quoted(&key),
                    quoted(&role.key)
                ),
                "policies tell roles apart by their keys: give each one of its own",
            ));
        }
        if role.id.value.0 == id.value.0 {
            return Err(section.document().error(
                role.id.place,
                format!("the role {} is @everyone, which nobody is ever given or loses", role.id.value),
                "name the id of a role that you give to members",
            ));
        }
        roles.push(role);
    }
    if roles.is_empty() {
        return Err(section.document().error(
            section.place(),
            format!("the Discord server {} has no role that gives access", quoted(&key)),
            "add a section `[[discord.guilds.roles]]` with `key` and `id` below it",
        ));
    }
    let prompt_channel = section.get("prompt_channel").map(|entry| entry.id()).transpose()?;
    Ok(Guild { id, key, roles, prompt_channel })
}

/// An operator's name for something, which policies compare.
fn key(entry: &Entry<'_>) -> Result<String, ConfigError> {
    const LONGEST: usize = 64;
    let hint = "write a short name of letters, digits, `-` and `_`, for example \"plex\"";
    let key = entry.text(hint)?;
    let fits = |char: char| char.is_alphanumeric() || matches!(char, '-' | '_');
    if key.is_empty() || key.chars().count() > LONGEST || !key.chars().all(fits) {
        return Err(entry.error("is no name that a policy could go by", hint));
    }
    Ok(key.to_owned())
}

fn plex(root: &Section<'_>) -> Result<Plex, ConfigError> {
    const KEYS: [&str; 10] = [
        "token",
        "server",
        "libraries",
        "reserved_labels",
        "server_url",
        "existing_shares",
        "remove",
        "drift",
        "downloads",
        "live_tv",
    ];
    let section = root.section("plex", &KEYS)?;
    let token = secret(&section.require("token", "token = { env = \"PLEX_TOKEN\" }")?)?;
    let server = section.require("server", "server = \"Living Room\"")?;
    let server =
        server.located(server.name("write the server's name in quotes, as Plex shows it")?.to_owned());
    let server_url = match section.get("server_url") {
        None => None,
        Some(entry) => {
            let address = address(&entry, &HTTP, "http://192.0.2.7:32400")?;
            if address.is_open_to_strangers() {
                root.document().warn(format!(
                    "{} is not encrypted and leads out of the local network: everybody on the way can read the \
                     token of your Plex account; begin it with `https://`",
                    quoted(entry.path()),
                ));
            }
            Some(address)
        }
    };
    Ok(Plex {
        token,
        server,
        libraries: section.get("libraries").map(|entry| libraries(&entry)).transpose()?,
        reserved_labels: section
            .get("reserved_labels")
            .map_or_else(|| Ok(vec!["noAccess".to_owned()]), |entry| reserved_labels(&entry))?,
        server_url,
        existing_shares: choice(
            &section,
            "existing_shares",
            &[("ask", ExistingShares::Ask), ("never", ExistingShares::Never)],
        )?,
        remove: choice(
            &section,
            "remove",
            &[("share", Removal::Share), ("friendship", Removal::Friendship)],
        )?,
        drift: choice(&section, "drift", &[("report", Drift::Report), ("correct", Drift::Correct)])?,
        downloads: section.get("downloads").map_or(Ok(false), |entry| entry.truth())?,
        live_tv: choice(
            &section,
            "live_tv",
            &[("none", LiveTv::None), ("watch", LiveTv::Watch), ("record", LiveTv::Record)],
        )?,
    })
}

fn libraries(entry: &Entry<'_>) -> Result<Vec<Located<String>>, ConfigError> {
    let hint = "write a list of names, [\"Movies\", \"TV Shows\"], or delete the line to share all libraries";
    let mut libraries: Vec<Located<String>> = Vec::new();
    for name in entry.list(hint)? {
        let library = name.located(name.name(hint)?.to_owned());
        if libraries.iter().any(|other| other.value.to_lowercase() == library.value.to_lowercase()) {
            return Err(
                name.error(&format!("names {} twice", quoted(&library.value)), "delete one of the two")
            );
        }
        libraries.push(library);
    }
    if libraries.is_empty() {
        return Err(
            entry.error("is an empty list, which Plex takes for all libraries or for none at all", hint)
        );
    }
    Ok(libraries)
}

fn reserved_labels(entry: &Entry<'_>) -> Result<Vec<String>, ConfigError> {
    let hint = "write a list of labels, for example [\"noAccess\"]";
    entry.list(hint)?.iter().map(|label| label.name(hint).map(str::to_owned)).collect()
}

fn prompt(root: &Section<'_>) -> Result<Prompt, ConfigError> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let section = root.section("prompt", &["valid_for"])?;
    let valid_for = section.get("valid_for").map_or(Ok(DAY), |entry| entry.duration_above_zero())?;
    Ok(Prompt { valid_for })
}

fn store(root: &Section<'_>) -> Result<Store, ConfigError> {
    let section = root.section("store", &["path"])?;
    let Some(entry) = section.get("path") else {
        return Ok(Store { path: root.document().resolve("rolarr.db") });
    };
    let hint =
        "write the path of the database file in quotes; it is made if it does not exist, its folder is not";
    let path: PathBuf = root.document().resolve(entry.name(hint)?);
    if path.is_dir() {
        return Err(entry.error("is a folder", hint));
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            let folder = quoted(&folder.to_string_lossy());
            Err(entry.error(&format!("is in the folder {folder}, which does not exist"), hint))
        }
        _ => Ok(Store { path }),
    }
}

fn log(root: &Section<'_>) -> Result<Log, ConfigError> {
    let section = root.section("log", &["format", "level"])?;
    Ok(Log {
        format: choice(&section, "format", &[("text", LogFormat::Text), ("json", LogFormat::Json)])?,
        level: choice(
            &section,
            "level",
            &[
                ("error", Level::Error),
                ("warn", Level::Warn),
                ("info", Level::Info),
                ("debug", Level::Debug),
                ("trace", Level::Trace),
            ],
        )?,
    })
}

const HTTP: [&str; 2] = ["https", "http"];
const WEBSOCKET: [&str; 2] = ["wss", "ws"];

fn addresses(root: &Section<'_>) -> Result<Addresses, ConfigError> {
    let section =
        root.section("addresses", &["discord_api", "discord_gateway", "plex_tv", "plex_clients"])?;
    let get = |key: &str, schemes: &[&str], default: &'static str| match section.get(key) {
        None => Ok(Address::known(default)),
        Some(entry) => {
            let address = address(&entry, schemes, default)?;
            if address.is_open() {
                root.document().warn(format!(
                    "{} is not encrypted: everybody on the way can read the token",
                    quoted(entry.path()),
                ));
            }
            Ok(address)
        }
    };
    Ok(Addresses {
        discord_api: get("discord_api", &HTTP, "https://discord.com")?,
        discord_gateway: get("discord_gateway", &WEBSOCKET, "wss://gateway.discord.gg")?,
        plex_tv: get("plex_tv", &HTTP, "https://plex.tv")?,
        plex_clients: get("plex_clients", &HTTP, "https://clients.plex.tv")?,
    })
}

fn address(entry: &Entry<'_>, schemes: &[&str], example: &str) -> Result<Address, ConfigError> {
    let hint = format!("write it like \"{example}\"");
    let text = entry.text(&hint)?;
    Address::parse(text, schemes).map_err(|wrong| {
        let hint = match wrong {
            NotAnAddress::Malformed => hint,
            NotAnAddress::Scheme => format!("it has to begin with `{}://`", schemes.join("://` or `")),
            NotAnAddress::Credentials => "leave out what stands before the `@`".to_owned(),
            NotAnAddress::Query => "end it before the `?` or `#`".to_owned(),
        };
        entry.error(&wrong.to_string(), hint)
    })
}

fn brake(root: &Section<'_>) -> Result<Brake, ConfigError> {
    let section = root.section("brake", &["members", "window"])?;
    let members = match section.get("members") {
        None => 10,
        Some(entry) => {
            let members = entry.whole()?;
            u32::try_from(members)
                .map_err(|_| entry.error("is too large", "write a number of members, for example 10"))?
        }
    };
    let window =
        section.get("window").map_or(Ok(Duration::from_secs(3_600)), |entry| entry.duration_above_zero())?;
    Ok(Brake { members, window })
}

fn timing(root: &Section<'_>) -> Result<Timing, ConfigError> {
    const KEYS: [&str; 14] = [
        "check_pending_every",
        "confirm_absence_after",
        "plex_reads_lag",
        "plex_writes_lag",
        "streams_again_after",
        "sweep_every",
        "drift_every",
        "reread_after",
        "message_every",
        "plex_request_every",
        "retry_first",
        "retry_longest",
        "refused_again_after",
        "settle_for",
    ];
    const MOST_TIMES: usize = 5;
    let section = root.section("timing", &KEYS)?;
    let millis = Duration::from_millis;
    let at_least_something = |key: &str, default: Duration| {
        section.get(key).map_or(Ok(default), |entry| entry.duration_above_zero())
    };
    let any = |key: &str, default: Duration| section.get(key).map_or(Ok(default), |entry| entry.duration());
    let times = |key: &str, default: &[u64], hint: &str| match section.get(key) {
        None => Ok(default.iter().map(|time| millis(*time)).collect()),
        Some(entry) => {
            let times: Vec<Duration> =
                entry.list(hint)?.iter().map(Entry::duration).collect::<Result<_, _>>()?;
            if times.len() > MOST_TIMES { Err(entry.error("has too many times", hint)) } else { Ok(times) }
        }
    };
    let timing = Timing {
        check_pending_every: at_least_something("check_pending_every", millis(60_000))?,
        confirm_absence_after: at_least_something("confirm_absence_after", millis(3_000))?,
        plex_reads_lag: any("plex_reads_lag", millis(15_000))?,
        plex_writes_lag: any("plex_writes_lag", millis(300_000))?,
        streams_again_after: any("streams_again_after", millis(30_000))?,
        sweep_every: at_least_something("sweep_every", millis(3_600_000))?,
        drift_every: at_least_something("drift_every", millis(6 * 3_600_000))?,
        reread_after: times(
            "reread_after",
            &[2_000, 10_000],
            "write a list of at most five times, for example [\"2s\", \"10s\"]",
        )?,
        message_every: any("message_every", millis(5_000))?,
        plex_request_every: any("plex_request_every", millis(250))?,
        retry_first: at_least_something("retry_first", millis(2_000))?,
        retry_longest: at_least_something("retry_longest", millis(600_000))?,
        refused_again_after: times(
            "refused_again_after",
            &[600_000, 3_600_000, 5 * 3_600_000],
            "write a list of at most five times, for example [\"10m\", \"1h\", \"5h\"]",
        )?,
        settle_for: any("settle_for", millis(10_000))?,
    };
    match section.get("retry_longest").or_else(|| section.get("retry_first")) {
        Some(entry) if timing.retry_longest < timing.retry_first => Err(entry.error(
            "does not fit: the first repetition would wait longer than the longest",
            "make `retry_longest` at least as long as `retry_first`",
        )),
        _ => Ok(timing),
    }
}

/// One of several words, of which the type's default is the default.
fn choice<T: Copy + Default>(
    section: &Section<'_>,
    key: &str,
    choices: &[(&str, T)],
) -> Result<T, ConfigError> {
    section.get(key).map_or_else(|| Ok(T::default()), |entry| entry.choice(choices))
}
