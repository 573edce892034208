//! The limits that the child sets itself, before it reads anything.

/// What the child may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Confines {
    /// Processor time of all its threads, in seconds.
    pub(super) cpu_s: u64,
    /// Memory that can be written to, in bytes.
    pub(super) memory: u64,
}

/// How much stack the thread that works has, in bytes. What is nested deeper than fits is refused.
pub(super) const STACK: usize = 16 << 20;

/// Addresses beyond the memory, in bytes. wasmtime reserves 4 GiB and a guard for each memory of an instance, of which
/// there are at most four, and the C library 64 MiB for each thread; nothing of that is memory until it is used, and
/// then the limit on memory counts it.
#[cfg(target_os = "linux")]
const RESERVED: u64 = 32 << 30;

/// How many files may be open: the pipes, what is handed over, and what wasmtime and the system need for themselves.
#[cfg(unix)]
const FILES: u64 = 64;

/// Sets the limits, and has the kernel end this process with the one that started it. Without a parent any more it
/// is an error, because nobody would read the answer.
#[cfg(unix)]
pub(super) fn confine(confines: Confines, parent: u32) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| error.to_string())?;
    }
    let alive = rustix::process::getppid().map(|id| u32::try_from(id.as_raw_nonzero().get()));
    if alive != Some(Ok(parent)) {
        return Err("the process that started it is gone".to_owned());
    }
    let mut limits = vec![
        // One second more and no signal helps.
        (Resource::Cpu, confines.cpu_s, confines.cpu_s.saturating_add(1)),
        (Resource::Core, 0, 0),
        (Resource::Nofile, FILES, FILES),
        // What is written is machine code, which was in memory before.
        (Resource::Fsize, confines.memory, confines.memory),
        (Resource::Stack, STACK as u64, STACK as u64),
        (Resource::Data, confines.memory, confines.memory),
    ];
    #[cfg(target_os = "linux")]
    {
        let addresses = confines.memory.saturating_add(RESERVED);
        limits.push((Resource::As, addresses, addresses));
    }
    for (resource, current, maximum) in limits {
        // A limit that is narrower already stays.
        let within = |wanted: u64, had: Option<u64>| Some(had.map_or(wanted, |had| had.min(wanted)));
        let had = getrlimit(resource);
        let new = Rlimit {
            current: within(current, had.maximum.into_iter().chain(had.current).min()),
            maximum: within(maximum, had.maximum),
        };
        setrlimit(resource, new).map_err(|error| format!("the limit {resource:?} can't be set: {error}"))?;
    }
    Ok(())
}

/// There are no such limits here. What is left is the time on the wall, which the parent keeps.
#[cfg(not(unix))]
pub(super) fn confine(_: Confines, _: u32) -> Result<(), String> {
    Ok(())
}
