//! The settings, typed.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use crate::{
    domain::{ChannelId, GuildId, RoleId, Secret, UserId},
    policy::Limits,
};

use super::{Address, ConfigError, Place};

/// A value and where in the file it stands, for what can only be checked later: against Discord, against
/// Plex, or by loading the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands; none if it is a default.
    pub place: Option<Place>,
}

/// Everything that an operator can set. `config.example.toml` describes it for operators.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that it was read from, as it was named.
    pub file: PathBuf,
    /// `[discord]`.
    pub discord: Discord,
    /// `[plex]`.
    pub plex: Plex,
    /// `[prompt]`.
    pub prompt: Prompt,
    /// `[policy]`.
    pub policy: Policy,
    /// `[store]`.
    pub store: Store,
    /// `[log]`.
    pub log: Log,
    /// `[addresses]`.
    pub addresses: Addresses,
    /// `[brake]`.
    pub brake: Brake,
    /// `[timing]`.
    pub timing: Timing,
    /// What is allowed and unwise, one sentence each, for the log.
    pub warnings: Vec<String>,
    /// What each section of the file says.
    pub said: Said,
}

/// What each section of a configuration file says, to know which of them changed. Comments, order and the way in
/// which a value is written make no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said(pub(super) BTreeMap<String, u64>);

impl Said {
    /// The sections that say something else, or that only one of the two has, without `[policy]`, which is loaded
    /// anew while the bot runs.
    #[must_use]
    pub fn changed(&self, later: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.0.keys().chain(later.0.keys()).collect();
        let differ = names.into_iter().filter(|name| self.0.get(*name) != later.0.get(*name));
        differ.filter(|name| *name != "policy").cloned().collect()
    }
}

impl Config {
    /// A mistake that showed only later, for example that a role does not exist. It looks like every other
    /// mistake in the file.
    #[must_use]
    pub fn error_at(
        &self,
        place: Option<Place>,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> ConfigError {
        ConfigError::new(&self.file, place, what, hint)
    }
}

/// The bot's side on Discord.
#[derive(Clone, Debug)]
pub struct Discord {
    /// The bot's token.
    pub token: Secret,
    /// The servers that it looks after: at least one, no id and no key twice.
    pub guilds: Vec<Guild>,
    /// Where it reports what it did.
    pub audit_channel: Option<Located<ChannelId>>,
    /// People who are never evaluated.
    pub protected_members: Vec<UserId>,
    /// Roles whose holders are never evaluated. None of them is tracked.
    pub protected_roles: Vec<Located<RoleId>>,
    /// What becomes of those who hold a tracked role before the bot first starts.
    pub first_start: FirstStart,
}

/// A Discord server.
#[derive(Clone, Debug)]
pub struct Guild {
    /// Its id.
    pub id: Located<GuildId>,
    /// The operator's name for it.
    pub key: String,
    /// The tracked roles: at least one, no id and no key twice.
    pub roles: Vec<TrackedRole>,
    /// Where members whose direct messages are closed find a button.
    pub prompt_channel: Option<Located<ChannelId>>,
}

/// A role that gives access.
#[derive(Clone, Debug)]
pub struct TrackedRole {
    /// The operator's name for it, by which policies know it.
    pub key: String,
    /// Its id.
    pub id: Located<RoleId>,
}

/// What becomes of those who hold a tracked role before the bot first starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstStart {
    /// They are taken in as they are: no events, no messages.
    #[default]
    Adopt,
    /// Each of their roles counts as just added.
    Process,
}

/// The Plex side.
#[derive(Clone, Debug)]
pub struct Plex {
    /// The owner's token.
    pub token: Secret,
    /// The server's name or machine identifier.
    pub server: Located<String>,
    /// Names of the libraries to share, never none; without a list, all that the server has at the time of
    /// the invitation.
    pub libraries: Option<Vec<Located<String>>>,
    /// Labels that no item carries. A filter on one of them hides everything, and is Rolarr's regardless of who wrote
    /// it.
    pub reserved_labels: Vec<String>,
    /// The server itself.
    pub server_url: Option<Address>,
    /// What to do when a member names the address of somebody with whom the owner shares already.
    pub existing_shares: ExistingShares,
    /// What removing a member ends.
    pub remove: Removal,
    /// What to do with what somebody else changed.
    pub drift: Drift,
    /// Whether invited people may download media (`allowSync`).
    pub downloads: bool,
    /// What invited people may do with live television.
    pub live_tv: LiveTv,
}

/// What to do when a member names the address of a share that Rolarr did not create.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExistingShares {
    /// It is held until an administrator decides.
    #[default]
    Ask,
    /// It is refused.
    Never,
}

/// What removing a member ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Removal {
    /// The share of the server; the friendship too if nothing else of the owner's is shared.
    #[default]
    Share,
    /// The friendship, and with it every share.
    Friendship,
}

/// What to do with what somebody else changed at Plex.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Drift {
    /// It is reported and left.
    #[default]
    Report,
    /// It is reported and written over.
    Correct,
}

