//! Answers to interactions, and what can be done with them afterwards.

use serde_json::{Value, json};

use super::{Answer as Rest, ApiError, id};
use crate::{
    discord::{
        ApplicationId, DiscordSim, InteractionId, InteractionKind, MessageId,
        interactions::Answer,
        messages::{Draft, EPHEMERAL},
    },
    http::{Request, Response},
};

/// How long the first answer may take.
const FIRST_ANSWER_MS: u64 = 3000;
/// How long the token is good for what follows.
const TOKEN_LIFE_MS: u64 = 15 * 60_000;

impl DiscordSim {
    /// The first answer.
    pub(super) fn answer_interaction(
        &mut self,
        now_ms: u64,
        interaction: &str,
        token: &str,
        request: &Request,
        body: &Value,
    ) -> Rest {
        let key: InteractionId = id(interaction)?;
        let known = self.interactions.get(&key).filter(|known| known.token == token);
        let unknown = || ApiError::new(404, 10_062, "Unknown interaction");
        let known = known.ok_or_else(unknown)?;
        if !matches!(known.answer, Answer::Awaited) {
            return Err(ApiError::new(400, 40_060, "Interaction has already been acknowledged."));
        }
        if now_ms.saturating_sub(known.created_ms) > FIRST_ANSWER_MS {
            return Err(unknown());
        }
        let (kind, source) = (known.kind, known.message);
        let from_component = source.is_some() && kind != InteractionKind::Command;
        let data = &body["data"];
        let answer = match (body["type"].as_u64(), source) {
            (Some(4), _) => Answer::Replied(self.post_reply(now_ms, key, data)?),
            (Some(5), _) => Answer::Deferred { ephemeral: is_ephemeral(data) },
            (Some(6), Some(message)) if from_component => Answer::DeferredUpdate(message),
            (Some(7), Some(message)) if from_component => {
                self.edit(now_ms, message, data)?;
                Answer::Updated(message)
            }
            (Some(9), _) if kind != InteractionKind::Modal => {
                check_modal(data)?;
                Answer::Form(data.clone())
            }
            _ => {
                let message = "Value must be one of {4, 5, 6, 7, 9}, and fit the interaction.";
                return Err(ApiError::form("type", "BASE_TYPE_CHOICES", message));
            }
        };
        let message = answer.message();
        if let Some(known) = self.interactions.get_mut(&key) {
            known.answer = answer;
            known.answered_ms = Some(now_ms);
        }
        if !matches!(request.parameter("with_response"), Some("true" | "True" | "1")) {
            return Ok(Response::empty(204));
        }
        let message = message.and_then(|id| self.messages.get(&id));
        let shown = message.map(|message| self.message_json(message));
        let ephemeral = is_ephemeral(data);
        let callback = json!({
            "interaction": {
                "id": key,
                "type": kind.number(),
                "response_message_id": message.map(|message| message.id),
                "response_message_loading": body["type"] == 5,
                "response_message_ephemeral": ephemeral,
            },
            "resource": shown.map(|shown| json!({"type": body["type"], "message": shown})),
        });
        Ok(Response::json(200, &without_nulls(callback)))
    }

    /// Posts a message as an answer: ephemeral ones are seen by one person and are in no list.
    fn post_reply(&mut self, now_ms: u64, key: InteractionId, data: &Value) -> Result<MessageId, ApiError> {
        let known = self.interactions.get(&key).ok_or_else(ApiError::not_found)?;
        let (channel, user) = (known.channel, known.user);
        let mut draft = Draft::read(data)?;
        draft.answers = Some(key);
        draft.only_for = (draft.flags & EPHEMERAL != 0).then_some(user);
        Ok(self.post(now_ms, channel, self.application.bot, draft))
    }

    /// The interaction that a webhook's token belongs to.
    fn webhook(&self, now_ms: u64, app: &str, token: &str) -> Result<InteractionId, ApiError> {
        let unknown = || ApiError::new(404, 10_015, "Unknown Webhook");
        if id::<ApplicationId>(app)? != self.application.id {
            return Err(unknown());
        }
        let known = self.interactions.values().find(|known| known.token == token).ok_or_else(unknown)?;
        if now_ms.saturating_sub(known.created_ms) > TOKEN_LIFE_MS {
            return Err(ApiError::new(401, 50_027, "Invalid Webhook Token"));
        }
        if matches!(known.answer, Answer::Awaited) {
            return Err(unknown());
        }
        Ok(known.id)
    }

    /// A message that this interaction's token gives power over.
    fn webhook_message(&self, key: InteractionId, message: &str) -> Result<MessageId, ApiError> {
        let known = self.interactions.get(&key).ok_or_else(ApiError::not_found)?;
        let found = if message == "@original" {
            known.answer.message()
        } else {
            let wanted: MessageId = id(message)?;
            let all = known.followups.iter().copied().chain(known.answer.message());
            all.into_iter().find(|message| *message == wanted)
        };
        found.filter(|id| self.messages.contains_key(id)).ok_or_else(ApiError::unknown_message)
    }

