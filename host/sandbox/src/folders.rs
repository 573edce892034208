//! Where machine code is handed over: a folder that only this user can enter.
//!
//! The cache, if there is one that can be written to; else a fresh folder beside the database; else one among the
//! temporary files.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::code::check_private;
use rolarr_edge::files::shown;

/// What the folder for one policy begins with.
const LOADING: &str = "loading-";

/// What a fresh folder begins with, which is gone once the policy is loaded.
const FRESH: &str = ".rolarr-loading-";

/// One that was left behind by a process that was killed is this old.
const LEFT: Duration = Duration::from_secs(24 * 60 * 60);

/// The folders that an engine may use.
#[derive(Debug, Default)]
pub(super) struct Folders {
    /// What is kept. It was checked.
    pub(super) cache: Option<PathBuf>,
    /// Why there is none, though there should be.
    pub(super) no_cache: Option<String>,
    /// Where a fresh folder may be made.
    pub(super) fallback: Option<PathBuf>,
}

/// A folder for one policy.
pub(super) struct Place {
    /// The folder that it is in, and what is kept for others beside it.
    pub(super) root: PathBuf,
    /// The folder itself, which is removed at the end unless it was moved away.
    pub(super) work: TempDir,
    /// Whether the folder that it is in is the cache.
    pub(super) is_kept: bool,
    _fresh: Option<TempDir>,
}

impl Place {
    /// The name of the folder itself.
    pub(super) fn name(&self) -> &str {
        self.work.path().file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }
}

impl Folders {
    /// All that may be tried, in this order.
    pub(super) fn kinds(&self) -> Vec<Kind<'_>> {
        let cache = self.cache.as_deref().map(Kind::Cache);
        let beside = self.fallback.as_deref().map(Kind::Fresh);
        cache.into_iter().chain(beside).chain([Kind::Temporary]).collect()
    }
}

/// A folder that may be tried.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind<'a> {
    Cache(&'a Path),
    Fresh(&'a Path),
    Temporary,
}

impl Kind<'_> {
    /// Makes the folder for one policy.
    ///
    /// # Errors
    ///
    /// Why that can't be done, for people.
    pub(super) fn begin(self) -> Result<Place, String> {
        let fresh = match self {
            Self::Cache(_) => None,
            Self::Fresh(within) => Some(make(FRESH, within)?),
            Self::Temporary => Some(make(FRESH, &std::env::temp_dir())?),
        };
        let root = match (self, &fresh) {
            (Self::Cache(cache), _) => cache,
            (_, Some(fresh)) => fresh.path(),
            (_, None) => return Err("there is no folder".to_owned()),
        };
        let root = check_private(root)?;
        let work = make(LOADING, &root)?;
        Ok(Place { work, is_kept: fresh.is_none(), root, _fresh: fresh })
    }
}

fn make(prefix: &str, within: &Path) -> Result<TempDir, String> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir_in(within).map_err(|error| format!("`{}`: {error}", shown(within)))
}

/// Creates a folder for this user only, or closes one of this user's to others.
pub(super) fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let about = std::fs::metadata(folder)?;
        let mode = about.mode();
        // What others could write to they may have written to.
        if about.uid() == rustix::process::geteuid().as_raw() && mode & 0o077 != 0 && mode & 0o022 == 0 {
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(())
}

/// Removes what processes left behind that were killed while they loaded.
pub(super) fn clear(cache: &Path) {
    let Ok(entries) = std::fs::read_dir(cache) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(LOADING));
        let age = entry
            .metadata()
            .and_then(|about| about.modified())
            .map(|at| SystemTime::now().duration_since(at));
        if is_ours && age.is_ok_and(|age| age.is_ok_and(|age| age > LEFT)) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
