//! What the pipeline knows before anything happens: the configuration, checked against Discord and Plex.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    domain::{ChannelId, GuildId, RoleId, UserId},
    plex::{Library, Owner, Sections, Server},
};

/// A tracked role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackedRole {
    /// The role.
    pub id: RoleId,
    /// The operator's name for it.
    pub key: String,
}

/// A guild that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuildSettings {
    /// The guild.
    pub id: GuildId,
    /// The operator's name for it.
    pub key: String,
    /// The tracked roles, sorted by key.
    pub roles: Vec<TrackedRole>,
    /// Where the neutral button stands, for members whose direct messages are closed.
    pub prompt_channel: Option<ChannelId>,
}

impl GuildSettings {
    /// The tracked ones among these roles.
    #[must_use]
    pub fn tracked(&self, held: &[RoleId]) -> Vec<RoleId> {
        self.roles.iter().map(|role| role.id).filter(|id| held.contains(id)).collect()
    }
}

/// What becomes of members who hold a tracked role when Rolarr first sees the guild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstStart {
    /// They are taken in as they are: no events, no messages.
    Adopt,
    /// Each role is an event, as if it had just been added.
    Process,
}

/// What becomes of an address that somebody else's share stands against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExistingShares {
    /// The claim is held for an administrator.
    Ask,
    /// The claim is refused.
    Never,
}

/// What is ended when a member is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The share of our server; and the friendship if nothing else is shared with that person.
    Share,
    /// The friendship, and with it every share.
    Friendship,
}

/// What becomes of what somebody else changed at Plex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// It is reported.
    Report,
    /// It is reported and written over.
    Correct,
}

/// When access that is to shrink waits for an administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brake {
    /// So many members' access may shrink within the window.
    pub members: u32,
    /// The window.
    pub window: Duration,
}

impl Default for Brake {
    fn default() -> Self {
        Self { members: 10, window: Duration::from_secs(3600) }
    }
}

/// Intervals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timings {
    /// How long a question for an e-mail address stays open.
    pub prompt: Duration,
    /// After which times a member is read again if Discord's answer contradicts what the gateway said.
    pub reread: Vec<Duration>,
    /// How often an invitation that is out is looked at.
    pub check_pending: Duration,
    /// How long after a first look a second one must confirm that something is gone.
    pub confirm_absence: Duration,
    /// For how long a read of Plex can show what was true before an answered request.
    pub stale: Duration,
    /// For how long a request to Plex that was not answered can still take effect.
    pub late: Duration,
    /// How long after a restriction running streams are ended once more: a filter reaches the server some 25
    /// seconds after plex.tv took it.
    pub streams: Duration,
    /// How often each guild is compared with what is stored.
    pub sweep: Duration,
    /// How often Plex is compared with what should be there.
    pub drift: Duration,
    /// How often the database is looked at for what another program changed in it.
    pub notice: Duration,
    /// The least time between two direct messages.
    pub message_spacing: Duration,
    /// The first pause before a call is repeated; it doubles with each failure.
    pub retry_first: Duration,
    /// The longest pause before a call is repeated.
    pub retry_longest: Duration,
    /// How long after each refusal of Plex's in a row the request is tried again; after the last one it is given up.
    pub refused_again: Vec<Duration>,
    /// How long decisions are kept.
    pub keep_decisions: Duration,
    /// How long what a decision takes away waits before it is carried out; zero: not at all.
    pub settle: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            prompt: Duration::from_secs(24 * 3600),
            reread: vec![Duration::from_secs(2), Duration::from_secs(10)],
            check_pending: Duration::from_secs(60),
            confirm_absence: Duration::from_secs(3),
            stale: Duration::from_secs(15),
            late: Duration::from_secs(300),
            streams: Duration::from_secs(30),
            sweep: Duration::from_secs(3600),
            drift: Duration::from_secs(6 * 3600),
            notice: Duration::from_secs(5),
            message_spacing: Duration::from_secs(5),
            retry_first: Duration::from_secs(2),
            retry_longest: Duration::from_secs(600),
            refused_again: [600, 3_600, 5 * 3_600].map(Duration::from_secs).to_vec(),
            keep_decisions: Duration::from_secs(400 * 24 * 3600),
            settle: Duration::from_secs(10),
        }
    }
}

