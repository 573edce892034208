//! A policy that answers every event with the same action, written in WebAssembly text by the canonical ABI of
//! the contract.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use rolarr::pipeline::ports::policy_source::Loaded;
use serde_json::Value;
use wit_component::StringEncoding;
use wit_parser::Resolve;

/// What it answers.
pub(crate) enum Always<'a> {
    /// Share these libraries and no others.
    Libraries(&'a [&'a str]),
    /// Restrict to what these labels let through: movies, television, music, photos; none leaves the filter.
    Restrict([Option<&'a str>; 4]),
}

/// The name that it gives itself.
pub(crate) const NAME: &str = "constant";

/// Where the answer stands in the policy's memory.
const ACTION: u32 = 4_096;
const ACTION_SIZE: usize = 160;

/// The policy, loaded.
pub(crate) fn always(answer: &Always<'_>) -> Result<Loaded> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("constant.wasm");
    std::fs::write(&path, module(answer)?)?;
    rolarr_tests::inprocess::load(&path.display().to_string(), &Value::Null)
}

fn module(answer: &Always<'_>) -> Result<Vec<u8>> {
    let memory = Memory::of(answer).bytes.into_iter().fold(String::new(), |mut text, byte| {
        // Writing into a string can't fail.
        let _ = write!(text, "\\{byte:02x}");
        text
    });
    let rules = "rolarr:policy/rules@1.0.0";
    let text = format!(
        r#"(module
          (memory (export "memory") 2)
          (global $heap (mut i32) (i32.const 65536))
          (data (i32.const 1024) "always")
          (data (i32.const 1040) "{NAME}")
          (data (i32.const {ACTION}) "{memory}")
          (func (export "cabi_realloc") (param $old i32) (param $had i32) (param $align i32) (param $size i32)
                (result i32) (local $at i32)
            (local.set $at (i32.and
              (i32.sub (i32.add (global.get $heap) (local.get $align)) (i32.const 1))
              (i32.sub (i32.const 0) (local.get $align))))
            (global.set $heap (i32.add (local.get $at) (local.get $size)))
            (local.get $at))
          (func (export "{rules}#describe") (result i32)
            (i32.store (i32.const 2048) (i32.const 1040))
            (i32.store (i32.const 2052) (i32.const {name}))
            (i32.const 2048))
          (func (export "{rules}#configure") (param i32 i32 i32 i32) (result i32) (i32.const 3072))
          ;; ok(decision with one action)
          (func (export "{rules}#evaluate") (param i32) (result i32)
            (i32.store (i32.const 2052) (i32.const {ACTION}))
            (i32.store (i32.const 2056) (i32.const 1))
            (i32.store (i32.const 2060) (i32.const 1024))
            (i32.store (i32.const 2064) (i32.const 6))
            (i32.store8 (i32.const 2048) (i32.const 0))
            (i32.const 2048)))"#,
        name = NAME.len()
    );
    let mut bytes = wat::parse_str(text)?;
    let mut resolve = Resolve::default();
    let package = resolve.push_str("policy.wit", include_str!("../../wit/policy.wit"))?;
    let world = resolve.select_world(&[package], Some("policy"))?;
    wit_component::embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8)
        .context("the contract can't be embedded")?;
    Ok(bytes)
}

/// The action, and behind it the texts that it names.
struct Memory {
    bytes: Vec<u8>,
}

impl Memory {
    fn of(answer: &Always<'_>) -> Self {
        let mut memory = Self { bytes: vec![0; ACTION_SIZE] };
        match answer {
            Always::Libraries(names) => {
                memory.bytes[0] = 4;
                let list = memory.list(names);
                memory.put(8, list);
            }
            Always::Restrict(labels) => {
                memory.bytes[0] = 1;
                for (number, label) in labels.iter().enumerate() {
                    let at = 8 + 36 * number;
                    if let Some(label) = label {
                        memory.bytes[at] = 2;
                        let list = memory.list(&[label]);
                        memory.put(at + 4, list);
                    }
                }
            }
        }
        memory
    }

    fn end(&self) -> u32 {
        ACTION + u32::try_from(self.bytes.len()).unwrap()
    }

    fn text(&mut self, text: &str) -> (u32, u32) {
        let at = self.end();
        self.bytes.extend(text.as_bytes());
        (at, u32::try_from(text.len()).unwrap())
    }

    fn list(&mut self, texts: &[&str]) -> (u32, u32) {
        let parts: Vec<(u32, u32)> = texts.iter().map(|text| self.text(text)).collect();
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        let at = self.end();
        for (pointer, length) in &parts {
            self.bytes.extend(pointer.to_le_bytes());
            self.bytes.extend(length.to_le_bytes());
        }
        (at, u32::try_from(parts.len()).unwrap())
    }

    fn put(&mut self, at: usize, (pointer, length): (u32, u32)) {
        self.bytes[at..at + 4].copy_from_slice(&pointer.to_le_bytes());
        self.bytes[at + 4..at + 8].copy_from_slice(&length.to_le_bytes());
    }
}
