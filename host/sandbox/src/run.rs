//! One instance: its store, its limits, and what went wrong in it.

use wasmtime::component::Instance;
use wasmtime::{Store, Trap};

use super::engine::{Engine, ticks};
use super::error::Failure;
use super::limits::{Budget, Limits};
use super::logs::{LogLine, LogSink, one_line};
use super::state::{Memory, State};
use super::v1;

/// A store for one instance.
pub(super) struct Run {
    pub(super) store: Store<State>,
    budget: Budget,
    memory_limit: usize,
    answer_limit: usize,
}

impl Run {
    pub(super) fn new(engine: &Engine, limits: &Limits, budget: Budget) -> Result<Self, Failure> {
        let state = State { logs: LogSink::new(limits), memory: Memory::new(limits) };
        let mut store = Store::new(&engine.inner().wasmtime, state);
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(limits.answer_bytes);
        let mut run =
            Self { store, budget, memory_limit: limits.memory_bytes, answer_limit: limits.answer_bytes };
        run.renew(budget)?;
        Ok(run)
    }

    /// A fresh instance. The start functions of its modules run here, within the budget.
    pub(super) fn instantiate(
        &mut self,
        prepared: &v1::Prepared<State>,
    ) -> Result<(Instance, v1::Instance), Failure> {
        let instance = prepared
            .instance_pre()
            .instantiate(&mut self.store)
            .map_err(|error| self.failed_to_start(&error))?;
        let rules =
            v1::Instance::new(&mut self.store, &instance).map_err(|error| self.failed_to_start(&error))?;
        Ok((instance, rules))
    }

    fn failed_to_start(&self, error: &wasmtime::Error) -> Failure {
        match self.failure(error) {
            Failure::BrokenValue(text) => Failure::Engine(text),
            other => other,
        }
    }

    /// A new budget, for the next call.
    pub(super) fn renew(&mut self, budget: Budget) -> Result<(), Failure> {
        self.budget = budget;
        self.store.set_epoch_deadline(ticks(budget.clock));
        self.store.set_fuel(budget.fuel).map_err(|error| Failure::Engine(one_line(&format!("{error:#}"))))
    }

    /// How much of the budget is used up.
    pub(super) fn fuel_used(&self) -> u64 {
        self.budget.fuel.saturating_sub(self.store.get_fuel().unwrap_or(0))
    }

    /// How much memory the instance has, in bytes, all of its memories together. A memory never shrinks, so this
    /// is also the most that it had.
    pub(super) fn memory_used(&self) -> usize {
        self.store.data().memory.used
    }

    /// Room for reading the memory out: one page more, and as much data as there is memory.
    pub(super) fn open_for_snapshot(&mut self) {
        let memory = &mut self.store.data_mut().memory;
        memory.limit = memory.limit.saturating_add(4 * 65_536);
        let limit = memory.limit;
        self.store.set_hostcall_fuel(limit);
    }

    pub(super) fn finish(self) -> Vec<LogLine> {
        self.store.into_data().logs.finish()
    }

    /// What a failed call means.
    pub(super) fn failure(&self, error: &wasmtime::Error) -> Failure {
        let Budget { fuel, clock, names: [fuel_name, clock_name] } = self.budget;
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => return Failure::OutOfFuel { limit: fuel, name: fuel_name },
            Some(Trap::Interrupt) => return Failure::OutOfTime { limit: clock, name: clock_name },
            _ => {}
        }
        if self.store.data().memory.refused {
            return Failure::OutOfMemory { limit: self.memory_limit };
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::StackOverflow) => Failure::EndlessRecursion,
            Some(Trap::UnreachableCodeReached) => Failure::Trap("it panicked or aborted".into()),
            Some(trap) => {
                let text = trap.to_string();
                Failure::Trap(text.strip_prefix("wasm trap: ").unwrap_or(&text).into())
            }
            None => {
                let text = format!("{error:#}");
                // The type of this error is private to wasmtime; a test holds on to its words.
                if text.contains("fuel allocated for hostcalls has been exhausted") {
                    Failure::TooMuchOutput { limit: self.answer_limit }
                } else {
                    Failure::BrokenValue(one_line(&text))
                }
            }
        }
    }
}
