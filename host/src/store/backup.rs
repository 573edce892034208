//! A copy of the file while it is in use: SQLite's online backup.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use tempfile::NamedTempFile;

use super::{
    StoreError,
    guard::{self, Asker},
};

/// How long to wait before a step that met another program is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// Copies the database `from` into a new file `to`, which is whole or not there at all. Whoever works with
/// the database at this moment is not disturbed, and what they have committed before is in the copy.
/// A file that is there already is replaced, if it may be.
///
/// # Errors
/// [`StoreError`] if either file can't be read or written, or the copy does not hold what a database should.
pub fn backup(from: &Path, to: &Path, existing: Existing) -> Result<(), StoreError> {
    let from = &guard::real_path(from)?;
    guard::check(from, Asker::Reader)?;
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    source.busy_timeout(guard::PATIENCE)?;
    // Whether it is a database at all is asked before a file is made.
    source.query_row("SELECT count(*) FROM facts", [], |_| Ok(()))?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = &folder.canonicalize().map_err(|error| guard::not_opened(&error))?;
    // Under a name that nobody can guess, and only made if there is nothing: the folder may be one that others write
    // into, and what they have put there is neither written nor followed.
    let partial = tempfile::Builder::new()
        .prefix(".rolarr-backup-")
        .tempfile_in(folder)
        .map_err(|error| guard::not_opened(&error))?;
    copy(&source, &partial)?;
    settle(partial, folder, to, existing)
}

/// What becomes of a file that has the copy's name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the copy fails.
    Keep,
    /// The copy takes its place.
    Replace,
}

fn copy(source: &Connection, partial: &NamedTempFile) -> Result<(), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut copy = Connection::open_with_flags(partial.path(), flags)?;
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
            _ if began.elapsed() > guard::PATIENCE => return Err(StoreError::Locked),
            _ => std::thread::sleep(PAUSE),
        }
    }
}

/// Gives the finished copy its name.
fn settle(partial: NamedTempFile, folder: &Path, to: &Path, existing: Existing) -> Result<(), StoreError> {
    let failed = |error: std::io::Error| StoreError::Open(error.to_string());
    if !is_same_file(&partial) {
        return Err(StoreError::Open("somebody else has put another file in the copy's place".to_owned()));
    }
    partial.as_file().sync_all().map_err(failed)?;
    match existing {
        Existing::Keep => partial.persist_noclobber(to),
        Existing::Replace => partial.persist(to),
    }
    .map_err(|error| failed(error.error))?;
    sync_folder(folder);
    Ok(())
}

/// Whether the file that was made still has its name.
#[cfg(unix)]
fn is_same_file(partial: &NamedTempFile) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(made), Ok(named)) = (partial.as_file().metadata(), fs::symlink_metadata(partial.path())) else {
        return false;
    };
    (made.dev(), made.ino()) == (named.dev(), named.ino())
}

#[cfg(not(unix))]
fn is_same_file(partial: &NamedTempFile) -> bool {
    fs::symlink_metadata(partial.path()).is_ok_and(|about| about.is_file())
}

/// Makes the new name survive a power cut. The copy is whole without that, and not every system can do it.
fn sync_folder(folder: &Path) {
    #[cfg(unix)]
    let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
    #[cfg(not(unix))]
    let synced = fs::metadata(folder).map(|_| ());
    if let Err(error) = synced {
        tracing::debug!(%error, "the folder of the copy can't be synchronised");
    }
}
