//! From a known address to an accepted share.

use super::{Job, Next, Trouble, look::Standing, outcome::note};
use crate::{
    domain::{
        Timestamp,
        contract::{AccountChange, Grant, Origin},
    },
    pipeline::{
        seam::{Step, millis},
        settings::ExistingShares,
        texts,
    },
    plex::{Changes, Field, FieldValue, Invitee, NewShare, PlexError, Sections},
    store::{LibrariesRow, PromptState, Stage, Told, Work},
};

/// So often an invitation that was sent is looked for before the work is put off.
const LOOKS: usize = 3;

impl Job<'_> {
    /// Makes sure that the address is nobody else's, and stores that an invitation is about to be sent.
    pub(super) async fn begin_invitation(&mut self, grant: &Grant) -> Result<Option<Next>, Trouble> {
        let may = self.account.invite_for.is_some() || self.account.adopt;
        let Some(email) = self.account.email.clone() else { return Ok(Some(Next::Rest)) };
        if !may || self.account.held.is_some() || self.account.parked.is_some() {
            return Ok(Some(Next::Rest));
        }
        let look = self.look().await?;
        if self.core.settings.owner.names.has(&email) || look.at_home(&email) {
            let why =
                "gave the address of the Plex owner or of somebody in the owner's Plex Home. It is refused.";
            return self.set_aside("refused", why).await;
        }
        // Whoever was invited before under this address may be a friend still, by what Rolarr did.
        let known =
            self.account.invited || self.account.plex_account.and_then(|id| look.friend(id)).is_some();
        if look.somebody_has(&email) && !known {
            if self.account.adopt {
                return self.adopt(self.standing(&look)).await;
            }
            return self.hold_claim().await;
        }
        let sections = self.sections(grant)?;
        let shared = grant.libraries.is_some().then_some(sections);
        self.amend(move |tx, account| {
            match shared {
                // What the invitation shares is ours, until somebody changes it.
                Some(_) => tx.put_libraries(account.id, &LibrariesRow { intended: shared, written: None })?,
                None => tx.forget_libraries(account.id)?,
            }
            account.stage = Stage::Inviting;
            account.invite_for = None;
            account.adopt = false;
            account.share = None;
            account.invited = true;
            Ok(())
        })
        .await?;
        self.core.seam.reach(Step::InviteIntended).await;
        self.send_invitation(grant, true).await
    }

    /// A share that an administrator said may be taken over.
    async fn adopt(&mut self, standing: Standing<'_>) -> Result<Option<Next>, Trouble> {
        let (stage, share, account_id) = match standing {
            Standing::Joined { friend, share } => (Stage::Joined, Some(share.id), Some(friend.id)),
            Standing::Pending { share, .. } => (Stage::Invited, share, None),
            // A friend with whom only other servers are shared: an invitation adds ours.
            Standing::Absent => (Stage::Inviting, None, None),
        };
        self.amend(move |_, account| {
            account.stage = stage;
            account.share = share;
            account.plex_account = account_id;
            account.invite_for = None;
            account.adopt = false;
            account.invited = true;
            Ok(())
        })
        .await?;
        Ok(None)
    }

    /// Somebody shared again with a member whose share had ended: it is theirs by what was decided.
    pub(super) async fn take_over(&mut self) -> Result<Option<Next>, Trouble> {
        let look = self.look().await?;
        match self.standing(&look) {
            Standing::Joined { friend, share } => {
                let (share, friend) = (share.id, friend.id);
                self.joined(share, friend).await?;
                Ok(None)
            }
            Standing::Pending { .. } | Standing::Absent => Ok(Some(Next::Rest)),
        }
    }

    /// An address that somebody else's share stands against: nothing of it is touched. The member has got
    /// the same answer as for a new address.
    async fn hold_claim(&mut self) -> Result<Option<Next>, Trouble> {
        let (kind, why) = match self.core.settings.existing_shares {
            ExistingShares::Ask => (
                "held",
                "gave the address of somebody with whom the owner shares already. Nothing was changed. If it is \
                 theirs, an administrator can say so with `/plex invite`, naming address and member.",
            ),
            ExistingShares::Never => (
                "refused",
                "gave the address of somebody with whom the owner shares already. It is refused, as configured.",
            ),
        };
        self.set_aside(kind, why).await
    }

    /// An address that is not invited without an administrator. It is kept as a claim: to the member a refused
    /// address looks like one that was taken up, so that nobody learns whose it is.
    async fn set_aside(&mut self, kind: &'static str, why: &'static str) -> Result<Option<Next>, Trouble> {
        let now = self.core.seam.now();
        self.amend(move |tx, account| {
            account.stage = Stage::None;
            account.adopt = false;
            account.invited = false;
            account.claim = account.email.take();
            account.told = Told::Invited;
            account.held = Some(why.to_owned());
            tx.audit(now, account.decided_by, account.user, kind, &texts::about(account.user, why))
        })
        .await?;
        Ok(Some(Next::Rest))
    }

    /// Sends the invitation, unless it is out already. `fresh` says that a look just before showed nothing.
    pub(super) async fn send_invitation(
        &mut self,
        grant: &Grant,
        fresh: bool,
    ) -> Result<Option<Next>, Trouble> {
        if !fresh {
            // An earlier attempt may have had its effect: look twice before sending again.
            let look = self.look().await?;
            if self.record(self.standing(&look)).await? {
                return Ok(None);
            }
            let look = self.look_again().await?;
            if self.record(self.standing(&look)).await? {
                return Ok(None);
            }
        }
        let Some(email) = self.account.email.clone() else {
            return Err(Trouble::Hold("an invitation was begun without an address".to_owned()));
        };
        let share = NewShare {
            machine: self.core.settings.server.machine.clone(),
            sections: self.sections(grant)?,
            to: match self.account.plex_account {
                Some(account) => Invitee::Account(account),
                None => Invitee::Address(email),
            },
            settings: self.first_settings(grant),
        };
        self.still_wanted().await?;
        match self.core.plex.invite(&share).await {
            Ok(()) => {}
            // Nothing showed a moment ago and nothing was sent: what is shared already is not ours.
            Err(PlexError::AlreadyShared) if fresh => return self.hold_claim().await,
            Err(PlexError::AlreadyShared) => {}
            Err(PlexError::InvalidAddress) => return self.give_back().await,
            // plex.tv takes numbers of friends only, and the friendship ended with the last share.
            Err(PlexError::NotFound) if self.account.plex_account.is_some() => {
                self.amend(|_, account| {
                    account.plex_account = None;
                    Ok(())
                })
                .await?;
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        }
        self.core.seam.reach(Step::InviteSent).await;
        for _ in 0..LOOKS {
            let look = self.look().await?;
            if self.record(self.standing(&look)).await? {
                return Ok(None);
            }
            self.core.seam.sleep(self.core.settings.timings.confirm_absence).await;
        }
        Err(PlexError::Unavailable {
            what: "an invitation was sent and does not show".to_owned(),
            maybe_applied: true,
        }
        .into())
    }

    /// Stores that the invitation is out. False if it is not.
    async fn record(&mut self, standing: Standing<'_>) -> Result<bool, Trouble> {
        let (stage, share, plex_account) = match standing {
            Standing::Absent => return Ok(false),
            Standing::Pending { share, .. } => (Stage::Invited, share, None),
            Standing::Joined { friend, share } => (Stage::Joined, Some(share.id), Some(friend.id)),
        };
        let (now, settings) = (self.core.seam.now(), self.core.settings.clone());
        self.amend(move |tx, account| {
            account.stage = stage;
            account.share = share;
            account.plex_account = plex_account.or(account.plex_account);
            account.attempts = 0;
            if stage == Stage::Joined {
                // Somebody who need not accept.
                note(tx, &settings, account, AccountChange::Accepted, Origin::Live, now)?;
            }
            Ok(())
        })
        .await?;
        self.core.seam.reach(Step::InviteRecorded).await;
        Ok(true)
    }

    /// Plex does not take the address for one: the member is asked again.
    async fn give_back(&mut self) -> Result<Option<Next>, Trouble> {
        let now = self.core.seam.now();
        self.amend(move |tx, account| {
            account.email = None;
            account.stage = Stage::None;
            account.invite_for = account.decided_by;
            if let Some(user) = account.user {
                if let Some(prompt) = tx.latest_prompt(user)?
                    && prompt.state == PromptState::Answered
                {
                    tx.set_prompt_state(prompt.id, PromptState::Expired)?;
                }
                let work = Work::Tell { text: texts::ADDRESS_REFUSED.to_owned() };
                tx.add_task(account.decided_by, Some(user), &work, now)?;
            }
            let text = texts::about(account.user, "Plex does not accept the address that was given.");
            tx.audit(now, account.decided_by, account.user, "refused", &text)
        })
        .await?;
        self.core.scrub().await?;
        Ok(Some(Next::Rest))
    }

    /// Looks whether the invitation was accepted or declined.
    pub(super) async fn await_acceptance(&mut self) -> Result<Option<Next>, Trouble> {
        let look = self.look_for_acceptance().await?;
        match self.standing(&look) {
            Standing::Joined { friend, share } => {
                let (share, friend) = (share.id, friend.id);
                self.joined(share, friend).await?;
                Ok(None)
            }
            Standing::Pending { share, .. } => {
                if share.is_some() && share != self.account.share {
                    self.amend(move |_, account| {
                        account.share = share;
                        Ok(())
                    })
                    .await?;
                }
                Ok(Some(Next::At(self.next_check())))
            }
            Standing::Absent => {
                let look = self.look_again().await?;
                if !matches!(self.standing(&look), Standing::Absent) {
                    return Ok(None);
                }
                let (now, settings) = (self.core.seam.now(), self.core.settings.clone());
                self.amend(move |tx, account| {
                    account.stage = Stage::Declined;
                    account.share = None;
                    tx.forget_libraries(account.id)?;
                    note(tx, &settings, account, AccountChange::Declined, Origin::Live, now)?;
                    let text = texts::about(account.user, "declined the invitation. It is not sent again.");
                    tx.audit(now, account.decided_by, account.user, "declined", &text)
                })
                .await?;
                Ok(Some(Next::Rest))
            }
        }
    }

    /// When invitations that are out are looked for next: all at the same moment.
    fn next_check(&self) -> Timestamp {
        let every = millis(self.core.settings.timings.check_pending).max(1);
        Timestamp((self.core.seam.now().0 / every + 1).saturating_mul(every))
    }

    /// Stores that the invitation was accepted.
    pub(super) async fn joined(
        &mut self,
        share: crate::domain::ShareId,
        friend: crate::domain::PlexAccountId,
    ) -> Result<(), Trouble> {
        let (now, settings) = (self.core.seam.now(), self.core.settings.clone());
        self.amend(move |tx, account| {
            account.stage = Stage::Joined;
            account.share = Some(share);
            account.plex_account = Some(friend);
            note(tx, &settings, account, AccountChange::Accepted, Origin::Live, now)
        })
        .await?;
        self.core.seam.reach(Step::AcceptanceRecorded).await;
        Ok(())
    }

    /// The libraries of a grant, by plex.tv's numbers.
    pub(super) fn sections(&self, grant: &Grant) -> Result<Sections, Trouble> {
        let settings = &self.core.settings;
        let sections = match &grant.libraries {
            None => settings.default_sections(),
            Some(names) => settings.sections(names),
        };
        sections.ok_or_else(|| {
            Trouble::Hold(
                "the policy names a library that the server does not have, or none. Nothing was shared."
                    .to_owned(),
            )
        })
    }

    /// What an invitation sets beside the libraries. Live television is not among it: plex.tv takes that
    /// only once there is a share.
    fn first_settings(&self, grant: &Grant) -> Changes {
        let downloads = grant.downloads.unwrap_or(self.core.settings.downloads);
        let value = FieldValue(if downloads { "1" } else { "0" }.to_owned());
        [(Field::Downloads, value)].into()
    }
}
