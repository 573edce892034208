//! One exchange with Discord's REST API.
//!
//! Requests go out through our own client and not through serenity's, whose client has no time-out, ignores
//! the configured address while it limits the rate, and keeps the headers to itself that tell the limits.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Client, Method, Response,
    header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    date,
    limiter::{LONGEST_WAIT, Limiter, Route, Told, UNKNOWN_WAIT, seconds},
    refusal::{Refusal, meaning},
    settings::{BadSettings, Settings, address},
};
use crate::{
    domain::{Secret, Timestamp},
    pipeline::ports::DiscordError,
    unreached,
};

/// How often a request is sent if Discord asks to wait each time.
const TRIES: u32 = 3;
/// The longest answer that is read. A page of 1,000 members has about one megabyte.
const LONGEST_ANSWER: usize = 32 * 1024 * 1024;
/// What Discord asks bots to send (Discord's documentation, "User Agent").
const USER_AGENT: &str = concat!("DiscordBot (rolarr, ", env!("CARGO_PKG_VERSION"), ")");
/// What need not be encoded in a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Which right a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// The bot's token, and so the bot's limits. The number is the guild's or channel's id, 0 without one.
    Bot(u64),
    /// The token of an interaction, in the path. It has no part in the global limit.
    Interaction,
}

/// A request. It can't be printed: path and body hold tokens and texts.
#[derive(Clone)]
pub(super) struct Call {
    method: Method,
    template: &'static str,
    path: String,
    right: Right,
    body: Option<Value>,
}

impl Call {
    /// A request with the bot's token. `template` is the method and the path with placeholders, for limits
    /// and errors; `path` follows `/api/v10`.
    pub(super) fn bot(method: Method, template: &'static str, major: u64, path: String) -> Self {
        Self { method, template, path, right: Right::Bot(major), body: None }
    }

    /// A request with the token of an interaction.
    pub(super) fn interaction(method: Method, template: &'static str, path: String) -> Self {
        Self { method, template, path, right: Right::Interaction, body: None }
    }

    /// The same with a JSON body.
    pub(super) fn with(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
}

/// A text as a segment of a path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// Discord's REST API.
#[derive(Debug)]
pub(super) struct Http {
    client: Client,
    base: String,
    authorization: HeaderValue,
    limiter: Limiter,
    limit: Duration,
    clock: Mutex<Option<(Instant, Timestamp)>>,
}

enum Answer {
    Body(Vec<u8>),
    Wait(Duration),
}

impl Http {
    pub(super) fn new(settings: &Settings) -> Result<Self, BadSettings> {
        let base = address(&settings.api, "REST API", ["https", "http"], "`https://` or `http://`")?;
        let client = client(settings)?;
        let authorization = authorization(&settings.token)?;
        Ok(Self {
            client,
            base,
            authorization,
            limiter: Limiter::new(),
            limit: settings.request_limit,
            clock: Mutex::default(),
        })
    }

    /// Sends a request and reads the answer's JSON.
    pub(super) async fn read<T: DeserializeOwned>(&self, call: Call) -> Result<T, DiscordError> {
        let template = call.template;
        let body = self.send(call).await?;
        // serde's error would quote what Discord sent.
        serde_json::from_slice(&body).map_err(|_| unavailable(template, "the answer can't be read"))
    }

    /// Sends a request that Discord answers with nothing (204). Something all the same is the page of a proxy: nothing
    /// tells whether the request reached Discord.
    pub(super) async fn finish(&self, call: Call) -> Result<(), DiscordError> {
        let template = call.template;
        let body = self.send(call).await?;
        if body.is_empty() {
            Ok(())
        } else {
            Err(unavailable(template, "the answer did not come from Discord"))
        }
    }

    /// Sends a request. Whatever stands in the answer, a 2xx alone does not make it Discord's.
    async fn send(&self, call: Call) -> Result<Vec<u8>, DiscordError> {
        let mut tries = 1;
        loop {
            match self.exchange(&call).await? {
                Answer::Body(body) => return Ok(body),
                Answer::Wait(retry_after) if tries >= TRIES || retry_after > LONGEST_WAIT => {
                    return Err(DiscordError::RateLimited { retry_after });
                }
                // With the bot's right the limiter waits before the next try.
                Answer::Wait(_) if matches!(call.right, Right::Bot(_)) => {}
                Answer::Wait(wait) => tokio::time::sleep(wait).await,
            }
            tries += 1;
        }
    }

    async fn exchange(&self, call: &Call) -> Result<Answer, DiscordError> {
        let route = match call.right {
            Right::Bot(major) => Some(Route { template: call.template, major }),
            Right::Interaction => None,
        };
        let permit = match route {
            Some(route) => Some(self.limiter.permit(route).await?),
            None => None,
        };
        let url = format!("{}/api/v10{}", self.base, call.path);
        let mut request = self.client.request(call.method.clone(), url);
        if route.is_some() {
            request = request.header(AUTHORIZATION, self.authorization.clone());
        }
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let response = request.send().await.map_err(|error| self.no_answer(call, &error))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        self.learn_time(&headers);
        // The head alone teaches what there is to learn if the rest never comes.
        let told = told(status, &headers);
        let body = match self.body(call, response).await {
            Ok(body) => body,
            Err(error) => {
                self.limiter.learn(route, told);
                return Err(error);
            }
        };
        let refusal = if status >= 400 { Refusal::read(&body) } else { Refusal::default() };
        let answer = match status {
            200..=299 => Ok(Answer::Body(body)),
            400..=599 => Err(meaning(call.template, status, &refusal)),
            _ => Err(unavailable(call.template, &format!("status {status}"))),
        };
        let told = Told { unauthorized: answer_says_unauthorized(&answer), ..complete(&refusal, told) };
        self.limiter.learn(route, told);
        drop(permit);
        match answer {
            Err(DiscordError::RateLimited { .. }) if status == 429 => {
                Ok(Answer::Wait(told.retry_after.unwrap_or(UNKNOWN_WAIT)))
            }
            other => other,
        }
    }

