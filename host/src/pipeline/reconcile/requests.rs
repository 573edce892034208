//! Sending a request to Plex whose effect can come late, and knowing afterwards for how long that matters.

use crate::{
    domain::{
        Timestamp,
        account::Account,
        reconcile::share::{Outcome, ShareState},
    },
    pipeline::reconcile::job::Job,
    plex::PlexError,
    store::{StoreError, Tx},
};

/// What an answer says of the effect of a request.
pub(super) fn outcome<T>(result: &Result<T, PlexError>) -> Outcome {
    match result {
        Ok(_) => Outcome::Done,
        Err(PlexError::Unavailable { maybe_applied: true, .. } | PlexError::NotTaken) => Outcome::Unknown,
        Err(_) => Outcome::NotApplied,
    }
}

impl Job<'_> {
    /// Stores the answer to such a request, whatever was decided meanwhile. `before` is until when earlier ones
    /// mattered.
    pub(super) async fn wrote(
        &mut self,
        before: Option<Timestamp>,
        outcome: Outcome,
    ) -> Result<(), StoreError> {
        let (now, windows) = (self.core.seam.now(), self.windows());
        self.settle(move |account| {
            account.answer_write(before, outcome, now, windows);
        })
        .await
    }

    /// Stores the answer to an invitation, whatever was decided meanwhile.
    pub(super) async fn invited(&mut self, before: ShareState, outcome: Outcome) -> Result<(), StoreError> {
        let (now, windows) = (self.core.seam.now(), self.windows());
        self.settle(move |account| {
            account.answer_invitation(before, outcome, now, windows);
        })
        .await
    }

    /// Stores the answer to a request that ends the share, whatever was decided meanwhile.
    pub(super) async fn ended(&mut self, before: ShareState, outcome: Outcome) -> Result<(), StoreError> {
        let (now, windows) = (self.core.seam.now(), self.windows());
        self.settle(move |account| {
            account.answer_end(before, outcome, now, windows);
        })
        .await
    }

    /// Changes what is known of requests. That is true whatever was decided since they were sent.
    async fn settle(&mut self, change: impl Fn(&mut Account) + Send + 'static) -> Result<(), StoreError> {
        let id = self.account.id;
        let settled = self
            .core
            .store
            .write(move |tx: &Tx<'_>| {
                let Some(mut account) = tx.account(id)? else { return Ok(None) };
                change(&mut account);
                tx.put_account(&account)?;
                Ok(Some(account))
            })
            .await?;
        if let Some(settled) = settled {
            self.account.learn_requests(&settled);
        }
        Ok(())
    }
}
