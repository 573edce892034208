//! Opening the file, and the transaction that everything goes through.

use std::{
    fs::{File, OpenOptions},
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};
use rusqlite_migration::{M, Migrations};

use super::{
    StoreError,
    guard::{self, Asker, PATIENCE, beside, not_opened},
};

/// Numbered, never changed once published.
const MIGRATIONS: &[M<'_>] = &[
    M::up(include_str!("migrations/001.sql")),
    M::up(include_str!("migrations/002.sql")),
    M::up(include_str!("migrations/003.sql")),
    M::up(include_str!("migrations/004-decisions.sql")),
    M::up(include_str!("migrations/005-ledgers.sql")),
    M::up(include_str!("migrations/006-answers.sql")),
    M::up(include_str!("migrations/007-corrections.sql")),
    M::up(include_str!("migrations/008-reasons.sql")),
    M::up(include_str!("migrations/009-losses.sql")),
];

/// The newest schema: how many migrations there are.
pub(super) const SCHEMA: usize = MIGRATIONS.len();

/// As many statements stay prepared as there are, or a little more.
const STATEMENTS: usize = 200;

/// How long to wait before a step that met another process is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// A transaction. What it writes stands together or not at all.
pub struct Tx<'a> {
    pub(super) db: &'a Connection,
}

impl std::fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tx")
    }
}

impl Tx<'_> {
    /// Does what concerns one person or one row among many. Where something of theirs can't be read nothing of it
    /// is written, and what comes before and after it in the transaction stands.
    ///
    /// # Errors
    /// Within: [`StoreError::Unreadable`]. Else what the closure returns, or [`StoreError`].
    pub fn apart<T>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<Result<T, StoreError>, StoreError> {
        match in_savepoint(self.db, work) {
            Err(error @ StoreError::Unreadable(_)) => Ok(Err(error)),
            other => other.map(Ok),
        }
    }
}

pub(super) fn taken_back() -> StoreError {
    StoreError::Failed("SQLite took the transaction back".to_owned())
}

/// Does a part of a transaction so that its failure takes back only what it did itself.
pub(super) fn in_savepoint<T>(
    db: &Connection,
    work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    db.execute_batch("SAVEPOINT part")?;
    let result = work(&Tx { db });
    if db.is_autocommit() {
        // SQLite took back the whole transaction, as it does when the disk is full: the savepoint is gone with it.
        return Err(result.err().unwrap_or_else(taken_back));
    }
    let end = if result.is_ok() { "RELEASE part" } else { "ROLLBACK TO part; RELEASE part" };
    db.execute_batch(end)?;
    result
}

/// Opens the file for writing, makes it if there is none, and brings its tables up to date.
///
/// Two processes that open a file at the same moment get into each other's way where SQLite does not wait by
/// itself: when the log is switched on, and when a reader among the migrations becomes a writer.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let path = &guard::real_path(path)?;
    guard::check(path, Asker::Bot)?;
    opened(path, migrate)
}

/// Opens a file for writing that has the newest schema already. It is never made, and never brought up to date: a
/// bot of an earlier version may be at work with it.
pub(super) fn open_present(path: &Path) -> Result<Connection, StoreError> {
    let path = &guard::real_path(path)?;
    guard::check(path, Asker::Command)?;
    require_present_schema(path)?;
    opened(path, |_| Ok(()))
}

/// Which schema a database has. It is only read.
///
/// # Errors
/// [`StoreError::Newer`], [`StoreError::Earlier`], or what keeps it from being read.
fn require_present_schema(path: &Path) -> Result<(), StoreError> {
    let db = open_reader(path)?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match usize::try_from(version).unwrap_or(0).cmp(&SCHEMA) {
        std::cmp::Ordering::Less => Err(StoreError::Earlier),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(StoreError::Newer),
    }
}

fn opened(
    path: &Path,
    prepare: fn(&mut Connection) -> Result<(), StoreError>,
) -> Result<Connection, StoreError> {
    let began = Instant::now();
    loop {
        match try_to_open(path, prepare) {
            Err(StoreError::Locked) if began.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
            opened => return opened,
        }
    }
}

