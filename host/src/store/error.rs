//! What can go wrong with the file, in the words of somebody who has to mend it.

use rusqlite::ErrorCode;

/// The database did not do what was asked. Nothing that was acknowledged before is lost.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no room on the disk.
    #[error("the disk that holds the database is full: make room, nothing is lost")]
    Full,
    /// The file or its folder can't be written.
    #[error(
        "the database can't be written: check who owns the file and its folder, and whether the disk is mounted read-only"
    )]
    ReadOnly,
    /// Another program holds the file.
    #[error("the database is in use by another program: is Rolarr running twice?")]
    Locked,
    /// A bot works with it already.
    #[error(
        "another Rolarr works with this database: stop it first, or name another file in the configuration"
    )]
    Running,
    /// The file is damaged or is no database.
    #[error("the database file is damaged or is none: put a backup in its place")]
    Corrupt,
    /// The file is another program's database.
    #[error(
        "the file is another program's database: name another one in the configuration. It was left as it is"
    )]
    Foreign,
    /// There is something else than a regular file where the database or one of its companions should be.
    #[error("`{file}` is {what} and no database: name another file in the configuration")]
    NotAFile {
        /// The file.
        file: String,
        /// What it is.
        what: &'static str,
    },
    /// The file belongs to another user, who could give orders with it.
    #[error(
        "`{file}` belongs to another user of this machine (id {owner}), who could give the bot orders: run Rolarr as \
         that user, or make it your own with `chown`"
    )]
    NotOwned {
        /// The file.
        file: String,
        /// The id of its owner.
        owner: u32,
    },
    /// Others can write the file, and give orders with it.
    #[error(
        "other users of this machine can write `{file}` (its mode is {mode:03o}), and so give the bot orders: run \
         `chmod 600` on it"
    )]
    Exposed {
        /// The file.
        file: String,
        /// Its permissions.
        mode: u32,
    },
    /// The file has several names on the disk.
    #[error(
        "`{file}` has a second name (a hard link), under which another program could open it and damage it: remove \
         the other name, or copy the file"
    )]
    SecondName {
        /// The file.
        file: String,
    },
    /// The file was written by an earlier version, which may be at work.
    #[error(
        "the database was written by an earlier version of Rolarr: start the bot with this version first, or use the \
         program that the bot runs"
    )]
    Earlier,
    /// The file was written by a later version.
    #[error(
        "the database was written by a later version of Rolarr: use that version, or put a backup in its place"
    )]
    Newer,
    /// The file can't be opened or made.
    #[error("the database file can't be opened: {0}")]
    Open(String),
    /// A row holds what no version of Rolarr writes.
    #[error("the database holds something unreadable in {0}")]
    Unreadable(&'static str),
    /// A value has another owner: ids and addresses belong to one person.
    #[error("this belongs to somebody else already")]
    Taken,
    /// The store was closed, or the threads that do its work ended: no later call has another answer.
    #[error("the database is closed")]
    Closed,
    /// Anything else that SQLite says. Its texts name tables and columns, never values.
    #[error("the database failed: {0}")]
    Failed(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        match &error {
            E::SqliteFailure(failure, text) => match failure.code {
                ErrorCode::DiskFull => Self::Full,
                ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Self::ReadOnly,
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Locked,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Corrupt,
                ErrorCode::CannotOpen => Self::Open(failure.to_string()),
                ErrorCode::ConstraintViolation
                    if failure.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE =>
                {
                    Self::Taken
                }
                _ => Self::Failed(text.clone().unwrap_or_else(|| failure.to_string())),
            },
            E::FromSqlConversionFailure(..)
            | E::InvalidColumnType(..)
            | E::IntegralValueOutOfRange(..)
            | E::Utf8Error(..) => Self::Unreadable("a row"),
            _ => Self::Failed(error.to_string()),
        }
    }
}
