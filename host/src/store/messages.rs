//! Messages to send, each once, and what administrators are told.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::{
    StoreError, Tx,
    rows::{At, Each, Json, json, list, words},
};
use crate::domain::{AuditKind, ChannelId, EventId, MessageId, PromptId, TaskId, Timestamp, UserId};

words! {
    /// How far a message has got.
    TaskState {
        /// It is to be sent.
        Waiting = "waiting",
        /// It was about to be sent: it may stand in the channel already.
        Sending = "sending",
        /// It was sent.
        Done = "done",
        /// It will not be sent.
        Dropped = "dropped",
        /// The member's direct messages are closed: it is shown when they press the neutral button.
        Inbox = "inbox",
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Send a direct message.
    Tell {
        /// Its text.
        text: String,
    },
    /// Ask for the e-mail address.
    Ask(PromptId),
    /// Make a question's message say what became of it.
    Refresh(PromptId),
    /// Post into the audit channel.
    Audit {
        /// The text.
        text: String,
    },
    /// Post into the audit channel who is held, and was not named there yet.
    Holds,
    /// Put the neutral button into a channel, if it does not stand there.
    OfferInbox(ChannelId),
}

/// Whom a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Those who run the bot.
    Administrators,
    /// A member, or all who look into a channel.
    Member,
}

impl Reader {
    /// What is true of the rows of such messages.
    const fn filter(self) -> &'static str {
        match self {
            Self::Administrators => "(work = '\"holds\"' OR json_type(work, '$.audit') IS NOT NULL)",
            Self::Member => "NOT (work = '\"holds\"' OR json_type(work, '$.audit') IS NOT NULL)",
        }
    }
}

/// The fact that lists the messages that can't be read.
const UNREADABLE: &str = "unreadable-messages";

/// Their numbers, as a table.
fn put_aside() -> String {
    format!(
        "(SELECT value FROM json_each((SELECT value FROM facts WHERE name = '{UNREADABLE}' AND json_valid(value))))"
    )
}

/// What is true of the row of a direct message that no earlier one to the same person waits before, and of everything
/// that is no direct message. One that can't be read may wait for ever, so nothing waits for it.
fn in_turn() -> String {
    format!(
        "(
    (json_type(tasks.work, '$.tell') IS NULL AND json_type(tasks.work, '$.ask') IS NULL)
    OR NOT EXISTS (
        SELECT 1 FROM tasks AS earlier
        WHERE earlier.user = tasks.user AND earlier.id < tasks.id AND earlier.state IN ('waiting', 'sending')
          AND (json_type(earlier.work, '$.tell') IS NOT NULL OR json_type(earlier.work, '$.ask') IS NOT NULL)
          AND earlier.id NOT IN {}))",
        put_aside()
    )
}

/// So many messages to administrators wait before those are counted.
const LONGEST: u32 = 500;

/// The fact that says which message counts, and how many it stands for.
const COUNTED: &str = "counted-reports";

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its number. The nonce is made of it.
    pub id: TaskId,
    /// The event that it follows from.
    pub event: Option<EventId>,
    /// Whom it is for.
    pub user: Option<UserId>,
    /// What is to be done.
    pub work: Work,
    /// How far it has got.
    pub state: TaskState,
    /// When to try.
    pub due: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// The channel that it goes to, once known.
    pub channel: Option<ChannelId>,
    /// When it was first about to be sent.
    pub sent_at: Option<Timestamp>,
}

pub(super) const COLUMNS: &str = "id, event, user, work, state, due, attempts, channel, sent_at";

pub(super) fn task(row: &Row<'_>) -> rusqlite::Result<Task> {
    Ok(Task {
        id: row.get(0)?,
        event: row.get(1)?,
        user: row.get(2)?,
        work: row.get::<_, Json<Work>>(3)?.0,
        state: row.get(4)?,
        due: row.get::<_, At>(5)?.0,
        attempts: row.get(6)?,
        channel: row.get(7)?,
        sent_at: row.get::<_, Option<At>>(8)?.map(|at| at.0),
    })
}

