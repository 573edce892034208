//! What a script may use. All of it is below what the host allows a policy, so that it is the runner that
//! stops a script, and the message can name the line.
//!
//! The host counts fuel, 500 million for an event. The runner can't see it, so it weighs what a script does: every
//! operation, every function that is called from a built-in one (`map`, `sort`), and every long list or text that is
//! touched, each by what it costs at most. Rerunning a script for a message costs as well: see
//! [`trace`](crate::trace).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, EvalAltResult, Map, Module, Position};

use crate::event;

/// How many operations one call may take. A policy that looks at a list of a hundred names takes some hundred.
pub(crate) const OPERATIONS: u64 = 100_000;

/// How much one call may cost, in the host's units of fuel as they are estimated here.
const WORK: u64 = 280_000_000;

/// How much a call and its rerun may cost together.
const WITH_RERUN: u64 = 400_000_000;

/// One operation, whatever it is: a script of its own functions and variables takes this on average.
const OPERATION: u64 = 1_000;

/// What it costs that a built-in function calls something back, if it is only a comparison.
const CALLED_BACK: u64 = 7_000;

/// What it costs in addition if it is a function of the script.
const SCRIPT_CALLED_BACK: u64 = 18_000;

/// An element of a list that is looked at or copied.
const ELEMENT: u64 = 130;

/// A name in a table, likewise.
const FIELD: u64 = 500;

/// A line of the log.
const LINE: u64 = 9_000;

/// A byte of a text that is looked at.
const BYTE: u64 = 30;

/// How many operations more a script has after a limit, so that it is stopped where it uses a variable: only there the
/// place is known. No operation takes more than 64 KiB of memory.
const GRACE: u32 = 100;

/// How much more a script may cost that catches the limit.
const LAST: u64 = 30_000_000;

/// How deep functions may call each other. The stack of the module and that of the host hold more.
pub(crate) const CALLS: usize = 32;

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
/// and what a script takes until it is stopped is less than what is between the two.
#[cfg(target_arch = "wasm32")]
const MEMORY: usize = 24 << 20;

/// Why a script was stopped, where the language has no word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// There is too much memory.
    Memory,
    /// There were too many operations.
    Operations,
    /// Too much was done with lists and texts.
    Work,
}

impl Stopped {
    /// The error that stops a script where it is. Only this one has a place; a script could catch it, but is asked
    /// for afterwards.
    fn error(self) -> Box<EvalAltResult> {
        Box::new(EvalAltResult::ErrorRuntime(Dynamic::from(self), Position::NONE))
    }

    /// The error that nothing catches, without a place.
    pub(crate) fn at_once(self) -> Box<EvalAltResult> {
        Box::new(EvalAltResult::ErrorTerminated(Dynamic::from(self), Position::NONE))
    }
}

/// What was done since a call began.
#[derive(Clone, Copy, Default)]
struct Done {
    operations: u64,
    /// What the engine counted at the last operation.
    engines: u64,
    called_back: bool,
    /// Estimated fuel.
    work: u64,
    /// Estimated fuel of a rerun.
    rerun: u64,
    stopped: Option<Stopped>,
    /// How many operations there were since it was stopped, and how much work may still be done.
    after: u32,
    until: u64,
}

/// Counts what is done.
#[derive(Clone, Default)]
pub(crate) struct Meter {
    done: Rc<Cell<Done>>,
    /// What it costs to look at the variables that all functions see.
    variables: Rc<RefCell<BTreeMap<String, u64>>>,
}

impl Meter {
    /// A call begins.
    pub(crate) fn reset(&self) {
        self.done.set(Done::default());
    }

    /// All functions see these variables from now on.
    pub(crate) fn publish(&self, variables: &Module) {
        let weighed = variables.iter_var().map(|(name, value)| (name.to_owned(), extent(value)));
        self.variables.borrow_mut().extend(weighed);
    }

    /// Why the call was stopped, if it was.
    pub(crate) fn stopped(&self) -> Option<Stopped> {
        self.done.get().stopped
    }

    /// Whether what was done may be done once more with an engine that looks at every step.
    pub(crate) fn allows_rerun(&self) -> bool {
        let done = self.done.get();
        done.work.saturating_add(done.rerun) <= WITH_RERUN
    }

