use std::sync::OnceLock;

use rolarr::policy::{Engine, EngineSettings, Limits, Loader, Module, Policy};
use serde_json::Value;

/// Larger ones are not compiled: the policies that come with Rolarr are smaller, and more is to be tried.
const SMALL: usize = 256 * 1024;

/// A module is described, and loaded unless it is large; or the error says what is wrong with it.
pub fn module(bytes: &[u8]) -> bool {
    let module = Module::from_bytes("policy.wasm", bytes.to_vec());
    match module.describe() {
        Err(problem) => {
            super::is_fit_for_people(&problem.to_string());
            false
        }
        Ok(description) => {
            assert_eq!(description.size, bytes.len());
            if bytes.len() <= SMALL {
                load(&module);
            }
            true
        }
    }
}

fn load(module: &Module) {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| {
        let settings = EngineSettings { loader: Loader::InThisProcess, ..EngineSettings::default() };
        Engine::new(settings).expect("an engine")
    });
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
