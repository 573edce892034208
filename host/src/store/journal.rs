//! The journal as commands read it, beside a bot at work: what was decided, of whom, and what followed.

use std::{collections::BTreeSet, path::Path};

use rusqlite::{Connection, OpenFlags, Params, params};

use super::{
    DecisionRow, EventRow, StoreError, Task, Tx, connection,
    events::{self, DECISION_COLUMNS},
    guard::{self, Asker},
    messages,
    rows::At,
};
use crate::domain::{EventId, GuildId, RoleId, Timestamp, UserId};

/// The database, opened for reading. It is never made, never brought up to date, and never written.
pub struct Journal {
    db: Connection,
}

/// Which events of the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Those that were noticed at this time or later.
    pub since: Option<Timestamp>,
    /// Those that were noticed before this time.
    pub until: Option<Timestamp>,
    /// Those of this person.
    pub member: Option<UserId>,
}

/// What an administrator was told of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// When.
    pub at: Timestamp,
    /// What it is about, in a word.
    pub kind: String,
    /// The text.
    pub text: String,
}

impl Journal {
    /// Opens the file.
    ///
    /// # Errors
    /// [`StoreError`] if it can't be read, is no database of Rolarr's, or was written by a later version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let path = &guard::real_path(path)?;
        guard::check(path, Asker::Reader)?;
        let db = connection::open_reader(path)?;
        if connection::is_foreign(&db)? {
            return Err(StoreError::Foreign);
        }
        let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match usize::try_from(version) {
            // The file was made and has no tables yet.
            Ok(0) | Err(_) => Err(StoreError::Unreadable("its schema: it has no tables")),
            Ok(version) if version > connection::SCHEMA => Err(StoreError::Newer),
            Ok(_) => Ok(Self { db }),
        }
    }

    /// Reads a consistent state. A bot at work can't empty the log of its file meanwhile: what takes long is
    /// read in parts.
    ///
    /// # Errors
    /// What the closure returns, or [`StoreError`].
    pub fn read<T>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let transaction = self.db.unchecked_transaction()?;
        work(&Tx { db: &transaction })
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Journal")
    }
}

/// Remembers a small fact about an installation unless one of this name is there already, and returns the one
/// that stands. Nothing else of the file is changed, so this is safe beside a bot of another version.
///
/// # Errors
/// [`StoreError`] if the file can't be written.
pub fn keep_fact(path: &Path, name: &str, fresh: &str) -> Result<String, StoreError> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    db.busy_timeout(guard::PATIENCE)?;
    db.execute(
        "INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
        [name, fresh],
    )?;
    Ok(db.query_row("SELECT value FROM facts WHERE name = ?1", [name], |row| row.get(0))?)
}

/// Which rows of `events` belong to a [`Span`], given as parameters 1 to 3.
pub(super) const WITHIN: &str = "(?1 IS NULL OR events.at >= ?1) AND (?2 IS NULL OR events.at < ?2)
                      AND (?3 IS NULL OR events.user = ?3)";

impl Tx<'_> {
    /// The decisions within a span whose event comes after this one, in the order of their events.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn decisions_after(
        &self,
        after: EventId,
        span: &Span,
        limit: u32,
    ) -> Result<Vec<DecisionRow>, StoreError> {
        let sql = format!(
            "SELECT {DECISION_COLUMNS} FROM decisions JOIN events ON events.id = decisions.event
             WHERE {WITHIN} AND decisions.event > ?4 ORDER BY decisions.event LIMIT ?5"
        );
        let Span { since, until, member } = *span;
        self.all(&sql, params![since.map(At), until.map(At), member, after, limit], events::decision)
    }

    /// How many decisions there are within a span.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn count_decisions(&self, span: &Span) -> Result<u64, StoreError> {
        let sql = format!(
            "SELECT count(*) FROM decisions JOIN events ON events.id = decisions.event WHERE {WITHIN}"
        );
        let Span { since, until, member } = *span;
        let count: i64 = self
            .db
            .prepare_cached(&sql)?
            .query_row(params![since.map(At), until.map(At), member], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// The last events within a span, whatever became of them, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn last_events(&self, span: &Span, limit: u32) -> Result<Vec<EventRow>, StoreError> {
        let sql =
            format!("SELECT {} FROM events WHERE {WITHIN} ORDER BY events.id DESC LIMIT ?4", events::COLUMNS);
        let Span { since, until, member } = *span;
        let mut rows = self.all(&sql, params![since.map(At), until.map(At), member, limit], events::event)?;
        rows.reverse();
        Ok(rows)
    }

    /// The number of the newest event; none if the journal is empty.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn newest_event(&self) -> Result<Option<EventId>, StoreError> {
        Ok(self.db.query_row("SELECT max(id) FROM events", [], |row| row.get(0))?)
    }

    /// What was done because of an event, or is to be, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn tasks_of_event(&self, event: EventId) -> Result<Vec<Task>, StoreError> {
        let sql = format!("SELECT {} FROM tasks WHERE event = ?1 ORDER BY id", messages::COLUMNS);
        self.all(&sql, [event], messages::task)
    }

    /// What administrators were told of an event, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn audit_of_event(&self, event: EventId) -> Result<Vec<AuditRow>, StoreError> {
        self.all("SELECT at, kind, text FROM audit WHERE event = ?1 ORDER BY id", [event], |row| {
            Ok(AuditRow { at: row.get::<_, At>(0)?.0, kind: row.get(1)?, text: row.get(2)? })
        })
    }

    /// Everybody who was ever seen, with the name that was seen last in each guild.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn names(&self) -> Result<Vec<(UserId, String)>, StoreError> {
        self.all("SELECT DISTINCT user, username FROM members", [], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The guilds that anything is known of.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn known_guilds(&self) -> Result<Vec<GuildId>, StoreError> {
        let sql = "SELECT guild FROM guilds UNION SELECT guild FROM members UNION SELECT guild FROM events";
        self.all(sql, [], |row| row.get(0))
    }

    /// The roles that anybody had when last seen, or that were tracked.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn known_roles(&self) -> Result<BTreeSet<RoleId>, StoreError> {
        let sql = "SELECT DISTINCT value FROM members, json_each(members.roles)
                   UNION SELECT value FROM guilds, json_each(guilds.tracked)";
        let roles = self.all(sql, [], |row| row.get::<_, String>(0))?;
        Ok(roles.iter().filter_map(|role| role.parse().ok()).collect())
    }

    fn all<T, P: Params>(
        &self,
        sql: &str,
        params: P,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.db.prepare_cached(sql)?;
        let rows = statement.query_map(params, read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
