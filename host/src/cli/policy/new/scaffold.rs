//! The files of a new policy. They stand in `host/templates/policy`, one folder for each language, and are
//! part of the binary. The contract and the SDK go along with them: a policy builds without this repository.

use super::super::language::Language;
use super::name::PolicyName;

/// One file of a scaffold.
struct Template {
    /// Where it goes, from the policy's folder.
    path: &'static str,
    content: Content,
}

enum Content {
    /// A text in which the name is filled in.
    Text(&'static str),
    /// Taken as it is.
    Verbatim(&'static [u8]),
}

/// A text of `host/templates/policy`: under its own path, or under another.
macro_rules! text {
    ($path:literal in $folder:literal) => {
        text!($path, $folder, "/", $path)
    };
    ($path:literal, $($file:literal),+) => {
        Template {
            path: $path,
            content: Content::Text(include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/templates/policy/",
                $($file),+
            ))),
        }
    };
}

/// A file of this repository.
macro_rules! verbatim {
    ($path:literal, $file:literal) => {
        Template {
            path: $path,
            content: Content::Verbatim(include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $file))),
        }
    };
}

const RHAI: &[Template] = &[text!("{{name}}.rhai", "rhai/policy.rhai"), text!("README.md" in "rhai")];

const RUST: &[Template] = &[
    text!("src/lib.rs" in "rust"),
    text!("src/settings.schema.json" in "rust"),
    // Under its own name cargo would take the template for a crate of Rolarr's.
    text!("Cargo.toml", "rust/Cargo.toml.in"),
    text!("README.md" in "rust"),
    text!(".gitignore", "rust/gitignore"),
    CONTRACT,
    verbatim!("vendor/sdk/Cargo.toml", "../policies/sdk/Cargo.toml"),
    verbatim!("vendor/sdk/src/apply.rs", "../policies/sdk/src/apply.rs"),
    verbatim!("vendor/sdk/src/contract.rs", "../policies/sdk/src/contract.rs"),
    verbatim!("vendor/sdk/src/convert.rs", "../policies/sdk/src/convert.rs"),
    verbatim!("vendor/sdk/src/guest.rs", "../policies/sdk/src/guest.rs"),
    verbatim!("vendor/sdk/src/lib.rs", "../policies/sdk/src/lib.rs"),
    verbatim!("vendor/sdk/src/log.rs", "../policies/sdk/src/log.rs"),
    verbatim!("vendor/sdk/src/policy.rs", "../policies/sdk/src/policy.rs"),
    verbatim!("vendor/sdk/src/printable.rs", "../policies/sdk/src/printable.rs"),
    verbatim!("vendor/sdk/src/recording.rs", "../policies/sdk/src/recording.rs"),
    verbatim!("vendor/sdk/src/settings.rs", "../policies/sdk/src/settings.rs"),
    verbatim!("vendor/sdk/src/shortcuts.rs", "../policies/sdk/src/shortcuts.rs"),
];

const JS: &[Template] = &[
    text!("policy.js" in "js"),
    text!("package.json" in "js"),
    text!("jsconfig.json" in "js"),
    text!("types/policy.d.ts" in "js"),
    text!("types/host.d.ts" in "js"),
    text!("README.md" in "js"),
    text!(".gitignore", "js/gitignore"),
    CONTRACT,
];

const C: &[Template] = &[
    text!("policy.c" in "c"),
    text!("settings.c" in "c"),
    text!("settings.h" in "c"),
    text!("README.md" in "c"),
    text!(".gitignore", "c/gitignore"),
    // Made by `wit-bindgen c`, see bindings/README.md.
    text!("bindings/README.md" in "c"),
    verbatim!("bindings/rolarr.h", "templates/policy/c/bindings/rolarr.h"),
    verbatim!("bindings/rolarr.c", "templates/policy/c/bindings/rolarr.c"),
    verbatim!("bindings/rolarr_component_type.o", "templates/policy/c/bindings/rolarr_component_type.o"),
    CONTRACT,
];

const PYTHON: &[Template] = &[
    text!("policy.py" in "python"),
    text!("requirements.txt" in "python"),
    text!("README.md" in "python"),
    text!(".gitignore", "python/gitignore"),
    CONTRACT,
];

/// What every folder has.
const EVERYWHERE: &[Template] = &[
    text!("rolarr-policy.toml", "common/rolarr-policy.toml"),
    text!("events/rules.toml", "common/events.toml"),
];

const CONTRACT: Template = verbatim!("wit/policy.wit", "../wit/policy.wit");

/// What all README files end with.
const USAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/policy/common/usage.md"));

/// The file with the rules.
pub(super) fn rules(language: Language, name: &PolicyName) -> String {
    match language {
        Language::Rhai => format!("{name}.rhai"),
        Language::Rust => "src/lib.rs".to_owned(),
        Language::Js => "policy.js".to_owned(),
        Language::C => "policy.c".to_owned(),
        Language::Python => "policy.py".to_owned(),
    }
}

/// What Rolarr loads: the script, or what is built.
fn module(language: Language, name: &PolicyName) -> String {
    match language {
        Language::Rhai => format!("{name}.rhai"),
        Language::Rust | Language::Js | Language::C | Language::Python => format!("{name}.wasm"),
    }
}

