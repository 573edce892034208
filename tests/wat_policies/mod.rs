//! Policies written in WebAssembly text, by the canonical ABI of the contract.

pub(crate) mod harmful;

use wit_component::StringEncoding;
use wit_parser::Resolve;

/// The bodies of a policy's functions, in WebAssembly text. The default is a policy that does nothing and
/// gives the reason "fine".
///
/// Memory: 1024 "fine", 1028 "invalid", 1040 the name; 2048 and further the place for answers; from 65536
/// on what the host passes in.
pub(crate) struct Parts {
    /// The version of the contract.
    pub(crate) version: &'static str,
    /// Imports.
    pub(crate) imports: &'static str,
    /// Pages of memory at the start.
    pub(crate) pages: u32,
    /// `() -> pointer to metadata`
    pub(crate) describe: &'static str,
    /// `(settings, length, sources, length) -> pointer to result`
    pub(crate) configure: &'static str,
    /// `(pointer to event) -> pointer to result`, on events whose id begins with 9.
    pub(crate) evaluate: &'static str,
    /// Further items.
    pub(crate) more: &'static str,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            version: "1.0.0",
            imports: "",
            pages: 2,
            describe: "(i32.store (i32.const 2048) (i32.const 1040))
                       (i32.store (i32.const 2052) (i32.const 7))
                       (i32.store8 (i32.const 2072) (i32.const 0))
                       (i32.const 2048)",
            configure: "(i32.store8 (i32.const 2048) (i32.const 0)) (i32.const 2048)",
            evaluate: "(call $fine)",
            more: "",
        }
    }
}

impl Parts {
    /// The core module in text.
    pub(crate) fn text(&self) -> String {
        let Self { version, imports, pages, describe, configure, evaluate, more } = self;
        let rules = format!("rolarr:policy/rules@{version}");
        format!(
            r#"(module
              {imports}
              (memory (export "memory") {pages})
              (global $heap (mut i32) (i32.const 65536))
              (data (i32.const 1024) "fine")
              (data (i32.const 1028) "invalid")
              (data (i32.const 1040) "hostile")
              (func (export "cabi_realloc") (param $old i32) (param $had i32) (param $align i32) (param $size i32)
                    (result i32) (local $at i32)
                (local.set $at (i32.and
                  (i32.sub (i32.add (global.get $heap) (local.get $align)) (i32.const 1))
                  (i32.sub (i32.const 0) (local.get $align))))
                (global.set $heap (i32.add (local.get $at) (local.get $size)))
                (local.get $at))
              ;; ok(decision without actions)
              (func $fine (result i32)
                (i32.store8 (i32.const 2048) (i32.const 0))
                (i32.store (i32.const 2052) (i32.const 0))
                (i32.store (i32.const 2056) (i32.const 0))
                (i32.store (i32.const 2060) (i32.const 1024))
                (i32.store (i32.const 2064) (i32.const 4))
                (i32.const 2048))
              (func (export "{rules}#describe") (result i32) {describe})
              (func (export "{rules}#configure") (param i32 i32 i32 i32) (result i32) {configure})
              (func (export "{rules}#evaluate") (param $event i32) (result i32)
                (if (i32.ne (i32.load8_u (i32.load (local.get $event))) (i32.const 0x39))
                  (then (return (call $fine))))
                {evaluate})
              {more})"#
        )
    }
}

/// The contract's text, with another version.
pub(crate) fn contract(version: &str) -> String {
    include_str!("../../wit/policy.wit").replace("rolarr:policy@1.0.0", &format!("rolarr:policy@{version}"))
}

/// A core module with the contract embedded, as compilers give it.
pub(crate) fn core_module(parts: &Parts) -> Vec<u8> {
    embed(&parts.text(), &contract(parts.version), "policy")
}

/// A core module from text with any world embedded.
pub(crate) fn embed(module: &str, wit: &str, world: &str) -> Vec<u8> {
    let mut bytes = wat::parse_str(module).unwrap();
    let mut resolve = Resolve::default();
    let package = resolve.push_str("test.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    wit_component::embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8).unwrap();
    bytes
}

/// A component from text.
pub(crate) fn component_from_text(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}
