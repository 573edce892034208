//! Policies that do harm, each by what it does.

use rolarr::policy::Limits;

use super::{Parts, component_from_text, core_module, embed};

/// The limits of most tests. Loading is cheap in them, so a loop while loading need not take seconds. The clock
/// is wide open: on a machine that is busy with other tests it would come before the fuel.
pub(crate) fn limits() -> Limits {
    Limits {
        fuel: 50_000_000,
        clock_ms: 60_000,
        configure_fuel: 20_000_000,
        configure_clock_ms: 60_000,
        ..Limits::default()
    }
}

/// A policy that does this on events whose id begins with 9.
pub(crate) fn evaluating(evaluate: &'static str) -> Parts {
    Parts { evaluate, ..Parts::default() }
}

/// Never ends.
pub(crate) const LOOP: &str = "(loop $again (br $again)) (unreachable)";

/// `err` with a million times ESC.
pub(crate) const A_MILLION_ESCAPES: &str = "(drop (memory.grow (i32.const 16)))
     (memory.fill (i32.const 65536) (i32.const 0x1b) (i32.const 1000000))
     (i32.store8 (i32.const 2048) (i32.const 1))
     (i32.store (i32.const 2052) (i32.const 65536))
     (i32.store (i32.const 2056) (i32.const 1000000))
     (i32.const 2048)";

/// What a policy imports that logs.
pub(crate) const LOG: &str = r#"(import "rolarr:policy/host@1.0.0" "log" (func $log (param i32 i32 i32)))"#;

/// The same, and log lines of that length and of 5,000 characters before it.
pub(crate) fn loud() -> Parts {
    Parts {
        imports: LOG,
        more: "(global $line (mut i32) (i32.const 0))",
        evaluate: "(drop (memory.grow (i32.const 16)))
             (memory.fill (i32.const 65536) (i32.const 0x1b) (i32.const 1000000))
             (loop $next
               (call $log (i32.const 3) (i32.const 65536) (i32.const 900000))
               (call $log (i32.const 1) (i32.const 65536) (i32.const 5000))
               (global.set $line (i32.add (global.get $line) (i32.const 1)))
               (br_if $next (i32.lt_u (global.get $line) (i32.const 5))))
             (i32.store8 (i32.const 2048) (i32.const 1))
             (i32.store (i32.const 2052) (i32.const 65536))
             (i32.store (i32.const 2056) (i32.const 1000000))
             (i32.const 2048)",
        ..Parts::default()
    }
}

