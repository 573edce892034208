//! Rows of the database that no version of Rolarr writes. They concern one person or one message: what they are
//! about is put aside, and everybody else goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{core::Core, texts};
use crate::{
    domain::{AccountId, GuildId, PromptId, TaskId, Timestamp, UserId},
    store::StoreError,
};

/// They are looked at again after this time: somebody may mend them while the bot runs.
const AGAIN: Duration = Duration::from_secs(3_600);

/// What a row that can't be read is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
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
pub(super) type Unread = Vec<(Whose, StoreError)>;

/// Whose rows can't be read.
#[derive(Debug, Default)]
pub(super) struct Unreadable(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Members whose events are not decided before a time.
    members: BTreeMap<UserId, Timestamp>,
    /// Of whom and what administrators were told.
    told: BTreeSet<String>,
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
    /// When what can't be read is looked at again.
    pub(super) fn unreadable_again(&self) -> Timestamp {
        self.after(AGAIN)
    }

    /// Something that is stored can't be read: what it is about waits until it can, and administrators are told
    /// once.
    pub(super) async fn put_aside(&self, whose: Whose, error: &StoreError) -> Result<(), StoreError> {
        let (now, until) = (self.seam.now(), self.unreadable_again());
        let (about, text) = match whose {
            Whose::Member(user) | Whose::Wakes(_, user) => {
                tracing::error!(%user, %error, "nothing is decided for the member until that is mended");
                self.unreadable.state().members.insert(user, until);
                (format!("<@{user}>"), texts::unreadable(error))
            }
            Whose::Account(account) | Whose::Settling(account) => {
                tracing::error!(%account, %error, "nothing is done for the account until that is mended");
                (format!("Account {account}"), texts::unreadable(error))
            }
            Whose::Question(prompt) => {
                tracing::error!(%prompt, %error, "the question stays as it is until that is mended");
                (format!("Question {prompt}"), texts::unreadable_alone(error))
            }
            Whose::Message(task) => {
                tracing::error!(%task, %error, "the message waits until that is mended");
                (format!("Message {task}"), texts::unreadable_alone(error))
            }
        };
        let is_new = self.unreadable.state().told.insert(about.clone());
        let put = self
            .store
            .write({
                let about = about.clone();
                move |tx| {
                    match whose {
                        Whose::Member(_) => {}
                        Whose::Wakes(guild, user) => tx.postpone_wakes(guild, user, now, until)?,
                        Whose::Account(account) => tx.postpone(account, until)?,
                        Whose::Settling(account) => tx.postpone_settling(account, until)?,
                        Whose::Question(prompt) => tx.postpone_prompt(prompt, until)?,
                        Whose::Message(task) => tx.put_task_aside(task, until)?,
                    }
                    if is_new {
                        tx.audit(now, None, None, "alarm", &format!("{about}: {text}"))?;
                    }
                    Ok(())
                }
            })
            .await;
        if put.is_err() && is_new {
            self.unreadable.state().told.remove(&about);
        }
        self.signals.messages.notify_one();
        put
    }

    /// The same for everything that a transaction put aside.
    pub(super) async fn put_all_aside(&self, unread: &Unread) -> Result<(), StoreError> {
        for (whose, error) in unread {
            self.put_aside(*whose, error).await?;
        }
        Ok(())
    }
}
