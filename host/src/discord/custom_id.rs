//! What buttons and forms mean, as the text that Discord carries for us and hands back when they are used.
//! All state is in it and in the database, so they go on working after a restart.

use std::fmt;

use crate::{domain::PromptId, pipeline::ports::ButtonAction};

/// The id of a button or a form of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CustomId {
    /// A button: `prompt:<id>`.
    Answer(PromptId),
    /// A button: `inbox`.
    Inbox,
    /// The form for an e-mail address: `address:<id>`.
    Address(PromptId),
}

impl CustomId {
    /// Reads what Discord handed back. None: it is not ours, or of another version.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text == "inbox" {
            return Some(Self::Inbox);
        }
        let (kind, id) = text.split_once(':')?;
        // A sign or a leading zero would be a second spelling of the same id.
        let plain = id.bytes().all(|byte| byte.is_ascii_digit()) && !id.starts_with('0');
        let prompt = PromptId(id.parse().ok().filter(|_| plain)?);
        match kind {
            "prompt" => Some(Self::Answer(prompt)),
            "address" => Some(Self::Address(prompt)),
            _ => None,
        }
    }
}

impl From<ButtonAction> for CustomId {
    fn from(action: ButtonAction) -> Self {
        match action {
            ButtonAction::Answer(prompt) => Self::Answer(prompt),
            ButtonAction::Inbox => Self::Inbox,
        }
    }
}

impl fmt::Display for CustomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(prompt) => write!(f, "prompt:{prompt}"),
            Self::Inbox => f.write_str("inbox"),
            Self::Address(prompt) => write!(f, "address:{prompt}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_as_it_was_written() {
        for id in [CustomId::Answer(PromptId(1)), CustomId::Inbox, CustomId::Address(PromptId(i64::MAX))] {
            assert_eq!(CustomId::parse(&id.to_string()), Some(id));
        }
    }

    #[test]
    fn what_is_not_ours_is_none() {
        for text in [
            "",
            "prompt",
            "prompt:",
            "prompt:x",
            "prompt:-1",
            "prompt:01",
            "prompt:0",
            "inbox:1",
            "a:1",
            "prompt:1:2",
        ] {
            assert_eq!(CustomId::parse(text), None, "{text:?}");
        }
        assert_eq!(CustomId::parse(&format!("prompt:{}", "9".repeat(40))), None);
    }
}
