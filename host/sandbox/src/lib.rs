//! The sandbox: runs a policy, a WebAssembly component, on one event at a time.
//!
//! This is a narrow wrapper around wasmtime. What it takes away: a policy sees no clock, no randomness, no
//! file, no network and nothing of an earlier event. What it adds: limits on time, memory and output, one
//! error type that says which policy, which limit and which event, and answers that were checked.
//!
//! [`Engine`] is made once. [`Module::open`] reads a file, [`Policy::load`] makes a [`Policy`] of it, and
//! [`Policy::evaluate`] decides one event. All of it is synchronous: call it where blocking is allowed.
//!
//! | Part | What is there |
//! |---|---|
//! | `engine` | wasmtime's settings, the pool, the backstop clock |
//! | `limits` | every limit with its default |
//! | `module` | a policy's module, and what can be said of it |
//! | `builtin`, `script` | policies that are part of the binary; policies that are scripts |
//! | `open` | where a policy comes from: a file, a script, the binary |
//! | `inspect` | what a file is, what it imports, which contract it was made for |
//! | `marks` | settings whose meaning a policy's schema marks |
//! | `embedded` | from a core module with its contract in it to a component |
//! | `link` | from machine code to a policy that an instance can be made of |
//! | `load` | from a module to a policy that is ready |
//! | `start` | where its events start from |
//! | `loader` | the process that compiles, and its limits |
//! | `code` | machine code from a file, which is trusted |
//! | `folders` | where machine code is handed over |
//! | `snapshot` | the memory that `configure` leaves behind, made into a component |
//! | `cache` | policies that were compiled, on disk |
//! | `functions` | machine code of single functions, for scripts that are edited |
//! | `state`, `run` | what one instance has of the host; the instance and its limits |
//! | `evaluate` | one event |
//! | `answer` | what a decision must hold |
//! | `v1` | the bindings of contract version 1 |

mod answer;
#[doc(hidden)]
pub mod bench;
mod builtin;
mod cache;
mod code;
mod embedded;
mod engine;
mod error;
mod evaluate;
mod folders;
mod functions;
mod inspect;
mod limits;
mod link;
mod load;
pub mod loader;
mod logs;
mod marks;
mod module;
mod open;
mod run;
mod script;
mod snapshot;
mod start;
mod state;
mod v1;

pub use answer::Malformed;
pub use engine::{Engine, EngineError, EngineSettings};
pub use error::{EvaluationError, Failure, LimitName, LoadError, LoadProblem};
pub use evaluate::Evaluation;
pub use inspect::CONTRACT;
pub use limits::Limits;
pub use load::Policy;
pub use loader::Loader;
pub use logs::LogLine;
pub use marks::{Mark, Marked};
pub use module::{Description, Kind, Module};
pub use open::OpenError;
pub use rolarr_domain::printable;
pub use script::is_script;
pub use start::Start;

/// Bytes in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
