//! From a path to the files with cases, and to the policy that they are for.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{node, written};
use crate::policy::printable;

/// The file that makes a folder a policy's folder.
pub(in crate::cli::policy) const MANIFEST: &str = "rolarr-policy.toml";

/// A policy's folder: what testing needs of its manifest. Other keys belong to other commands.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::cli::policy) struct Folder {
    /// The manifest.
    pub(in crate::cli::policy) manifest: PathBuf,
    /// What is loaded: a script, or a component.
    pub(in crate::cli::policy) module: PathBuf,
    /// Where the cases are: a folder or a file.
    pub(in crate::cli::policy) events: PathBuf,
    /// The settings where neither case nor file gives any.
    pub(in crate::cli::policy) settings: Option<Map<String, Value>>,
}

impl Folder {
    /// The policy's folder that this is; none if it has no manifest.
    ///
    /// # Errors
    ///
    /// One line that says what is wrong with the manifest.
    pub(in crate::cli::policy) fn of(folder: &Path) -> Result<Option<Self>, String> {
        let manifest = folder.join(MANIFEST);
        let text = match std::fs::read_to_string(&manifest) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: can't be read: {error}", manifest.display())),
        };
        match Self::read(&text, folder, &manifest) {
            Ok(read) => Ok(Some(read)),
            Err(mistake) => Err(printable(&format!("{}:{mistake}", manifest.display()))),
        }
    }

    fn read(text: &str, folder: &Path, manifest: &Path) -> Result<Self, node::Mistake> {
        let source = node::Source::new(text);
        let parsed = toml::de::DeTable::parse(text).map_err(|error| node::Mistake {
            place: error.span().map(|span| source.place(span.start)),
            what: format!("this is not TOML: {}", error.message().trim().replace('\n', ", ")),
        })?;
        let root = node::Table::root(&source, parsed.get_ref());
        let Some(module) = root.get("module") else {
            return root.fail("the manifest needs a `module`, like `module = \"my-policy.rhai\"`");
        };
        let events = root.read("events", |node| node.text())?.unwrap_or("events");
        let within = |name: &str| match folder == Path::new(".") {
            true => PathBuf::from(name),
            false => folder.join(name),
        };
        let settings = root.read("settings", written::settings)?;
        Ok(Self {
            manifest: manifest.to_owned(),
            module: within(module.text()?),
            events: within(events),
            settings: settings.map(|settings| (*settings).clone()),
        })
    }

    /// The nearest policy's folder: this one, or one above it.
    fn nearest(folder: &Path) -> Result<Option<Self>, String> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        if let Some(found) = Self::of(folder)? {
            return Ok(Some(found));
        }
        // What can't be resolved has nothing above it; that it can't be read is said where it is read.
        let Ok(resolved) = folder.canonicalize() else { return Ok(None) };
        for above in resolved.ancestors().skip(1) {
            if let Some(found) = Self::of(above)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// The files with cases of a policy.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::cli::policy) struct Found {
    /// The policy's folder; none: a policy that is named otherwise.
    pub(in crate::cli::policy) folder: Option<Folder>,
    /// The files, sorted.
    pub(in crate::cli::policy) files: Vec<PathBuf>,
}

/// All files with cases that a path stands for, by the policy that they are for.
///
/// # Errors
///
/// One line that says what can't be read, or that there is no case.
pub(in crate::cli::policy) fn find(path: &Path) -> Result<Vec<Found>, String> {
    if !path.is_dir() {
        let parent = path.parent().unwrap_or(Path::new(""));
        return Ok(vec![Found { folder: Folder::nearest(parent)?, files: vec![path.to_owned()] }]);
    }
    let above = Folder::nearest(path)?;
    let own = above.as_ref().is_some_and(|folder| folder.manifest.parent() == Some(path));
    let mut all = Vec::new();
    let mut loose = Vec::new();
    match &above {
        Some(folder) if own => collect(&folder.events, &mut loose, &mut all, true)?,
        _ => collect(path, &mut loose, &mut all, false)?,
    }
    if !loose.is_empty() {
        loose.sort();
        all.insert(0, Found { folder: above.clone(), files: loose });
    }
    for file in all.iter_mut().flat_map(|found| &mut found.files) {
        // The folder where one is already needs no name.
        if let Ok(plain) = file.strip_prefix(".") {
            *file = plain.to_owned();
        }
    }
    if all.is_empty() {
        let place = match &above {
            Some(folder) if own => &folder.events,
            _ => path,
        };
        return Err(format!(
            "{}: there is no case in this folder: cases are `.toml`, `.json` or `.jsonl` files",
            printable(&place.display().to_string())
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
            printable(&folder.display().to_string())
        ));
    }
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let unreadable = |error: std::io::Error| {
            printable(&format!("{}: the folder can't be read: {error}", folder.display()))
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
                match Folder::of(&path)? {
                    Some(found) => {
                        let mut files = Vec::new();
                        collect(&found.events, &mut files, policies, true)?;
                        files.sort();
                        policies.push(Found { folder: Some(found), files });
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
