//! Rate limits: one for all requests, one for each route and its guild, channel or webhook.
//!
//! The numbers are of Discord's kind, not Discord's: a client must take them from the headers.

use std::collections::BTreeMap;

use serde_json::json;

use crate::http::Response;

/// All requests of the bot in a second.
const GLOBAL_PER_SECOND: u32 = 50;
/// Invalid requests in ten minutes before the address is shut out.
const INVALID_PER_10_MIN: usize = 10_000;

/// A span of time and what was used of it.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    began_ms: u64,
    used: u32,
}

impl Window {
    /// Counts one; how long to wait if there were too many.
    fn count(&mut self, now_ms: u64, length_ms: u64, limit: u32) -> Option<u64> {
        if self.used == 0 || now_ms.saturating_sub(self.began_ms) >= length_ms {
            *self = Self { began_ms: now_ms, used: 0 };
        }
        if self.used >= limit {
            return Some((self.began_ms + length_ms).saturating_sub(now_ms));
        }
        self.used += 1;
        None
    }
}

/// Counts requests.
#[derive(Clone, Debug)]
pub(in crate::discord) struct Limiter {
    /// Whether too many requests are refused.
    pub(in crate::discord) enforced: bool,
    global: Window,
    buckets: BTreeMap<String, Window>,
    invalid_ms: Vec<u64>,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { enforced: true, global: Window::default(), buckets: BTreeMap::new(), invalid_ms: Vec::new() }
    }
}

/// How a request stands towards the limits.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Standing {
    /// It may pass.
    Within { bucket: String, limit: u32, remaining: u32, reset_after_ms: u64 },
    /// There were too many.
    Over { bucket: String, limit: u32, wait_ms: u64, global: bool },
}

impl Limiter {
    pub(super) fn count(&mut self, now_ms: u64, method: &str, path: &[&str], globally: bool) -> Standing {
        let key = bucket(method, path);
        let (limit, length_ms) = match (method, path) {
            ("POST" | "PATCH", ["channels", _, "messages", ..]) => (5, 5000),
            ("POST", ["users", "@me", "channels"]) => (10, 10_000),
            ("PUT", ["applications", ..]) => (10, 20_000),
            _ => (50, 1000),
        };
        let name = format!("{:016x}", hash(&key));
        if globally
            && self.enforced
            && let Some(wait_ms) = self.global.count(now_ms, 1000, GLOBAL_PER_SECOND)
        {
            return Standing::Over { bucket: name, limit, wait_ms, global: true };
        }
        let window = self.buckets.entry(key).or_default();
        match window.count(now_ms, length_ms, limit) {
            Some(wait_ms) if self.enforced => Standing::Over { bucket: name, limit, wait_ms, global: false },
            _ => Standing::Within {
                bucket: name,
                limit,
                // Nobody has to wait for limits that nobody keeps.
                remaining: if self.enforced { limit.saturating_sub(window.used) } else { limit },
                reset_after_ms: (window.began_ms + length_ms).saturating_sub(now_ms),
            },
        }
    }

    /// Counts an answer of 401, 403 or 429. Too many, and Discord's proxy shuts the address out.
    pub(in crate::discord) fn invalid(&mut self, now_ms: u64) {
        self.invalid_ms.push(now_ms);
    }

    /// Whether the address is shut out for its invalid requests.
    pub(in crate::discord) fn is_shut_out(&self, now_ms: u64) -> bool {
        let recent = self.invalid_ms.iter().filter(|at| now_ms.saturating_sub(**at) < 600_000).count();
        recent >= INVALID_PER_10_MIN
    }

    /// How many requests were invalid (401, 403, 429) so far.
    pub(in crate::discord) fn invalid_count(&self) -> usize {
        self.invalid_ms.len()
    }
}

impl Standing {
    /// The refusal of a request that is over the limit.
    pub(super) fn refusal(&self) -> Response {
        match self {
            Self::Over { wait_ms, global, .. } => too_many(*wait_ms, *global),
            Self::Within { .. } => Response::empty(500),
        }
    }

    /// Adds the headers.
    pub(super) fn mark(&self, response: Response, now_ms: u64) -> Response {
        let (bucket, limit, remaining, after_ms) = match self {
            Self::Within { bucket, limit, remaining, reset_after_ms } => {
                (bucket, limit, *remaining, *reset_after_ms)
            }
            Self::Over { bucket, limit, wait_ms, .. } => (bucket, limit, 0, *wait_ms),
        };
        from_discord(response)
            .with_header("x-ratelimit-limit", limit.to_string())
            .with_header("x-ratelimit-remaining", remaining.to_string())
            .with_header("x-ratelimit-reset", seconds(now_ms + after_ms))
            .with_header("x-ratelimit-reset-after", seconds(after_ms))
            .with_header("x-ratelimit-bucket", bucket.clone())
    }
}

/// 429 as Discord answers it.
pub(super) fn too_many(wait_ms: u64, global: bool) -> Response {
    #[expect(clippy::cast_precision_loss, reason = "waits are short")]
    let retry_after = wait_ms as f64 / 1000.0;
    let body =
        json!({"message": "You are being rate limited.", "retry_after": retry_after, "global": global});
    let response = Response::json(429, &body)
        .with_header("retry-after", wait_ms.div_ceil(1000).to_string())
        .with_header("x-ratelimit-scope", if global { "global" } else { "user" });
    if global { response.with_header("x-ratelimit-global", "true") } else { response }
}

/// Marks an answer as Discord's own. discord.py takes a 429 without this header for one of the proxy, and
/// does not wait and try again then.
pub(super) fn from_discord(response: Response) -> Response {
    response.with_header("via", "1.1 google")
}

/// 429 as the proxy before Discord answers it: no JSON, no time to wait.
pub(super) fn shut_out() -> Response {
    Response::typed(429, "text/plain", "error code: 1015".to_owned())
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// The route with its major parameter: what shares one limit.
fn bucket(method: &str, path: &[&str]) -> String {
    let mut key = method.to_owned();
    for (place, part) in path.iter().enumerate() {
        let minor = place > 1 && part.chars().all(|c| c.is_ascii_digit());
        key.push('/');
        key.push_str(if minor { "*" } else { part });
    }
    key
}

/// FNV-1a, to give a bucket a name that doesn't tell its route.
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_message_in_five_seconds_waits_and_other_channels_do_not() {
        let mut limiter = Limiter::default();
        let mut post = |at, channel| limiter.count(at, "POST", &["channels", channel, "messages"], true);
        for _ in 0..5 {
            assert!(matches!(post(1000, "1"), Standing::Within { .. }));
        }
        assert!(matches!(post(2000, "1"), Standing::Over { wait_ms: 4000, global: false, .. }));
        assert!(matches!(post(2000, "2"), Standing::Within { .. }));
        assert!(matches!(post(6000, "1"), Standing::Within { remaining: 4, .. }));
    }

    #[test]
    fn the_fifty_first_request_in_a_second_waits_whatever_it_is() {
        let mut limiter = Limiter::default();
        for user in 0..50 {
            let user = user.to_string();
            assert!(matches!(limiter.count(0, "GET", &["guilds", &user], true), Standing::Within { .. }));
        }
        assert!(matches!(
            limiter.count(10, "GET", &["users", "@me"], true),
            Standing::Over { global: true, .. }
        ));
        assert!(matches!(limiter.count(10, "POST", &["webhooks", "1"], false), Standing::Within { .. }));
    }
}
