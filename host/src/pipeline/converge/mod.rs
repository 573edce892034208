//! Converge: Plex is made to agree with what was decided, by the smallest write, and read back.

mod compare;
mod fields;
mod invitation;
mod keep;
mod look;
mod outcome;
mod removal;

use std::{collections::BTreeSet, sync::Arc};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::sync::Notify;

pub(super) use compare::{Comparison, Difference, compare, compare_held, name};
pub(super) use look::{Look, Looks};
pub(super) use outcome::note;

use super::{
    core::Core, effects, protection::Protection, settling, unreadable::Whose, worker::Worker,
};
use crate::{
    domain::{AccountId, Timestamp, contract::Access},
    plex::PlexError,
    store::{Account, HoldReason, MemberRow, Stage, StoreError, Tx},
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

/// When to look at an account again.
enum Next {
    /// There is nothing to do until something is decided.
    Rest,
    /// Something is under way at Plex that nobody tells us of.
    At(Timestamp),
}

/// Why work on an account ended early.
enum Trouble {
    /// What should be true changed meanwhile: begin anew.
    Overtaken,
    /// An administrator must decide.
    Hold(String),
    /// Plex did not do what was asked.
    Plex(PlexError),
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
            StoreError::Taken => Self::Hold(
                "the Plex account or share belongs to another member. Nothing was changed.".to_owned(),
            ),
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
    let settings = core.settings.clone();
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
            return core.store.write(move |tx| tx.rest(account.id, account.wish)).await;
        }
        Some(Due::Work(account, access, _)) => (account, access),
        Some(Due::Settles(until)) => return settling::wait(core, id, until).await,
        // An administrator decides first. Whatever made it due is looked at then.
        Some(Due::Held(account, access)) => return watch(core, account, access).await,
    };
    let event = account.decided_by.map(crate::domain::EventId::padded).unwrap_or_default();
    tracing::debug!(event, account = %id, stage = account.stage.word(), "working on the account");
    let mut job = Job::new(core, account, access);
    if core.token_is_refused() {
        // It would be refused too.
        return outcome::store(job, Err(Trouble::Plex(PlexError::Unauthorized))).await;
    }
    let result = job.converge().await;
    outcome::store(job, result).await
}

/// The brake holds this account: nothing is written for it. Where there is nothing left at Plex that could be
/// taken away, nothing is held any more.
async fn watch(core: &Core, account: Account, access: Access) -> Result<(), StoreError> {
    let mut job = Job::new(core, account, access);
    let result = match job.is_over().await {
        Ok(false) => {
            let (id, wish) = (job.account.id, job.account.wish);
            return core.store.write(move |tx| tx.rest(id, wish)).await;
        }
        Ok(true) => job.converge().await,
        Err(trouble) => Err(trouble),
    };
    outcome::store(job, result).await
}

impl<'a> Job<'a> {
    fn new(core: &'a Core, account: Account, access: Access) -> Self {
        let waits_since = account.due.filter(|_| account.stage == Stage::Invited);
        Self { core, account, access, waits_since }
    }
}

impl Job<'_> {
    /// Looks whether what is held is there still, and lifts the hold where it is not. True if it was lifted.
    async fn is_over(&mut self) -> Result<bool, Trouble> {
        match self.account.stage {
            Stage::Joined => self.find_lost().await?,
            Stage::Invited => {
                self.await_acceptance().await?;
            }
            Stage::Inviting | Stage::Leaving => return Ok(false),
            Stage::None | Stage::Declined | Stage::Lost => {}
        }
        if !matches!(self.account.stage, Stage::None | Stage::Declined | Stage::Lost) {
            return Ok(false);
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
        Ok(self.core.store.read(move |tx| tx.hold(id)).await?.is_none())
    }

    /// Goes from stage to stage until there is nothing left to do now.
    async fn converge(&mut self) -> Result<Next, Trouble> {
        loop {
            let access = self.access.clone();
            let next = match (&access, self.account.stage) {
                (Access::Absent, Stage::None | Stage::Declined | Stage::Lost) => self.forget().await?,
                (Access::Absent | Access::Restricted(_), Stage::Inviting | Stage::Invited)
                | (Access::Absent, Stage::Joined | Stage::Leaving) => self.take_away().await?,
                (Access::Restricted(_) | Access::Granted(_), Stage::Declined | Stage::Lost)
                    if self.account.mend =>
                {
                    self.take_over().await?
                }
                (Access::Restricted(_), Stage::None | Stage::Declined | Stage::Lost) => Some(Next::Rest),
                (Access::Granted(grant), Stage::None | Stage::Declined | Stage::Lost) => {
                    self.begin_invitation(grant).await?
                }
                (Access::Granted(grant), Stage::Inviting) => self.send_invitation(grant, false).await?,
                (Access::Granted(_), Stage::Invited) => self.await_acceptance().await?,
                (Access::Granted(_) | Access::Restricted(_), Stage::Leaving) => self.resume().await?,
                (Access::Granted(grant), Stage::Joined) => self.keep(grant, None).await?,
                (Access::Restricted(restricted), Stage::Joined) => {
                    self.keep(&restricted.before, Some(&restricted.restriction)).await?
                }
            };
            if let Some(next) = next {
                return Ok(next);
            }
        }
    }

    /// Changes the account in the database, unless what should be true changed meanwhile.
    async fn amend<F>(&mut self, change: F) -> Result<(), Trouble>
    where
        F: FnOnce(&Tx<'_>, &mut Account) -> Result<(), StoreError> + Send + 'static,
    {
        let id = self.account.id;
        let wish = self.account.wish;
        let changed = self
            .core
            .store
            .write(move |tx| {
                let Some(mut account) = tx.account(id)? else { return Ok(None) };
                if account.wish != wish {
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
        let wish = self.account.wish;
        let wanted = move |tx: &Tx<'_>| {
            let Some(account) = tx.account(id)? else { return Ok(false) };
            let free = account.wish == wish && tx.hold(id)?.is_none();
            Ok(free && !is_protected(&protection, &account, &memberships(tx, &account)?))
        };
        if self.core.store.read(wanted).await? { Ok(()) } else { Err(Trouble::Overtaken) }
    }
}
