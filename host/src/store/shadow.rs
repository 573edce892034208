//! What a candidate would have decided on events that another policy decided.

use rusqlite::{OptionalExtension, params};

use super::{
    StoreError, Tx,
    rows::{Each, Json, json, list, words},
};
use crate::domain::{EventId, Timestamp, UserId, contract::Action};

words! {
    /// How a candidate's decision compares.
    Likeness {
        /// The candidate was not asked yet.
        Waiting = "waiting",
        /// The same actions.
        Same = "same",
        /// Other actions that leave the member the same access.
        Words = "words",
        /// Another access.
        Access = "access",
        /// The candidate gave no decision.
        Failed = "failed",
    }
}

/// A candidate's decision that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The event.
    pub event: EventId,
    /// Whom it is about.
    pub user: UserId,
    /// When it was decided.
    pub at: Timestamp,
    /// How it differs.
    pub likeness: Likeness,
    /// The candidate's actions; none if it failed.
    pub actions: Vec<Action>,
    /// Its reason, or why it failed.
    pub reason: String,
    /// What was decided.
    pub decided: Vec<Action>,
    /// What the policies were told, as JSON.
    pub input: String,
}

/// A decision that a candidate is to be asked about: the event, what the policies are told as JSON, and the actions.
pub type Decided = (EventId, String, Vec<Action>);

/// How many decisions of a candidate there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Likenesses {
    /// [`Likeness::Same`].
    pub same: u64,
    /// [`Likeness::Words`].
    pub words: u64,
    /// [`Likeness::Access`].
    pub access: u64,
    /// [`Likeness::Failed`].
    pub failed: u64,
}

impl Likenesses {
    /// How many events were compared.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.same + self.words + self.access + self.failed
    }
}

impl Tx<'_> {
    /// The candidate is to be asked about an event that was decided.
    pub fn compare_later(&self, event: EventId) -> Result<(), StoreError> {
        self.db
            .prepare_cached("INSERT OR IGNORE INTO shadow (event, outcome) VALUES (?1, 'waiting')")?
            .execute([event])?;
        Ok(())
    }

    /// Decisions that the candidate is to be asked about, oldest event first; where one can't be read, its
    /// event.
    pub fn to_compare(&self, limit: u32) -> Result<Each<Decided, EventId>, StoreError> {
        let statement = self.db.prepare_cached(
            "SELECT shadow.event, input, decisions.actions FROM shadow
             JOIN decisions ON decisions.event = shadow.event
             WHERE outcome = 'waiting' ORDER BY shadow.event LIMIT ?1",
        )?;
        list(
            statement,
            [limit],
            |row| row.get(0),
            |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Json<Vec<Action>>>(2)?.0)),
        )
    }

    /// What the candidate decided on an event. Actions and reason are stored only where it differs.
    pub fn put_comparison(
        &self,
        event: EventId,
        candidate: &str,
        likeness: Likeness,
        actions: &[Action],
        reason: &str,
    ) -> Result<(), StoreError> {
        let differs = likeness != Likeness::Same;
        let actions = if differs { Some(json(&actions)?) } else { None };
        self.db
            .prepare_cached(
                "UPDATE shadow SET candidate = ?2, outcome = ?3, actions = ?4, reason = ?5 WHERE event = ?1",
            )?
            .execute(params![event, candidate, likeness, actions, differs.then_some(reason)])?;
        Ok(())
    }

    /// Events that nobody asks a candidate about any more.
    pub fn drop_uncompared(&self) -> Result<(), StoreError> {
        self.db.prepare_cached("DELETE FROM shadow WHERE outcome = 'waiting'")?.execute([])?;
        Ok(())
    }

    /// The candidate that was asked last.
    pub fn last_candidate(&self) -> Result<Option<String>, StoreError> {
        Ok(self
            .db
            .prepare_cached(
                "SELECT candidate FROM shadow WHERE candidate IS NOT NULL ORDER BY event DESC LIMIT 1",
            )?
            .query_row([], |row| row.get(0))
            .optional()?)
    }

    /// How a candidate compares.
    pub fn likenesses(&self, candidate: &str) -> Result<Likenesses, StoreError> {
        let mut statement = self
            .db
            .prepare_cached("SELECT outcome, count(*) FROM shadow WHERE candidate = ?1 GROUP BY outcome")?;
        let mut rows = statement.query([candidate])?;
        let mut found = Likenesses::default();
        while let Some(row) = rows.next()? {
            let count = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
            match row.get(0)? {
                Likeness::Waiting => {}
                Likeness::Same => found.same = count,
                Likeness::Words => found.words = count,
                Likeness::Access => found.access = count,
                Likeness::Failed => found.failed = count,
            }
        }
        Ok(found)
    }

    /// The newest decisions of a candidate that give another access or failed, newest first.
    pub fn differences(&self, candidate: &str, limit: u32) -> Result<Vec<Difference>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT shadow.event, events.user, decisions.at, outcome, shadow.actions, shadow.reason,
                    decisions.actions, input
             FROM shadow JOIN decisions ON decisions.event = shadow.event JOIN events ON events.id = shadow.event
             WHERE candidate = ?1 AND outcome IN ('access', 'failed') ORDER BY shadow.event DESC LIMIT ?2",
        )?;
        let rows = statement.query_map(params![candidate, limit], |row| {
            Ok(Difference {
                event: row.get(0)?,
                user: row.get(1)?,
                at: row.get::<_, super::rows::At>(2)?.0,
                likeness: row.get(3)?,
                actions: row.get::<_, Option<Json<Vec<Action>>>>(4)?.map(|json| json.0).unwrap_or_default(),
                reason: row.get::<_, Option<String>>(5)?.unwrap_or_default(),
                decided: row.get::<_, Json<Vec<Action>>>(6)?.0,
                input: row.get(7)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
