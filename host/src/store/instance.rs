//! One bot for one database.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
};

use super::{
    StoreError,
    guard::{self, Asker},
};

/// The claim of the bot that works with a database. Another one that starts beside it is refused. It ends with this
/// value, and with the process, however that ends. Other commands need no claim: they read, or leave orders.
#[derive(Debug)]
pub struct Instance {
    _lock: File,
}

impl Instance {
    /// Claims a database for the bot that starts. The claim is a lock on a file beside it: on the database itself
    /// it would get into the way of SQLite's own locks.
    ///
    /// # Errors
    /// [`StoreError::Running`] if a bot has it, and [`StoreError`] if the file beside it can't be made.
    pub fn claim(database: &Path) -> Result<Self, StoreError> {
        let database = guard::real_path(database)?;
        // A file that is refused anyway gets no lock beside it.
        guard::check(&database, Asker::Bot)?;
        let path = guard::beside(&database, ".lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        {
            use rustix::fs::OFlags;
            use std::os::unix::fs::OpenOptionsExt;
            // A link could lead to another file's lock, and a pipe would keep the start for ever.
            let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
            options.mode(0o600).custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
        }
        if let Ok(about) = std::fs::symlink_metadata(&path) {
            guard::check_file(&path, &about, Asker::Bot)?;
        }
        let lock = options.open(&path).map_err(|error| guard::not_opened(&error))?;
        let about = lock.metadata().map_err(|error| guard::not_opened(&error))?;
        guard::check_file(&path, &about, Asker::Bot)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Running),
            Err(TryLockError::Error(error)) => Err(StoreError::Open(format!("it can't be locked: {error}"))),
        }
    }
}
