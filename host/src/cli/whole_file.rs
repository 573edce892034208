//! Files that are whole or not there at all.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::anyhow;
use tempfile::NamedTempFile;

use crate::files;

/// A file that only its owner may read, and that takes its place when it is finished. Until then one that is there
/// stays as it is.
pub(super) struct WholeFile {
    file: PathBuf,
    partial: BufWriter<NamedTempFile>,
}

impl WholeFile {
    /// Begins a file, beside its place: what can't be written there is known before there is anything to write.
    ///
    /// # Errors
    ///
    /// Nothing can be written there.
    pub(super) fn begin(file: &Path) -> anyhow::Result<Self> {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if file.is_dir() {
            return Err(unwritable(file, &io::ErrorKind::IsADirectory.into()));
        }
        let partial = NamedTempFile::new_in(folder).map_err(|error| unwritable(file, &error))?;
        Ok(Self { file: file.to_owned(), partial: BufWriter::new(partial) })
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    ///
    /// It can't be written.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let Self { file, partial } = self;
        let partial = partial.into_inner().map_err(|error| unwritable(&file, error.error()))?;
        partial.persist(&file).map_err(|error| unwritable(&file, &error.error))?;
        Ok(())
    }

    /// Writes all of it, and finishes it.
    ///
    /// # Errors
    ///
    /// It can't be written.
    pub(super) fn write_whole(mut self, text: &str) -> anyhow::Result<()> {
        self.partial.write_all(text.as_bytes()).map_err(|error| unwritable(&self.file, &error))?;
        self.finish()
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.partial.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.partial.flush()
    }
}

fn unwritable(file: &Path, error: &io::Error) -> anyhow::Error {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "there is no such folder".to_owned(),
        // Not the error itself: it names a file that nobody knows.
        kind => kind.to_string(),
    };
    anyhow!("`{}` can't be written: {why}", files::shown(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_when_it_is_finished_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("page.html");
        std::fs::write(&file, "earlier").unwrap();
        let mut given_up = WholeFile::begin(&file).unwrap();
        given_up.write_all(b"half").unwrap();
        drop(given_up);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "earlier");
        WholeFile::begin(&file).unwrap().write_whole("whole").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "whole");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn where_nothing_can_be_written_is_known_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for place in [folder.path().to_owned(), folder.path().join("missing/page.html")] {
            let error = WholeFile::begin(&place).err().unwrap().to_string();
            assert!(error.contains("can't be written: "), "{error}");
        }
    }
}
