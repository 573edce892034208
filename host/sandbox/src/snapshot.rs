//! The memory that `configure` leaves behind, made into a component.
//!
//! wasmtime-wizer instruments a component so that its memories and globals can be read out, and writes a
//! component that starts with them. What it can't do (a module that is instantiated twice, a table that is
//! changed) it says before anything runs; such a policy is configured in each fresh instance instead. On some
//! components that are valid and rare it panics, which counts as "can't".

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wasmtime::component::{Instance, WasmList};
use wasmtime_wizer::{ComponentContext, ComponentInstanceState, Wizer};

use super::run::Run;
use rolarr_edge::panics::caught;

/// A component that was instrumented for reading it out.
pub(super) struct Instrumented<'a> {
    wizer: Wizer,
    context: ComponentContext<'a>,
    /// The instrumented component.
    pub(super) bytes: Vec<u8>,
}

/// Instruments a component. None: it is of a kind that can't be snapshotted.
pub(super) fn instrument(component: &[u8]) -> Option<Instrumented<'_>> {
    caught(|| {
        let mut wizer = Wizer::new();
        // There is no function of this kind in a policy; nothing of its exports is to be removed.
        wizer.init_func("rolarr-no-init").keep_init_func(true);
        let (context, bytes) = wizer.instrument_component(component).ok()?;
        Some(Instrumented { wizer, context, bytes })
    })
    .flatten()
}

impl Instrumented<'_> {
    /// Reads an instance out. None: it could not be done, for example for want of memory.
    pub(super) fn snapshot(&self, run: &mut Run, instance: Instance) -> Option<Vec<u8>> {
        run.open_for_snapshot();
        caught(|| {
            let mut reader = Reader { run, instance, failed: false };
            let snapshot = ready(self.wizer.snapshot_component(&self.context, &mut reader))?.ok()?;
            (!reader.failed).then_some(snapshot)
        })
        .flatten()
    }
}

/// The value of a future that never waits.
fn ready<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Calls the accessors that the instrumentation added. A call that fails makes the snapshot void.
struct Reader<'a> {
    run: &'a mut Run,
    instance: Instance,
    failed: bool,
}

impl Reader<'_> {
    fn call<R, V>(&mut self, interface: &str, name: &str, read: impl FnOnce(&Run, R) -> V) -> Option<V>
    where
        R: wasmtime::component::Lift + Send + Sync + 'static,
    {
        let value = (|| {
            let store = &mut self.run.store;
            let interface = self.instance.get_export_index(&mut *store, None, interface)?;
            let function = self.instance.get_export_index(&mut *store, Some(&interface), name)?;
            let function = self.instance.get_typed_func::<(), (R,)>(&mut *store, &function).ok()?;
            let (value,) = function.call(&mut *store, ()).ok()?;
            Some(read(self.run, value))
        })();
        self.failed |= value.is_none();
        value
    }
}

impl ComponentInstanceState for Reader<'_> {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        func: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        self.call(instance, func, |run, list: WasmList<u8>| contents(list.as_le_slice(&run.store)));
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.call(instance, func, |_, value| value).unwrap_or_default()
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.call(instance, func, |_, value| value).unwrap_or_default()
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.call(instance, func, |_, value: f32| value.to_bits()).unwrap_or_default()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.call(instance, func, |_, value: f64| value.to_bits()).unwrap_or_default()
    }
}
