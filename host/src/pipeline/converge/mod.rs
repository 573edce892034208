//! Converge: Plex is made to agree with what was decided, by the smallest write, and read back.

mod compare;
mod correction;
mod invitation;
mod keep;
mod lists;
mod look;
mod outcome;
mod refusals;
mod removal;
mod requests;

use std::{collections::BTreeSet, sync::Arc};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::sync::Notify;

pub(super) use compare::{Comparison, Difference, Differences, compare, compare_held, name};
pub(super) use look::{Look, Looks};
pub(super) use outcome::note;

use super::{
    address, core::Core, effects, protection::Protection, seam::millis, settings::Timings, settling,
    unreadable::Whose, worker::Worker,
};
use crate::{
    domain::{
        AccountId, Timestamp,
        account::{Account, Held, HeldReason},
        contract::Access,
        reconcile::{
            Windows,
            share::{self, Change, Desired, Read, ShareState, Step},
        },
    },
    plex::PlexError,
    store::{HoldReason, MemberRow, Stage, StoreError, Tx},
};

/// So many accounts are worked on at the same time. They share what they read.
const ABREAST: u32 = 4;

/// Works on the accounts that are due.
pub(super) struct Converger;

impl Worker for Converger {
    const NAME: &'static str = "converge";

    fn signal(core: &Core) -> &Notify {
        &core.signals.converge
    }

    async fn round(core: &Arc<Core>) -> Result<Option<Timestamp>, StoreError> {
        let mut work = FuturesUnordered::new();
        let mut under_way: BTreeSet<AccountId> = BTreeSet::new();
        loop {
            let now = core.seam.now();
            // Those that are under way are due still.
            let (due, next) = core
                .store
                .read(move |tx| Ok((tx.due_accounts(now, 2 * ABREAST)?, tx.next_account_due(now)?)))
                .await?;
            for id in due {
                if under_way.len() < ABREAST as usize && under_way.insert(id) {
                    work.push(async move { (id, work_on(core, id).await) });
                }
            }
            // One that takes long keeps no other waiting: whoever is due takes the place that is free.
            tokio::select! {
                biased;
                done = work.next() => {
                    let Some((id, outcome)) = done else { return Ok(next) };
                    under_way.remove(&id);
                    match outcome {
                        Err(error @ StoreError::Unreadable(_)) => core.put_aside(Whose::Account(id), &error).await?,
                        other => other?,
                    }
                    core.signals.worked.notify_waiters();
                    core.signals.messages.notify_one();
                    core.signals.decide.notify_one();
                }
                () = core.signals.converge.notified() => {}
                () = core.seam.sleep_until(next) => {}
            }
        }
    }
}

/// When to look at an account again; none if there is nothing to do until something is decided. Plex tells nobody
/// that an invitation was accepted, or that a late request took effect.
type Next = Option<Timestamp>;

/// Why work on an account ended early.
enum Trouble {
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
struct Job<'a> {
    core: &'a Core,
    account: Account,
    access: Access,
    /// Since when it waits for an invitation that was out to be accepted, until that was looked for.
    waits_since: Option<Timestamp>,
    /// A filter hides everything although nothing should: it is somebody else's and left as it is.
    hidden: bool,
    /// Plex does not show yet whether it agrees: what was sent can still take effect, or an old state shows.
    is_unclear: bool,
    /// A share that had been accepted was ended in the course of this work.
    ended_accepted: bool,
}

