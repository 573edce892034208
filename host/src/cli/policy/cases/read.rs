//! A file in its two forms.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use rolarr_policy::recording;

use super::{super::node::Mistake, model::CaseFile, recorded, written};
use crate::{
    files::{self, FileError},
    policy::printable,
};

/// A file has no cases that could be tested.
#[derive(Debug)]
pub(in crate::cli::policy) enum ReadError {
    /// It can't be read.
    File { path: PathBuf, error: FileError },
    /// It is JSON, and something is wrong with it.
    Recorded(recording::ReadError),
    /// It is TOML, and something is wrong with it.
    Written { path: PathBuf, mistake: Mistake },
    /// There is nothing in it.
    Empty { path: PathBuf },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::File { path, error } => format!("{}: can't be read: {error}", files::shown(path)),
            Self::Recorded(error) => error.to_string(),
            Self::Written { path, mistake } => mistake.in_file(path),
            Self::Empty { path } => {
                format!(
                    "{}: there is no case in it: write one as `[[case]]` or `[[story]]`",
                    files::shown(path)
                )
            }
        };
        f.write_str(&printable(&text))
    }
}

/// How large a file with cases may be, in bytes: 256 MiB. An export of a year has some.
pub(in crate::cli::policy) const LONGEST: u64 = 256 << 20;

/// Whether a file holds cases in TOML. All others hold recordings in JSON.
pub(in crate::cli::policy) fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "toml")
}

/// Reads the cases of a file.
pub(in crate::cli::policy) fn read(path: &Path) -> Result<CaseFile, ReadError> {
    match files::read_text(path, LONGEST) {
        Ok(text) => parse(text, path),
        Err(error) => Err(ReadError::File { path: path.to_owned(), error }),
    }
}

/// Reads the cases of a text.
pub(in crate::cli::policy) fn parse(text: String, path: &Path) -> Result<CaseFile, ReadError> {
    let tests = if is_toml(path) {
        written::parse(&text).map_err(|mistake| ReadError::Written { path: path.to_owned(), mistake })?
    } else {
        recorded::parse(&text, path).map_err(ReadError::Recorded)?
    };
    if tests.is_empty() {
        return Err(ReadError::Empty { path: path.to_owned() });
    }
    Ok(CaseFile { path: path.to_owned(), text, tests })
}

impl CaseFile {
    /// Whether its cases were written by hand, in TOML. If not, they are recordings in JSON.
    pub(in crate::cli::policy) fn is_written(&self) -> bool {
        is_toml(&self.path)
    }
}
