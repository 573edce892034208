//! `rolarr-sim plex`: the simulators for programs in other languages.
//!
//! The first line on the standard output says where they listen and what is in the sample world. Then each
//! line on the standard input is one JSON command, and each is answered with one line:
//! `{"ok": …}` or `{"error": "…"}`. At the end of the input the program ends.

use std::{
    io::{self, BufRead, Write},
    sync::{Arc, Mutex, PoisonError},
};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Effect, Face, Fault, Impossible, MACHINE, OTHER_MACHINE, PlexServers, PlexSim, system_clock};

/// A command. `who` is an address, a username or an account number; `account` is an account number.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
enum Command {
    /// The person accepts their invitation, if need be with another account.
    Accept { who: String, account: Option<u64> },
    /// The person declines.
    Decline { who: String },
    /// The person leaves all servers that are shared with them.
    Leave { account: u64 },
    /// The owner sets a filter or permission by hand.
    Set { account: u64, field: String, value: String },
    /// The owner has shared a server long ago; no libraries: all.
    Share { account: u64, machine: String, libraries: Vec<String> },
    /// There is another account.
    Person { email: String, username: String, title: String },
    /// An account begins to watch something.
    Stream { account: u64, title: String },
    /// The owner's token is accepted from now on, or not.
    Token { valid: bool },
    /// Requests go wrong from now on.
    Fault {
        method: String,
        route: String,
        effect: Effect,
        face: Option<Face>,
        #[serde(default)]
        after: u32,
        times: Option<u32>,
    },
    /// Nothing goes wrong any more.
    ClearFaults,
    /// What an account can see.
    Visible { account: u64 },
    /// Friends, shares, invitations, sessions and histories.
    State,
    /// Every request that was made.
    Requests,
}

