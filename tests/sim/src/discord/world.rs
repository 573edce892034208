//! What there is on Discord: people, guilds, channels, messages.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::ids::{ApplicationId, ChannelId, GuildId, InteractionId, MessageId, RoleId, UserId};

/// The permission bit of administrators, which implies all others.
pub const ADMINISTRATOR: u64 = 1 << 3;
/// The permission bit to manage a guild.
pub const MANAGE_GUILD: u64 = 1 << 5;
/// All permission bits that Discord knows.
pub(super) const EVERYTHING: u64 = (1 << 51) - 1;
/// What everybody may do in a new guild: view channels, write, use commands, and the like.
pub(super) const ORDINARY: u64 = 0x0000_0000_8000_0c00 | (1 << 16);

/// The application and its bot.
#[derive(Clone, Debug)]
pub struct Application {
    /// The application.
    pub id: ApplicationId,
    /// Its bot's user.
    pub bot: UserId,
    /// What the bot signs in with.
    pub token: String,
    /// Whether the token is (still) accepted.
    pub token_valid: bool,
    /// The portal's switch "Server Members Intent".
    pub members_intent: bool,
    /// The portal's switch "Presence Intent".
    pub presence_intent: bool,
    /// The portal's switch "Message Content Intent".
    pub content_intent: bool,
}

/// Whether a person takes direct messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DirectMessages {
    /// From everybody in a guild in common.
    #[default]
    Open,
    /// From nobody: 403 with code 50007.
    Closed,
}

/// A person or a bot.
#[derive(Clone, Debug)]
pub struct User {
    /// The user.
    pub id: UserId,
    /// The unique name.
    pub name: String,
    /// Whether it is a bot.
    pub bot: bool,
    /// Whether they take direct messages.
    pub direct_messages: DirectMessages,
}

/// A role of a guild.
#[derive(Clone, Debug)]
pub struct Role {
    /// The role. The role of everybody has the guild's id.
    pub id: RoleId,
    /// Its name.
    pub name: String,
    /// Its permission bits.
    pub permissions: u64,
    /// Its place in the list, the role of everybody at 0.
    pub position: u64,
}

/// A member of a guild.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Their roles, without the one that everybody has.
    pub roles: BTreeSet<RoleId>,
    /// When they joined, in milliseconds since 1970.
    pub joined_at_ms: u64,
    /// Whether they have yet to pass the membership screening.
    pub pending: bool,
    /// Their name in this guild.
    pub nick: Option<String>,
    /// Discord's member flags: 1 is "has left and joined again".
    pub flags: u64,
}

impl Member {
    /// A member who has just joined.
    pub(super) fn new(now_ms: u64) -> Self {
        Self { roles: BTreeSet::new(), joined_at_ms: now_ms, pending: false, nick: None, flags: 0 }
    }
}

/// A guild.
#[derive(Clone, Debug)]
pub struct Guild {
    /// The guild.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// The person who owns it.
    pub owner: UserId,
    /// Its roles.
    pub roles: BTreeMap<RoleId, Role>,
    /// Its members, the bot among them if it was invited.
    pub members: BTreeMap<UserId, Member>,
    /// Whether Discord can reach it. An outage is nobody's leaving.
    pub available: bool,
    /// The number of members that Discord shows, if it is not the true one: it is only approximate.
    pub shown_members: Option<usize>,
    /// Who had left before, so that their next joining shows it.
    pub(super) left: BTreeSet<UserId>,
    /// Each member as they were before their last change, for stale reads; `None`: was no member.
    pub(super) before: BTreeMap<UserId, Option<Member>>,
}

impl Guild {
    /// The permission bits that a member has in the guild as a whole.
    #[must_use]
    pub fn permissions(&self, user: UserId) -> u64 {
        if self.owner == user {
            return EVERYTHING;
        }
        let everybody = RoleId(self.id.0);
        let held = self.members.get(&user).map(|member| &member.roles);
        let bits = self
            .roles
            .values()
            .filter(|role| role.id == everybody || held.is_some_and(|held| held.contains(&role.id)))
            .fold(0, |bits, role| bits | role.permissions);
        if bits & ADMINISTRATOR == 0 { bits } else { EVERYTHING }
    }

    /// Keeps how a member is, before they change.
    pub(super) fn remember(&mut self, user: UserId) {
        let now = self.members.get(&user).cloned();
        self.before.insert(user, now);
    }
}

/// Where a channel is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A text channel of a guild.
    Guild {
        /// The guild.
        guild: GuildId,
        /// The channel's name.
        name: String,
        /// Whether the bot may see it: otherwise 403 with code 50001.
        bot_sees_it: bool,
    },
    /// The channel between the bot and one person.
    Direct {
        /// The person.
        with: UserId,
    },
}

/// A channel.
#[derive(Clone, Debug)]
pub struct Channel {
    /// The channel.
    pub id: ChannelId,
    /// Where it is.
    pub place: Place,
    /// Its type, as Discord numbers them.
    pub kind: u8,
    /// What it allows and denies to roles and members, as Discord writes it.
    pub overwrites: Vec<Value>,
}

/// What a message said at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Wording {
    /// Its text.
    pub content: String,
    /// Its components (rows of buttons), as they were sent.
    pub components: Vec<Value>,
    /// Its embeds, as they were sent.
    pub embeds: Vec<Value>,
}

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    /// The message.
    pub id: MessageId,
    /// Where it stands.
    pub channel: ChannelId,
    /// Who wrote it.
    pub author: UserId,
    /// What it says now.
    pub now: Wording,
    /// What it said before each edit, oldest first.
    pub before: Vec<Wording>,
    /// The nonce that it was sent with.
    pub nonce: Option<Value>,
    /// The `allowed_mentions` that it was sent with.
    pub allowed_mentions: Option<Value>,
    /// Whom it notified by mention.
    pub notified: BTreeSet<UserId>,
    /// Whether it notified everyone in the channel.
    pub notified_everyone: bool,
    /// Discord's message flags: 64 is "only for one person to see".
    pub flags: u64,
    /// When it was sent, in milliseconds since 1970.
    pub sent_ms: u64,
    /// When it was last edited.
    pub edited_ms: Option<u64>,
    /// The only person who sees it, if it is an ephemeral reply.
    pub only_for: Option<UserId>,
    /// The interaction that it answers.
    pub answers: Option<InteractionId>,
}

impl Message {
    /// The buttons under it, in order, as they were sent.
    #[must_use]
    pub fn buttons(&self) -> Vec<&Value> {
        self.now
            .components
            .iter()
            .filter_map(|row| row["components"].as_array())
            .flatten()
            .filter(|component| component["type"] == 2)
            .collect()
    }

    /// The `custom_id` of the first button that can be pressed.
    #[must_use]
    pub fn button(&self) -> Option<&str> {
        self.buttons().iter().find(|button| button["disabled"] != true)?["custom_id"].as_str()
    }
}
