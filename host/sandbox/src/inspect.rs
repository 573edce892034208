//! What a file is, what it imports, and which contract it was made for: found out before anything of it is
//! compiled.

use wasmparser::{Encoding, Parser, Payload, Validator};

use super::embedded;
use super::error::LoadProblem;
use super::logs::one_line;
use super::module::{Description, Kind, Module};
use rolarr_domain::UntrustedText;

/// The contract that this version of Rolarr offers. It runs modules of any version with the same first
/// number.
pub const CONTRACT: &str = "1.0.0";

/// The package that a policy's imports and exports belong to.
const PACKAGE: &str = "rolarr:policy/";

/// The interface that every policy exports.
const RULES: &str = "rules";

/// What the host offers to import.
const OFFERED: [&str; 2] = ["host", "types"];

impl Module {
    /// Says what the module is without running anything of it, in this process and without limits: for tests. For
    /// everything else there is [`Engine::describe`](super::Engine::describe).
    ///
    /// # Errors
    ///
    /// It is not a policy, or not one for this Rolarr.
    #[doc(hidden)]
    pub fn describe(&self) -> Result<Description, LoadProblem> {
        inspect(&self.bytes).map(|(_, description)| description)
    }
}

/// Looks at a module and gives it as a component, with its description.
pub(super) fn inspect(bytes: &[u8]) -> Result<(Vec<u8>, Description), LoadProblem> {
    if bytes.is_empty() {
        return Err(LoadProblem::Empty);
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(LoadProblem::NotWasm { text: looks_like_text(bytes) });
    }
    Validator::new_with_features(features()).validate_all(bytes).map_err(damaged)?;
    let outline = Outline::read(bytes)?;
    let (component, outline, kind) = if outline.is_component {
        (bytes.to_vec(), outline, Kind::Component)
    } else {
        refuse_foreign(&outline.core_imports)?;
        if !outline.has_contract {
            return Err(LoadProblem::NotAPolicy(
                "it is a core module without a contract in it; build it with the SDK, or with `wit-bindgen` \
                 from wit/policy.wit"
                    .into(),
            ));
        }
        let component = embedded::componentise(bytes)?;
        let outline = Outline::read(&component)?;
        (component, outline, Kind::CoreModule)
    };
    refuse_other_major(&outline)?;
    refuse_foreign(&outline.imports)?;
    let contract = contract_version(&outline)?;
    let description = Description {
        kind,
        size: bytes.len(),
        contract,
        imports: outline.imports.iter().take(MOST_IMPORTS).map(|name| a_name(name)).collect(),
        initial_memory: outline.initial_memory,
    };
    Ok((component, description))
}

/// Memory that a component has from the start, all of its memories together, in bytes. None: it is damaged.
pub(super) fn initial_memory(component: &[u8]) -> Option<u64> {
    Outline::read(component).ok().map(|outline| outline.initial_memory)
}

/// What both the check here and the engine accept.
fn features() -> wasmparser::WasmFeatures {
    use wasmparser::WasmFeatures as F;
    F::default()
        .difference(F::THREADS | F::RELAXED_SIMD | F::MEMORY64 | F::CM_ASYNC)
        .union(F::COMPONENT_MODEL)
}

fn looks_like_text(bytes: &[u8]) -> bool {
    let start = bytes.get(..bytes.len().min(512)).unwrap_or(bytes);
    start.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..))
}

/// How many characters of a name out of a module are shown.
const MOST_OF_A_NAME: usize = 100;

/// How many imports of a module are told. What a policy can import are two interfaces.
const MOST_IMPORTS: usize = 16;

/// A name out of a module, or its beginning.
fn a_name(name: &str) -> UntrustedText {
    UntrustedText::short(name, MOST_OF_A_NAME)
}

/// Names of the outermost imports and exports, and the sizes inside.
#[derive(Default)]
struct Outline {
    is_component: bool,
    /// Imports of a component.
    imports: Vec<String>,
    /// Exports of a component.
    exports: Vec<String>,
    /// Modules that a core module imports from.
    core_imports: Vec<String>,
    /// A core module that has its world embedded.
    has_contract: bool,
    initial_memory: u64,
}

