//! Taking a share or an invitation away, and forgetting the address once Plex has confirmed it.

use super::{
    Job, Next, Trouble,
    look::{Look, Standing},
};
use crate::{
    domain::contract::Access,
    pipeline::{seam::Step, settings::Removal},
    plex::{Friend, FriendShare, PlexError},
    store::{Stage, Told},
};

impl Job<'_> {
    /// Ends whatever there is. An invitation that turns out to be accepted is a share: it is ended only if
    /// no access is left, and kept if it is to be restricted.
    pub(super) async fn take_away(&mut self) -> Result<Option<Next>, Trouble> {
        let look = self.look().await?;
        let gone = matches!(self.access, Access::Absent);
        match self.standing(&look) {
            Standing::Joined { friend, share } if !gone => {
                self.joined(share.id, friend.id).await?;
                return Ok(None);
            }
            Standing::Joined { friend, share } => self.end(friend, share).await?,
            Standing::Pending { share, invite } => {
                self.begin_leaving().await?;
                self.still_wanted().await?;
                if let Some(invite) = invite {
                    match self.core.plex.cancel_invite(invite).await {
                        // It may just have been accepted: then there is a share, which is another matter.
                        Err(PlexError::NotFound) => {
                            let look = self.look_again().await?;
                            if matches!(self.standing(&look), Standing::Joined { .. }) {
                                return Ok(None);
                            }
                        }
                        other => other?,
                    }
                }
                if let Some(share) = share.or(self.account.share) {
                    // A withdrawn invitation can leave its share behind, and the next one then fails.
                    let machine = &self.core.settings.server.machine;
                    done(self.core.plex.end_share(machine, share).await)?;
                }
                self.core.seam.reach(Step::InviteWithdrawn).await;
            }
            Standing::Absent => {}
        }
        self.confirm_absence().await?;
        self.amend(|tx, account| {
            account.stage = Stage::None;
            account.share = None;
            tx.forget_libraries(account.id)
        })
        .await?;
        Ok(None)
    }

    /// Ends an accepted share; and the friendship too, where nothing else is shared or the operator says so.
    async fn end(&mut self, friend: &Friend, share: &FriendShare) -> Result<(), Trouble> {
        if friend.home {
            return Err(Trouble::Hold(
                "the account belongs to the owner's Plex Home, which is never touched.".to_owned(),
            ));
        }
        let machine = &self.core.settings.server.machine;
        let elsewhere = friend.shares.iter().any(|other| other.machine != *machine);
        let stays_friend = elsewhere && self.core.settings.removal == Removal::Share;
        self.begin_leaving().await?;
        self.still_wanted().await?;
        if stays_friend {
            // What Rolarr wrote holds for the owner's other servers too. It is taken back once the share is gone:
            // before that it would show what is not to be seen any more.
            done(self.core.plex.end_share(machine, share.id).await)?;
        } else {
            done(self.core.plex.end_friendship(friend.id).await)?;
        }
        self.core.seam.reach(Step::ShareEnded).await;
        // The share is gone: a server that does not answer must not keep the address from being forgotten.
        let _ = self.end_streams(friend.id).await;
        Ok(())
    }

    /// Stores, before anything is ended, that it is Rolarr who ends it: so that a wish that comes meanwhile
    /// does not take it for the member's own doing.
    async fn begin_leaving(&mut self) -> Result<(), Trouble> {
        if self.account.stage == Stage::Leaving {
            return Ok(());
        }
        self.amend(|_, account| {
            account.stage = Stage::Leaving;
            Ok(())
        })
        .await
    }

    async fn confirm_absence(&self) -> Result<(), Trouble> {
        let absent = |look: &Look| matches!(self.standing(look), Standing::Absent);
        if absent(&*self.look().await?) && absent(&*self.look_again().await?) {
            return Ok(());
        }
        Err(PlexError::Unavailable { what: "the share still shows".to_owned(), maybe_applied: true }.into())
    }

    /// What was being taken away is wanted again.
    pub(super) async fn resume(&mut self) -> Result<Option<Next>, Trouble> {
        let look = self.look().await?;
        let (stage, share) = match self.standing(&look) {
            Standing::Joined { share, .. } => (Stage::Joined, Some(share.id)),
            Standing::Pending { share, invite: Some(_) } => (Stage::Invited, share),
            Standing::Pending { share, invite: None } => {
                // What a withdrawn invitation left behind: nobody can accept it, and the next one would fail.
                if let Some(share) = share {
                    let machine = &self.core.settings.server.machine;
                    done(self.core.plex.end_share(machine, share).await)?;
                }
                self.confirm_absence().await?;
                (Stage::None, None)
            }
            Standing::Absent => {
                let look = self.look_again().await?;
                if !matches!(self.standing(&look), Standing::Absent) {
                    return Ok(None);
                }
                (Stage::None, None)
            }
        };
        self.amend(move |_, account| {
            account.stage = stage;
            account.share = share;
            if stage != Stage::None {
                account.invite_for = None;
            }
            Ok(())
        })
        .await?;
        Ok(None)
    }

    /// There is nothing at Plex and nothing should be: the address is forgotten, in the log of the database
    /// too.
    pub(super) async fn forget(&mut self) -> Result<Option<Next>, Trouble> {
        let id = self.account.id;
        if !self.core.store.read(move |tx| tx.fields(id)).await?.is_empty()
            && let Some(known) = self.account.plex_account
        {
            // The share is gone and they are a friend still: filters hold for the owner's other servers too.
            let look = self.look().await?;
            if let Some(friend) = look.friend(known) {
                self.give_fields_back(friend).await?;
            }
        }
        self.amend(|tx, account| {
            for (field, _) in tx.fields(account.id)? {
                tx.delete_field(account.id, field)?;
            }
            tx.forget_libraries(account.id)?;
            account.email = None;
            account.claim = None;
            account.plex_account = None;
            account.share = None;
            account.stage = Stage::None;
            account.granted = None;
            account.invite_for = None;
            account.adopt = false;
            account.held = None;
            account.told = Told::Nothing;
            Ok(())
        })
        .await?;
        self.core.scrub().await?;
        self.core.seam.reach(Step::AbsenceRecorded).await;
        Ok(Some(Next::Rest))
    }
}

/// What is gone already was to be ended.
fn done(result: Result<(), PlexError>) -> Result<(), PlexError> {
    match result {
        Err(PlexError::NotFound) => Ok(()),
        other => other,
    }
}
