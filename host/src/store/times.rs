//! Times that a wrong clock wrote.

use std::time::Duration;

use rusqlite::params;

use super::{StoreError, Tx, rows::At};
use crate::domain::Timestamp;

/// How far in the future a time may lie that the program wrote while its clock was right.
#[derive(Clone, Copy, Debug)]
pub struct Furthest {
    /// For what is tried again, however long somebody asked to wait.
    pub again: Duration,
    /// For what is tried again where nobody asked to wait.
    pub soon: Duration,
    /// For what an earlier request to Plex can still change.
    pub late: Duration,
    /// For what waits for the settling time.
    pub settle: Duration,
    /// For a question that is open.
    pub prompt: Duration,
}

impl Tx<'_> {
    /// Brings times that lie too far in the future back: a clock that was wrong wrote them. Wakes stay, which may be
    /// far away. Returns how many rows were changed.
    pub fn correct_times(&self, now: Timestamp, furthest: Furthest) -> Result<usize, StoreError> {
        let after = |time: Duration| At(now.plus_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)));
        let mut changed = 0;
        let mut change = |sql: &str, limit: At, value: At| -> Result<(), StoreError> {
            changed += self.db.prepare_cached(sql)?.execute(params![limit, value])?;
            Ok(())
        };
        let now = || after(Duration::ZERO);
        change(
            "UPDATE tasks SET due = ?2 WHERE state IN ('waiting', 'sending') AND due > ?1",
            after(furthest.soon),
            now(),
        )?;
        change("UPDATE accounts SET due = ?2 WHERE refusals = 0 AND due > ?1", after(furthest.soon), now())?;
        change("UPDATE accounts SET due = ?2 WHERE due > ?1", after(furthest.again), now())?;
        change("UPDATE failures SET again = ?2 WHERE again > ?1", after(furthest.again), now())?;
        for sql in [
            "UPDATE accounts SET created_until = ?2 WHERE created_until > ?1",
            "UPDATE accounts SET ended_until = ?2 WHERE ended_until > ?1",
            "UPDATE accounts SET written_until = ?2 WHERE written_until > ?1",
            "UPDATE accounts SET streams_due = ?2 WHERE streams_due > ?1",
        ] {
            change(sql, after(furthest.late), after(furthest.late))?;
        }
        change(
            "UPDATE settling SET due = ?2 WHERE due > ?1",
            after(furthest.settle),
            after(furthest.settle),
        )?;
        change(
            "UPDATE prompts SET expires_at = ?2 WHERE state = 'open' AND expires_at > ?1",
            after(furthest.prompt),
            after(furthest.prompt),
        )?;
        // What happened did not happen later than now.
        for sql in [
            "UPDATE accounts SET absent_since = ?2 WHERE absent_since > ?1",
            "UPDATE members SET seen_at = ?2 WHERE seen_at > ?1",
            "UPDATE shrinks SET at = ?2 WHERE at > ?1",
            "UPDATE shrinks SET earlier = ?2 WHERE earlier > ?1",
            "UPDATE pace SET since = ?2 WHERE since > ?1",
        ] {
            change(sql, now(), now())?;
        }
        Ok(changed)
    }
}
