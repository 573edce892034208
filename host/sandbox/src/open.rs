//! Where a policy comes from: a file, a script, or the binary itself.

use std::path::{Path, PathBuf};

use rolarr_policy::contract::Source;

use super::limits::Limits;
use super::module::Module;
use super::{builtin, script};
use rolarr_edge::files::{self, FileError, shown};

/// How large a script may be, in bytes. A long one has 10 KiB.
const MOST_OF_A_SCRIPT: u64 = 256 << 10;

/// A module could not be read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file can't be read.
    #[error("policy `{}` can't be read: {error}", shown(path))]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: FileError,
    },
    /// A file that is larger than allowed.
    #[error(
        "policy `{}` can't be used: the file has more than {limit} bytes, the limit is `module_bytes`",
        shown(path)
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// A script that can't be read, or that is no text.
    #[error("the script `{}` can't be read: {error}", shown(path))]
    Script {
        /// The file.
        path: PathBuf,
        /// Why.
        error: FileError,
    },
    /// There is no built-in policy of this name.
    #[error("there is no built-in policy `{name}`; there is {known}")]
    Builtin {
        /// The name that was asked for.
        name: String,
        /// The names that there are.
        known: String,
    },
}

impl Module {
    /// Reads a module: a file, or `builtin:NAME` for one that is part of the binary. A file that ends in `.rhai`
    /// is a script; the module is then the one that runs scripts. The default limits say how large a file may be.
    ///
    /// # Errors
    ///
    /// The file can't be read or is no regular file, it is too large, a script is no text, or there is no such
    /// built-in policy.
    pub fn open(name: &str) -> Result<Self, OpenError> {
        Self::open_within(name, &Limits::default())
    }

    /// Reads a module like [`open`](Self::open), with limits of one's own.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn open_within(name: &str, limits: &Limits) -> Result<Self, OpenError> {
        if let Some(builtin) = name.strip_prefix(builtin::PREFIX) {
            return match builtin::find(builtin) {
                Some(found) => Ok(found.module(name)),
                None => Err(OpenError::Builtin { name: builtin.to_owned(), known: builtin::names() }),
            };
        }
        if script::is_script(name) {
            return script_file(name);
        }
        let most = limits.module_bytes as u64;
        match files::read(Path::new(name), most) {
            Ok(bytes) => Ok(Self::from_bytes(name, bytes)),
            Err(FileError::TooLarge { limit }) => Err(OpenError::TooLarge { path: name.into(), limit }),
            Err(error) => Err(OpenError::File { path: name.into(), error }),
        }
    }
}

/// Reads a script.
fn script_file(name: &str) -> Result<Module, OpenError> {
    let path = Path::new(name);
    let text = files::read_text(path, MOST_OF_A_SCRIPT)
        .map_err(|error| OpenError::Script { path: path.to_owned(), error })?;
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Ok(script::module(name, Source { name: file, text }))
}
