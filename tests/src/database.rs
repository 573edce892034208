//! What stands in the bot's database, read beside the bot.

use std::{path::Path, time::Duration};

use rolarr_sim::discord::UserId;
use rusqlite::{Connection, OpenFlags, Row, types::ValueRef};

/// What is still to be done, in one query: events that wait for a decision, messages that wait to be sent,
/// accounts that Plex does not agree with yet. An invitation that is out is looked at again and again, and
/// that is no work.
const OPEN_WORK: &str = "
    SELECT 'event ' || id || ' is ' || state FROM events WHERE state = 'waiting'
    UNION ALL SELECT 'task ' || id || ' is ' || state || ': ' || json_extract(work, '$') FROM tasks
        WHERE state IN ('waiting', 'sending')
    UNION ALL SELECT 'account ' || id || ' is due and ' || stage FROM accounts
        WHERE due IS NOT NULL AND NOT (stage = 'invited' AND told = 'invited' AND attempts = 0)";

/// The database, opened for reading.
#[derive(Debug)]
pub struct Database(Connection);

impl Database {
    /// Opens it; none if it is not there yet.
    #[must_use]
    pub fn open(path: &Path) -> Option<Self> {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
        db.busy_timeout(Duration::from_secs(5)).ok()?;
        // The file is there a moment before the tables of the newest schema.
        let tables = "SELECT count(*) FROM sqlite_master WHERE name = 'ledgers'";
        let ready = db.query_row(tables, [], |row| row.get::<_, i64>(0)).ok()?;
        (ready == 1).then_some(Self(db))
    }

    /// Whether the guild's members were listed once.
    #[must_use]
    pub fn guild_is_taken_in(&self) -> bool {
        !self.rows("SELECT guild FROM guilds").is_empty()
    }

    /// What is still to be done; empty if nothing.
    #[must_use]
    pub fn open_work(&self) -> Vec<String> {
        self.rows(OPEN_WORK)
    }

    /// The rows of a query, the columns of each joined by ` | `.
    #[must_use]
    pub fn rows(&self, query: &str) -> Vec<String> {
        let mut statement = self.0.prepare(query).unwrap();
        let columns = statement.column_count();
        let line = |row: &Row<'_>| {
            let texts = (0..columns).map(|column| row.get_ref(column).map(shown));
            texts.collect::<Result<Vec<_>, _>>().map(|texts| texts.join(" | "))
        };
        statement.query_map([], line).unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// One column of a member's account, `-` if it is empty; none if there is no account.
    #[must_use]
    pub fn account(&self, user: UserId, column: &str) -> Option<String> {
        self.rows(&format!("SELECT {column} FROM accounts WHERE user = {user}")).pop()
    }

    /// How far a member's account has got at Plex; `none` without one.
    #[must_use]
    pub fn stage(&self, user: UserId) -> String {
        self.account(user, "stage").unwrap_or_else(|| "none".to_owned())
    }

    /// The state of a member's questions, oldest first.
    #[must_use]
    pub fn prompts(&self, user: UserId) -> Vec<String> {
        self.rows(&format!("SELECT state FROM prompts WHERE user = {user} ORDER BY id"))
    }

    /// The kinds of what administrators were told of a member, oldest first, decisions aside.
    #[must_use]
    pub fn audit(&self, user: UserId) -> Vec<String> {
        self.rows(&format!("SELECT kind FROM audit WHERE user = {user} AND kind <> 'decision' ORDER BY id"))
    }

    /// What the policy asked for, for a member, oldest first: the names of the actions.
    #[must_use]
    pub fn decisions(&self, user: UserId) -> Vec<String> {
        self.rows(&format!(
            "SELECT decisions.actions FROM decisions JOIN events ON events.id = decisions.event
             WHERE events.user = {user} AND decisions.actions <> '[]' ORDER BY events.id"
        ))
    }
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "-".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
    }
}
