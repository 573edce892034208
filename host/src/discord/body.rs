//! What we write to Discord, as JSON.

use serde_json::{Value, json};

use super::custom_id::CustomId;
use crate::{
    domain::PromptId,
    pipeline::ports::{Button, Outgoing, Reply},
};

/// The longest message, in characters.
const LONGEST_MESSAGE: usize = 2_000;
/// The longest label of a button, in characters.
const LONGEST_LABEL: usize = 80;
/// The longest e-mail address, in characters (RFC 5321).
const LONGEST_ADDRESS: u16 = 254;
/// Only the person who did something sees the answer.
const EPHEMERAL: u64 = 1 << 6;

/// The id of the only field of the form for an e-mail address.
pub(super) const ADDRESS_FIELD: &str = "email";

/// A message with a nonce: Discord posts it once, however often it is sent within a few minutes.
pub(super) fn message(message: &Outgoing, nonce: &str) -> Value {
    let mut body = content(&message.text, message.button.as_ref());
    if let Value::Object(fields) = &mut body {
        fields.insert("nonce".to_owned(), nonce.into());
        fields.insert("enforce_nonce".to_owned(), true.into());
    }
    body
}

/// What a message says from now on. Without a button there is none any more.
pub(super) fn edit(now: &Outgoing) -> Value {
    content(&now.text, now.button.as_ref())
}

/// The answer to a command or a form after it was deferred.
pub(super) fn reply(reply: &Reply) -> Value {
    content(&reply.text, reply.button.as_ref())
}

/// The first answer to an interaction: a message that only the person sees (type 4).
pub(super) fn say(reply: &Reply) -> Value {
    let mut data = content(&reply.text, reply.button.as_ref());
    if let Value::Object(fields) = &mut data {
        fields.insert("flags".to_owned(), EPHEMERAL.into());
    }
    json!({"type": 4, "data": data})
}

/// The first answer to an interaction: "thinking", and only the person sees what follows (type 5).
pub(super) fn defer() -> Value {
    json!({"type": 5, "data": {"flags": EPHEMERAL}})
}

/// The first answer to a pressed button: the form for an e-mail address (type 9). A title has at most 45
/// characters.
pub(super) fn form(prompt: PromptId) -> Value {
    let field = json!({
        "type": 4,
        "custom_id": ADDRESS_FIELD,
        "label": "The e-mail address of your Plex account",
        "style": 1,
        "required": true,
        "max_length": LONGEST_ADDRESS,
        "placeholder": "name@example.org",
    });
    json!({"type": 9, "data": {
        "custom_id": CustomId::Address(prompt).to_string(),
        "title": "Your Plex account",
        "components": [{"type": 1, "components": [field]}],
    }})
}

fn content(text: &str, button: Option<&Button>) -> Value {
    json!({
        "content": clip(text, LONGEST_MESSAGE),
        // Nobody is notified by what stands in a text.
        "allowed_mentions": {"parse": []},
        "components": button.map(row).into_iter().collect::<Vec<_>>(),
    })
}

fn row(button: &Button) -> Value {
    json!({"type": 1, "components": [{
        "type": 2,
        "style": 1,
        "label": clip(&button.label, LONGEST_LABEL),
        "custom_id": CustomId::from(button.action).to_string(),
        "disabled": button.disabled,
    }]})
}

/// At most so many characters, with a sign that some are missing.
fn clip(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::ports::ButtonAction;

    #[test]
    fn a_message_notifies_nobody_and_is_posted_once() {
        let body = message(&Outgoing { text: "@everyone hello".to_owned(), button: None }, "n1");
        assert_eq!(
            body,
            json!({"content": "@everyone hello", "allowed_mentions": {"parse": []}, "components": [],
                   "nonce": "n1", "enforce_nonce": true})
        );
    }

    #[test]
    fn a_button_carries_its_meaning() {
        let button = Button {
            label: "Give my e-mail".to_owned(),
            action: ButtonAction::Answer(PromptId(7)),
            disabled: true,
        };
        let body = edit(&Outgoing { text: "x".to_owned(), button: Some(button) });
        let button = &body["components"][0]["components"][0];
        assert_eq!(button["custom_id"], "prompt:7");
        assert_eq!(button["disabled"], true);
    }

    #[test]
    fn answers_are_for_one_pair_of_eyes() {
        assert_eq!(say(&Reply::text("x"))["data"]["flags"], 64);
        assert_eq!(defer()["data"]["flags"], 64);
    }

    #[test]
    fn the_form_keeps_to_the_limits_of_discord() {
        let form = form(PromptId(i64::MAX));
        assert!(form["data"]["title"].as_str().unwrap().chars().count() <= 45);
        assert!(form["data"]["custom_id"].as_str().unwrap().len() <= 100);
        let field = &form["data"]["components"][0]["components"][0];
        assert!(field["label"].as_str().unwrap().chars().count() <= 45);
        assert_eq!(field["max_length"], 254);
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_between_characters() {
        let cut = clip(&"ä".repeat(3_000), LONGEST_MESSAGE);
        assert_eq!(cut.chars().count(), 2_000);
        assert!(cut.ends_with("ä…"));
    }
}
