//! Whether a file may serve as the database. It is found out before the file is opened for writing, so that a file
//! that is refused stays as it is, to the byte.

use std::{
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::StoreError;
use crate::files;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// The bot, which carries out the orders that stand in the database.
    Bot,
    /// A command that leaves orders. The superuser may work with every user's database.
    Command,
    /// A command that only reads: whoever owns the file, what they wrote is only shown.
    Reader,
}

/// How long another program may hold the file before that is an error.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What SQLite keeps beside a database. Whoever can write one of them can write the database.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// How many links may follow each other.
const LINKS: usize = 40;

/// Where the file really is. A database is one, whichever way leads to it: the claim on it and its companions stand
/// beside the file and not beside a link.
pub(super) fn real_path(path: &Path) -> Result<PathBuf, StoreError> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let target = match fs::read_link(&path) {
            Ok(target) => target,
            Err(_) => return Ok(in_real_folder(&path)),
        };
        // Relative to the folder that the link is in. An absolute one takes its place.
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    Err(StoreError::Open("links lead in a circle".to_owned()))
}

fn in_real_folder(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (folder.canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        // What is wrong with the folder is said by whoever opens the file.
        _ => path.to_owned(),
    }
}

/// Refuses what is no database of this user's. `path` is the real one.
pub(super) fn check(path: &Path, asker: Asker) -> Result<(), StoreError> {
    let Some(about) = about(path)? else { return check_companions(path, asker) };
    #[cfg(unix)]
    if asker != Asker::Reader && about.is_file() {
        // What can't be written at all is said first: then it does not matter who else could.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        for place in [path, folder] {
            rustix::fs::access(place, rustix::fs::Access::WRITE_OK)
                .map_err(|error| not_opened(&error.into()))?;
        }
    }
    check_file(path, &about, asker)?;
    check_companions(path, asker)?;
    if about.len() > 0 && is_another_programs(path)? {
        return Err(StoreError::Foreign);
    }
    Ok(())
}

/// What it means that a file can't be made or opened for writing.
pub(super) fn not_opened(error: &std::io::Error) -> StoreError {
    use std::io::ErrorKind as Kind;
    match error.kind() {
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => StoreError::ReadOnly,
        Kind::StorageFull | Kind::QuotaExceeded => StoreError::Full,
        _ => StoreError::Open(error.to_string()),
    }
}

/// A file's companion: its own name with an ending more.
pub(super) fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn check_companions(path: &Path, asker: Asker) -> Result<(), StoreError> {
    for companion in COMPANIONS {
        if let Some(about) = about(&beside(path, companion))? {
            check_file(&beside(path, companion), &about, asker)?;
        }
    }
    Ok(())
}

/// What is at a path, links not followed; none if nothing is.
fn about(path: &Path) -> Result<Option<Metadata>, StoreError> {
    match fs::symlink_metadata(path) {
        Ok(about) => Ok(Some(about)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(not_opened(&error)),
    }
}

/// Refuses what is no regular file of this user's that nobody else can write.
pub(super) fn check_file(path: &Path, about: &Metadata, asker: Asker) -> Result<(), StoreError> {
    let file = files::shown(path);
    if !about.is_file() {
        let what = match files::special(about) {
            Some(what) => what,
            None if about.is_dir() => "a folder",
            None => "a link",
        };
        return Err(StoreError::NotAFile { file, what });
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let user = rustix::process::geteuid();
        let trusted = match asker {
            Asker::Bot => about.uid() == user.as_raw(),
            Asker::Command => about.uid() == user.as_raw() || user.is_root(),
            Asker::Reader => true,
        };
        if !trusted {
            return Err(StoreError::NotOwned { file, owner: about.uid() });
        }
        if about.mode() & 0o022 != 0 {
            return Err(StoreError::Exposed { file, mode: about.mode() & 0o7777 });
        }
        if asker == Asker::Bot && about.mode() & 0o044 != 0 {
            tracing::warn!(
                file,
                "other users of this machine can read a file of the database, which holds e-mail addresses: run \
                 `chmod 600` on it"
            );
        }
        // Two names give two write-ahead logs for one file, which damages it.
        if asker == Asker::Bot && about.nlink() > 1 {
            return Err(StoreError::SecondName { file });
        }
    }
    #[cfg(not(unix))]
    let _ = asker;
    Ok(())
}

/// Whether the file holds something, and nothing of ours.
fn is_another_programs(path: &Path) -> Result<bool, StoreError> {
    // Read as it is, without locks, without its log: opened in the usual way, files would be made beside it.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let looked = Connection::open_with_flags(as_immutable(path), flags).and_then(|db| contents(&db));
    match looked {
        Ok(Contents::Ours) => Ok(false),
        Ok(Contents::Foreign) => Ok(true),
        // What there is stands in the log, as when a bot was killed just after it had made its database.
        Ok(Contents::Empty) if holds_something(&beside(path, "-wal")) => {
            let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            db.busy_timeout(PATIENCE)?;
            Ok(contents(&db)? == Contents::Foreign)
        }
        Ok(Contents::Empty) => Ok(false),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => Err(StoreError::Corrupt),
        // Another process may be writing to it at this moment: whoever opens it with locks says what is wrong.
        Err(_) => Ok(false),
    }
}

fn holds_something(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|about| about.len() > 0)
}

/// The name of a file under which SQLite reads it without touching anything.
fn as_immutable(path: &Path) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');
    #[cfg(unix)]
    let bytes = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec();
    #[cfg(not(unix))]
    let bytes = {
        let text = path.to_string_lossy().replace('\\', "/");
        let text = text.strip_prefix("//?/").unwrap_or(&text);
        if text.starts_with('/') { text.to_owned() } else { format!("/{text}") }.into_bytes()
    };
    format!("file:{}?immutable=1", percent_encode(&bytes, KEPT))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contents {
    Empty,
    Ours,
    Foreign,
}

fn contents(db: &Connection) -> rusqlite::Result<Contents> {
    let (things, ours): (i64, i64) = db.query_row(
        "SELECT count(*), coalesce(sum(type = 'table' AND name IN ('facts', 'guilds')), 0) FROM sqlite_schema",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let number = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let version = number("user_version")?;
    Ok(match (things, ours) {
        (0, _) if version == 0 && number("application_id")? == 0 => Contents::Empty,
        (_, 2) if version > 0 => Contents::Ours,
        _ => Contents::Foreign,
    })
}
