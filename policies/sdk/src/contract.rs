//! The words of the contract, as `wit/policy.wit` defines them.
//!
//! Their JSON form is the contract's own spelling: field and case names in kebab case, a case without
//! content as a string (`"member-left"`), a case with content as an object of one key
//! (`{"role-added": {…}}`). A field that is absent in JSON has its empty value; a field that is not known is
//! an error.
//!
//! An [`Event`] goes in, a [`Decision`] comes out. Branch on [`Event::cause`] and on
//! [`Account::access`]; a decision's [`Action`]s are applied to the access by
//! [`apply`](crate::apply()).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A Discord id as the contract passes it: decimal text.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Snowflake(pub String);

impl From<String> for Snowflake {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Snowflake {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<Snowflake> for String {
    fn from(id: Snowflake) -> Self {
        id.0
    }
}

impl fmt::Display for Snowflake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Milliseconds since 1970-01-01 00:00 UTC. Always below 2^53.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This moment and `millis` milliseconds more.
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

impl From<u64> for Timestamp {
    fn from(millis: u64) -> Self {
        Self(millis)
    }
}

impl From<Timestamp> for u64 {
    fn from(at: Timestamp) -> Self {
        at.0
    }
}

macro_rules! records {
    ($($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type,)* }
    )*};
}

macro_rules! enums {
    ($($(#[$meta:meta])* $name:ident { $($(#[$case_meta:meta])* $case:ident,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$case_meta])* $case,)* }
    )*};
}

records! {
    /// A tracked role: one that the operator named in the configuration.
    Role {
        /// Discord's id of the role.
        id: Snowflake,
        /// The operator's name for the role. It outlives a renaming on Discord, so rules should go by it.
        key: String,
        /// The name that the role has on Discord now.
        name: String,
    }

    /// The tracked roles that the member holds in another guild that this host serves.
    GuildRoles {
        /// Discord's id of that guild.
        guild: Snowflake,
        /// The operator's name for that guild.
        key: String,
        /// The roles held there, sorted by key.
        roles: Vec<Role>,
    }

    /// The person whom the event is about, as a member of the event's guild.
    Member {
        /// Discord's id of the person.
        id: Snowflake,
        /// The person's name on Discord: for messages, not for rules.
        username: String,
        /// The tracked roles held after the whole change, sorted by key. Empty once the member left.
        roles: Vec<Role>,
        /// The tracked roles held in the other guilds that this host serves, sorted by the guild's key.
        elsewhere: Vec<GuildRoles>,
        /// When the person joined the guild, if Discord says.
        joined_at: Option<Timestamp>,
        /// True while the person has not passed the guild's membership screening.
        screening: bool,
    }

    /// The media server that this evaluation is about.
    Service {
        /// The operator's name for it.
        key: String,
        /// What it is: `plex`.
        kind: String,
        /// The names of the libraries that the operator shares, in the server's order.
        libraries: Vec<String>,
    }

    /// What a member may use. `None`: the operator's default where access begins, as it is where access
    /// continues.
    Grant {
        /// Names of libraries. A list without a name in it is malformed.
        libraries: Option<Vec<String>>,
        /// Whether media may be downloaded.
        downloads: Option<bool>,
        /// Whether live television may be watched.
        live_tv: Option<bool>,
    }

    /// Which items stay visible: all lists that are not empty must hold, the values of one list are
    /// alternatives.
    Rule {
        /// The item carries one of these labels.
        labels: Vec<String>,
        /// The item carries none of these labels.
        not_labels: Vec<String>,
        /// The item has one of these content ratings.
        ratings: Vec<String>,
        /// The item has none of these content ratings.
        not_ratings: Vec<String>,
    }

    /// Less than everything: the share stays, and with it friendship and watch history.
    Restriction {
        /// Libraries of movies.
        movies: Filter,
        /// Libraries of television shows.
        television: Filter,
        /// Libraries of music.
        music: Filter,
        /// Libraries of photos.
        photos: Filter,
        /// How the rules go together with the owner's own filters.
        combine: Combine,
        /// Whether media may be downloaded; `None` leaves it as it is.
        downloads: Option<bool>,
        /// Whether live television may be watched; `None` leaves it as it is.
        live_tv: Option<bool>,
        /// End what the member is watching at this moment.
        end_streams: bool,
    }

    /// A restricted access remembers what it was before.
    Restricted {
        /// What comes back with [`Action::Unrestrict`].
        before: Grant,
        /// What holds meanwhile.
        restriction: Restriction,
    }

    /// Asks for an event of cause [`Cause::Wake`] at a time to come.
    Wake {
        /// The policy's own name for it. The same tag again replaces the earlier wake.
        tag: String,
        /// When. At most a year ahead.
        due: Timestamp,
    }

    /// What the host remembers of the member's access.
    Account {
        /// What earlier decisions made true. Branch on this.
        access: Access,
        /// How far the host has got with it. For messages, not for decisions.
        progress: Progress,
        /// True if the host has an e-mail address for the member.
        identified: bool,
        /// Since when `access` has the case that it has.
        since: Option<Timestamp>,
        /// The wakes that are still to come, sorted by time.
        wakes: Vec<Wake>,
        /// What [`Action::SetMemo`] stored last, or empty.
        memo: String,
    }

    /// A place for what minor versions of the contract add.
    Extension {
        /// Its published name.
        name: String,
        /// Its content as JSON text.
        json: String,
    }

    /// A direct message to the member.
    Message {
        /// Plain text, at most 1,800 characters.
        text: String,
        /// When it goes out.
        moment: Moment,
    }

    /// The policy's answer.
    Decision {
        /// What should follow, applied from left to right. An empty list changes nothing.
        actions: Vec<Action>,
        /// One line for the audit channel: why.
        reason: String,
    }

    /// What a policy says of itself.
    Metadata {
        /// Its name, for example `role-restriction`.
        name: String,
        /// Its version, for people.
        version: String,
        /// What it does, in a sentence or two.
        description: String,
        /// A JSON Schema of its settings.
        settings_schema: Option<String>,
        /// Names of causes of later minor versions that it understands.
        wants: Vec<String>,
    }

    /// A file that the operator gave along with the policy.
    Source {
        /// Its file name, for messages.
        name: String,
        /// Its text.
        text: String,
    }
}

enums! {
    /// How a rule goes together with a filter that the owner of the server had set.
    Combine {
        /// The owner's filter is put aside, and put back by [`Action::Unrestrict`].
        #[default]
        Replace,
        /// Both must hold. Where they can't be joined without showing more, the change is held.
        Narrow,
    }

    /// How far the host has got with what was decided.
    Progress {
        /// The media server agrees with what was decided.
        #[default]
        Settled,
        /// The host is at it.
        Working,
        /// The member was asked for an e-mail address and has not answered yet.
        Asking,
        /// The member did not answer in time.
        AskExpired,
        /// The invitation is out and not accepted yet.
        Invited,
        /// The member declined the invitation.
        Declined,
        /// The share was ended by the member or the owner, not by the host.
        Lost,
        /// An administrator must decide first.
        Held,
        /// The media server refuses in a way that repeating can't mend.
        Parked,
    }

    /// Things that happened to the account and not on Discord.
    AccountChange {
        /// The member gave an e-mail address.
        #[default]
        Identified,
        /// The member did not give one in time.
        AskExpired,
        /// The member accepted the invitation.
        Accepted,
        /// The member declined the invitation.
        Declined,
        /// The share was ended by the member or the owner.
        LeftService,
        /// An administrator removed the member.
        RemovedByAdmin,
    }

    /// Why the member is looked at again without anything having happened to them.
    Review {
        /// Another policy, or the same with other settings, took over.
        #[default]
        PolicyChanged,
        /// The operator tracks other roles than before.
        RolesChanged,
        /// An earlier event of this member stayed undecided.
        Retry,
        /// An administrator asks.
        Asked,
    }

    /// How the host came to know of an event.
    Origin {
        /// From Discord's gateway, as it happened.
        #[default]
        Live,
        /// By comparing the whole guild with what was stored.
        Sweep,
        /// A time came.
        Timer,
        /// An administrator's command.
        Administrator,
    }

    /// When a message goes out.
    Moment {
        /// With the decision.
        #[default]
        Now,
        /// Once the media server agrees with the decision; it lapses if a later decision comes first.
        OnceDone,
    }

    /// How important a log line is.
    Level {
        /// For the policy's author.
        Debug,
        /// Worth a line.
        #[default]
        Info,
        /// Something to look at.
        Warn,
        /// Something is wrong.
        Error,
    }
}

/// What becomes of the filter of one type of media.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// Leave it as it is.
    #[default]
    Keep,
    /// No filter: everything is visible.
    Clear,
    /// Only what the rule lets through is visible.
    Only(Rule),
}

