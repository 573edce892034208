//! Ending a share or an invitation, and forgetting the address once Plex has confirmed it.

use std::sync::Arc;

use crate::{
    domain::{
        account::{Held, HeldReason},
        reconcile::share::{self, Read, ShareState, Standing as Seen},
    },
    pipeline::{
        memory::snapshot::{Look, Standing},
        reconcile::{
            job::{Job, Next, Trouble},
            requests,
        },
        seam::Step,
        settings::Removal,
    },
    plex::{Friend, PlexError},
};

impl Job<'_> {
    /// Withdraws an invitation, and ends the share that belongs to it. The read that follows shows what came of it.
    pub(super) async fn withdraw(&mut self, look: &Look) -> Result<(Arc<Look>, Read), Trouble> {
        // An invitation that is out is known by the server's name, which may have changed.
        self.core.look_at_name().await?;
        let Standing::Pending { share, invite } = self.standing(look)? else { return self.read().await };
        let share = share.or(self.account.share);
        let before = self.begin_ending(false).await?;
        if let Some(invite) = invite {
            // Not known (any more): it may just have been accepted. Then the read shows a share.
            let cancelled = self.core.plex.cancel_invite(invite).await;
            let accepted = cancelled == Err(PlexError::NotFound);
            let cancelled = gone(cancelled);
            self.ended(before, requests::outcome(&cancelled)).await?;
            cancelled?;
            if accepted {
                let shown = self.read_again().await?;
                if matches!(shown.1.standing, Seen::Joined) {
                    return Ok(shown);
                }
            }
        }
        if let Some(share) = share {
            // A withdrawn invitation can leave its share behind, and the next one then fails.
            let machine = &self.core.settings().server.machine;
            let ended = gone(self.core.plex.end_share(machine, share).await);
            self.ended(before, requests::outcome(&ended)).await?;
            ended?;
        }
        self.core.seam.reach(Step::InviteWithdrawn).await;
        self.no_longer_shows().await
    }

    /// Ends an accepted share; and the friendship too, where nothing else is shared or the operator says so.
    pub(super) async fn end(&mut self, look: &Look) -> Result<(Arc<Look>, Read), Trouble> {
        let Standing::Joined { friend, share } = self.standing(look)? else { return self.read().await };
        refuse_home(friend)?;
        let machine = &self.core.settings().server.machine;
        let elsewhere = friend.shares.iter().any(|other| other.machine != *machine);
        let stays_friend = elsewhere && self.core.settings().removal == Removal::Share;
        let before = self.begin_ending(true).await?;
        self.ended_accepted = true;
        let ended = if stays_friend {
            // What Rolarr wrote holds for the owner's other servers too. It is taken back once the share is gone:
            // before that it would show what is not to be seen any more.
            self.core.plex.end_share(machine, share.id).await
        } else {
            self.core.plex.end_friendship(friend.id).await
        };
        let ended = gone(ended);
        self.ended(before, requests::outcome(&ended)).await?;
        ended?;
        self.core.seam.reach(Step::ShareEnded).await;
        // What fails or plays on is ended before it is forgotten who they are.
        let _ = self.end_streams(friend.id).await;
        if self.account.plex_account.is_none() {
            let (share, plex_account) = (share.id, friend.id);
            let known = self.amend(move |_, account| {
                account.identify(share, plex_account);
                Ok(())
            });
            match known.await {
                // Another member's: what they watch is not ended on this one's behalf.
                Ok(()) | Err(Trouble::Hold(_)) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        self.no_longer_shows().await
    }

    /// Stores, before anything is ended, that it is Rolarr who ends it, so that a decision that comes meanwhile
    /// does not take it for the member's own doing. `accepted` says that it is an accepted share: what they are
    /// watching is to be ended too.
    async fn begin_ending(&mut self, accepted: bool) -> Result<ShareState, Trouble> {
        let before = self.account.share_state();
        let (now, windows) = (self.core.seam.now(), self.windows());
        self.amend(move |_, account| {
            account.intend_end(now, windows);
            if accepted {
                account.owe_streams(now);
            }
            Ok(())
        })
        .await?;
        if let Err(trouble) = self.still_wanted().await {
            self.ended(before, share::Outcome::NotApplied).await?;
            return Err(trouble);
        }
        Ok(before)
    }

    /// A read that shows no share, or that it is there still: then the request is repeated later.
    async fn no_longer_shows(&mut self) -> Result<(Arc<Look>, Read), Trouble> {
        let shown = self.read().await?;
        if shown.1.standing == Seen::Absent {
            return Ok(shown);
        }
        Err(PlexError::Unavailable { what: "the share still shows".to_owned(), maybe_applied: true }.into())
    }

    /// There is nothing at Plex and nothing should be: the address is forgotten, in the log of the database too.
    pub(super) async fn forget(&mut self) -> Result<Next, Trouble> {
        self.end_streams_of_leaver().await?;
        let id = self.account.id;
        if !self.core.store.read(move |tx| tx.ledgers(id)).await?.is_empty() {
            // The share is gone and they may be a friend still: filters hold for the owner's other servers too.
            let look = self.look().await?;
            if let Some(until) = self.give_fields_back(&look).await? {
                return Ok(Some(until));
            }
        }
        self.amend(|tx, account| {
            tx.forget_libraries(account.id)?;
            account.forget();
            Ok(())
        })
        .await?;
        self.core.scrub().await?;
        self.core.seam.reach(Step::AbsenceRecorded).await;
        Ok(None)
    }
}

/// The owner's Plex Home is never touched.
pub(super) fn refuse_home(friend: &Friend) -> Result<(), Trouble> {
    if friend.home {
        let words = "the account belongs to the owner's Plex Home, which is never touched.".to_owned();
        return Err(Trouble::Hold(Held { why: HeldReason::OwnersHome, words }));
    }
    Ok(())
}

/// What is gone already was to be ended.
fn gone(result: Result<(), PlexError>) -> Result<(), PlexError> {
    match result {
        Err(PlexError::NotFound) => Ok(()),
        other => other,
    }
}
