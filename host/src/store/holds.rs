//! Access that is to shrink and waits for an administrator, and the roles that were deleted.

use rusqlite::{OptionalExtension, Row, params};

use super::{
    StoreError, Tx, Work,
    rows::{At, Each, Json, Name, json, list, words},
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
        /// A guild that gave it is not served any more.
        GuildUnserved = "guild-unserved",
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
    /// The name of the deleted role: the operator's, or Discord's where it was not tracked.
    pub role: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// What each guild had decided before: the access that goes on meanwhile.
    pub before: Vec<(GuildId, Access)>,
    /// Messages of the policy's that wait with it.
    pub tell: Vec<String>,
    /// A message to administrators that names it was written.
    pub announced: bool,
    /// An administrator was shown what it is now: that message was delivered, or the answer to a command named it.
    pub shown: bool,
    /// The order from the command line that decides on it.
    pub ordered: Option<i64>,
    /// When what is held, or why, last became something else.
    pub changed: Timestamp,
    /// The message to administrators that names it.
    pub told_by: Option<TaskId>,
}

/// A role that Discord no longer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedRole {
    /// The guild.
    pub guild: GuildId,
    /// The role.
    pub role: RoleId,
    /// The operator's name for it, or Discord's where it was not tracked.
    pub key: String,
    /// When that was noticed: whoever lost it earlier did not lose it by that.
    pub since: Timestamp,
}

/// On whom an order from the command line decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ordered {
    /// On those whom a message to administrators has shown.
    Shown,
    /// On one member.
    Member(UserId),
    /// On those who were held at this time, for what they were held then.
    Listed(Timestamp),
}

const COLUMNS: &str = "account, event, reason, role, since, before, tell, announced, shown, ordered, \
                       changed, told_by";

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
        shown: row.get(8)?,
        ordered: row.get(9)?,
        changed: row.get::<_, At>(10)?.0,
        told_by: row.get(11)?,
    })
}

