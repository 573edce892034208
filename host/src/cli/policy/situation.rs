//! An event in a line.

use rolarr_policy::contract::{Access, Cause, Event};
use serde_json::Value;

use crate::policy::printable;

/// What happened, to which access, and with which roles.
pub(super) fn line(event: &Event) -> String {
    let roles: Vec<String> = event.member.roles.iter().map(|role| format!("`{}`", role.key)).collect();
    let roles = if roles.is_empty() { "none".to_owned() } else { roles.join(", ") };
    printable(&format!(
        "event: {}; access: {}; roles: {roles}",
        cause(&event.cause),
        access(&event.account.access)
    ))
}

/// What happened, and to which access: a name for a case that has none.
pub(super) fn short(event: &Event) -> String {
    format!("{}, {}", cause(&event.cause), access(&event.account.access))
}

/// What happened.
pub(super) fn cause(cause: &Cause) -> String {
    let text = match cause {
        Cause::RoleAdded(role) => format!("role `{}` added", role.key),
        Cause::RoleRemoved(role) => format!("role `{}` removed", role.key),
        Cause::MemberLeft => "member left".to_owned(),
        Cause::Wake(tag) => format!("wake `{tag}`"),
        Cause::Account(change) => format!("account {}", word(change)),
        Cause::Review(review) => format!("review {}", word(review)),
        Cause::Other(other) => format!("`{}`", other.name),
    };
    printable(&text)
}

/// The case of an access.
pub(super) fn access(access: &Access) -> &'static str {
    match access {
        Access::Absent => "absent",
        Access::Granted(_) => "granted",
        Access::Restricted(_) => "restricted",
    }
}

/// A case without content in the contract's spelling.
pub(super) fn word(case: &impl serde::Serialize) -> String {
    match serde_json::to_value(case) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}
