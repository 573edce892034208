//! Policies that do harm, by mistake or on purpose.
//!
//! Each is built from WebAssembly text. Each must give one clear error that names the policy and the
//! cause, and no action; and the next event must be decided as if nothing had been. What people see is in
//! one snapshot, so that a change of words is looked at.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops where it fails"
)]

use std::fmt::Write as _;
use std::time::Duration;

use rolarr::policy::{
    Engine, EngineSettings, EvaluationError, Failure, Limits, LoadError, LoadProblem, Module, Policy,
};
use rolarr_policy::contract::{Cause, Decision, Event};
use serde_json::Value;

mod wat_policies;

use wat_policies::harmful::{LOOP, evaluating, harmful_in_evaluate, limits, not_loadable};
use wat_policies::{Parts, contract, core_module};

/// An engine whose policies are loaded as the program loads them.
fn loading() -> EngineSettings {
    let loader = rolarr::policy::Loader::At(env!("CARGO_BIN_EXE_rolarr-steps").into());
    EngineSettings { loader, ..EngineSettings::default() }
}

fn engine() -> Engine {
    Engine::new(loading()).unwrap()
}

fn load_with(engine: &Engine, name: &str, bytes: Vec<u8>, limits: &Limits) -> Result<Policy, LoadError> {
    let module = Module::from_bytes(name, bytes);
    Policy::load(engine, &module, &Value::Null, Vec::new(), limits)
}

fn load(engine: &Engine, name: &str, bytes: Vec<u8>) -> Result<Policy, LoadError> {
    load_with(engine, name, bytes, &limits())
}

/// On ids that begin with 9 the policies here do harm, on others they decide normally.
fn event(id: &str) -> Event {
    let mut event = Event::new(Cause::MemberLeft);
    event.id = id.to_owned();
    event
}

fn harmful() -> Event {
    event("9000000001")
}

/// What the policies here decide when they do no harm.
fn normal() -> Decision {
    Decision::nothing("fine")
}

/// The error of a policy that does harm in `evaluate`, after it was seen that events before and after are
/// decided normally.
fn harm(engine: &Engine, name: &str, parts: &Parts, limits: &Limits) -> EvaluationError {
    let policy = load_with(engine, name, core_module(parts), limits).unwrap();
    assert_eq!(policy.evaluate(&event("0000000001")).unwrap().decision, normal(), "{name}");
    let error = policy.evaluate(&harmful()).unwrap_err();
    assert_eq!(policy.evaluate(&event("0000000002")).unwrap().decision, normal(), "{name}");
    error
}

/// A policy that is sound, to see that the engine is as well as before.
fn the_engine_is_well(engine: &Engine) {
    let policy = load(engine, "sound", core_module(&Parts::default())).unwrap();
    assert_eq!(policy.evaluate(&event("0000000003")).unwrap().decision, normal());
    assert_eq!(policy.evaluate(&harmful()).unwrap().decision, normal());
}

#[test]
fn every_policy_that_does_harm_gives_one_clear_error_and_no_action() {
    let engine = engine();
    let mut said = String::new();
    for (name, bytes) in not_loadable() {
        let error = load(&engine, name, bytes).expect_err(name);
        assert!(error.to_string().contains(name), "{error}");
        writeln!(said, "{error}").unwrap();
    }
    the_engine_is_well(&engine);
    writeln!(said).unwrap();
    for (name, parts, limits) in harmful_in_evaluate() {
        let error = harm(&engine, name, &parts, &limits);
        let text = error.to_string();
        assert!(text.contains(name) && text.contains("9000000001"), "{text}");
        writeln!(said, "{text}").unwrap();
        for line in error.logs.iter().rev().take(1) {
            writeln!(said, "    last line: {}", line.text).unwrap();
        }
    }
    the_engine_is_well(&engine);
    assert!(!said.contains('\u{1b}'), "an escape sequence came through");
    insta::assert_snapshot!(said);
}

#[test]
fn a_policy_that_runs_away_costs_the_same_fuel_every_time() {
    let engine = engine();
    let limits = Limits { fuel: 1_000_000, ..limits() };
    let policy = load_with(&engine, "loop", core_module(&evaluating(LOOP)), &limits).unwrap();
    for _ in 0..3 {
        let error = policy.evaluate(&harmful()).unwrap_err();
        assert_eq!(error.cause, Failure::OutOfFuel { limit: 1_000_000, name: "fuel" });
        assert!(error.fuel >= 999_900, "{}", error.fuel);
    }
    let costs: Vec<u64> = (0..3).map(|_| policy.evaluate(&event("0000000001")).unwrap().fuel).collect();
    assert_eq!(costs[0], costs[1]);
    assert_eq!(costs[1], costs[2]);
}

