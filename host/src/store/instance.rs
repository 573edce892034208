//! One bot for one database.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
};

use super::{StoreError, connection};

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
        let path = connection::beside(database, ".lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options.open(&path).map_err(|error| connection::not_opened(&error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Running),
            Err(TryLockError::Error(error)) => Err(StoreError::Open(format!("it can't be locked: {error}"))),
        }
    }
}
