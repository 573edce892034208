//! `rolarr-sim discord`: the simulator for programs in other languages.
//!
//! The first line on the standard output says where it listens and what is in its small world. Then each
//! line on the standard input is one JSON command, such as `{"do":"add-role","user":"…","role":"…"}`, and
//! each is answered with one line: `{"ok": …}` or `{"error": "…"}`. Ids are strings. At the end of the
//! input the program ends.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
    sync::{Arc, Mutex},
};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ChannelId, DirectMessages, DiscordServer, DiscordSim, Ending, EventFault, Impossible, InteractionId,
    Message, MessageId, OptionValue, RestFault, RoleId, Scene, UserId, now_ms, render::with,
};

/// A command. Everything happens in the one guild.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
enum Command {
    /// A new person, who joins the guild.
    CreateMember { name: String },
    /// This many new members at once.
    CreateMembers { count: u32 },
    /// A new role.
    CreateRole { name: String },
    /// A member gets a role.
    AddRole { user: UserId, role: RoleId },
    /// A member loses a role.
    RemoveRole { user: UserId, role: RoleId },
    /// A role is deleted.
    DeleteRole { role: RoleId },
    /// A role gets another name.
    RenameRole { role: RoleId, name: String },
    /// A member leaves.
    Leave { user: UserId },
    /// A person joins again.
    Join { user: UserId },
    /// A person takes direct messages or not.
    DirectMessages { user: UserId, open: bool },
    /// A person types a direct message to the bot.
    TypeDirectMessage { user: UserId, text: String },
    /// A person presses a button, given by the beginning of its `custom_id`.
    PressButton { user: UserId, message: MessageId, button: String },
    /// A person sends off the form that an interaction was answered with.
    SubmitModal { interaction: InteractionId, values: BTreeMap<String, String> },
    /// A person uses a slash command. Options that name a user come under `users`.
    Slash {
        user: UserId,
        channel: Option<ChannelId>,
        command: String,
        #[serde(default)]
        options: BTreeMap<String, String>,
        #[serde(default)]
        users: BTreeMap<String, UserId>,
    },
    /// The messages between the bot and a person.
    Messages { user: UserId },
    /// The messages in the guild's channel.
    ChannelMessages,
    /// How an interaction was answered.
    Interaction { interaction: InteractionId },
    /// The guild's commands and the global ones.
    Commands,
    /// Every request that was made.
    Requests,
    /// Connections and sessions.
    Gateway,
    /// Requests go wrong.
    FailRequests { fault: RestFault },
    /// Events go wrong.
    FailEvents { fault: EventFault },
    /// Nothing goes wrong any more.
    EndTrouble,
    /// The next connections are accepted and end at once.
    EndConnections { times: u32, ending: Ending },
    /// All connections break, or are closed with a code.
    Disconnect { code: Option<u16> },
    /// All clients are asked to connect again.
    AskToReconnect,
    /// All sessions are invalid.
    InvalidateSessions { resumable: bool },
    /// The guild can be reached or not.
    Available { available: bool },
}

/// Serves the small world until the standard input ends.
///
/// # Errors
/// If no port can be had, or the standard streams break.
pub async fn run() -> io::Result<()> {
    let (sim, scene) = Scene::new(now_ms()).map_err(io::Error::other)?;
    let server = DiscordServer::start(Arc::new(Mutex::new(sim))).await?;
    say(&hello(&server, &scene))?;
    // Reading the standard input blocks, and so it has a thread of its own.
    tokio::task::spawn_blocking(move || {
        for line in io::stdin().lock().lines() {
            let line = line?;
            if line.trim().is_empty() {
                continue;
            }
            let answer = match serde_json::from_str::<Command>(&line) {
                Ok(command) => server
                    .with(|sim, now| obey(sim, &scene, now, command))
                    .map_err(|impossible| impossible.to_string()),
                Err(error) => Err(error.to_string()),
            };
            say(&answer.map_or_else(|error| json!({ "error": error }), |ok| json!({ "ok": ok })))?;
        }
        Ok(())
    })
    .await
    .map_err(io::Error::other)?
}

