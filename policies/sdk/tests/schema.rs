//! `wit/recording.schema.json` is written by hand. Here it is held against what is read and written, in both
//! directions: every value of the contract fits the schema, and every name in the schema is read.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops where it fails")]

use rolarr_policy::contract::{
    Access, Account, AccountChange, Action, Cause, Combine, Event, Extension, Filter, Grant, GuildRoles,
    Member, Message, Moment, Origin, Progress, Restricted, Restriction, Review, Role, Rule, Service, Wake,
};
use rolarr_policy::recording::{self, Expected, Format, RecordedPolicy, Recording};
use serde_json::{Value, json};

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../wit/recording.schema.json")).unwrap()
}

/// Checks a value against the part of JSON Schema that our schema uses. An unknown word in the schema is
/// an error, so that nothing is skipped silently.
fn check(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let words = schema.as_object().ok_or("a schema that is no object")?;
    for (word, of) in words {
        let ok = match word.as_str() {
            "$schema" | "$defs" | "title" | "description" | "additionalProperties" | "items" => true,
            "$ref" => {
                let name = of.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                let definition = root["$defs"].get(name).ok_or(format!("no definition `{name}`"))?;
                check(root, definition, value)?;
                true
            }
            "const" => of == value,
            "minimum" => value.as_u64() >= of.as_u64(),
            "maximum" => value.as_u64() <= of.as_u64(),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= of.as_u64().unwrap()),
            "type" => {
                let is = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(_) => "integer",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                of == is || of.as_array().is_some_and(|all| all.contains(&json!(is)))
            }
            "oneOf" => {
                let fits =
                    of.as_array().unwrap().iter().filter(|one| check(root, one, value).is_ok()).count();
                fits == 1
            }
            "anyOf" => of.as_array().unwrap().iter().any(|one| check(root, one, value).is_ok()),
            "required" => {
                of.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some())
            }
            "properties" => {
                for (name, field) in value.as_object().into_iter().flatten() {
                    let known = of.get(name).ok_or(format!("`{name}` is not in the schema"))?;
                    check(root, known, field).map_err(|error| format!("{name}: {error}"))?;
                }
                true
            }
            "prefixItems" => {
                let (of, items) = (of.as_array().unwrap(), value.as_array().ok_or("no list")?);
                of.len() == items.len()
                    && of.iter().zip(items).all(|(of, item)| check(root, of, item).is_ok())
            }
            other => return Err(format!("this test does not know the word `{other}`")),
        };
        if !ok {
            return Err(format!("{value} is against `{word}`: {of}"));
        }
    }
    if let (Some(items), Some(list), false) =
        (words.get("items"), value.as_array(), words.contains_key("prefixItems"))
    {
        list.iter().try_for_each(|item| check(root, items, item))?;
    }
    Ok(())
}

fn role() -> Role {
    Role { id: "1".into(), key: "plus".into(), name: "Plus".into() }
}

fn grant() -> Grant {
    Grant { libraries: Some(vec!["Movies".into()]), downloads: Some(true), live_tv: Some(false) }
}

fn restriction() -> Restriction {
    let rule = Rule {
        labels: vec!["a".into()],
        not_labels: vec!["b".into()],
        ratings: vec!["c".into()],
        not_ratings: vec!["d".into()],
    };
    Restriction { photos: Filter::Clear, ..Restriction::everything(rule) }
}

fn extension() -> Extension {
    Extension { name: "x".into(), json: "{}".into() }
}

