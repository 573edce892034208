//! From machine code to a policy that an instance can be made of.

use wasmtime::component::Component;

use super::engine::Engine;
use super::error::LoadProblem;
use super::logs::one_line;
use super::state::State;
use super::{inspect, v1};

/// Links compiled code to what the contract offers.
pub(super) fn link(
    engine: &Engine,
    component: &Component,
    contract: &str,
) -> Result<v1::Prepared<State>, LoadProblem> {
    engine.inner().linker.instantiate_pre(component).and_then(v1::Prepared::new).map_err(|error| {
        match inspect::newer_minor(contract) {
            Some(problem) => problem,
            None => LoadProblem::NotAPolicy(
                format!(
                    "what it imports or exports is not what the contract says: {}",
                    one_line(&format!("{error:#}"))
                )
                .into(),
            ),
        }
    })
}
