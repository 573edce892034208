//! What people do with the bot: commands, buttons, forms.

use serde_json::{Map, Value, json};

use super::{
    ChannelId, DiscordSim, GuildId, Impossible, InteractionId, MessageId, Place, UserId,
    gateway::{Event, Reach},
    render::{member, with},
    world::{ADMINISTRATOR, EVERYTHING, ORDINARY},
};

/// What began an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InteractionKind {
    /// A slash command.
    Command,
    /// A button.
    Button,
    /// A form ("modal") that was sent off.
    Modal,
}

impl InteractionKind {
    /// Discord's number for it.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Command => 2,
            Self::Button => 3,
            Self::Modal => 5,
        }
    }

    /// The type of a message that answers it.
    pub(super) fn message_type(self) -> u8 {
        if self == Self::Command { 20 } else { 0 }
    }
}

/// How the bot has answered an interaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Not yet. After three seconds the person sees "the application did not respond".
    Awaited,
    /// "… is thinking": a message is to follow.
    Deferred {
        /// Whether only this person will see it.
        ephemeral: bool,
    },
    /// A message.
    Replied(MessageId),
    /// The message with the button will be changed later, or not at all.
    DeferredUpdate(MessageId),
    /// The message with the button was changed.
    Updated(MessageId),
    /// A form was shown: its title, `custom_id` and components.
    Form(Value),
}

impl Answer {
    /// The message that "@original" means.
    pub(super) fn message(&self) -> Option<MessageId> {
        match self {
            Self::Replied(message) | Self::DeferredUpdate(message) | Self::Updated(message) => Some(*message),
            Self::Awaited | Self::Deferred { .. } | Self::Form(_) => None,
        }
    }
}

/// One use of a command, a button or a form.
#[derive(Clone, Debug)]
pub struct Interaction {
    /// The interaction.
    pub id: InteractionId,
    /// What it is answered with.
    pub token: String,
    /// What began it.
    pub kind: InteractionKind,
    /// Who began it.
    pub user: UserId,
    /// In which guild; none in a direct message.
    pub guild: Option<GuildId>,
    /// In which channel.
    pub channel: ChannelId,
    /// The message with the button.
    pub message: Option<MessageId>,
    /// When, in milliseconds since 1970.
    pub created_ms: u64,
    /// How it was answered.
    pub answer: Answer,
    /// When it was first answered.
    pub answered_ms: Option<u64>,
    /// Further messages.
    pub followups: Vec<MessageId>,
}

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

