//! The libraries that Rolarr shared with a person, where a rule names them.

use rusqlite::{OptionalExtension, params};

use super::{
    StoreError, Tx,
    rows::{Json, json},
};
use crate::domain::{AccountId, SectionId, Sections, reconcile::libraries::LibrariesLedger};

impl Tx<'_> {
    /// What Rolarr did to the libraries of an account's share; none if no rule named any.
    pub fn libraries(&self, account: AccountId) -> Result<Option<LibrariesLedger>, StoreError> {
        let row = self
            .db
            .prepare_cached("SELECT sent, confirmed FROM libraries WHERE account = ?1")?
            .query_row([account], |row| {
                let sent: Json<Vec<Option<Vec<u64>>>> = row.get(0)?;
                let shared = |ids: Option<Vec<u64>>| {
                    ids.and_then(|ids| Sections::new(ids.into_iter().map(SectionId).collect()))
                };
                Ok(LibrariesLedger { sent: sent.0.into_iter().map(shared).collect(), confirmed: row.get(1)? })
            })
            .optional()?;
        Ok(row)
    }

    /// Stores what Rolarr did to the libraries of an account's share.
    pub fn put_libraries(&self, account: AccountId, ledger: &LibrariesLedger) -> Result<(), StoreError> {
        let ids = |sections: &Sections| -> Vec<u64> {
            sections.as_slice().iter().map(|section| section.0).collect()
        };
        let sent: Vec<Option<Vec<u64>>> =
            ledger.sent.iter().map(|sections| sections.as_ref().map(ids)).collect();
        self.db
            .prepare_cached(
                "INSERT INTO libraries (account, sent, confirmed) VALUES (?1, ?2, ?3)
                 ON CONFLICT (account) DO UPDATE SET sent = ?2, confirmed = ?3",
            )?
            .execute(params![account, json(&sent)?, ledger.confirmed])?;
        Ok(())
    }

    /// The libraries of an account's share are the owner's again, or there is none any more.
    pub fn forget_libraries(&self, account: AccountId) -> Result<(), StoreError> {
        self.db.prepare_cached("DELETE FROM libraries WHERE account = ?1")?.execute([account])?;
        Ok(())
    }
}
