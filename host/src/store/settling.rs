//! Access that was reduced by a decision of which the effects wait for the settling time.

use rusqlite::{OptionalExtension, Row, params};

use super::{
    StoreError, Tx,
    rows::{At, Json, json},
};
use crate::domain::{AccountId, EventId, GuildId, Timestamp, contract::Access};

/// The effects of decisions on one account, which wait.
#[derive(Clone, Debug, PartialEq)]
pub struct SettlingRow {
    /// The account.
    pub account: AccountId,
    /// The last event whose decision waits.
    pub event: EventId,
    /// When the first of them was decided.
    pub since: Timestamp,
    /// When they are carried out.
    pub due: Timestamp,
    /// What each guild had decided before: the access that goes on meanwhile.
    pub before: Vec<(GuildId, Access)>,
    /// Messages of the policy's that wait with it.
    pub tell: Vec<String>,
    /// What administrators are told of the decisions.
    pub reports: Vec<(EventId, String)>,
}

const COLUMNS: &str = "account, event, since, due, before, tell, reports";

fn settling(row: &Row<'_>) -> rusqlite::Result<SettlingRow> {
    let reports: Vec<(i64, String)> = row.get::<_, Json<_>>(6)?.0;
    Ok(SettlingRow {
        account: row.get(0)?,
        event: row.get(1)?,
        since: row.get::<_, At>(2)?.0,
        due: row.get::<_, At>(3)?.0,
        before: row.get::<_, Json<Vec<(GuildId, Access)>>>(4)?.0,
        tell: row.get::<_, Json<Vec<String>>>(5)?.0,
        reports: reports.into_iter().map(|(event, text)| (EventId(event), text)).collect(),
    })
}

impl Tx<'_> {
    /// What waits for an account.
    pub fn settling(&self, account: AccountId) -> Result<Option<SettlingRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM settling WHERE account = ?1");
        Ok(self.db.prepare_cached(&sql)?.query_row([account], settling).optional()?)
    }

    /// Until when the effects of decisions on an account wait; none if none do.
    pub fn settles_at(&self, account: AccountId) -> Result<Option<Timestamp>, StoreError> {
        let due = self
            .db
            .prepare_cached("SELECT due FROM settling WHERE account = ?1")?
            .query_row([account], |row| row.get::<_, At>(0))
            .optional()?;
        Ok(due.map(|due| due.0))
    }

    /// The accounts whose wait is over, longest first.
    pub fn settled_by(&self, now: Timestamp, limit: u32) -> Result<Vec<AccountId>, StoreError> {
        let mut statement = self
            .db
            .prepare_cached("SELECT account FROM settling WHERE due <= ?1 ORDER BY due, account LIMIT ?2")?;
        let rows = statement.query_map(params![At(now), limit], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Stores what waits for an account.
    pub fn put_settling(&self, row: &SettlingRow) -> Result<(), StoreError> {
        let reports: Vec<(i64, &str)> =
            row.reports.iter().map(|(event, text)| (event.0, text.as_str())).collect();
        self.db
            .prepare_cached(
                "INSERT INTO settling (account, event, since, due, before, tell, reports)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (account) DO UPDATE SET event = ?2, since = ?3, due = ?4, before = ?5,
                     tell = ?6, reports = ?7",
            )?
            .execute(params![
                row.account,
                row.event,
                At(row.since),
                At(row.due),
                json(&row.before)?,
                json(&row.tell)?,
                json(&reports)?,
            ])?;
        Ok(())
    }

    /// When the next settling time ends.
    pub fn next_settled(&self) -> Result<Option<Timestamp>, StoreError> {
        let next = self
            .db
            .prepare_cached("SELECT min(due) FROM settling WHERE due >= 0")?
            .query_row([], |row| row.get::<_, Option<At>>(0))?;
        Ok(next.map(|at| at.0))
    }

    /// Nothing waits for an account any more. False if nothing did.
    pub fn drop_settling(&self, account: AccountId) -> Result<bool, StoreError> {
        Ok(self.db.prepare_cached("DELETE FROM settling WHERE account = ?1")?.execute([account])? > 0)
    }

    /// What waits for an account and can't be read waits until then.
    pub fn postpone_settling(&self, account: AccountId, until: Timestamp) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE settling SET due = ?2 WHERE account = ?1")?
            .execute(params![account, At(until)])?;
        Ok(())
    }
}
