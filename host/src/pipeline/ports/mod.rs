//! What the pipeline needs of Discord, and what it offers to Discord's side.
//!
//! Both are traits, so that the whole pipeline runs without a socket, and so that nothing here knows which
//! library speaks to Discord.

pub mod policy_source;

use std::{fmt, time::Duration};

use async_trait::async_trait;

use crate::domain::{ChannelId, GuildId, MessageId, PromptId, RoleId, TaskId, Timestamp, UserId};

/// A member of a guild as Discord showed them once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The person.
    pub user: UserId,
    /// The name to call them by: never an e-mail address.
    pub username: String,
    /// All roles, tracked or not, sorted.
    pub roles: Vec<RoleId>,
    /// When they joined.
    pub joined_at: Option<Timestamp>,
    /// They have not passed the membership screening.
    pub screening: bool,
    /// They are a bot, an application or a webhook.
    pub bot: bool,
}

/// What one look at one person in one guild gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// They are a member.
    Member(Snapshot),
    /// Discord said definitely that they are not: 404 with code 10007, or `not_found` of a chunk.
    Gone,
}

/// A page of a guild's list of members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberPage {
    /// The members on it, by rising id.
    pub members: Vec<Snapshot>,
    /// Those who stand on it, and of whom nothing but the id can be read.
    pub unreadable: Vec<UserId>,
    /// How many stand on it of whom not even the id can be read.
    pub nameless: usize,
}

impl MemberPage {
    /// How many stand on it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len() + self.unreadable.len() + self.nameless
    }

    /// Nobody stands on it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of those who stand on it can't be read.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.unreadable.len() + self.nameless
    }

    /// The highest id on it: the next page begins after that.
    #[must_use]
    pub fn last(&self) -> Option<UserId> {
        self.members.last().map(|member| member.user).max(self.unreadable.iter().max().copied())
    }

    /// Whether somebody stands on it.
    #[must_use]
    pub fn has(&self, user: UserId) -> bool {
        self.members.binary_search_by_key(&user, |member| member.user).is_ok()
            || self.unreadable.contains(&user)
    }
}

/// A guild as Discord shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guild {
    /// The guild.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// The person who owns it, and whose access is nobody's business.
    pub owner: UserId,
    /// Its roles.
    pub roles: Vec<GuildRole>,
    /// How many members Discord says it has. Approximate.
    pub members: u64,
}

/// A role of a guild.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuildRole {
    /// The role.
    pub id: RoleId,
    /// Its present name.
    pub name: String,
}

/// A message to post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Plain text. Mentions in it never notify anybody.
    pub text: String,
    /// A button under it.
    pub button: Option<Button>,
}

/// A button under a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// Its label.
    pub label: String,
    /// What a press means.
    pub action: ButtonAction,
    /// Pressing does nothing: the question is closed.
    pub disabled: bool,
}

/// What pressing a button means. It is carried in Discord's `custom_id`, so it survives restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ButtonAction {
    /// The member wants to give the e-mail address that this prompt asks for.
    Answer(PromptId),
    /// The neutral button in the prompt channel: show me, and only me, what there is for me.
    Inbox,
}

/// A message that stands in a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The message.
    pub id: MessageId,
    /// Whether this bot wrote it.
    pub ours: bool,
    /// Its text.
    pub text: String,
    /// When it was written.
    pub at: Timestamp,
}

/// A call to Discord gave no answer that counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscordError {
    /// What was named does not exist. `code` is Discord's JSON error code.
    #[error("Discord says that it does not exist (code {code})")]
    NotFound {
        /// Discord's JSON error code, 0 if there was none.
        code: u32,
    },
    /// Discord refuses this request. `code` is Discord's JSON error code.
    #[error("Discord refuses (status {status}, code {code})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Discord's JSON error code, 0 if there was none.
        code: u32,
    },
    /// The bot opens direct messages too quickly (40003). Going on gets it quarantined.
    #[error("Discord asks to send fewer direct messages (code 40003)")]
    TooManyDirectMessages,
    /// The token is not valid (any more).
    #[error("Discord does not accept the bot's token")]
    Unauthorized,
    /// Too many requests.
    #[error("Discord asks to wait")]
    RateLimited {
        /// How long.
        retry_after: Duration,
    },
    /// No answer, a broken one, or a fault at Discord's side. The call may have had its effect.
    #[error("Discord can't be reached or is at fault: {what}")]
    Unavailable {
        /// What happened, without addresses or content.
        what: String,
    },
}

