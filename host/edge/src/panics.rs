//! Panics, which are mistakes of a program.
//!
//! Libraries that read or compile what comes from elsewhere stop at some contradictions with a panic. Those are caught
//! here, and say nothing: whoever catches them says what they mean. Any other says one line, in which there is nothing
//! that a terminal would act upon, no address, and no path of the machine that the program was built on.

use std::{
    cell::Cell,
    io::Write,
    panic::{AssertUnwindSafe, Location, PanicHookInfo, catch_unwind, set_hook, take_hook},
    sync::Once,
};

use rolarr_domain::{UntrustedText, without_addresses};

thread_local! {
    /// How many [`caught`] are under way in this thread.
    static CATCHING: Cell<usize> = const { Cell::new(0) };
}

/// How many characters of a panic's message are shown.
const LONGEST: usize = 300;

/// What the work gives, or none if it panics.
pub fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    static QUIET: Once = Once::new();
    // A hook can't be exchanged while this thread panics.
    if !std::thread::panicking() {
        QUIET.call_once(|| {
            let before = take_hook();
            set_hook(Box::new(move |panic| {
                if !is_catching() {
                    before(panic);
                }
            }));
        });
    }
    let catching = Catching::begin();
    let done = catch_unwind(AssertUnwindSafe(work)).ok();
    drop(catching);
    done
}

/// From here on panics of this process say one line.
pub fn set_up() {
    set_hook(Box::new(|panic| {
        if !is_catching() {
            tell(&line(panic));
        }
    }));
}

struct Catching;

impl Catching {
    fn begin() -> Self {
        CATCHING.set(CATCHING.get().saturating_add(1));
        Self
    }
}

impl Drop for Catching {
    fn drop(&mut self) {
        CATCHING.set(CATCHING.get().saturating_sub(1));
    }
}

fn is_catching() -> bool {
    CATCHING.try_with(Cell::get).is_ok_and(|catching| catching > 0)
}

fn tell(line: &str) {
    if tracing::dispatcher::has_been_set() {
        tracing::error!("{line}");
    } else {
        // There is nobody left to tell if this fails.
        let _ = writeln!(std::io::stderr(), "error: {line}");
    }
}

fn line(panic: &PanicHookInfo<'_>) -> String {
    let said = panic.payload_as_str().unwrap_or_default();
    let said = UntrustedText::short(&without_addresses(said), LONGEST);
    let place = panic.location().map(place).unwrap_or_default();
    format!("a mistake in Rolarr: {said}{place}; please report it")
}

/// Where a panic came from, as it is called on every machine.
fn place(location: &Location<'_>) -> String {
    format!(" ({}:{})", UntrustedText::short(within_sources(location.file()), 120), location.line())
}

/// The part of a path that is not about the machine that the program was built on.
fn within_sources(path: &str) -> &str {
    for (folder, levels) in [("/registry/src/", 1), ("/git/checkouts/", 0), ("/rustc/", 1)] {
        if let Some((_, rest)) = path.split_once(folder) {
            return (0..levels).fold(rest, |rest, _| rest.split_once('/').map_or(rest, |(_, rest)| rest));
        }
    }
    let is_whole = path.starts_with(['/', '\\']) || path.get(1..2) == Some(":");
    if is_whole { path.rsplit(['/', '\\']).next().unwrap_or_default() } else { path }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_panic_that_is_caught_says_nothing_and_others_go_their_way() {
        let told = Arc::new(Mutex::new(Vec::new()));
        assert_eq!(caught(|| 1), Some(1));
        let before = take_hook();
        set_hook(Box::new({
            let told = Arc::clone(&told);
            move |panic| {
                if !is_catching() {
                    told.lock().unwrap().push(line(panic));
                }
            }
        }));
        let inner = caught(|| {
            assert_eq!(caught(|| -> u8 { panic!("within") }), None);
            panic!("after it");
        });
        assert_eq!(inner, None::<()>);
        let loud = std::thread::spawn(|| panic!("to \u{1b}[2J ann@example.org")).join();
        assert!(loud.is_err());
        set_hook(before);
        let told = told.lock().unwrap().clone();
        assert!(told.iter().all(|line| !line.contains("within") && !line.contains("after it")), "{told:?}");
        let own = told.iter().find(|line| line.contains("\\u{1b}[2J")).unwrap();
        assert!(own.contains("panics.rs:") && !own.contains("ann@") && !own.contains("(/"), "{own}");
    }

    #[test]
    fn no_path_of_the_machine_that_built_it_is_told() {
        for (path, told) in [
            ("host/src/files.rs", "host/src/files.rs"),
            (
                "/home/x/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/wasmtime-1.0.0/src/a.rs",
                "wasmtime-1.0.0/src/a.rs",
            ),
            ("/rustc/0123abcd/library/core/src/option.rs", "library/core/src/option.rs"),
            ("/home/x/project/host/src/files.rs", "files.rs"),
            ("C:\\project\\host\\src\\files.rs", "files.rs"),
        ] {
            assert_eq!(within_sources(path), told);
        }
    }
}
