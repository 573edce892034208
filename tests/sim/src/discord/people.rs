//! What people do in a guild: join, leave, get and lose roles.

use serde_json::{Value, json};

use super::{
    DirectMessages, DiscordSim, GuildId, Impossible, Member, MessageId, RoleId, UserId,
    gateway::{
        Event, Reach,
        intents::{GUILD_MEMBERS, GUILDS},
    },
    messages::Draft,
    render::with,
    world::Guild,
};

impl DiscordSim {
    /// A person joins a guild (again). They have no roles then.
    ///
    /// # Errors
    /// If there is no such guild or person, or they are a member already.
    pub fn join(&mut self, now_ms: u64, guild: GuildId, user: UserId) -> Result<(), Impossible> {
        if !self.users.contains_key(&user) {
            return Err(Impossible::new(format!("there is no user `{user}`")));
        }
        let known = self.guild_mut(guild)?;
        if known.members.contains_key(&user) {
            return Err(Impossible::new(format!("`{user}` is a member already")));
        }
        known.remember(user);
        let mut member = Member::new(now_ms);
        // DID_REJOIN
        member.flags = u64::from(known.left.contains(&user));
        known.members.insert(user, member.clone());
        let data = self.member_update_json(guild, user, &member);
        self.tell_guild(now_ms, "GUILD_MEMBER_ADD", guild, GUILD_MEMBERS, data);
        Ok(())
    }

    /// A person leaves a guild, or is kicked or banned: it looks the same.
    ///
    /// # Errors
    /// If they are no member.
    pub fn leave(&mut self, now_ms: u64, guild: GuildId, user: UserId) -> Result<(), Impossible> {
        let known = self.guild_mut(guild)?;
        known.remember(user);
        if known.members.remove(&user).is_none() {
            return Err(Impossible::new(format!("`{user}` is no member")));
        }
        known.left.insert(user);
        let data = json!({"guild_id": guild, "user": self.user_json(user)});
        self.tell_guild(now_ms, "GUILD_MEMBER_REMOVE", guild, GUILD_MEMBERS, data);
        Ok(())
    }

    /// A member gets a role. Having it already changes nothing.
    ///
    /// # Errors
    /// If they are no member or the guild has no such role.
    pub fn add_role(
        &mut self,
        now_ms: u64,
        guild: GuildId,
        user: UserId,
        role: RoleId,
    ) -> Result<(), Impossible> {
        let mut roles = self.roles_of(guild, user)?;
        roles.push(role);
        self.set_roles(now_ms, guild, user, &roles)
    }

    /// A member loses a role. Not having it changes nothing.
    ///
    /// # Errors
    /// If they are no member.
    pub fn remove_role(
        &mut self,
        now_ms: u64,
        guild: GuildId,
        user: UserId,
        role: RoleId,
    ) -> Result<(), Impossible> {
        let mut roles = self.roles_of(guild, user)?;
        roles.retain(|held| *held != role);
        self.set_roles(now_ms, guild, user, &roles)
    }

    /// A member's roles become these, in one change and one event.
    ///
    /// # Errors
    /// If they are no member or the guild has no such role.
    pub fn set_roles(
        &mut self,
        now_ms: u64,
        guild: GuildId,
        user: UserId,
        roles: &[RoleId],
    ) -> Result<(), Impossible> {
        let known = self.guild_mut(guild)?;
        if let Some(unknown) = roles.iter().find(|role| !known.roles.contains_key(role)) {
            return Err(Impossible::new(format!("the guild has no role `{unknown}`")));
        }
        let roles = roles.iter().copied().collect();
        self.change_member(now_ms, guild, user, |member| member.roles = roles)
    }

    /// A member changes their name in the guild: an update that has nothing to do with roles.
    ///
    /// # Errors
    /// If they are no member.
    pub fn set_nick(
        &mut self,
        now_ms: u64,
        guild: GuildId,
        user: UserId,
        nick: Option<&str>,
    ) -> Result<(), Impossible> {
        self.change_member(now_ms, guild, user, |member| member.nick = nick.map(str::to_owned))
    }

    /// A member has yet to pass the membership screening, or has passed it.
    ///
    /// # Errors
    /// If they are no member.
    pub fn set_pending(
        &mut self,
        now_ms: u64,
        guild: GuildId,
        user: UserId,
        pending: bool,
    ) -> Result<(), Impossible> {
        self.change_member(now_ms, guild, user, |member| member.pending = pending)
    }

    /// A role gets another name.
    ///
    /// # Errors
    /// If the guild has no such role.
    pub fn rename_role(
        &mut self,
        now_ms: u64,
        guild: GuildId,
        role: RoleId,
        name: &str,
    ) -> Result<(), Impossible> {
        let known = self.guild_mut(guild)?.roles.get_mut(&role);
        let known = known.ok_or_else(|| Impossible::new(format!("the guild has no role `{role}`")))?;
        name.clone_into(&mut known.name);
        self.announce_role(now_ms, "GUILD_ROLE_UPDATE", guild, role);
        Ok(())
    }

