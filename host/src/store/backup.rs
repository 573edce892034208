//! A copy of the file while it is in use: SQLite's online backup.

use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use super::{StoreError, connection};

/// How long to wait before a step that met another program is tried again.
const PAUSE: Duration = Duration::from_millis(20);

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
    let partial = connection::beside(to, ".partial");
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
    copy_pages(&Backup::new(source, &mut copy)?)?;
    // One file, without companions that could be left behind.
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    let verdict: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(StoreError::Corrupt);
    }
    copy.close().map_err(|(_, error)| error.into())
}

/// All pages in one step. The bot goes on writing meanwhile, into the log: what is copied is the state in which the
/// step found the database. In several steps it would have to begin anew with each commit of the bot, for ever.
fn copy_pages(copying: &Backup<'_, '_>) -> Result<(), StoreError> {
    let began = Instant::now();
    loop {
        match copying.step(-1)? {
            StepResult::Done => return Ok(()),
            _ if began.elapsed() > connection::PATIENCE => return Err(StoreError::Locked),
            _ => std::thread::sleep(PAUSE),
        }
    }
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

fn remove(file: &Path) -> Result<(), StoreError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Open(error.to_string()))
        }
        _ => Ok(()),
    }
}