impl Outline {
    fn read(bytes: &[u8]) -> Result<Self, LoadProblem> {
        let mut outline = Self::default();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(damaged)?;
            match payload {
                Payload::Version { encoding, .. } => {
                    if depth == 0 {
                        outline.is_component = encoding == Encoding::Component;
                    }
                    depth += 1;
                }
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section {
                        outline.imports.push(import.map_err(damaged)?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section {
                        outline.exports.push(export.map_err(damaged)?.name.name.to_owned());
                    }
                }
                Payload::ImportSection(section) if depth == 1 => {
                    for import in section.into_imports() {
                        let module = import.map_err(damaged)?.module.to_owned();
                        if !outline.core_imports.contains(&module) {
                            outline.core_imports.push(module);
                        }
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        let memory = memory.map_err(damaged)?;
                        let page = 1_u64 << memory.page_size_log2.unwrap_or(16).min(16);
                        outline.initial_memory =
                            outline.initial_memory.saturating_add(memory.initial.saturating_mul(page));
                    }
                }
                Payload::CustomSection(section) if section.name().starts_with(embedded::SECTION) => {
                    outline.has_contract |= depth == 1;
                }
                _ => {}
            }
        }
        Ok(outline)
    }
}

fn damaged(error: wasmparser::BinaryReaderError) -> LoadProblem {
    LoadProblem::Damaged(one_line(&error.to_string()))
}

/// Another major version of the contract is said before anything else: of such a module nothing else may
/// make sense.
fn refuse_other_major(outline: &Outline) -> Result<(), LoadProblem> {
    for name in outline.imports.iter().chain(&outline.exports) {
        if let Some((_, version)) = split(name)
            && major(version) != major(CONTRACT)
        {
            return Err(version_problem(version));
        }
    }
    Ok(())
}

/// The version of the contract that the module exports its rules for.
fn contract_version(outline: &Outline) -> Result<UntrustedText, LoadProblem> {
    let ours = outline.exports.iter().find_map(|name| match split(name) {
        Some((RULES, version)) => Some(version),
        _ => None,
    });
    let Some(version) = ours else {
        let exports = match outline.exports.as_slice() {
            [] => "nothing".to_owned(),
            [first] => format!("`{}`", a_name(first)),
            [first, others @ ..] => format!("`{}` and {} more", a_name(first), others.len()),
        };
        return Err(LoadProblem::NotAPolicy(
            format!("it exports {exports}, and a policy exports `{PACKAGE}{RULES}@{CONTRACT}`").into(),
        ));
    };
    Ok(a_name(version))
}

fn version_problem(found: &str) -> LoadProblem {
    let number = |text: &str| text.parse::<u64>().unwrap_or(0);
    LoadProblem::Version {
        found: a_name(found),
        known: format!("{}.x", major(CONTRACT)),
        newer: number(major(found)) > number(major(CONTRACT)),
    }
}

/// A module of a later minor version that links only with what that version added.
pub(super) fn newer_minor(found: &str) -> Option<LoadProblem> {
    let minor = |version: &str| version.split('.').nth(1).and_then(|minor| minor.parse::<u64>().ok());
    (minor(found) > minor(CONTRACT)).then(|| LoadProblem::Version {
        found: a_name(found),
        known: CONTRACT.to_owned(),
        newer: true,
    })
}

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

/// Interface and version, if the name belongs to the contract's package.
fn split(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(PACKAGE)?.split_once('@')
}

fn refuse_foreign(imports: &[String]) -> Result<(), LoadProblem> {
    let foreign = imports.iter().find(|name| match split(name) {
        Some((interface, _)) => !OFFERED.contains(&interface),
        None => true,
    });
    match foreign {
        Some(import) => Err(LoadProblem::ForeignImport { import: a_name(import) }),
        None => Ok(()),
    }
}
