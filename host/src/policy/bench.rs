//! The yardstick of the bench: the same component in a bare loop of wasmtime.

use std::sync::Arc;

use rolarr_policy::Convert;
use rolarr_policy::contract::Event;
use wasmtime::Store;

use super::load::{Loaded, Policy};
use super::logs::LogSink;
use super::run::{Memory, State};
use super::v1;

/// One event through a component, with a store, an instance and a call, and nothing around them.
pub struct Bare {
    loaded: Arc<Loaded>,
    event: v1::types::Event,
}

impl Bare {
    /// Takes the component of a loaded policy, which must start from a snapshot.
    #[must_use]
    pub fn new(policy: &Policy, event: &Event) -> Self {
        Self { loaded: Arc::clone(&policy.0), event: event.clone().convert() }
    }

    /// Runs the event once. The answer is dropped.
    ///
    /// # Panics
    ///
    /// wasmtime gives an error.
    #[expect(clippy::expect_used, reason = "a bench that fails must stop")]
    pub fn call(&self) {
        let Loaded { engine, limits, prepared, .. } = &*self.loaded;
        let state = State { logs: LogSink::new(limits), memory: Memory::new(limits) };
        let mut store = Store::new(&engine.inner().wasmtime, state);
        store.limiter(|state| &mut state.memory);
        store.set_fuel(limits.fuel).expect("fuel is on");
        store.set_epoch_deadline(u64::MAX / 2);
        let instance = prepared.instantiate(&mut store).expect("an instance");
        let answer = instance.rolarr_policy_rules().call_evaluate(&mut store, &self.event);
        answer.expect("a call").expect("a decision");
    }
}