/// Every policy that does harm while it decides, by name.
pub(crate) fn harmful_in_evaluate() -> Vec<(&'static str, Parts, Limits)> {
    let usual = limits();
    vec![
        ("endless-loop", evaluating(LOOP), usual.clone()),
        (
            "endless-loop-without-fuel-limit",
            evaluating(LOOP),
            Limits { fuel: u64::MAX, clock_ms: 100, ..usual.clone() },
        ),
        (
            "endless-recursion",
            Parts {
                more: "(func $deeper (param i32) (result i32)
                         (i32.add (i32.const 1) (call $deeper (local.get 0))))",
                evaluate: "(call $deeper (i32.const 0))",
                ..Parts::default()
            },
            usual.clone(),
        ),
        (
            "memory-growth",
            evaluating(
                "(loop $more (br_if $more (i32.ne (i32.const -1) (memory.grow (i32.const 1)))))
                 (unreachable)",
            ),
            usual.clone(),
        ),
        // With memory enough for them.
        (
            "a-million-actions",
            evaluating(
                "(drop (memory.grow (i32.const 4000)))
                 (i32.store8 (i32.const 2048) (i32.const 0))
                 (i32.store (i32.const 2052) (i32.const 65536))
                 (i32.store (i32.const 2056) (i32.const 1000000))
                 (i32.store (i32.const 2060) (i32.const 1024))
                 (i32.store (i32.const 2064) (i32.const 0))
                 (i32.const 2048)",
            ),
            Limits { memory_bytes: 256 << 20, ..usual.clone() },
        ),
        (
            "a-million-actions-that-are-not-there",
            evaluating(
                "(i32.store8 (i32.const 2048) (i32.const 0))
                 (i32.store (i32.const 2052) (i32.const 0))
                 (i32.store (i32.const 2056) (i32.const 1000000))
                 (i32.const 2048)",
            ),
            usual.clone(),
        ),
        // `unrestrict` a hundred times.
        (
            "a-hundred-actions",
            Parts {
                more: "(func $fill (local $at i32)
                         (local.set $at (i32.const 8192))
                         (loop $next
                           (i32.store8 (local.get $at) (i32.const 2))
                           (local.set $at (i32.add (local.get $at) (i32.const 8)))
                           (br_if $next (i32.lt_u (local.get $at) (i32.const 65000)))))",
                evaluate: "(call $fill)
                 (i32.store8 (i32.const 2048) (i32.const 0))
                 (i32.store (i32.const 2052) (i32.const 8192))
                 (i32.store (i32.const 2056) (i32.const 100))
                 (i32.store (i32.const 2060) (i32.const 1024))
                 (i32.store (i32.const 2064) (i32.const 0))
                 (i32.const 2048)",
                ..Parts::default()
            },
            usual.clone(),
        ),
        (
            "a-string-of-100-MB",
            evaluating(
                "(drop (memory.grow (i32.const 1600)))
                 (i32.store8 (i32.const 2048) (i32.const 0))
                 (i32.store (i32.const 2052) (i32.const 0))
                 (i32.store (i32.const 2056) (i32.const 0))
                 (i32.store (i32.const 2060) (i32.const 65536))
                 (i32.store (i32.const 2064) (i32.const 100000000))
                 (i32.const 2048)",
            ),
            Limits { memory_bytes: 256 << 20, ..usual.clone() },
        ),
        (
            "a-reason-of-10-KB",
            evaluating(
                "(memory.fill (i32.const 8192) (i32.const 0x61) (i32.const 10000))
                 (i32.store8 (i32.const 2048) (i32.const 0))
                 (i32.store (i32.const 2052) (i32.const 0))
                 (i32.store (i32.const 2056) (i32.const 0))
                 (i32.store (i32.const 2060) (i32.const 8192))
                 (i32.store (i32.const 2064) (i32.const 10000))
                 (i32.const 2048)",
            ),
            usual.clone(),
        ),
        (
            "invalid-utf-8",
            evaluating(
                "(i32.store (i32.const 3000) (i32.const 0xfefffeff))
                 (i32.store8 (i32.const 2048) (i32.const 0))
                 (i32.store (i32.const 2052) (i32.const 0))
                 (i32.store (i32.const 2056) (i32.const 0))
                 (i32.store (i32.const 2060) (i32.const 3000))
                 (i32.store (i32.const 2064) (i32.const 4))
                 (i32.const 2048)",
            ),
            usual.clone(),
        ),
        ("a-pointer-to-nowhere", evaluating("(i32.const 0x7ffffff0)"), usual.clone()),
        (
            "a-case-that-does-not-exist",
            evaluating("(i32.store8 (i32.const 2048) (i32.const 7)) (i32.const 2048)"),
            usual.clone(),
        ),
        ("a-trap", evaluating("(unreachable)"), usual.clone()),
        ("a-division-by-zero", evaluating("(i32.div_u (i32.const 1) (i32.const 0))"), usual.clone()),
        ("a-read-outside-of-its-memory", evaluating("(i32.load (i32.const 0x7ffffff0))"), usual.clone()),
        // err("\u{1b}[2J" and more): clears a terminal that prints it.
        (
            "an-error-with-escape-sequences",
            evaluating(
                "(i32.store (i32.const 3000) (i32.const 0x4a325b1b))
                 (i32.store8 (i32.const 2048) (i32.const 1))
                 (i32.store (i32.const 2052) (i32.const 3000))
                 (i32.store (i32.const 2056) (i32.const 4))
                 (i32.const 2048)",
            ),
            usual.clone(),
        ),
        ("an-error-of-a-million-escapes", evaluating(A_MILLION_ESCAPES), usual.clone()),
        ("and-logs-before-it", loud(), usual.clone()),
        (
            "an-error-without-a-word",
            evaluating(
                "(i32.store8 (i32.const 2048) (i32.const 1))
                 (i32.store (i32.const 2052) (i32.const 3000))
                 (i32.store (i32.const 2056) (i32.const 0))
                 (i32.const 2048)",
            ),
            usual.clone(),
        ),
        // log(info, memory[0..65536]) without end.
        (
            "endless-logging",
            Parts {
                imports: LOG,
                evaluate: "(loop $again
                             (call $log (i32.const 1) (i32.const 1024) (i32.const 4))
                             (br $again))
                           (unreachable)",
                ..Parts::default()
            },
            usual,
        ),
    ]
}