/// An account that is due.
enum Due {
    /// The brake holds it, and this should be true for it once it does not.
    Held(Account, Access),
    /// What was decided waits until then.
    Settles(Timestamp),
    /// This should be true for it, and its member is this on Discord.
    Work(Account, Access, Vec<MemberRow>),
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

async fn work_on(core: &Core, id: AccountId) -> Result<(), StoreError> {
    let settings = core.settings();
    let read = core
        .store
        .read(move |tx| {
            let Some(account) = tx.account(id)? else { return Ok(None) };
            let access = effects::desired(tx, &settings, &account)?;
            if tx.hold(id)?.is_some() {
                return Ok(Some(Due::Held(account, access)));
            }
            if let Some(until) = tx.settles_at(id)? {
                return Ok(Some(Due::Settles(until)));
            }
            let member = memberships(tx, &account)?;
            Ok(Some(Due::Work(account, access, member)))
        })
        .await?;
    let (account, access) = match read {
        None => return Ok(()),
        // Who is protected by now is not touched, whatever was decided before.
        Some(Due::Work(account, _, member)) if is_protected(&Protection::of(core), &account, &member) => {
            tracing::info!(account = %id, "the member is protected: nothing is done");
            return core.store.write(move |tx| tx.rest(account.id, account.generation)).await;
        }
        Some(Due::Work(account, access, _)) => (account, access),
        Some(Due::Settles(until)) => return settling::wait(core, id, until).await,
        // An administrator decides first. Whatever made it due is looked at then.
        Some(Due::Held(account, access)) => return watch(core, account, access).await,
    };
    let event = account.decided_by.map(crate::domain::EventId::padded).unwrap_or_default();
    tracing::debug!(event, account = %id, stage = ?account.stage, "working on the account");
    let mut job = Job::new(core, account, access);
    if core.token_is_refused() {
        // It would be refused too.
        return outcome::store(job, Err(Trouble::Plex(PlexError::Unauthorized))).await;
    }
    let result = match job.converge().await {
        // Whether the invitation is out still can't be told. Its acceptance can.
        Err(Trouble::Missing(_))
            if job.account.stage == Stage::Invited && job.desired() == Desired::Granted =>
        {
            Ok(Some(job.next_check()))
        }
        other => other,
    };
    outcome::store(job, result).await?;
    core.tell_of_missing_lists().await
}

/// The brake holds this account: nothing is written for it. Where there is nothing left at Plex that could be
/// taken away, nothing is held any more.
async fn watch(core: &Core, account: Account, access: Access) -> Result<(), StoreError> {
    let mut job = Job::new(core, account, access);
    let result = match job.observe().await {
        Ok(Observed::Stands(next)) => {
            let (id, generation) = (job.account.id, job.account.generation);
            return core.store.write(move |tx| tx.requeue(id, generation, next)).await;
        }
        Ok(Observed::IsOver) => job.converge().await,
        Err(trouble) => Err(trouble),
    };
    outcome::store(job, result).await
}

/// What is true of an account for which nothing may be written.
enum Observed {
    /// What is held is there still. It is looked at again then.
    Stands(Next),
    /// There is nothing left that could be held.
    IsOver,
}

impl<'a> Job<'a> {
    fn new(core: &'a Core, account: Account, access: Access) -> Self {
        let waits_since = account.due.filter(|_| account.stage == Stage::Invited);
        Self { core, account, access, waits_since, hidden: false, is_unclear: false, ended_accepted: false }
    }

    fn desired(&self) -> Desired {
        match self.access {
            Access::Absent => Desired::Absent,
            Access::Restricted(_) => Desired::Restricted,
            // The invitation that is out is withdrawn first, and a share that was accepted stays.
            Access::Granted(_) if self.account.correction.is_some() => Desired::Restricted,
            Access::Granted(_) => Desired::Granted,
        }
    }

    fn windows(&self) -> Windows {
        windows(&self.core.settings().timings)
    }

    /// Takes step after step until there is nothing left to do now.
    async fn converge(&mut self) -> Result<Next, Trouble> {
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
    async fn observe(&mut self) -> Result<Observed, Trouble> {
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
    async fn read(&mut self) -> Result<(Arc<Look>, Read), Trouble> {
        let look = self.look_for_acceptance().await?;
        self.found(look, false)
    }

    /// Reads the lists once more, a confirmation time later.
    async fn read_again(&mut self) -> Result<(Arc<Look>, Read), Trouble> {
        let look = self.look_again().await?;
        self.found(look, true)
    }

    fn found(&self, look: Arc<Look>, confirms: bool) -> Result<(Arc<Look>, Read), Trouble> {
        let standing = self.standing(&look)?.seen(&self.account)?;
        let read = Read { standing, began: look.began, confirms };
        Ok((look, read))
    }

    /// Stores what is known of the share by now, with the ids that the lists show for it.
    async fn record(&mut self, look: &Look, state: ShareState, change: Change) -> Result<(), Trouble> {
        let (share, plex_account) = match self.standing(look)? {
            look::Standing::Joined { friend, share } => (Some(share.id), Some(friend.id)),
            look::Standing::Pending { share, .. } => (share, None),
            look::Standing::Absent | look::Standing::Unclear(_) => (None, None),
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
            outcome::note_change(tx, &settings, account, change, now)
        })
        .await?;
        match (was, change) {
            (Stage::Inviting, Change::Invited | Change::Accepted) => {
                self.core.seam.reach(super::seam::Step::InviteRecorded).await;
            }
            (_, Change::Accepted) => self.core.seam.reach(super::seam::Step::AcceptanceRecorded).await,
            _ => {}
        }
        Ok(())
    }

    /// Changes the account in the database, unless what should be true changed meanwhile.
    async fn amend<F>(&mut self, change: F) -> Result<(), Trouble>
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
    async fn still_wanted(&self) -> Result<(), Trouble> {
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
enum Begun {
    /// Nothing can be sent. It is looked at again then.
    Rests(Next),
    /// It goes on from the state that was stored.
    Goes,
    /// It was sent, and this read shows it.
    Shows((Arc<Look>, Read)),
}