impl DiscordError {
    /// Whether Discord itself refused the request, with an error code of its own: sent again at once it would be
    /// refused again.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::Refused { .. })
    }

    /// Whether it says of a request about a guild that the bot is no member of it: "Unknown Guild" (10004) or
    /// "Missing Access" (50001). No other refusal says that.
    #[must_use]
    pub fn says_not_in_guild(&self) -> bool {
        matches!(self, Self::NotFound { code: 10_004 | 50_001 } | Self::Refused { code: 10_004 | 50_001, .. })
    }

    /// Whether it says of a request about a member that there is no such account (10013). That alone is no proof
    /// that they left: Discord hides accounts at times.
    #[must_use]
    pub fn says_unknown_user(&self) -> bool {
        matches!(self, Self::NotFound { code: 10_013 })
    }

    /// Whether it is the message's text that is refused: not in the right form (50035), empty (50006), explicit
    /// (20009), blocked by AutoMod (200000), or with a harmful link (240000).
    #[must_use]
    pub fn is_about_the_text(&self) -> bool {
        matches!(self, Self::Refused { code: 50_035 | 50_006 | 20_009 | 200_000 | 240_000, .. })
    }

    /// Whether the bot itself is quarantined (20026): it can open no direct messages until Discord lifts that.
    #[must_use]
    pub fn is_quarantine(&self) -> bool {
        matches!(self, Self::Refused { code: 20_026, .. })
    }
}

/// What the pipeline asks of Discord.
#[async_trait]
pub trait Discord: Send + Sync {
    /// The guild with its roles: `GET /guilds/{guild}?with_counts=true`.
    async fn guild(&self, guild: GuildId) -> Result<Guild, DiscordError>;

    /// One member: `GET /guilds/{guild}/members/{user}`. [`Presence::Gone`] only for 404 with code 10007.
    async fn member(&self, guild: GuildId, user: UserId) -> Result<Presence, DiscordError>;

    /// The next up to 1,000 members with an id above `after`: `GET /guilds/{guild}/members`. A page on which somebody
    /// stands has an id to go on after.
    async fn members_after(&self, guild: GuildId, after: Option<UserId>) -> Result<MemberPage, DiscordError>;

    /// Up to 100 members by id, asked through the gateway (op 8 with `user_ids`). Who is missing from the answer could
    /// not be read, and may be a member or not.
    async fn members_by_id(
        &self,
        guild: GuildId,
        users: &[UserId],
    ) -> Result<Vec<(UserId, Presence)>, DiscordError>;

    /// The time of day by Discord's clock, as its last answer told it; none if none did.
    fn clock(&self) -> Option<Timestamp> {
        None
    }

    /// Asks Discord for anything, so that [`Self::clock`] is what it says now.
    async fn ask_time(&self) -> Result<(), DiscordError> {
        Ok(())
    }

    /// What keeps the bot from speaking in a channel of a guild: nothing, or what to change, each the end of a
    /// sentence that begins with the channel.
    async fn channel_faults(&self, channel: ChannelId) -> Result<Vec<String>, DiscordError> {
        let _ = channel;
        Ok(Vec::new())
    }

    /// The channel for direct messages with a person: `POST /users/@me/channels`.
    async fn direct_channel(&self, user: UserId) -> Result<ChannelId, DiscordError>;

    /// Posts a message. Within a few minutes the same nonce in the same channel posts nothing new
    /// (`enforce_nonce`), and the first message's id comes back. `nonce` has at most 25 characters.
    async fn post(
        &self,
        channel: ChannelId,
        message: &Outgoing,
        nonce: &str,
    ) -> Result<MessageId, DiscordError>;

    /// Replaces text and button of a message of ours.
    async fn edit(&self, channel: ChannelId, message: MessageId, now: &Outgoing) -> Result<(), DiscordError>;

    /// The newest messages of a channel, or the newest that are older than `before`: newest first, at most 100.
    async fn recent(
        &self,
        channel: ChannelId,
        before: Option<MessageId>,
        limit: u8,
    ) -> Result<Vec<Posted>, DiscordError>;
}

/// Something on the gateway suggests that a member may have changed. It is never believed: the member is
/// looked at over REST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The guild.
    pub guild: GuildId,
    /// The person.
    pub user: UserId,
    /// What the gateway said.
    pub said: Said,
}

/// What the gateway said of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// They are a member like this.
    Member(Snapshot),
    /// They are none any more.
    Left,
    /// Something about them could not be understood.
    Unclear,
}

