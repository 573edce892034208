//! The files with recorded events below a path.

use std::path::{Path, PathBuf};

/// All files with recordings below a path, sorted: those that end in `.json` or `.jsonl`.
///
/// # Errors
///
/// One line that says what can't be read, or that there is none.
pub(super) fn recordings_in(path: &Path) -> Result<Vec<PathBuf>, String> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let unreadable =
            |error: std::io::Error| format!("{}: the folder can't be read: {error}", folder.display());
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let path = entry.path();
            // A link to a folder is not followed: it may lead back here.
            if entry.file_type().map_err(unreadable)?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "json" || end == "jsonl") {
                files.push(path);
            }
        }
    }
    if files.is_empty() {
        return Err(format!("{}: there is no recording in this folder", path.display()));
    }
    files.sort();
    Ok(files)
}
