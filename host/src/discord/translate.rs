//! From serenity's events to what the pipeline understands.

use serde::Deserialize;
use serde_json::Value;
use serenity::model::{
    application::Interaction as SerenityInteraction,
    channel::Message,
    event::{Event, UnknownEvent},
    guild::Member,
};

use super::{
    interaction::{self, Interaction},
    limiter::seconds,
    link::{Bot, Chunk},
    wire::{self, snapshot},
};
use crate::{
    domain::{ChannelId, GuildId, RoleId, Secret, UserId},
    pipeline::ports::{DiscordError, GatewayNews, GuildRole, Hint, Said, Snapshot},
};

/// What an event comes to.
pub(super) enum Translated {
    /// A session began.
    Ready(Bot),
    /// A member may have changed.
    Hint(Hint),
    /// Something else happened.
    News(GatewayNews),
    /// A person did something and waits for an answer.
    Asked(Asked),
    /// A part of the answer to a question of ours.
    Chunk(Chunk),
    /// Discord limited a request of ours on the gateway.
    Limited { nonce: Option<String>, error: DiscordError },
}

/// A person waits for an answer.
pub(super) enum Asked {
    /// They used a command, a button or a form.
    Interaction(Interaction),
    /// They wrote a direct message to the bot. `typed` is its text.
    DirectMessage { id: u64, from: UserId, channel: ChannelId, typed: Secret },
}

/// Whether a frame of the gateway, with its event's name as `t` and its content as `d`, is an event and comes to
/// something for the pipeline. This is what a session does with a frame, for those who want to know what becomes
/// of one that Discord would not send.
#[must_use]
pub fn understands(frame: &str) -> bool {
    serde_json::from_str(frame).ok().and_then(translate).is_some()
}

/// What an event comes to. None: it is nothing to us.
pub(super) fn translate(event: Event) -> Option<Translated> {
    let news = match event {
        Event::Ready(event) => {
            let bot = Bot {
                user: UserId(event.ready.user.id.get()),
                application: event.ready.application.id.get(),
            };
            return Some(Translated::Ready(bot));
        }
        Event::GuildCreate(event) => GatewayNews::GuildAvailable(GuildId(event.guild.id.get())),
        Event::GuildDelete(event) => {
            let guild = GuildId(event.guild.id.get());
            if event.guild.unavailable {
                GatewayNews::GuildUnavailable(guild)
            } else {
                GatewayNews::GuildGone(guild)
            }
        }
        Event::GuildRoleUpdate(event) => {
            let role = GuildRole { id: RoleId(event.role.id.get()), name: event.role.name };
            GatewayNews::RoleChanged(GuildId(event.role.guild_id.get()), role)
        }
        Event::GuildRoleDelete(event) => {
            GatewayNews::RoleDeleted(GuildId(event.guild_id.get()), RoleId(event.role_id.get()))
        }
        Event::GuildMemberAdd(event) => {
            let guild = GuildId(event.member.guild_id.get());
            return hint(guild, member(event.member));
        }
        Event::GuildMemberUpdate(event) => {
            let roles = event.roles.iter().map(|role| RoleId(role.get())).collect();
            let user = event.user;
            let id = UserId(user.id.get());
            let seen = snapshot(id, user.name, roles, Some(event.joined_at), event.pending, user.bot);
            return hint(GuildId(event.guild_id.get()), seen);
        }
        Event::GuildMemberRemove(event) => {
            let (guild, user) = (GuildId(event.guild_id.get()), UserId(event.user.id.get()));
            return (!event.user.bot).then_some(Translated::Hint(Hint { guild, user, said: Said::Left }));
        }
        Event::GuildMembersChunk(event) => {
            return Some(Translated::Chunk(Chunk {
                nonce: event.nonce?,
                guild: GuildId(event.guild_id.get()),
                index: event.chunk_index,
                count: event.chunk_count,
                members: event.members.into_values().map(member).collect(),
                not_found: event.not_found.iter().map(|id| UserId(id.get())).collect(),
            }));
        }
        Event::InteractionCreate(event) => return interaction(&event.interaction),
        Event::MessageCreate(event) => return direct_message(event.message),
        Event::Unknown(event) => return unknown(&event),
        _ => return None,
    };
    Some(Translated::News(news))
}

