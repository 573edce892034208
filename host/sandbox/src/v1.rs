//! Contract version 1: the bindings that wasmtime generates, and the conversions to the SDK's types.
//!
//! A later major version gets a module of its own beside this one, and modules that were built for version
//! 1 go on running through this one.

use rolarr_policy::contract::Level;
use wasmtime::StoreContextMut;
use wasmtime::component::HasSelf;

use super::state::State;
use generated::rolarr::policy::host::Level as Wit;

#[allow(clippy::all, clippy::expect_used, clippy::unwrap_used, reason = "generated from wit/policy.wit")]
mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "policy",
    });
}

pub(super) use generated::rolarr::policy::types;
pub(super) use generated::{Policy as Instance, PolicyPre as Prepared};

rolarr_policy::conversions!(crate::v1::generated::rolarr::policy::types);

/// Offers the imports of the contract.
pub(super) fn link(linker: &mut wasmtime::component::Linker<State>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    let mut host = linker.instance("rolarr:policy/host@1.0.0")?;
    host.func_wrap("log", |store: StoreContextMut<'_, State>, (level, message): (Wit, String)| {
        log(store, level, &message);
        Ok(())
    })
}

impl types::Host for State {}

/// What a log call costs, in units of fuel: about what the host does for it, in the time of a policy's own
/// instructions.
const LOG_CALL: u64 = 1_000;

/// What each byte of a log call costs besides. It is read, checked and copied.
const LOG_BYTE: u64 = 4;

fn log(mut store: StoreContextMut<'_, State>, level: Wit, message: &str) {
    let level = match level {
        Wit::Debug => Level::Debug,
        Wit::Info => Level::Info,
        Wit::Warn => Level::Warn,
        Wit::Error => Level::Error,
    };
    let cost = LOG_CALL.saturating_add(LOG_BYTE.saturating_mul(message.len() as u64));
    let left = store.get_fuel().unwrap_or_default();
    // With none left it is stopped at the next instruction that counts.
    let _ = store.set_fuel(left.saturating_sub(cost));
    store.data_mut().logs.push(level, message);
}
