//! The libraries that Rolarr shared with a person, where a rule names them.

use rusqlite::{OptionalExtension, params};

use super::{
    StoreError, Tx,
    rows::{Json, json},
};
use crate::{
    domain::{AccountId, SectionId},
    plex::Sections,
};

/// What Rolarr did to the libraries of a share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LibrariesRow {
    /// What is being written and not yet read back.
    pub intended: Option<Sections>,
    /// What was written last and read back.
    pub written: Option<Sections>,
}

impl Tx<'_> {
    /// What Rolarr did to the libraries of an account's share; none if no rule named any.
    pub fn libraries(&self, account: AccountId) -> Result<Option<LibrariesRow>, StoreError> {
        let row = self
            .db
            .prepare_cached("SELECT intended, written FROM libraries WHERE account = ?1")?
            .query_row([account], |row| {
                let sections = |column: usize| -> rusqlite::Result<Option<Sections>> {
                    let ids: Option<Json<Vec<u64>>> = row.get(column)?;
                    Ok(ids.and_then(|ids| Sections::new(ids.0.into_iter().map(SectionId).collect())))
                };
                Ok(LibrariesRow { intended: sections(0)?, written: sections(1)? })
            })
            .optional()?;
        Ok(row)
    }

    /// Stores what Rolarr did to the libraries of an account's share.
    pub fn put_libraries(&self, account: AccountId, row: &LibrariesRow) -> Result<(), StoreError> {
        let text = |sections: &Option<Sections>| {
            let ids = sections.as_ref().map(|sections| -> Vec<u64> {
                sections.as_slice().iter().map(|section| section.0).collect()
            });
            ids.as_ref().map(json).transpose()
        };
        self.db
            .prepare_cached(
                "INSERT INTO libraries (account, intended, written) VALUES (?1, ?2, ?3)
                 ON CONFLICT (account) DO UPDATE SET intended = ?2, written = ?3",
            )?
            .execute(params![account, text(&row.intended)?, text(&row.written)?])?;
        Ok(())
    }

    /// The libraries of an account's share are the owner's again, or there is none any more.
    pub fn forget_libraries(&self, account: AccountId) -> Result<(), StoreError> {
        self.db.prepare_cached("DELETE FROM libraries WHERE account = ?1")?.execute([account])?;
        Ok(())
    }
}