/// Recordings in which every field is filled and every case occurs.
fn everything() -> Vec<Recording> {
    let accesses = [
        Access::Absent,
        Access::Granted(grant()),
        Access::Restricted(Restricted { before: grant(), restriction: restriction() }),
    ];
    let mut causes = vec![
        Cause::RoleAdded(role()),
        Cause::RoleRemoved(role()),
        Cause::MemberLeft,
        Cause::Wake("later".into()),
        Cause::Other(extension()),
    ];
    use AccountChange as C;
    causes.extend(
        [C::Identified, C::AskExpired, C::Accepted, C::Declined, C::LeftService, C::RemovedByAdmin]
            .map(Cause::Account),
    );
    causes.extend(
        [Review::PolicyChanged, Review::RolesChanged, Review::Retry, Review::Asked].map(Cause::Review),
    );
    use Progress as P;
    let progress = [
        P::Settled,
        P::Working,
        P::Asking,
        P::AskExpired,
        P::Invited,
        P::Declined,
        P::Lost,
        P::Held,
        P::Parked,
    ];
    let origins = [Origin::Live, Origin::Sweep, Origin::Timer, Origin::Administrator];
    let wake = || Wake { tag: "later".into(), due: 5.into() };
    let message = |moment| Message { text: "hello".into(), moment };
    let actions = vec![
        Action::Invite(grant()),
        Action::Invite(Grant::default()),
        Action::RestrictTo(restriction()),
        Action::RestrictTo(Restriction { combine: Combine::Narrow, ..Restriction::default() }),
        Action::Unrestrict,
        Action::Remove,
        Action::SetLibraries(vec!["Movies".into()]),
        Action::Tell(message(Moment::Now)),
        Action::Tell(message(Moment::OnceDone)),
        Action::Quiet,
        Action::WakeAt(wake()),
        Action::CancelWake("later".into()),
        Action::SetMemo("memo".into()),
        Action::Other(extension()),
    ];
    causes
        .into_iter()
        .enumerate()
        .map(|(n, cause)| Recording {
            format: Format,
            name: Some("a case".into()),
            policy: Some(RecordedPolicy { name: "p".into(), version: "1".into(), digest: "00".into() }),
            settings: Some([("label".to_owned(), json!("x"))].into_iter().collect()),
            event: Event {
                id: "1".into(),
                at: 1.into(),
                origin: origins[n % origins.len()],
                guild: "9".into(),
                member: Member {
                    id: "1".into(),
                    username: "ada".into(),
                    roles: vec![role()],
                    elsewhere: vec![GuildRoles { guild: "8".into(), key: "k".into(), roles: vec![role()] }],
                    joined_at: Some(1.into()),
                    screening: true,
                },
                service: Service {
                    key: "home".into(),
                    kind: "plex".into(),
                    libraries: vec!["Movies".into()],
                },
                account: Account {
                    access: accesses[n % accesses.len()].clone(),
                    progress: progress[n % progress.len()],
                    identified: true,
                    since: Some(1.into()),
                    wakes: vec![wake()],
                    memo: "memo".into(),
                },
                cause,
                facts: vec![("name".into(), "value".into())],
            },
            decision: Some(Expected { actions: actions.clone(), reason: "why".into() }),
        })
        .collect()
}

#[test]
fn whatever_is_written_fits_the_schema() {
    let schema = schema();
    for recording in everything() {
        let value = serde_json::to_value(&recording).unwrap();
        check(&schema, &schema, &value).unwrap_or_else(|error| panic!("{error}\n{value:#}"));
    }
}

/// Every name that the schema has: fields, and cases of variants and enums.
fn names(schema: &Value, into: &mut Vec<String>) {
    match schema {
        Value::Object(words) => {
            if let Some(Value::Object(fields)) = words.get("properties") {
                into.extend(fields.keys().cloned());
            }
            if let Some(Value::String(case)) = words.get("const") {
                into.push(case.clone());
            }
            words.values().for_each(|word| names(word, into));
        }
        Value::Array(words) => words.iter().for_each(|word| names(word, into)),
        _ => {}
    }
}

#[test]
fn every_name_in_the_schema_is_one_that_is_written() {
    let written: String =
        everything().iter().map(|recording| serde_json::to_string(recording).unwrap()).collect();
    let mut all = Vec::new();
    names(&schema(), &mut all);
    assert!(all.len() > 100);
    for name in all {
        assert!(written.contains(&format!("\"{name}\"")), "`{name}` is in the schema and is never written");
    }
}

#[test]
fn the_recordings_of_the_default_policy_fit_the_schema() {
    let schema = schema();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/events");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let value: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        check(&schema, &schema, &value).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        recording::read_file(&file).unwrap();
        seen += 1;
    }
    assert!(seen > 15, "only {seen} files");
}

#[test]
fn what_the_schema_refuses_is_not_read_either() {
    let schema = schema();
    let good = json!({"format": 1, "event": {"member": {}, "cause": "member-left"}});
    check(&schema, &schema, &good).unwrap();
    let bad = [
        json!({"format": 2, "event": {"member": {}, "cause": "member-left"}}),
        json!({"event": {"member": {}, "cause": "member-left"}}),
        json!({"format": 1, "event": {"member": {}}}),
        json!({"format": 1, "event": {"cause": "member-left"}}),
        json!({"format": 1, "event": {"member": {"nick": "x"}, "cause": "member-left"}}),
        json!({"format": 1, "event": {"member": {}, "cause": "left"}}),
        json!({"format": 1, "event": {"member": {}, "cause": "member-left"}, "decision": {}}),
        json!({"format": 1, "event": {"member": {}, "cause": "member-left"}, "decision": {"actions": ["go"]}}),
        json!([]),
    ];
    for value in bad {
        assert!(check(&schema, &schema, &value).is_err(), "{value}");
        assert!(recording::parse(&value.to_string(), "x".as_ref()).is_err(), "{value}");
    }
}
