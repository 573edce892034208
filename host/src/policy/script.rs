//! Policies that are scripts: text that a runner runs, which is a policy like any other and part of the binary.

use std::path::Path;

use rolarr_policy::contract::Source;

use super::module::{Module, OpenError};
use crate::files;

/// How the name of a script ends.
const ENDING: &str = ".rhai";

/// The module that runs scripts.
pub(super) const RUNNER: &[u8] = include_bytes!("../../../policies/prebuilt/script.wasm");

/// How large a script may be, in bytes. A long one has 10 KiB.
const MOST: u64 = 256 << 10;

/// Whether the name is that of a script.
#[must_use]
pub fn is_script(name: &str) -> bool {
    name.ends_with(ENDING)
}

/// The runner with a script.
pub(super) fn module(name: &str, source: Source) -> Module {
    Module { name: name.to_owned(), bytes: RUNNER.to_vec(), sources: vec![source] }
}

/// Reads a script.
pub(super) fn open(name: &str) -> Result<Module, OpenError> {
    let path = Path::new(name);
    let text =
        files::read_text(path, MOST).map_err(|error| OpenError::Script { path: path.to_owned(), error })?;
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Ok(module(name, Source { name: file, text }))
}
