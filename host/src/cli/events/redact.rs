//! A recording without people: ids and names are replaced, in their fields and in every text.
//!
//! Each record of the contract is taken apart completely, so that a field that is added to it can't be
//! forgotten here.

use rolarr_policy::{
    contract::{
        Access, Account, Action, Cause, Event, Extension, Filter, Grant, GuildRoles, Member, Message,
        Restricted, Restriction, Role, Rule, Service, Snowflake, Wake,
    },
    recording::{Expected, Recording},
};
use serde_json::Value;

use super::{
    names::{Names, is_key},
    pseudonyms::Pseudonyms,
};
use crate::cli::words;

/// Takes note of everybody and everything that an event names.
pub(super) fn learn(event: &Event, names: &mut Names) {
    let mut role = |role: &Role| {
        names.know_role(&role.name, &role.key);
        if let Some(id) = number(&role.id) {
            names.know_id(id);
        }
    };
    event.member.roles.iter().for_each(&mut role);
    event.member.elsewhere.iter().flat_map(|guild| &guild.roles).for_each(&mut role);
    if let Cause::RoleAdded(one) | Cause::RoleRemoved(one) = &event.cause {
        role(one);
    }
    let guilds = event.member.elsewhere.iter().map(|guild| &guild.guild);
    for id in guilds.chain([&event.guild, &event.member.id]).filter_map(number) {
        names.know_id(id);
    }
    if let Some(id) = number(&event.member.id) {
        names.know_person(id, &event.member.username);
    }
}

/// Takes note of what a recording says of its member.
pub(super) fn hear(recording: &mut Recording, names: &mut Names) {
    let of = number(&recording.event.member.id).unwrap_or(0);
    each_text(recording, &mut |text| names.hear(text, of));
}

/// Replaces ids and names.
pub(super) fn redact(recording: &mut Recording, names: &Names, pseudonyms: &Pseudonyms) {
    let of = number(&recording.event.member.id).unwrap_or(0);
    each_text(recording, &mut |text| *text = names.replace(text, of, pseudonyms));
    if let Some(settings) = &mut recording.settings {
        let mut value = Value::Object(std::mem::take(settings));
        self::settings(&mut value, names, pseudonyms);
        if let Value::Object(fields) = value {
            *settings = fields;
        }
    }
    people(&mut recording.event, pseudonyms);
}

/// The fields that are ids and names.
fn people(event: &mut Event, pseudonyms: &Pseudonyms) {
    let Event { id: _, at: _, origin: _, guild, member, service, account: _, cause, facts: _ } = event;
    let Member { id, username, roles, elsewhere, joined_at, screening: _ } = member;
    let Service { key: _, kind: _, libraries: _ } = service;
    // Every member of the guild can see when somebody joined, to the millisecond.
    if let Some(joined) = joined_at {
        joined.0 = joined.0.saturating_sub(pseudonyms.earlier(number(id).unwrap_or(0)));
    }
    if !username.is_empty() {
        *username = pseudonyms.name(number(id).unwrap_or(0));
    }
    let replace = |id: &mut Snowflake| {
        if let Some(number) = number(id) {
            *id = Snowflake(pseudonyms.id(number).to_string());
        }
    };
    let of_role = |role: &mut Role| {
        let Role { id, key, name } = role;
        replace(id);
        if !is_key(name, key) {
            name.clone_from(key);
        }
    };
    replace(guild);
    replace(id);
    roles.iter_mut().for_each(of_role);
    for GuildRoles { guild, key: _, roles } in elsewhere {
        replace(guild);
        roles.iter_mut().for_each(of_role);
    }
    match cause {
        Cause::RoleAdded(role) | Cause::RoleRemoved(role) => of_role(role),
        Cause::MemberLeft | Cause::Wake(_) | Cause::Account(_) | Cause::Review(_) | Cause::Other(_) => {}
    }
}

