//! What there is, as Discord writes it in JSON. Every field that serenity 0.12 or discord.py 2.7 insists on
//! is here, so that a client that fails on an answer fails for a reason of its own.

use serde_json::{Value, json};

use super::{
    DiscordSim,
    ids::{GuildId, RoleId, UserId},
    time::iso,
    world::{Channel, Guild, Member, Message, Place, Role, User},
};

/// A user object.
pub(super) fn user(user: &User) -> Value {
    json!({
        "id": user.id,
        "username": user.name,
        "discriminator": if user.bot { "0001" } else { "0" },
        "global_name": if user.bot { Value::Null } else { Value::from(user.name.clone()) },
        "avatar": null,
        "avatar_decoration_data": null,
        "banner": null,
        "accent_color": null,
        "bot": user.bot,
        "public_flags": 0,
        "flags": 0,
        "primary_guild": null,
        "collectibles": null,
    })
}

/// A role object.
pub(super) fn role(role: &Role) -> Value {
    json!({
        "id": role.id,
        "name": role.name,
        "description": null,
        "permissions": role.permissions.to_string(),
        "position": role.position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": null, "tertiary_color": null},
        "hoist": false,
        "managed": false,
        "mentionable": false,
        "icon": null,
        "unicode_emoji": null,
        "flags": 0,
    })
}

/// A member object without its user.
pub(super) fn member(member: &Member) -> Value {
    json!({
        "roles": member.roles,
        "nick": member.nick,
        "avatar": null,
        "banner": null,
        "joined_at": iso(member.joined_at_ms),
        "premium_since": null,
        "communication_disabled_until": null,
        "deaf": false,
        "mute": false,
        "pending": member.pending,
        "flags": member.flags,
    })
}

/// Adds a field to an object.
pub(super) fn with(mut object: Value, name: &str, value: impl Into<Value>) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value.into());
    }
    object
}

impl DiscordSim {
    /// A user object by id; what Discord shows of deleted users if there is none.
    pub(super) fn user_json(&self, id: UserId) -> Value {
        match self.users.get(&id) {
            Some(known) => user(known),
            None => json!({"id": id, "username": "Deleted User", "discriminator": "0", "avatar": null}),
        }
    }

    /// A member object with its user.
    pub(super) fn member_json(&self, id: UserId, state: &Member) -> Value {
        with(member(state), "user", self.user_json(id))
    }

    /// A channel object.
    pub(super) fn channel_json(&self, channel: &Channel) -> Value {
        let last = self
            .messages
            .values()
            .rev()
            .find(|message| message.channel == channel.id && message.only_for.is_none());
        let last = last.map(|message| message.id);
        match &channel.place {
            Place::Direct { with } => json!({
                "id": channel.id,
                "type": 1,
                "flags": 0,
                "last_message_id": last,
                "recipients": [self.user_json(*with)],
            }),
            Place::Guild { guild, name, .. } => json!({
                "id": channel.id,
                "type": channel.kind,
                "guild_id": guild,
                "name": name,
                "position": 0,
                "flags": 0,
                "parent_id": null,
                "topic": null,
                "nsfw": false,
                "rate_limit_per_user": 0,
                "permission_overwrites": channel.overwrites,
                "last_message_id": last,
            }),
        }
    }

    /// A message object, as REST shows it.
    pub(super) fn message_json(&self, message: &Message) -> Value {
        let mentions: Vec<Value> = message.notified.iter().map(|id| self.user_json(*id)).collect();
        let mut object = json!({
            "id": message.id,
            "channel_id": message.channel,
            "author": self.user_json(message.author),
            "content": message.now.content,
            "timestamp": iso(message.sent_ms),
            "edited_timestamp": message.edited_ms.map(iso),
            "tts": false,
            "mention_everyone": message.notified_everyone,
            "mentions": mentions,
            "mention_roles": [],
            "attachments": [],
            "embeds": message.now.embeds,
            "components": message.now.components,
            "pinned": false,
            "type": 0,
            "flags": message.flags,
        });
        if let Some(nonce) = &message.nonce {
            object = with(object, "nonce", nonce.clone());
        }
        if let Some(interaction) = message.answers.and_then(|id| self.interactions.get(&id)) {
            object = with(object, "application_id", self.application.id.to_string());
            object = with(object, "webhook_id", self.application.id.to_string());
            object = with(object, "type", interaction.kind.message_type());
            let metadata = json!({
                "id": interaction.id,
                "type": interaction.kind.number(),
                "user": self.user_json(interaction.user),
                "authorizing_integration_owners": {"0": interaction.guild.map_or_else(|| "0".to_owned(), |id| id.to_string())},
            });
            object = with(object, "interaction_metadata", metadata);
        }
        object
    }

    /// The guild object of REST.
    pub(super) fn guild_json(&self, guild: &Guild) -> Value {
        let roles: Vec<Value> = guild.roles.values().map(role).collect();
        json!({
            "id": guild.id,
            "name": guild.name,
            "owner_id": guild.owner,
            "roles": roles,
            "emojis": [],
            "stickers": [],
            "features": [],
            "icon": null,
            "splash": null,
            "discovery_splash": null,
            "banner": null,
            "description": null,
            "afk_channel_id": null,
            "afk_timeout": 300,
            "application_id": null,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "verification_level": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "nsfw": false,
            "max_members": 500_000,
            "max_presences": null,
            "max_video_channel_users": 25,
            "max_stage_video_channel_users": 50,
            "preferred_locale": "en-US",
            "premium_progress_bar_enabled": false,
            "premium_subscription_count": 0,
            "premium_tier": 0,
            "public_updates_channel_id": null,
            "rules_channel_id": null,
            "safety_alerts_channel_id": null,
            "system_channel_id": null,
            "system_channel_flags": 0,
            "vanity_url_code": null,
            "widget_enabled": false,
            "widget_channel_id": null,
            "incidents_data": null,
        })
    }

    /// The guild object of `GUILD_CREATE`. Without the intent for presences the member list holds the bot
    /// and nobody else, however small the guild is.
    pub(super) fn guild_create_json(&self, guild: &Guild, everybody: bool) -> Value {
        let members: Vec<Value> = guild
            .members
            .iter()
            .filter(|(id, _)| everybody || **id == self.application.bot)
            .map(|(id, state)| self.member_json(*id, state))
            .collect();
        let joined = guild.members.get(&self.application.bot).map_or(0, |bot| bot.joined_at_ms);
        let channels: Vec<Value> = self
            .channels
            .values()
            .filter(|channel| matches!(&channel.place, Place::Guild { guild: of, bot_sees_it: true, .. } if *of == guild.id))
            .map(|channel| self.channel_json(channel))
            .collect();
        let more = json!({
            "joined_at": iso(joined),
            "large": guild.members.len() >= 250,
            "unavailable": false,
            "member_count": guild.members.len(),
            "members": members,
            "channels": channels,
            "threads": [],
            "voice_states": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
            "version": 1,
        });
        let mut object = self.guild_json(guild);
        if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
            object.extend(more);
        }
        object
    }

    /// What `GUILD_MEMBER_UPDATE` says.
    pub(super) fn member_update_json(&self, guild: GuildId, id: UserId, state: &Member) -> Value {
        with(self.member_json(id, state), "guild_id", guild.to_string())
    }

    /// What `GUILD_ROLE_CREATE` and `GUILD_ROLE_UPDATE` say.
    pub(super) fn role_event_json(&self, guild: GuildId, id: RoleId) -> Option<Value> {
        let known = self.guilds.get(&guild)?.roles.get(&id)?;
        Some(json!({"guild_id": guild, "role": role(known)}))
    }
}
