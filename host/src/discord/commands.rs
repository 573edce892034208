//! The slash commands: what is registered with Discord.
//!
//! Discord knows permissions only for whole commands. So everybody sees `/plex`, which has something for
//! members too, and only those who may manage the guild see `/rolarr`. Whether a person may is checked on our
//! side all the same, with what Discord says of them in the interaction.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    http::{Call, Http},
    wire::Registered,
};
use crate::pipeline::ports::DiscordError;

/// The name of the command.
pub(super) const PLEX: &str = "plex";
/// The name of the command for administrators.
pub(super) const ROLARR: &str = "rolarr";
/// The permission to manage the guild, as Discord writes it.
const MANAGE_GUILD: &str = "32";

const SUB_COMMAND: u8 = 1;
const SUB_COMMAND_GROUP: u8 = 2;
const STRING: u8 = 3;
const USER: u8 = 6;
/// Where a command can be given: in a guild (0) and in a direct message to the bot (1).
const CONTEXTS: [u8; 2] = [0, 1];

/// All commands, as Discord's REST API takes them.
pub(super) fn definitions() -> Value {
    let email = |description: &str, required: bool| {
        json!({"type": STRING, "name": "email", "description": description, "required": required,
               "max_length": 254})
    };
    let member = |description: &str| json!({"type": USER, "name": "member", "required": false, "description": description});
    let owner = member("The member whom the Plex account belongs to");
    let only = member("Only this member; without it everybody whom the message about it names");
    json!([{
        "type": 1,
        "name": PLEX,
        "description": "Access to the Plex server",
        "contexts": CONTEXTS,
        "options": [
            {"type": SUB_COMMAND, "name": "invite", "description": "Invite a Plex account (administrators)",
             "options": [email("The e-mail address of the Plex account", true), owner]},
            {"type": SUB_COMMAND, "name": "remove",
             "description": "Remove a Plex account for good (administrators)",
             "options": [email("The e-mail address of the Plex account", true)]},
            {"type": SUB_COMMAND, "name": "link", "description": "Link your own Plex account",
             "options": [email("The e-mail address of your Plex account; without it you are asked again", false)]},
        ],
    }, {
        "type": 1,
        "name": ROLARR,
        "description": "What administrators decide",
        "contexts": [0],
        "default_member_permissions": MANAGE_GUILD,
        "options": [
            {"type": SUB_COMMAND, "name": "sync",
             "description": "Compare all members with what is known, and catch up"},
            {"type": SUB_COMMAND, "name": "approve",
             "description": "Let happen what is held back", "options": [only]},
            {"type": SUB_COMMAND, "name": "reject",
             "description": "Leave those who are held back what they have", "options": [only]},
            {"type": SUB_COMMAND_GROUP, "name": "policy", "description": "The rules that decide", "options": [
                {"type": SUB_COMMAND, "name": "reload",
                 "description": "Load the policy that the configuration names anew"},
                {"type": SUB_COMMAND, "name": "rollback", "description": "Go back to an earlier policy",
                 "options": [{"type": STRING, "name": "policy", "required": false, "max_length": 100,
                     "description": "Its name or the beginning of its digest; without it the last one before"}]},
            ]},
        ],
    }])
}

/// Registers the commands for all guilds and direct messages, if others are registered. Discord allows 200
/// creations a day, so it is looked at first. True: something was changed.
pub(super) async fn register(http: &Http, application: u64) -> Result<bool, DiscordError> {
    let path = format!("/applications/{application}/commands");
    let look = Call::bot(Method::GET, "GET /applications/{application}/commands", 0, path.clone());
    let registered: Vec<Value> = http.read(look).await?;
    let wanted = definitions();
    if agrees(&wanted, &Value::Array(registered)) {
        return Ok(false);
    }
    let overwrite = Call::bot(Method::PUT, "PUT /applications/{application}/commands", 0, path);
    http.read::<Vec<Registered>>(overwrite.with(wanted)).await?;
    Ok(true)
}

/// Whether what is registered says all that we want. Discord adds fields of its own and leaves out what is
/// false.
fn agrees(wanted: &Value, registered: &Value) -> bool {
    match (wanted, registered) {
        (Value::Object(wanted), Value::Object(registered)) => {
            wanted.iter().all(|(name, value)| agrees(value, registered.get(name).unwrap_or(&Value::Null)))
        }
        (Value::Array(wanted), Value::Array(registered)) => {
            // Discord lists commands, contexts and the like in an order of its own.
            let mut left: Vec<&Value> = registered.iter().collect();
            wanted.len() == registered.len()
                && wanted.iter().all(|wanted| {
                    let found = left.iter().position(|registered| agrees(wanted, registered));
                    found.map(|found| left.swap_remove(found)).is_some()
                })
        }
        (Value::Bool(false), Value::Null) => true,
        (wanted, registered) => wanted == registered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_discord_shows_it() -> Value {
        let mut shown = definitions();
        shown[0]["id"] = json!("900000001");
        shown[0]["version"] = json!("900000002");
        shown[0]["default_member_permissions"] = Value::Null;
        shown[0]["options"][2]["options"][0].as_object_mut().unwrap().remove("required");
        shown
    }

    #[test]
    fn what_is_registered_already_is_recognised() {
        assert!(agrees(&definitions(), &as_discord_shows_it()));
    }

    #[test]
    fn commands_in_another_order_are_the_same() {
        let mut other = as_discord_shows_it();
        other.as_array_mut().unwrap().reverse();
        other[1]["contexts"] = json!([1, 0]);
        other[1]["options"].as_array_mut().unwrap().reverse();
        assert!(agrees(&definitions(), &other));
        other[0] = other[1].clone();
        assert!(!agrees(&definitions(), &other), "one of them twice");
    }

    #[test]
    fn another_text_option_or_command_is_a_difference() {
        let mut other = as_discord_shows_it();
        other[0]["options"][0]["description"] = json!("x");
        assert!(!agrees(&definitions(), &other));
        let mut other = as_discord_shows_it();
        other[0]["options"].as_array_mut().unwrap().pop();
        assert!(!agrees(&definitions(), &other));
        assert!(!agrees(&definitions(), &json!([])));
        assert!(!agrees(&definitions(), &Value::Null));
    }

    #[test]
    fn names_and_texts_keep_to_the_limits_of_discord() {
        fn check(value: &Value) {
            if let Some(description) = value.get("description").and_then(Value::as_str) {
                assert!((1..=100).contains(&description.chars().count()), "{description}");
            }
            for option in value.get("options").and_then(Value::as_array).into_iter().flatten() {
                check(option);
            }
        }
        for command in definitions().as_array().unwrap() {
            check(command);
        }
    }
}