#[test]
fn the_clock_stops_a_policy_even_if_nothing_else_happens_for_a_long_time() {
    let engine = engine();
    // The clock of the engine sleeps after half a second without work. This is work.
    let limits = Limits { configure_fuel: 100_000_000_000, configure_clock_ms: 1_200, ..limits() };
    let parts = Parts { configure: LOOP, ..Parts::default() };
    let error = load_with(&engine, "endless", core_module(&parts), &limits).unwrap_err();
    let limit = Duration::from_millis(1_200);
    let expected = LoadProblem::Configure(Failure::OutOfTime { limit, name: "configure_clock" });
    assert_eq!(error.problem, expected);

    // And after a rest it is awake again for the next one.
    std::thread::sleep(Duration::from_millis(800));
    let limits = Limits { fuel: 100_000_000_000, clock_ms: 1_200, ..limits };
    let limits = Limits { configure_clock_ms: 60_000, ..limits };
    let policy = load_with(&engine, "endless", core_module(&evaluating(LOOP)), &limits).unwrap();
    let error = policy.evaluate(&harmful()).unwrap_err();
    assert_eq!(error.cause, Failure::OutOfTime { limit, name: "clock" });
}

#[test]
fn a_policy_that_fails_a_thousand_times_uses_nothing_up() {
    let engine = engine();
    let policy = load(&engine, "trap", core_module(&evaluating("(unreachable)"))).unwrap();
    for _ in 0..1_000 {
        policy.evaluate(&harmful()).unwrap_err();
    }
    assert_eq!(policy.evaluate(&event("0000000001")).unwrap().decision, normal());
    the_engine_is_well(&engine);
}

#[test]
fn many_threads_evaluate_while_one_policy_runs_away() {
    let engine = engine();
    let sound = load(&engine, "sound", core_module(&Parts::default())).unwrap();
    let endless = load(&engine, "endless", core_module(&evaluating(LOOP))).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| endless.evaluate(&harmful()).unwrap_err());
        }
        for _ in 0..30 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(sound.evaluate(&event("0000000001")).unwrap().decision, normal());
                }
            });
        }
    });
}

#[test]
fn memory_that_fits_may_be_used() {
    let engine = engine();
    // 32 MiB are 512 pages; two are there from the start, and some room is left for the event itself.
    let grows = evaluating(
        "(if (i32.eq (i32.const -1) (memory.grow (i32.const 500))) (then (unreachable)))
         (call $fine)",
    );
    let policy = load(&engine, "grows", core_module(&grows)).unwrap();
    let grown = policy.evaluate(&harmful()).unwrap();
    assert_eq!(grown.decision, normal());
    // What was used is told to the byte: pages have 64 KiB.
    let at_rest = policy.evaluate(&event("0000000001")).unwrap();
    assert_eq!(grown.memory - at_rest.memory, 500 << 16);
}

#[test]
fn a_policy_that_grows_beyond_the_limit_and_goes_on_is_no_failure() {
    let engine = engine();
    let tries = evaluating("(drop (memory.grow (i32.const 60000))) (call $fine)");
    let policy = load(&engine, "tries", core_module(&tries)).unwrap();
    assert_eq!(policy.evaluate(&harmful()).unwrap().decision, normal());
}

#[test]
fn a_component_with_a_table_that_changes_is_configured_for_every_event() {
    let engine = engine();
    // wasmtime-wizer can't snapshot a table that is written to.
    let parts = Parts {
        more: "(table $t 1 funcref) (func $noted) (elem declare func $noted)
               (func $note (table.set $t (i32.const 0) (ref.func $noted)))",
        configure: "(call $note) (i32.store8 (i32.const 2048) (i32.const 0)) (i32.const 2048)",
        evaluate: "(call_indirect (i32.const 0)) (call $fine)",
        ..Parts::default()
    };
    let policy = load(&engine, "table", core_module(&parts)).unwrap();
    assert!(!policy.starts_from_a_snapshot());
    // Without `configure` the table would be empty and the call would trap.
    assert_eq!(policy.evaluate(&harmful()).unwrap().decision, normal());
}

#[test]
fn nothing_is_left_of_one_event_for_the_next() {
    let engine = engine();
    // Traps if it ran before in the same memory.
    let parts = evaluating(
        "(if (i32.load (i32.const 5000)) (then (unreachable)))
         (i32.store (i32.const 5000) (i32.const 1))
         (call $fine)",
    );
    let policy = load(&engine, "memory", core_module(&parts)).unwrap();
    for _ in 0..50 {
        assert_eq!(policy.evaluate(&harmful()).unwrap().decision, normal());
    }
}

#[test]
fn a_later_minor_version_runs_unless_it_needs_what_is_new() {
    let engine = engine();
    let later = Parts { version: "1.7.0", ..Parts::default() };
    let policy = load(&engine, "later", core_module(&later)).unwrap();
    assert_eq!(policy.evaluate(&event("0000000001")).unwrap().decision, normal());
    assert_eq!(policy.description().contract.to_string(), "1.7.0");

    let text = contract("1.7.0").replace("log: func", "now: func() -> u64;\n  log: func");
    let parts = Parts {
        version: "1.7.0",
        imports: r#"(import "rolarr:policy/host@1.7.0" "now" (func (result i64)))"#,
        ..Parts::default()
    };
    let error = load(&engine, "newer", wat_policies::embed(&parts.text(), &text, "policy")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "policy `newer` can't be used: it was made for contract 1.7.0, this Rolarr knows 1.0.0: use a newer \
         Rolarr, or build the policy with an older SDK"
    );
}

