//! Snapshots on disk.
//!
//! An entry is one file: a line that names the format, the SHA-256 of what follows, the policy's metadata
//! as one line of JSON, and the component. What does not match its sum, or can't be read, is not there:
//! the snapshot is made anew. An entry is a component like any other, so it is checked and sandboxed like
//! any other.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rolarr_policy::contract::{Metadata, Source};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::module::CONTRACT;

/// How many snapshots are kept: those that were used last. A small one has 0.2 MB, that of a script 2 MB.
const MOST: usize = 32;

/// The first line of an entry. The number grows when the form of an entry changes.
const HEADER: &str = "rolarr policy snapshot 1";

/// What identifies a policy with its settings: module, settings and sources.
pub(super) fn digest(module: &[u8], settings: &str, sources: &[Source]) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        // With its length, so that no two lists of parts are the same bytes.
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(module);
    part(settings.as_bytes());
    for source in sources {
        part(source.name.as_bytes());
        part(source.text.as_bytes());
    }
    hex(&hash.finalize())
}

/// Settings as text, the same for the same settings: names sorted, nothing between.
pub(super) fn canonical(settings: &Value) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let mut names: Vec<_> = fields.iter().collect();
                names.sort_by(|a, b| a.0.cmp(b.0));
                Value::Object(names.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect())
            }
            Value::Array(values) => Value::Array(values.iter().map(sorted).collect()),
            other => other.clone(),
        }
    }
    sorted(settings).to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The file of a snapshot: named by all that it depends on.
fn file(folder: &Path, digest: &str) -> PathBuf {
    let key = format!("{HEADER} {digest} contract {CONTRACT} rolarr {}", env!("CARGO_PKG_VERSION"));
    folder.join(hex(&Sha256::digest(key)))
}

/// A snapshot that was kept, if it is there and whole.
pub(super) fn load(folder: &Path, digest: &str) -> Option<(Metadata, Vec<u8>)> {
    let bytes = std::fs::read(file(folder, digest)).ok()?;
    let rest = bytes.strip_prefix(HEADER.as_bytes())?.strip_prefix(b"\n")?;
    let (sum, rest) = line(rest)?;
    if sum != hex(&Sha256::digest(rest)).as_bytes() {
        return None;
    }
    let (metadata, component) = line(rest)?;
    // Used now, so that it is kept. If the time can't be set it is only forgotten sooner.
    let _ = std::fs::File::options()
        .append(true)
        .open(file(folder, digest))
        .and_then(|entry| entry.set_modified(SystemTime::now()));
    Some((serde_json::from_slice(metadata).ok()?, component.to_vec()))
}

/// Keeps a snapshot. The file appears whole or not at all.
pub(super) fn store(
    folder: &Path,
    digest: &str,
    metadata: &Metadata,
    component: &[u8],
) -> std::io::Result<()> {
    let mut content = serde_json::to_vec(metadata)?;
    content.push(b'\n');
    content.extend_from_slice(component);
    let mut entry = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(entry, "{HEADER}\n{}", hex(&Sha256::digest(&content)))?;
    entry.write_all(&content)?;
    entry.persist(file(folder, digest)).map_err(|error| error.error)?;
    forget_the_oldest(folder)
}

/// Every edit of a script is a snapshot of its own.
fn forget_the_oldest(folder: &Path) -> std::io::Result<()> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // Another process may clear away here, too.
        if let Ok(used) = entry.metadata().and_then(|about| about.modified()) {
            entries.push((used, entry.path()));
        }
    }
    entries.sort();
    let surplus = entries.len().saturating_sub(MOST);
    for (_, path) in entries.into_iter().take(surplus) {
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_entry_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let metadata = Metadata { name: "x".into(), ..Metadata::default() };
        store(folder.path(), "digest", &metadata, b"component").unwrap();
        assert_eq!(load(folder.path(), "digest"), Some((metadata, b"component".to_vec())));
        assert_eq!(load(folder.path(), "other"), None);

        let file = file(folder.path(), "digest");
        let whole = std::fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&file, &damaged).unwrap();
            assert_eq!(load(folder.path(), "digest"), None, "byte {at}");
            std::fs::write(&file, &whole[..at]).unwrap();
            assert_eq!(load(folder.path(), "digest"), None, "cut at {at}");
        }
    }

    #[test]
    fn only_the_snapshots_that_were_used_last_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let metadata = Metadata::default();
        let old = SystemTime::now() - std::time::Duration::from_secs(3_600);
        for number in 0..=MOST {
            let digest = format!("digest {number}");
            store(folder.path(), &digest, &metadata, b"component").unwrap();
            let entry = std::fs::File::options().append(true).open(file(folder.path(), &digest)).unwrap();
            entry.set_modified(old).unwrap();
            // The first is used again and again.
            assert!(load(folder.path(), "digest 0").is_some());
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), MOST);
        assert!(load(folder.path(), "digest 0").is_some());
        assert!(load(folder.path(), &format!("digest {MOST}")).is_some());
    }

    #[test]
    fn the_digest_knows_module_settings_and_sources_apart() {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        let digests = [
            digest(b"m", "{}", &[]),
            digest(b"m{", "}", &[]),
            digest(b"m", "{}", &[source("a", "b")]),
            digest(b"m", "{}", &[source("ab", "")]),
        ];
        for (i, one) in digests.iter().enumerate() {
            assert_eq!(one.len(), 64);
            assert!(digests.iter().skip(i + 1).all(|other| one != other));
        }
    }

    #[test]
    fn the_order_of_settings_does_not_matter() {
        let a: Value = serde_json::from_str(r#"{"b": [{"y": 1, "x": 2}], "a": null}"#).unwrap();
        assert_eq!(canonical(&a), r#"{"a":null,"b":[{"x":2,"y":1}]}"#);
    }
}
