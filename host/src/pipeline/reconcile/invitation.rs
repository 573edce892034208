//! From a known address to an invitation that is out.

use std::sync::Arc;

use crate::{
    domain::{
        AuditKind, Timestamp,
        account::{Held, HeldReason},
        contract::{Access, Grant},
        reconcile::share::{Outcome, Read, Stage, Standing as Seen},
    },
    pipeline::{
        memory::snapshot::{Look, Standing},
        reconcile::{
            job::{Begun, Job, Next, Trouble},
            requests,
        },
        seam::{Step, millis},
        settings::ExistingShares,
        texts,
    },
    plex::{Changes, Field, FieldValue, Invitee, NewShare, PlexError, Sections},
    store::{LedgerRow, PromptState, Work},
};

/// So often an invitation that was sent is looked for before the work is put off.
const LOOKS: usize = 3;

impl Job<'_> {
    /// The grant that should be true.
    fn grant(&self) -> Grant {
        match &self.access {
            Access::Granted(grant) => grant.clone(),
            Access::Restricted(restricted) => restricted.before.clone(),
            Access::Absent => Grant::default(),
        }
    }

    /// Makes sure that the address is nobody else's, and sends an invitation.
    pub(super) async fn begin_invitation(&mut self) -> Result<Begun, Trouble> {
        let Some(email) = self.account.email.clone() else { return Ok(Begun::Rests(None)) };
        // What was held without a claim is tried again whenever the account is worked on.
        let is_held = self.account.held.is_some() && self.account.claim.is_some();
        if is_held || self.account.parked.is_some() {
            return Ok(Begun::Rests(None));
        }
        let look = self.look().await?;
        look.whole()?;
        if self.core.settings().owner.names.has(&email) || look.at_home(&email) {
            let words =
                "gave the address of the Plex owner or of somebody in the owner's Plex Home. It is refused.";
            return self.set_aside(AuditKind::Refused, HeldReason::OwnersAddress, words).await;
        }
        // An earlier request of ours may have made it.
        let maybe_ours = self.account.created_until.is_some();
        let stands = !matches!(self.standing(&look)?, Standing::Absent);
        // Whoever was invited before under this address may be a friend still, by what Rolarr did.
        let known =
            self.account.invited || self.account.plex_account.and_then(|id| look.friend(id)).is_some();
        if stands && maybe_ours {
            return self.found(look, false).map(Begun::Shows);
        }
        if stands || (look.is_shared_with(&email) && !known) {
            if self.account.adopt {
                return self.adopt(&look).await;
            }
            return self.hold_claim().await;
        }
        self.send_invitation().await
    }

    /// A share that an administrator said may be taken over.
    async fn adopt(&mut self, look: &Look) -> Result<Begun, Trouble> {
        let (stage, share, account_id) = match self.standing(look)? {
            Standing::Joined { friend, share } => (Stage::Joined, Some(share.id), Some(friend.id)),
            Standing::Pending { share, .. } => (Stage::Invited, share, None),
            // A friend with whom only other servers are shared: an invitation adds ours.
            Standing::Absent => {
                self.amend(|_, account| {
                    account.adopt_friend();
                    Ok(())
                })
                .await?;
                return self.send_invitation().await;
            }
            Standing::Unclear(missing) => return Err(missing.into()),
        };
        self.amend(move |_, account| {
            account.adopt(stage, share, account_id);
            Ok(())
        })
        .await?;
        Ok(Begun::Goes)
    }

    /// Somebody shared again with a member whose share had ended: it is theirs by what was decided.
    pub(super) async fn take_over(&mut self) -> Result<Option<Next>, Trouble> {
        let look = self.look().await?;
        let state = self.account.share_state();
        match self.standing(&look)? {
            Standing::Joined { .. } => {
                let joined = crate::domain::reconcile::share::ShareState {
                    stage: Stage::Joined,
                    absent_since: None,
                    ..state
                };
                self.record(&look, joined, crate::domain::reconcile::share::Change::Accepted).await?;
                Ok(None)
            }
            Standing::Pending { .. } | Standing::Absent => Ok(Some(None)),
            Standing::Unclear(missing) => Err(missing.into()),
        }
    }

    /// An address that somebody else's share stands against: nothing of it is touched. The member has got
    /// the same answer as for a new address.
    async fn hold_claim(&mut self) -> Result<Begun, Trouble> {
        let (kind, words) = match self.core.settings().existing_shares {
            ExistingShares::Ask => (
                AuditKind::Held,
                "gave the address of somebody with whom the owner shares already. Nothing was changed. If it is \
                 theirs, an administrator can say so with `/plex invite`, naming address and member.",
            ),
            ExistingShares::Never => (
                AuditKind::Refused,
                "gave the address of somebody with whom the owner shares already. It is refused, as configured.",
            ),
        };
        self.set_aside(kind, HeldReason::SharedAlready, words).await
    }

    /// An address that is not invited without an administrator. It is kept as a claim: to the member a refused
    /// address looks like one that was taken up, so that nobody learns whose it is.
    async fn set_aside(
        &mut self,
        kind: AuditKind,
        why: HeldReason,
        words: &'static str,
    ) -> Result<Begun, Trouble> {
        let now = self.core.seam.now();
        self.amend(move |tx, account| {
            account.set_aside(Held { why, words: words.to_owned() });
            tx.audit(now, account.decided_by, account.user, kind, &texts::about(account.user, words))
        })
        .await?;
        Ok(Begun::Rests(None))
    }

    /// Sends the invitation. The last read showed nothing that could be one.
    pub(super) async fn send_invitation(&mut self) -> Result<Begun, Trouble> {
        let grant = self.grant();
        let Some(email) = self.account.email.clone() else {
            let words = "an invitation was begun without an address.".to_owned();
            return Err(Trouble::Hold(Held { why: HeldReason::NoAddress, words }));
        };
        // What there is now is shared, and not what there was at the last comparison.
        self.core.look_at_libraries().await?;
        let sections = self.sections(&grant)?;
        let settings = self.first_settings(&grant);
        let to = match self.account.plex_account {
            Some(account) => Invitee::Account(account),
            None => Invitee::Address(email),
        };
        let before = self.account.share_state();
        let fresh = before.created_until.is_none();
        self.is_inviting(&grant, &sections, &to, &settings).await?;
        self.core.seam.reach(Step::InviteIntended).await;
        if let Err(trouble) = self.still_wanted().await {
            self.invited(before, Outcome::NotApplied).await?;
            return Err(trouble);
        }
        let machine = self.core.settings().server.machine.clone();
        let answer = self.core.plex.invite(&NewShare { machine, sections, to, settings }).await;
        self.invited(before, requests::outcome(&answer)).await?;
        match answer {
            Ok(()) => {}
            // Nothing showed a moment ago and nothing of ours was under way: what is shared already is not ours.
            Err(PlexError::AlreadyShared) if fresh => return self.hold_claim().await,
            Err(PlexError::AlreadyShared) => {}
            Err(PlexError::InvalidAddress) => return self.give_back().await,
            // plex.tv takes numbers of friends only, and the friendship ended with the last share.
            Err(PlexError::NotFound) if self.account.plex_account.is_some() => {
                self.amend(|_, account| {
                    account.lose_plex_account();
                    Ok(())
                })
                .await?;
                return Ok(Begun::Goes);
            }
            // One of the libraries was made anew since, perhaps.
            Err(error @ PlexError::NotFound) => {
                self.core.doubt_libraries().await;
                return Err(error.into());
            }
            Err(error) => return Err(error.into()),
        }
        self.core.seam.reach(Step::InviteSent).await;
        for _ in 0..LOOKS {
            let look = self.look().await?;
            let shown: (Arc<Look>, Read) = self.found(look, false)?;
            if shown.1.standing != Seen::Absent {
                return Ok(Begun::Shows(shown));
            }
            self.core.seam.sleep(self.core.settings().timings.confirm_absence).await;
        }
        Err(PlexError::Unavailable {
            what: "an invitation was sent and does not show".to_owned(),
            maybe_applied: true,
        }
        .into())
    }

    /// Stores, before an invitation is sent, that it may take effect from now on, and what it sets.
    async fn is_inviting(
        &mut self,
        grant: &Grant,
        sections: &Sections,
        to: &Invitee,
        settings: &Changes,
    ) -> Result<(), Trouble> {
        let (now, windows) = (self.core.seam.now(), self.windows());
        // What the invitation shares is ours, until somebody changes it.
        let shared = grant.libraries.is_some().then(|| sections.clone());
        // What is set for somebody who is a friend already stays as it is.
        let sets = matches!(to, Invitee::Address(_)).then(|| settings.clone());
        self.amend(move |tx, account| {
            match shared {
                Some(sections) => {
                    let known = tx.libraries(account.id)?.unwrap_or_default();
                    tx.put_libraries(account.id, &known.sending(&sections))?;
                }
                None => tx.forget_libraries(account.id)?,
            }
            if let Some(sets) = sets {
                for row in tx.ledgers(account.id)? {
                    tx.delete_ledger(account.id, row.of, row.field)?;
                    tx.put_ledger(account.id, &for_new_share(row, &sets))?;
                }
            }
            account.intend_invitation(now, windows);
            Ok(())
        })
        .await
    }

    /// Plex does not take the address for one: the member is asked again.
    async fn give_back(&mut self) -> Result<Begun, Trouble> {
        let now = self.core.seam.now();
        self.amend(move |tx, account| {
            account.refuse_address();
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
            tx.audit(now, account.decided_by, account.user, AuditKind::Refused, &text)
        })
        .await?;
        self.core.scrub().await?;
        Ok(Begun::Rests(None))
    }

    /// When invitations that are out are looked for next: all at the same moment.
    pub(super) fn next_check(&self) -> Timestamp {
        let every = millis(self.core.settings().timings.check_pending).max(1);
        Timestamp((self.core.seam.now().0 / every + 1).saturating_mul(every))
    }

    /// The libraries of a grant, by plex.tv's numbers.
    pub(super) fn sections(&self, grant: &Grant) -> Result<Sections, Trouble> {
        let settings = self.core.settings();
        let sections = match &grant.libraries {
            None => settings.default_sections(),
            Some(names) => settings.sections(names),
        };
        sections
            .ok_or_else(|| Trouble::NoLibrary(texts::no_such_library(&settings, grant.libraries.as_deref())))
    }

    /// What an invitation sets beside the libraries. Live television is not among it: plex.tv takes that
    /// only once there is a share.
    fn first_settings(&self, grant: &Grant) -> Changes {
        let downloads = grant.downloads.unwrap_or(self.core.settings().downloads);
        let value = FieldValue(if downloads { "1" } else { "0" }.to_owned());
        [(Field::Downloads, value)].into()
    }
}

/// What is known of a field once a new share is made for the address: the invitation sets it, and what was written for
/// an earlier share may show until the new one does.
fn for_new_share(row: LedgerRow, sets: &Changes) -> LedgerRow {
    let LedgerRow { field, mut ledger, .. } = row;
    let value = sets.get(&field).cloned();
    // An invitation does not set live television: a new share has none.
    let none = || FieldValue(if field.is_filter() { "" } else { "0" }.to_owned());
    ledger.base = value.unwrap_or_else(none);
    ledger.sent.retain(|earlier| *earlier != ledger.base);
    ledger.sent.push(ledger.base.clone());
    ledger.confirmed = false;
    ledger.reported = None;
    LedgerRow { of: None, field, ledger }
}
