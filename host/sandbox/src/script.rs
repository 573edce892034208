//! Policies that are scripts: text that a runner runs, which is a policy like any other and part of the binary.

use rolarr_policy::contract::Source;

use super::module::Module;

/// How the name of a script ends.
const ENDING: &str = ".rhai";

/// The module that runs scripts.
pub(super) const RUNNER: &[u8] = include_bytes!("../../../policies/prebuilt/script.wasm");

/// Whether the name is that of a script.
#[must_use]
pub fn is_script(name: &str) -> bool {
    name.ends_with(ENDING)
}

/// The runner with a script.
pub(super) fn module(name: &str, source: Source) -> Module {
    Module { name: name.to_owned(), bytes: RUNNER.to_vec(), sources: vec![source] }
}
