//! Actions as text: what a person would write.

use serde_json::{Map, Value, json};

use super::moment;
use crate::domain::{
    Timestamp,
    contract::{Access, Action, Filter, Message, Moment, Restriction},
    is_unseen,
    json::{to_string, to_string_pretty},
};

/// What follows as a value in TOML, in the short form. Each action comes with the time of its event: wakes are
/// counted from it. On one line if that is short.
pub(in crate::cli::policy) fn in_toml(actions: &[(Timestamp, Action)]) -> String {
    const LONGEST: usize = 90;
    let items: Vec<String> = actions.iter().map(|(at, action)| inline(&short(action, *at))).collect();
    let line = format!("[{}]", items.join(", "));
    if line.len() <= LONGEST {
        return line;
    }
    let lines: String = items.iter().map(|item| format!("    {item},\n")).collect();
    format!("[\n{lines}]")
}

/// A reason as a value in TOML.
pub(in crate::cli::policy) fn reason_in_toml(reason: &str) -> String {
    text(reason)
}

/// An access on one line of TOML.
pub(in crate::cli::policy) fn access_in_toml(access: &Access) -> String {
    let mut value = contract(access);
    if let Value::Object(case) = &mut value {
        case.values_mut().for_each(trim);
        case.values_mut().for_each(unwrap_rules);
    }
    inline(&value)
}

/// What follows as a decision in JSON, without fields that say nothing. `indent` is how far its line is
/// indented; none: all on one line. The reason is written if there is one.
pub(in crate::cli::policy) fn in_json(actions: &[Action], reason: &str, indent: Option<usize>) -> String {
    let mut decision = Map::new();
    decision.insert("actions".to_owned(), actions.iter().map(brief).collect());
    if !reason.is_empty() {
        decision.insert("reason".to_owned(), reason.into());
    }
    let decision = Value::Object(decision);
    match indent {
        None => to_string(&decision).unwrap_or_default(),
        Some(indent) => {
            let pretty = to_string_pretty(&decision).unwrap_or_default();
            pretty.replace('\n', &format!("\n{}", " ".repeat(indent)))
        }
    }
}

/// An action in the contract's form, without fields that say nothing.
pub(in crate::cli::policy) fn brief(action: &Action) -> Value {
    let mut value = serde_json::to_value(action).unwrap_or_default();
    if let Value::Object(case) = &mut value {
        for content in case.values_mut() {
            trim(content);
        }
    }
    value
}

/// Leaves out what means the same as no field.
fn trim(value: &mut Value) {
    let Value::Object(fields) = value else { return };
    fields.values_mut().for_each(trim);
    fields.retain(|name, value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Bool(set) => *set || name != "end-streams",
        Value::String(text) => !matches!(
            (name.as_str(), text.as_str()),
            ("combine", "replace")
                | ("moment", "now")
                | ("movies" | "television" | "music" | "photos", "keep")
        ),
        _ => true,
    });
}

fn short(action: &Action, at: Timestamp) -> Value {
    let mut value = brief(action);
    match action {
        Action::Invite(_) if value == json!({ "invite": {} }) => json!("invite"),
        Action::RestrictTo(restriction) => json!({ "restrict-to": short_restriction(restriction) }),
        Action::Tell(Message { text, moment: Moment::Now }) => json!({ "tell": text }),
        Action::WakeAt(wake) if wake.due > at => {
            let due = format!("in {}", moment::words(wake.due.0 - at.0));
            json!({ "wake-at": { "tag": wake.tag, "due": due } })
        }
        _ => {
            if let Value::Object(case) = &mut value {
                case.values_mut().for_each(unwrap_rules);
            }
            value
        }
    }
}

fn short_restriction(restriction: &Restriction) -> Value {
    let Restriction { movies, television, music, photos, .. } = restriction;
    let rule = match movies {
        Filter::Only(rule) if movies == television => Some(rule.clone()),
        _ => None,
    };
    let mut rest = restriction.clone();
    let whole = rule.and_then(|rule| {
        if music == movies && photos == movies && (rest.downloads, rest.live_tv) == (Some(false), Some(false))
        {
            (rest.downloads, rest.live_tv) = (None, None);
            (rest.music, rest.photos) = (Filter::Keep, Filter::Keep);
            Some(("everything", rule))
        } else if *music == Filter::Keep && *photos == Filter::Keep {
            Some(("movies-and-television", rule))
        } else {
            None
        }
    });
    let Some((name, rule)) = whole else {
        let mut value = contract(&rest);
        unwrap_rules(&mut value);
        return value;
    };
    (rest.movies, rest.television) = (Filter::Keep, Filter::Keep);
    let mut fields = Map::new();
    let mut filter = contract(&rule);
    unwrap_rules(&mut filter);
    fields.insert(name.to_owned(), filter);
    if let Value::Object(others) = contract(&rest) {
        fields.extend(others);
    }
    Value::Object(fields)
}

fn contract(value: &impl serde::Serialize) -> Value {
    let mut value = serde_json::to_value(value).unwrap_or_default();
    trim(&mut value);
    value
}

/// A rule stands for the filter that lets it through only, and a name for the list of it.
fn unwrap_rules(value: &mut Value) {
    let Value::Object(fields) = value else { return };
    for (name, value) in fields.iter_mut() {
        if let Some(rule) = value.get_mut("only") {
            *value = rule.take();
        }
        unwrap_rules(value);
        let names = matches!(name.as_str(), "labels" | "not-labels" | "ratings" | "not-ratings");
        if let (true, Some([one])) = (names, value.as_array().map(Vec::as_slice)) {
            *value = one.clone();
        }
    }
}

const FIRST: [&str; 5] = ["tag", "text", "name", "everything", "movies-and-television"];

/// A value on one line of TOML.
fn inline(value: &Value) -> String {
    match value {
        Value::String(content) => text(content),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            // What a person writes first; the others by their names.
            fields.sort_by_key(|(name, _)| !FIRST.contains(&name.as_str()));
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name} = {}", inline(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

/// A text in quotes. What can't be seen is escaped.
fn text(content: &str) -> String {
    let mut out = String::from("\"");
    for c in content.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unseen(c) => {
                let code = u32::from(c);
                out.push_str(&if code > 0xffff {
                    format!("\\U{code:08x}")
                } else {
                    format!("\\u{code:04x}")
                });
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