#[test]
fn a_file_that_is_cut_or_changed_anywhere_is_an_error_or_a_policy_and_never_a_crash() {
    let engine = engine();
    let sound = core_module(&Parts::default());
    // Looking at the file must already be enough for most.
    for end in 0..sound.len() {
        let module = Module::from_bytes("cut", sound[..end].to_vec());
        module.describe().unwrap_err();
    }
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..150 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let mut bytes = sound.clone();
        let at = (seed % bytes.len() as u64) as usize;
        bytes[at] ^= 1 << ((seed >> 32) % 8);
        let limits = Limits { fuel: 1_000_000, configure_fuel: 1_000_000, ..Limits::default() };
        if let Ok(policy) = load_with(&engine, "changed", bytes, &limits) {
            // Whatever it decides, it returns.
            let _ = policy.evaluate(&event("0000000001"));
        }
    }
    the_engine_is_well(&engine);
}

#[test]
fn a_module_over_the_limit_is_not_even_looked_at() {
    let engine = engine();
    let limits = Limits { module_bytes: 100, ..limits() };
    let error = load_with(&engine, "large", vec![0; 101], &limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        "policy `large` can't be used: the file has 101 bytes, the limit `module_bytes` is 100"
    );
    let limits = Limits { memory_bytes: 1 << 30, ..Limits::default() };
    let error = load_with(&engine, "greedy", core_module(&Parts::default()), &limits).unwrap_err();
    assert!(error.to_string().contains("more than 268435456 is not possible"), "{error}");
}

#[test]
fn a_cache_makes_no_difference_even_if_it_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let settings = || EngineSettings { cache_dir: Some(folder.path().join("cache")), ..loading() };
    let module = Module::from_bytes("sound", core_module(&Parts::default()));
    let load = |engine: &Engine| Policy::load(engine, &module, &Value::Null, Vec::new(), &limits()).unwrap();

    let first = load(&Engine::new(settings()).unwrap());
    let expected = first.evaluate(&event("0000000001")).unwrap();
    let kept = || -> Vec<std::path::PathBuf> {
        let folder = folder.path().join("cache/compiled");
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|entry| ["code", "about"].map(|name| entry.join(name))).collect()
    };
    assert_eq!(kept().len(), 2);

    let check = |what: &str| {
        let policy = load(&Engine::new(settings()).unwrap());
        let again = policy.evaluate(&event("0000000001")).unwrap();
        assert_eq!((again.decision, again.fuel), (expected.decision.clone(), expected.fuel), "{what}");
        assert_eq!((policy.metadata(), policy.digest()), (first.metadata(), first.digest()), "{what}");
    };
    check("from the cache");
    for file in kept() {
        let mut bytes = std::fs::read(&file).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 0xff;
        std::fs::write(&file, bytes).unwrap();
    }
    check("with damaged files");
    for file in kept() {
        std::fs::write(file, "").unwrap();
    }
    check("with empty files");
    std::fs::remove_dir_all(folder.path().join("cache")).unwrap();
    check("with nothing left");
}

#[test]
fn a_snapshot_from_a_time_of_more_memory_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let settings = EngineSettings { cache_dir: Some(folder.path().join("cache")), ..loading() };
    let engine = Engine::new(settings).unwrap();
    // Takes 25 MiB if it can have them.
    let parts = Parts {
        configure: "(drop (memory.grow (i32.const 400)))
                    (i32.store8 (i32.const 2048) (i32.const 0)) (i32.const 2048)",
        ..Parts::default()
    };
    let bytes = core_module(&parts);
    let wide = load(&engine, "grows", bytes.clone()).unwrap();
    assert_eq!(wide.evaluate(&harmful()).unwrap().decision, normal());
    let limits = Limits { memory_bytes: 8 << 20, ..limits() };
    let narrow = load_with(&engine, "grows", bytes, &limits).unwrap();
    assert_eq!(narrow.evaluate(&harmful()).unwrap().decision, normal());
}

#[test]
fn a_contract_whose_packages_depend_on_each_other_is_refused() {
    // The interface of the rules moves to another package: that needs the types of the first package, whose
    // world needs the rules of the other.
    let mut bytes = core_module(&Parts::default());
    let name = b"rolarr:policy/rules@1.0.0";
    let at = (0..bytes.len() - name.len()).rfind(|at| bytes[*at..].starts_with(name)).unwrap();
    bytes[at + 2] = b'x';
    let error = load(&engine(), "circle", bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "policy `circle` can't be used: it is WebAssembly, but not a policy: the contract in it contradicts itself"
    );
}

#[test]
fn what_a_policy_exports_besides_is_tolerated_and_never_called() {
    let engine = engine();
    let world = contract("1.0.0").replace("export rules;", "export rules;\n  export extra: func();");
    let parts = Parts { more: r#"(func (export "extra") (unreachable))"#, ..Parts::default() };
    let policy = load(&engine, "extra", wat_policies::embed(&parts.text(), &world, "policy")).unwrap();
    assert!(policy.starts_from_a_snapshot());
    assert_eq!(policy.evaluate(&harmful()).unwrap().decision, normal());
}
