//! Two lists of actions side by side, line by line.

use rolarr_policy::contract::Action;
use serde_json::Value;

use super::cases::date;
use crate::policy::printable;

/// The lines of both lists: `-` is expected and not there, `+` is there and not expected.
pub(in crate::cli) fn lines(expected: &[Action], decided: &[Action]) -> Vec<String> {
    let (before, after) = (text(expected), text(decided));
    let common = longest_common(&before, &after);
    let mut out = Vec::new();
    let (mut i, mut j) = (0, 0);
    for (of_before, of_after) in common.into_iter().chain([(before.len(), after.len())]) {
        out.extend(before.iter().take(of_before).skip(i).map(|line| format!("- {line}")));
        out.extend(after.iter().take(of_after).skip(j).map(|line| format!("+ {line}")));
        if let Some(line) = before.get(of_before) {
            out.push(format!("  {line}"));
        }
        (i, j) = (of_before + 1, of_after + 1);
    }
    out
}

/// Actions as lines: the name, and below it each field that says something, in the contract's names.
fn text(actions: &[Action]) -> Vec<String> {
    if actions.is_empty() {
        return vec!["nothing".to_owned()];
    }
    let mut lines = Vec::new();
    for action in actions {
        match serde_json::to_value(action).unwrap_or_default() {
            Value::Object(case) => {
                for (name, content) in case {
                    match content {
                        Value::Object(fields) => {
                            lines.push(name);
                            for (name, value) in fields {
                                field(&name, &value, &mut lines);
                            }
                        }
                        other => lines.push(format!("{name}: {}", scalar(&other))),
                    }
                }
            }
            name => lines.push(scalar(&name)),
        }
    }
    lines.iter().map(|line| printable(line)).collect()
}

/// One line for each value in a field, as a path. Nothing for a field with its empty value: it means the same
/// as no field.
fn field(path: &str, value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                field(&format!("{path}.{name}"), value, lines);
            }
        }
        Value::Null => {}
        Value::Array(items) if items.is_empty() => {}
        Value::Bool(false) if path == "end-streams" => {}
        Value::String(text) if path == "combine" && text == "replace" => {}
        Value::String(text) if MEDIA.contains(&path) && text == "keep" => {}
        Value::Number(at) if path == "due" => {
            let at = at.as_u64().map_or_else(|| at.to_string(), |at| date(at.into()));
            lines.push(format!("  {path}: {at}"));
        }
        other => lines.push(format!("  {path}: {}", scalar(other))),
    }
}

const MEDIA: [&str; 4] = ["movies", "television", "music", "photos"];

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(scalar).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// Pairs of places at which the lines are the same, as many as possible, in order.
fn longest_common(a: &[String], b: &[String]) -> Vec<(usize, usize)> {
    let width = b.len() + 1;
    // lengths[i * width + j]: how many lines a[i..] and b[j..] have in common.
    let mut lengths = vec![0_u32; (a.len() + 1) * width];
    let at = |lengths: &[u32], i: usize, j: usize| lengths.get(i * width + j).copied().unwrap_or(0);
    for (i, line) in a.iter().enumerate().rev() {
        for (j, other) in b.iter().enumerate().rev() {
            let longest = if line == other {
                at(&lengths, i + 1, j + 1) + 1
            } else {
                at(&lengths, i + 1, j).max(at(&lengths, i, j + 1))
            };
            if let Some(length) = lengths.get_mut(i * width + j) {
                *length = longest;
            }
        }
    }
    let mut pairs = Vec::new();
    let (mut i, mut j) = (0, 0);
    while let (Some(line), Some(other)) = (a.get(i), b.get(j)) {
        if line == other {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if at(&lengths, i + 1, j) >= at(&lengths, i, j + 1) {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use rolarr_policy::contract::{Restriction, Rule};

    use super::*;

    #[test]
    fn only_what_differs_is_marked() {
        let expected =
            [Action::Unrestrict, Action::RestrictTo(Restriction::movies_and_television(Rule::label("a")))];
        let decided =
            [Action::RestrictTo(Restriction::movies_and_television(Rule::label("b"))), Action::Quiet];
        insta::assert_snapshot!(lines(&expected, &decided).join("\n"));
        assert_eq!(lines(&[], &[Action::Remove]), ["- nothing", "+ remove"]);
        assert_eq!(lines(&[Action::Remove], &[]), ["- remove", "+ nothing"]);
        assert_eq!(lines(&[Action::Remove], &[Action::Remove]), ["  remove"]);
    }
}