fn member(member: Member) -> Snapshot {
    let roles = member.roles.iter().map(|role| RoleId(role.get())).collect();
    let user = member.user;
    snapshot(UserId(user.id.get()), user.name, roles, member.joined_at, member.pending, user.bot)
}

fn hint(guild: GuildId, seen: Snapshot) -> Option<Translated> {
    (!seen.bot).then_some(Translated::Hint(Hint { guild, user: seen.user, said: Said::Member(seen) }))
}

fn interaction(interaction: &SerenityInteraction) -> Option<Translated> {
    // serenity leaves the type out when it writes an interaction.
    let kind = match interaction {
        SerenityInteraction::Command(_) => 2,
        SerenityInteraction::Component(_) => 3,
        SerenityInteraction::Modal(_) => 5,
        _ => return None,
    };
    let mut json = serde_json::to_value(interaction).unwrap_or_default();
    if let Value::Object(fields) = &mut json {
        fields.insert("type".to_owned(), kind.into());
    }
    asked(&json)
}

fn asked(json: &Value) -> Option<Translated> {
    match interaction::parse(json) {
        Ok(interaction) => interaction.map(|interaction| Translated::Asked(Asked::Interaction(interaction))),
        Err(error) => Some(gap(error.to_string())),
    }
}

fn direct_message(message: Message) -> Option<Translated> {
    if message.guild_id.is_some() || message.author.bot || message.webhook_id.is_some() {
        return None;
    }
    Some(Translated::Asked(Asked::DirectMessage {
        id: message.id.get(),
        from: UserId(message.author.id.get()),
        channel: ChannelId(message.channel_id.get()),
        typed: Secret::new(message.content),
    }))
}

fn gap(what: impl Into<String>) -> Translated {
    Translated::News(GatewayNews::Gap(what.into()))
}

