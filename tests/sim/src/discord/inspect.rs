//! What a test looks at: what was posted, answered, registered and asked for.

use serde_json::Value;

use super::{
    Answer, Channel, ChannelId, DiscordSim, Guild, GuildId, Interaction, InteractionId, Logged, Message,
    MessageId, Place, User, UserId,
};

impl DiscordSim {
    /// A guild.
    #[must_use]
    pub fn guild(&self, id: GuildId) -> Option<&Guild> {
        self.guilds.get(&id)
    }

    /// A person or a bot.
    #[must_use]
    pub fn user(&self, id: UserId) -> Option<&User> {
        self.users.get(&id)
    }

    /// A channel.
    #[must_use]
    pub fn channel(&self, id: ChannelId) -> Option<&Channel> {
        self.channels.get(&id)
    }

    /// The channel between the bot and a person, if there is one yet.
    #[must_use]
    pub fn direct_channel(&self, user: UserId) -> Option<ChannelId> {
        let place = Place::Direct { with: user };
        self.channels.values().find(|channel| channel.place == place).map(|channel| channel.id)
    }

    /// A message, also an ephemeral one; none once it is deleted.
    #[must_use]
    pub fn message(&self, id: MessageId) -> Option<&Message> {
        self.messages.get(&id)
    }

    /// Whether a message was posted once and then deleted.
    #[must_use]
    pub fn was_deleted(&self, id: MessageId) -> bool {
        self.deleted.contains(&id)
    }

    /// All messages, oldest first, also ephemeral ones.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.values()
    }

    /// The messages in a channel, oldest first, without ephemeral ones.
    #[must_use]
    pub fn messages_in(&self, channel: ChannelId) -> Vec<&Message> {
        let all = self.messages.values();
        all.filter(|message| message.channel == channel && message.only_for.is_none()).collect()
    }

    /// The messages between the bot and a person, oldest first, without ephemeral ones.
    #[must_use]
    pub fn direct_messages(&self, user: UserId) -> Vec<&Message> {
        self.direct_channel(user).map(|channel| self.messages_in(channel)).unwrap_or_default()
    }

    /// What the bot wrote to a person in direct messages, oldest first.
    #[must_use]
    pub fn told(&self, user: UserId) -> Vec<&Message> {
        let mut messages = self.direct_messages(user);
        messages.retain(|message| message.author == self.bot());
        messages
    }

    /// An interaction and how it was answered.
    #[must_use]
    pub fn interaction(&self, id: InteractionId) -> Option<&Interaction> {
        self.interactions.get(&id)
    }

    /// The message that an interaction was answered with, also after a deferral and edits.
    #[must_use]
    pub fn reply(&self, id: InteractionId) -> Option<&Message> {
        match self.interactions.get(&id)?.answer {
            Answer::Replied(message) => self.messages.get(&message),
            _ => None,
        }
    }

    /// The form that an interaction was answered with.
    #[must_use]
    pub fn form(&self, id: InteractionId) -> Option<&Value> {
        match &self.interactions.get(&id)?.answer {
            Answer::Form(form) => Some(form),
            _ => None,
        }
    }

    /// The registered commands of a guild, or the global ones.
    #[must_use]
    pub fn commands(&self, guild: Option<GuildId>) -> &[Value] {
        self.commands.get(&guild).map(Vec::as_slice).unwrap_or_default()
    }

    /// All requests so far, oldest first.
    #[must_use]
    pub fn requests(&self) -> &[Logged] {
        &self.rest.log
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&mut self) {
        self.rest.log.clear();
    }

    /// How many requests were answered with 401, 403 or 429. At 10,000 in ten minutes Discord shuts the
    /// address out, and so does this.
    #[must_use]
    pub fn invalid_requests(&self) -> usize {
        self.rest.limiter.invalid_count()
    }
}
