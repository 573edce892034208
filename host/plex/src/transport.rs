//! One HTTP exchange, without saying over what: a socket, or a simulator in the same process.

use async_trait::async_trait;

/// Which of the configured addresses a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// `https://plex.tv`.
    PlexTv,
    /// `https://clients.plex.tv`.
    Clients,
    /// The Plex server itself.
    Server,
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates, and at plex.tv's v2 also updates.
    Post,
    /// Updates.
    Put,
    /// Removes.
    Delete,
}

/// One request. `Debug` shows its route, never its path or content: both may hold an e-mail address.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Where it goes.
    pub base: Base,
    /// What it does.
    pub method: Method,
    /// The route with placeholders, for logs and metrics: `/api/users/{id}`.
    pub route: &'static str,
    /// The path, percent-encoded, beginning with a slash.
    pub path: String,
    /// The query, not encoded yet, in the order in which it is sent.
    pub query: Vec<(&'static str, String)>,
    /// Asks for JSON instead of XML.
    pub json: bool,
    /// A JSON body.
    pub body: Option<String>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?} {}", self.method, self.base, self.route)
    }
}

/// One answer. `Debug` shows its status, never its body: it may name people.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header, in seconds.
    pub retry_after: Option<u64>,
    /// The body.
    pub body: String,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with {} bytes", self.status, self.body.len())
    }
}

/// There was no answer. It never carries an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection was made: the request had no effect.
    #[error("no connection")]
    NotSent,
    /// No connection came about, for this reason: the request had no effect.
    #[error("{0}")]
    Unreached(&'static str),
    /// The request may have had its effect: a time-out, or a connection that broke.
    #[error("no answer: {0}")]
    NoAnswer(&'static str),
    /// No address of that party is configured.
    #[error("its address is not configured")]
    NoAddress,
    /// The answer is longer than any answer that makes sense.
    #[error("the answer is too long")]
    TooLong,
}

/// Carries requests to plex.tv and the Plex server.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends one request and reads the whole answer. Every call ends, if need be with a time-out.
    ///
    /// # Errors
    /// [`TransportError`] if there was no answer. An HTTP status is never an error here.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;
}