impl Tx<'_> {
    /// Puts a message on its way.
    pub fn add_task(
        &self,
        event: Option<EventId>,
        user: Option<UserId>,
        work: &Work,
        due: Timestamp,
    ) -> Result<TaskId, StoreError> {
        self.db
            .prepare_cached(
                "INSERT INTO tasks (event, user, work, state, due) VALUES (?1, ?2, ?3, 'waiting', ?4)",
            )?
            .execute(params![event, user, json(work)?, At(due)])?;
        Ok(TaskId(self.db.last_insert_rowid()))
    }

    /// A message comes before the others that wait.
    pub(super) fn make_urgent(&self, id: TaskId) -> Result<(), StoreError> {
        self.db.prepare_cached("UPDATE tasks SET urgent = 1 WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    /// Tells the administrators: a row that stays, and a message into the audit channel.
    pub fn audit(
        &self,
        now: Timestamp,
        event: Option<EventId>,
        user: Option<UserId>,
        kind: AuditKind,
        text: &str,
    ) -> Result<(), StoreError> {
        self.remark(now, event, user, kind, text)?;
        if kind.is_frequent() && self.reports_wait()? >= LONGEST {
            return self.count_report(now);
        }
        let task = self.add_task(event, None, &Work::Audit { text: text.to_owned() }, now)?;
        if kind.is_urgent() { self.make_urgent(task) } else { Ok(()) }
    }

    /// How many messages to administrators wait: no more than [`LONGEST`] are counted.
    fn reports_wait(&self) -> Result<u32, StoreError> {
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM tasks WHERE state IN ('waiting', 'sending') AND {} LIMIT ?1)",
            Reader::Administrators.filter()
        );
        Ok(self.db.prepare_cached(&sql)?.query_row([LONGEST], |row| row.get(0))?)
    }

    /// One more is counted by the message that does so, which is made if there is none that waits.
    fn count_report(&self, now: Timestamp) -> Result<(), StoreError> {
        let counted: Option<(i64, u64)> =
            self.fact(COUNTED)?.and_then(|text| serde_json::from_str(&text).ok());
        let waiting = match counted {
            Some((task, count)) => {
                let task = self.task(TaskId(task))?;
                task.filter(|task| task.state == TaskState::Waiting).map(|task| (task.id, count))
            }
            None => None,
        };
        let text = |count: u64| Work::Audit {
            text: format!(
                "{count} more reports are not sent one by one, because too many were waiting: `rolarr events list` \
                 has what was decided."
            ),
        };
        let (task, count) = match waiting {
            Some((task, count)) => {
                self.rewrite_task(task, &text(count + 1))?;
                (task, count + 1)
            }
            None => (self.add_task(None, None, &text(1), now)?, 1),
        };
        self.put_fact(COUNTED, &json(&(task.0, count))?)
    }

    /// The row alone: what stands in another message to them, or is of no use to them at once.
    pub fn remark(
        &self,
        now: Timestamp,
        event: Option<EventId>,
        user: Option<UserId>,
        kind: AuditKind,
        text: &str,
    ) -> Result<(), StoreError> {
        self.db
            .prepare_cached("INSERT INTO audit (at, event, user, kind, text) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![At(now), event, user, kind, text])?;
        Ok(())
    }

    /// Makes a message that waits another one.
    pub fn rewrite_task(&self, id: TaskId, work: &Work) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE tasks SET work = ?2 WHERE id = ?1 AND state = 'waiting'")?
            .execute(params![id, json(work)?])?;
        Ok(())
    }

    /// What administrators were told, oldest first: kind and text.
    pub fn audited(&self) -> Result<Vec<(String, String)>, StoreError> {
        let mut statement = self.db.prepare_cached("SELECT kind, text FROM audit ORDER BY id")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The messages to some that are due, urgent ones first, and in the order in which they came to be; where one
    /// can't be read, its number. A direct message is not due before earlier ones to the same person are over.
    pub fn due_tasks(
        &self,
        reader: Reader,
        now: Timestamp,
        limit: u32,
    ) -> Result<Each<Task, TaskId>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM tasks WHERE state IN ('waiting', 'sending') AND due <= ?1 AND {} AND {}
             ORDER BY urgent DESC, id LIMIT ?2",
            reader.filter(),
            in_turn()
        );
        list(self.db.prepare_cached(&sql)?, params![At(now), limit], |row| row.get(0), task)
    }

    /// When the next message to some is due.
    pub fn next_task_due(&self, reader: Reader) -> Result<Option<Timestamp>, StoreError> {
        let sql = format!(
            "SELECT min(due) FROM tasks WHERE state IN ('waiting', 'sending') AND {} AND {}",
            reader.filter(),
            in_turn()
        );
        let due = self.db.prepare_cached(&sql)?.query_row([], |row| row.get::<_, Option<At>>(0))?;
        Ok(due.map(|at| at.0))
    }

    /// No message goes to administrators before this time.
    pub fn delay_reports(&self, until: Timestamp) -> Result<(), StoreError> {
        let sql = format!(
            "UPDATE tasks SET due = max(due, ?1) WHERE state IN ('waiting', 'sending') AND {}",
            Reader::Administrators.filter()
        );
        self.db.prepare_cached(&sql)?.execute([At(until)])?;
        Ok(())
    }

    /// No direct message goes out before this time.
    pub fn delay_direct_messages(&self, until: Timestamp) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "UPDATE tasks SET due = max(due, ?1) WHERE state IN ('waiting', 'sending')
                 AND (json_type(work, '$.tell') IS NOT NULL OR json_type(work, '$.ask') IS NOT NULL)",
            )?
            .execute([At(until)])?;
        Ok(())
    }

    /// Drops the oldest messages to administrators that wait, except the newest `most`. Returns how many were
    /// dropped. Urgent ones count as the newest.
    pub fn trim_reports(&self, most: u32) -> Result<u64, StoreError> {
        let filter = Reader::Administrators.filter();
        let sql = format!(
            "UPDATE tasks SET state = 'dropped' WHERE id IN (
                 SELECT id FROM tasks WHERE state IN ('waiting', 'sending') AND {filter}
                 ORDER BY urgent DESC, id DESC LIMIT -1 OFFSET ?1)"
        );
        let dropped = self.db.prepare_cached(&sql)?.execute([most])?;
        Ok(u64::try_from(dropped).unwrap_or(u64::MAX))
    }

    /// A message by its number.
    pub fn task(&self, id: TaskId) -> Result<Option<Task>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM tasks WHERE id = ?1");
        Ok(self.db.prepare_cached(&sql)?.query_row([id], task).optional()?)
    }

    /// What waits for a person behind the neutral button, oldest first.
    pub fn inbox(&self, user: UserId) -> Result<Vec<Task>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM tasks WHERE user = ?1 AND state = 'inbox' ORDER BY id");
        let mut statement = self.db.prepare_cached(&sql)?;
        let rows = statement.query_map([user], task)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether a question waits to be sent, or behind the neutral button.
    pub fn is_asking(&self, prompt: PromptId) -> Result<bool, StoreError> {
        Ok(self
            .db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM tasks WHERE state IN ('waiting', 'sending', 'inbox') AND work = ?1)",
            )?
            .query_row([json(&Work::Ask(prompt))?], |row| row.get(0))?)
    }

    /// Remembers, before a message is sent, that it is about to be.
    /// False if it is not to be sent any more.
    pub fn begin_task(&self, id: TaskId, channel: ChannelId, now: Timestamp) -> Result<bool, StoreError> {
        let begun = self
            .db
            .prepare_cached(
                "UPDATE tasks SET state = 'sending', channel = ?2, sent_at = coalesce(sent_at, ?3)
                 WHERE id = ?1 AND state IN ('waiting', 'sending')",
            )?
            .execute(params![id, channel, At(now)])?;
        Ok(begun > 0)
    }

    /// The messages in a channel that are known to have been sent.
    pub fn sent_into(&self, channel: ChannelId) -> Result<BTreeSet<MessageId>, StoreError> {
        let mut sent =
            self.db.prepare_cached("SELECT message FROM tasks WHERE channel = ?1 AND message >= 0")?;
        let rows = sent.query_map([channel], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Says what became of a message.
    pub fn end_task(
        &self,
        id: TaskId,
        state: TaskState,
        message: Option<MessageId>,
    ) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE tasks SET state = ?2, message = coalesce(?3, message) WHERE id = ?1")?
            .execute(params![id, state, message])?;
        if state == TaskState::Done { self.show_holds_of(id) } else { Ok(()) }
    }

    /// Tries a message again later.
    pub fn delay_task(&self, id: TaskId, due: Timestamp) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE tasks SET due = ?2, attempts = attempts + 1 WHERE id = ?1")?
            .execute(params![id, At(due)])?;
        Ok(())
    }

    /// Tries a message that can't be read again later. Until then no later one to the same person waits for it.
    pub fn put_task_aside(&self, id: TaskId, due: Timestamp) -> Result<(), StoreError> {
        // Those that are over by now are left out.
        let sql = format!(
            "SELECT json_group_array(id) FROM tasks
             WHERE state IN ('waiting', 'sending') AND (id = ?1 OR id IN {})",
            put_aside()
        );
        let aside: String = self.db.prepare_cached(&sql)?.query_row([id], |row| row.get(0))?;
        self.put_fact(UNREADABLE, &aside)?;
        self.delay_task(id, due)
    }

    /// Drops the messages that have not been sent to a person yet: they would be wrong by now. Changes of
    /// messages that stand already are still made.
    pub fn drop_tasks_of(&self, user: UserId) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "UPDATE tasks SET state = 'dropped' WHERE user = ?1 AND state IN ('waiting', 'sending', 'inbox')
                 AND json_type(work, '$.refresh') IS NULL",
            )?
            .execute([user])?;
        Ok(())
    }

    /// The message with the neutral button that was put into this channel last.
    pub fn inbox_in(&self, channel: ChannelId) -> Result<Option<MessageId>, StoreError> {
        Ok(self
            .db
            .prepare_cached(
                "SELECT message FROM tasks WHERE state = 'done' AND work = ?1 AND message IS NOT NULL
                 ORDER BY id DESC LIMIT 1",
            )?
            .query_row([json(&Work::OfferInbox(channel))?], |row| row.get(0))
            .optional()?)
    }
}
