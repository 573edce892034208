//! The application, its bot, and its slash commands.

use serde_json::{Value, json};

use super::{Answer, ApiError, id};
use crate::{
    discord::{ApplicationId, CommandId, DiscordSim, GuildId, UserId, render::with},
    http::Response,
};

/// How many slash commands an application may have, globally and in each guild.
const MOST_COMMANDS: usize = 100;

impl DiscordSim {
    /// The application's flags: which privileged intents its portal has switched on, as those of an
    /// application that needs no approval for them.
    pub(in crate::discord) fn application_flags(&self) -> u64 {
        let switches = [
            (self.application.presence_intent, 1 << 13),
            (self.application.members_intent, 1 << 15),
            (self.application.content_intent, 1 << 19),
        ];
        switches.iter().filter(|(on, _)| *on).fold(0, |flags, (_, bit)| flags | bit)
    }

    pub(super) fn current_user(&self) -> Response {
        let bot = self.user_json(self.application.bot);
        let bot = with(with(with(bot, "verified", true), "mfa_enabled", false), "email", Value::Null);
        Response::json(200, &with(with(bot, "locale", "en-US"), "premium_type", 0))
    }

    pub(super) fn get_user(&self, user: &str) -> Answer {
        let user: UserId = id(user)?;
        if !self.users.contains_key(&user) {
            return Err(ApiError::new(404, 10_013, "Unknown User"));
        }
        Ok(Response::json(200, &self.user_json(user)))
    }

    pub(super) fn current_application(&self) -> Response {
        let owner = json!({"id": "1", "username": "maintainer", "discriminator": "0", "avatar": null});
        let application = json!({
            "id": self.application.id,
            "name": "Rolarr",
            "icon": null,
            "description": "",
            "summary": "",
            "bot_public": false,
            "bot_require_code_grant": false,
            "verify_key": "0".repeat(64),
            "owner": owner,
            "team": null,
            "flags": self.application_flags(),
            "bot": self.user_json(self.application.bot),
            "hook": true,
            "type": null,
            "approximate_guild_count": self.guilds.len(),
            "interactions_endpoint_url": null,
            "redirect_uris": [],
            "integration_types_config": {"0": {}},
        });
        Response::json(200, &application)
    }

    /// Whose commands they are.
    fn command_scope(&self, app: &str, guild: Option<&str>) -> Result<Option<GuildId>, ApiError> {
        if id::<ApplicationId>(app)? != self.application.id {
            return Err(ApiError::new(
                403,
                20_012,
                "You are not authorized to perform this action on this application",
            ));
        }
        let Some(guild) = guild else { return Ok(None) };
        let guild: GuildId = id(guild)?;
        let known = self.guilds.get(&guild);
        let inside = known.is_some_and(|guild| guild.members.contains_key(&self.application.bot));
        if inside { Ok(Some(guild)) } else { Err(ApiError::missing_access()) }
    }

    pub(super) fn get_commands(&self, app: &str, guild: Option<&str>) -> Answer {
        let scope = self.command_scope(app, guild)?;
        let commands = self.commands.get(&scope).cloned().unwrap_or_default();
        Ok(Response::json(200, &Value::from(commands)))
    }

    /// Replaces all commands. Those whose name was there before keep their id.
    pub(super) fn put_commands(
        &mut self,
        now_ms: u64,
        app: &str,
        guild: Option<&str>,
        body: &Value,
    ) -> Answer {
        let scope = self.command_scope(app, guild)?;
        let given = body
            .as_array()
            .ok_or_else(|| ApiError::form("_", "LIST_TYPE_CONVERT", "Only iterables may be used."))?;
        if given.len() > MOST_COMMANDS {
            return Err(ApiError::new(400, 30_032, "Maximum number of application commands reached (100)."));
        }
        let mut registered = Vec::with_capacity(given.len());
        for command in given {
            check_command(command, 0)?;
            if registered.iter().any(|other: &Value| other["name"] == command["name"]) {
                let message = "Application command names must be unique";
                return Err(ApiError::form("name", "APPLICATION_COMMANDS_DUPLICATE_NAME", message));
            }
            registered.push(self.register(now_ms, scope, command));
        }
        self.commands.insert(scope, registered.clone());
        Ok(Response::json(200, &Value::from(registered)))
    }

    fn register(&mut self, now_ms: u64, scope: Option<GuildId>, given: &Value) -> Value {
        let before = self.commands.get(&scope).into_iter().flatten().find(|old| old["name"] == given["name"]);
        let id = match before.and_then(|old| old["id"].as_str()?.parse().ok()) {
            Some(id) => id,
            None => CommandId(self.ids.next(now_ms)),
        };
        let version = self.ids.next(now_ms).to_string();
        let or_else = |name: &str, otherwise: Value| match &given[name] {
            Value::Null => otherwise,
            value => value.clone(),
        };
        // Discord writes the bits as a string, and takes numbers too.
        let permissions = match &given["default_member_permissions"] {
            Value::Number(bits) => Value::from(bits.to_string()),
            other => other.clone(),
        };
        let mut command = json!({
            "id": id,
            "application_id": self.application.id,
            "version": version,
            "type": or_else("type", Value::from(1)),
            "name": given["name"],
            "name_localizations": given["name_localizations"],
            "description": or_else("description", Value::from("")),
            "description_localizations": given["description_localizations"],
            "options": or_else("options", Value::Array(Vec::new())),
            "default_member_permissions": permissions,
            "dm_permission": or_else("dm_permission", Value::from(true)),
            "contexts": given["contexts"],
            "integration_types": or_else("integration_types", json!([0])),
            "nsfw": or_else("nsfw", Value::from(false)),
        });
        if let Some(guild) = scope {
            command = with(command, "guild_id", guild.to_string());
        }
        command
    }
}

/// Names, descriptions and the number of options, down to the options of subcommands.
fn check_command(command: &Value, depth: usize) -> Result<(), ApiError> {
    let name = command["name"].as_str().unwrap_or_default();
    let chat = depth > 0 || matches!(command["type"].as_u64(), None | Some(1));
    let allowed = |c: char| c == '-' || c == '_' || c == '\'' || (c.is_alphanumeric() && !c.is_uppercase());
    let length = name.chars().count();
    if !(1..=32).contains(&length) || (chat && !name.chars().all(allowed)) {
        let message = format!("Command name is invalid: {name}");
        return Err(ApiError::form("name", "APPLICATION_COMMAND_INVALID_NAME", &message));
    }
    let description = command["description"].as_str().unwrap_or_default().chars().count();
    if chat && !(1..=100).contains(&description) {
        return Err(ApiError::form(
            "description",
            "BASE_TYPE_BAD_LENGTH",
            "Must be between 1 and 100 in length.",
        ));
    }
    let options = command["options"].as_array().map(Vec::as_slice).unwrap_or_default();
    // A command, a group, a subcommand, and what that takes.
    if options.len() > 25 || depth > 3 {
        return Err(ApiError::form("options", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length."));
    }
    let mut optional = false;
    for option in options {
        let kind = option["type"].as_u64().unwrap_or_default();
        if !(1..=11).contains(&kind) {
            return Err(ApiError::form("options", "BASE_TYPE_CHOICES", "Value must be one of {1, ..., 11}."));
        }
        let required = option["required"] == true;
        if required && optional {
            let message = "Required options must be placed before non-required options";
            return Err(ApiError::form("options", "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message));
        }
        optional |= !required;
        check_command(option, depth + 1)?;
    }
    Ok(())
}
