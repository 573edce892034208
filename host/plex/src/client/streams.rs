//! What the server plays at the moment, and ending it. A filter does not end what is being watched.

use super::exchange::{Plex, request};
use crate::{Base, Method, PlexError, Redacted, Request, Session, xml::Element};
use rolarr_domain::PlexAccountId;

impl Plex {
    /// What the server plays: `GET /status/sessions`. What has no session id can't be ended and is left out.
    ///
    /// # Errors
    /// [`PlexError`], also if no address of the server is configured.
    pub async fn sessions(&self) -> Result<Vec<Session>, PlexError> {
        let route = "/status/sessions";
        let list = Element::list(&self.ask_server(request(Base::Server, Method::Get, route, route)).await?)?;
        let session = |item: &Element| {
            let id = item.all("Session").next()?.needed("id").ok()?;
            let account = PlexAccountId(item.all("User").next()?.number("id").ok()?);
            Some(Session { id, account })
        };
        Ok(list.children.iter().filter_map(session).collect())
    }

    /// Ends what somebody is watching, with a reason that their player may show:
    /// `GET /status/sessions/terminate`. A session that is over already is fine.
    ///
    /// # Errors
    /// [`PlexError`], also if no address of the server is configured.
    pub async fn terminate(&self, session: &Session, reason: &str) -> Result<(), PlexError> {
        let route = "/status/sessions/terminate";
        let query = vec![("sessionId", session.id.clone()), ("reason", reason.to_owned())];
        let request = Request { query, ..request(Base::Server, Method::Get, route, route) };
        match self.ask_server(request).await {
            Ok(_) | Err(PlexError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks the server. Its 401 and 403 say nothing of the account's token at plex.tv, so they are plain
    /// refusals. A 401 that is not in the server's own form is an outage.
    pub(super) async fn ask_server(&self, request: Request) -> Result<String, PlexError> {
        let refusal = match self.answer(request, &[]).await? {
            Ok(body) => return Ok(body),
            Err(refusal) => refusal,
        };
        let words = match refusal.status {
            _ if matches!(refusal.error, PlexError::NotPlex { .. }) => return Err(refusal.error),
            401 => Redacted::ours(
                "the server does not accept the token, or its owner has no Plex Pass to end streams with",
            ),
            403 => Redacted::ours("the server does not allow it with this token: it must be the owner's"),
            _ => return Err(refusal.error),
        };
        Err(PlexError::Refused { status: refusal.status, words })
    }
}