    /// A role is deleted. Its members lose it, and no event says so of each: Discord promises none.
    ///
    /// # Errors
    /// If the guild has no such role, or it is the one that everybody has.
    pub fn delete_role(&mut self, now_ms: u64, guild: GuildId, role: RoleId) -> Result<(), Impossible> {
        let known = self.guild_mut(guild)?;
        if role.0 == guild.0 || known.roles.remove(&role).is_none() {
            return Err(Impossible::new(format!("the guild has no role `{role}` that can be deleted")));
        }
        let holders: Vec<UserId> = known
            .members
            .iter()
            .filter(|(_, member)| member.roles.contains(&role))
            .map(|(id, _)| *id)
            .collect();
        for holder in holders {
            known.remember(holder);
            if let Some(member) = known.members.get_mut(&holder) {
                member.roles.remove(&role);
            }
        }
        let data = json!({"guild_id": guild, "role_id": role});
        self.tell_guild(now_ms, "GUILD_ROLE_DELETE", guild, GUILDS, data);
        Ok(())
    }

    /// A person takes direct messages, or takes none any more.
    ///
    /// # Errors
    /// If there is no such person.
    pub fn set_direct_messages(&mut self, user: UserId, to: DirectMessages) -> Result<(), Impossible> {
        let known = self.users.get_mut(&user);
        known.ok_or_else(|| Impossible::new(format!("there is no user `{user}`")))?.direct_messages = to;
        Ok(())
    }

    /// A person types a direct message to the bot.
    ///
    /// # Errors
    /// If there is no such person.
    pub fn type_direct_message(
        &mut self,
        now_ms: u64,
        user: UserId,
        text: &str,
    ) -> Result<MessageId, Impossible> {
        if !self.users.contains_key(&user) {
            return Err(Impossible::new(format!("there is no user `{user}`")));
        }
        let channel = self.direct_channel_with(now_ms, user);
        Ok(self.post(now_ms, channel, user, Draft::text(text)))
    }

    /// A member types a message in a channel of a guild.
    ///
    /// # Errors
    /// If there is no such channel or person.
    pub fn type_message(
        &mut self,
        now_ms: u64,
        channel: super::ChannelId,
        user: UserId,
        text: &str,
    ) -> Result<MessageId, Impossible> {
        if !self.users.contains_key(&user) || !self.channels.contains_key(&channel) {
            return Err(Impossible::new(format!("there is no user `{user}` or no channel `{channel}`")));
        }
        Ok(self.post(now_ms, channel, user, Draft::text(text)))
    }

    /// The bot says something in a channel, without having been asked to over REST.
    ///
    /// # Errors
    /// If there is no such channel.
    pub fn bot_says(
        &mut self,
        now_ms: u64,
        channel: super::ChannelId,
        text: &str,
    ) -> Result<MessageId, Impossible> {
        let bot = self.bot();
        self.type_message(now_ms, channel, bot, text)
    }

    /// The bot is thrown out of a guild.
    ///
    /// # Errors
    /// If it is no member.
    pub fn kick_bot(&mut self, now_ms: u64, guild: GuildId) -> Result<(), Impossible> {
        let bot = self.bot();
        if self.guild_mut(guild)?.members.remove(&bot).is_none() {
            return Err(Impossible::new("the bot is no member"));
        }
        self.tell_guild(now_ms, "GUILD_DELETE", guild, GUILDS, json!({"id": guild}));
        Ok(())
    }

    /// The bot is invited to a guild (again).
    ///
    /// # Errors
    /// If there is no such guild.
    pub fn invite_bot(&mut self, now_ms: u64, guild: GuildId) -> Result<(), Impossible> {
        let bot = self.bot();
        self.guild_mut(guild)?.members.insert(bot, Member::new(now_ms));
        self.announce_guild(now_ms, guild);
        Ok(())
    }

    fn roles_of(&self, guild: GuildId, user: UserId) -> Result<Vec<RoleId>, Impossible> {
        let member = self.guilds.get(&guild).and_then(|guild| guild.members.get(&user));
        let member = member.ok_or_else(|| Impossible::new(format!("`{user}` is no member of `{guild}`")))?;
        Ok(member.roles.iter().copied().collect())
    }

    fn change_member(
        &mut self,
        now_ms: u64,
        guild: GuildId,
        user: UserId,
        change: impl FnOnce(&mut Member),
    ) -> Result<(), Impossible> {
        let known = self.guild_mut(guild)?;
        let mut member = known.members.get(&user).cloned();
        let member = member.as_mut().ok_or_else(|| Impossible::new(format!("`{user}` is no member")))?;
        let before = member.clone();
        change(member);
        if *member == before {
            return Ok(());
        }
        known.remember(user);
        known.members.insert(user, member.clone());
        let data = self.member_update_json(guild, user, member);
        self.tell_guild(now_ms, "GUILD_MEMBER_UPDATE", guild, GUILD_MEMBERS, data);
        Ok(())
    }

    pub(super) fn tell_guild(&mut self, now_ms: u64, name: &str, guild: GuildId, intents: u64, data: Value) {
        self.dispatch(now_ms, Event::new(name, Reach::Guild(guild, intents), data));
    }

    pub(super) fn announce_role(&mut self, now_ms: u64, name: &str, guild: GuildId, role: RoleId) {
        if let Some(data) = self.role_event_json(guild, role) {
            self.tell_guild(now_ms, name, guild, GUILDS, data);
        }
    }

    /// A guild appears to the bot's sessions: joined, or back after an outage.
    pub(super) fn announce_guild(&mut self, now_ms: u64, guild: GuildId) {
        let known: Option<&Guild> = self.guilds.get(&guild);
        if let Some(data) = known.map(|known| self.guild_create_json(known, false)) {
            self.tell_guild(now_ms, "GUILD_CREATE", guild, GUILDS, with(data, "unavailable", false));
        }
    }
}
