//! Whose rows can not be read.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    domain::{AccountId, GuildId, PromptId, TaskId, Timestamp, UserId},
    store::StoreError,
};

/// What a row that can't be read is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pipeline) enum Whose {
    /// A member: nothing is decided for them.
    Member(UserId),
    /// A member whose wakes in a guild are due: they wait, and nothing is decided.
    Wakes(GuildId, UserId),
    /// A place at Plex: nothing is done there.
    Account(AccountId),
    /// What waits for the settling time at a place at Plex: it goes on waiting.
    Settling(AccountId),
    /// A question that was not answered in time: it stays open.
    Question(PromptId),
    /// A message: it is not sent.
    Message(TaskId),
}

/// What was put aside within a transaction, to be told of after it, and why.
pub(in crate::pipeline) type Unread = Vec<(Whose, StoreError)>;

/// Whose rows can't be read.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Unreadable(pub(in crate::pipeline) Mutex<State>);

#[derive(Debug, Default)]
pub(in crate::pipeline) struct State {
    /// Members whose events are not decided before a time.
    pub(in crate::pipeline) members: BTreeMap<UserId, Timestamp>,
    /// Of whom and what administrators were told.
    pub(in crate::pipeline) told: BTreeSet<String>,
}

impl Unreadable {
    pub(in crate::pipeline) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The members whose events are not to be decided now.
    pub(in crate::pipeline) fn set_aside(&self, now: Timestamp) -> BTreeSet<UserId> {
        let mut state = self.state();
        state.members.retain(|_, until| *until > now);
        state.members.keys().copied().collect()
    }

    /// When the first of them is looked at again.
    pub(in crate::pipeline) fn next(&self) -> Option<Timestamp> {
        self.state().members.values().min().copied()
    }
}
