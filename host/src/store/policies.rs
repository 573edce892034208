//! The policies that were in force, whole, so that one can be brought back although its file changed.

use rolarr_policy::contract::Source;
use rusqlite::{OptionalExtension, Row, params};
use serde_json::Value;

use super::{
    StoreError, Tx,
    rows::{At, Json, json},
};
use crate::domain::Timestamp;

/// How many of them are kept.
const KEPT: u32 = 8;

/// A policy that was in force.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptPolicy {
    /// Of module, settings and sources.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How the operator named the module.
    pub origin: String,
    /// The digest of the module's file.
    pub module: String,
    /// Its settings: a JSON object.
    pub settings: Value,
    /// Its script files.
    pub sources: Vec<Source>,
    /// When it last took over.
    pub since: Timestamp,
}

const COLUMNS: &str = "digest, name, version, origin, module, settings, sources, since";

fn kept(row: &Row<'_>) -> rusqlite::Result<KeptPolicy> {
    Ok(KeptPolicy {
        digest: row.get(0)?,
        name: row.get(1)?,
        version: row.get(2)?,
        origin: row.get(3)?,
        module: row.get(4)?,
        settings: row.get::<_, Json<Value>>(5)?.0,
        sources: row.get::<_, Json<Vec<Source>>>(6)?.0,
        since: row.get::<_, At>(7)?.0,
    })
}

impl Tx<'_> {
    /// A policy takes over, or goes on: it is kept with the bytes of its module. The oldest beyond some are
    /// forgotten. No two take over in the same moment.
    pub fn keep_policy(&self, policy: &KeptPolicy, bytes: &[u8]) -> Result<(), StoreError> {
        self.db
            .prepare_cached("INSERT OR IGNORE INTO modules (digest, bytes) VALUES (?1, ?2)")?
            .execute(params![policy.module, bytes])?;
        self.db
            .prepare_cached(
                "INSERT INTO policies (digest, name, version, origin, module, settings, sources, since)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, max(?8, (SELECT coalesce(max(since) + 1, 0) FROM policies))
                 WHERE true
                 ON CONFLICT (digest) DO UPDATE SET origin = excluded.origin, since = CASE
                     WHEN since = (SELECT max(since) FROM policies) THEN since ELSE excluded.since END",
            )?
            .execute(params![
                policy.digest,
                policy.name,
                policy.version,
                policy.origin,
                policy.module,
                json(&policy.settings)?,
                json(&policy.sources)?,
                At(policy.since),
            ])?;
        self.db
            .prepare_cached(
                "DELETE FROM policies WHERE digest NOT IN
                     (SELECT digest FROM policies ORDER BY since DESC, rowid DESC LIMIT ?1)",
            )?
            .execute([KEPT])?;
        self.db
            .prepare_cached("DELETE FROM modules WHERE digest NOT IN (SELECT module FROM policies)")?
            .execute([])?;
        Ok(())
    }

    /// The policies that are kept, the one that took over last first.
    pub fn kept_policies(&self) -> Result<Vec<KeptPolicy>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM policies ORDER BY since DESC, rowid DESC");
        let mut statement = self.db.prepare_cached(&sql)?;
        let rows = statement.query_map([], kept)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The name of the policy that took over last.
    pub fn name_in_force(&self) -> Result<Option<String>, StoreError> {
        Ok(self
            .db
            .prepare_cached("SELECT name FROM policies ORDER BY since DESC, rowid DESC LIMIT 1")?
            .query_row([], |row| row.get(0))
            .optional()?)
    }

    /// The bytes of a module that is kept.
    pub fn kept_module(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self
            .db
            .prepare_cached("SELECT bytes FROM modules WHERE digest = ?1")?
            .query_row([digest], |row| row.get(0))
            .optional()?)
    }
}
