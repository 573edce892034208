//! Whether a policy or a case was changed.

use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};

use crate::cli::policy::cases;

/// How often is looked. Looking costs little, works on every file system, and needs no help of the system.
const PAUSE: Duration = Duration::from_millis(100);

/// How the files were at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp(Vec<(PathBuf, Option<(SystemTime, u64)>)>);

impl Stamp {
    /// Looks at the files of a run, and at those that its paths stand for now.
    pub(super) fn of(watched: &[PathBuf], paths: &[PathBuf]) -> Self {
        let now = paths.iter().filter_map(|path| cases::find(path).ok()).flatten();
        let mut files: Vec<PathBuf> = watched.to_vec();
        files.extend(now.flat_map(|found| found.files));
        files.sort();
        files.dedup();
        Self(files.into_iter().map(|file| (mark(&file), file)).map(|(mark, file)| (file, mark)).collect())
    }
}

fn mark(file: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Waits until the files are no longer as they were.
pub(super) fn wait(watched: &[PathBuf], paths: &[PathBuf], before: &Stamp) {
    while Stamp::of(watched, paths) == *before {
        thread::sleep(PAUSE);
    }
}
