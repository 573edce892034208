//! Events that the policy failed on: what it was told, and what came of it.

use rusqlite::{OptionalExtension, Row, params};
use serde_json::value::RawValue;

use super::{
    Span, StoreError, Tx,
    journal::WITHIN,
    rows::{At, Json, json},
};
use crate::domain::{EventId, GuildId, Timestamp, UntrustedText, UserId};

/// What is known of an event that stayed undecided.
#[derive(Clone, Debug)]
pub struct FailureRow {
    /// The event.
    pub event: EventId,
    /// When the policy failed on it.
    pub at: Timestamp,
    /// The complete input as the policy saw it, as JSON.
    pub input: String,
    /// Why there is no decision.
    pub why: String,
    /// The policy's name.
    pub policy: String,
    /// The policy's version.
    pub version: String,
    /// The policy's digest.
    pub digest: String,
    /// Fuel that it took until then.
    pub fuel: u64,
    /// Microseconds that it took until then.
    pub micros: u64,
    /// What the policy logged until then.
    pub logs: Vec<UntrustedText>,
    /// When the policy is to be asked anew, where the machine may be to blame.
    pub again: Option<Timestamp>,
}

/// A member about whom the policy did not decide, and whom nothing concerned since in that guild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// The event that stayed undecided.
    pub event: EventId,
    /// The guild.
    pub guild: GuildId,
    /// The person.
    pub user: UserId,
}

const COLUMNS: &str = "failures.event, failures.at, failures.input, failures.why, failures.policy, \
     failures.version, failures.digest, failures.fuel, failures.micros, failures.logs, failures.again";

fn failure(row: &Row<'_>) -> rusqlite::Result<FailureRow> {
    let number = |value: i64| u64::try_from(value).unwrap_or(0);
    Ok(FailureRow {
        event: row.get(0)?,
        at: row.get::<_, At>(1)?.0,
        input: row.get::<_, Json<Box<RawValue>>>(2)?.0.get().to_owned(),
        why: row.get(3)?,
        policy: row.get(4)?,
        version: row.get(5)?,
        digest: row.get(6)?,
        fuel: number(row.get(7)?),
        micros: number(row.get(8)?),
        logs: row.get::<_, Json<Vec<UntrustedText>>>(9)?.0,
        again: row.get::<_, Option<At>>(10)?.map(|at| at.0),
    })
}

impl Tx<'_> {
    /// Stores what is known of an event that stayed undecided.
    pub fn put_failure(&self, failure: &FailureRow) -> Result<(), StoreError> {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.db
            .prepare_cached(
                "INSERT INTO failures
                     (event, at, input, why, policy, version, digest, fuel, micros, logs, again)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                failure.event,
                At(failure.at),
                failure.input,
                failure.why,
                failure.policy,
                failure.version,
                failure.digest,
                number(failure.fuel),
                number(failure.micros),
                json(&failure.logs)?,
                failure.again.map(At),
            ])?;
        Ok(())
    }

    /// What is known of an event, if it stayed undecided.
    pub fn failure(&self, event: EventId) -> Result<Option<FailureRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM failures WHERE event = ?1");
        Ok(self.db.prepare_cached(&sql)?.query_row([event], failure).optional()?)
    }

    /// The events within a span that stayed undecided and come after this one, in their order.
    pub fn failures_after(
        &self,
        after: EventId,
        span: &Span,
        limit: u32,
    ) -> Result<Vec<FailureRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM failures JOIN events ON events.id = failures.event
             WHERE {WITHIN} AND failures.event > ?4 ORDER BY failures.event LIMIT ?5"
        );
        let Span { since, until, member } = *span;
        let mut statement = self.db.prepare_cached(&sql)?;
        let rows =
            statement.query_map(params![since.map(At), until.map(At), member, after, limit], failure)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whom another policy than the present one did not decide about.
    pub fn unanswered_by_others(&self, digest: &str) -> Result<Vec<Unanswered>, StoreError> {
        self.unanswered("failures.digest <> ?1", params![digest])
    }

    /// Whom the policy is to be asked about anew by now.
    pub fn due_again(&self, now: Timestamp) -> Result<Vec<Unanswered>, StoreError> {
        self.unanswered("failures.again <= ?1", params![At(now)])
    }

    fn unanswered(
        &self,
        which: &str,
        params: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<Unanswered>, StoreError> {
        let sql = format!(
            "SELECT events.id, events.guild, events.user
             FROM failures JOIN events ON events.id = failures.event
             WHERE {which} AND events.guild >= 0 AND events.user >= 0 AND NOT EXISTS (
                 SELECT 1 FROM events AS later
                 WHERE later.user = events.user AND later.guild = events.guild AND later.id > events.id
                     AND later.state IN ('waiting', 'decided', 'undecided'))
             ORDER BY events.id"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let rows = statement.query_map(params, |row| {
            Ok(Unanswered { event: row.get(0)?, guild: row.get(1)?, user: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// When the policy is to be asked again for the next time.
    pub fn next_asked_again(&self) -> Result<Option<Timestamp>, StoreError> {
        let next = self
            .db
            .prepare_cached("SELECT min(again) FROM failures WHERE again >= 0")?
            .query_row([], |row| row.get::<_, Option<At>>(0))?;
        Ok(next.map(|at| at.0))
    }

    /// Nobody is to be asked about anew by now any more.
    pub fn asked_again(&self, now: Timestamp) -> Result<(), StoreError> {
        self.db.prepare_cached("UPDATE failures SET again = NULL WHERE again <= ?1")?.execute([At(now)])?;
        Ok(())
    }
}