/// Every policy that can't even be loaded, by name.
pub(crate) fn not_loadable() -> Vec<(&'static str, Vec<u8>)> {
    let sound = core_module(&Parts::default());
    let loading = |describe, configure| core_module(&Parts { describe, configure, ..Parts::default() });
    let fine = Parts::default();
    vec![
        ("an-empty-file", Vec::new()),
        ("a-text-file", b"export function evaluate(event) { return []; }\n".to_vec()),
        ("an-image", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()),
        ("a-truncated-file", sound[..sound.len() / 2].to_vec()),
        (
            "a-core-module-without-a-contract",
            wat::parse_str(r#"(module (func (export "evaluate")))"#).unwrap(),
        ),
        (
            "a-component-of-another-world",
            embed(
                r#"(module (func (export "run")))"#,
                "package demo:other; world other { export run: func(); }",
                "other",
            ),
        ),
        ("a-component-that-exports-nothing", component_from_text("(component)")),
        (
            "rules-of-another-shape",
            embed(
                r#"(module
                     (memory (export "memory") 1)
                     (func (export "rolarr:policy/rules@1.0.0#evaluate") (result i32) (i32.const 1)))"#,
                "package rolarr:policy@1.0.0;
                 interface rules { evaluate: func() -> u32; }
                 world policy { export rules; }",
                "policy",
            ),
        ),
        ("a-contract-from-the-future", core_module(&Parts { version: "2.0.0", ..Parts::default() })),
        ("a-contract-from-the-past", core_module(&Parts { version: "0.9.0", ..Parts::default() })),
        (
            "a-core-module-with-wasi",
            wat::parse_str(
                r#"(module (import "wasi_snapshot_preview1" "fd_write"
                     (func (param i32 i32 i32 i32) (result i32))))"#,
            )
            .unwrap(),
        ),
        (
            "a-component-with-wasi",
            component_from_text(r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance)))"#),
        ),
        ("an-import-of-another-kind", component_from_text(r#"(component (import "run-anything" (func)))"#)),
        ("an-initial-memory-over-the-limit", core_module(&Parts { pages: 600, ..Parts::default() })),
        (
            "a-start-function-that-loops",
            core_module(&Parts {
                more: "(func $forever (loop $again (br $again))) (start $forever)",
                ..Parts::default()
            }),
        ),
        (
            "a-start-function-that-traps",
            core_module(&Parts { more: "(func $bang (unreachable)) (start $bang)", ..Parts::default() }),
        ),
        ("describe-never-returns", loading(LOOP, fine.configure)),
        (
            "describe-without-a-name",
            loading(
                "(memory.fill (i32.const 2048) (i32.const 0) (i32.const 64)) (i32.const 2048)",
                fine.configure,
            ),
        ),
        (
            "configure-fails",
            loading(
                fine.describe,
                "(i32.store8 (i32.const 2048) (i32.const 1))
                 (i32.store (i32.const 2052) (i32.const 1028))
                 (i32.store (i32.const 2056) (i32.const 7))
                 (i32.const 2048)",
            ),
        ),
        (
            "configure-fails-without-a-word",
            loading(
                fine.describe,
                "(i32.store8 (i32.const 2048) (i32.const 1))
                 (i32.store (i32.const 2052) (i32.const 1028))
                 (i32.store (i32.const 2056) (i32.const 0))
                 (i32.const 2048)",
            ),
        ),
        ("configure-fails-with-a-million-escapes", loading(fine.describe, A_MILLION_ESCAPES)),
        ("configure-traps", loading(fine.describe, "(unreachable)")),
        ("configure-never-returns", loading(fine.describe, LOOP)),
    ]
}
