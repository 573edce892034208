//! Channels and messages.

use serde_json::Value;

use super::{Answer, ApiError, id};
use crate::{
    discord::{
        Channel, ChannelId, DirectMessages, DiscordSim, MessageId, Place, UserId,
        messages::{Draft, EPHEMERAL},
    },
    http::{Request, Response},
};

/// How long Discord remembers a nonce. It says "the past few minutes".
const NONCE_LIFE_MS: u64 = 3 * 60_000;

impl DiscordSim {
    /// A channel that the bot may see.
    fn seen_channel(&self, text: &str) -> Result<&Channel, ApiError> {
        let unknown = || ApiError::new(404, 10_003, "Unknown Channel");
        let channel = self.channels.get(&id::<ChannelId>(text)?).ok_or_else(unknown)?;
        match &channel.place {
            Place::Direct { .. } => Ok(channel),
            Place::Guild { guild, bot_sees_it, .. } => match self.guilds.get(guild) {
                Some(guild) if !guild.available => Err(ApiError::outage()),
                Some(guild) if *bot_sees_it && guild.members.contains_key(&self.application.bot) => {
                    Ok(channel)
                }
                _ => Err(ApiError::missing_access()),
            },
        }
    }

    /// A message that everybody in the channel sees.
    fn seen_message(&self, channel: &str, message: &str) -> Result<MessageId, ApiError> {
        let channel = self.seen_channel(channel)?.id;
        let message = self.messages.get(&id(message)?);
        let message = message.filter(|known| known.channel == channel && known.only_for.is_none());
        message.map(|known| known.id).ok_or_else(ApiError::unknown_message)
    }

    /// Whether a person takes messages of the bot.
    fn check_recipient(&self, user: UserId) -> Result<(), ApiError> {
        let bot = self.application.bot;
        let mutual = self
            .guilds
            .values()
            .any(|guild| guild.members.contains_key(&user) && guild.members.contains_key(&bot));
        let recipient = self.users.get(&user);
        match recipient.map(|user| (user.bot, user.direct_messages)) {
            Some((true, _) | (_, DirectMessages::Closed)) | None => {
                Err(ApiError::new(403, 50_007, "Cannot send messages to this user"))
            }
            Some((false, DirectMessages::Open)) if !mutual => Err(ApiError::new(
                403,
                50_278,
                "Cannot send messages to this user due to having no mutual guilds",
            )),
            Some((false, DirectMessages::Open)) => Ok(()),
        }
    }

    pub(super) fn open_direct_channel(&mut self, now_ms: u64, body: &Value) -> Answer {
        let given = &body["recipient_id"];
        let text = given.as_str().map(str::to_owned).or_else(|| given.as_u64().map(|id| id.to_string()));
        let text = text
            .ok_or_else(|| ApiError::form("recipient_id", "BASE_TYPE_REQUIRED", "This field is required"))?;
        let user: UserId = id(&text)?;
        if !self.users.contains_key(&user) || user == self.application.bot {
            return Err(ApiError::new(400, 50_033, "Invalid Recipient(s)"));
        }
        let channel = self.direct_channel_with(now_ms, user);
        let channel = self.channels.get(&channel).ok_or_else(ApiError::not_found)?;
        Ok(Response::json(200, &self.channel_json(channel)))
    }

    pub(super) fn get_channel(&self, channel: &str) -> Answer {
        Ok(Response::json(200, &self.channel_json(self.seen_channel(channel)?)))
    }

    /// The newest messages first.
    pub(super) fn get_messages(&self, channel: &str, request: &Request) -> Answer {
        let channel = self.seen_channel(channel)?.id;
        let number = |name: &str| -> Result<Option<u64>, ApiError> {
            request.parameter(name).map(id::<u64>).transpose()
        };
        let limit = number("limit")?.unwrap_or(50);
        if !(1..=100).contains(&limit) {
            let message = "int value should be between 1 and 100.";
            return Err(ApiError::form("limit", "NUMBER_TYPE_MAX", message));
        }
        let (before, after) = (number("before")?.unwrap_or(u64::MAX), number("after")?);
        let fits = self.messages.values().filter(|message| {
            message.channel == channel
                && message.only_for.is_none()
                && message.id.0 < before
                && message.id.0 > after.unwrap_or(0)
        });
        let limit = usize::try_from(limit).unwrap_or(100);
        // With `after` the page begins there; without it, at the newest.
        let mut page: Vec<&crate::discord::Message> =
            if after.is_some() { fits.take(limit).collect() } else { fits.rev().take(limit).collect() };
        page.sort_by_key(|message| std::cmp::Reverse(message.id));
        let page: Vec<Value> = page.into_iter().map(|message| self.message_json(message)).collect();
        Ok(Response::json(200, &Value::from(page)))
    }

    pub(super) fn get_message(&self, channel: &str, message: &str) -> Answer {
        self.show_message(self.seen_message(channel, message)?)
    }

    /// Posts a message. A nonce that was enforced a short while ago brings back the message of that time.
    pub(super) fn post_message(&mut self, now_ms: u64, channel: &str, body: &Value) -> Answer {
        let channel = self.seen_channel(channel)?;
        let place = channel.place.clone();
        let channel = channel.id;
        let mut draft = Draft::read(body)?;
        draft.flags &= !EPHEMERAL;
        let nonce = draft.nonce.as_ref().map(|nonce| (channel, nonce.to_string()));
        self.rest.nonces.retain(|_, (at, _)| now_ms.saturating_sub(*at) < NONCE_LIFE_MS);
        if draft.enforce_nonce
            && let Some((_, first)) = nonce.as_ref().and_then(|nonce| self.rest.nonces.get(nonce))
        {
            return self.show_message(*first);
        }
        if let Place::Direct { with } = place {
            self.check_recipient(with)?;
        }
        let message = self.post(now_ms, channel, self.application.bot, draft);
        if let Some(nonce) = nonce {
            self.rest.nonces.entry(nonce).or_insert((now_ms, message));
        }
        self.show_message(message)
    }

    pub(super) fn patch_message(
        &mut self,
        now_ms: u64,
        channel: &str,
        message: &str,
        body: &Value,
    ) -> Answer {
        let message = self.seen_message(channel, message)?;
        if self.messages.get(&message).is_some_and(|known| known.author != self.application.bot) {
            return Err(ApiError::new(403, 50_005, "Cannot edit a message authored by another user"));
        }
        self.edit(now_ms, message, body)?;
        self.show_message(message)
    }

    pub(super) fn delete_message(&mut self, now_ms: u64, channel: &str, message: &str) -> Answer {
        let message = self.seen_message(channel, message)?;
        if self.messages.get(&message).is_some_and(|known| known.author != self.application.bot) {
            return Err(ApiError::new(403, 50_003, "Cannot execute action on this channel type"));
        }
        self.delete(now_ms, message);
        Ok(Response::empty(204))
    }

    pub(super) fn show_message(&self, message: MessageId) -> Answer {
        let message = self.messages.get(&message).ok_or_else(ApiError::unknown_message)?;
        Ok(Response::json(200, &self.message_json(message)))
    }
}
