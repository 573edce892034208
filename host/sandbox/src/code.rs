//! Machine code from a file: the one place of the program that has to trust what it reads.
//!
//! wasmtime can't check machine code. So only a file counts that nobody but this user can have written: each folder on
//! the way to it belongs to this user or to the administrator and is closed to others' writing, the last one is closed
//! to others altogether, the file is a regular one of this user's, opened once and without following a link, and its
//! content has the sum that is known of it. That it was compiled by this version for this engine, wasmtime checks too.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::hex;
use super::logs::one_line;
use rolarr_edge::files::shown;

/// Machine code that can't be used, and why.
pub(super) type Unusable = String;

/// Loads the machine code `name` in a folder, if it has the sum.
///
/// # Errors
///
/// It is not there, others could have written it, it has another sum, or it is not for this engine.
pub(super) fn open(
    engine: &wasmtime::Engine,
    folder: &Path,
    name: &str,
    sum: &str,
) -> Result<Component, Unusable> {
    let folder = check_private(folder)?;
    let path = folder.join(name);
    let mut file = open_own(&path).map_err(|error| format!("`{}`: {error}", shown(&path)))?;
    if sum_of(&mut file).map_err(|error| error.to_string())? != sum {
        return Err("it is damaged".to_owned());
    }
    deserialise(engine, file).map_err(|error| one_line(&format!("{error:#}")).to_string())
}

/// Checks that no other user can have put something into a folder, and returns its path without links.
///
/// # Errors
///
/// What is wrong, for people.
pub(super) fn check_private(folder: &Path) -> Result<PathBuf, Unusable> {
    let folder = folder.canonicalize().map_err(|error| format!("`{}`: {error}", shown(folder)))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let me = rustix::process::geteuid().as_raw();
        let mut way: Vec<&Path> = folder.ancestors().collect();
        way.reverse();
        for step in way {
            let about = step.symlink_metadata().map_err(|error| format!("`{}`: {error}", shown(step)))?;
            let (owner, mode) = (about.uid(), about.mode());
            let wrong = if !about.is_dir() {
                Some("is no folder")
            } else if step == folder {
                match () {
                    () if owner != me => Some("belongs to another user"),
                    () if mode & 0o077 != 0 => Some("is open to other users"),
                    () => None,
                }
            } else {
                // Where everybody may write, a sticky folder still keeps others from replacing ours.
                match () {
                    () if owner != me && owner != 0 => Some("belongs to another user"),
                    () if mode & 0o022 != 0 && mode & 0o1000 == 0 => Some("can be written to by other users"),
                    () => None,
                }
            };
            if let Some(wrong) = wrong {
                return Err(format!("`{}` {wrong}", shown(step)));
            }
        }
    }
    Ok(folder)
}

/// Opens a regular file of this user's.
pub(super) fn open_own(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    }
    let file = options.open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if about.uid() != rustix::process::geteuid().as_raw() || about.mode() & 0o022 != 0 {
            return Err(io::Error::other("other users can write to it"));
        }
    }
    Ok(file)
}

fn sum_of(file: &mut File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = file.read(&mut buffer)?;
        match buffer.get(..count) {
            Some([]) | None => return Ok(hex(&hash.finalize())),
            Some(part) => hash.update(part),
        }
    }
}

/// Makes a component of machine code.
#[allow(
    unsafe_code,
    reason = "wasmtime can't check machine code; the module's text says why this can be trusted"
)]
fn deserialise(engine: &wasmtime::Engine, file: File) -> wasmtime::Result<Component> {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        // Not the path again: the open file itself, so that only the pages that are used take memory.
        let open = format!("/proc/self/fd/{}", file.as_raw_fd());
        // SAFETY: `open` checked that the child process of this program wrote this file, by its owner, by the folders
        // on the way to it and by its sum, and nobody else can write to it while it is mapped. This process and the
        // child replace files there, and never change one.
        if let Ok(component) = unsafe { Component::deserialize_file(engine, open) } {
            return Ok(component);
        }
    }
    // Where nothing may be run from files of this folder.
    let mut code = Vec::new();
    let mut file = file;
    io::Seek::rewind(&mut file)?;
    file.read_to_end(&mut code)?;
    // SAFETY: the same file; these are its bytes.
    unsafe { Component::deserialize(engine, code) }
}