impl Tx<'_> {
    /// What holds an account.
    pub fn hold(&self, account: AccountId) -> Result<Option<HoldRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM holds WHERE account = ?1");
        Ok(self.db.prepare_cached(&sql)?.query_row([account], hold).optional()?)
    }

    /// Everybody who is held, longest first; where a hold can't be read, whose it is. It holds all the same.
    pub fn holds(&self) -> Result<Each<HoldRow, AccountId>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM holds ORDER BY since, account");
        list(self.db.prepare_cached(&sql)?, [], |row| row.get(0), hold)
    }

    /// Stores what holds an account.
    pub fn put_hold(&self, row: &HoldRow) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "INSERT INTO holds (account, event, reason, role, since, before, tell, announced, shown, ordered,
                     changed, told_by)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
                 ON CONFLICT (account) DO UPDATE SET event = ?2, reason = ?3, role = ?4, since = ?5,
                     before = ?6, tell = ?7, announced = ?8, shown = ?9, ordered = ?10, changed = ?11,
                     told_by = ?12",
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
                row.shown,
                row.ordered,
                At(row.changed),
                row.told_by,
            ])?;
        Ok(())
    }

    /// Nothing holds an account any more. False if nothing did. Whoever calls this goes on with what was held.
    pub fn drop_hold(&self, account: AccountId) -> Result<bool, StoreError> {
        Ok(self.db.prepare_cached("DELETE FROM holds WHERE account = ?1")?.execute([account])? > 0)
    }

    /// A message to administrators is written. Where it names this one, that is `told_by`: once that message is
    /// delivered, the hold was shown.
    pub fn announce_hold(&self, account: AccountId, told_by: Option<TaskId>) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE holds SET announced = 1, told_by = ?2 WHERE account = ?1")?
            .execute(params![account, told_by])?;
        Ok(())
    }

    /// A message to administrators was delivered: whoever it names was shown.
    pub(super) fn show_holds_of(&self, message: TaskId) -> Result<(), StoreError> {
        self.db.prepare_cached("UPDATE holds SET shown = 1 WHERE told_by = ?1")?.execute([message])?;
        Ok(())
    }

    /// An administrator is shown this one: a decision on everybody is about it from now on.
    pub fn show_hold(&self, account: AccountId) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE holds SET shown = 1 WHERE account = ?1 AND shown = 0")?
            .execute([account])?;
        Ok(())
    }

    /// An order decides on some of those who are held.
    pub(super) fn order_holds(&self, order: i64, whom: Ordered) -> Result<(), StoreError> {
        const ORDER: &str = "UPDATE holds SET ordered = ?1 WHERE ";
        let sql = |which: &str| format!("{ORDER}{which}");
        match whom {
            Ordered::Shown => self.db.prepare_cached(&sql("shown"))?.execute([order])?,
            Ordered::Member(user) => self
                .db
                .prepare_cached(&sql("account IN (SELECT id FROM accounts WHERE user = ?2)"))?
                .execute(params![order, user])?,
            Ordered::Listed(at) => {
                self.db.prepare_cached(&sql("changed <= ?2"))?.execute(params![order, At(at)])?
            }
        };
        Ok(())
    }

    /// Since when somebody is held of whom administrators were not told yet.
    pub fn first_unannounced_hold(&self) -> Result<Option<Timestamp>, StoreError> {
        let since = self
            .db
            .prepare_cached("SELECT min(changed) FROM holds WHERE announced = 0 AND changed >= 0")?
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
                let task = self.add_task(None, None, &Work::Holds, due)?;
                self.make_urgent(task)?;
            }
        }
        Ok(())
    }

    /// A person's access shrinks, or would. What was counted of them since `pending` was not carried out yet: it is
    /// one with this. What was counted before may have been, and counts still if this is cancelled.
    pub fn count_shrink(&self, user: UserId, at: Timestamp, pending: Timestamp) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "INSERT INTO shrinks (user, at) VALUES (?1, ?2)
                 ON CONFLICT (user) DO UPDATE SET at = ?2, earlier = iif(at < ?3, at, earlier)",
            )?
            .execute(params![user, At(at), At(pending)])?;
        Ok(())
    }

    /// A person's access that was to shrink does not, and is taken out of the count. `since` is when it was to. What
    /// was counted before stays.
    pub fn discount_shrink(&self, user: UserId, since: Timestamp) -> Result<(), StoreError> {
        self.db
            .prepare_cached("DELETE FROM shrinks WHERE user = ?1 AND at >= ?2 AND earlier IS NULL")?
            .execute(params![user, At(since)])?;
        self.db
            .prepare_cached("UPDATE shrinks SET at = earlier, earlier = NULL WHERE user = ?1 AND at >= ?2")?
            .execute(params![user, At(since)])?;
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
            "SELECT role, key FROM deleted_roles WHERE guild = ?1 AND NOT settled AND role >= 0 ORDER BY role",
        )?;
        let rows = statement.query_map([guild], |row| Ok((row.get(0)?, row.get::<_, Name>(1)?.0)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All such roles, whatever their guild.
    pub fn every_deleted_role(&self) -> Result<Vec<DeletedRole>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT guild, role, key, since FROM deleted_roles
             WHERE NOT settled AND guild >= 0 AND role >= 0 AND since >= 0 ORDER BY role",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(DeletedRole {
                guild: row.get(0)?,
                role: row.get(1)?,
                key: row.get::<_, Name>(2)?.0,
                since: row.get::<_, At>(3)?.0,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Roles of a guild that count as deleted since before `asked`.
    pub fn deleted_before(
        &self,
        guild: GuildId,
        asked: Timestamp,
    ) -> Result<Vec<(RoleId, String)>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT role, key FROM deleted_roles WHERE guild = ?1 AND since < ?2 AND role >= 0",
        )?;
        let rows = statement
            .query_map(params![guild, At(asked)], |row| Ok((row.get(0)?, row.get::<_, Name>(1)?.0)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A role does not count as deleted any more.
    pub fn drop_deleted_role(&self, guild: GuildId, role: RoleId) -> Result<(), StoreError> {
        self.db
            .prepare_cached("DELETE FROM deleted_roles WHERE guild = ?1 AND role = ?2")?
            .execute(params![guild, role])?;
        Ok(())
    }

    /// The protected roles that a guild had, with their names.
    pub fn protected_roles(&self, guild: GuildId) -> Result<Vec<(RoleId, String)>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT role, name FROM protected_roles WHERE guild = ?1 AND role >= 0 ORDER BY role",
        )?;
        let rows = statement.query_map([guild], |row| Ok((row.get(0)?, row.get::<_, Name>(1)?.0)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The name of a protected role that a guild had at some time.
    pub fn protected_role(&self, role: RoleId) -> Result<Option<String>, StoreError> {
        let name = self
            .db
            .prepare_cached("SELECT name FROM protected_roles WHERE role = ?1")?
            .query_row([role], |row| row.get::<_, Name>(0))
            .optional()?;
        Ok(name.map(|name| name.0))
    }

    /// A guild has a protected role.
    pub fn put_protected_role(&self, guild: GuildId, role: RoleId, name: &str) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "INSERT INTO protected_roles (role, guild, name) VALUES (?1, ?2, ?3)
                 ON CONFLICT (role) DO UPDATE SET guild = ?2, name = ?3",
            )?
            .execute(params![role, guild, name])?;
        Ok(())
    }

    /// An administrator decided on what a person lost up to now. Events that are still to be decided are not
    /// among it.
    pub fn settle(&self, user: UserId) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "INSERT INTO settled (user, event) SELECT ?1,
                         coalesce(min(id) FILTER (WHERE state = 'waiting') - 1, max(id), 0)
                     FROM events WHERE user = ?1
                 ON CONFLICT (user) DO UPDATE SET event = excluded.event",
            )?
            .execute([user])?;
        Ok(())
    }

    /// The last event of a person that an administrator's decision took in.
    pub fn settled(&self, user: UserId) -> Result<EventId, StoreError> {
        let event = self
            .db
            .prepare_cached("SELECT event FROM settled WHERE user = ?1")?
            .query_row([user], |row| row.get(0))
            .optional()?;
        Ok(event.unwrap_or(EventId(0)))
    }
}
