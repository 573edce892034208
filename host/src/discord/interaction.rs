//! What people do with commands, buttons and forms, read from Discord's JSON.

use serde::Deserialize;
use serde_json::Value;

use super::{
    body::ADDRESS_FIELD,
    commands::{PLEX, ROLARR},
    custom_id::CustomId,
};
use crate::{
    domain::{GuildId, PromptId, Secret, UserId},
    pipeline::ports::{ButtonAction, Command, Invoker},
};

/// An option that holds sub-commands:
/// <https://discord.com/developers/docs/interactions/application-commands#application-command-object-application-command-option-type>.
const SUB_COMMAND_GROUP: u64 = 2;

/// May manage the guild (`MANAGE_GUILD`), or may do everything (`ADMINISTRATOR`).
const ADMINISTRATIVE: u64 = 1 << 5 | 1 << 3;

/// One interaction. Its token is the right to answer it.
pub(super) struct Interaction {
    pub(super) id: u64,
    pub(super) application: u64,
    pub(super) token: Secret,
    pub(super) deed: Deed,
}

/// What a person did.
pub(super) enum Deed {
    /// They gave a command.
    Command(Command, Invoker),
    /// They pressed a button of ours.
    Pressed { by: UserId, action: ButtonAction },
    /// They sent the form for an e-mail address. `typed` is what they typed.
    Address { by: UserId, prompt: PromptId, typed: Secret },
    /// They used something that this version does not know.
    Unknown(Unknown),
}

/// Something that is not known here (any more).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    Command,
    Button,
    Form,
    /// A form of ours, in which the field can't be found.
    Field,
}

/// An interaction can't be read. `what` names the part, never its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an interaction can't be read: {what}")]
pub(super) struct Unreadable {
    what: &'static str,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: u8,
    token: String,
    guild_id: Option<GuildId>,
    member: Option<Member>,
    user: Option<User>,
}

#[derive(Deserialize)]
struct Member {
    user: User,
    permissions: Option<String>,
}

#[derive(Deserialize)]
struct User {
    id: UserId,
}

/// Reads an interaction. None: it wants no answer from us (a ping, a completion).
pub(super) fn parse(json: &Value) -> Result<Option<Interaction>, Unreadable> {
    let head = Head::deserialize(json).map_err(|_| Unreadable { what: "the envelope" })?;
    let number = |name: &'static str| {
        let text = json.get(name).and_then(Value::as_str);
        text.and_then(|text| text.parse().ok()).ok_or(Unreadable { what: name })
    };
    let person = match (&head.member, &head.user) {
        (Some(Member { user, .. }), _) | (None, Some(user)) => user.id,
        (None, None) => return Err(Unreadable { what: "the person" }),
    };
    let data = json.get("data").unwrap_or(&Value::Null);
    let deed = match head.kind {
        2 => match command(data) {
            Some(command) => Deed::Command(command, invoker(person, &head)),
            None => Deed::Unknown(Unknown::Command),
        },
        3 => match custom_id(data) {
            Some(CustomId::Answer(prompt)) => {
                Deed::Pressed { by: person, action: ButtonAction::Answer(prompt) }
            }
            Some(CustomId::Inbox) => Deed::Pressed { by: person, action: ButtonAction::Inbox },
            Some(CustomId::Address(_)) | None => Deed::Unknown(Unknown::Button),
        },
        5 => match (custom_id(data), typed(data)) {
            (Some(CustomId::Address(prompt)), Some(typed)) => {
                Deed::Address { by: person, prompt, typed: Secret::new(typed) }
            }
            (Some(CustomId::Address(_)), None) => Deed::Unknown(Unknown::Field),
            _ => Deed::Unknown(Unknown::Form),
        },
        1 | 4 => return Ok(None),
        _ => return Err(Unreadable { what: "the type" }),
    };
    let token = Secret::new(head.token);
    Ok(Some(Interaction { id: number("id")?, application: number("application_id")?, token, deed }))
}

fn invoker(user: UserId, head: &Head) -> Invoker {
    let permissions = head.member.as_ref().and_then(|member| member.permissions.as_deref());
    let permissions: u64 = permissions.and_then(|text| text.parse().ok()).unwrap_or(0);
    let administrator = head.guild_id.is_some() && permissions & ADMINISTRATIVE != 0;
    Invoker { user, guild: head.guild_id, administrator }
}

fn custom_id(data: &Value) -> Option<CustomId> {
    CustomId::parse(data.get("custom_id")?.as_str()?)
}

