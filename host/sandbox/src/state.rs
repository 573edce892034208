//! What an instance has of the host: where its log lines go, and how much memory it may have.

use wasmtime::ResourceLimiter;

use super::limits::Limits;
use super::logs::LogSink;

/// What an instance can reach of the host.
pub(super) struct State {
    pub(super) logs: LogSink,
    pub(super) memory: Memory,
}

/// Counts the memory of an instance, all of its memories together.
pub(super) struct Memory {
    /// What it has, in bytes.
    pub(super) used: usize,
    /// What it may have, in bytes.
    pub(super) limit: usize,
    /// Whether it asked for more.
    pub(super) refused: bool,
}

impl Memory {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { used: 0, limit: limits.memory_bytes, refused: false }
    }
}

/// The most entries that all tables of an instance may have.
const TABLE_ENTRIES: usize = 20_000;

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.limit {
            self.refused = true;
            return Ok(false);
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ENTRIES)
    }
}
