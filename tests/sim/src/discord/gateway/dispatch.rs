//! Events on their way to the sessions that asked for them.

use serde_json::Value;

use super::{Session, SessionKey, intents::MESSAGE_CONTENT};
use crate::discord::{
    DiscordSim,
    faults::{EventFault, EventFaultKind},
    ids::GuildId,
};

/// Whom an event reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::discord) enum Reach {
    /// Sessions with one of these intents (0: all sessions), on the guild's shard, while it is available.
    Guild(GuildId, u64),
    /// Sessions with one of these intents (0: all sessions), on the first shard.
    Direct(u64),
    /// One session.
    Session(SessionKey),
}

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::discord) struct Event {
    name: String,
    reach: Reach,
    data: Value,
}

impl Event {
    pub(in crate::discord) fn new(name: impl Into<String>, reach: Reach, data: Value) -> Self {
        Self { name: name.into(), reach, data }
    }
}

impl DiscordSim {
    /// Sends an event to whom it concerns, unless it was told to go wrong.
    pub(in crate::discord) fn dispatch(&mut self, now_ms: u64, event: Event) {
        match EventFault::take(&mut self.gateway.event_faults, &event.name) {
            None => self.deliver(now_ms, &event),
            Some(EventFaultKind::Lose) => return,
            Some(EventFaultKind::Duplicate) => {
                self.deliver(now_ms, &event);
                self.deliver(now_ms, &event);
            }
            Some(EventFaultKind::SwapWithNext) => {
                // The one that is held already, if any, goes first: nothing is held for ever.
                let earlier = self.gateway.held.replace(event);
                if let Some(earlier) = earlier {
                    self.deliver(now_ms, &earlier);
                }
                return;
            }
            Some(EventFaultKind::Set { pointer, value }) => {
                let mut event = event;
                set(&mut event.data, &pointer, Some(value));
                self.deliver(now_ms, &event);
            }
            Some(EventFaultKind::Remove { pointer }) => {
                let mut event = event;
                set(&mut event.data, &pointer, None);
                self.deliver(now_ms, &event);
            }
        }
        if let Some(held) = self.gateway.held.take() {
            self.deliver(now_ms, &held);
        }
    }

    fn deliver(&mut self, now_ms: u64, event: &Event) {
        let bot = self.application.bot;
        if let Reach::Guild(guild, _) = event.reach
            && event.name != "GUILD_DELETE"
            && self
                .guilds
                .get(&guild)
                .is_none_or(|guild| !guild.available || !guild.members.contains_key(&bot))
        {
            return;
        }
        let bot = bot.to_string();
        let mut out = Vec::new();
        for (key, session) in &mut self.gateway.sessions {
            if session.is_over(now_ms) || !reaches(event, *key, session) {
                continue;
            }
            let text = if hides_content(event, session, &bot) {
                session.number(&event.name, &without_content(&event.data))
            } else {
                session.number(&event.name, &event.data)
            };
            out.extend(session.connection().map(|connection| (connection, text)));
        }
        for (connection, text) in out {
            self.gateway.send_text(connection, text);
        }
    }
}

fn reaches(event: &Event, key: SessionKey, session: &Session) -> bool {
    let wanted = |intents: u64| intents == 0 || session.intents & intents != 0;
    match event.reach {
        Reach::Session(only) => only == key,
        Reach::Guild(guild, intents) => wanted(intents) && session.has_guild(guild),
        Reach::Direct(intents) => wanted(intents) && session.has_direct_messages(),
    }
}

/// Messages in guilds come without their content, unless the bot wrote them or is mentioned in them, or the
/// session has the privileged intent.
fn hides_content(event: &Event, session: &Session, bot: &str) -> bool {
    let to_bot = || {
        let message: &Value = &event.data;
        let mentions = message["mentions"].as_array();
        message["author"].get("id").is_some_and(|id| id == bot)
            || mentions.is_some_and(|all| all.iter().any(|user| user["id"] == bot))
    };
    matches!(event.reach, Reach::Guild(..))
        && event.name.starts_with("MESSAGE_")
        && session.intents & MESSAGE_CONTENT == 0
        && !to_bot()
}

fn without_content(message: &Value) -> Value {
    let mut message = message.clone();
    if let Some(fields) = message.as_object_mut() {
        fields.insert("content".to_owned(), Value::from(""));
        fields.insert("components".to_owned(), Value::Array(Vec::new()));
        fields.insert("embeds".to_owned(), Value::Array(Vec::new()));
    }
    message
}

/// Sets or removes what a JSON pointer leads to. A field that isn't there is added; a place in a list that
/// isn't there changes nothing.
fn set(data: &mut Value, pointer: &str, value: Option<Value>) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    match data.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            match value {
                Some(value) => fields.insert(last.to_owned(), value),
                None => fields.remove(last),
            };
        }
        Some(Value::Array(items)) => {
            let place = last.parse::<usize>().ok().filter(|place| *place < items.len());
            match (place, value) {
                (Some(place), Some(value)) => items.splice(place..=place, [value]).for_each(drop),
                (Some(place), None) => drop(items.remove(place)),
                (None, _) => {}
            }
        }
        _ => {}
    }
}
