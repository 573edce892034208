//! Lines for the host's log. They stand beside the event's id. The host limits how many lines and bytes
//! one event may write.
//!
//! Outside of WebAssembly, in tests, the lines are collected: see [`take`].

use crate::contract::Level;

/// For the policy's author.
pub fn debug(message: impl AsRef<str>) {
    write(Level::Debug, message.as_ref());
}

/// Worth a line.
pub fn info(message: impl AsRef<str>) {
    write(Level::Info, message.as_ref());
}

/// Something to look at.
pub fn warn(message: impl AsRef<str>) {
    write(Level::Warn, message.as_ref());
}

/// Something is wrong.
pub fn error(message: impl AsRef<str>) {
    write(Level::Error, message.as_ref());
}

#[cfg(target_arch = "wasm32")]
use crate::guest::log as write;

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use std::cell::RefCell;

    use super::Level;

    /// A test that never calls `take` must not grow without end.
    const KEPT: usize = 1_000;

    thread_local! {
        static LINES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn write(level: Level, message: &str) {
        LINES.with_borrow_mut(|lines| {
            if lines.len() < KEPT {
                lines.push((level, message.to_owned()));
            }
        });
    }

    /// The lines that this thread wrote since the last call, at most 1,000. Only outside of WebAssembly.
    #[must_use]
    pub fn take() -> Vec<(Level, String)> {
        LINES.take()
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub use native::take;
#[cfg(not(target_arch = "wasm32"))]
use native::write;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_collected_outside_of_webassembly() {
        info("one");
        warn(String::from("two"));
        assert_eq!(take(), [(Level::Info, "one".to_owned()), (Level::Warn, "two".to_owned())]);
        assert_eq!(take(), []);
    }
}
