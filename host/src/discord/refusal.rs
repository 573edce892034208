//! What a refusal by Discord means.
//!
//! Only Discord's own error code says why something was refused. The HTTP status alone says nothing: proxies before
//! Discord, and Discord's own edge, answer with the same ones.

use serde::Deserialize;
use serde_json::Value;

use super::limiter::{UNKNOWN_WAIT, seconds};
use crate::pipeline::ports::DiscordError;

/// Faults at Discord's side that carry an error code: no general code (0), requests that are answered internally
/// (40333 "internal network error"), overload (130000), and unavailable services (50500, 500000).
const FAULTS: [u32; 5] = [0, 40_333, 50_500, 130_000, 500_000];
/// "You are opening direct messages too fast".
const TOO_MANY_DIRECT_MESSAGES: u32 = 40_003;
/// Rate limits that are answered as refusals: slow mode (20016), announcements (20022), writes to the guild (20028)
/// and the channel (20029), too many edits of old messages (30046).
const LIMITS: [u32; 5] = [20_016, 20_022, 20_028, 20_029, 30_046];

/// The body of an answer that says no, in Discord's form: an object with a message and an error code. The message
/// is not kept: it may repeat what was sent.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    /// Discord's error code; none if the body is not in Discord's form.
    pub(super) code: Option<u32>,
    /// How long to wait, in seconds.
    pub(super) retry_after: Option<f64>,
    /// The limit is that of all routes together.
    pub(super) global: bool,
}

#[derive(Deserialize)]
struct Form {
    #[serde(rename = "message")]
    _message: String,
    code: Option<Value>,
    retry_after: Option<Value>,
    global: Option<Value>,
}

impl Refusal {
    /// Reads a body. Anything that is not in Discord's form gives a refusal without a code.
    pub(super) fn read(body: &[u8]) -> Self {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let Ok(form) = serde_json::from_slice::<Form>(body) else { return Self::default() };
        let code = form.code.as_ref().and_then(Value::as_u64).and_then(|code| u32::try_from(code).ok());
        Self {
            code,
            retry_after: form.retry_after.as_ref().and_then(Value::as_f64),
            global: form.global == Some(Value::Bool(true)),
        }
    }
}

/// What an answer with an error status means. `template` names the request.
pub(super) fn meaning(template: &str, status: u16, refusal: &Refusal) -> DiscordError {
    let outage = |what: String| DiscordError::Unavailable { what: format!("{template}: {what}") };
    match (status, refusal.code) {
        (500.., _) => outage(format!("status {status}")),
        (_, Some(TOO_MANY_DIRECT_MESSAGES)) => DiscordError::TooManyDirectMessages,
        (429, _) => {
            let retry_after = refusal.retry_after.and_then(seconds).unwrap_or(UNKNOWN_WAIT);
            DiscordError::RateLimited { retry_after }
        }
        (_, None) => outage(format!("status {status}, which did not come from Discord itself")),
        (401, Some(0)) => DiscordError::Unauthorized,
        (_, Some(code)) if LIMITS.contains(&code) => {
            let retry_after = refusal.retry_after.and_then(seconds).unwrap_or(UNKNOWN_WAIT);
            DiscordError::RateLimited { retry_after }
        }
        (_, Some(code)) if FAULTS.contains(&code) => outage(format!("status {status}, code {code}")),
        // "Unknown …".
        (_, Some(code @ 10_001..=10_999)) => DiscordError::NotFound { code },
        (_, Some(code)) => DiscordError::Refused { status, code },
    }
}

/// What an answer of Discord's REST API with an error status means, by its body. Public for tests and fuzzing.
#[must_use]
pub fn refused(status: u16, body: &[u8]) -> DiscordError {
    meaning("the request", status, &Refusal::read(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_outage(status: u16, body: &str) -> bool {
        matches!(refused(status, body.as_bytes()), DiscordError::Unavailable { .. })
    }

    #[test]
    fn what_is_not_in_the_form_of_discord_is_an_outage() {
        for status in [400, 401, 403, 404, 405, 407, 410, 451, 499, 500, 502, 530] {
            for body in [
                "",
                "null",
                "[]",
                "{}",
                "error code: 1015",
                "<html><body>Forbidden</body></html>",
                r#"{"code":50001}"#,
                r#"{"message":"Forbidden"}"#,
                r#"{"message":"Missing Access","code":"50001"}"#,
                r#"{"message":"Missing Access","code":-1}"#,
                r#"{"message":5,"code":50001}"#,
                r#"{"error":{"message":"x","code":50001}}"#,
            ] {
                assert!(is_outage(status, body), "{status} {body}");
            }
        }
    }

    #[test]
    fn a_fault_of_discord_is_an_outage_whatever_its_status() {
        for status in [400, 403, 404, 500, 503] {
            for code in FAULTS {
                assert!(is_outage(
                    status,
                    &format!(r#"{{"message":"internal network error","code":{code}}}"#)
                ));
            }
        }
        assert!(is_outage(503, r#"{"message":"x","code":10004}"#));
    }

    #[test]
    fn the_code_decides_and_not_the_status() {
        let code = |status, code| refused(status, format!(r#"{{"message":"x","code":{code}}}"#).as_bytes());
        for status in [400, 403, 404] {
            assert_eq!(code(status, 10_004), DiscordError::NotFound { code: 10_004 });
            assert_eq!(code(status, 50_007), DiscordError::Refused { status, code: 50_007 });
            assert_eq!(code(status, 40_003), DiscordError::TooManyDirectMessages);
            assert!(matches!(code(status, 20_028), DiscordError::RateLimited { .. }));
        }
        assert_eq!(code(401, 0), DiscordError::Unauthorized);
        assert_eq!(code(429, 40_003), DiscordError::TooManyDirectMessages);
        assert!(matches!(code(401, 50_027), DiscordError::Refused { .. }));
    }

    #[test]
    fn a_byte_order_mark_before_a_refusal_does_no_harm() {
        let body = b"\xef\xbb\xbf{\"message\":\"x\",\"code\":50007}";
        assert_eq!(refused(403, body), DiscordError::Refused { status: 403, code: 50_007 });
    }
}
