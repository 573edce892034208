//! An accepted share: its libraries, its filters, and the streams that run.

use std::collections::BTreeMap;

use super::{
    Job, Next, Trouble, compare, fields,
    look::{Look, Standing},
    outcome::note,
};
use crate::{
    domain::{
        PlexAccountId,
        contract::{AccountChange, Grant, Origin, Restriction},
    },
    pipeline::{seam::Step, settings::Settings, texts},
    plex::{self, Field, Friend, PlexError, Sections},
    store::{DriftRow, FieldRow, LibrariesRow, Stage, Told},
};

/// What the fields should be, with what the operator gives everybody unless the policy says otherwise.
pub(super) fn wanted(
    settings: &Settings,
    grant: &Grant,
    restriction: Option<&Restriction>,
    rows: &BTreeMap<Field, FieldRow>,
    seen: &plex::Settings,
) -> Result<fields::Targets, fields::CannotRestrict> {
    let live_tv = grant.live_tv.or((settings.live_tv > 0).then_some(true));
    let grant = Grant { live_tv, ..grant.clone() };
    fields::targets(&grant, restriction, rows, seen, settings.live_tv)
}

/// So often it is tried again to end what is running. A server that can't be reached keeps nobody from being
/// told that they are restricted.
const STREAM_TRIES: u32 = 5;

