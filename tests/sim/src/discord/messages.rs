//! Messages: what a new one may say, posting, editing.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    ChannelId, DiscordSim, InteractionId, Message, MessageId, Place, UserId, Wording,
    gateway::{
        Event, Reach,
        intents::{DIRECT_MESSAGES, GUILD_MESSAGES},
    },
    render::with,
    rest::ApiError,
};

/// The longest text of a message, in characters.
const LONGEST_TEXT: usize = 2000;
/// The flag of a message that only one person sees.
pub(super) const EPHEMERAL: u64 = 1 << 6;

/// A message that is to be posted.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) wording: Wording,
    pub(super) nonce: Option<Value>,
    pub(super) enforce_nonce: bool,
    pub(super) allowed_mentions: Option<Value>,
    pub(super) flags: u64,
    pub(super) only_for: Option<UserId>,
    pub(super) answers: Option<InteractionId>,
}

impl Draft {
    /// Plain text.
    pub(super) fn text(text: &str) -> Self {
        Self {
            wording: Wording { content: text.to_owned(), components: Vec::new(), embeds: Vec::new() },
            nonce: None,
            enforce_nonce: false,
            allowed_mentions: None,
            flags: 0,
            only_for: None,
            answers: None,
        }
    }

    /// Reads the body of a request.
    pub(super) fn read(body: &Value) -> Result<Self, ApiError> {
        let mut draft = Self::text("");
        change(&mut draft.wording, body)?;
        if draft.wording == Self::text("").wording {
            return Err(ApiError::new(400, 50_006, "Cannot send an empty message"));
        }
        draft.nonce = match &body["nonce"] {
            Value::Null => None,
            Value::Number(nonce) => Some(Value::Number(nonce.clone())),
            Value::String(nonce) if nonce.chars().count() <= 25 => Some(Value::from(nonce.as_str())),
            _ => {
                return Err(ApiError::form("nonce", "NONCE_TYPE_TOO_LONG", "Nonce must be at most 25 long."));
            }
        };
        draft.enforce_nonce = body["enforce_nonce"] == true;
        draft.flags = body["flags"].as_u64().unwrap_or_default();
        draft.allowed_mentions = match &body["allowed_mentions"] {
            Value::Null => None,
            Value::Object(given) => Some(Value::Object(check_mentions(given)?)),
            _ => return Err(ApiError::form("allowed_mentions", "DICT_TYPE_CONVERT", "Only dictionaries.")),
        };
        Ok(draft)
    }
}

/// `parse` and an explicit list exclude each other.
fn check_mentions(given: &Map<String, Value>) -> Result<Map<String, Value>, ApiError> {
    for kind in ["users", "roles"] {
        let parsed =
            given.get("parse").and_then(Value::as_array).is_some_and(|all| all.iter().any(|of| of == kind));
        let listed = given.get(kind).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        if parsed && listed {
            let message = format!("parse:[\"{kind}\"] and {kind}: [ids...] are mutually exclusive.");
            return Err(ApiError::form(
                "allowed_mentions",
                "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                &message,
            ));
        }
    }
    Ok(given.clone())
}

/// Changes a wording as a body says: fields that aren't there stay.
pub(super) fn change(wording: &mut Wording, body: &Value) -> Result<(), ApiError> {
    if !body.is_object() {
        return Err(ApiError::new(400, 50_109, "The request body contains invalid JSON."));
    }
    match &body["content"] {
        Value::Null if body.get("content").is_some() => wording.content.clear(),
        Value::Null => {}
        // White space at the ends does not survive.
        Value::String(text) if text.chars().count() <= LONGEST_TEXT => {
            text.trim().clone_into(&mut wording.content);
        }
        Value::String(_) => {
            return Err(ApiError::form(
                "content",
                "BASE_TYPE_MAX_LENGTH",
                "Must be 2000 or fewer in length.",
            ));
        }
        _ => return Err(ApiError::form("content", "STRING_TYPE_CONVERT", "Could not interpret as string.")),
    }
    for (name, list) in [("components", &mut wording.components), ("embeds", &mut wording.embeds)] {
        match &body[name] {
            Value::Null if body.get(name).is_some() => list.clear(),
            Value::Null => {}
            Value::Array(items) => list.clone_from(items),
            _ => return Err(ApiError::form(name, "LIST_TYPE_CONVERT", "Only iterables may be used.")),
        }
    }
    if wording.embeds.len() > 10 {
        return Err(ApiError::form("embeds", "BASE_TYPE_BAD_LENGTH", "Must be between 0 and 10 in length."));
    }
    check_components(&wording.components)
}

/// Up to five rows of up to five buttons, each with a label and a `custom_id` of its own.
fn check_components(rows: &[Value]) -> Result<(), ApiError> {
    let bad = |message: &str| Err(ApiError::form("components", "BASE_TYPE_BAD_LENGTH", message));
    if rows.len() > 5 {
        return bad("Must be 5 or fewer in length.");
    }
    let mut seen = BTreeSet::new();
    for row in rows {
        if row["type"] != 1 {
            return bad("Only action rows are understood here.");
        }
        let parts = row["components"].as_array().map(Vec::as_slice).unwrap_or_default();
        if parts.is_empty() || parts.len() > 5 {
            return bad("Must be between 1 and 5 in length.");
        }
        for part in parts {
            let is_link = part["type"] == 2 && matches!(part["style"].as_u64(), Some(5 | 6));
            let id = part["custom_id"].as_str();
            let label = part["label"].as_str().unwrap_or_default();
            match (part["type"].as_u64(), id) {
                (Some(2), None) if is_link => {}
                (Some(2 | 3 | 5..=8), Some(id)) => {
                    if id.is_empty() || id.chars().count() > 100 {
                        return bad("custom_id: Must be between 1 and 100 in length.");
                    }
                    if !seen.insert(id) {
                        return bad("Component custom id cannot be duplicated");
                    }
                }
                _ => return bad("A component is missing its type or its custom_id."),
            }
            if part["type"] == 2 && !is_link && !matches!(part["style"].as_u64(), Some(1..=4)) {
                return bad("style: Value must be one of {1, 2, 3, 4, 5, 6}.");
            }
            if label.chars().count() > 80
                || (part["type"] == 2 && label.is_empty() && part["emoji"].is_null())
            {
                return bad("label: Must be between 1 and 80 in length.");
            }
        }
    }
    Ok(())
}

