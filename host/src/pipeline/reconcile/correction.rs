//! A member gave another address before the invitation was accepted: the invitation that is out is withdrawn, and then
//! the other address is invited.

use crate::{
    domain::{
        AuditKind,
        contract::{Access, AccountChange, Origin},
    },
    pipeline::{
        accounts::{address, journal::note},
        reconcile::job::{Job, Trouble},
        texts,
    },
    store::{Stage, Work},
};

impl Job<'_> {
    /// Takes up another address once nothing is out to the one before and nothing can be any more. Where that was
    /// accepted already it is too late.
    pub(super) async fn correct(&mut self) -> Result<(), Trouble> {
        if self.account.correction.is_none() || self.access == Access::Absent {
            return Ok(());
        }
        match self.account.stage {
            Stage::Joined => self.is_too_late().await,
            stage if stage.is_ended() && self.account.created_until.is_none() => self.take_up().await,
            _ => Ok(()),
        }
    }

    async fn take_up(&mut self) -> Result<(), Trouble> {
        let (now, settings) = (self.core.seam.now(), self.core.settings());
        let granted = matches!(self.access, Access::Granted(_));
        self.amend(move |tx, account| {
            let Some(email) = account.correction.clone() else { return Ok(()) };
            let against = address::against(tx, account, &email)?;
            account.take_up_correction(email, against, granted);
            address::report_claim(tx, account, now)?;
            note(tx, &settings, account, AccountChange::Identified, Origin::Live, now)
        })
        .await?;
        self.core.scrub().await?;
        Ok(())
    }

    /// Whoever accepted may be the member, or somebody whose address they gave by mistake.
    async fn is_too_late(&mut self) -> Result<(), Trouble> {
        let now = self.core.seam.now();
        let granted = matches!(self.access, Access::Granted(_));
        self.amend(move |tx, account| {
            account.drop_correction();
            if let Some(user) = account.user.filter(|_| granted) {
                let work = Work::Tell { text: texts::CORRECTED_TOO_LATE.to_owned() };
                tx.add_task(account.decided_by, Some(user), &work, now)?;
            }
            let text = texts::about(account.user, texts::TOO_LATE_TO_CORRECT);
            tx.audit(now, account.decided_by, account.user, AuditKind::Corrected, &text)
        })
        .await?;
        self.core.scrub().await?;
        Ok(())
    }
}
