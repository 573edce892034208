//! What stands at Plex and is not what Rolarr made so.

use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

use super::{
    Account, StoreError, Tx,
    accounts::{COLUMNS, account},
    rows::{At, Each, Json, json, list},
};
use crate::domain::{AccountId, Field, Timestamp};

/// What of a person's share is not as it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// Whether there is one at all.
    Share,
    /// Its libraries.
    Libraries,
    /// A filter or a permission.
    Field(Field),
}

/// A difference between Plex and what was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftRow {
    /// Whose share.
    pub account: AccountId,
    /// In what.
    pub what: Aspect,
    /// What it should be, in words.
    pub wanted: String,
    /// What it is, in words.
    pub seen: String,
    /// When that was first seen.
    pub since: Timestamp,
    /// An administrator rejected that it is set again.
    pub accepted: bool,
}

fn drift(row: &Row<'_>) -> rusqlite::Result<DriftRow> {
    Ok(DriftRow {
        account: row.get(0)?,
        what: row.get::<_, Json<Aspect>>(1)?.0,
        wanted: row.get(2)?,
        seen: row.get(3)?,
        since: row.get::<_, At>(4)?.0,
        accepted: row.get(5)?,
    })
}

impl Tx<'_> {
    /// Accounts that Plex is compared for: nothing is under way for them. Those whose access is held are among
    /// them, also where only an invitation is out. Where one can't be read, its number.
    pub fn accounts_at_rest(&self) -> Result<Each<Account, AccountId>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM accounts
             WHERE due IS NULL AND parked IS NULL AND held IS NULL AND mend = 0
                 AND (stage IN ('joined', 'lost', 'declined')
                     OR stage = 'invited' AND id IN (SELECT account FROM holds))
             ORDER BY id"
        );
        list(self.db.prepare_cached(&sql)?, [], |row| row.get(0), account)
    }

    /// What is known to be different for an account.
    pub fn drift_of(&self, account: AccountId) -> Result<Vec<DriftRow>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT account, what, wanted, seen, since, accepted FROM drift WHERE account = ?1 ORDER BY what",
        )?;
        let rows = statement.query_map([account], drift)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Stores a difference.
    pub fn put_drift(&self, row: &DriftRow) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "INSERT INTO drift (account, what, wanted, seen, since, accepted)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (account, what) DO UPDATE SET wanted = ?3, seen = ?4, since = ?5, accepted = ?6",
            )?
            .execute(params![
                row.account,
                json(&row.what)?,
                row.wanted,
                row.seen,
                At(row.since),
                row.accepted
            ])?;
        Ok(())
    }

    /// A difference is gone.
    pub fn drop_drift(&self, account: AccountId, what: Aspect) -> Result<(), StoreError> {
        self.db
            .prepare_cached("DELETE FROM drift WHERE account = ?1 AND what = ?2")?
            .execute(params![account, json(&what)?])?;
        Ok(())
    }

    /// All differences of an account are gone. False if there were none.
    pub fn drop_drift_of(&self, account: AccountId) -> Result<bool, StoreError> {
        Ok(self.db.prepare_cached("DELETE FROM drift WHERE account = ?1")?.execute([account])? > 0)
    }

    /// Whatever is different for an account now stays.
    pub fn accept_drift(&self, account: AccountId) -> Result<(), StoreError> {
        self.db.prepare_cached("UPDATE drift SET accepted = 1 WHERE account = ?1")?.execute([account])?;
        Ok(())
    }

    /// Forgets the differences of accounts that have no share any more.
    pub fn prune_drift(&self) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "DELETE FROM drift WHERE account NOT IN
                     (SELECT id FROM accounts WHERE stage IN ('joined', 'lost', 'declined'))",
            )?
            .execute([])?;
        Ok(())
    }
}