/// What the pipeline goes by.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The guilds, sorted by key.
    pub guilds: Vec<GuildSettings>,
    /// Members who are never touched.
    pub protected_members: BTreeSet<UserId>,
    /// Roles whose holders are never touched.
    pub protected_roles: BTreeSet<RoleId>,
    /// What becomes of members who hold a role at first.
    pub first_start: FirstStart,
    /// Where administrators are told.
    pub audit_channel: Option<ChannelId>,
    /// The account whose token is used.
    pub owner: Owner,
    /// The server.
    pub server: Server,
    /// All libraries of the server.
    pub libraries: Vec<Library>,
    /// The names of the libraries that the operator shares; none for all that there are.
    pub named: Option<Vec<String>>,
    /// Whether an invitation allows downloads.
    pub downloads: bool,
    /// `allowTuners` of those who are invited: 0 no live television, 1 watching, 2 recording as well.
    pub live_tv: u8,
    /// What becomes of an address that somebody else's share stands against.
    pub existing_shares: ExistingShares,
    /// What is ended when a member is removed.
    pub removal: Removal,
    /// What becomes of what somebody else changed at Plex.
    pub drift: Drift,
    /// When access that is to shrink waits for an administrator.
    pub brake: Brake,
    /// Labels that no item carries, in lower case. A filter on one of them hides everything, and is Rolarr's
    /// regardless of who wrote it.
    pub reserved_labels: BTreeSet<String>,
    /// The server's address is known: running streams can be ended.
    pub streams: bool,
    /// Intervals.
    pub timings: Timings,
}

impl Settings {
    /// The settings of a guild; none if it is not served.
    #[must_use]
    pub fn guild(&self, id: GuildId) -> Option<&GuildSettings> {
        self.guilds.iter().find(|guild| guild.id == id)
    }

    /// The library of a name, without regard to case.
    fn library(&self, name: &str) -> Option<&Library> {
        self.libraries.iter().find(|library| library.title.to_lowercase() == name.to_lowercase())
    }

    /// The libraries of these names, without regard to case; none if one of them does not exist or there
    /// are none. A name that several libraries have means all of them, as it does in the configuration.
    #[must_use]
    pub fn sections(&self, names: &[String]) -> Option<Sections> {
        let mut ids = Vec::new();
        for name in names.iter().map(|name| name.to_lowercase()) {
            let known = ids.len();
            let same = self.libraries.iter().filter(|library| library.title.to_lowercase() == name);
            ids.extend(same.map(|library| library.id));
            if ids.len() == known {
                return None;
            }
        }
        Sections::new(ids)
    }

    /// Those of these names that no library has.
    pub fn unknown<'a>(&'a self, names: &'a [String]) -> impl Iterator<Item = &'a str> {
        names.iter().map(String::as_str).filter(|name| self.library(name).is_none())
    }

    /// The libraries that the operator shares, in the server's order.
    pub fn shared(&self) -> impl Iterator<Item = &Library> {
        let named: Option<Vec<String>> =
            self.named.as_ref().map(|names| names.iter().map(|name| name.to_lowercase()).collect());
        self.libraries.iter().filter(move |library| {
            named.as_ref().is_none_or(|named| named.contains(&library.title.to_lowercase()))
        })
    }

    /// The libraries that the operator shares, by plex.tv's numbers.
    #[must_use]
    pub fn default_sections(&self) -> Option<Sections> {
        Sections::new(self.shared().map(|library| library.id).collect())
    }

    /// The names of all libraries of the server.
    #[must_use]
    pub fn library_names(&self) -> Vec<String> {
        self.libraries.iter().map(|library| library.title.clone()).collect()
    }

    /// The names of the libraries that the operator shares.
    #[must_use]
    pub fn shared_names(&self) -> Vec<String> {
        self.shared().map(|library| library.title.clone()).collect()
    }
}
