use rolarr_policy::contract::{Cause, Role, Snowflake, Timestamp};

use super::*;

mod arbitrary;
mod events;
mod limits;
mod messages;
mod settings;
mod shipped;
mod writing;

/// Reads a script.
fn read_with(text: &str, settings: &str) -> Result<ScriptPolicy, String> {
    let source = Source { name: "my.rhai".into(), text: text.into() };
    ScriptPolicy::configure(Settings::new(settings), vec![source])
}

fn read(text: &str) -> Result<ScriptPolicy, String> {
    read_with(text, "{}")
}

/// A script that decides with these lines.
fn deciding(lines: &str) -> String {
    format!("fn decide(event) {{\n{lines}\n}}")
}

fn role(key: &str) -> Role {
    Role { id: Snowflake::from("900000101"), key: key.into(), name: key.to_uppercase() }
}

/// The role `plus` was added, on 2026-01-01.
fn event() -> Event {
    let mut event = Event::new(Cause::RoleAdded(role("plus")));
    event.at = Timestamp(1_767_225_600_000);
    event.member.roles = vec![role("plus")];
    event
}

/// What these lines decide.
#[track_caller]
fn decide_on(event: &Event, lines: &str) -> Decision {
    read(&deciding(lines)).unwrap().evaluate(event).unwrap()
}

#[track_caller]
fn decide(lines: &str) -> Decision {
    decide_on(&event(), lines)
}

/// What is said of a script: whether it is found at loading, and the message.
fn said(text: &str) -> String {
    match read(text) {
        Err(error) => format!("at loading: {error}"),
        Ok(policy) => match policy.evaluate(&event()) {
            Err(error) => format!("at an event: {error}"),
            Ok(decision) => panic!("it decides {decision:?}"),
        },
    }
}
