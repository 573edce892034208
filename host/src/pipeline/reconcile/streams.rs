//! What a member watches is ended with their access: a filter, or the end of a share, ends nothing that plays.
//!
//! An answer of the server is not believed. What plays on is ended again with the next look, and administrators are told
//! of what can't be ended.

use std::time::Duration;

use crate::{
    domain::{AuditKind, EventId, PlexAccountId},
    pipeline::{
        reconcile::job::{Job, Trouble},
        texts,
    },
    plex::PlexError,
};

/// So often it is tried again to end what is running, before administrators are told that it goes on.
const STREAM_TRIES: u32 = 5;

/// A player takes a moment to stop after the server has told it to.
const STOPS_WITHIN: Duration = Duration::from_secs(2);

/// Why it is not certain that a person watches nothing any more.
#[derive(Debug, thiserror::Error)]
enum GoesOn {
    /// The server accepted the end of it, and the sessions still show something.
    #[error("they still watch something: the Plex server accepted the request to stop it, and it plays on")]
    Plays,
    /// The server did not accept it, or does not say what plays.
    #[error("what they may be watching could not be stopped: {0}")]
    Plex(#[from] PlexError),
}

impl Job<'_> {
    /// Ends what is running once more, some time after a restriction was written: the filter reaches the server
    /// later than plex.tv, and ends nothing that plays. That it can't be ended keeps nobody from being told that they
    /// are restricted.
    pub(super) async fn end_streams_again(&mut self, who: PlexAccountId, hides: bool) -> Result<(), Trouble> {
        let Some(due) = self.account.streams_due else { return Ok(()) };
        if !hides || !self.core.settings().streams {
            return self.streams_are_ended().await;
        }
        if self.core.seam.now() < due {
            return Ok(());
        }
        self.end_streams_or_tell(who, "their access is restricted").await
    }

    /// Ends what somebody is watching whose share was just ended, before it is forgotten who they are. That it can't be
    /// ended keeps nobody from being forgotten.
    pub(super) async fn end_streams_of_leaver(&mut self) -> Result<(), Trouble> {
        if self.account.streams_due.is_none() {
            return Ok(());
        }
        match self.account.plex_account.filter(|_| self.core.settings().streams) {
            Some(who) => self.end_streams_or_tell(who, "their share is ended").await,
            None => self.streams_are_ended().await,
        }
    }

    /// Ends what a person is watching, and makes sure of it. What goes on is ended with the next look, and after some
    /// looks administrators are told. `state` is what else became of their access.
    async fn end_streams_or_tell(&mut self, who: PlexAccountId, state: &'static str) -> Result<(), Trouble> {
        let Err(why) = self.end_streams_for_good(who).await else { return self.streams_are_ended().await };
        if self.account.attempts < STREAM_TRIES {
            return Err(PlexError::Unavailable { what: why.to_string(), maybe_applied: false }.into());
        }
        let now = self.core.seam.now();
        let text = format!(
            "{state}, but {why}. It can go on until they stop it. Open the dashboard of Plex, which shows what the \
             server plays, and stop it there."
        );
        self.amend(move |tx, account| {
            account.end_streams();
            let text = texts::about(account.user, &text);
            tx.audit(now, account.decided_by, account.user, AuditKind::Streams, &text)
        })
        .await
    }

    async fn streams_are_ended(&mut self) -> Result<(), Trouble> {
        self.amend(|_, account| {
            account.end_streams();
            Ok(())
        })
        .await
    }

    /// Ends what a person is watching, and reads the sessions again where there was anything to end.
    async fn end_streams_for_good(&self, who: PlexAccountId) -> Result<(), GoesOn> {
        if !self.end_streams(who).await? {
            return Ok(());
        }
        self.core.seam.sleep(STOPS_WITHIN).await;
        let sessions = self.core.plex.sessions().await?;
        if sessions.iter().any(|session| session.account == who) { Err(GoesOn::Plays) } else { Ok(()) }
    }

    /// Ends what a person is watching, as far as the server says so. True if there was anything to end.
    pub(super) async fn end_streams(&self, who: PlexAccountId) -> Result<bool, PlexError> {
        if !self.core.settings().streams {
            return Ok(false);
        }
        let ended = self.end_each_stream(who).await;
        if let Err(error) = &ended {
            let event = self.account.decided_by.map(EventId::padded).unwrap_or_default();
            tracing::warn!(event, %error, "running streams could not be ended");
        }
        ended
    }

    /// Whatever becomes of one of them, the others are tried.
    async fn end_each_stream(&self, who: PlexAccountId) -> Result<bool, PlexError> {
        let (mut found, mut failed) = (false, None);
        let sessions = self.core.plex.sessions().await?;
        for session in sessions.iter().filter(|session| session.account == who) {
            found = true;
            if let Err(error) = self.core.plex.terminate(session, "Your access is paused.").await {
                failed = failed.or(Some(error));
            }
        }
        failed.map_or(Ok(found), Err)
    }
}