fn say(line: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn hello(server: &DiscordServer, scene: &Scene) -> Value {
    server.with(|sim, _| {
        json!({
            "url": server.url(),
            "gateway": server.gateway_url(),
            "token": sim.token(),
            "application": sim.application().id,
            "bot": sim.bot(),
            "guild": scene.guild,
            "owner": scene.owner,
            "channel": scene.channel,
            "roles": {"subscriber": scene.subscriber, "moderator": scene.moderator},
            "members": {"moderator": scene.mod_user, "alice": scene.alice, "bob": scene.bob},
        })
    })
}

fn obey(sim: &mut DiscordSim, scene: &Scene, now: u64, command: Command) -> Result<Value, Impossible> {
    let guild = scene.guild;
    match command {
        Command::CreateMember { name } => {
            let user = sim.create_user(now, &name);
            sim.join(now, guild, user)?;
            return Ok(json!(user));
        }
        Command::CreateMembers { count } => {
            for number in 0..count {
                let user = sim.create_user(now, &format!("member{number}"));
                sim.join(now, guild, user)?;
            }
        }
        Command::CreateRole { name } => return Ok(json!(sim.create_role(now, guild, &name)?)),
        Command::AddRole { user, role } => sim.add_role(now, guild, user, role)?,
        Command::RemoveRole { user, role } => sim.remove_role(now, guild, user, role)?,
        Command::DeleteRole { role } => sim.delete_role(now, guild, role)?,
        Command::RenameRole { role, name } => sim.rename_role(now, guild, role, &name)?,
        Command::Leave { user } => sim.leave(now, guild, user)?,
        Command::Join { user } => sim.join(now, guild, user)?,
        Command::DirectMessages { user, open } => {
            let to = if open { DirectMessages::Open } else { DirectMessages::Closed };
            sim.set_direct_messages(user, to)?;
        }
        Command::TypeDirectMessage { user, text } => {
            return Ok(json!(sim.type_direct_message(now, user, &text)?));
        }
        Command::PressButton { user, message, button } => {
            return Ok(json!(sim.press_button(now, user, message, &button)?));
        }
        Command::SubmitModal { interaction, values } => {
            let values: Vec<(&str, &str)> =
                values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            return Ok(json!(sim.submit_modal(now, interaction, &values)?));
        }
        Command::Slash { user, channel, command, options, users } => {
            let texts = options.iter().map(|(name, text)| (name.as_str(), OptionValue::from(text.as_str())));
            let people = users.iter().map(|(name, user)| (name.as_str(), OptionValue::from(*user)));
            let options: Vec<(&str, OptionValue)> = texts.chain(people).collect();
            let channel = channel.unwrap_or(scene.channel);
            return Ok(json!(sim.slash_command(now, channel, user, &command, &options)?));
        }
        Command::FailRequests { fault } => sim.fail_requests(fault),
        Command::FailEvents { fault } => sim.fail_events(fault),
        Command::EndTrouble => sim.end_trouble(),
        Command::EndConnections { times, ending } => sim.end_connections(times, ending),
        Command::Disconnect { code: Some(code) } => sim.close_connections(now, code),
        Command::Disconnect { code: None } => sim.drop_connections(now),
        Command::AskToReconnect => sim.ask_to_reconnect(),
        Command::InvalidateSessions { resumable } => sim.invalidate_sessions(resumable),
        Command::Available { available } => sim.set_available(now, guild, available)?,
        look => return show(sim, scene, &look),
    }
    Ok(Value::Null)
}

/// Commands that only look.
fn show(sim: &DiscordSim, scene: &Scene, command: &Command) -> Result<Value, Impossible> {
    let list = |messages: Vec<&Message>| -> Vec<Value> {
        messages.into_iter().map(|message| message_json(sim, message)).collect()
    };
    match command {
        Command::Messages { user } => Ok(json!(list(sim.direct_messages(*user)))),
        Command::ChannelMessages => Ok(json!(list(sim.messages_in(scene.channel)))),
        Command::Interaction { interaction } => {
            let known = sim.interaction(*interaction);
            let known = known.ok_or_else(|| Impossible::new("there is no such interaction"))?;
            Ok(json!({
                "answered": known.answered_ms.is_some(),
                "reply": sim.reply(*interaction).map(|message| message_json(sim, message)),
                "form": sim.form(*interaction),
                "followups": list(known.followups.iter().filter_map(|id| sim.message(*id)).collect()),
            }))
        }
        Command::Commands => {
            Ok(json!({"guild": sim.commands(Some(scene.guild)), "global": sim.commands(None)}))
        }
        Command::Requests => {
            let requests = sim.requests().iter().map(|request| {
                json!({
                    "method": request.method,
                    "path": request.path,
                    "query": request.query,
                    "body": request.body,
                    "status": request.status,
                })
            });
            Ok(requests.collect())
        }
        Command::Gateway => Ok(json!({
            "connections": sim.connection_count(),
            "live": sim.live_sessions(),
            "identified": sim.identify_count(),
            "resumed": sim.resume_count(),
        })),
        _ => Err(Impossible::new("this command does not look at anything")),
    }
}

fn message_json(sim: &DiscordSim, message: &Message) -> Value {
    let before: Vec<&str> = message.before.iter().map(|wording| wording.content.as_str()).collect();
    let shown = with(sim.message_json(message), "content_before", before);
    with(shown, "only_for", message.only_for.map_or(Value::Null, |user| json!(user)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(sim: &mut DiscordSim, scene: &Scene, line: &str) -> Result<Value, String> {
        let command = serde_json::from_str(line).map_err(|error: serde_json::Error| error.to_string())?;
        obey(sim, scene, 1_000, command).map_err(|error| error.to_string())
    }

    #[test]
    fn a_line_that_is_no_command_is_an_error() {
        let (mut sim, scene) = Scene::new(0).unwrap();
        for line in [
            "",
            "{",
            "[]",
            "null",
            r#"{"do":"fly"}"#,
            r#"{"do":"leave"}"#,
            r#"{"do":"leave","user":7}"#,
            r#"{"do":"leave","user":"seven"}"#,
            r#"{"do":"leave","user":"7"}"#,
            r#"{"do":"leave","user":"7","and":"more"}"#,
            r#"{"do":"press-button","user":"7","message":"8","button":""}"#,
            r#"{"do":"submit-modal","interaction":"7","values":{}}"#,
            r#"{"do":"fail-requests","fault":{}}"#,
        ] {
            run(&mut sim, &scene, line).unwrap_err();
        }
    }

    #[test]
    fn people_act_by_command() {
        let (mut sim, scene) = Scene::new(0).unwrap();
        let (alice, role) = (scene.alice, scene.subscriber);
        run(&mut sim, &scene, &format!(r#"{{"do":"add-role","user":"{alice}","role":"{role}"}}"#)).unwrap();
        assert!(sim.guild(scene.guild).unwrap().members[&alice].roles.contains(&role));
        run(&mut sim, &scene, &format!(r#"{{"do":"type-direct-message","user":"{alice}","text":"hi"}}"#))
            .unwrap();
        let messages = run(&mut sim, &scene, &format!(r#"{{"do":"messages","user":"{alice}"}}"#)).unwrap();
        assert_eq!(messages[0]["content"], "hi");
        let fault = r#"{"do":"fail-requests","fault":
            {"method":"GET","path":"gateway","times":1,"kind":{"status":{"status":500,"code":0}}}}"#;
        run(&mut sim, &scene, fault).unwrap();
        run(&mut sim, &scene, r#"{"do":"create-members","count":3}"#).unwrap();
        assert_eq!(sim.guild(scene.guild).unwrap().members.len(), 8);
    }
}