/// Whom a text notifies, as far as `allowed_mentions` lets it.
fn notified(text: &str, allowed: Option<&Value>) -> (BTreeSet<UserId>, bool) {
    let parse = |kind: &str| match allowed {
        None => true,
        Some(allowed) => allowed["parse"].as_array().is_some_and(|all| all.iter().any(|of| of == kind)),
    };
    let listed: BTreeSet<UserId> = allowed
        .and_then(|allowed| allowed["users"].as_array())
        .map(|users| users.iter().filter_map(|id| id.as_str()?.parse().ok()).collect())
        .unwrap_or_default();
    let mentioned = text.split("<@").skip(1).filter_map(|rest| {
        let (id, _) = rest.split_once('>')?;
        id.trim_start_matches('!').parse::<UserId>().ok()
    });
    let users = mentioned.filter(|id| parse("users") || listed.contains(id)).collect();
    let everyone = (text.contains("@everyone") || text.contains("@here")) && parse("everyone");
    (users, everyone)
}

impl DiscordSim {
    /// Posts a message and tells the sessions that hear of it.
    pub(super) fn post(
        &mut self,
        now_ms: u64,
        channel: ChannelId,
        author: UserId,
        draft: Draft,
    ) -> MessageId {
        let id = MessageId(self.ids.next(now_ms));
        let (users, everyone) = notified(&draft.wording.content, draft.allowed_mentions.as_ref());
        let direct =
            matches!(self.channels.get(&channel), Some(super::Channel { place: Place::Direct { .. }, .. }));
        let message = Message {
            id,
            channel,
            author,
            now: draft.wording,
            before: Vec::new(),
            nonce: draft.nonce,
            allowed_mentions: draft.allowed_mentions,
            notified: users.into_iter().filter(|user| self.users.contains_key(user)).collect(),
            notified_everyone: everyone && !direct,
            flags: draft.flags,
            sent_ms: now_ms,
            edited_ms: None,
            only_for: draft.only_for,
            answers: draft.answers,
        };
        self.messages.insert(id, message);
        self.tell_message(now_ms, "MESSAGE_CREATE", id);
        id
    }

    /// Changes what a message says.
    pub(super) fn edit(&mut self, now_ms: u64, id: MessageId, body: &Value) -> Result<(), ApiError> {
        let message = self.messages.get_mut(&id).ok_or_else(ApiError::unknown_message)?;
        let mut wording = message.now.clone();
        change(&mut wording, body)?;
        if wording == Draft::text("").wording {
            return Err(ApiError::new(400, 50_006, "Cannot send an empty message"));
        }
        message.before.push(std::mem::replace(&mut message.now, wording));
        message.edited_ms = Some(now_ms);
        self.tell_message(now_ms, "MESSAGE_UPDATE", id);
        Ok(())
    }

    /// Deletes a message.
    pub(super) fn delete(&mut self, now_ms: u64, id: MessageId) {
        let Some(message) = self.messages.remove(&id) else { return };
        self.deleted.insert(id);
        if message.only_for.is_some() {
            return;
        }
        let data = json!({"id": id, "channel_id": message.channel});
        self.tell_channel(now_ms, "MESSAGE_DELETE", message.channel, None, data);
    }

    fn tell_message(&mut self, now_ms: u64, name: &str, id: MessageId) {
        let Some(message) = self.messages.get(&id).filter(|message| message.only_for.is_none()) else {
            return;
        };
        let (channel, author) = (message.channel, message.author);
        let data = self.message_json(message);
        self.tell_channel(now_ms, name, channel, Some(author), data);
    }

    fn tell_channel(
        &mut self,
        now_ms: u64,
        name: &str,
        channel: ChannelId,
        author: Option<UserId>,
        data: Value,
    ) {
        let Some(known) = self.channels.get(&channel) else { return };
        let (reach, data) = match &known.place {
            Place::Direct { .. } => (Reach::Direct(DIRECT_MESSAGES), with(data, "channel_type", 1)),
            Place::Guild { bot_sees_it: false, .. } => return,
            Place::Guild { guild, .. } => {
                let member = author.and_then(|id| self.guilds.get(guild)?.members.get(&id));
                let data = match member {
                    Some(member) => with(data, "member", super::render::member(member)),
                    None => data,
                };
                (Reach::Guild(*guild, GUILD_MESSAGES), with(data, "guild_id", guild.to_string()))
            }
        };
        self.dispatch(now_ms, Event::new(name, reach, data));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_notify_only_whom_they_may() {
        let text = "hello <@7> and <@!8> and @everyone";
        let both = BTreeSet::from([UserId(7), UserId(8)]);
        assert_eq!(notified(text, None), (both, true));
        assert_eq!(notified(text, Some(&json!({"parse": []}))), (BTreeSet::new(), false));
        assert_eq!(notified(text, Some(&json!({"users": ["8"]}))), (BTreeSet::from([UserId(8)]), false));
    }
}
