//! Access that is to shrink and waits for an administrator, and the roles that were deleted.

use rusqlite::{OptionalExtension, Row, params};

use super::{
    StoreError, Tx, Work,
    rows::{At, Json, json, words},
};
use crate::domain::{AccountId, EventId, GuildId, RoleId, TaskId, Timestamp, UserId, contract::Access};

words! {
    /// Why access does not shrink yet.
    HoldReason {
        /// Too many members' access would shrink within the window.
        TooMany = "too-many",
        /// The role that gave it was deleted on Discord.
        RoleDeleted = "role-deleted",
        /// Somebody changed it at Plex, and too many members' access would shrink by changing it back.
        Drift = "drift",
    }
}

/// Access that is to shrink and does not until an administrator says so.
#[derive(Clone, Debug, PartialEq)]
pub struct HoldRow {
    /// Whose.
    pub account: AccountId,
    /// The event whose decision was the first to be held.
    pub event: Option<EventId>,
    /// Why.
    pub reason: HoldReason,
    /// The operator's name of the deleted role.
    pub role: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// What each guild had decided before: the access that goes on meanwhile.
    pub before: Vec<(GuildId, Access)>,
    /// Messages of the policy's that wait with it.
    pub tell: Vec<String>,
    /// Administrators were told.
    pub announced: bool,
}

const COLUMNS: &str = "account, event, reason, role, since, before, tell, announced";

fn hold(row: &Row<'_>) -> rusqlite::Result<HoldRow> {
    Ok(HoldRow {
        account: row.get(0)?,
        event: row.get(1)?,
        reason: row.get(2)?,
        role: row.get(3)?,
        since: row.get::<_, At>(4)?.0,
        before: row.get::<_, Json<Vec<(GuildId, Access)>>>(5)?.0,
        tell: row.get::<_, Json<Vec<String>>>(6)?.0,
        announced: row.get(7)?,
    })
}

impl Tx<'_> {
    /// What holds an account.
    pub fn hold(&self, account: AccountId) -> Result<Option<HoldRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM holds WHERE account = ?1");
        Ok(self.db.prepare_cached(&sql)?.query_row([account], hold).optional()?)
    }

    /// Everybody who is held, longest first.
    pub fn holds(&self) -> Result<Vec<HoldRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM holds ORDER BY since, account");
        let mut statement = self.db.prepare_cached(&sql)?;
        let rows = statement.query_map([], hold)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Stores what holds an account.
    pub fn put_hold(&self, row: &HoldRow) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "INSERT INTO holds (account, event, reason, role, since, before, tell, announced)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (account) DO UPDATE SET event = ?2, reason = ?3, role = ?4, since = ?5,
                     before = ?6, tell = ?7, announced = ?8",
            )?
            .execute(params![
                row.account,
                row.event,
                row.reason,
                row.role,
                At(row.since),
                json(&row.before)?,
                json(&row.tell)?,
                row.announced,
            ])?;
        Ok(())
    }

    /// Nothing holds an account any more. False if nothing did.
    pub fn drop_hold(&self, account: AccountId) -> Result<bool, StoreError> {
        Ok(self.db.prepare_cached("DELETE FROM holds WHERE account = ?1")?.execute([account])? > 0)
    }

    /// Administrators were told of everybody who is held.
    pub fn announce_holds(&self) -> Result<(), StoreError> {
        self.db.prepare_cached("UPDATE holds SET announced = 1 WHERE announced = 0")?.execute([])?;
        Ok(())
    }

    /// Since when somebody is held of whom administrators were not told yet.
    pub fn first_unannounced_hold(&self) -> Result<Option<Timestamp>, StoreError> {
        let since = self
            .db
            .prepare_cached("SELECT min(since) FROM holds WHERE announced = 0")?
            .query_row([], |row| row.get::<_, Option<At>>(0))?;
        Ok(since.map(|at| at.0))
    }

    /// Makes sure that one message about those who are held is on its way, not before `due`.
    pub fn announce_at(&self, due: Timestamp) -> Result<(), StoreError> {
        let work = json(&Work::Holds)?;
        let waiting: Option<TaskId> = self
            .db
            .prepare_cached("SELECT id FROM tasks WHERE state = 'waiting' AND work = ?1")?
            .query_row([&work], |row| row.get(0))
            .optional()?;
        match waiting {
            Some(task) => {
                self.db
                    .prepare_cached("UPDATE tasks SET due = ?2 WHERE id = ?1")?
                    .execute(params![task, At(due)])?;
            }
            None => {
                self.add_task(None, None, &Work::Holds, due)?;
            }
        }
        Ok(())
    }

    /// A person's access shrinks, or would.
    pub fn count_shrink(&self, user: UserId, at: Timestamp) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "INSERT INTO shrinks (user, at) VALUES (?1, ?2) ON CONFLICT (user) DO UPDATE SET at = ?2",
            )?
            .execute(params![user, At(at)])?;
        Ok(())
    }

    /// How many people's access shrank, or would have, after a time.
    pub fn shrunk_since(&self, since: Timestamp) -> Result<u64, StoreError> {
        let count: i64 = self
            .db
            .prepare_cached("SELECT count(*) FROM shrinks WHERE at > ?1")?
            .query_row([At(since)], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// An administrator looked at it: the count begins anew.
    pub fn forget_shrinks(&self) -> Result<(), StoreError> {
        self.db.prepare_cached("DELETE FROM shrinks")?.execute([])?;
        Ok(())
    }

    /// A tracked role is gone from Discord. False if that was known.
    pub fn put_deleted_role(
        &self,
        guild: GuildId,
        role: RoleId,
        key: &str,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let added = self
            .db
            .prepare_cached(
                "INSERT OR IGNORE INTO deleted_roles (guild, role, key, since) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![guild, role, key, At(since)])?;
        Ok(added > 0)
    }

    /// The roles of a guild that were deleted, and for which no administrator has agreed yet that access ends
    /// with them: each with the operator's name for it.
    pub fn deleted_roles(&self, guild: GuildId) -> Result<Vec<(RoleId, String)>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT role, key FROM deleted_roles WHERE guild = ?1 AND NOT settled ORDER BY role",
        )?;
        let rows = statement.query_map([guild], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// An administrator agreed that access ends with the roles that were deleted.
    pub fn settle_deleted_roles(&self) -> Result<(), StoreError> {
        self.db.prepare_cached("UPDATE deleted_roles SET settled = 1")?.execute([])?;
        Ok(())
    }
}
