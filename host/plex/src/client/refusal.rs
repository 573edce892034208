//! Plex's reasons for a refusal.

use serde_json::Value;

use crate::{Redacted, Redactor, json, xml::Element};

/// The reason in the body of a refusal, raw. v1 says `<Response status="…"/>`, v2 has a list of errors in
/// XML or JSON. Anything else, for example the page of a proxy, has no reason in it.
pub(super) fn words(body: &str) -> Option<String> {
    let found = match json::parse(body) {
        Ok(body) => from_json(&body),
        Err(_) => from_xml(&Element::parse(body).ok()?),
    };
    let found: Vec<_> = found.into_iter().filter(|words| !words.trim().is_empty()).take(3).collect();
    (!found.is_empty()).then(|| found.join("; "))
}

fn from_json(body: &Value) -> Vec<String> {
    let mut found: Vec<_> =
        json::items(body, "errors").iter().map(|error| json::text(error, "message")).collect();
    found.extend(["error", "message"].map(|name| json::text(body, name)));
    found
}

fn from_xml(root: &Element) -> Vec<String> {
    match root.name.as_str() {
        "Response" => vec![root.text("status")],
        "errors" => root.all("error").map(|error| error.text("message")).collect(),
        _ => Vec::new(),
    }
}

/// The reason without people.
pub(super) fn shown(words: Option<&str>, redactor: &Redactor) -> Redacted {
    match words {
        Some(words) => redactor.redact(words),
        None => Redacted::ours("it gives no reason"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_shape_of_a_refusal_is_read() {
        for (body, expected) in [
            (r#"<Response code="410" status="This endpoint was removed"/>"#, "This endpoint was removed"),
            (r#"<errors><error code="1002" message="No" status="404"/></errors>"#, "No"),
            (r#"{"errors":[{"code":1,"message":"One","status":422},{"message":"Two"}]}"#, "One; Two"),
            (r#"{"error":"Three"}"#, "Three"),
        ] {
            assert_eq!(words(body).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_is_no_reason_is_not_shown() {
        for body in [
            "",
            "zoe@example.org",
            "<html><body>zoe</body></html>",
            "<html><p>zoe",
            "{}",
            "null",
            "[1]",
            r#"{"errors":[]}"#,
            r#"{"errors":[1,null]}"#,
            "<Response/>",
            "<errors/>",
        ] {
            assert_eq!(words(body), None, "{body}");
        }
        assert_eq!(shown(None, &Redactor::default()).to_string(), "it gives no reason");
    }

    proptest! {
        #[test]
        fn garbage_is_survived(body in "\\PC{0,100}") {
            let _ = words(&body);
        }
    }
}
