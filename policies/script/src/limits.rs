//! What a script may use. All of it is below what the host allows a policy, so that it is the runner that
//! stops a script, and the message can name the line.

use rhai::{Dynamic, Engine};

/// How many operations one call may take. One costs the host some thousand units of fuel and often less, and a
/// policy has 500 million for an event.
pub(crate) const OPERATIONS: u64 = 100_000;

/// How deep functions may call each other. The stack of the module and that of the host hold more.
const CALLS: usize = 32;

/// How deep expressions may stand in each other.
const DEPTH: usize = 32;

/// How long all texts in one value may be together, in bytes. The longest message has 1,800 characters.
const TEXT: usize = 32 << 10;

/// How many elements all lists in one value may have together, and how many names all tables.
const ELEMENTS: usize = 2_000;

/// How many variables may be alive at a time.
const VARIABLES: usize = 200;

/// How many functions a script may define.
const FUNCTIONS: usize = 200;

/// How much memory the module may have before a script is stopped, in bytes. The host allows 32 MiB by default,
/// and no single operation takes more than what is between the two.
#[cfg(target_arch = "wasm32")]
pub(crate) const MEMORY: usize = 24 << 20;

/// Marks an end that memory is the reason for.
#[derive(Clone)]
pub(crate) struct OutOfMemory;

/// Sets the limits.
pub(crate) fn set(engine: &mut Engine) {
    engine
        .set_max_operations(OPERATIONS)
        .set_max_call_levels(CALLS)
        .set_max_expr_depths(DEPTH, DEPTH)
        .set_max_string_size(TEXT)
        .set_max_array_size(ELEMENTS)
        .set_max_map_size(ELEMENTS)
        .set_max_variables(VARIABLES)
        .set_max_functions(FUNCTIONS);
    engine.on_progress(|_| (memory() > most()).then(|| Dynamic::from(OutOfMemory)));
}

#[cfg(target_arch = "wasm32")]
fn memory() -> usize {
    core::arch::wasm32::memory_size::<0>() * 65_536
}

#[cfg(target_arch = "wasm32")]
fn most() -> usize {
    MEMORY
}

/// Outside of WebAssembly, in tests, how much memory there is can't be known.
#[cfg(not(target_arch = "wasm32"))]
fn memory() -> usize {
    0
}

#[cfg(not(target_arch = "wasm32"))]
fn most() -> usize {
    usize::MAX
}