    /// Discord's clock, as its last answer told it, and as much later as it is by now.
    pub(super) fn clock(&self) -> Option<Timestamp> {
        let (at, told) = (*self.clock.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(told.plus_millis(u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX)))
    }

    fn learn_time(&self, headers: &HeaderMap) {
        let told = headers.get(DATE).and_then(|value| date::parse(value.to_str().ok()?));
        if let Some(told) = told {
            *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), told));
        }
    }

    async fn body(&self, call: &Call, mut response: Response) -> Result<Vec<u8>, DiscordError> {
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| self.no_answer(call, &error))? {
            if body.len() + part.len() > LONGEST_ANSWER {
                return Err(unavailable(call.template, "the answer is too long"));
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }

    fn no_answer(&self, call: &Call, error: &reqwest::Error) -> DiscordError {
        if error.is_connect() {
            unavailable(call.template, unreached::why(error))
        } else if error.is_timeout() {
            unavailable(call.template, &format!("no answer within {} s", self.limit.as_secs_f32()))
        } else {
            unavailable(call.template, "the connection broke")
        }
    }
}

fn unavailable(template: &str, what: &str) -> DiscordError {
    DiscordError::Unavailable { what: format!("{template}: {what}") }
}

/// A client that contacts nothing but what it is told to: no system proxy, no redirects.
pub(super) fn client(settings: &Settings) -> Result<Client, BadSettings> {
    Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(settings.connect_limit)
        .timeout(settings.request_limit)
        .no_proxy()
        .redirect(Policy::none())
        .build()
        .map_err(|_| BadSettings::Client)
}

fn authorization(token: &Secret) -> Result<HeaderValue, BadSettings> {
    let mut value =
        HeaderValue::from_str(&format!("Bot {}", token.expose())).map_err(|_| BadSettings::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

fn answer_says_unauthorized(answer: &Result<Answer, DiscordError>) -> bool {
    matches!(answer, Err(DiscordError::Unauthorized))
}

/// What the headers told, with what the body says more exactly.
fn complete(refusal: &Refusal, mut told: Told) -> Told {
    if told.status == 429 {
        let exact = refusal.retry_after.and_then(seconds);
        told.retry_after = Some(exact.or(told.retry_after).unwrap_or(UNKNOWN_WAIT));
        told.global |= refusal.global;
    }
    told
}

fn told(status: u16, headers: &HeaderMap) -> Told {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let retry_after = || {
        let header = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok();
        Some(header.and_then(seconds).unwrap_or(UNKNOWN_WAIT))
    };
    Told {
        status,
        remaining: text("x-ratelimit-remaining").and_then(|text| text.parse().ok()),
        reset_after: text("x-ratelimit-reset-after").and_then(|text| text.parse().ok()).and_then(seconds),
        retry_after: if status == 429 { retry_after().or(Some(UNKNOWN_WAIT)) } else { None },
        global: text("x-ratelimit-global") == Some("true") || text("x-ratelimit-scope") == Some("global"),
        shared: text("x-ratelimit-scope") == Some("shared"),
        unauthorized: false,
    }
}

/// What an answer of Discord's REST API with an error status comes to, by its headers and its body: the error, and how
/// long the limit lasts if it is one. Public for tests and fuzzing.
#[must_use]
pub fn answered(status: u16, headers: &[(&[u8], &[u8])], body: &[u8]) -> (DiscordError, Option<Duration>) {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
    let refusal = Refusal::read(body);
    let told = complete(&refusal, told(status, &map));
    (meaning("the request", status, &refusal), told.retry_after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_says_more_exactly_how_long_to_wait() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        let refusal = Refusal::read(br#"{"message":"x","retry_after":0.25,"global":true}"#);
        let told = complete(&refusal, told(429, &headers));
        assert_eq!(told.retry_after, Some(Duration::from_millis(250)));
        assert!(told.global);
    }

    #[test]
    fn a_limit_without_a_time_still_waits() {
        let told = complete(&Refusal::read(b"<html>"), told(429, &HeaderMap::new()));
        assert_eq!(told.retry_after, Some(UNKNOWN_WAIT));
    }

    #[test]
    fn garbage_in_headers_is_not_believed() {
        let mut headers = HeaderMap::new();
        for name in ["x-ratelimit-remaining", "x-ratelimit-reset-after", "retry-after"] {
            headers.insert(name, HeaderValue::from_static("-1e999"));
        }
        let told = told(429, &headers);
        assert_eq!((told.remaining, told.reset_after), (None, None));
        assert_eq!(told.retry_after, Some(UNKNOWN_WAIT));
    }

    #[test]
    fn a_token_stays_within_its_segment() {
        assert_eq!(segment("a-b_c.d/../e?"), "a-b_c.d%2F..%2Fe%3F");
    }
}
