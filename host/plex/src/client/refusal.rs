//! Plex's reasons for a refusal.

use serde_json::Value;

use crate::{Redacted, Redactor, json, xml::Element};

/// The reason in the body of a refusal, raw. v1 says `<Response status="…"/>`, v2 has a list of errors in
/// XML or JSON, and a refused token at v1 is a list of plain texts. Anything else, for example the page of a proxy, has
/// no reason in it.
pub(super) fn words(body: &str) -> Option<String> {
    let found = match json::parse(body) {
        Ok(body) => from_json(&body),
        Err(_) => {
            let root = Element::parse(body).ok()?;
            let plain = if root.name == "errors" { plain_texts(body) } else { Vec::new() };
            from_xml(&root).into_iter().chain(plain).collect()
        }
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

/// The errors that are texts between tags: `<error>Invalid token</error>`. Those that plex.tv writes so are fixed
/// phrases. One with anything in it that would have to be decoded is left out.
fn plain_texts(body: &str) -> Vec<String> {
    let between = body.split("<error>").skip(1).filter_map(|rest| rest.split_once("</error>"));
    let texts = between.map(|(text, _)| text.trim().to_owned());
    texts.filter(|text| !text.contains(['<', '&'])).collect()
}

/// Whether the body of a 401 is plex.tv's own word on the token, in any of its forms. A proxy that answers with 401
/// speaks of something else.
pub(super) fn is_of_token(body: &str) -> bool {
    match json::parse(body) {
        Ok(body) => {
            let is = |error: &Value| {
                json::number(error, "code").is_some() && !json::text(error, "message").is_empty()
            };
            json::items(&body, "errors").iter().any(is)
                || json::text(&body, "error").contains("authentication token")
        }
        Err(_) => Element::parse(body).is_ok_and(|root| match root.name.as_str() {
            "Response" => root.number("code").is_ok() && !root.text("status").is_empty(),
            "errors" => root.all("error").next().is_some(),
            _ => false,
        }),
    }
}

/// Whether the body of a 401 is the page with which a Plex server refuses a request.
pub(super) fn is_page_of_server(body: &str) -> bool {
    body.contains("<title>Unauthorized</title>") && body.contains("<h1>401 Unauthorized</h1>")
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
            ("<?xml version=\"1.0\"?>\n<errors>\n  <error>Invalid token</error>\n</errors>", "Invalid token"),
            ("<errors><error>One</error><error>Two &amp; more</error></errors>", "One"),
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

    #[test]
    fn plex_tvs_own_refusal_of_a_token_is_known_in_every_form() {
        for body in [
            r#"{"errors":[{"code":1001,"message":"User could not be authenticated","status":401}]}"#,
            r#"<errors><error code="1001" message="User could not be authenticated" status="401"/></errors>"#,
            r#"<Response code="401" status="Invalid authentication token."/>"#,
            "<?xml version=\"1.0\"?><errors>\n<error>Invalid authentication token.</error>\n</errors>",
            r#"{"error":"Invalid authentication token."}"#,
        ] {
            assert!(is_of_token(body), "{body}");
        }
    }

    #[test]
    fn what_others_answer_with_401_says_nothing_of_the_token() {
        for body in [
            "",
            "401",
            "Unauthorized",
            "{}",
            "[]",
            r#"{"error":"unauthorized"}"#,
            r#"{"message":"Unauthorized"}"#,
            r#"{"errors":[]}"#,
            r#"{"errors":["login required"]}"#,
            r#"{"errors":[{"message":"login required"}]}"#,
            "<errors/>",
            "<Response/>",
            "<html><head><title>401</title></head><body>Log in to the proxy</body></html>",
            "<html><head><title>Unauthorized</title></head><body><h1>401 Unauthorized</h1></body></html>",
        ] {
            assert!(!is_of_token(body), "{body}");
        }
    }

    #[test]
    fn a_servers_page_is_told_from_a_proxys() {
        let scripted = "<html><head><script>window.location = 'web/index.html';</script><title>Unauthorized</title>\
                        </head><body><h1>401 Unauthorized</h1></body></html>";
        for (body, is) in [
            (
                "<html><head><title>Unauthorized</title></head><body><h1>401 Unauthorized</h1></body></html>",
                true,
            ),
            (scripted, true),
            ("<html><head><title>401 Authorization Required</title></head></html>", false),
            ("<h1>Unauthorized</h1>", false),
            ("", false),
        ] {
            assert_eq!(is_page_of_server(body), is, "{body}");
        }
    }

    proptest! {
        #[test]
        fn garbage_is_survived(body in "\\PC{0,100}") {
            let _ = words(&body);
            assert!(!is_of_token(&body));
        }
    }
}