/// The text inputs of a form, in rows or in labels.
pub(super) fn form_inputs(form: &Value) -> Vec<&Value> {
    let rows = form["components"].as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter()
        .filter_map(|row| match row["type"].as_u64() {
            Some(1) => row["components"].as_array()?.first(),
            Some(18) => row.get("component"),
            _ => None,
        })
        .collect()
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

    /// A person presses a button, found by the beginning of its `custom_id`, under a message that they see.
    ///
    /// # Errors
    /// If they don't see the message, or it has no such button, or the button is disabled.
    pub fn press_button(
        &mut self,
        now_ms: u64,
        user: UserId,
        message: MessageId,
        custom_id: &str,
    ) -> Result<InteractionId, Impossible> {
        let known = self.messages.get(&message).ok_or_else(|| Impossible::new("there is no such message"))?;
        let channel = known.channel;
        if known.only_for.is_some_and(|only| only != user) || !self.sees_channel(user, channel) {
            return Err(Impossible::new(format!("`{user}` does not see this message")));
        }
        let buttons = known.buttons();
        let starts =
            |button: &&&Value| button["custom_id"].as_str().is_some_and(|id| id.starts_with(custom_id));
        let button = buttons.iter().find(starts);
        let button = button.ok_or_else(|| Impossible::new(format!("there is no button `{custom_id}`")))?;
        if button["disabled"] == true {
            return Err(Impossible::new(format!("the button `{custom_id}` is disabled")));
        }
        let data = json!({"custom_id": button["custom_id"], "component_type": 2, "id": 2});
        self.interact(now_ms, InteractionKind::Button, channel, user, Some(message), data)
    }

    /// A person sends off the form that an interaction of theirs was answered with. Inputs are named by
    /// their `custom_id`; those that aren't given are empty.
    ///
    /// # Errors
    /// If the interaction was not answered with a form, or the form has no such input, or an input's text
    /// is shorter or longer than it may be.
    pub fn submit_modal(
        &mut self,
        now_ms: u64,
        shown_by: InteractionId,
        values: &[(&str, &str)],
    ) -> Result<InteractionId, Impossible> {
        let known = self.interactions.get(&shown_by);
        let known = known.ok_or_else(|| Impossible::new("there is no such interaction"))?;
        let Answer::Form(form) = &known.answer else {
            return Err(Impossible::new("the interaction was not answered with a form"));
        };
        let inputs = form_inputs(form);
        for (name, _) in values {
            if !inputs.iter().any(|input| input["custom_id"] == *name) {
                return Err(Impossible::new(format!("the form has no input `{name}`")));
            }
        }
        for input in &inputs {
            let text = typed(input, values);
            let (least, most) = (input["min_length"].as_u64(), input["max_length"].as_u64());
            let length = text.chars().count() as u64;
            let required = input["required"] != false;
            if (required && length == 0)
                || (length > 0 && least.is_some_and(|least| length < least))
                || length > most.unwrap_or(4000)
            {
                return Err(Impossible::new(format!(
                    "the form does not take this for {}",
                    input["custom_id"]
                )));
            }
        }
        let rows = form["components"].as_array().map(Vec::as_slice).unwrap_or_default();
        let rows: Vec<Value> = rows
            .iter()
            .zip(&inputs)
            .enumerate()
            .map(|(place, (row, input))| {
                let ids = (2 * place + 1, 2 * place + 2);
                let custom_id = &input["custom_id"];
                let part =
                    json!({"type": 4, "id": ids.1, "custom_id": custom_id, "value": typed(input, values)});
                if row["type"] == 18 {
                    json!({"type": 18, "id": ids.0, "component": part})
                } else {
                    json!({"type": 1, "id": ids.0, "components": [part]})
                }
            })
            .collect();
        let data = json!({"custom_id": form["custom_id"], "components": rows});
        let (channel, user, message) = (known.channel, known.user, known.message);
        self.interact(now_ms, InteractionKind::Modal, channel, user, message, data)
    }

    /// Begins an interaction and tells the bot.
    fn interact(
        &mut self,
        now_ms: u64,
        kind: InteractionKind,
        channel: ChannelId,
        user: UserId,
        message: Option<MessageId>,
        data: Value,
    ) -> Result<InteractionId, Impossible> {
        let guild = self.guild_of(channel)?;
        if !self.users.contains_key(&user) || !self.sees_channel(user, channel) {
            return Err(Impossible::new(format!("`{user}` is not in the channel")));
        }
        let id = InteractionId(self.ids.next(now_ms));
        let token = format!("interaction-token-{id}");
        let place = self.channels.get(&channel).map(|channel| self.channel_json(channel));
        let (context, scope) = if guild.is_some() { (0, "0") } else { (1, "1") };
        let owner = guild.map_or_else(|| user.to_string(), |guild| guild.to_string());
        let mut object = json!({
            "id": id,
            "application_id": self.application.id,
            "type": kind.number(),
            "data": data,
            "channel": place,
            "channel_id": channel,
            "token": token,
            "version": 1,
            "locale": "en-US",
            "entitlements": [],
            "entitlement_sku_ids": [],
            "attachment_size_limit": 10_485_760,
            "app_permissions": ORDINARY.to_string(),
            "authorizing_integration_owners": {scope: owner},
            "context": context,
        });
        if let Some(known) = message.and_then(|id| self.messages.get(&id)) {
            object = with(object, "message", self.message_json(known));
        }
        let in_guild = guild.and_then(|id| self.guilds.get(&id));
        if let Some(known) = in_guild {
            let state = known.members.get(&user).ok_or_else(|| Impossible::new("no member"))?;
            let by = with(self.member_json(user, state), "permissions", known.permissions(user).to_string());
            object = with(object, "member", by);
            object = with(object, "guild_id", known.id.to_string());
            object = with(object, "guild_locale", "en-US");
            object = with(object, "guild", json!({"id": known.id, "locale": "en-US", "features": []}));
            object = with(object, "app_permissions", known.permissions(self.application.bot).to_string());
        } else {
            object = with(object, "user", self.user_json(user));
        }
        let interaction = Interaction {
            id,
            token,
            kind,
            user,
            guild,
            channel,
            message,
            created_ms: now_ms,
            answer: Answer::Awaited,
            answered_ms: None,
            followups: Vec::new(),
        };
        self.interactions.insert(id, interaction);
        let reach = guild.map_or(Reach::Direct(0), |guild| Reach::Guild(guild, 0));
        self.dispatch(now_ms, Event::new("INTERACTION_CREATE", reach, object));
        Ok(id)
    }

    fn resolved(&self, guild: Option<GuildId>, people: &[UserId]) -> Value {
        let guild = guild.and_then(|id| self.guilds.get(&id));
        let mut users = Map::new();
        let mut members = Map::new();
        for id in people {
            users.insert(id.to_string(), self.user_json(*id));
            if let Some((guild, state)) = guild.and_then(|guild| Some((guild, guild.members.get(id)?))) {
                let permissions = guild.permissions(*id).min(EVERYTHING).to_string();
                members.insert(id.to_string(), with(member(state), "permissions", permissions));
            }
        }
        if members.is_empty() { json!({"users": users}) } else { json!({"users": users, "members": members}) }
    }

    fn guild_of(&self, channel: ChannelId) -> Result<Option<GuildId>, Impossible> {
        match self.channels.get(&channel).map(|channel| &channel.place) {
            Some(Place::Guild { guild, .. }) => Ok(Some(*guild)),
            Some(Place::Direct { .. }) => Ok(None),
            None => Err(Impossible::new(format!("there is no channel `{channel}`"))),
        }
    }

    fn sees_channel(&self, user: UserId, channel: ChannelId) -> bool {
        match self.channels.get(&channel).map(|channel| &channel.place) {
            Some(Place::Direct { with }) => *with == user,
            Some(Place::Guild { guild, .. }) => {
                self.guilds.get(guild).is_some_and(|guild| guild.members.contains_key(&user))
            }
            None => false,
        }
    }
}

fn typed<'a>(input: &Value, values: &[(&str, &'a str)]) -> &'a str {
    values.iter().find(|(name, _)| input["custom_id"] == *name).map_or("", |(_, value)| value)
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
