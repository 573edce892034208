//! Slash commands, as people use them.

use serde_json::{Map, Value, json};

use super::{
    ChannelId, DiscordSim, GuildId, Impossible, InteractionId, InteractionKind, UserId,
    render::{member, with},
    world::ADMINISTRATOR,
};

/// What is given for an option of a command.
#[derive(Clone, Debug, PartialEq)]
pub enum OptionValue {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    Bool(bool),
    /// A person.
    User(UserId),
}

impl OptionValue {
    /// Discord's number for the type of option.
    fn kind(&self) -> u64 {
        match self {
            Self::Text(_) => 3,
            Self::Number(_) => 4,
            Self::Bool(_) => 5,
            Self::User(_) => 6,
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Text(text) => Value::from(text.as_str()),
            Self::Number(number) => Value::from(*number),
            Self::Bool(yes) => Value::from(*yes),
            Self::User(user) => Value::from(user.to_string()),
        }
    }
}

impl From<&str> for OptionValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<UserId> for OptionValue {
    fn from(user: UserId) -> Self {
        Self::User(user)
    }
}

impl DiscordSim {
    /// A person uses a slash command such as `plex invite`, in a channel of a guild or, if it is their
    /// direct message channel, there. It must be registered with these options. Who may see it in the
    /// client is not looked at: administrators of a guild can change that.
    ///
    /// # Errors
    /// If there is no such command, channel or option, or a required option is missing.
    pub fn slash_command(
        &mut self,
        now_ms: u64,
        channel: ChannelId,
        user: UserId,
        command: &str,
        options: &[(&str, OptionValue)],
    ) -> Result<InteractionId, Impossible> {
        let guild = self.guild_of(channel)?;
        let mut words = command.split_whitespace();
        let name = words.next().unwrap_or_default();
        let in_guild = self.commands.get(&guild).filter(|_| guild.is_some());
        let everywhere = self.commands.get(&None);
        let registered = in_guild.into_iter().chain(everywhere).flatten().find(|known| known["name"] == name);
        let registered =
            registered.ok_or_else(|| Impossible::new(format!("no command `{name}` is registered here")))?;
        let mut path = Vec::new();
        let mut level = registered;
        for word in words {
            let options = level["options"].as_array().map(Vec::as_slice).unwrap_or_default();
            let below = options
                .iter()
                .find(|option| option["name"] == word && matches!(option["type"].as_u64(), Some(1 | 2)));
            level =
                below.ok_or_else(|| Impossible::new(format!("`{command}` has no subcommand `{word}`")))?;
            path.push((word, level["type"].clone()));
        }
        let mut given = fill_in(command, level, options)?;
        for (word, kind) in path.into_iter().rev() {
            given = vec![json!({"name": word, "type": kind, "options": given})];
        }
        let mut data = json!({"id": registered["id"], "name": name, "type": 1, "options": given});
        if let Some(guild) = registered.get("guild_id") {
            data = with(data, "guild_id", guild.clone());
        }
        let people: Vec<UserId> = options
            .iter()
            .filter_map(|(_, value)| match value {
                OptionValue::User(user) => Some(*user),
                _ => None,
            })
            .collect();
        if !people.is_empty() {
            data = with(data, "resolved", self.resolved(guild, &people));
        }
        self.interact(now_ms, InteractionKind::Command, channel, user, None, data)
    }

    /// Whether the client shows a command to a member, as long as the guild's administrators haven't
    /// changed who may use it.
    #[must_use]
    pub fn sees_command(&self, guild: GuildId, user: UserId, name: &str) -> bool {
        let permissions = self.guilds.get(&guild).map_or(0, |guild| guild.permissions(user));
        let here = self.commands.get(&Some(guild)).into_iter().chain(self.commands.get(&None)).flatten();
        here.filter(|command| command["name"] == name).any(|command| {
            match command["default_member_permissions"].as_str().map(str::parse::<u64>) {
                None => true,
                Some(Ok(0)) => permissions & ADMINISTRATOR != 0,
                Some(needed) => needed.is_ok_and(|needed| permissions & needed == needed),
            }
        })
    }

    fn resolved(&self, guild: Option<GuildId>, people: &[UserId]) -> Value {
        let guild = guild.and_then(|id| self.guilds.get(&id));
        let mut users = Map::new();
        let mut members = Map::new();
        for id in people {
            users.insert(id.to_string(), self.user_json(*id));
            if let Some((guild, state)) = guild.and_then(|guild| Some((guild, guild.members.get(id)?))) {
                let permissions = guild.permissions(*id).to_string();
                members.insert(id.to_string(), with(member(state), "permissions", permissions));
            }
        }
        if members.is_empty() { json!({"users": users}) } else { json!({"users": users, "members": members}) }
    }
}

/// The options as the client sends them, checked against what is registered.
fn fill_in(command: &str, level: &Value, given: &[(&str, OptionValue)]) -> Result<Vec<Value>, Impossible> {
    let known = level["options"].as_array().map(Vec::as_slice).unwrap_or_default();
    for option in known {
        if matches!(option["type"].as_u64(), Some(1 | 2)) {
            return Err(Impossible::new(format!("`{command}` needs a subcommand")));
        }
        if option["required"] == true && !given.iter().any(|(name, _)| option["name"] == *name) {
            return Err(Impossible::new(format!("`{command}` needs the option {}", option["name"])));
        }
    }
    given
        .iter()
        .map(|(name, value)| {
            let fits = known.iter().any(|option| option["name"] == *name && option["type"] == value.kind());
            if fits {
                Ok(json!({"name": name, "type": value.kind(), "value": value.json()}))
            } else {
                Err(Impossible::new(format!("`{command}` has no option `{name}` of this type")))
            }
        })
        .collect()
}
