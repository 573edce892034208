//! A copy of the file while it is in use: SQLite's online backup.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, backup::Backup};

use super::{StoreError, connection};

/// So many pages are copied before others get their turn.
const PAGES: i32 = 1_000;

/// Copies the database `from` into a new file `to`, which is whole or not there at all. Whoever works with
/// the database at this moment is not disturbed, and what they have committed before is in the copy.
/// A file that is there already is replaced.
///
/// # Errors
/// [`StoreError`] if either file can't be read or written, or the copy does not hold what a database should.
pub fn backup(from: &Path, to: &Path) -> Result<(), StoreError> {
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    source.busy_timeout(connection::PATIENCE)?;
    // Whether it is a database at all is asked before a file is made.
    source.query_row("SELECT count(*) FROM facts", [], |_| Ok(()))?;
    let partial = beside(to, ".partial");
    // Left over from a copy that broke off.
    remove(&partial)?;
    let copied = copy(&source, &partial).and_then(|()| settle(&partial, to));
    if copied.is_err() {
        // The error that is told is the first.
        let _ = remove(&partial);
    }
    copied
}

fn copy(source: &Connection, partial: &Path) -> Result<(), StoreError> {
    connection::create_private(partial)?;
    let mut copy = Connection::open(partial)?;
    Backup::new(source, &mut copy)?.run_to_completion(PAGES, Duration::from_millis(1), None)?;
    // One file, without companions that could be left behind.
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    let verdict: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(StoreError::Corrupt);
    }
    copy.close().map_err(|(_, error)| error.into())
}

/// Gives the finished copy its name.
fn settle(partial: &Path, to: &Path) -> Result<(), StoreError> {
    let failed = |error: std::io::Error| StoreError::Open(error.to_string());
    File::open(partial).and_then(|file| file.sync_all()).map_err(failed)?;
    fs::rename(partial, to).map_err(failed)?;
    if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    Ok(())
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn remove(file: &Path) -> Result<(), StoreError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Open(error.to_string()))
        }
        _ => Ok(()),
    }
}
