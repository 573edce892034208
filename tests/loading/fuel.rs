//! What fuel means in time. The figures are printed; the documentation of the limit has their range.

use std::time::Duration;

use rolarr::policy::{Engine, Failure, Limits, Module, Policy};
use rolarr_policy::contract::{Cause, Event};
use serde_json::Value;

use crate::settings;
use crate::wat_policies::{Parts, core_module};

/// Policies that use up all of their fuel, each in a way of its own.
fn kinds() -> Vec<(&'static str, Module)> {
    let script = tempfile::Builder::new().suffix(".rhai").tempfile().unwrap();
    std::fs::write(script.path(), "fn decide(event) { let n = 0; loop { n += 1; } }").unwrap();
    let mut kinds = vec![("a script", Module::open(script.path().to_str().unwrap()).unwrap())];
    for (name, evaluate) in [
        ("code that counts", "(loop $again (br $again)) (unreachable)"),
        (
            "code that calls",
            "(loop $again (drop (call $add (i32.const 1))) (br $again)) (unreachable)",
        ),
        (
            "code that reads memory far apart",
            "(loop $again
               (global.set $at (i32.and (i32.add (i32.mul (global.get $at) (i32.const 1664525)) (i32.const 1013904223))
                 (i32.const 16777212)))
               (i32.store offset=65536 (global.get $at) (i32.load offset=65536 (global.get $at)))
               (br $again)) (unreachable)",
        ),
        (
            "code that divides",
            "(loop $again
               (global.set $at (i32.add (i32.div_u (i32.const 2000000001) (i32.or (global.get $at) (i32.const 1)))
                 (i32.const 7)))
               (br $again)) (unreachable)",
        ),
        (
            "code that fills memory",
            "(loop $again (memory.fill (i32.const 65536) (i32.const 1) (i32.const 60000)) (br $again)) (unreachable)",
        ),
        (
            "code that logs",
            "(loop $again (call $log (i32.const 1) (i32.const 1024) (i32.const 4)) (br $again)) (unreachable)",
        ),
    ] {
        let parts = Parts {
            imports: r#"(import "rolarr:policy/host@1.0.0" "log" (func $log (param i32 i32 i32)))"#,
            pages: 300,
            more: "(global $at (mut i32) (i32.const 1))
                   (func $add (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))",
            evaluate,
            ..Parts::default()
        };
        kinds.push((name, Module::from_bytes(name, core_module(&parts))));
    }
    kinds
}

#[test]
fn all_fuel_of_an_event_is_used_up_in_a_time_that_is_known() {
    let engine = Engine::new(settings()).unwrap();
    // The clock is not what ends it, however busy the machine is.
    let limits = Limits { clock_ms: 600_000, load_clock_ms: 120_000, ..Limits::default() };
    let mut event = Event::new(Cause::MemberLeft);
    event.id = "9000000001".to_owned();
    for (name, module) in kinds() {
        let policy = Policy::load(&engine, &module, &Value::Null, Vec::new(), &limits).unwrap();
        let mut quickest = Duration::MAX;
        for _ in 0..3 {
            let error = policy.evaluate(&event).unwrap_err();
            // A script has a limit of its own before that.
            let is_known = matches!(error.cause, Failure::OutOfFuel { .. } | Failure::Refused(_));
            assert!(is_known, "{name}: {error}");
            let all = u128::from(limits.fuel) * error.took.as_micros() / u128::from(error.fuel.max(1));
            quickest = quickest.min(Duration::from_micros(u64::try_from(all).unwrap_or(u64::MAX)));
        }
        println!("{name}: all fuel of an event takes {} ms", quickest.as_millis());
    }
}