fn command(data: &Value) -> Option<Command> {
    let name = data.get("name")?.as_str()?;
    let first = |of: &'_ Value| of.get("options")?.as_array()?.first().cloned();
    let mut sub = first(data)?;
    let mut path = sub.get("name")?.as_str()?.to_owned();
    if sub.get("type").and_then(Value::as_u64) == Some(SUB_COMMAND_GROUP) {
        sub = first(&sub)?;
        path = format!("{path} {}", sub.get("name")?.as_str()?);
    }
    let option = |name: &str| {
        let options = sub.get("options")?.as_array()?;
        let option = options.iter().find(|option| option.get("name").is_some_and(|is| is == name))?;
        option.get("value")?.as_str()
    };
    let email = option("email").map(str::to_owned);
    let member = match option("member") {
        // An id that can't be read is no command without a member.
        Some(text) => Some(text.parse().ok()?),
        None => None,
    };
    match (name, path.as_str()) {
        (PLEX, "invite") => Some(Command::Invite { email: email?, member }),
        (PLEX, "remove") => Some(Command::Remove { email: email? }),
        (PLEX, "link") => Some(Command::Link { email }),
        (ROLARR, "sync") => Some(Command::Sync),
        (ROLARR, "approve") => Some(Command::Approve { member }),
        (ROLARR, "policy reload") => Some(Command::ReloadPolicy),
        (ROLARR, "policy rollback") => {
            Some(Command::RollBackPolicy { to: option("policy").map(str::to_owned) })
        }
        (ROLARR, "reject") => Some(Command::Reject { member }),
        _ => None,
    }
}

