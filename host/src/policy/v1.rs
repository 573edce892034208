//! Contract version 1: the bindings that wasmtime generates, and the conversions to the SDK's types.
//!
//! A later major version gets a module of its own beside this one, and modules that were built for version
//! 1 go on running through this one.

use rolarr_policy::contract::Level;

use super::run::State;

#[allow(clippy::all, clippy::expect_used, clippy::unwrap_used, reason = "generated from wit/policy.wit")]
mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "policy",
    });
}

pub(super) use generated::rolarr::policy::types;
pub(super) use generated::{Policy as Instance, PolicyPre as Prepared};

rolarr_policy::conversions!(crate::policy::v1::generated::rolarr::policy::types);

/// Offers the imports of the contract.
pub(super) fn link(linker: &mut wasmtime::component::Linker<State>) -> wasmtime::Result<()> {
    Instance::add_to_linker::<_, wasmtime::component::HasSelf<State>>(linker, |state| state)
}

impl generated::rolarr::policy::types::Host for State {}

impl generated::rolarr::policy::host::Host for State {
    fn log(&mut self, level: generated::rolarr::policy::host::Level, message: String) {
        use generated::rolarr::policy::host::Level as Wit;
        let level = match level {
            Wit::Debug => Level::Debug,
            Wit::Info => Level::Info,
            Wit::Warn => Level::Warn,
            Wit::Error => Level::Error,
        };
        self.logs.push(level, &message);
    }
}
