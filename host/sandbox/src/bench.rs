//! What single steps cost, and the yardstick of the bench: the same component in a bare loop of wasmtime.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rolarr_policy::Convert;
use rolarr_policy::contract::Event;
use wasmtime::Store;

use super::error::Failure;
use super::load::{Loaded, Policy};
use super::logs::LogSink;
use super::run::Run;
use super::state::{Memory, State};
use super::v1;

/// How long it takes to make an instance of a policy and to drop it again, with nothing in between.
///
/// # Errors
///
/// No instance could be made.
pub fn instantiate(policy: &Policy) -> Result<Duration, Failure> {
    let loaded = &*policy.0;
    let _entered = loaded.engine.enter();
    let began = Instant::now();
    let mut run = Run::new(&loaded.engine, &loaded.limits, loaded.limits.of_loading())?;
    run.instantiate(&loaded.prepared)?;
    drop(run);
    Ok(began.elapsed())
}

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
