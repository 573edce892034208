//! An accepted share: its libraries and its filters.

use std::collections::BTreeSet;

use crate::{
    domain::{
        AuditKind, PlexAccountId, Timestamp,
        account::{Held, HeldReason},
        contract::{Access, Grant},
        reconcile::{
            fields::{self, CannotRestrict, Plan, Targets},
            libraries, settled,
            share::Outcome,
        },
    },
    pipeline::{
        memory::{
            lists::List,
            snapshot::{Look, Standing},
        },
        reconcile::{
            diff,
            field_plan::{ledgers_of, plan, targets},
            job::{Job, Next, Trouble},
            removal::refuse_home,
            requests,
        },
        seam::{Step, millis},
        texts,
    },
    plex::{Friend, PlexError},
    store::{DriftRow, LedgerRow},
};

fn cannot_restrict(why: CannotRestrict) -> Trouble {
    Trouble::Hold(Held { why: HeldReason::CannotRestrict, words: why.to_string() })
}

impl Job<'_> {
    /// Makes an accepted share agree with what was granted and, if there is one, with the restriction.
    pub(super) async fn keep(&mut self, look: &Look) -> Result<Next, Trouble> {
        let (grant, restriction) = match self.access.clone() {
            Access::Granted(grant) => (grant, None),
            Access::Restricted(restricted) => (restricted.before, Some(restricted.restriction)),
            Access::Absent => return Ok(None),
        };
        let Standing::Joined { friend, share } = self.standing(look)? else { return Ok(None) };
        refuse_home(friend)?;
        let (share, friend_id) = (share.id, friend.id);
        if self.account.share != Some(share) || self.account.plex_account != Some(friend_id) {
            self.amend(move |_, account| {
                account.identify(share, friend_id);
                Ok(())
            })
            .await?;
        }
        let settled = settled(self.account.written_until, look.began);
        let targets = targets(&self.core.settings(), &grant, restriction.as_ref());
        let hides = restriction.as_ref().is_some_and(|restriction| restriction.end_streams);
        self.write_fields(friend, &targets, settled, hides).await?;
        let libraries = self.share_libraries(look, &grant, settled).await;
        self.pay_debts(look, friend_id).await?;
        self.end_streams_again(friend_id, hides).await?;
        let next = self.next_look(look.began);
        match libraries {
            // Which libraries somebody has who sees nothing can wait. What is to be set again is not.
            Err(Trouble::Missing(_) | Trouble::NoLibrary(_) | Trouble::Plex(PlexError::Refused { .. }))
                if restriction.is_some() && !self.account.mend =>
            {
                let again = self.core.after(self.core.settings().timings.retry_longest);
                Ok(Some(next.map_or(again, |next| next.min(again))))
            }
            other => other.map(|()| next),
        }
    }

    /// When something that was not certain in a read that began then is certain, or due.
    fn next_look(&self, began: Timestamp) -> Next {
        let account = &self.account;
        let open = [account.share_state().uncertain_until(began), account.written_until, account.streams_due];
        open.into_iter().flatten().filter(|at| *at > began).min()
    }

    /// Writes the fields that differ. Running streams are ended if that restricts.
    async fn write_fields(
        &mut self,
        friend: &Friend,
        targets: &Targets,
        settled: bool,
        hides: bool,
    ) -> Result<(), Trouble> {
        let rows = self.ledger_rows().await?;
        let ledgers = ledgers_of(&rows, friend.id);
        let fields = targets.keys().chain(ledgers.keys()).copied();
        let friend = &self.core.plex.with_fields(friend, fields).await?;
        let plan = plan(&self.core.settings(), targets, &ledgers, friend, settled, self.account.mend)
            .map_err(cannot_restrict)?;
        self.hidden = !plan.hidden.is_empty();
        if self.follow(plan, friend, hides).await? && hides {
            // What fails or plays on is ended with the second look.
            let _ = self.end_streams(friend.id).await;
        }
        Ok(())
    }

    /// Gives back what was written for Plex accounts that the member had before, while they are friends.
    async fn pay_debts(&mut self, look: &Look, now: PlexAccountId) -> Result<(), Trouble> {
        let rows = self.ledger_rows().await?;
        let others: BTreeSet<PlexAccountId> =
            rows.iter().filter_map(|row| row.of).filter(|of| *of != now).collect();
        for of in others {
            self.give_back_to(look, of, &rows).await?;
        }
        Ok(())
    }

    /// Puts back what the owner had set, whatever Rolarr wrote. If that is not certain yet: when it is.
    pub(super) async fn give_fields_back(&mut self, look: &Look) -> Result<Next, Trouble> {
        let rows = self.ledger_rows().await?;
        let all: BTreeSet<Option<PlexAccountId>> = rows.iter().map(|row| row.of).collect();
        for of in all {
            match of.or(self.account.plex_account) {
                Some(of) => self.give_back_to(look, of, &rows).await?,
                None => {
                    self.amend(move |tx, account| tx.forget_ledgers(account.id, of)).await?;
                }
            }
        }
        let rest = self.ledger_rows().await?;
        Ok(if rest.is_empty() { None } else { self.next_look(look.began) })
    }

    /// Puts back what the owner had set for one Plex account. What was set for somebody who is no friend any more is
    /// gone.
    async fn give_back_to(
        &mut self,
        look: &Look,
        of: PlexAccountId,
        rows: &[LedgerRow],
    ) -> Result<(), Trouble> {
        let Some(friend) = look.friend(of) else {
            return self
                .amend(move |tx, account| {
                    tx.forget_ledgers(account.id, None)?;
                    tx.forget_ledgers(account.id, Some(of))
                })
                .await;
        };
        let ledgers = ledgers_of(rows, of);
        let friend = &self.core.plex.with_fields(friend, ledgers.keys().copied()).await?;
        let settled = settled(self.account.written_until, look.began);
        let nothing = Targets::new();
        let plan = plan(&self.core.settings(), &nothing, &ledgers, friend, settled, false)
            .map_err(cannot_restrict)?;
        self.follow(plan, friend, false).await.map(drop)
    }

    async fn ledger_rows(&self) -> Result<Vec<LedgerRow>, Trouble> {
        let id = self.account.id;
        Ok(self.core.store.read(move |tx| tx.ledgers(id)).await?)
    }

    /// Stores what a plan says, and writes what is to be written. `hides` says that running streams are to end then.
    /// True if anything was written.
    async fn follow(&mut self, plan: Plan, friend: &Friend, hides: bool) -> Result<bool, Trouble> {
        let now = self.core.seam.now();
        let streams = hides.then(|| now.plus_millis(millis(self.core.settings().timings.streams)));
        let (first, of) = (plan.clone(), friend.id);
        let before = self.account.written_until;
        let (writes, windows) = (!plan.writes.is_empty(), self.windows());
        self.amend(move |tx, account| {
            for (field, ledger) in &first.before {
                tx.delete_ledger(account.id, None, *field)?;
                match ledger {
                    Some(ledger) => {
                        let row = LedgerRow { of: Some(of), field: *field, ledger: ledger.clone() };
                        tx.put_ledger(account.id, &row)?;
                    }
                    None => tx.delete_ledger(account.id, Some(of), *field)?,
                }
            }
            let news: Vec<&str> = first
                .edited
                .iter()
                .filter(|(_, edit)| edit.is_new)
                .map(|(field, _)| fields::name(*field))
                .collect();
            // A comparison finds it too, and has nothing to tell that was not told here.
            for (field, edit) in first.edited.iter().filter(|(_, edit)| edit.is_new) {
                tx.put_drift(&diff::known(account.id, *field, edit, now))?;
            }
            if !news.is_empty() {
                let text =
                    format!("{} was changed at Plex by somebody else. It is left as it is.", news.join(", "));
                let text = texts::about(account.user, &text);
                tx.audit(now, account.decided_by, account.user, AuditKind::Foreign, &text)?;
            }
            if writes {
                account.intend_write(streams, now, windows);
            }
            Ok(())
        })
        .await?;
        if plan.writes.is_empty() {
            return Ok(false);
        }
        self.core.seam.reach(Step::FieldsIntended).await;
        if let Err(trouble) = self.still_wanted().await {
            self.wrote(before, Outcome::NotApplied).await?;
            return Err(trouble);
        }
        let username = Some(friend.names.username.as_str()).filter(|name| !name.is_empty());
        let answer = self.core.plex.write_settings(friend.id, username, &plan.writes).await;
        self.wrote(before, requests::outcome(&answer)).await?;
        answer?;
        self.core.seam.reach(Step::FieldsWritten).await;
        self.amend(move |tx, account| {
            for (field, ledger) in plan.after() {
                tx.put_ledger(account.id, &LedgerRow { of: Some(of), field, ledger })?;
            }
            account.confirm_write();
            Ok(())
        })
        .await?;
        self.core.seam.reach(Step::FieldsRecorded).await;
        Ok(true)
    }

    /// Shares the libraries that the grant names; a grant that names none leaves them as they are. What somebody
    /// else made of them is left and reported, unless it is to be written over.
    async fn share_libraries(&mut self, look: &Look, grant: &Grant, settled: bool) -> Result<(), Trouble> {
        let id = self.account.id;
        let ledger = self.core.store.read(move |tx| tx.libraries(id)).await?;
        let (Some(names), Some(share)) = (&grant.libraries, self.account.share) else {
            if ledger.is_some() {
                self.amend(|tx, account| tx.forget_libraries(account.id)).await?;
            }
            return Ok(());
        };
        if self.core.settings().sections(names).is_none() {
            self.core.look_at_libraries().await?;
        }
        let wanted = self.sections(grant)?;
        look.needs(List::Shares)?;
        let seen = diff::shared(look, share);
        let known = self.known_libraries(ledger.as_ref());
        let sending = match libraries::plan(&wanted, known.as_ref(), &seen, settled, self.account.mend) {
            libraries::Plan::Agrees(agreed) => {
                if ledger.as_ref() != Some(&agreed) {
                    self.amend(move |tx, account| tx.put_libraries(account.id, &agreed)).await?;
                }
                return Ok(());
            }
            libraries::Plan::Foreign => {
                let difference = diff::of_libraries(&self.core.settings(), look, grant, share).ok().flatten();
                return self.leave_libraries(difference).await;
            }
            libraries::Plan::Write(sending) => sending,
        };
        let before = self.account.written_until;
        let (stored, now, windows) = (sending.clone(), self.core.seam.now(), self.windows());
        self.amend(move |tx, account| {
            account.intend_write(None, now, windows);
            tx.put_libraries(account.id, &stored)
        })
        .await?;
        if let Err(trouble) = self.still_wanted().await {
            self.wrote(before, Outcome::NotApplied).await?;
            return Err(trouble);
        }
        let answer = self.core.plex.set_sections(&self.core.settings().server.machine, share, &wanted).await;
        self.wrote(before, requests::outcome(&answer)).await?;
        if answer == Err(PlexError::NotFound) {
            self.core.doubt_libraries().await;
        }
        answer?;
        let look = self.look().await?;
        look.needs(List::Shares)?;
        if diff::shared(&look, share).as_ref() == Some(&wanted) {
            let agreed = libraries::LibrariesLedger { confirmed: true, ..sending };
            return self.amend(move |tx, account| tx.put_libraries(account.id, &agreed)).await;
        }
        self.core.doubt_libraries().await;
        Err(PlexError::NotTaken.into())
    }

    /// What is known of the libraries of a share, without those that the server does not have any more: Plex does not
    /// show them. None if nothing is left of it.
    fn known_libraries(
        &self,
        ledger: Option<&libraries::LibrariesLedger>,
    ) -> Option<libraries::LibrariesLedger> {
        let settings = self.core.settings();
        let exists = |id| settings.libraries.iter().any(|library| library.id == id);
        ledger.and_then(|ledger| ledger.among(exists))
    }

    /// Somebody else changed the libraries: that is told, unless a comparison told it already.
    async fn leave_libraries(&mut self, difference: Option<diff::Difference>) -> Result<(), Trouble> {
        let Some(difference) = difference else { return Ok(()) };
        let now = self.core.seam.now();
        self.amend(move |tx, account| {
            let row = DriftRow {
                account: account.id,
                what: difference.what,
                wanted: difference.wanted,
                seen: difference.seen,
                since: now,
                accepted: false,
            };
            let known = tx.drift_of(account.id)?;
            if known.iter().any(|known| known.what == row.what && known.seen == row.seen) {
                return Ok(());
            }
            tx.put_drift(&row)?;
            let text = "the libraries were changed at Plex by somebody else. They are left as they are.";
            tx.audit(
                now,
                account.decided_by,
                account.user,
                AuditKind::Foreign,
                &texts::about(account.user, text),
            )
        })
        .await
    }
}
