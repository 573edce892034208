//! From a path to the files with cases, and to the policy that they are for.

use std::path::{Path, PathBuf};

use crate::{
    cli::policy::manifest::{Manifest, ManifestError},
    files,
    policy::printable,
};

/// The files with cases of a policy.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::cli::policy) struct Found {
    /// The manifest of the policy's folder; none: a policy that is named otherwise.
    pub(in crate::cli::policy) manifest: Option<Manifest>,
    /// The files, sorted.
    pub(in crate::cli::policy) files: Vec<PathBuf>,
}

/// All files with cases that a path stands for, by the policy that they are for.
///
/// # Errors
///
/// One line that says what can't be read, or that there is no case.
pub(in crate::cli::policy) fn find(path: &Path) -> Result<Vec<Found>, String> {
    let nearest = |folder: &Path| nearest(folder).map_err(|error| error.to_string());
    if !path.is_dir() {
        let parent = path.parent().unwrap_or(Path::new(""));
        return Ok(vec![Found { manifest: nearest(parent)?, files: vec![path.to_owned()] }]);
    }
    let above = nearest(path)?;
    let own = above.as_ref().is_some_and(|manifest| manifest.is_of(path));
    let mut all = Vec::new();
    let mut loose = Vec::new();
    match &above {
        Some(manifest) if own => collect(&manifest.events, &mut loose, &mut all, true)?,
        _ => collect(path, &mut loose, &mut all, false)?,
    }
    if !loose.is_empty() {
        loose.sort();
        all.insert(0, Found { manifest: above.clone(), files: loose });
    }
    for file in all.iter_mut().flat_map(|found| &mut found.files) {
        // The folder where one is already needs no name.
        if let Ok(plain) = file.strip_prefix(".") {
            *file = plain.to_owned();
        }
    }
    if all.is_empty() {
        let place = match &above {
            Some(manifest) if own => &manifest.events,
            _ => path,
        };
        return Err(format!(
            "{}: there is no case in this folder: cases are `.toml`, `.json` or `.jsonl` files",
            files::shown(place)
        ));
    }
    Ok(all)
}

/// Collects the files below a folder; those of policies' folders within it by their policies.
fn collect(
    folder: &Path,
    loose: &mut Vec<PathBuf>,
    policies: &mut Vec<Found>,
    is_events: bool,
) -> Result<(), String> {
    if folder.is_file() {
        loose.push(folder.to_owned());
        return Ok(());
    }
    if is_events && !folder.exists() {
        return Err(format!(
            "{}: there is no such folder; cases of a policy stand there",
            files::shown(folder)
        ));
    }
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let unreadable = |error: std::io::Error| {
            printable(&format!("{}: the folder can't be read: {error}", files::shown(&folder)))
        };
        let mut entries = std::fs::read_dir(&folder)
            .and_then(|entries| entries.collect::<Result<Vec<_>, _>>())
            .map_err(unreadable)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let (path, name) = (entry.path(), entry.file_name());
            // A link to a folder is not followed: it may lead back here.
            if entry.file_type().map_err(unreadable)?.is_dir() {
                if name.to_string_lossy().starts_with('.') || name == "target" || name == "node_modules" {
                    continue;
                }
                match Manifest::of(&path).map_err(|error| error.to_string())? {
                    Some(manifest) => {
                        let mut files = Vec::new();
                        collect(&manifest.events, &mut files, policies, true)?;
                        files.sort();
                        policies.push(Found { manifest: Some(manifest), files });
                    }
                    None => folders.push(path),
                }
            } else if path.extension().is_some_and(|end| end == "json" || end == "jsonl" || end == "toml") {
                loose.push(path);
            }
        }
    }
    Ok(())
}

/// The manifest of the nearest policy's folder: this one, or one above it.
fn nearest(folder: &Path) -> Result<Option<Manifest>, ManifestError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if let Some(found) = Manifest::of(folder)? {
        return Ok(Some(found));
    }
    // What can't be resolved has nothing above it; that it can't be read is said where it is read.
    let Ok(resolved) = folder.canonicalize() else { return Ok(None) };
    for above in resolved.ancestors().skip(1) {
        if let Some(found) = Manifest::of(above)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}
