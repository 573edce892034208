//! The token that Plex refused: administrators are told, and nothing is asked with it but, now and then, whether it
//! works again.

use tokio::sync::Notify;

use crate::{
    domain::{AuditKind, Timestamp},
    pipeline::{
        context::Context,
        memory::token::{CALM, Token},
        runtime::worker::Worker,
        seam::millis,
    },
    plex::PlexError,
    store::{ParkReason, StoreError},
};

impl Context {
    /// Plex refused the token, whoever asked with it. Administrators are told by the worker that asks for the
    /// token from now on: whatever becomes of what was just tried, the message is not lost with it.
    pub(in crate::pipeline) fn token_refused(&self) {
        let now = self.seam.now();
        let mut token = self.token();
        if token.refused {
            return;
        }
        let calm = |since: Timestamp| since.plus_millis(millis(CALM)) <= now;
        let tells = token.accepted.is_none_or(calm);
        token.attempts = if tells { 0 } else { token.attempts.saturating_add(1) };
        token.refused = true;
        token.untold |= tells;
        token.next = Some(self.retry_at(token.attempts, None));
        drop(token);
        self.signals.token.notify_one();
    }

    /// Tells administrators of a refusal, once.
    async fn tell_of_refusal(&self) -> Result<(), StoreError> {
        if !self.token().untold {
            return Ok(());
        }
        let now = self.seam.now();
        let text = format!("{}. Nothing is changed at Plex until it works.", PlexError::Unauthorized);
        self.store.write(move |tx| tx.audit(now, None, None, AuditKind::Token, &text)).await?;
        self.token().untold = false;
        Ok(())
    }

    /// Whether Plex refuses the token, as far as is known.
    pub(in crate::pipeline) fn token_is_refused(&self) -> bool {
        self.token().refused
    }

    /// Plex accepted the token: those who waited for that go on.
    pub(in crate::pipeline) async fn token_works(&self) -> Result<(), StoreError> {
        if !self.token_is_refused() {
            return Ok(());
        }
        let now = self.seam.now();
        // Before the commit, which has the accounts worked on: with a refused token they would be parked again.
        let before = {
            let mut token = self.token();
            let before = *token;
            *token = Token { refused: false, next: None, accepted: Some(now), ..before };
            before
        };
        let unparked = self.store.write(move |tx| tx.unpark(ParkReason::Token, now)).await;
        let unparked = unparked.inspect_err(|_| *self.token() = before)?;
        tracing::info!(unparked, "Plex accepts the token again; accounts that waited for that go on");
        self.signals.reconcile.notify_one();
        self.signals.drift.notify_one();
        Ok(())
    }
}

/// Tells of a refused token, and asks now and then whether it works again.
pub(in crate::pipeline) struct TokenProbe;

impl Worker for TokenProbe {
    const NAME: &'static str = "token";

    fn signal(core: &Context) -> &Notify {
        &core.signals.token
    }

    async fn round(&mut self, core: &Context) -> Result<Option<Timestamp>, StoreError> {
        core.tell_of_refusal().await?;
        match core.token().next {
            None => return Ok(None),
            Some(next) if next > core.seam.now() => return Ok(Some(next)),
            Some(_) => {}
        }
        // The cheapest request that tells.
        match core.plex.owner().await {
            Ok(_) => {
                core.token_works().await?;
                Ok(None)
            }
            Err(error) => {
                tracing::debug!(%error, "the token does not work yet");
                let at_least = match error {
                    PlexError::RateLimited { retry_after } => retry_after,
                    _ => None,
                };
                let mut token = core.token();
                token.attempts = token.attempts.saturating_add(1);
                token.next = Some(core.retry_at(token.attempts, at_least));
                Ok(token.next)
            }
        }
    }
}
