//! What a script may use. All of it is below what the host allows a policy, so that it is the runner that
//! stops a script, and the message can name the line.
//!
//! The host counts fuel, 500 million for an event. An operation costs about 1,000 units if it is about numbers and
//! short texts, whatever it is. On a long list or text the same operation costs up to 300 more for each element;
//! so these are counted apart. Both limits together take less than half of the fuel, because a script that was
//! stopped is run once more: see [`trace`](crate::trace).

use std::cell::Cell;
use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, EvalAltResult, Map, Position};

/// How many operations one call may take. A policy that looks at a list of a hundred names takes some hundred.
pub(crate) const OPERATIONS: u64 = 50_000;

/// How many elements of lists and tables, and eighths of bytes of texts, all operations may touch together.
const TOUCHED: usize = 600_000;

/// How deep functions may call each other. The stack of the module and that of the host hold more.
const CALLS: usize = 32;

/// How deep expressions may stand in each other.
const DEPTH: usize = 32;

/// How long all texts in one value may be together, in bytes. The longest message has 1,800 characters.
const TEXT: usize = 32 << 10;

/// How many elements all lists in one value may have together, and how many names all tables.
const ELEMENTS: usize = 1_000;

/// How many variables may be alive at a time.
const VARIABLES: usize = 200;

/// How many functions a script may define.
const FUNCTIONS: usize = 200;

/// How much memory the module may have before a script is stopped, in bytes. The host allows 32 MiB by default,
/// and no single operation takes more than what is between the two.
#[cfg(target_arch = "wasm32")]
const MEMORY: usize = 24 << 20;

/// Why a script was stopped, where the language has no word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// There is too much memory.
    Memory,
    /// Too much of long lists and texts was touched.
    Touched,
}

/// How much was touched since the call began.
#[derive(Clone, Default)]
pub(crate) struct Meter(Rc<Cell<usize>>);

impl Meter {
    /// A call begins.
    pub(crate) fn reset(&self) {
        self.0.set(0);
    }

    fn add(&self, touched: usize) -> Result<(), Box<EvalAltResult>> {
        self.0.set(self.0.get().saturating_add(touched));
        if self.0.get() > TOUCHED {
            let why = Dynamic::from(Stopped::Touched);
            return Err(Box::new(EvalAltResult::ErrorTerminated(why, Position::NONE)));
        }
        Ok(())
    }
}

/// Sets the limits.
#[expect(deprecated, reason = "the engine calls the hook for variables unstable; its version is locked")]
pub(crate) fn set(engine: &mut Engine) -> Meter {
    engine
        .set_max_operations(OPERATIONS)
        .set_max_call_levels(CALLS)
        .set_max_expr_depths(DEPTH, DEPTH)
        .set_max_string_size(TEXT)
        .set_max_array_size(ELEMENTS)
        .set_max_map_size(ELEMENTS)
        .set_max_variables(VARIABLES)
        .set_max_functions(FUNCTIONS);
    engine.on_progress(|_| out_of_memory().then(|| Dynamic::from(Stopped::Memory)));
    let meter = Meter::default();
    let counting = meter.clone();
    // What is long is reached through a variable.
    engine.on_var(move |name, _, context| {
        if let Some(value) = context.scope().get(name) {
            counting.add(extent(value))?;
        }
        Ok(None)
    });
    meter
}

/// How much there is to touch in a value.
fn extent(value: &Dynamic) -> usize {
    if let Ok(text) = value.as_immutable_string_ref() {
        return text.len() / 8;
    }
    if let Some(list) = value.read_lock::<Array>() {
        return list.len() + list.iter().map(extent).sum::<usize>();
    }
    if let Some(table) = value.read_lock::<Map>() {
        return table.len() + table.values().map(extent).sum::<usize>();
    }
    0
}

#[cfg(target_arch = "wasm32")]
fn out_of_memory() -> bool {
    core::arch::wasm32::memory_size::<0>() * 65_536 > MEMORY
}

/// Outside of WebAssembly, in tests, how much memory there is can't be known.
#[cfg(not(target_arch = "wasm32"))]
fn out_of_memory() -> bool {
    false
}
