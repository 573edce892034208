//! Policies that were compiled, on disk.
//!
//! An entry is a folder with two files: the machine code, and what there is to know about it: a line that names the
//! format, the SHA-256 of what follows, and that as JSON, with the sum of the machine code in it. What does not match
//! its sum, or can't be read, or could have been written by another user, is not there, and the policy is loaded as if
//! for the first time.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rolarr_policy::contract::Source;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::inspect::CONTRACT;
use super::loader::{CODE, Ready};
use super::module::Description;
use super::start::Start;
use super::{code, hex};

/// How many entries are kept: those that were used last.
const MOST: usize = 32;

/// How much machine code is kept, in bytes. That of a policy in Python has 35 MB, that of a script 7 MB.
const MOST_CODE: u64 = 256 << 20;

/// The first line of what there is to know. The number grows when the form of an entry changes.
const HEADER: &str = "rolarr compiled policy 1";

/// The file with what there is to know about the machine code.
const ABOUT: &str = "about";

/// The longest such file, in bytes.
const LONGEST_ABOUT: u64 = 4 << 20;

/// The folder of the entries.
const ENTRIES: &str = "compiled";

/// The folder of what is the same for many policies.
const PARTS: &str = "parts";

/// What there is to know about machine code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) ready: Ready,
    pub(super) description: Description,
}

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

/// The name of an entry: all that it depends on. `engine` is what the machine code is compiled for.
pub(super) fn key(digest: &str, start: Start, engine: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let key = format!("{HEADER} {digest} {start:?} contract {CONTRACT} rolarr {version} engine {engine}");
    hex(&Sha256::digest(key))
}

/// An entry, if it is there, whole, and nobody else's.
pub(super) fn load(cache: &Path, key: &str, engine: &wasmtime::Engine) -> Option<(About, Component)> {
    let entry = cache.join(ENTRIES).join(key);
    let about: About = read(&entry)?;
    let component = open(&entry, engine, &about.ready.sum)?;
    Some((about, component))
}

/// Machine code that is the same for many policies, because what runs scripts is. It is for the process that loads
/// them. `compiled` says for which component, for which engine and how it was compiled.
pub(super) fn load_part(cache: &Path, compiled: &str, engine: &wasmtime::Engine) -> Option<Component> {
    let entry = cache.join(PARTS).join(hex(&Sha256::digest(compiled)));
    let sum: String = read(&entry)?;
    open(&entry, engine, &sum)
}

/// Keeps such machine code. `made` is a folder of this user's, in the cache, that is used up.
pub(super) fn keep_part(cache: &Path, compiled: &str, made: &Path, code: &[u8]) -> io::Result<()> {
    fs::write(made.join(CODE), code)?;
    put(cache, PARTS, &hex(&Sha256::digest(compiled)), made, &hex(&Sha256::digest(code)))
}

fn open(entry: &Path, engine: &wasmtime::Engine, sum: &str) -> Option<Component> {
    let component = match code::open(engine, entry, CODE, sum) {
        Ok(component) => component,
        Err(what) => {
            tracing::warn!(what, "a compiled policy in the cache can't be used; it is compiled again");
            return None;
        }
    };
    // Used now, so that it is kept. If the time can't be set it is only forgotten sooner.
    let _ = fs::File::options()
        .append(true)
        .open(entry.join(ABOUT))
        .and_then(|file| file.set_modified(SystemTime::now()));
    Some(component)
}

fn read<T: DeserializeOwned>(entry: &Path) -> Option<T> {
    let mut bytes = Vec::new();
    code::open_own(&entry.join(ABOUT)).ok()?.take(LONGEST_ABOUT).read_to_end(&mut bytes).ok()?;
    let rest = bytes.strip_prefix(HEADER.as_bytes())?.strip_prefix(b"\n")?;
    let (sum, rest) = rest.split_at_checked(64)?;
    let rest = rest.strip_prefix(b"\n")?;
    if sum != hex(&Sha256::digest(rest)).as_bytes() {
        return None;
    }
    serde_json::from_slice(rest).ok()
}

