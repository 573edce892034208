use std::path::Path;
use std::sync::OnceLock;

use rolarr::policy::{Engine, EngineSettings, Limits, LoadProblem, Loader, Module, Policy};
use serde_json::Value;

/// A module is loaded by a process of its own, within its limits; or the error says in one line why it is not. `program`
/// is `rolarr`.
pub fn loader(program: &Path, bytes: &[u8]) -> bool {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| {
        let settings = EngineSettings { loader: Loader::At(program.to_owned()), ..EngineSettings::default() };
        Engine::new(settings).expect("an engine")
    });
    let limits = Limits {
        configure_fuel: 1_000_000,
        load_cpu_ms: 3_000,
        load_cpu_per_mib_ms: 0,
        load_clock_ms: 8_000,
        load_clock_per_mib_ms: 0,
        ..Limits::default()
    };
    let module = Module::from_bytes("policy.wasm", bytes.to_vec());
    match Policy::load(engine, &module, &Value::Null, Vec::new(), &limits) {
        Ok(_) => true,
        Err(error) => {
            let text = error.to_string();
            super::is_fit_for_people(&text);
            assert!(!text.contains('\n') && text.chars().count() < 500, "{text}");
            let works = !matches!(error.problem, LoadProblem::Loader(_) | LoadProblem::NoFolder(_));
            assert!(works, "{text}");
            false
        }
    }
}