/// What happened on the gateway apart from members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayNews {
    /// A new session began (not a resumed one): what happened before it may have been missed.
    Session,
    /// This guild is there now, with all that it says of itself.
    GuildAvailable(GuildId),
    /// This guild is not available: an outage, nobody left.
    GuildUnavailable(GuildId),
    /// The bot is no member of this guild any more.
    GuildGone(GuildId),
    /// A role was renamed.
    RoleChanged(GuildId, GuildRole),
    /// A role was deleted.
    RoleDeleted(GuildId, RoleId),
    /// An event that concerns us could not be read, or Discord limited us: what is known may be incomplete.
    Gap(String),
}

/// How an e-mail address came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Through the form that a prompt's button opens.
    Form(PromptId),
    /// Typed as a reply in the direct message channel.
    DirectMessage,
    /// With `/plex link`.
    Command,
}

/// What a press on a button leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pressed {
    /// Show the form that asks for the e-mail address.
    Form(PromptId),
    /// Show this text, to that person only.
    Say(Reply),
    /// Show this text, to that person only, and say with [`Intake::shown`] that these messages are in it once
    /// Discord has taken it.
    Deliver(Reply, Vec<TaskId>),
}

/// A text for the person who did something, shown only to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Plain text, at most 2,000 characters.
    pub text: String,
    /// A button under it.
    pub button: Option<Button>,
}

impl Reply {
    /// A text without a button.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), button: None }
    }
}

/// Who gave a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoker {
    /// The person.
    pub user: UserId,
    /// The guild in which it was given; none in a direct message.
    pub guild: Option<GuildId>,
    /// Discord says that the person may manage that guild.
    pub administrator: bool,
}

/// A slash command. `Debug` does not show addresses.
#[derive(Clone, PartialEq, Eq)]
pub enum Command {
    /// `/plex invite <email> [member]`: administrators only. Texts are as typed.
    Invite {
        /// The address, as typed.
        email: String,
        /// The member whom it belongs to.
        member: Option<UserId>,
    },
    /// `/plex remove <email>`: administrators only.
    Remove {
        /// The address, as typed.
        email: String,
    },
    /// `/rolarr sync`: compares all members with what is known. Administrators only, as are the others of
    /// `/rolarr`.
    Sync,
    /// `/rolarr approve [member]`: what is held back happens.
    Approve {
        /// For this member alone.
        member: Option<UserId>,
    },
    /// `/rolarr reject [member]`: those who are held back keep what they have.
    Reject {
        /// This member alone.
        member: Option<UserId>,
    },
    /// `/rolarr policy reload`: what the configuration names is loaded anew.
    ReloadPolicy,
    /// `/rolarr policy rollback [policy]`: an earlier policy takes over again.
    RollBackPolicy {
        /// Its name or the beginning of its digest, as typed; none for the last one before the present.
        to: Option<String>,
    },
    /// `/plex link [email]`: for a member.
    Link {
        /// The address, as typed; none takes up an expired prompt again.
        email: Option<String>,
    },
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invite { member, .. } => write!(f, "Invite({member:?})"),
            Self::Remove { .. } => f.write_str("Remove"),
            Self::Sync => f.write_str("Sync"),
            Self::ReloadPolicy => f.write_str("ReloadPolicy"),
            Self::RollBackPolicy { .. } => f.write_str("RollBackPolicy"),
            Self::Approve { member } => write!(f, "Approve({member:?})"),
            Self::Reject { member } => write!(f, "Reject({member:?})"),
            Self::Link { .. } => f.write_str("Link"),
        }
    }
}

/// What the pipeline offers to Discord's side. None of these blocks for long: what takes time goes on
/// behind them.
#[async_trait]
pub trait Intake: Send + Sync {
    /// A member may have changed.
    async fn hint(&self, hint: Hint);

    /// Something else happened on the gateway.
    async fn news(&self, news: GatewayNews);

    /// A person gave what may be an e-mail address. None: the text was not meant for us.
    async fn address(&self, from: UserId, typed: &str, via: Via) -> Option<Reply>;

    /// A person pressed a button of ours.
    async fn pressed(&self, by: UserId, action: ButtonAction) -> Pressed;

    /// Discord took an answer that has these messages in it: they wait no longer.
    async fn shown(&self, messages: Vec<TaskId>) {
        drop(messages);
    }

    /// A person gave a command.
    async fn command(&self, command: Command, by: Invoker) -> Reply;
}
