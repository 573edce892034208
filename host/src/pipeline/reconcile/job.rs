//! Work on one account: step after step until Plex agrees, or until it has to wait.

use std::sync::Arc;

use crate::{
    domain::{
        Timestamp,
        account::{Account, Held, HeldReason},
        contract::Access,
        reconcile::{
            Windows,
            share::{self, Change, Desired, Read, ShareState, Step},
        },
    },
    pipeline::{
        accounts::{address, journal},
        context::Context,
        memory::{
            lists::Missing,
            snapshot::{self, Look},
        },
        protection::current::Protection,
        seam::millis,
        settings::Timings,
    },
    plex::PlexError,
    store::{HoldReason, MemberRow, Stage, StoreError, Tx},
};

/// When to look at an account again; none if there is nothing to do until something is decided. Plex tells nobody
/// that an invitation was accepted, or that a late request took effect.
pub(super) type Next = Option<Timestamp>;

/// Why work on an account ended early.
pub(super) enum Trouble {
    /// What should be true changed meanwhile: begin anew.
    Overtaken,
    /// An administrator must decide.
    Hold(Held),
    /// Plex did not do what was asked.
    Plex(PlexError),
    /// A library that is named does not exist. It may come back, so it is looked at again.
    NoLibrary(String),
    /// This list of plex.tv's, without which it can't be told what to do, is missing.
    Missing(String),
    /// The database did not.
    Store(StoreError),
}

impl From<PlexError> for Trouble {
    fn from(error: PlexError) -> Self {
        Self::Plex(error)
    }
}

impl From<&Missing> for Trouble {
    fn from(missing: &Missing) -> Self {
        Self::Missing(missing.to_string())
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        match error {
            // Ids are unique across members. This concerns one member; the database itself is well.
            StoreError::Taken => Self::Hold(Held {
                why: HeldReason::OthersShare,
                words: "the Plex account or share belongs to another member. Nothing was changed.".to_owned(),
            }),
            other => Self::Store(other),
        }
    }
}

/// Work on one account: the account as it was read last, and what should be true.
pub(super) struct Job<'a> {
    pub(super) core: &'a Context,
    pub(super) account: Account,
    pub(super) access: Access,
    /// Since when it waits for an invitation that was out to be accepted, until that was looked for.
    pub(super) waits_since: Option<Timestamp>,
    /// A filter hides everything although nothing should: it is somebody else's and left as it is.
    pub(super) hidden: bool,
    /// Plex does not show yet whether it agrees: what was sent can still take effect, or an old state shows.
    pub(super) is_unclear: bool,
    /// A share that had been accepted was ended in the course of this work.
    pub(super) ended_accepted: bool,
}

/// The guilds in which an account's member was ever seen.
pub(super) fn memberships(tx: &Tx<'_>, account: &Account) -> Result<Vec<MemberRow>, StoreError> {
    account.user.map_or(Ok(Vec::new()), |user| tx.memberships(user))
}

/// Whether an account must not be touched. A command of an administrator's that is being carried out for it
/// goes before protection.
pub(super) fn is_protected(protection: &Protection, account: &Account, memberships: &[MemberRow]) -> bool {
    let user = account.user.filter(|_| !account.commanded);
    user.is_some_and(|user| protection.why_of(user, memberships).is_some())
}

/// What is true of an account for which nothing may be written.
pub(super) enum Observed {
    /// What is held is there still. It is looked at again then.
    Stands(Next),
    /// There is nothing left that could be held.
    IsOver,
}

impl<'a> Job<'a> {
    pub(super) fn new(core: &'a Context, account: Account, access: Access) -> Self {
        let waits_since = account.due.filter(|_| account.stage == Stage::Invited);
        Self { core, account, access, waits_since, hidden: false, is_unclear: false, ended_accepted: false }
    }

    pub(super) fn desired(&self) -> Desired {
        match self.access {
            Access::Absent => Desired::Absent,
            Access::Restricted(_) => Desired::Restricted,
            // The invitation that is out is withdrawn first, and a share that was accepted stays.
            Access::Granted(_) if self.account.correction.is_some() => Desired::Restricted,
            Access::Granted(_) => Desired::Granted,
        }
    }

    pub(super) fn windows(&self) -> Windows {
        windows(&self.core.settings().timings)
    }

