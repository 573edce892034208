//! Two lists of actions side by side, line by line.

use rolarr_policy::contract::Action;
use serde_json::Value;

use crate::policy::printable;

/// The lines of both lists: `-` is expected and not there, `+` is there and not expected.
pub(super) fn lines(expected: &[Action], decided: &[Action]) -> Vec<String> {
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

/// Actions as lines of JSON, without the fields that say nothing.
fn text(actions: &[Action]) -> Vec<String> {
    if actions.is_empty() {
        return vec!["nothing".to_owned()];
    }
    let mut lines = Vec::new();
    for action in actions {
        let value = serde_json::to_value(action).map(said).unwrap_or_default();
        let pretty = match &value {
            Value::String(name) => name.clone(),
            other => serde_json::to_string_pretty(other).unwrap_or_default(),
        };
        lines.extend(pretty.lines().map(printable));
    }
    lines
}

/// The value without fields that are absent, empty or `keep`: they mean the same as no field.
fn said(value: Value) -> Value {
    const MEDIA: [&str; 4] = ["movies", "television", "music", "photos"];
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .filter(|(name, value)| {
                    let keeps = MEDIA.contains(&name.as_str()) && value == "keep";
                    let nothing = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
                    !keeps && !nothing
                })
                .map(|(name, value)| (name, said(value)))
                .collect(),
        ),
        other => other,
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