/// What earlier decisions made true for the member. Never what the media server happens to show.
#[expect(
    clippy::large_enum_variant,
    reason = "few are alive at a time, and a box would stand in every pattern"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// No access.
    #[default]
    Absent,
    /// Access to what the grant says.
    Granted(Grant),
    /// Access that was granted and is restricted now.
    Restricted(Restricted),
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The member received this tracked role.
    RoleAdded(Role),
    /// The member lost this tracked role.
    RoleRemoved(Role),
    /// The person left the guild, or was kicked or banned.
    MemberLeft,
    /// A wake that the policy asked for, by its tag, is due.
    Wake(String),
    /// Something happened to the account and not on Discord.
    Account(AccountChange),
    /// Nothing happened: decide from the roles alone.
    Review(Review),
    /// A cause of a later minor version. Sent only if [`Metadata::wants`] names it.
    Other(Extension),
}

/// One thing that happened to one member, and all that is known of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Event {
    /// The event's number in the host's journal, zero-padded, so that ids sort as text.
    #[serde(default)]
    pub id: String,
    /// When the host noticed; for a wake, when it was due.
    #[serde(default)]
    pub at: Timestamp,
    /// How the host came to know.
    #[serde(default)]
    pub origin: Origin,
    /// Discord's id of the guild.
    #[serde(default)]
    pub guild: Snowflake,
    /// The person.
    pub member: Member,
    /// The media server.
    #[serde(default)]
    pub service: Service,
    /// What the host remembers of the member's access.
    #[serde(default)]
    pub account: Account,
    /// What happened.
    pub cause: Cause,
    /// Further facts by name, added by minor versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<(String, String)>,
}

/// What should follow from an event.
#[expect(
    clippy::large_enum_variant,
    reason = "few are alive at a time, and a box would stand in every pattern"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Give access. A member without a known e-mail address is asked for it first.
    Invite(Grant),
    /// Keep the share and show less. Never creates a share.
    RestrictTo(Restriction),
    /// Give back what was there before the restriction.
    Unrestrict,
    /// End the share and forget the member's e-mail address.
    Remove,
    /// Share these libraries and no others.
    SetLibraries(Vec<String>),
    /// Send the member a direct message.
    Tell(Message),
    /// Suppress the host's own messages for this decision.
    Quiet,
    /// Ask for an event at a time to come.
    WakeAt(Wake),
    /// Forget the wake of this tag.
    CancelWake(String),
    /// Store a text of at most 4 KiB for the next event of this member.
    SetMemo(String),
    /// An action of a later minor version.
    Other(Extension),
}
