//! JSON answers. Plex writes the same value as a number, a text or a boolean, depending on the route.

use serde_json::Value;

use super::xml::Unreadable;

/// Reads a whole document.
pub(super) fn parse(text: &str) -> Result<Value, Unreadable> {
    serde_json::from_str(text).map_err(|_| Unreadable::Broken)
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

    proptest! {
        #[test]
        fn garbage_is_survived(text in "\\PC{0,100}") {
            let _ = list(&text);
        }
    }
}
