//! One request and what its answer means.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::refusal;
use crate::{
    Base, Method, Names, PlexError, Redactor, Request, Response, Transport, TransportError, xml::Unreadable,
};

/// Waits. It stands for the clock, so that tests need not wait.
#[async_trait]
pub trait Pause: Send + Sync {
    /// Returns after this time.
    async fn pause(&self, time: Duration);
}

/// Waits with the runtime's clock.
#[derive(Clone, Copy, Debug)]
pub struct Sleep;

#[async_trait]
impl Pause for Sleep {
    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// Speaks Plex's protocol. A clone shares what is known with its original.
///
/// No call repeats a write whose effect is not known. Waiting for a rate limit is up to the caller.
#[derive(Clone)]
pub struct Plex {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Arc<dyn Transport>,
    pause: Arc<dyn Pause>,
    known: Mutex<BTreeMap<&'static str, Vec<Names>>>,
}

impl std::fmt::Debug for Plex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Plex(…)")
    }
}

impl Plex {
    /// Speaks over a transport.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self::with_pause(transport, Arc::new(Sleep))
    }

    /// The same with another clock for the pauses between two looks at what was written.
    #[must_use]
    pub fn with_pause(transport: Arc<dyn Transport>, pause: Arc<dyn Pause>) -> Self {
        Self { inner: Arc::new(Inner { transport, pause, known: Mutex::default() }) }
    }

    pub(super) async fn pause(&self, time: Duration) {
        self.inner.pause.pause(time).await;
    }

    /// Remembers who stood in a list, in place of who stood in it before, so that they can be taken out of
    /// what plex.tv says.
    pub(super) fn remember<'a>(&self, list: &'static str, names: impl Iterator<Item = &'a Names>) {
        let mut known = self.inner.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(list, names.cloned().collect());
    }

    /// Knows everybody who stood in a list, and these names.
    fn redactor(&self, also: &[&str]) -> Redactor {
        let known = self.inner.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.values().flatten().flat_map(|names| [&names.email, &names.username, &names.title]);
        Redactor::new(known.map(String::as_str).chain(also.iter().copied()))
    }

    /// Sends a request and takes the body of an answer that says yes. `also` are names that may stand in the
    /// answer, apart from the known ones.
    pub(super) async fn send(&self, request: Request, also: &[&str]) -> Result<String, PlexError> {
        let answer = self.answer(request, also).await?;
        answer.map_err(|refused| refused.error)
    }

    /// Asks for a list that everything else is judged by. That it is refused says nothing of any one person: it
    /// is a fault at Plex's side, or at something between, and is to be tried again.
    pub(super) async fn list(&self, request: Request) -> Result<String, PlexError> {
        let refusal = match self.answer(request, &[]).await? {
            Ok(body) => return Ok(body),
            Err(refusal) => refusal,
        };
        if let 404 | 410 = refusal.status {
            return Err(PlexError::NoSuchList { status: refusal.status });
        }
        let what = match refusal.error {
            PlexError::Refused { status, words } => format!("a list is refused (status {status}): {words}"),
            _ => format!("a list is not there (status {})", refusal.status),
        };
        Err(PlexError::Unavailable { what, maybe_applied: false })
    }

    /// Sends a request. The outer error is for answers that mean the same on every route, the inner one for
    /// refusals, with their words for the caller to look at.
    pub(super) async fn answer(
        &self,
        request: Request,
        also: &[&str],
    ) -> Result<Result<String, Refusal>, PlexError> {
        let write = request.method != Method::Get;
        let base = request.base;
        let asks_for_owner = request.route == OWNER;
        let response = self.inner.transport.send(request).await.map_err(|error| unanswered(&error, write))?;
        let is_unclear =
            response.status == 401 && base != Base::Server && !refusal::is_of_token(&response.body);
        if is_unclear && !asks_for_owner && self.owner_is_refused().await {
            return Err(PlexError::Unauthorized);
        }
        self.meaning(response, base, write, also)
    }

    /// Whether plex.tv refuses the token, in its own form, where the owner's account is asked for. That settles what a
    /// 401 means that is in another form: a proxy answers so too.
    async fn owner_is_refused(&self) -> bool {
        let asks = Request { json: true, ..request(Base::PlexTv, Method::Get, OWNER, OWNER) };
        let answer = self.inner.transport.send(asks).await;
        answer.is_ok_and(|response| response.status == 401 && refusal::is_of_token(&response.body))
    }

    fn meaning(
        &self,
        response: Response,
        base: Base,
        write: bool,
        also: &[&str],
    ) -> Result<Result<String, Refusal>, PlexError> {
        let Response { status, retry_after, body } = response;
        let fault = |what: &str, maybe_applied| {
            Err(PlexError::Unavailable { what: format!("{what} (status {status})"), maybe_applied })
        };
        match status {
            200..=299 => Ok(Ok(body)),
            401 if base != Base::Server && refusal::is_of_token(&body) => Err(PlexError::Unauthorized),
            429 => Err(PlexError::RateLimited {
                retry_after: retry_after.map(|seconds| Duration::from_secs(seconds.min(LONGEST_WAIT))),
            }),
            408 => fault("it gave up waiting for the request", write),
            400..=499 => {
                let words = refusal::words(&body);
                if status == 422 && words.as_deref().is_some_and(|words| words.contains("Invalid token")) {
                    return Err(PlexError::Unauthorized);
                }
                let redacted = refusal::shown(words.as_deref(), &self.redactor(also));
                let is_foreign = match (status, base) {
                    (401, Base::Server) => words.is_none() && !refusal::is_page_of_server(&body),
                    (_, Base::Server) => false,
                    (401, _) => true,
                    _ => words.is_none(),
                };
                let error = match status {
                    404 => PlexError::NotFound,
                    _ if is_foreign => PlexError::NotPlex { status },
                    _ => PlexError::Refused { status, words: redacted },
                };
                Ok(Err(Refusal { status, words: words.unwrap_or_default(), error }))
            }
            300..=399 => fault("it sends us elsewhere, where we don't go", false),
            _ => fault("it is at fault", write),
        }
    }
}

/// The route to the account whose token is used.
pub(super) const OWNER: &str = "/api/v2/user";

/// The longest time that plex.tv may ask us to wait, in seconds.
const LONGEST_WAIT: u64 = 3_600;

/// An answer that says no.
pub(super) struct Refusal {
    /// The HTTP status.
    pub(super) status: u16,
    /// plex.tv's words as they came, to look for known phrases and for nothing else.
    pub(super) words: String,
    /// What it means if the route gives it no other meaning.
    pub(super) error: PlexError,
}

fn unanswered(error: &TransportError, write: bool) -> PlexError {
    let maybe_applied = write
        && !matches!(
            error,
            TransportError::NotSent | TransportError::Unreached(_) | TransportError::NoAddress
        );
    PlexError::Unavailable { what: error.to_string(), maybe_applied }
}

impl From<Unreadable> for PlexError {
    fn from(error: Unreadable) -> Self {
        Self::Unavailable { what: error.to_string(), maybe_applied: false }
    }
}

/// A request for XML without query and body.
pub(super) fn request(base: Base, method: Method, route: &'static str, path: impl Into<String>) -> Request {
    Request { base, method, route, path: path.into(), query: Vec::new(), json: false, body: None }
}