    /// Takes step after step until there is nothing left to do now.
    pub(super) async fn reconcile(&mut self) -> Result<Next, Trouble> {
        let mut read: Option<(Arc<Look>, Read)> = None;
        loop {
            self.correct().await?;
            if self.desired() != Desired::Absent
                && matches!(self.account.stage, Stage::Declined | Stage::Lost)
                && self.account.mend
                && let Some(next) = self.take_over().await?
            {
                return Ok(next);
            }
            let last = read.as_ref().map(|(_, read)| *read);
            let step = share::next(self.account.share_state(), self.desired(), last, self.windows());
            let look = read.as_ref().map(|(look, _)| Arc::clone(look));
            match (step, look) {
                (Step::ReadAgain, _) => read = Some(self.read_again().await?),
                (Step::Store(state, change), Some(look)) => self.record(&look, state, change).await?,
                (Step::Begin, _) => match self.begin_invitation().await? {
                    Begun::Rests(next) => return Ok(next),
                    Begun::Goes => read = None,
                    Begun::Shows(shown) => read = Some(shown),
                },
                (Step::Invite, _) => match self.send_invitation().await? {
                    Begun::Rests(next) => return Ok(next),
                    Begun::Goes => read = None,
                    Begun::Shows(shown) => read = Some(shown),
                },
                (Step::Withdraw, Some(look)) => read = Some(self.withdraw(&look).await?),
                (Step::End, Some(look)) => read = Some(self.end(&look).await?),
                (Step::Keep, Some(look)) => return self.keep(&look).await,
                (Step::Forget, _) => return self.forget().await,
                (Step::Rest(next), _) => {
                    self.is_unclear = next.is_some();
                    return Ok(next);
                }
                (Step::AwaitAcceptance(at), _) => {
                    let check = self.next_check();
                    return Ok(Some(at.map_or(check, |at| at.min(check))));
                }
                // A read was asked for, or a step needs one.
                (_, _) => read = Some(self.read().await?),
            }
        }
    }

    /// Looks whether what is held is there still, and lifts the hold where it is not. Nothing is written.
    pub(super) async fn observe(&mut self) -> Result<Observed, Trouble> {
        let mut read: Option<(Arc<Look>, Read)> = None;
        loop {
            match self.account.stage {
                Stage::Inviting | Stage::Leaving => return Ok(Observed::Stands(None)),
                Stage::None | Stage::Declined | Stage::Lost => break,
                Stage::Invited | Stage::Joined => {}
            }
            let last = read.as_ref().map(|(_, read)| *read);
            let step = share::next(self.account.share_state(), Desired::Granted, last, self.windows());
            match (step, read.as_ref().map(|(look, _)| Arc::clone(look))) {
                (Step::Read, _) => read = Some(self.read().await?),
                (Step::ReadAgain, _) => read = Some(self.read_again().await?),
                (Step::Store(state, change), Some(look)) => self.record(&look, state, change).await?,
                (Step::Rest(next), _) => return Ok(Observed::Stands(next)),
                _ => return Ok(Observed::Stands(None)),
            }
        }
        self.amend(|tx, account| {
            // A share that somebody made again is another matter, until it shows that it is gone too.
            if tx.hold(account.id)?.is_some_and(|hold| hold.reason != HoldReason::Drift) {
                tx.drop_hold(account.id)?;
            }
            Ok(())
        })
        .await?;
        let id = self.account.id;
        let free = self.core.store.read(move |tx| tx.hold(id)).await?.is_none();
        Ok(if free { Observed::IsOver } else { Observed::Stands(None) })
    }

    /// Reads the lists, and finds this account in them. An invitation that is out is looked for together with all
    /// others, the first time.
    pub(super) async fn read(&mut self) -> Result<(Arc<Look>, Read), Trouble> {
        let look = self.look_for_acceptance().await?;
        self.found(look, false)
    }

    /// Reads the lists once more, a confirmation time later.
    pub(super) async fn read_again(&mut self) -> Result<(Arc<Look>, Read), Trouble> {
        let look = self.look_again().await?;
        self.found(look, true)
    }

    pub(super) fn found(&self, look: Arc<Look>, confirms: bool) -> Result<(Arc<Look>, Read), Trouble> {
        let standing = self.standing(&look)?.seen(&self.account)?;
        let read = Read { standing, began: look.began, confirms };
        Ok((look, read))
    }

