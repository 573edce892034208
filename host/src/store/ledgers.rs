//! What Rolarr wrote to the filters and permissions of Plex accounts.

use rusqlite::params;

use super::{
    StoreError, Tx,
    rows::{Json, json},
};
use crate::domain::{AccountId, Field, FieldValue, PlexAccountId, reconcile::fields::FieldLedger};

/// What is known of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// The Plex account that it was written for; none until that account is known.
    pub of: Option<PlexAccountId>,
    /// The field.
    pub field: Field,
    /// What is known of it.
    pub ledger: FieldLedger,
}

impl Tx<'_> {
    /// The fields that Rolarr wrote for an account, whichever Plex account it had then.
    pub fn ledgers(&self, id: AccountId) -> Result<Vec<LedgerRow>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT plex_account, field, base, sent, confirmed, reported FROM ledgers WHERE account = ?1
             ORDER BY plex_account, field",
        )?;
        let rows = statement.query_map([id], |row| {
            let of: PlexAccountId = row.get(0)?;
            Ok(LedgerRow {
                of: (of.0 != 0).then_some(of),
                field: row.get::<_, Json<Field>>(1)?.0,
                ledger: FieldLedger {
                    base: FieldValue(row.get(2)?),
                    sent: row.get::<_, Json<Vec<FieldValue>>>(3)?.0,
                    confirmed: row.get(4)?,
                    reported: row.get::<_, Option<String>>(5)?.map(FieldValue),
                },
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Stores what is known of a field.
    pub fn put_ledger(&self, id: AccountId, row: &LedgerRow) -> Result<(), StoreError> {
        let LedgerRow { of, field, ledger } = row;
        self.db
            .prepare_cached(
                "INSERT INTO ledgers (account, plex_account, field, base, sent, confirmed, reported)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (account, plex_account, field) DO UPDATE
                     SET base = ?4, sent = ?5, confirmed = ?6, reported = ?7",
            )?
            .execute(params![
                id,
                of.unwrap_or(PlexAccountId(0)),
                json(field)?,
                ledger.base.0,
                json(&ledger.sent)?,
                ledger.confirmed,
                ledger.reported.as_ref().map(|value| value.0.as_str()),
            ])?;
        Ok(())
    }

    /// Forgets a field: it is the owner's again.
    pub fn delete_ledger(
        &self,
        id: AccountId,
        of: Option<PlexAccountId>,
        field: Field,
    ) -> Result<(), StoreError> {
        self.db
            .prepare_cached("DELETE FROM ledgers WHERE account = ?1 AND plex_account = ?2 AND field = ?3")?
            .execute(params![id, of.unwrap_or(PlexAccountId(0)), json(&field)?])?;
        Ok(())
    }

    /// Forgets all fields of a Plex account: nothing of what was written for it is there any more.
    pub fn forget_ledgers(&self, id: AccountId, of: Option<PlexAccountId>) -> Result<(), StoreError> {
        self.db
            .prepare_cached("DELETE FROM ledgers WHERE account = ?1 AND plex_account = ?2")?
            .execute(params![id, of.unwrap_or(PlexAccountId(0))])?;
        Ok(())
    }

    /// Hands the fields of one account on to another one, which takes its place.
    pub fn hand_ledgers_on(&self, from: AccountId, to: AccountId) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE OR REPLACE ledgers SET account = ?2 WHERE account = ?1")?
            .execute(params![from, to])?;
        Ok(())
    }
}