/// Makes an entry of the folder that holds the machine code. It appears whole or not at all.
pub(super) fn keep(cache: &Path, key: &str, made: &Path, about: &About) -> io::Result<()> {
    put(cache, ENTRIES, key, made, about)
}

fn put(cache: &Path, entries: &str, key: &str, made: &Path, about: &impl Serialize) -> io::Result<()> {
    let content = serde_json::to_vec(about)?;
    let mut file = fs::File::create_new(made.join(ABOUT))?;
    writeln!(file, "{HEADER}\n{}", hex(&Sha256::digest(&content)))?;
    file.write_all(&content)?;
    drop(file);
    let entries = cache.join(entries);
    super::folders::create_private(&entries)?;
    let entry = entries.join(key);
    if fs::rename(made, &entry).is_err() {
        // One that can't be used is in its place.
        let _ = fs::remove_dir_all(&entry);
        fs::rename(made, &entry)?;
    }
    forget_the_oldest(&entries)
}

/// Every edit of a script is an entry of its own.
fn forget_the_oldest(entries: &Path) -> io::Result<()> {
    let mut known: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(entries)? {
        let path = entry?.path();
        // Another process may clear away here, too.
        let used = fs::metadata(path.join(ABOUT)).and_then(|about| about.modified());
        let size = fs::metadata(path.join(CODE)).map_or(0, |about| about.len());
        known.push((used.unwrap_or(SystemTime::UNIX_EPOCH), size, path));
    }
    known.sort();
    let mut kept = 0;
    let mut code = 0;
    for (_, size, path) in known.into_iter().rev() {
        kept += 1;
        code += size;
        // The last one is kept whatever its size is.
        if kept > MOST || (kept > 1 && code > MOST_CODE) {
            let _ = fs::remove_dir_all(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rolarr_policy::contract::Metadata;

    use super::*;
    use crate::module::Kind;

    fn about() -> About {
        let metadata = Metadata { name: "x".into(), ..Metadata::default() };
        let ready = Ready {
            start: Start::Snapshot,
            metadata,
            logs: Vec::new(),
            initial_memory: 1,
            sum: String::new(),
        };
        let description = Description {
            kind: Kind::Component,
            size: 1,
            contract: "1.0.0".into(),
            imports: Vec::new(),
            initial_memory: 1,
        };
        About { ready, description }
    }

    fn store(cache: &Path, key: &str) {
        let made = tempfile::tempdir_in(cache).unwrap();
        fs::write(made.path().join(CODE), "code").unwrap();
        keep(cache, key, made.path(), &about()).unwrap();
    }

    #[test]
    fn a_damaged_entry_is_not_there() {
        let cache = tempfile::tempdir().unwrap();
        store(cache.path(), "key");
        let entry = cache.path().join(ENTRIES).join("key");
        assert_eq!(read(&entry), Some(about()));
        assert_eq!(read::<About>(&cache.path().join("other")), None);

        let file = entry.join(ABOUT);
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&file, &damaged).unwrap();
            assert_eq!(read::<About>(&entry), None, "byte {at}");
            fs::write(&file, &whole[..at]).unwrap();
            assert_eq!(read::<About>(&entry), None, "cut at {at}");
        }
        // It is replaced.
        store(cache.path(), "key");
        assert_eq!(read(&entry), Some(about()));
    }

    #[test]
    fn only_the_entries_that_were_used_last_are_kept() {
        let cache = tempfile::tempdir().unwrap();
        let entries = cache.path().join(ENTRIES);
        let old = SystemTime::now() - std::time::Duration::from_secs(3_600);
        let touch = |key: &str, at| {
            let file = fs::File::options().append(true).open(entries.join(key).join(ABOUT)).unwrap();
            file.set_modified(at).unwrap();
        };
        for number in 0..=MOST {
            store(cache.path(), &number.to_string());
            touch(&number.to_string(), old);
            // The first is used again and again.
            touch("0", SystemTime::now());
        }
        assert_eq!(fs::read_dir(&entries).unwrap().count(), MOST);
        assert!(read::<About>(&entries.join("0")).is_some());
        assert!(read::<About>(&entries.join(MOST.to_string())).is_some());
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