/// An event that serenity has no type for, or a known one with a field that it did not expect. What can be
/// told of it without doubt is told; its content is never shown.
fn unknown(event: &UnknownEvent) -> Option<Translated> {
    let data = &event.value;
    let unreadable = || gap(format!("an event `{}` can't be read", known(&event.kind)));
    match event.kind.as_str() {
        "GUILD_MEMBER_ADD" | "GUILD_MEMBER_UPDATE" | "GUILD_MEMBER_REMOVE" => {
            let user = data.get("user");
            if user.and_then(|user| user.get("bot")) == Some(&Value::Bool(true)) {
                return None;
            }
            let (guild, user) = (id(data, "guild_id"), user.and_then(|user| id(user, "id")));
            let (Some(guild), Some(user)) = (guild, user) else { return Some(unreadable()) };
            let said = match event.kind.as_str() {
                "GUILD_MEMBER_REMOVE" => Said::Left,
                _ => raw_member(data).filter(|seen| seen.user.0 == user).map_or(Said::Unclear, Said::Member),
            };
            Some(Translated::Hint(Hint { guild: GuildId(guild), user: UserId(user), said }))
        }
        "GUILD_CREATE" | "GUILD_DELETE" => {
            let Some(guild) = id(data, "id").map(GuildId) else { return Some(unreadable()) };
            let unavailable = match data.get("unavailable") {
                None | Some(Value::Bool(false)) => false,
                Some(Value::Bool(true)) => true,
                // Whether nobody left or everybody did hangs on this field.
                Some(_) => return Some(unreadable()),
            };
            Some(Translated::News(match (event.kind.as_str(), unavailable) {
                (_, true) => GatewayNews::GuildUnavailable(guild),
                ("GUILD_CREATE", false) => GatewayNews::GuildAvailable(guild),
                (_, false) => GatewayNews::GuildGone(guild),
            }))
        }
        "GUILD_ROLE_DELETE" => {
            let (Some(guild), Some(role)) = (id(data, "guild_id"), id(data, "role_id")) else {
                return Some(unreadable());
            };
            Some(Translated::News(GatewayNews::RoleDeleted(GuildId(guild), RoleId(role))))
        }
        "GUILD_ROLE_UPDATE" => {
            let role = data.get("role").unwrap_or(&Value::Null);
            let name = role.get("name").and_then(Value::as_str);
            let (Some(guild), Some(id), Some(name)) = (id(data, "guild_id"), id(role, "id"), name) else {
                return Some(unreadable());
            };
            let role = GuildRole { id: RoleId(id), name: name.to_owned() };
            Some(Translated::News(GatewayNews::RoleChanged(GuildId(guild), role)))
        }
        "INTERACTION_CREATE" => asked(data),
        "MESSAGE_CREATE" => {
            let author = data.get("author").unwrap_or(&Value::Null);
            let content = data.get("content").and_then(Value::as_str);
            let ids = (id(data, "id"), id(author, "id"), id(data, "channel_id"));
            let ((Some(id), Some(from), Some(channel)), Some(content)) = (ids, content) else {
                return Some(unreadable());
            };
            let lacks = |name: &str| data.get(name).is_none_or(Value::is_null);
            let ours =
                lacks("guild_id") && lacks("webhook_id") && author.get("bot") != Some(&Value::Bool(true));
            let (from, channel, typed) = (UserId(from), ChannelId(channel), Secret::new(content));
            ours.then_some(Translated::Asked(Asked::DirectMessage { id, from, channel, typed }))
        }
        "RATE_LIMITED" => {
            let wait = data.get("retry_after").and_then(Value::as_f64).and_then(seconds).unwrap_or_default();
            let nonce = data.get("meta").and_then(|meta| meta.get("nonce")).and_then(Value::as_str);
            let error = DiscordError::RateLimited { retry_after: wait };
            Some(Translated::Limited { nonce: nonce.map(str::to_owned), error })
        }
        "READY" => {
            let own = |name: &str| id(data.get(name)?, "id");
            let (Some(user), Some(application)) = (own("user"), own("application")) else {
                return Some(unreadable());
            };
            Some(Translated::Ready(Bot { user: UserId(user), application }))
        }
        "GUILD_MEMBERS_CHUNK" => Some(chunk(data).map_or_else(unreadable, Translated::Chunk)),
        // A new role is tracked only once it stands in the configuration.
        "GUILD_ROLE_CREATE" => None,
        _ => None,
    }
}

/// A member as an event describes them, read by the fields that count alone. None if one of these is missing.
fn raw_member(data: &Value) -> Option<Snapshot> {
    wire::Member::deserialize(data).ok().map(Snapshot::from)
}

/// A part of the answer to a question of ours. A member in it who can't be read is left out: whoever asked finds nothing
/// about them, and learns nothing wrong.
fn chunk(data: &Value) -> Option<Chunk> {
    let number = |name: &str| u32::try_from(data.get(name)?.as_u64()?).ok();
    let list = |name: &str| data.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let not_found = |id: &Value| match id {
        Value::String(text) => text.parse().ok().map(UserId),
        Value::Number(number) => number.as_u64().map(UserId),
        _ => None,
    };
    Some(Chunk {
        nonce: data.get("nonce")?.as_str()?.to_owned(),
        guild: GuildId(id(data, "guild_id")?),
        index: number("chunk_index")?,
        count: number("chunk_count")?,
        members: data.get("members")?.as_array()?.iter().filter_map(raw_member).collect(),
        not_found: list("not_found").iter().map(not_found).collect::<Option<_>>()?,
    })
}

/// The name of an event as text that is safe to show.
fn known(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_uppercase() || *c == '_').take(40).collect()
}

