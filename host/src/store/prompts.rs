//! Questions for e-mail addresses.

use rusqlite::{OptionalExtension, Row, params};

use super::{
    StoreError, Tx,
    rows::{At, Each, list, words},
};
use crate::domain::{ChannelId, GuildId, MessageId, PromptId, Timestamp, UserId};

words! {
    /// What became of a question.
    PromptState {
        /// It waits for an answer.
        Open = "open",
        /// Nobody answered in time. A press on its button opens it again while it still applies.
        Expired = "expired",
        /// It does not apply any more.
        Closed = "closed",
        /// It was answered.
        Answered = "answered",
    }
}

/// A question for a member's e-mail address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Its number, carried by its button.
    pub id: PromptId,
    /// Who is asked.
    pub user: UserId,
    /// In which guild the role was given.
    pub guild: GuildId,
    /// What became of it.
    pub state: PromptState,
    /// When the question counts as not answered in time.
    pub expires_at: Timestamp,
    /// Where its message stands, once it was sent.
    pub message: Option<(ChannelId, MessageId)>,
}

/// The message of a question that waits to be sent.
pub(super) const UNSENT: &str = "SELECT 1 FROM tasks WHERE tasks.state IN ('waiting', 'sending')
    AND json_extract(tasks.work, '$.ask') = prompts.id";

const COLUMNS: &str = "id, user, guild, state, expires_at, channel, message";

fn prompt(row: &Row<'_>) -> rusqlite::Result<Prompt> {
    let channel: Option<ChannelId> = row.get(5)?;
    let message: Option<MessageId> = row.get(6)?;
    Ok(Prompt {
        id: row.get(0)?,
        user: row.get(1)?,
        guild: row.get(2)?,
        state: row.get(3)?,
        expires_at: row.get::<_, At>(4)?.0,
        message: channel.zip(message),
    })
}

impl Tx<'_> {
    /// How many questions a person was ever asked.
    pub fn prompt_count(&self, user: UserId) -> Result<usize, StoreError> {
        let count: i64 = self
            .db
            .prepare_cached("SELECT count(*) FROM prompts WHERE user = ?1")?
            .query_row([user], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// Opens a question.
    pub fn open_prompt(
        &self,
        user: UserId,
        guild: GuildId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<PromptId, StoreError> {
        self.db
            .prepare_cached(
                "INSERT INTO prompts (user, guild, state, opened_at, expires_at)
                 VALUES (?1, ?2, 'open', ?3, ?4)",
            )?
            .execute(params![user, guild, At(now), At(expires_at)])?;
        Ok(PromptId(self.db.last_insert_rowid()))
    }

    /// A question by its number.
    pub fn prompt(&self, id: PromptId) -> Result<Option<Prompt>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM prompts WHERE id = ?1");
        Ok(self.db.prepare_cached(&sql)?.query_row([id], prompt).optional()?)
    }

    /// A person's newest question, whatever its state.
    pub fn latest_prompt(&self, user: UserId) -> Result<Option<Prompt>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM prompts WHERE user = ?1 ORDER BY id DESC LIMIT 1");
        Ok(self.db.prepare_cached(&sql)?.query_row([user], prompt).optional()?)
    }

    /// A person's open question.
    pub fn open_prompt_of(&self, user: UserId) -> Result<Option<Prompt>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM prompts WHERE user = ?1 AND state = 'open'");
        Ok(self.db.prepare_cached(&sql)?.query_row([user], prompt).optional()?)
    }

    /// The open questions whose time is over. The time of one that waits to be sent has not begun. Where one can't be read, its number.
    pub fn overdue_prompts(&self, now: Timestamp) -> Result<Each<Prompt, PromptId>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM prompts WHERE state = 'open' AND expires_at <= ?1 AND NOT EXISTS ({UNSENT})
             ORDER BY id LIMIT 100"
        );
        list(self.db.prepare_cached(&sql)?, [At(now)], |row| row.get(0), prompt)
    }

    /// A question's time is over then, whatever else is stored of it.
    pub fn postpone_prompt(&self, id: PromptId, until: Timestamp) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE prompts SET expires_at = ?2 WHERE id = ?1")?
            .execute(params![id, At(until)])?;
        Ok(())
    }

    /// Says what became of a question.
    pub fn set_prompt_state(&self, id: PromptId, state: PromptState) -> Result<(), StoreError> {
        self.db.prepare_cached("UPDATE prompts SET state = ?2 WHERE id = ?1")?.execute(params![id, state])?;
        Ok(())
    }

    /// Opens a question again.
    pub fn reopen_prompt(&self, id: PromptId, expires_at: Timestamp) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE prompts SET state = 'open', expires_at = ?2 WHERE id = ?1")?
            .execute(params![id, At(expires_at)])?;
        Ok(())
    }

    /// Remembers where a question's message stands.
    pub fn place_prompt(
        &self,
        id: PromptId,
        channel: ChannelId,
        message: MessageId,
    ) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE prompts SET channel = ?2, message = ?3 WHERE id = ?1")?
            .execute(params![id, channel, message])?;
        Ok(())
    }
}
