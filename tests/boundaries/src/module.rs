use std::sync::OnceLock;

use rolarr::policy::{Engine, EngineSettings, Limits, Module, Policy};
use serde_json::Value;

/// Compiling is for small ones: the fuzzer is to try many.
const SMALL: usize = 4_096;

/// A module is described, and loaded if it is small; or the error says what is wrong with it.
pub fn module(bytes: &[u8]) {
    let module = Module::from_bytes("policy.wasm", bytes.to_vec());
    match module.describe() {
        Err(problem) => super::is_fit_for_people(&problem.to_string()),
        Ok(description) => {
            assert_eq!(description.size, bytes.len());
            if bytes.len() <= SMALL {
                load(&module);
            }
        }
    }
}

fn load(module: &Module) {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| Engine::new(EngineSettings::default()).expect("an engine"));
    let limits = Limits {
        memory_bytes: 4 << 20,
        configure_fuel: 1_000_000,
        fuel: 1_000_000,
        configure_clock_ms: 1_000,
        clock_ms: 1_000,
        ..Limits::default()
    };
    if let Err(error) = Policy::load(engine, module, &Value::Null, Vec::new(), &limits) {
        super::is_fit_for_people(&error.to_string());
    }
}
