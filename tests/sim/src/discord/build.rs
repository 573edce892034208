//! Making a world: the application, people, guilds, roles, channels.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Application, ApplicationId, Channel, ChannelId, DirectMessages, DiscordSim, Guild, GuildId, Impossible,
    Member, Place, Role, RoleId, User, UserId, gateway, ids, rest, world,
};

impl DiscordSim {
    /// Discord with one application and its bot, and nothing else. The portal's switch for members is on,
    /// the other privileged ones are off.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        let mut ids = ids::Snowflakes::default();
        let (application, bot) = (ApplicationId(ids.next(now_ms)), UserId(ids.next(now_ms)));
        let user =
            User { id: bot, name: "rolarr".to_owned(), bot: true, direct_messages: DirectMessages::Closed };
        Self {
            ids,
            application: Application {
                id: application,
                bot,
                token: format!("simulated-bot-token-{application}"),
                token_valid: true,
                members_intent: true,
                presence_intent: false,
                content_intent: false,
            },
            users: BTreeMap::from([(bot, user)]),
            guilds: BTreeMap::new(),
            channels: BTreeMap::new(),
            messages: BTreeMap::new(),
            deleted: BTreeSet::new(),
            commands: BTreeMap::new(),
            interactions: BTreeMap::new(),
            gateway: gateway::Gateway::default(),
            rest: rest::Rest::default(),
        }
    }

    /// The application: its ids, its token, the portal's switches.
    #[must_use]
    pub fn application(&self) -> &Application {
        &self.application
    }

    /// The application, to flip the portal's switches or to reset the token.
    pub fn application_mut(&mut self) -> &mut Application {
        &mut self.application
    }

    /// The bot's token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.application.token
    }

    /// The bot's user.
    #[must_use]
    pub fn bot(&self) -> UserId {
        self.application.bot
    }

    /// A new person.
    pub fn create_user(&mut self, now_ms: u64, name: &str) -> UserId {
        let id = UserId(self.ids.next(now_ms));
        self.insert_user(id, name, false);
        id
    }

    /// A new bot that is not ours.
    pub fn create_bot(&mut self, now_ms: u64, name: &str) -> UserId {
        let id = UserId(self.ids.next(now_ms));
        self.insert_user(id, name, true);
        id
    }

    /// A person with a given id, for tests that need a certain one. Replaces who had it.
    pub fn insert_user(&mut self, id: UserId, name: &str, bot: bool) {
        let direct_messages = if bot { DirectMessages::Closed } else { DirectMessages::Open };
        self.users.insert(id, User { id, name: name.to_owned(), bot, direct_messages });
    }

    /// A guild becomes another member's.
    ///
    /// # Errors
    /// If there is no such guild, or they are no member of it.
    pub fn give_guild(&mut self, guild: GuildId, owner: UserId) -> Result<(), Impossible> {
        let guild = self.guild_mut(guild)?;
        if !guild.members.contains_key(&owner) {
            return Err(Impossible::new(format!("`{owner}` is no member")));
        }
        guild.owner = owner;
        Ok(())
    }

    /// A new guild with its owner and the bot as members. The bot's sessions hear of it.
    pub fn create_guild(&mut self, now_ms: u64, name: &str, owner: UserId) -> GuildId {
        let id = GuildId(self.ids.next(now_ms));
        self.insert_guild(now_ms, id, name, owner);
        id
    }

    /// A guild with a given id. Replaces the one that had it.
    pub fn insert_guild(&mut self, now_ms: u64, id: GuildId, name: &str, owner: UserId) {
        let everybody = Role {
            id: RoleId(id.0),
            name: "@everyone".to_owned(),
            permissions: world::ORDINARY,
            position: 0,
        };
        let guild = Guild {
            id,
            name: name.to_owned(),
            owner,
            roles: BTreeMap::from([(everybody.id, everybody)]),
            members: BTreeMap::from([(owner, Member::new(now_ms)), (self.bot(), Member::new(now_ms))]),
            available: true,
            shown_members: None,
            left: BTreeSet::new(),
            before: BTreeMap::new(),
        };
        self.guilds.insert(id, guild);
        self.announce_guild(now_ms, id);
    }

    /// A new role without permissions of its own.
    ///
    /// # Errors
    /// If there is no such guild.
    pub fn create_role(&mut self, now_ms: u64, guild: GuildId, name: &str) -> Result<RoleId, Impossible> {
        let id = RoleId(self.ids.next(now_ms));
        self.insert_role(now_ms, guild, id, name, 0)?;
        Ok(id)
    }

    /// A role with a given id and permission bits.
    ///
    /// # Errors
    /// If there is no such guild.
    pub fn insert_role(
        &mut self,
        now_ms: u64,
        guild: GuildId,
        id: RoleId,
        name: &str,
        permissions: u64,
    ) -> Result<(), Impossible> {
        let known = self.guild_mut(guild)?;
        let position = known.roles.len() as u64;
        known.roles.insert(id, Role { id, name: name.to_owned(), permissions, position });
        self.announce_role(now_ms, "GUILD_ROLE_CREATE", guild, id);
        Ok(())
    }

    /// A new text channel that the bot sees.
    ///
    /// # Errors
    /// If there is no such guild.
    pub fn create_channel(
        &mut self,
        now_ms: u64,
        guild: GuildId,
        name: &str,
    ) -> Result<ChannelId, Impossible> {
        self.guild_mut(guild)?;
        let id = ChannelId(self.ids.next(now_ms));
        let place = Place::Guild { guild, name: name.to_owned(), bot_sees_it: true };
        self.channels.insert(id, Channel { id, place, kind: 0, overwrites: Vec::new() });
        let data = self.channels.get(&id).map(|channel| self.channel_json(channel)).unwrap_or_default();
        self.tell_guild(now_ms, "CHANNEL_CREATE", guild, gateway::intents::GUILDS, data);
        Ok(id)
    }

    /// Makes a guild's channel one of another type, with these overwrites of permissions. Neither changes what the bot
    /// may do there: it changes what Discord says of it.
    ///
    /// # Errors
    /// If there is no such channel.
    pub fn describe_channel(
        &mut self,
        channel: ChannelId,
        kind: u8,
        overwrites: Vec<Value>,
    ) -> Result<(), Impossible> {
        let unknown = || Impossible::new(format!("`{channel}` is no channel"));
        let known = self.channels.get_mut(&channel).ok_or_else(unknown)?;
        known.kind = kind;
        known.overwrites = overwrites;
        Ok(())
    }

    /// Whether the bot may see a guild's channel.
    ///
    /// # Errors
    /// If there is no such channel in a guild.
    pub fn let_bot_see(&mut self, channel: ChannelId, sees: bool) -> Result<(), Impossible> {
        match self.channels.get_mut(&channel).map(|channel| &mut channel.place) {
            Some(Place::Guild { bot_sees_it, .. }) => {
                *bot_sees_it = sees;
                Ok(())
            }
            _ => Err(Impossible::new(format!("`{channel}` is no channel of a guild"))),
        }
    }

    /// The channel between the bot and a person; it is made if there is none yet.
    pub(super) fn direct_channel_with(&mut self, now_ms: u64, user: UserId) -> ChannelId {
        if let Some(known) = self.direct_channel(user) {
            return known;
        }
        let id = ChannelId(self.ids.next(now_ms));
        let place = Place::Direct { with: user };
        self.channels.insert(id, Channel { id, place, kind: 1, overwrites: Vec::new() });
        id
    }

    pub(super) fn guild_mut(&mut self, id: GuildId) -> Result<&mut Guild, Impossible> {
        self.guilds.get_mut(&id).ok_or_else(|| Impossible::new(format!("there is no guild `{id}`")))
    }
}
