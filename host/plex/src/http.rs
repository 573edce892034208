//! The transport over sockets.

use std::{
    fmt,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use reqwest::{
    Client, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};

use super::{Addresses, Base, Method, Request, Response, Transport, TransportError, percent, text};
use rolarr_domain::Secret;
use rolarr_edge::unreached;

/// Who we are to Plex.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The owner's account token.
    pub token: Secret,
    /// The server's own token; where there is none the account's is used, which for the owner does the same.
    pub server_token: Option<Secret>,
    /// `X-Plex-Client-Identifier`: stable for an installation. plex.tv ties tokens and its limits to it.
    pub client_identifier: String,
}

/// How long things may take and how large they may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until there is a connection. 10 s by default.
    pub connect: Duration,
    /// From the beginning until the answer is read whole. 30 s by default, as in python-plexapi.
    pub total: Duration,
    /// The longest answer in bytes. 16 MiB by default: a list of 100 friends has less than 1 MiB.
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), total: Duration::from_secs(30), body: 16 * 1024 * 1024 }
    }
}

/// The transport can't be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadIdentity {
    /// A token has a character that no token has.
    #[error("the Plex token has characters in it that no token has: copy it again")]
    Token,
    /// The client identifier has a character that no header can carry.
    #[error("the Plex client identifier has characters in it that a header can't carry")]
    ClientIdentifier,
    /// The HTTP client could not be set up.
    #[error("the HTTP client can't be set up")]
    Client,
}

/// Carries requests over HTTP. Redirects are not followed and the proxy settings of the environment are not
/// heeded, so that nothing but the configured addresses is ever contacted.
pub struct HttpTransport {
    client: Client,
    addresses: Addresses,
    token: HeaderValue,
    server_token: HeaderValue,
    body: usize,
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl HttpTransport {
    /// Makes the transport; nothing is contacted yet.
    ///
    /// # Errors
    /// [`BadIdentity`] if the token or the client identifier can't be sent.
    pub fn new(addresses: Addresses, identity: &Identity, limits: Limits) -> Result<Self, BadIdentity> {
        let token = sensitive(&identity.token)?;
        let server_token =
            identity.server_token.as_ref().map(sensitive).transpose()?.unwrap_or_else(|| token.clone());
        let client = Client::builder()
            .default_headers(headers(&identity.client_identifier)?)
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(limits.connect)
            .timeout(limits.total)
            // Below what servers commonly keep idle connections for: a write on one that they close at that
            // moment is a write whose effect is not known.
            .pool_idle_timeout(Duration::from_secs(30))
            .build()
            .map_err(|_| BadIdentity::Client)?;
        Ok(Self { client, addresses, token, server_token, body: limits.body })
    }

    fn url(&self, request: &Request) -> Result<Url, TransportError> {
        let base = self.addresses.of(request.base).ok_or(TransportError::NoAddress)?;
        let mut text = format!("{base}{}", request.path);
        for (index, (name, value)) in request.query.iter().enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            text.push_str(name);
            text.push('=');
            text.push_str(&percent::strict(value));
        }
        let url = Url::parse(&text).map_err(|_| TransportError::NotSent)?;
        // A segment like `..` would lead to another route than the one that was meant.
        if url.path().ends_with(&request.path) { Ok(url) } else { Err(TransportError::NotSent) }
    }

    async fn exchange(&self, request: Request) -> Result<Response, TransportError> {
        let url = self.url(&request)?;
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        let token = if request.base == Base::Server { &self.server_token } else { &self.token };
        let accept = if request.json { "application/json" } else { "application/xml" };
        let mut builder =
            self.client.request(method, url).header("X-Plex-Token", token.clone()).header(ACCEPT, accept);
        if let Some(body) = request.body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body);
        }
        let mut response = builder.send().await.map_err(|error| failure(&error))?;
        let status = response.status();
        let retry_after =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
            if body.len() + chunk.len() > self.body {
                return Err(TransportError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status: status.as_u16(), retry_after, body: text::decode(&body) })
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let (method, base, route) = (request.method, request.base, request.route);
        let started = Instant::now();
        let result = self.exchange(request).await;
        let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &result {
            Ok(response) => {
                tracing::debug!(?method, ?base, route, status = response.status, millis, "Plex answered");
            }
            Err(error) => tracing::debug!(?method, ?base, route, %error, millis, "Plex did not answer"),
        }
        result
    }
}

/// What went wrong, without the address that it went wrong with.
fn failure(error: &reqwest::Error) -> TransportError {
    if error.is_builder() {
        TransportError::NotSent
    } else if error.is_connect() {
        TransportError::Unreached(unreached::why(error))
    } else if error.is_timeout() {
        TransportError::NoAnswer("it took too long")
    } else {
        TransportError::NoAnswer("the connection broke")
    }
}

fn sensitive(token: &Secret) -> Result<HeaderValue, BadIdentity> {
    let token = token.expose();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(BadIdentity::Token);
    }
    let mut value = HeaderValue::from_str(token).map_err(|_| BadIdentity::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

fn headers(client_identifier: &str) -> Result<HeaderMap, BadIdentity> {
    let identifier = HeaderValue::from_str(client_identifier)
        .ok()
        .filter(|value| !value.is_empty())
        .ok_or(BadIdentity::ClientIdentifier)?;
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("x-plex-client-identifier"), identifier);
    for (name, value) in [
        ("x-plex-product", "Rolarr"),
        ("x-plex-version", env!("CARGO_PKG_VERSION")),
        ("x-plex-platform", std::env::consts::OS),
        ("x-plex-device", std::env::consts::OS),
        ("x-plex-device-name", "Rolarr"),
        ("x-plex-provides", "controller"),
        ("x-plex-language", "en"),
        ("user-agent", concat!("Rolarr/", env!("CARGO_PKG_VERSION"))),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
