//! Rows of the database that no version of Rolarr writes. They concern one person or one message: what they are
//! about is put aside, and everybody else goes on.

use std::time::Duration;

use crate::{
    domain::{AuditKind, Timestamp},
    pipeline::{
        context::Context,
        memory::quarantine::{Unread, Whose},
        texts,
    },
    store::StoreError,
};

/// They are looked at again after this time: somebody may mend them while the bot runs.
const AGAIN: Duration = Duration::from_secs(3_600);

impl Context {
    /// When what can't be read is looked at again.
    pub(in crate::pipeline) fn unreadable_again(&self) -> Timestamp {
        self.after(AGAIN)
    }

    /// Something that is stored can't be read: what it is about waits until it can, and administrators are told
    /// once.
    pub(in crate::pipeline) async fn put_aside(
        &self,
        whose: Whose,
        error: &StoreError,
    ) -> Result<(), StoreError> {
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
                        tx.audit(now, None, None, AuditKind::Alarm, &format!("{about}: {text}"))?;
                    }
                    Ok(())
                }
            })
            .await;
        if put.is_err() && is_new {
            self.unreadable.state().told.remove(&about);
        }
        put
    }

    /// The same for everything that a transaction put aside.
    pub(in crate::pipeline) async fn put_all_aside(&self, unread: &Unread) -> Result<(), StoreError> {
        for (whose, error) in unread {
            self.put_aside(*whose, error).await?;
        }
        Ok(())
    }
}
