//! The machine code of single functions, kept while scripts are loaded.
//!
//! What a script leaves in the memory of its runner differs with every edit; the functions of the runner are always
//! the same. So the component that starts from that memory is new for the compiler, and nearly all of its functions
//! are not: with them at hand it is ready in a fraction of the time.
//!
//! On disk they are one file: a line that names the format, the SHA-256 of what follows, and the functions, each with
//! the key that the compiler gave it. What does not match its sum is not there, and everything is compiled anew. The
//! file is read when a script is loaded and written after that, if there was anything new.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

/// The first line of the file. The number grows when its form changes.
const HEADER: &[u8] = b"rolarr compiled functions 1\n";

/// The most that is kept, in bytes. The runner of scripts has 12 MB in each of the two forms that it is compiled in.
const MOST: usize = 64 << 20;

/// The functions. Outside of [`open`](Self::open) nothing is kept in memory, and every function is compiled.
#[derive(Debug, Default)]
pub(super) struct Functions {
    file: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many loads go on.
    open: usize,
    known: HashMap<Box<[u8]>, Function>,
    changed: bool,
}

#[derive(Debug)]
struct Function {
    code: Box<[u8]>,
    /// It was used since the file was read.
    used: bool,
}

impl Functions {
    /// Functions that are kept in a folder; none: only while a policy is loaded.
    pub(super) fn new(folder: Option<&Path>) -> Self {
        Self { file: folder.map(|folder| folder.join("all")), state: Mutex::default() }
    }

    /// Has the functions at hand until the guard is dropped.
    pub(super) fn open(self: &Arc<Self>) -> Open {
        let mut state = self.state();
        if state.open == 0
            && let Some(file) = &self.file
        {
            state.known = read(file).unwrap_or_default();
            state.changed = false;
        }
        state.open += 1;
        Open(Arc::clone(self))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A load that goes on.
pub(super) struct Open(Arc<Functions>);

impl Drop for Open {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.open -= 1;
        if state.open > 0 {
            return;
        }
        let done = std::mem::take(&mut *state);
        if let Some(file) = &self.0.file
            && done.changed
            && let Err(error) = write(file, &done.known)
        {
            // It only costs time at the next load.
            tracing::warn!(%error, "the compiled functions of policies can't be kept");
        }
    }
}

impl wasmtime::CacheStore for Functions {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        let mut state = self.state();
        let function = state.known.get_mut(key)?;
        function.used = true;
        Some(Cow::Owned(function.code.to_vec()))
    }

    fn insert(&self, key: &[u8], value: Vec<u8>) -> bool {
        let mut state = self.state();
        if state.open == 0 {
            return false;
        }
        state.known.insert(key.into(), Function { code: value.into(), used: true });
        state.changed = true;
        true
    }
}

/// All functions of a file, if it is there and whole.
fn read(file: &Path) -> Option<HashMap<Box<[u8]>, Function>> {
    let bytes = rolarr_edge::files::read(file, super::Module::MOST).ok()?;
    let (sum, mut rest) = bytes.strip_prefix(HEADER)?.split_at_checked(32)?;
    if sum != Sha256::digest(rest).as_slice() {
        return None;
    }
    let mut known = HashMap::new();
    while !rest.is_empty() {
        let key = part(&mut rest)?;
        let code = part(&mut rest)?;
        known.insert(key, Function { code, used: false });
    }
    Some(known)
}

fn part(rest: &mut &[u8]) -> Option<Box<[u8]>> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (part, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(part.into())
}

/// Writes the functions: those that were used, and of the others as many as there is room for. The file appears
/// whole or not at all.
fn write(file: &Path, known: &HashMap<Box<[u8]>, Function>) -> std::io::Result<()> {
    let mut content = Vec::new();
    let (used, others): (Vec<_>, Vec<_>) = known.iter().partition(|(_, function)| function.used);
    for (key, function) in used.into_iter().chain(others) {
        if content.len() + key.len() + function.code.len() > MOST {
            continue;
        }
        for part in [key, &function.code] {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            content.extend_from_slice(&length.to_le_bytes());
            content.extend_from_slice(part);
        }
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(HEADER)?;
    new.write_all(&Sha256::digest(&content))?;
    new.write_all(&content)?;
    new.persist(file).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use wasmtime::CacheStore;

    use super::*;

    fn functions(folder: &Path) -> Arc<Functions> {
        Arc::new(Functions::new(Some(folder)))
    }

    #[test]
    fn what_was_compiled_is_there_at_the_next_load() {
        let folder = tempfile::tempdir().unwrap();
        let first = functions(folder.path());
        assert!(!first.insert(b"key", vec![1]), "outside of a load nothing is kept");
        let open = first.open();
        assert!(first.insert(b"key", b"code".to_vec()));
        drop(open);
        assert_eq!(first.get(b"key"), None);

        let second = functions(folder.path());
        let _open = second.open();
        assert_eq!(second.get(b"key").as_deref(), Some(b"code".as_slice()));
        assert_eq!(second.get(b"other"), None);
    }

    #[test]
    fn without_a_folder_it_is_there_until_the_load_ends() {
        let functions = Arc::new(Functions::new(None));
        let open = functions.open();
        functions.insert(b"key", b"code".to_vec());
        let inner = functions.open();
        drop(inner);
        assert!(functions.get(b"key").is_some());
        drop(open);
        assert!(functions.get(b"key").is_none());
    }

    #[test]
    fn a_damaged_file_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let functions = functions(folder.path());
        let open = functions.open();
        functions.insert(b"key", b"code".to_vec());
        drop(open);

        let file = folder.path().join("all");
        let whole = std::fs::read(&file).unwrap();
        assert!(read(&file).is_some());
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&file, &damaged).unwrap();
            assert!(read(&file).is_none(), "byte {at}");
            std::fs::write(&file, &whole[..at]).unwrap();
            assert!(read(&file).is_none(), "cut at {at}");
        }
    }

    #[test]
    fn what_is_not_used_goes_first_when_there_is_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("functions");
        let half = || vec![0; MOST / 2 + 1].into_boxed_slice();
        let known: HashMap<Box<[u8]>, Function> = [
            (b"old".as_slice().into(), Function { code: half(), used: false }),
            (b"new".as_slice().into(), Function { code: half(), used: true }),
        ]
        .into();
        write(&file, &known).unwrap();
        let kept = read(&file).unwrap();
        assert!(kept.contains_key(b"new".as_slice()));
        assert_eq!(kept.len(), 1);
    }
}
