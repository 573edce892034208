//! One complete look at whom the owner shares with, used by everybody who needs one at that moment.

use std::sync::{Arc, atomic::Ordering};

use tokio::time::Instant;

use crate::{
    domain::{
        Timestamp,
        account::{Held, HeldReason},
    },
    pipeline::{
        context::Context,
        memory::snapshot::{Look, Standing, Taken, standing},
        reconcile::job::{Job, Trouble},
        seam::{Step, millis},
    },
    plex::PlexError,
};

impl Context {
    /// A look that began after this call did. Those who call at the same time share one.
    pub(in crate::pipeline) async fn look(&self) -> Result<Arc<Look>, PlexError> {
        let called = Instant::now();
        self.look_unless(|taken| taken.began >= called).await
    }

    /// A look that began after `since`, and not too long ago: for those who only wait for what others do.
    async fn look_since(&self, since: Timestamp) -> Result<Arc<Look>, PlexError> {
        let oldest = millis(self.settings().timings.check_pending);
        let now = self.seam.now();
        let serves = |began: Timestamp| began >= since && began.plus_millis(oldest) > now;
        self.look_unless(|taken| serves(taken.look.began)).await
    }

    async fn look_unless(&self, serves: impl Fn(&Taken) -> bool) -> Result<Arc<Look>, PlexError> {
        if self.token_is_refused() {
            return Err(PlexError::Unauthorized);
        }
        let mut last = self.looks.last.lock().await;
        if let Some(taken) = &*last
            && serves(taken)
        {
            return Ok(Arc::clone(&taken.look));
        }
        let (began, began_at) = (Instant::now(), self.seam.now());
        let taken = Look::take(&self.plex, &self.settings().server.machine, began_at).await;
        self.looks.failing.store(taken.is_err(), Ordering::Relaxed);
        if matches!(taken, Err(PlexError::Unauthorized)) {
            self.token_refused();
        }
        let look = Arc::new(taken?);
        self.looks.absences.note(&look.missing, began_at);
        self.looks.told.store(false, Ordering::Relaxed);
        *last = Some(Taken { began, look: Arc::clone(&look) });
        drop(last);
        self.seam.reach(Step::PlexObserved).await;
        Ok(look)
    }
}

impl Job<'_> {
    /// Looks, and finds this account. The share's id is the identity, then the Plex account, and only then
    /// the address: people accept with another one.
    pub(super) async fn look(&self) -> Result<Arc<Look>, Trouble> {
        Ok(self.core.look().await?)
    }

    /// Looks for an invitation that is out. All that are looked for at the same time share one look, so that
    /// their number costs no requests: it began after this account was due, and while the invitation was known
    /// to be out. Whoever comes here a second time, after something was done, takes a fresh one.
    pub(super) async fn look_for_acceptance(&mut self) -> Result<Arc<Look>, Trouble> {
        match self.waits_since.take() {
            Some(since) => Ok(self.core.look_since(since).await?),
            None => self.look().await,
        }
    }

    /// Confirms by a second look, a while later, that there is nothing.
    pub(super) async fn look_again(&self) -> Result<Arc<Look>, Trouble> {
        self.core.seam.sleep(self.core.settings().timings.confirm_absence).await;
        self.look().await
    }

    /// How this account stands.
    pub(super) fn standing<'l>(&self, look: &'l Look) -> Result<Standing<'l>, Trouble> {
        match standing(look, &self.account, &self.core.settings().server) {
            // What was ended just now had been accepted: no list of invitations bears on it.
            Ok(Standing::Unclear(_)) if self.ended_accepted => Ok(Standing::Absent),
            Ok(standing) => Ok(standing),
            Err(why) => Err(Trouble::Hold(Held { why: HeldReason::Ambiguous, words: why.to_string() })),
        }
    }
}
