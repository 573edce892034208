//! What people do with the bot: interactions in general, buttons, forms.

use serde_json::{Value, json};

use super::{
    ChannelId, DiscordSim, GuildId, Impossible, InteractionId, MessageId, Place, UserId,
    gateway::{Event, Reach},
    render::with,
    world::ORDINARY,
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
    pub(super) fn interact(
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

    pub(super) fn guild_of(&self, channel: ChannelId) -> Result<Option<GuildId>, Impossible> {
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
