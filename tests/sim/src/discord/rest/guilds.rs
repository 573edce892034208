//! Guilds, their roles and their members.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Answer, ApiError, View, id};
use crate::{
    discord::{
        DiscordSim, GuildId, Member, Place, UserId,
        render::{role, with},
        world::Guild,
    },
    http::{Request, Response},
};

impl DiscordSim {
    /// A guild that the bot is in and that Discord can reach.
    fn seen_guild(&self, text: &str) -> Result<&Guild, ApiError> {
        let unknown = || ApiError::new(404, 10_004, "Unknown Guild");
        let guild = self.guilds.get(&id::<GuildId>(text)?).ok_or_else(unknown)?;
        if !guild.members.contains_key(&self.application.bot) {
            return Err(ApiError::missing_access());
        }
        if guild.available { Ok(guild) } else { Err(ApiError::outage()) }
    }

    pub(super) fn get_guild(&self, guild: &str, request: &Request) -> Answer {
        // Of a guild that the bot isn't in, not even this much is told.
        let guild = self.seen_guild(guild).map_err(|error| {
            if error == ApiError::missing_access() {
                ApiError::new(404, 10_004, "Unknown Guild")
            } else {
                error
            }
        })?;
        let mut object = self.guild_json(guild);
        if matches!(request.parameter("with_counts"), Some("true" | "True" | "1")) {
            object =
                with(object, "approximate_member_count", guild.shown_members.unwrap_or(guild.members.len()));
            object = with(object, "approximate_presence_count", 1);
        }
        Ok(Response::json(200, &object))
    }

    pub(super) fn get_roles(&self, guild: &str) -> Answer {
        let roles: Vec<Value> = self.seen_guild(guild)?.roles.values().map(role).collect();
        Ok(Response::json(200, &Value::from(roles)))
    }

    /// How many members each role has, without the role that everybody has.
    pub(super) fn get_role_counts(&self, guild: &str) -> Answer {
        let guild = self.seen_guild(guild)?;
        let counts: Map<String, Value> = guild
            .roles
            .keys()
            .filter(|role| role.0 != guild.id.0)
            .map(|role| {
                let held = guild.members.values().filter(|member| member.roles.contains(role)).count();
                (role.to_string(), Value::from(held))
            })
            .collect();
        Ok(Response::json(200, &Value::Object(counts)))
    }

    pub(super) fn get_channels(&self, guild: &str) -> Answer {
        let guild = self.seen_guild(guild)?.id;
        let seen = self.channels.values().filter(
            |channel| matches!(channel.place, Place::Guild { guild: of, bot_sees_it: true, .. } if of == guild),
        );
        let channels: Vec<Value> = seen.map(|channel| self.channel_json(channel)).collect();
        Ok(Response::json(200, &Value::from(channels)))
    }

    /// One page of members by rising id. It needs the portal's switch for members.
    pub(super) fn get_members(&self, guild: &str, request: &Request, view: View) -> Answer {
        let guild = self.seen_guild(guild)?;
        if !self.application.members_intent {
            return Err(ApiError::missing_access());
        }
        let number = |name: &str, otherwise: u64| match request.parameter(name) {
            None => Ok(otherwise),
            Some(text) => text.parse::<u64>().map_err(|_| {
                ApiError::form(name, "NUMBER_TYPE_COERCE", &format!("Value \"{text}\" is not a number."))
            }),
        };
        let (limit, after) = (number("limit", 1)?, number("after", 0)?);
        if !(1..=1000).contains(&limit) {
            let message = "int value should be between 1 and 1000.";
            return Err(ApiError::form("limit", "NUMBER_TYPE_MAX", message));
        }
        let from = UserId(after.saturating_add(1));
        let mut ids: BTreeSet<UserId> = BTreeSet::new();
        if view == View::Stale {
            ids.extend(guild.before.range(from..).map(|(id, _)| *id));
            ids.extend(guild.members.range(from..).map(|(id, _)| *id));
        } else {
            // The first page of a large guild does not go through all of it.
            let page = guild.members.range(from..).map(|(id, _)| *id);
            ids.extend(page.take(usize::try_from(limit).unwrap_or(1000)));
        }
        let page: Vec<Value> = ids
            .into_iter()
            .filter_map(|id| Some(shown(self.member_json(id, seen(guild, id, view)?), id, view)))
            .take(if view == View::Empty { 0 } else { usize::try_from(limit).unwrap_or(1000) })
            .step_by(if view == View::Short { 2 } else { 1 })
            .collect();
        Ok(Response::json(200, &Value::from(page)))
    }

    pub(super) fn get_member(&self, guild: &str, user: &str, view: View) -> Answer {
        let guild = self.seen_guild(guild)?;
        let user: UserId = id(user)?;
        if !self.users.contains_key(&user) {
            return Err(ApiError::new(404, 10_013, "Unknown User"));
        }
        let member = seen(guild, user, view).ok_or_else(|| ApiError::new(404, 10_007, "Unknown Member"))?;
        Ok(Response::json(200, &shown(self.member_json(user, member), user, view)))
    }

    pub(super) fn current_guilds(&self) -> Response {
        let bot = self.application.bot;
        let guilds: Vec<Value> = self
            .guilds
            .values()
            .filter(|guild| guild.members.contains_key(&bot))
            .map(|guild| {
                json!({
                    "id": guild.id,
                    "name": guild.name,
                    "icon": null,
                    "banner": null,
                    "owner": false,
                    "permissions": guild.permissions(bot).to_string(),
                    "features": [],
                })
            })
            .collect();
        Response::json(200, &Value::from(guilds))
    }
}

/// A member as they are shown.
fn shown(member: Value, user: UserId, view: View) -> Value {
    if view == View::Unreadable(user) { with(member, "roles", Value::Null) } else { member }
}

fn seen(guild: &Guild, user: UserId, view: View) -> Option<&Member> {
    let current = guild.members.get(&user);
    match (view, guild.before.get(&user)) {
        (View::Stale, Some(before)) => before.as_ref(),
        (View::Current | View::Short | View::Empty | View::Unreadable(_), _) | (View::Stale, None) => current,
    }
}
