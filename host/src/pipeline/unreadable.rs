//! Rows of the database that no version of Rolarr writes. They concern one person: everybody else goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{core::Core, texts};
use crate::{
    domain::{AccountId, Timestamp, UserId},
    store::StoreError,
};

/// They are looked at again after this time: somebody may mend them while the bot runs.
const AGAIN: Duration = Duration::from_secs(3_600);

/// Whose rows can't be read.
#[derive(Debug, Default)]
pub(super) struct Unreadable(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Members whose events are not decided before a time.
    members: BTreeMap<UserId, Timestamp>,
    /// Of whom administrators were told.
    told_members: BTreeSet<UserId>,
    told_accounts: BTreeSet<AccountId>,
}

impl Unreadable {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The members whose events are not to be decided now.
    pub(super) fn set_aside(&self, now: Timestamp) -> BTreeSet<UserId> {
        let mut state = self.state();
        state.members.retain(|_, until| *until > now);
        state.members.keys().copied().collect()
    }

    /// When the first of them is looked at again.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.state().members.values().min().copied()
    }
}

impl Core {
    /// What is stored of a member can't be read: nothing is decided for them until it can.
    pub(super) async fn unreadable_member(&self, user: UserId, error: &StoreError) -> Result<(), StoreError> {
        tracing::error!(%user, %error, "nothing is decided for the member until that is mended");
        let until = self.after(AGAIN);
        self.unreadable.state().members.insert(user, until);
        if self.unreadable.state().told_members.contains(&user) {
            return Ok(());
        }
        self.tell_of_unreadable(texts::about(Some(user), &texts::unreadable(error))).await?;
        self.unreadable.state().told_members.insert(user);
        Ok(())
    }

    /// What is stored of an account can't be read: nothing is changed at Plex for it until it can.
    pub(super) async fn unreadable_account(
        &self,
        account: AccountId,
        error: &StoreError,
    ) -> Result<(), StoreError> {
        tracing::error!(%account, %error, "nothing is done for the account until that is mended");
        let later = self.after(AGAIN);
        self.store.write(move |tx| tx.postpone(account, later)).await?;
        if self.unreadable.state().told_accounts.contains(&account) {
            return Ok(());
        }
        self.tell_of_unreadable(format!("Account {account}: {}", texts::unreadable(error))).await?;
        self.unreadable.state().told_accounts.insert(account);
        Ok(())
    }

    async fn tell_of_unreadable(&self, text: String) -> Result<(), StoreError> {
        let now = self.seam.now();
        self.store.write(move |tx| tx.audit(now, None, None, "alarm", &text)).await?;
        self.signals.messages.notify_one();
        Ok(())
    }
}
