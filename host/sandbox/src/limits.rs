//! What a policy may use.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The limits of one policy. Every field has a default; the defaults fit policies in Rust, C, JavaScript,
/// Python and scripts.
///
/// Reaching a limit never changes anybody's access: the event stays undecided, and the error names the
/// limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "snake_case")]
pub struct Limits {
    /// How large the file of a policy may be, in bytes. Default 32 MiB: a policy in Rust has 0.15 MiB, one
    /// that carries a Python interpreter 18 MiB.
    pub module_bytes: usize,
    /// How much memory an instance may have, in bytes, all of its memories together. Default 32 MiB. More
    /// than 256 MiB is not possible.
    pub memory_bytes: usize,
    /// How many units of work one event may cost. Default 500 million, which took between 5 ms (code that
    /// fills memory) and 0.7 s (an empty loop) of a busy processor, in a script 0.1 s: a small event
    /// costs 10,000 in Rust or C and 1.5 million in a JavaScript engine. It is counted exactly, so a policy
    /// that exceeds it does so on every machine.
    pub fuel: u64,
    /// How long one event may take, in milliseconds. Default 2,000. Only a backstop, because a busy machine
    /// is not a slow policy: it is tried once more before it counts.
    pub clock_ms: u64,
    /// How many units of work `configure` may cost. Default 5,000 million: a script is parsed there.
    pub configure_fuel: u64,
    /// How long `configure` may take, in milliseconds. Default 10,000.
    pub configure_clock_ms: u64,
    /// How many actions one decision may have. Default 64.
    pub actions: usize,
    /// How long one text of a decision may be, in bytes. Default 4 KiB.
    pub text_bytes: usize,
    /// How large one answer may be, and one log line before it is cut, in bytes. Default 1 MiB.
    pub answer_bytes: usize,
    /// How much processor time the process that loads a policy may use, in milliseconds, whatever the size of the
    /// file. Default 6,000.
    pub load_cpu_ms: u64,
    /// How much more for each MiB of the file, in milliseconds. Default 16,000.
    pub load_cpu_per_mib_ms: u64,
    /// How long loading a policy may take, in milliseconds, whatever the size of the file. Default 24,000:
    /// more than the processor time, for a machine on which other programs work.
    /// `configure` is a part of it.
    pub load_clock_ms: u64,
    /// How much longer for each MiB of the file, in milliseconds. Default 48,000.
    pub load_clock_per_mib_ms: u64,
    /// How much memory the process that loads a policy may use, in bytes, whatever the size of the file. Default
    /// 384 MiB.
    pub load_memory_bytes: usize,
    /// How much more for each MiB of the file, in bytes. Default 32 MiB.
    pub load_memory_per_mib_bytes: usize,
    /// How many lines one event may log. Default 100; further ones are dropped and counted.
    pub log_lines: usize,
    /// How many bytes one event may log. Default 16 KiB; what is beyond is dropped and counted.
    pub log_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            module_bytes: 32 << 20,
            memory_bytes: 32 << 20,
            fuel: 500_000_000,
            clock_ms: 2_000,
            configure_fuel: 5_000_000_000,
            configure_clock_ms: 10_000,
            actions: 64,
            text_bytes: 4 << 10,
            answer_bytes: 1 << 20,
            load_cpu_ms: 6_000,
            load_cpu_per_mib_ms: 16_000,
            load_clock_ms: 24_000,
            load_clock_per_mib_ms: 48_000,
            load_memory_bytes: 384 << 20,
            load_memory_per_mib_bytes: 32 << 20,
            log_lines: 100,
            log_bytes: 16 << 10,
        }
    }
}

impl Limits {
    /// What one call of `evaluate` may cost.
    pub(super) fn of_an_event(&self) -> Budget {
        Budget { fuel: self.fuel, clock: Duration::from_millis(self.clock_ms), names: ["fuel", "clock"] }
    }

    /// What `describe` and `configure` may cost.
    pub(super) fn of_loading(&self) -> Budget {
        Budget {
            fuel: self.configure_fuel,
            clock: Duration::from_millis(self.configure_clock_ms),
            names: ["configure_fuel", "configure_clock"],
        }
    }
}

/// What each thread of the loader needs besides what the module needs, in bytes: its stack.
const THREAD: u64 = 4 << 20;

impl Limits {
    /// What the process may use that loads so many bytes.
    pub(super) fn of_the_loader(&self, size: usize) -> LoadBudget {
        let of = |base: u64, per_mib: u64| {
            let more = u128::from(per_mib) * size as u128 / (1 << 20);
            base.saturating_add(u64::try_from(more).unwrap_or(u64::MAX))
        };
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
        let memory = of(self.load_memory_bytes as u64, self.load_memory_per_mib_bytes as u64);
        LoadBudget {
            cpu: Duration::from_millis(of(self.load_cpu_ms, self.load_cpu_per_mib_ms)),
            clock: Duration::from_millis(of(self.load_clock_ms, self.load_clock_per_mib_ms)),
            memory: memory.saturating_add(threads * THREAD),
        }
    }
}

/// What loading one module may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LoadBudget {
    /// Processor time of all threads.
    pub(super) cpu: Duration,
    /// Time on the wall.
    pub(super) clock: Duration,
    /// Memory in bytes.
    pub(super) memory: u64,
}

/// What one call may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// Units of work.
    pub(super) fuel: u64,
    /// Time on the wall.
    pub(super) clock: Duration,
    /// What the two are called in the configuration, for messages.
    pub(super) names: [&'static str; 2],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_loading_may_cost_grows_with_the_file() {
        let limits = Limits::default();
        let (small, large) = (limits.of_the_loader(3_000), limits.of_the_loader(18 << 20));
        assert_eq!(small.cpu, Duration::from_millis(limits.load_cpu_ms + 45));
        assert_eq!(
            large.clock,
            Duration::from_millis(limits.load_clock_ms + 18 * limits.load_clock_per_mib_ms)
        );
        assert_eq!(large.memory - small.memory, (18 << 25) - 3_000 * 32);
        // Whatever is configured, nothing overflows.
        let most = Limits { load_cpu_ms: u64::MAX, load_clock_per_mib_ms: u64::MAX, ..limits };
        assert_eq!(most.of_the_loader(usize::MAX).clock, Duration::from_millis(u64::MAX));
    }
}