/// What stands in the form's field: in a row (`components`), or in a label (`component`).
fn typed(data: &Value) -> Option<&str> {
    let rows = data.get("components")?.as_array()?;
    let fields = rows.iter().flat_map(|row| {
        let in_row = row.get("components").and_then(Value::as_array).into_iter().flatten();
        in_row.chain(row.get("component"))
    });
    let mut ours = fields.filter(|field| field.get("custom_id").is_some_and(|id| id == ADDRESS_FIELD));
    ours.next()?.get("value")?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn interaction(kind: u8, data: Value) -> Value {
        json!({
            "id": "900000001", "application_id": "900000002", "type": kind, "token": "t", "version": 1,
            "guild_id": "1", "channel_id": "2", "data": data,
            "member": {"user": {"id": "7", "username": "ann"}, "roles": [], "permissions": "32"},
        })
    }

    fn deed(json: &Value) -> Deed {
        parse(json).unwrap().unwrap().deed
    }

    fn plex(sub: &str, options: Value) -> Value {
        json!({"id": "1", "name": "plex", "type": 1, "options": [{"name": sub, "type": 1, "options": options}]})
    }

    #[test]
    fn an_administrator_invites_an_address_for_a_member() {
        let options = json!([{"name": "member", "type": 6, "value": "8"},
                             {"name": "email", "type": 3, "value": "ann@example.org"}]);
        let Deed::Command(command, by) = deed(&interaction(2, plex("invite", options))) else { panic!() };
        assert_eq!(command, Command::Invite { email: "ann@example.org".to_owned(), member: Some(UserId(8)) });
        assert_eq!(by, Invoker { user: UserId(7), guild: Some(GuildId(1)), administrator: true });
    }

    #[test]
    fn the_commands_for_the_policy_stand_in_a_group() {
        let rolarr = |sub: &str, options: Value| {
            let inner = json!([{"name": sub, "type": 1, "options": options}]);
            json!({"id": "1", "name": "rolarr", "type": 1,
                   "options": [{"name": "policy", "type": 2, "options": inner}]})
        };
        let given = |data: Value| match deed(&interaction(2, data)) {
            Deed::Command(command, _) => Some(command),
            _ => None,
        };
        assert_eq!(given(rolarr("reload", json!([]))), Some(Command::ReloadPolicy));
        let named = rolarr("rollback", json!([{"name": "policy", "type": 3, "value": "tiers"}]));
        assert_eq!(given(named), Some(Command::RollBackPolicy { to: Some("tiers".to_owned()) }));
        assert_eq!(given(rolarr("rollback", json!([]))), Some(Command::RollBackPolicy { to: None }));
        assert_eq!(given(rolarr("approve", json!([]))), None);
        let empty = json!({"name": "rolarr", "options": [{"name": "policy", "type": 2, "options": []}]});
        assert_eq!(given(empty), None);
    }

    #[test]
    fn who_may_not_manage_the_guild_is_no_administrator() {
        for permissions in [json!("0"), json!("16"), json!("x"), json!(null), json!("-1"), json!("")] {
            let mut json =
                interaction(2, plex("remove", json!([{"name": "email", "value": "a@example.org"}])));
            json["member"]["permissions"] = permissions.clone();
            let Deed::Command(_, by) = deed(&json) else { panic!() };
            assert!(!by.administrator, "{permissions}");
        }
    }

    #[test]
    fn somebody_who_may_do_everything_is_an_administrator() {
        let mut json = interaction(2, plex("link", json!([])));
        json["member"]["permissions"] = json!("8");
        let Deed::Command(_, by) = deed(&json) else { panic!() };
        assert!(by.administrator);
    }

    #[test]
    fn a_direct_message_has_no_administrators() {
        let mut json = interaction(2, plex("link", json!([])));
        let fields = json.as_object_mut().unwrap();
        fields.remove("guild_id");
        fields.remove("member");
        fields.insert("user".to_owned(), json!({"id": "7", "username": "ann"}));
        let Deed::Command(command, by) = deed(&json) else { panic!() };
        assert_eq!(command, Command::Link { email: None });
        assert_eq!(by, Invoker { user: UserId(7), guild: None, administrator: false });
    }

    #[test]
    fn buttons_carry_what_they_mean() {
        let press = |id: &str| deed(&interaction(3, json!({"custom_id": id, "component_type": 2})));
        assert!(matches!(
            press("prompt:5"),
            Deed::Pressed { by: UserId(7), action: ButtonAction::Answer(PromptId(5)) }
        ));
        assert!(matches!(press("inbox"), Deed::Pressed { action: ButtonAction::Inbox, .. }));
        assert!(matches!(press("vote:yes"), Deed::Unknown(Unknown::Button)));
        assert!(matches!(press("address:5"), Deed::Unknown(Unknown::Button)));
    }

    #[test]
    fn the_form_is_read_in_both_of_its_shapes() {
        let field = json!({"type": 4, "custom_id": "email", "value": "ann@example.org"});
        for row in [json!({"type": 1, "components": [field]}), json!({"type": 18, "component": field})] {
            let json = interaction(5, json!({"custom_id": "address:5", "components": [row]}));
            let Deed::Address { by, prompt, typed } = deed(&json) else { panic!() };
            assert_eq!((by, prompt, typed.expose()), (UserId(7), PromptId(5), "ann@example.org"));
        }
    }

    #[test]
    fn forms_and_commands_of_others_are_unknown() {
        for data in [json!({}), json!({"custom_id": "vote:5"}), json!({"custom_id": "x", "components": []})] {
            assert!(matches!(deed(&interaction(5, data)), Deed::Unknown(Unknown::Form)));
        }
        let empty = json!({"custom_id": "address:5", "components": [{"type": 18}]});
        assert!(matches!(deed(&interaction(5, empty)), Deed::Unknown(Unknown::Field)));
        for data in [
            json!(null),
            json!({"name": "ban"}),
            json!({"name": "plex"}),
            plex("dance", json!([])),
            plex("invite", json!([])),
            plex("invite", json!([{"name": "email", "value": "a"}, {"name": "member", "value": "x"}])),
            plex("remove", json!([{"name": "email", "value": 5}])),
        ] {
            assert!(matches!(deed(&interaction(2, data)), Deed::Unknown(Unknown::Command)));
        }
    }

    #[test]
    fn garbage_is_an_error_that_repeats_nothing() {
        for json in [
            json!(null),
            json!([]),
            json!({"type": 2}),
            json!({"type": "2", "token": "secret"}),
            json!({"type": 2, "token": "secret", "user": {"id": "x"}}),
            json!({"type": 2, "token": "secret", "id": "1", "application_id": "1"}),
            json!({"type": 2, "token": "secret", "id": "one", "application_id": "1", "user": {"id": "7"}}),
            json!({"type": 99, "token": "secret", "id": "1", "application_id": "1", "user": {"id": "7"}}),
        ] {
            let Err(error) = parse(&json) else { panic!("{json}") };
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[test]
    fn pings_and_completions_want_no_answer() {
        for kind in [1, 4] {
            assert!(parse(&interaction(kind, json!({}))).unwrap().is_none());
        }
    }
}
