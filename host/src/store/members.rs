//! The role snapshot, and what the decisions of a guild made true for its members.

use rusqlite::{OptionalExtension, Row, params};

use super::{
    StoreError, Tx,
    rows::{At, Each, Json, json, list},
};
use crate::domain::{GuildId, RoleId, Timestamp, UserId, contract::Access};

/// A member as Discord showed them last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// The guild.
    pub guild: GuildId,
    /// The person.
    pub user: UserId,
    /// Their name on Discord.
    pub username: String,
    /// All their roles, sorted; empty once they left.
    pub roles: Vec<RoleId>,
    /// When they joined.
    pub joined_at: Option<Timestamp>,
    /// They have not passed the membership screening.
    pub screening: bool,
    /// They are a bot.
    pub bot: bool,
    /// They are a member now.
    pub present: bool,
    /// When this was seen.
    pub seen_at: Timestamp,
}

/// What the decisions of one guild made true for one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    /// The guild.
    pub guild: GuildId,
    /// The access.
    pub access: Access,
    /// Since when it has the case that it has.
    pub since: Option<Timestamp>,
    /// What the policy stored last.
    pub memo: String,
}

const COLUMNS: &str = "guild, user, username, roles, joined_at, screening, bot, present, seen_at";

fn member(row: &Row<'_>) -> rusqlite::Result<MemberRow> {
    Ok(MemberRow {
        guild: row.get(0)?,
        user: row.get(1)?,
        username: row.get(2)?,
        roles: row.get::<_, Json<Vec<RoleId>>>(3)?.0,
        joined_at: row.get::<_, Option<At>>(4)?.map(|at| at.0),
        screening: row.get(5)?,
        bot: row.get(6)?,
        present: row.get(7)?,
        seen_at: row.get::<_, At>(8)?.0,
    })
}

impl Tx<'_> {
    /// A member as Discord showed them last.
    pub fn member(&self, guild: GuildId, user: UserId) -> Result<Option<MemberRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM members WHERE guild = ?1 AND user = ?2");
        Ok(self.db.prepare_cached(&sql)?.query_row(params![guild, user], member).optional()?)
    }

    /// Whether a person was ever seen in a guild, whatever else is stored of them.
    pub fn is_known_in(&self, guild: GuildId, user: UserId) -> Result<bool, StoreError> {
        Ok(self
            .db
            .prepare_cached("SELECT 1 FROM members WHERE guild = ?1 AND user = ?2")?
            .exists(params![guild, user])?)
    }

    /// A person in all guilds where they were ever seen.
    pub fn memberships(&self, user: UserId) -> Result<Vec<MemberRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM members WHERE user = ?1 ORDER BY guild");
        let mut statement = self.db.prepare_cached(&sql)?;
        let rows = statement.query_map([user], member)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The present members of a guild with an id above `after`, by rising id; where one can't be read, who it is.
    pub fn members_after(
        &self,
        guild: GuildId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Each<MemberRow, UserId>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM members WHERE guild = ?1 AND present AND user > ?2 ORDER BY user LIMIT ?3"
        );
        let params = params![guild, after.unwrap_or(UserId(0)), limit];
        list(self.db.prepare_cached(&sql)?, params, |row| row.get(1), member)
    }

    /// Stores what Discord showed.
    pub fn put_member(&self, row: &MemberRow) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "INSERT INTO members (guild, user, username, roles, joined_at, screening, bot, present, seen_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT (guild, user) DO UPDATE SET username = ?3, roles = ?4, joined_at = ?5,
                     screening = ?6, bot = ?7, present = ?8, seen_at = ?9",
            )?
            .execute(params![
                row.guild,
                row.user,
                row.username,
                json(&row.roles)?,
                row.joined_at.map(At),
                row.screening,
                row.bot,
                row.present,
                At(row.seen_at),
            ])?;
        Ok(())
    }

    /// The roles that were tracked when this guild was last taken in completely; none if it never was.
    pub fn adopted(&self, guild: GuildId) -> Result<Option<Vec<RoleId>>, StoreError> {
        let tracked = self
            .db
            .prepare_cached("SELECT tracked FROM guilds WHERE guild = ?1")?
            .query_row([guild], |row| row.get::<_, Json<Vec<RoleId>>>(0))
            .optional()?;
        Ok(tracked.map(|tracked| tracked.0))
    }

    /// Remembers that this guild was taken in completely while these roles were tracked.
    pub fn adopt(&self, guild: GuildId, tracked: &[RoleId]) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "INSERT INTO guilds (guild, tracked) VALUES (?1, ?2)
                 ON CONFLICT (guild) DO UPDATE SET tracked = ?2",
            )?
            .execute(params![guild, json(&tracked)?])?;
        Ok(())
    }

    /// What the decisions of each guild made true for a person, by guild.
    pub fn grants(&self, user: UserId) -> Result<Vec<GrantRow>, StoreError> {
        let mut statement = self
            .db
            .prepare_cached("SELECT guild, access, since, memo FROM grants WHERE user = ?1 ORDER BY guild")?;
        let rows = statement.query_map([user], |row| {
            Ok(GrantRow {
                guild: row.get(0)?,
                access: row.get::<_, Json<Access>>(1)?.0,
                since: row.get::<_, Option<At>>(2)?.map(|at| at.0),
                memo: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The people for whom a guild decided anything.
    pub fn decided_in(&self, guild: GuildId) -> Result<Vec<UserId>, StoreError> {
        let mut statement =
            self.db.prepare_cached("SELECT user FROM grants WHERE guild = ?1 AND user >= 0 ORDER BY user")?;
        let rows = statement.query_map([guild], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The present members of any guild who hold a role.
    pub fn holders(&self, role: RoleId) -> Result<Vec<UserId>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT DISTINCT user FROM members, json_each(members.roles) WHERE present AND value = ?1",
        )?;
        let rows = statement.query_map([role.to_string()], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The guilds that were ever taken in completely.
    pub fn taken_in(&self) -> Result<Vec<GuildId>, StoreError> {
        let mut statement =
            self.db.prepare_cached("SELECT guild FROM guilds WHERE guild >= 0 ORDER BY guild")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Stores what a decision made true.
    pub fn put_grant(&self, user: UserId, grant: &GrantRow) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "INSERT INTO grants (guild, user, access, since, memo) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (guild, user) DO UPDATE SET access = ?3, since = ?4, memo = ?5",
            )?
            .execute(params![grant.guild, user, json(&grant.access)?, grant.since.map(At), grant.memo])?;
        Ok(())
    }

    /// A small fact about this installation.
    pub fn fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        let mut statement = self.db.prepare_cached("SELECT value FROM facts WHERE name = ?1")?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }

    /// Remembers a small fact about this installation.
    pub fn put_fact(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
            )?
            .execute(params![name, value])?;
        Ok(())
    }

    /// Forgets a small fact.
    pub fn drop_fact(&self, name: &str) -> Result<(), StoreError> {
        self.db.prepare_cached("DELETE FROM facts WHERE name = ?1")?.execute([name])?;
        Ok(())
    }
}