/// An id: decimal text, not zero.
fn id(data: &Value, name: &str) -> Option<u64> {
    data.get(name)?.as_str()?.parse().ok().filter(|id| *id != 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::Timestamp;

    fn event(name: &str, data: Value) -> Option<Translated> {
        translate(serde_json::from_value(json!({"t": name, "d": data})).unwrap())
    }

    fn user(bot: bool) -> Value {
        json!({"id": "7", "username": "ann", "discriminator": "0", "avatar": null, "bot": bot})
    }

    fn update(bot: bool, joined_at: Value) -> Value {
        json!({"guild_id": "1", "user": user(bot), "roles": ["3", "2"], "joined_at": joined_at, "nick": null,
               "premium_since": null, "avatar": null, "pending": false, "flags": 0})
    }

    #[test]
    fn a_member_update_is_a_hint_with_all_roles() {
        let Some(Translated::Hint(hint)) =
            event("GUILD_MEMBER_UPDATE", update(false, json!("1970-01-01T00:00:01Z")))
        else {
            panic!()
        };
        let Said::Member(seen) = hint.said else { panic!() };
        assert_eq!((hint.guild, hint.user), (GuildId(1), UserId(7)));
        assert_eq!(seen.roles, [RoleId(2), RoleId(3)]);
        assert_eq!(seen.joined_at, Some(Timestamp(1_000)));
    }

    #[test]
    fn bots_are_not_hinted() {
        assert!(event("GUILD_MEMBER_UPDATE", update(true, json!("1970-01-01T00:00:01Z"))).is_none());
        assert!(event("GUILD_MEMBER_UPDATE", update(true, Value::Null)).is_none());
        assert!(event("GUILD_MEMBER_REMOVE", json!({"guild_id": "1", "user": user(true)})).is_none());
    }

    #[test]
    fn a_leaver_is_a_hint() {
        let left = event("GUILD_MEMBER_REMOVE", json!({"guild_id": "1", "user": user(false)}));
        assert!(matches!(left, Some(Translated::Hint(Hint { said: Said::Left, user: UserId(7), .. }))));
    }

    #[test]
    fn a_member_update_with_an_odd_field_is_unclear() {
        let mut odd = update(false, Value::Null);
        odd["roles"] = json!([3, "2"]);
        let unclear = event("GUILD_MEMBER_UPDATE", odd);
        assert!(matches!(unclear, Some(Translated::Hint(Hint { said: Said::Unclear, user: UserId(7), .. }))));
    }

    #[test]
    fn only_the_fields_that_count_must_be_readable() {
        // serenity knows no flag of 44 bits.
        let odd = json!({"id": "7", "username": "ann", "flags": 1_u64 << 44, "public_flags": 1_u64 << 44,
                         "avatar": {"new": 1}, "bot": false});
        let member =
            json!({"guild_id": "1", "user": odd, "roles": ["3", "2"], "joined_at": "soon", "flags": -1});
        for name in ["GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE"] {
            let Some(Translated::Hint(hint)) = event(name, member.clone()) else { panic!("{name}") };
            let Said::Member(seen) = hint.said else { panic!("{name}: {:?}", hint.said) };
            assert_eq!((seen.user, seen.roles), (UserId(7), vec![RoleId(2), RoleId(3)]));
        }
        let left = event("GUILD_MEMBER_REMOVE", json!({"guild_id": "1", "user": odd}));
        assert!(matches!(left, Some(Translated::Hint(Hint { said: Said::Left, .. }))));
        let ready = json!({"v": 10, "user": odd, "application": {"id": "9", "flags": "many"}, "guilds": 5});
        let Some(Translated::Ready(bot)) = event("READY", ready) else { panic!() };
        assert_eq!((bot.user, bot.application), (UserId(7), 9));
        let chunk = json!({"guild_id": "1", "nonce": "n", "chunk_index": 0, "chunk_count": 1, "members": [member],
                           "not_found": ["8"], "presences": "none"});
        let Some(Translated::Chunk(chunk)) = event("GUILD_MEMBERS_CHUNK", chunk) else { panic!() };
        assert_eq!((chunk.members.len(), chunk.not_found), (1, vec![UserId(8)]));
        let mut message = json!({"id": "5", "channel_id": "2", "content": "ann@example.org", "type": 99});
        message["author"] = odd;
        let asked = event("MESSAGE_CREATE", message);
        assert!(matches!(asked, Some(Translated::Asked(Asked::DirectMessage { from: UserId(7), .. }))));
    }

    #[test]
    fn what_names_nobody_is_a_gap() {
        for data in [json!(null), json!({}), json!({"guild_id": "1", "user": {"id": 7}}), json!("x")] {
            for name in [
                "GUILD_MEMBER_ADD",
                "GUILD_MEMBER_UPDATE",
                "GUILD_MEMBER_REMOVE",
                "GUILD_ROLE_DELETE",
                "GUILD_ROLE_UPDATE",
                "GUILD_CREATE",
                "GUILD_DELETE",
                "READY",
                "GUILD_MEMBERS_CHUNK",
                "INTERACTION_CREATE",
                "MESSAGE_CREATE",
            ] {
                let gap = event(name, data.clone());
                assert!(matches!(gap, Some(Translated::News(GatewayNews::Gap(_)))), "{name} {data}");
            }
        }
    }

    #[test]
    fn an_outage_is_not_an_end() {
        let news = |data| match event("GUILD_DELETE", data) {
            Some(Translated::News(news)) => news,
            _ => panic!(),
        };
        assert_eq!(news(json!({"id": "1", "unavailable": true})), GatewayNews::GuildUnavailable(GuildId(1)));
        assert_eq!(news(json!({"id": "1"})), GatewayNews::GuildGone(GuildId(1)));
        assert!(matches!(news(json!({"id": "1", "unavailable": "maybe"})), GatewayNews::Gap(_)));
    }

    #[test]
    fn a_guild_that_serenity_can_not_read_is_available_all_the_same() {
        let guild = event("GUILD_CREATE", json!({"id": "1", "name": "x", "roles": [{"id": "2"}]}));
        assert!(matches!(guild, Some(Translated::News(GatewayNews::GuildAvailable(GuildId(1))))));
    }

    #[test]
    fn a_limit_on_the_gateway_names_its_question() {
        let data = json!({"opcode": 8, "retry_after": 12.5, "meta": {"guild_id": "1", "nonce": "n"}});
        let Some(Translated::Limited { nonce, error }) = event("RATE_LIMITED", data) else { panic!() };
        assert_eq!(nonce.as_deref(), Some("n"));
        let retry_after = std::time::Duration::from_millis(12_500);
        assert_eq!(error, DiscordError::RateLimited { retry_after });
    }

    #[test]
    fn events_that_are_nothing_to_us_are_nothing() {
        assert!(event("SOMETHING_NEW", json!({"a": 1})).is_none());
        assert!(event("TYPING_START", json!({"a": 1})).is_none());
    }

    #[test]
    fn a_command_is_read_through_serenity_and_past_it() {
        let mut json = json!({
            "id": "5", "application_id": "6", "type": 2, "token": "t", "version": 1, "guild_id": "1",
            "channel_id": "2", "locale": "en-US", "entitlements": [], "attachment_size_limit": 1,
            "member": {"user": user(false), "roles": [], "permissions": "32", "deaf": false, "mute": false,
                       "flags": 0, "joined_at": "1970-01-01T00:00:01Z"},
            "data": {"id": "9", "name": "plex", "type": 1, "options": [
                {"name": "link", "type": 1, "options": [{"name": "email", "type": 3, "value": "a@example.org"}]}]},
        });
        for known_to_serenity in [true, false] {
            if !known_to_serenity {
                json.as_object_mut().unwrap().remove("locale");
            }
            let known: Event = serde_json::from_value(json!({"t": "INTERACTION_CREATE", "d": json})).unwrap();
            assert_eq!(matches!(known, Event::InteractionCreate(_)), known_to_serenity);
            let Some(Translated::Asked(Asked::Interaction(asked))) = translate(known) else { panic!() };
            let interaction::Deed::Command(command, by) = asked.deed else { panic!() };
            assert_eq!(
                command,
                crate::pipeline::ports::Command::Link { email: Some("a@example.org".into()) }
            );
            assert!(by.administrator);
        }
    }

    /// A form that was sent, with its field in this component.
    fn form(component: &Value) -> Value {
        json!({
            "id": "5", "application_id": "6", "type": 5, "token": "t", "version": 1, "channel_id": "2",
            "user": user(false), "locale": "en-US", "entitlements": [], "attachment_size_limit": 1,
            "data": {"custom_id": "address:9", "components": [component]},
        })
    }

    #[test]
    fn a_form_is_read_in_rows_and_in_labels_where_serenity_leaves_them_in() {
        let field = json!({"type": 4, "id": 2, "custom_id": "email", "value": "a@example.org"});
        let row = json!({"type": 1, "id": 1, "components": [field]});
        let label = json!({"type": 18, "id": 1, "component": field});
        for (component, known_to_serenity) in [(&row, true), (&row, false), (&label, false)] {
            let mut json = form(component);
            if !known_to_serenity {
                json.as_object_mut().unwrap().remove("locale");
            }
            let Some(Translated::Asked(Asked::Interaction(asked))) = event("INTERACTION_CREATE", json) else {
                panic!()
            };
            let interaction::Deed::Address { prompt, typed, .. } = asked.deed else { panic!("{component}") };
            assert_eq!((prompt.0, typed.expose()), (9, "a@example.org"));
        }
        // serenity knows no labels and drops what is in them: the person is told another way.
        let Some(Translated::Asked(Asked::Interaction(asked))) = event("INTERACTION_CREATE", form(&label))
        else {
            panic!()
        };
        assert!(matches!(asked.deed, interaction::Deed::Unknown(interaction::Unknown::Field)));
    }

    #[test]
    fn a_direct_message_of_a_person_is_for_us_and_others_are_not() {
        let message = json!({"id": "4", "channel_id": "5", "content": "x", "author": {"id": "7"}});
        let asked = event("MESSAGE_CREATE", message.clone());
        let Some(Translated::Asked(Asked::DirectMessage { id: 4, from, channel, typed })) = asked else {
            panic!()
        };
        assert_eq!((from, channel, typed.expose()), (UserId(7), ChannelId(5), "x"));
        for (field, value) in [("guild_id", json!("1")), ("webhook_id", json!("1"))] {
            let mut message = message.clone();
            message[field] = value;
            assert!(event("MESSAGE_CREATE", message).is_none(), "{field}");
        }
        let mut ours = message;
        ours["author"]["bot"] = json!(true);
        assert!(event("MESSAGE_CREATE", ours).is_none());
    }

    #[test]
    fn a_null_in_a_direct_message_is_a_field_that_is_missing() {
        let message = json!({"id": "4", "channel_id": "5", "content": "x", "guild_id": null, "webhook_id": null,
                             "author": {"id": "7", "bot": null}});
        let asked = event("MESSAGE_CREATE", message);
        assert!(matches!(asked, Some(Translated::Asked(Asked::DirectMessage { from: UserId(7), .. }))));
    }

    #[test]
    fn a_member_of_a_chunk_who_can_not_be_read_is_left_out_and_spoils_no_other() {
        let member = |id: &str, roles: Value| json!({"user": {"id": id, "username": "a", "bot": null}, "roles": roles});
        let chunk = json!({"guild_id": "1", "nonce": "n", "chunk_index": 0, "chunk_count": 1, "not_found": ["8"],
                           "members": [member("7", json!(["2"])), member("6", Value::Null), null]});
        let Some(Translated::Chunk(chunk)) = event("GUILD_MEMBERS_CHUNK", chunk) else { panic!() };
        assert_eq!(chunk.members.iter().map(|member| member.user).collect::<Vec<_>>(), [UserId(7)]);
        assert_eq!(chunk.not_found, [UserId(8)]);
    }

    #[test]
    fn the_name_of_an_event_can_not_carry_anything() {
        assert_eq!(known("GUILD_CREATE\u{1b}[31m\nann@example.org"), "GUILD_CREATE");
    }
}