    /// Stores what is known of the share by now, with the ids that the lists show for it.
    pub(super) async fn record(
        &mut self,
        look: &Look,
        state: ShareState,
        change: Change,
    ) -> Result<(), Trouble> {
        let (share, plex_account) = match self.standing(look)? {
            snapshot::Standing::Joined { friend, share } => (Some(share.id), Some(friend.id)),
            snapshot::Standing::Pending { share, .. } => (share, None),
            snapshot::Standing::Absent | snapshot::Standing::Unclear(_) => (None, None),
        };
        let (now, settings) = (self.core.seam.now(), self.core.settings());
        let was = self.account.stage;
        // It may be accepted while it is withdrawn.
        let is_first =
            was == Stage::Leaving && state.stage == Stage::Joined && self.account.plex_account.is_none();
        let change = if is_first { Change::Accepted } else { change };
        self.amend(move |tx, account| {
            account.observe(state, (share, plex_account), change);
            if state.stage.is_ended() {
                tx.forget_libraries(account.id)?;
            }
            if change == Change::Accepted {
                address::refresh_question(tx, account, now)?;
            }
            journal::note_change(tx, &settings, account, change, now)
        })
        .await?;
        match (was, change) {
            (Stage::Inviting, Change::Invited | Change::Accepted) => {
                self.core.seam.reach(crate::pipeline::seam::Step::InviteRecorded).await;
            }
            (_, Change::Accepted) => {
                self.core.seam.reach(crate::pipeline::seam::Step::AcceptanceRecorded).await
            }
            _ => {}
        }
        Ok(())
    }

    /// Changes the account in the database, unless what should be true changed meanwhile.
    pub(super) async fn amend<F>(&mut self, change: F) -> Result<(), Trouble>
    where
        F: FnOnce(&Tx<'_>, &mut Account) -> Result<(), StoreError> + Send + 'static,
    {
        let id = self.account.id;
        let generation = self.account.generation;
        let changed = self
            .core
            .store
            .write(move |tx| {
                let Some(mut account) = tx.account(id)? else { return Ok(None) };
                if account.generation != generation {
                    return Ok(None);
                }
                change(tx, &mut account)?;
                tx.put_account(&account)?;
                Ok(Some(account))
            })
            .await?;
        self.account = changed.ok_or(Trouble::Overtaken)?;
        Ok(())
    }

    /// Makes sure, before something is written at Plex, that it is still wanted: nothing else was decided, nobody
    /// holds it, and the member is not protected by now.
    pub(super) async fn still_wanted(&self) -> Result<(), Trouble> {
        let id = self.account.id;
        let protection = Protection::of(self.core);
        let generation = self.account.generation;
        let wanted = move |tx: &Tx<'_>| {
            let Some(account) = tx.account(id)? else { return Ok(false) };
            let free = account.generation == generation && tx.hold(id)?.is_none();
            Ok(free && !is_protected(&protection, &account, &memberships(tx, &account)?))
        };
        if self.core.store.read(wanted).await? { Ok(()) } else { Err(Trouble::Overtaken) }
    }
}

/// For how long earlier requests and old reads can matter.
pub(super) fn windows(timings: &Timings) -> Windows {
    Windows {
        confirm: millis(timings.confirm_absence),
        stale: millis(timings.stale),
        late: millis(timings.late),
    }
}

/// How far an invitation got.
pub(super) enum Begun {
    /// Nothing can be sent. It is looked at again then.
    Rests(Next),
    /// It goes on from the state that was stored.
    Goes,
    /// It was sent, and this read shows it.
    Shows((Arc<Look>, Read)),
}

/// Stores the end of a piece of work, unless what should be true changed meanwhile: then it is due already.
pub(super) async fn end<F>(mut job: Job<'_>, change: F) -> Result<(), StoreError>
where
    F: FnOnce(&Tx<'_>, &mut Account) -> Result<(), StoreError> + Send + 'static,
{
    match job.amend(change).await {
        Ok(()) | Err(Trouble::Overtaken) => Ok(()),
        Err(Trouble::Store(error)) => Err(error),
        Err(Trouble::Hold(_) | Trouble::NoLibrary(_) | Trouble::Plex(_) | Trouble::Missing(_)) => Ok(()),
    }
}