/// What a person may do with live television.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LiveTv {
    /// Nothing.
    #[default]
    None,
    /// Watch.
    Watch,
    /// Watch and record.
    Record,
}

impl LiveTv {
    /// The value of Plex's `allowTuners`.
    #[must_use]
    pub const fn allow_tuners(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Watch => 1,
            Self::Record => 2,
        }
    }
}

/// The question for the e-mail address.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// How long it waits for an answer. Above zero.
    pub valid_for: Duration,
}

/// The rules.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Which rules.
    pub module: Located<PolicyModule>,
    /// What the rules are told by the operator.
    pub settings: PolicySettings,
    /// What the rules may use up.
    pub limits: Limits,
    /// Other rules that are asked too, without effect.
    pub shadow: Option<Candidate>,
}

/// Rules that are asked beside those that decide.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Which rules.
    pub module: Located<PolicyModule>,
    /// What they are told by the operator.
    pub settings: PolicySettings,
}

/// Where the rules come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyModule {
    /// They are part of this program, by this name.
    Builtin(&'static str),
    /// They are in this file, which existed when the configuration was read.
    File(PathBuf),
}

impl PolicyModule {
    /// The policies that are part of this program.
    pub const BUILTIN: [&'static str; 7] = [
        "role-restriction",
        "content-rating",
        "grace-period",
        "never-touch",
        "remove-after",
        "several-guilds",
        "tiers",
    ];

    /// The name by which [`Module::open`](crate::policy::Module::open) knows it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Builtin(name) => format!("builtin:{name}"),
            Self::File(path) => path.to_string_lossy().into_owned(),
        }
    }
}

/// The operator's settings for the policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicySettings {
    /// A JSON object, empty if there are none.
    pub json: serde_json::Map<String, serde_json::Value>,
    /// Where `[policy.settings]` begins, if it is there.
    pub place: Option<Place>,
    /// Where each setting stands, by its name.
    pub places: BTreeMap<String, Place>,
}

impl PolicySettings {
    /// Where a setting stands, or else where all of them begin.
    #[must_use]
    pub fn place_of(&self, setting: &str) -> Option<Place> {
        self.places.get(setting).copied().or(self.place)
    }

    /// Where the setting stands that a policy's complaint names in backticks, or else where all begin.
    #[must_use]
    pub fn place_named_in(&self, complaint: &str) -> Option<Place> {
        let named = complaint.split('`').skip(1).step_by(2).find_map(|name| self.places.get(name));
        named.copied().or(self.place)
    }

    /// The settings as the policy is given them.
    #[must_use]
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::Value::Object(self.json.clone())
    }
}

/// The database.
#[derive(Clone, Debug)]
pub struct Store {
    /// Its file. The folder existed when the configuration was read.
    pub path: PathBuf,
}

/// The log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// How much is written.
    pub level: Level,
}

/// How lines of the log look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line, for programs.
    Json,
}

/// How much is written to the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// What went wrong.
    Error,
    /// And what is odd.
    Warn,
    /// And what was done.
    #[default]
    Info,
    /// And how.
    Debug,
    /// And every step.
    Trace,
}

/// Where the services are. What stands here is all that is ever contacted, besides [`Plex::server_url`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Discord's REST API, without `/api/v10`: `http` or `https`.
    pub discord_api: Address,
    /// Discord's gateway: `ws` or `wss`.
    pub discord_gateway: Address,
    /// plex.tv: `http` or `https`.
    pub plex_tv: Address,
    /// clients.plex.tv: `http` or `https`.
    pub plex_clients: Address,
}

/// When access that is to shrink waits for an administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brake {
    /// So many members' access may shrink within the window.
    pub members: u32,
    /// The window. Above zero.
    pub window: Duration,
}

/// How often, how long and how fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How often the invitations that are out are looked at. Above zero.
    pub check_pending_every: Duration,
    /// How long after a first look that shows nothing a second one must confirm it. Above zero.
    pub confirm_absence_after: Duration,
    /// For how long a read of Plex can show what was true before an answered request.
    pub plex_reads_lag: Duration,
    /// For how long a request to Plex that was not answered can still take effect.
    pub plex_writes_lag: Duration,
    /// How long after a restriction running streams are ended once more.
    pub streams_again_after: Duration,
    /// How often each guild is compared with what is stored. Above zero.
    pub sweep_every: Duration,
    /// How often Plex is compared with what should be there. Above zero.
    pub drift_every: Duration,
    /// When a member whose roles Discord reports differently in two places is read again.
    pub reread_after: Vec<Duration>,
    /// The least time between two direct messages.
    pub message_every: Duration,
    /// The least time between two requests to Plex.
    pub plex_request_every: Duration,
    /// How long the first repetition of something that failed waits. Above zero.
    pub retry_first: Duration,
    /// The longest that a repetition waits. Not below `retry_first`.
    pub retry_longest: Duration,
    /// How long after each refusal of Plex's in a row the request is tried again; after the last one it is given up.
    pub refused_again_after: Vec<Duration>,
    /// How long what a decision takes away waits before it is carried out.
    pub settle_for: Duration,
}