fn try_to_open(
    path: &Path,
    migrate: fn(&mut Connection) -> Result<(), StoreError>,
) -> Result<Connection, StoreError> {
    create_private(path)?;
    let mut db = Connection::open(path).map_err(|error| cannot_write(path, error.into()))?;
    keep_statements(&db)?;
    db.busy_timeout(PATIENCE)?;
    // SQLite opens for reading what it may not write, and says so only later.
    if db.is_readonly("main")? {
        return Err(StoreError::ReadOnly);
    }
    configure(&db).and_then(|()| migrate(&mut db)).map_err(|error| cannot_write(path, error))?;
    Ok(db)
}

/// A statement is prepared once, whatever is bound to it later. Without this SQLite prepares each anew that could
/// use a partial index with another value; ours name their states in the text.
fn keep_statements(db: &Connection) -> Result<(), StoreError> {
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// SQLite can say that it can't open a file where it means one beside it: in a folder that can't be written, the
/// database can be there and its log can't be made.
fn cannot_write(path: &Path, error: StoreError) -> StoreError {
    let StoreError::Open(_) = &error else { return error };
    let probe = beside(path, ".probe");
    match OpenOptions::new().write(true).create_new(true).open(&probe) {
        Ok(file) => {
            drop(file);
            let _ = std::fs::remove_file(&probe);
            error
        }
        Err(refused) => not_opened(&refused),
    }
}

fn configure(db: &Connection) -> Result<(), StoreError> {
    db.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: a commit that was acknowledged survives a power cut.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    // A forgotten e-mail address must not linger in free pages.
    db.pragma_update(None, "secure_delete", true)?;
    Ok(())
}

fn migrate(db: &mut Connection) -> Result<(), StoreError> {
    if is_foreign(db)? {
        return Err(StoreError::Foreign);
    }
    let mut migrated = Migrations::from_slice(MIGRATIONS).to_latest(db);
    if migrated.is_err() {
        // Another process may have done the same at the same moment: then there is nothing left to do.
        migrated = Migrations::from_slice(MIGRATIONS).to_latest(db);
    }
    match migrated {
        Ok(()) => Ok(()),
        Err(rusqlite_migration::Error::RusqliteError { err, .. }) => Err(err.into()),
        Err(rusqlite_migration::Error::MigrationDefinition(
            rusqlite_migration::MigrationDefinitionError::DatabaseTooFarAhead,
        )) => Err(StoreError::Newer),
        Err(other) => Err(StoreError::Failed(other.to_string())),
    }
}

/// Whether the file holds tables and none of ours.
pub(super) fn is_foreign(db: &Connection) -> Result<bool, StoreError> {
    let (tables, ours): (i64, i64) = db.query_row(
        "SELECT count(*), coalesce(sum(name = 'facts'), 0) FROM sqlite_schema WHERE type = 'table'",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(tables > 0 && ours == 0)
}

/// Opens the file for reading beside the writer.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    keep_statements(&db)?;
    db.busy_timeout(PATIENCE)?;
    Ok(db)
}

/// The file holds addresses: nobody but its owner may read it. SQLite gives its companion files the same
/// permissions.
pub(super) fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path).map(drop::<File>) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(not_opened(&error)),
    }
}

/// What keeps the file from being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Impediment {
    /// Nothing.
    None,
    /// It may not grow, as on a disk without room.
    Full,
    /// It may not be changed, as on a disk that is mounted read-only.
    ReadOnly,
}

impl Tx<'_> {
    /// Makes this connection's writes fail as they do on a disk in that state, until it is lifted: so that it
    /// can be tried out what happens then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn impede(&self, how: Impediment) -> Result<(), StoreError> {
        // SQLite takes the present size where the limit is below it.
        let pages: u32 = if how == Impediment::Full { 1 } else { u32::MAX - 1 };
        self.db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
        self.db.pragma_update(None, "query_only", how == Impediment::ReadOnly)?;
        Ok(())
    }
}