/// Serves the sample world until the standard input ends.
///
/// # Errors
/// If no port can be had, or the standard streams break.
pub async fn run() -> io::Result<()> {
    let sim = Arc::new(Mutex::new(PlexSim::sample()));
    let servers = PlexServers::start(Arc::clone(&sim), system_clock()).await?;
    say(&hello(&sim.lock().unwrap_or_else(PoisonError::into_inner), &servers))?;
    // Reading the standard input blocks, and so it has a thread of its own.
    tokio::task::spawn_blocking(move || {
        for line in io::stdin().lock().lines() {
            let line = line?;
            if line.trim().is_empty() {
                continue;
            }
            let mut sim = sim.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = match serde_json::from_str::<Command>(&line) {
                Ok(command) => obey(&mut sim, system_clock()(), command),
                Err(error) => Err(error.to_string()),
            };
            drop(sim);
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

fn hello(sim: &PlexSim, servers: &PlexServers) -> Value {
    let people = sim.world.people.values().map(|person| {
        json!({
            "id": person.id,
            "email": person.email,
            "username": person.username,
            "title": person.title,
            "token": person.token,
        })
    });
    let machines = sim.world.servers.iter().map(|server| {
        let libraries: Vec<Value> = server
            .libraries
            .iter()
            .map(|library| json!({ "id": library.id, "key": library.key, "title": library.title }))
            .collect();
        json!({ "machine": server.machine, "name": server.name, "token": server.token, "libraries": libraries })
    });
    json!({
        "plex_tv": servers.plex_tv,
        "clients": servers.clients,
        "server": servers.server,
        "token": sim.world.owner.token,
        "owner": { "id": sim.world.owner.id, "email": sim.world.owner.email, "username": sim.world.owner.username },
        "machine": MACHINE,
        "other_machine": OTHER_MACHINE,
        "servers": machines.collect::<Vec<_>>(),
        "people": people.collect::<Vec<_>>(),
    })
}

fn obey(sim: &mut PlexSim, now_ms: u64, command: Command) -> Result<Value, String> {
    let told = |result: Result<(), Impossible>| result.map(|()| Value::Null).map_err(|no| no.to_string());
    match command {
        Command::Accept { who, account } => {
            let account = match account {
                Some(account) => sim.person_accepts_as(now_ms, &who, account),
                None => sim.person_accepts(now_ms, &who),
            };
            account.map(Value::from).map_err(|no| no.to_string())
        }
        Command::Decline { who } => told(sim.person_declines(&who)),
        Command::Leave { account } => told(sim.person_leaves_share(account)),
        Command::Set { account, field, value } => told(sim.owner_sets_filter(account, &field, &value)),
        Command::Share { account, machine, libraries } => {
            let libraries: Vec<&str> = libraries.iter().map(String::as_str).collect();
            let share = sim.owner_shares_with(now_ms, account, &machine, &libraries);
            share.map(Value::from).map_err(|no| no.to_string())
        }
        Command::Person { email, username, title } => {
            Ok(Value::from(sim.world.add_person(&email, &username, &title)))
        }
        Command::Stream { account, title } => {
            sim.start_stream(account, &title).map(Value::from).map_err(|no| no.to_string())
        }
        Command::Token { valid } => {
            sim.set_token_valid(valid);
            Ok(Value::Null)
        }
        Command::Fault { method, route, effect, face, after, times } => {
            let mut fault = Fault::on(&method, &route, effect).after(after);
            if let Some(face) = face {
                fault = fault.at(face);
            }
            if let Some(times) = times {
                fault = fault.times(times);
            }
            sim.fault(fault);
            Ok(Value::Null)
        }
        Command::ClearFaults => {
            sim.clear_faults();
            Ok(Value::Null)
        }
        Command::Visible { account } => Ok(Value::from(sim.visible_items(account))),
        Command::State => Ok(json!({
            "friends": sim.world.ties,
            "shares": sim.world.shares,
            "invites": sim.world.invites,
            "sessions": sim.world.sessions,
            "history": sim.world.history,
        })),
        Command::Requests => Ok(json!(sim.requests)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(sim: &mut PlexSim, line: &str) -> Result<Value, String> {
        let command = serde_json::from_str(line).map_err(|error: serde_json::Error| error.to_string())?;
        obey(sim, 1_000, command)
    }

    #[test]
    fn a_line_that_is_no_command_is_an_error_and_changes_nothing() {
        let mut sim = PlexSim::sample();
        let before = run(&mut sim, r#"{"do":"state"}"#).unwrap();
        for line in [
            "",
            "{",
            "[]",
            "null",
            r#"{"do":"fly"}"#,
            r#"{"do":"accept"}"#,
            r#"{"do":"accept","who":"nobody@example.org"}"#,
            r#"{"do":"accept","who":7}"#,
            r#"{"do":"leave","account":-1}"#,
            r#"{"do":"leave","account":7}"#,
            r#"{"do":"set","account":7,"field":"filterMovies","value":"x"}"#,
            r#"{"do":"share","account":900000009,"machine":"none","libraries":[]}"#,
            r#"{"do":"stream","account":7,"title":"Ponies"}"#,
            r#"{"do":"token","valid":false,"extra":1}"#,
            r#"{"do":"fault","method":"GET","route":"/","effect":"explode"}"#,
        ] {
            assert!(run(&mut sim, line).is_err(), "{line}");
        }
        assert_eq!(run(&mut sim, r#"{"do":"state"}"#).unwrap(), before);
    }

    #[test]
    fn faults_can_be_described_in_json() {
        let mut sim = PlexSim::sample();
        for effect in [
            r#"{"status":{"status":429,"retry_after":3}}"#,
            r#"{"status":{"status":500}}"#,
            r#"{"applied-but":{"status":404}}"#,
            r#"{"hang":{"applied":true}}"#,
            r#""stale""#,
            r#""not-taken""#,
        ] {
            let line =
                format!(r#"{{"do":"fault","method":"*","route":"/api/*","effect":{effect},"times":1}}"#);
            assert_eq!(run(&mut sim, &line), Ok(Value::Null), "{effect}");
        }
    }
}