/// Every text that a policy wrote, in what it was told and in what it answered.
fn each_text(recording: &mut Recording, text: &mut impl FnMut(&mut String)) {
    let Recording { format: _, name: _, policy: _, settings: _, event, decision } = recording;
    let Event { id: _, at: _, origin: _, guild: _, member: _, service: _, account, cause, facts } = event;
    let Account { access, progress: _, identified: _, since: _, wakes, memo } = account;
    of_access(access, text);
    for Wake { tag, due: _ } in wakes {
        text(tag);
    }
    text(memo);
    match cause {
        Cause::Wake(tag) => text(tag),
        Cause::Other(Extension { name: _, json }) => text(json),
        Cause::RoleAdded(_)
        | Cause::RoleRemoved(_)
        | Cause::MemberLeft
        | Cause::Account(_)
        | Cause::Review(_) => {}
    }
    for (_, value) in facts {
        text(value);
    }
    let Some(Expected { actions, reason }) = decision else { return };
    for action in actions {
        of_action(action, text);
    }
    text(reason);
}

fn of_action(action: &mut Action, text: &mut impl FnMut(&mut String)) {
    match action {
        Action::Invite(Grant { libraries: _, downloads: _, live_tv: _ }) | Action::SetLibraries(_) => {}
        Action::RestrictTo(restriction) => of_restriction(restriction, text),
        Action::Unrestrict | Action::Remove | Action::Quiet => {}
        Action::Tell(Message { text: message, moment: _ }) => text(message),
        Action::WakeAt(Wake { tag, due: _ }) | Action::CancelWake(tag) => text(tag),
        Action::SetMemo(memo) => text(memo),
        Action::Other(Extension { name: _, json }) => text(json),
    }
}

fn of_access(access: &mut Access, text: &mut impl FnMut(&mut String)) {
    match access {
        Access::Absent | Access::Granted(Grant { libraries: _, downloads: _, live_tv: _ }) => {}
        Access::Restricted(Restricted {
            before: Grant { libraries: _, downloads: _, live_tv: _ },
            restriction,
        }) => {
            of_restriction(restriction, text);
        }
    }
}

fn of_restriction(restriction: &mut Restriction, text: &mut impl FnMut(&mut String)) {
    let Restriction {
        movies,
        television,
        music,
        photos,
        combine: _,
        downloads: _,
        live_tv: _,
        end_streams: _,
    } = restriction;
    for filter in [movies, television, music, photos] {
        match filter {
            Filter::Keep | Filter::Clear => {}
            Filter::Only(Rule { labels, not_labels, ratings, not_ratings }) => {
                [labels, not_labels, ratings, not_ratings].into_iter().flatten().for_each(&mut *text);
            }
        }
    }
}

/// Settings hold what the operator wrote: names and ids among their values go as everywhere, and ids among their
/// keys. So a policy that compares ids finds them as before.
fn settings(value: &mut Value, names: &Names, pseudonyms: &Pseudonyms) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => {
            if let Some(id) = number.as_u64().filter(|id| names.is_id(*id)) {
                *number = pseudonyms.id(id).into();
            }
        }
        Value::String(text) => *text = names.replace(text, 0, pseudonyms),
        Value::Array(items) => items.iter_mut().for_each(|item| settings(item, names, pseudonyms)),
        Value::Object(fields) => {
            *fields = std::mem::take(fields)
                .into_iter()
                .map(|(key, mut value)| {
                    settings(&mut value, names, pseudonyms);
                    let id = key.parse().ok().filter(|id| names.is_id(*id));
                    (id.map_or(key, |id| pseudonyms.id(id).to_string()), value)
                })
                .collect();
        }
    }
}

fn number(id: &Snowflake) -> Option<u64> {
    id.0.parse().ok()
}

/// Takes out what could be an e-mail address, wherever it stands. No recording ever holds one.
pub(super) fn without_addresses(recording: &Recording) -> serde_json::Result<Value> {
    let mut value = serde_json::to_value(recording)?;
    words::without_addresses(&mut value);
    Ok(value)
}
