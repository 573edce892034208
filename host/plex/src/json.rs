//! JSON answers. Plex writes the same value as a number, a text or a boolean, depending on the route.

use serde_json::Value;

use super::xml::Unreadable;

/// Reads a whole document.
pub(super) fn parse(text: &str) -> Result<Value, Unreadable> {
    serde_json::from_str(text)
        .or_else(|_| serde_json::from_str(&mended(text)))
        .map_err(|_| Unreadable::Broken)
}

/// The document with what JSON does not allow in texts replaced: half a character, as somebody leaves behind who cuts a
/// name within one, and control characters. One odd name must not hide a whole list.
fn mended(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut within = false;
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '"' => {
                within = !within;
                1
            }
            '\\' if within => {
                let (taken, replaced) = escape(rest);
                if replaced {
                    out.push_str("\\ufffd");
                    rest = rest.get(taken..).unwrap_or_default();
                    continue;
                }
                taken
            }
            c if within && c.is_ascii_control() => {
                out.push_str("\\ufffd");
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            c => c.len_utf8(),
        };
        out.push_str(rest.get(..taken).unwrap_or_default());
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

/// How long the escape is that a text begins with, and whether it stands for half a character.
fn escape(text: &str) -> (usize, bool) {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    match (unit(0), unit(6)) {
        (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (12, false),
        (Some(0xd800..=0xdfff), _) => (6, true),
        (Some(_), _) => (6, false),
        (None, _) => (1 + text.chars().nth(1).map_or(0, char::len_utf8), false),
    }
}

/// Reads a list of objects.
pub(super) fn list(text: &str) -> Result<Vec<Value>, Unreadable> {
    match parse(text)? {
        Value::Array(items) if items.iter().all(Value::is_object) => Ok(items),
        _ => Err(Unreadable::Unexpected),
    }
}

/// A field as a text; null and absent are empty.
pub(super) fn text(object: &Value, name: &str) -> String {
    match object.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// A field that says yes: true, 1, "1" or "true".
pub(super) fn flag(object: &Value, name: &str) -> bool {
    match object.get(name) {
        Some(Value::Bool(yes)) => *yes,
        _ => matches!(text(object, name).as_str(), "1" | "true"),
    }
}

/// A number, which may be written as a text.
pub(super) fn number(object: &Value, name: &str) -> Option<u64> {
    match object.get(name)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A number without which the entry can't be understood.
pub(super) fn id(object: &Value, name: &'static str) -> Result<u64, Unreadable> {
    number(object, name).ok_or(Unreadable::Missing(name))
}

/// A text without which the entry can't be understood.
pub(super) fn needed(object: &Value, name: &'static str) -> Result<String, Unreadable> {
    Some(text(object, name)).filter(|text| !text.is_empty()).ok_or(Unreadable::Missing(name))
}

/// A list within an object; null and absent are the empty list.
pub(super) fn items<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_however_they_are_written() {
        let object = json!({"a": 1, "b": "1", "c": true, "d": null, "e": "x", "f": -1, "g": [1]});
        assert_eq!(
            ["a", "b", "c", "d", "x"].map(|name| flag(&object, name)),
            [true, true, true, false, false]
        );
        assert_eq!(
            ["a", "b", "c", "e", "f"].map(|name| number(&object, name)),
            [Some(1), Some(1), None, None, None]
        );
        assert_eq!(
            ["a", "d", "e", "x"].map(|name| text(&object, name)),
            ["1", "", "e", ""].map(|t| { if t == "e" { "x".to_owned() } else { t.to_owned() } })
        );
        assert_eq!(items(&object, "g").len(), 1);
        assert!(items(&object, "a").is_empty());
        assert_eq!(id(&object, "e"), Err(Unreadable::Missing("e")));
        assert_eq!(needed(&object, "d"), Err(Unreadable::Missing("d")));
    }

    #[test]
    fn what_is_no_list_is_not_taken_for_an_empty_one() {
        for text in ["null", "{}", "1", "\"\"", "[1]", "[{}, null]"] {
            assert_eq!(list(text), Err(Unreadable::Unexpected), "{text}");
        }
        for text in ["", " ", "[", "[{}", "[{}]]", "<a/>", "{", "\u{0}"] {
            assert_eq!(list(text), Err(Unreadable::Broken), "{text:?}");
        }
        assert_eq!(parse(&"[".repeat(100_000)), Err(Unreadable::Broken));
        assert_eq!(list("[]"), Ok(vec![]));
    }

    #[test]
    fn a_name_that_json_does_not_allow_hides_no_list() {
        for (odd, read) in [
            ("cut \\ud83c", "cut \u{fffd}"),
            ("\\udf88 rest", "\u{fffd} rest"),
            ("\\ud83c\\ud83c\\udf88", "\u{fffd}\u{1f388}"),
            ("\\ud83c\\n", "\u{fffd}\n"),
            ("a\u{1}b\nc", "a\u{fffd}b\u{fffd}c"),
            ("\\\\ud83c\u{1}", "\\ud83c\u{fffd}"),
            ("\\\"\u{1}", "\"\u{fffd}"),
        ] {
            let text = format!("[\n {{\"title\": \"{odd}\"}},\n {{\"id\": 7}}]");
            let list = list(&text).unwrap();
            assert_eq!(super::text(&list[0], "title"), read);
            assert_eq!(number(&list[1], "id"), Some(7));
        }
    }

    proptest! {
        #[test]
        fn garbage_is_survived(text in "\\PC{0,100}", odd in "[\\[\\]{}\"\\\\udc8f0\\x01:é]{0,60}") {
            let _ = (list(&text), list(&odd));
        }
    }
}
