//! Loading, in a process of its own.
//!
//! Parsers and the compiler meet whatever a file contains. A stack that overflows or an allocation that fails ends
//! the process that it happens in, so a child process of this same program does everything up to the machine code
//! and leaves that as a file; this process only reads the file. The child has limits on its memory, its processor
//! time, its files and its stack, and is killed when its time is up. That is a limit on resources, not a second
//! sandbox: what the child hands over is trusted.
//!
//! | Part | What is there |
//! |---|---|
//! | `wire` | what is asked of the child, and what it answers |
//! | `parent` | starts the child, waits for it, and says why it failed |
//! | `child` | reads the request, and answers it |
//! | `confine` | the limits that the child sets itself |
//! | `work` | from a module to machine code |

mod child;
mod confine;
mod parent;
mod wire;
mod work;

use std::path::PathBuf;

pub use child::serve;
pub(super) use parent::{Ask, Loading};
pub(super) use wire::{CODE, COMPONENT, Outcome, Ready, Task};

/// The hidden command of the program that makes it load a policy for the process that started it.
pub const COMMAND: &str = "policy-loader";

/// Which program loads policies.
#[derive(Clone, Debug)]
pub enum Loader {
    /// This program: it must give [`serve`] what follows [`COMMAND`] among its arguments, as `rolarr` does.
    ThisProgram,
    /// Another program that does the same. For tests, whose own program is the test.
    At(PathBuf),
    /// None: policies are loaded in this process, without limits. For unit tests, benches and property tests, and for
    /// nothing that meets files of other people.
    #[doc(hidden)]
    InThisProcess,
}

impl Default for Loader {
    fn default() -> Self {
        if cfg!(test) { Self::InThisProcess } else { Self::ThisProgram }
    }
}