    pub(super) fn get_reply(&self, now_ms: u64, app: &str, token: &str, message: &str) -> Rest {
        let key = self.webhook(now_ms, app, token)?;
        self.show_message(self.webhook_message(key, message)?)
    }

    /// Edits an answer. A deferred one becomes a message by it.
    pub(super) fn patch_reply(
        &mut self,
        now_ms: u64,
        app: &str,
        token: &str,
        message: &str,
        body: &Value,
    ) -> Rest {
        let key = self.webhook(now_ms, app, token)?;
        let deferred = self.interactions.get(&key).and_then(|known| match known.answer {
            Answer::Deferred { ephemeral } if message == "@original" => Some(ephemeral),
            _ => None,
        });
        if let Some(ephemeral) = deferred {
            let filled = self.fill_deferred(now_ms, key, ephemeral, body)?;
            return self.show_message(filled);
        }
        let message = self.webhook_message(key, message)?;
        self.edit(now_ms, message, body)?;
        self.show_message(message)
    }

    /// What was deferred becomes a message. Whether it is ephemeral was settled when it was deferred.
    fn fill_deferred(
        &mut self,
        now_ms: u64,
        key: InteractionId,
        ephemeral: bool,
        body: &Value,
    ) -> Result<MessageId, ApiError> {
        let flags = if ephemeral { EPHEMERAL } else { 0 };
        let mut body = body.clone();
        if let Some(fields) = body.as_object_mut() {
            fields.insert("flags".to_owned(), Value::from(flags));
        }
        let message = self.post_reply(now_ms, key, &body)?;
        if let Some(known) = self.interactions.get_mut(&key) {
            known.answer = Answer::Replied(message);
        }
        Ok(message)
    }

    pub(super) fn delete_reply(&mut self, now_ms: u64, app: &str, token: &str, message: &str) -> Rest {
        let key = self.webhook(now_ms, app, token)?;
        let message = self.webhook_message(key, message)?;
        self.delete(now_ms, message);
        Ok(Response::empty(204))
    }

    /// A further message. The first one after a deferral takes the deferral's place.
    pub(super) fn post_followup(&mut self, now_ms: u64, app: &str, token: &str, body: &Value) -> Rest {
        let key = self.webhook(now_ms, app, token)?;
        let deferred = self.interactions.get(&key).and_then(|known| match known.answer {
            Answer::Deferred { ephemeral } => Some(ephemeral),
            _ => None,
        });
        if let Some(ephemeral) = deferred {
            let filled = self.fill_deferred(now_ms, key, ephemeral, body)?;
            return self.show_message(filled);
        }
        let message = self.post_reply(now_ms, key, body)?;
        if let Some(known) = self.interactions.get_mut(&key) {
            known.followups.push(message);
        }
        self.show_message(message)
    }
}

fn is_ephemeral(data: &Value) -> bool {
    data["flags"].as_u64().unwrap_or_default() & EPHEMERAL != 0
}

/// A title, a `custom_id` and one to five inputs, each in a row or a label.
fn check_modal(data: &Value) -> Result<(), ApiError> {
    let within = |name: &str, most: usize| match data[name].as_str().map(|text| text.chars().count()) {
        Some(length) if (1..=most).contains(&length) => Ok(()),
        _ => {
            let message = format!("Must be between 1 and {most} in length.");
            Err(ApiError::form(name, "BASE_TYPE_BAD_LENGTH", &message))
        }
    };
    within("title", 45)?;
    within("custom_id", 100)?;
    let rows = data["components"].as_array().map(Vec::as_slice).unwrap_or_default();
    let inputs = crate::discord::interactions::form_inputs(data);
    if !(1..=5).contains(&rows.len()) || inputs.len() != rows.len() {
        return Err(ApiError::form(
            "components",
            "BASE_TYPE_BAD_LENGTH",
            "Must be between 1 and 5 in length.",
        ));
    }
    for input in inputs {
        let id = input["custom_id"].as_str().unwrap_or_default().chars().count();
        let style = matches!(input["style"].as_u64(), Some(1 | 2));
        if input["type"] != 4 || !(1..=100).contains(&id) || !style {
            return Err(ApiError::form(
                "components",
                "BASE_TYPE_CHOICES",
                "Only text inputs are understood here.",
            ));
        }
    }
    Ok(())
}

/// Discord leaves out what isn't there.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(_, value)| !value.is_null());
            kept.map(|(name, value)| {
                (name, if name_is_message(&value) { value } else { without_nulls(value) })
            })
            .collect()
        }
        other => other,
    }
}

/// A message object keeps its nulls.
fn name_is_message(value: &Value) -> bool {
    value.get("author").is_some()
}
