//! scratch
#![allow(clippy::unwrap_used, missing_docs)]
use rolarr::policy::{Engine, EngineSettings, Limits, Module, Policy, Start};
use rolarr_policy::contract::{Cause, Event, Source};
use serde_json::Value;

#[test]
fn measure() {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("policies");
    let engine = Engine::new(EngineSettings { cache_dir: Some(dir) }).unwrap();
    let runner = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../policies/prebuilt/script.wasm")).unwrap();
    let only = std::env::var("ONLY").ok();
    for line in include_str!("scripts_measure.txt").lines() {
        if line.trim().is_empty() { continue; }
        if only.as_ref().is_some_and(|o| !line.contains(o.as_str())) { continue; }
        let line = line.replace("\\n", "\n");
        let text = if line.contains("fn decide") { line.clone() } else { format!("fn decide(event) {{ {line}\n}}") };
        let mut module = Module::from_bytes("m.rhai", runner.clone());
        module.sources = vec![Source { name: "m.rhai".into(), text }];
        let started = std::time::Instant::now();
        let limits = Limits { fuel: 50_000_000_000, clock_ms: 100_000, ..Limits::default() };
        match Policy::load_for(Start::Configure, &engine, &module, &Value::Null, Vec::new(), &limits) {
            Err(error) => println!("LOAD {line}\n   {} [{:?}]", error.in_full(), started.elapsed()),
            Ok(policy) => {
                let loaded = started.elapsed();
                let event = Event::new(Cause::MemberLeft);
                match policy.evaluate(&event) {
                    Ok(e) => println!("OK   {line}\n   fuel {} M memory {} KiB took {:?} load {loaded:?}", e.fuel as f64 / 1e6, e.memory / 1024, e.took),
                    Err(e) => println!("ERR  {line}\n   fuel {} M took {:?} load {loaded:?} {}", e.fuel as f64 / 1e6, e.took, e.cause),
                }
            }
        }
    }
}