impl Job<'_> {
    /// Makes an accepted share agree with what was granted and, if there is one, with the restriction.
    pub(super) async fn keep(
        &mut self,
        grant: &Grant,
        restriction: Option<&Restriction>,
    ) -> Result<Option<Next>, Trouble> {
        let mut look = self.look().await?;
        if matches!(self.standing(&look), Standing::Absent) {
            look = self.look_again().await?;
        }
        let friend = match self.standing(&look) {
            Standing::Joined { friend, share } => {
                let (share, friend_id) = (share.id, friend.id);
                if self.account.share != Some(share) || self.account.plex_account != Some(friend_id) {
                    self.amend(move |_, account| {
                        account.share = Some(share);
                        account.plex_account = Some(friend_id);
                        Ok(())
                    })
                    .await?;
                }
                friend
            }
            Standing::Pending { share, .. } => {
                self.amend(move |_, account| {
                    account.stage = Stage::Invited;
                    account.share = share;
                    Ok(())
                })
                .await?;
                return Ok(None);
            }
            Standing::Absent => return self.lost().await,
        };
        if friend.home {
            return Err(Trouble::Hold(
                "the account belongs to the owner's Plex Home, which is never touched.".to_owned(),
            ));
        }
        let wrote = self.write_fields(friend, grant, restriction).await?;
        self.share_libraries(&look, grant).await?;
        if let Some(restriction) = restriction
            && restriction.end_streams
            // Written just now, or by an earlier attempt that came to nothing after that.
            && (wrote || self.account.told != Told::Restricted)
            && let Err(error) = self.end_streams(friend.id).await
            && self.account.attempts < STREAM_TRIES
        {
            let what = format!("what is running could not be ended: {error}");
            return Err(PlexError::Unavailable { what, maybe_applied: false }.into());
        }
        Ok(Some(Next::Rest))
    }

    /// Finds out whether the share of somebody who is held was ended, and not by Rolarr.
    pub(super) async fn find_lost(&mut self) -> Result<(), Trouble> {
        let absent = |look: &Look| matches!(self.standing(look), Standing::Absent);
        if absent(&*self.look().await?) && absent(&*self.look_again().await?) {
            self.lost().await?;
        }
        Ok(())
    }

    /// The share was ended, and not by Rolarr.
    async fn lost(&mut self) -> Result<Option<Next>, Trouble> {
        let (now, settings) = (self.core.seam.now(), self.core.settings.clone());
        self.amend(move |tx, account| {
            // What Rolarr wrote may still be set for them: it is put back when they join again or are forgotten.
            account.stage = Stage::Lost;
            account.share = None;
            tx.forget_libraries(account.id)?;
            note(tx, &settings, account, AccountChange::LeftService, Origin::Live, now)?;
            let text = "the share was ended by the member or the owner. It is not made again.";
            tx.audit(now, account.decided_by, account.user, "lost", &texts::about(account.user, text))
        })
        .await?;
        Ok(Some(Next::Rest))
    }

    /// Writes the fields that differ. True if anything was written.
    async fn write_fields(
        &mut self,
        friend: &Friend,
        grant: &Grant,
        restriction: Option<&Restriction>,
    ) -> Result<bool, Trouble> {
        let rows = self.field_rows().await?;
        let targets = wanted(&self.core.settings, grant, restriction, &rows, &friend.settings)
            .map_err(|why| Trouble::Hold(why.to_string()))?;
        let plan = fields::plan(&targets, &rows, &friend.settings, self.account.mend);
        self.follow(plan, friend).await
    }

    /// Puts back what the owner had set, whatever Rolarr wrote.
    pub(super) async fn give_fields_back(&mut self, friend: &Friend) -> Result<bool, Trouble> {
        let rows = self.field_rows().await?;
        self.follow(fields::plan(&BTreeMap::new(), &rows, &friend.settings, false), friend).await
    }

    async fn field_rows(&self) -> Result<BTreeMap<Field, FieldRow>, Trouble> {
        let id = self.account.id;
        Ok(self.core.store.read(move |tx| tx.fields(id)).await?.into_iter().collect())
    }

    async fn follow(&mut self, plan: fields::Plan, friend: &Friend) -> Result<bool, Trouble> {
        let now = self.core.seam.now();
        let first = plan.clone();
        self.amend(move |tx, account| {
            for (field, row) in &first.before {
                tx.put_field(account.id, *field, row)?;
            }
            for field in &first.released {
                tx.delete_field(account.id, *field)?;
            }
            for field in &first.news {
                // A comparison finds it too, and has nothing to tell that was not told here.
                if let Some(row) = first.before.get(field) {
                    tx.put_drift(&compare::known(account.id, *field, row, now))?;
                }
            }
            if !first.news.is_empty() {
                let names: Vec<String> = first.news.iter().map(|field| fields::name(*field)).collect();
                let text = format!(
                    "{} was changed at Plex by somebody else. It is left as it is.",
                    names.join(", ")
                );
                tx.audit(
                    now,
                    account.decided_by,
                    account.user,
                    "foreign",
                    &texts::about(account.user, &text),
                )?;
            }
            Ok(())
        })
        .await?;
        if plan.writes.is_empty() {
            return Ok(false);
        }
        self.core.seam.reach(Step::FieldsIntended).await;
        self.still_wanted().await?;
        let username = Some(friend.names.username.as_str()).filter(|name| !name.is_empty());
        self.core.plex.write_settings(friend.id, username, &plan.writes).await?;
        self.core.seam.reach(Step::FieldsWritten).await;
        self.amend(move |tx, account| {
            for (field, row) in &plan.after {
                match row {
                    Some(row) => tx.put_field(account.id, *field, row)?,
                    None => tx.delete_field(account.id, *field)?,
                }
            }
            account.attempts = 0;
            Ok(())
        })
        .await?;
        self.core.seam.reach(Step::FieldsRecorded).await;
        Ok(true)
    }

    /// Shares the libraries that the grant names; a grant that names none leaves them as they are. What somebody
    /// else made of them is left and reported, unless it is to be mended.
    async fn share_libraries(&mut self, look: &Look, grant: &Grant) -> Result<(), Trouble> {
        let id = self.account.id;
        let row = self.core.store.read(move |tx| tx.libraries(id)).await?;
        let (Some(_), Some(share)) = (&grant.libraries, self.account.share) else {
            if row.is_some() {
                self.amend(|tx, account| tx.forget_libraries(account.id)).await?;
            }
            return Ok(());
        };
        let wanted = self.sections(grant)?;
        let shared = |look: &Look| compare::shared(look, share);
        let seen = shared(look);
        if seen.as_ref() == Some(&wanted) {
            return self.libraries_are(row, wanted).await;
        }
        if let Some(row) = &row
            && !self.account.mend
            && ![&row.written, &row.intended].into_iter().any(|ours| ours.is_some() && *ours == seen)
        {
            let difference = compare::of_libraries(&self.core.settings, look, grant, share);
            return self.leave_libraries(difference).await;
        }
        let written = row.and_then(|row| row.written);
        let begun = LibrariesRow { intended: Some(wanted.clone()), written };
        self.amend(move |tx, account| tx.put_libraries(account.id, &begun)).await?;
        self.still_wanted().await?;
        self.core.plex.set_sections(&self.core.settings.server.machine, share, &wanted).await?;
        if shared(&*self.look().await?).as_ref() == Some(&wanted) {
            return self.libraries_are(None, wanted).await;
        }
        Err(PlexError::NotTaken.into())
    }

    /// Stores that the libraries are as they should be, unless that is known.
    async fn libraries_are(&mut self, known: Option<LibrariesRow>, wanted: Sections) -> Result<(), Trouble> {
        let row = LibrariesRow { intended: None, written: Some(wanted) };
        if known.as_ref() == Some(&row) {
            return Ok(());
        }
        self.amend(move |tx, account| tx.put_libraries(account.id, &row)).await
    }

    /// Somebody else changed the libraries: that is told, unless a comparison told it already.
    async fn leave_libraries(&mut self, difference: Option<compare::Difference>) -> Result<(), Trouble> {
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
            tx.audit(now, account.decided_by, account.user, "foreign", &texts::about(account.user, text))
        })
        .await
    }

    /// Ends what a person is watching: a filter alone does not.
    pub(super) async fn end_streams(&self, who: PlexAccountId) -> Result<(), PlexError> {
        if !self.core.settings.streams {
            return Ok(());
        }
        let ended = async {
            for session in self.core.plex.sessions().await? {
                if session.account == who {
                    self.core.plex.terminate(&session, "Your access is paused.").await?;
                }
            }
            Ok(())
        }
        .await;
        if let Err(error) = &ended {
            let event = self.account.decided_by.map(crate::domain::EventId::padded).unwrap_or_default();
            tracing::warn!(event, %error, "running streams could not be ended");
        }
        ended
    }
}