/// All files of a new policy: where each goes, from the policy's folder, and what is in it. Sorted.
pub(super) fn files(language: Language, name: &PolicyName) -> Vec<(String, Vec<u8>)> {
    let own = match language {
        Language::Rhai => RHAI,
        Language::Rust => RUST,
        Language::Js => JS,
        Language::C => C,
        Language::Python => PYTHON,
    };
    let module = module(language, name);
    let fill = |text: &str| {
        text.replace("{{usage}}", USAGE.trim_end())
            .replace("{{name}}", name.as_str())
            .replace("{{module}}", &module)
            .replace("{{language}}", language.key())
            .replace("{{rolarr}}", env!("CARGO_PKG_VERSION"))
    };
    let mut files: Vec<_> = EVERYWHERE
        .iter()
        .chain(own)
        .map(|template| {
            let content = match template.content {
                Content::Text(text) => fill(text).into_bytes(),
                Content::Verbatim(bytes) => bytes.to_vec(),
            };
            (fill(template.path), content)
        })
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use clap::ValueEnum;

    use super::*;

    fn scaffold(language: Language) -> Vec<(String, Vec<u8>)> {
        files(language, &"tiers".parse().unwrap())
    }

    fn content(language: Language, path: &str) -> String {
        let (_, content) = scaffold(language).into_iter().find(|(name, _)| name == path).unwrap();
        String::from_utf8(content).unwrap()
    }

    #[test]
    fn the_files_of_each_language() {
        let mut listing = String::new();
        for language in Language::value_variants() {
            listing.push_str(&format!("{language}\n"));
            for (path, _) in scaffold(*language) {
                listing.push_str(&format!("  {path}\n"));
            }
        }
        insta::assert_snapshot!(listing);
    }

    #[test]
    fn nothing_is_left_to_be_filled_in() {
        for language in Language::value_variants() {
            for (path, content) in scaffold(*language) {
                assert!(!path.contains("{{"), "{path}");
                let content = String::from_utf8_lossy(&content);
                // Format strings of the SDK have braces, too.
                for word in ["{{name", "{{module", "{{language", "{{rolarr", "{{usage"] {
                    assert!(!content.contains(word), "{language}: {path} has {word}");
                }
            }
        }
    }

    #[test]
    fn the_manifest_names_the_module_and_the_language() {
        for (language, module) in [(Language::Rhai, "tiers.rhai"), (Language::Python, "tiers.wasm")] {
            let manifest: toml::Table = content(language, "rolarr-policy.toml").parse().unwrap();
            assert_eq!(manifest.get("module").unwrap().as_str(), Some(module));
            assert_eq!(manifest.get("language").unwrap().as_str(), Some(language.key()));
        }
    }

    #[test]
    fn the_whole_sdk_goes_along() {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/sdk/src");
        let there: BTreeSet<String> = std::fs::read_dir(sources)
            .unwrap()
            .map(|entry| format!("vendor/sdk/src/{}", entry.unwrap().file_name().to_str().unwrap()))
            .collect();
        let embedded: BTreeSet<String> = scaffold(Language::Rust)
            .into_iter()
            .map(|(path, _)| path)
            .filter(|path| path.starts_with("vendor/sdk/src/"))
            .collect();
        assert_eq!(embedded, there);
    }

    /// What the SDK takes from its workspace is in the new policy's own, in the same words.
    #[test]
    fn the_sdk_finds_the_versions_that_it_has_here() {
        let table = |text: &str| -> toml::Table { text.parse().unwrap() };
        let ours = table(include_str!("../../../../../Cargo.toml"));
        let theirs = table(&content(Language::Rust, "Cargo.toml"));
        let dependencies = |workspace: &toml::Table| -> toml::Table {
            workspace.get("workspace").unwrap().get("dependencies").unwrap().as_table().unwrap().clone()
        };
        let (ours, theirs) = (dependencies(&ours), dependencies(&theirs));
        assert!(theirs.len() > 2);
        for (name, version) in &theirs {
            assert_eq!(ours.get(name), Some(version), "{name}");
        }
        let sdk = table(&content(Language::Rust, "vendor/sdk/Cargo.toml"));
        let native = sdk.get("dependencies").unwrap().as_table().unwrap();
        let wasm = sdk.get("target").unwrap().as_table().unwrap().values().next().unwrap();
        let wasm = wasm.get("dependencies").unwrap().as_table().unwrap();
        for name in native.keys().chain(wasm.keys()) {
            assert!(theirs.contains_key(name), "{name}");
        }
    }

    /// An editor that knows a field or case less than the contract has misleads.
    #[test]
    fn the_types_for_javascript_have_every_word_of_the_contract() {
        let types = content(Language::Js, "types/policy.d.ts");
        let contract = content(Language::Js, "wit/policy.wit");
        let words = contract.split("interface host {").next().unwrap();
        let mut seen = 0;
        for line in words.lines().map(str::trim) {
            let Some(line) = line.strip_suffix(',').filter(|line| !line.starts_with("//")) else { continue };
            let spelled = match line.split_once(": ") {
                Some((field, _)) => format!("  {}: ", in_camel_case(field)),
                None => format!("\"{}\"", line.split('(').next().unwrap()),
            };
            assert!(types.contains(&spelled), "`{line}` is missing: no {spelled}");
            seen += 1;
        }
        assert!(seen > 80, "only {seen} words were found");
    }

    fn in_camel_case(name: &str) -> String {
        let mut parts = name.split('-');
        let mut camel = parts.next().unwrap().to_owned();
        for part in parts {
            camel.push_str(&part[..1].to_uppercase());
            camel.push_str(&part[1..]);
        }
        camel
    }
}