    /// Something costs this much.
    ///
    /// # Errors
    ///
    /// It is too much.
    pub(crate) fn add(&self, work: u64) -> Result<(), Box<EvalAltResult>> {
        let mut done = self.done.get();
        // With an engine that looks at every step, what is handed to a function is copied.
        done.cost(work, work.saturating_mul(2));
        self.done.set(done);
        match done.stopped {
            Some(why) => {
                if why != Stopped::Memory && done.work < done.until {
                    done.after = 0;
                    self.done.set(done);
                }
                Err(why.error())
            }
            None => Ok(()),
        }
    }

    /// A line is written to the log.
    pub(crate) fn line(&self, text: &str) {
        let mut done = self.done.get();
        let work = LINE + BYTE * text.len() as u64;
        // A rerun writes nothing.
        done.cost(work, 0);
        self.done.set(done);
    }

    /// One operation. `engines` is how many there were since the call began, as the engine counts: what is called
    /// back begins each time with the number of its caller.
    fn operation(&self, engines: u64) -> Option<Stopped> {
        let mut done = self.done.get();
        done.operations += 1;
        done.cost(OPERATION, OPERATION);
        let called_back = engines <= done.engines;
        if called_back {
            done.cost(CALLED_BACK, 10 * CALLED_BACK);
        } else if done.called_back {
            done.cost(SCRIPT_CALLED_BACK, 10 * SCRIPT_CALLED_BACK);
        }
        done.called_back = called_back;
        done.engines = engines;
        if done.operations > OPERATIONS {
            done.stop(Stopped::Operations);
        }
        if out_of_memory() {
            done.stop(Stopped::Memory);
        }
        let why = done.stopped.filter(|_| done.after >= GRACE);
        if why.is_some() {
            done.after = 0;
        } else if done.stopped.is_some() && (!called_back || done.work > done.until) {
            // Between two elements that a built-in function compares there is no variable.
            done.after += 1;
        }
        self.done.set(done);
        why
    }
}

impl Done {
    fn cost(&mut self, work: u64, rerun: u64) {
        self.work = self.work.saturating_add(work);
        self.rerun = self.rerun.saturating_add(rerun);
        if self.work > WORK {
            self.stop(Stopped::Work);
        }
    }

    fn stop(&mut self, why: Stopped) {
        if self.stopped.is_none() {
            self.stopped = Some(why);
            self.until = self.work.saturating_add(LAST);
        }
    }
}

/// Sets the limits of what a value, an expression and a call may be.
pub(crate) fn of_values(engine: &mut Engine) {
    engine
        .set_max_call_levels(CALLS)
        .set_max_expr_depths(DEPTH, DEPTH)
        .set_max_string_size(TEXT)
        .set_max_array_size(ELEMENTS)
        .set_max_map_size(ELEMENTS)
        .set_max_variables(VARIABLES)
        .set_max_functions(FUNCTIONS);
}

/// Sets all limits, and gives what counts.
#[expect(deprecated, reason = "the engine calls the hook for variables unstable; its version is locked")]
pub(crate) fn set(engine: &mut Engine) -> Meter {
    of_values(engine);
    let meter = Meter::default();
    let counting = meter.clone();
    engine.on_progress(move |engines| counting.operation(engines).map(Dynamic::from));
    let counting = meter.clone();
    // What is long is reached through a variable, or made by a function that counts it itself.
    engine.on_var(move |name, _, context| {
        let work = match context.scope().get(name) {
            Some(value) => extent(value),
            None => counting.variables.borrow().get(name).copied().unwrap_or_default(),
        };
        counting.add(work)?;
        Ok(None)
    });
    meter
}

/// What it costs at most to look at a value, or to copy it.
pub(crate) fn extent(value: &Dynamic) -> u64 {
    if let Ok(text) = value.as_immutable_string_ref() {
        return BYTE * text.len() as u64;
    }
    parts(value)
}

/// As [`extent`], but copies of a text share it.
fn parts(value: &Dynamic) -> u64 {
    // What most lists are of.
    if value.is_string() || value.is_int() || value.is_bool() {
        return 0;
    }
    if let Some(list) = value.read_lock::<Array>() {
        return ELEMENT * list.len() as u64 + list.iter().map(parts).sum::<u64>();
    }
    if let Some(table) = value.read_lock::<Map>() {
        return FIELD * table.len() as u64 + table.values().map(parts).sum::<u64>();
    }
    ELEMENT * event::elements(value) as u64
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
