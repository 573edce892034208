//! The policies that are part of the binary.

use rolarr_policy::contract::Source;

use super::module::Module;
use super::script;

/// A policy that is part of the binary.
#[derive(Clone, Copy)]
pub(super) enum Builtin {
    /// A module.
    Module(&'static [u8]),
    /// A script.
    Script(&'static str),
}

/// The scripts that come with Rolarr, each from a folder of its own.
macro_rules! scripts {
    ($($name:literal),* $(,)?) => {
        [$(($name, Builtin::Script(include_str!(concat!("../../../policies/", $name, "/", $name, ".rhai"))))),*]
    };
}

/// The default policy.
const DEFAULT: (&str, Builtin) =
    ("role-restriction", Builtin::Module(include_bytes!("../../../policies/prebuilt/role-restriction.wasm")));

/// The other policies, by name.
const SCRIPTS: [(&str, Builtin); 6] =
    scripts!["content-rating", "grace-period", "never-touch", "remove-after", "several-guilds", "tiers"];

fn all() -> impl Iterator<Item = (&'static str, Builtin)> {
    std::iter::once(DEFAULT).chain(SCRIPTS)
}

/// What comes before the name.
pub(super) const PREFIX: &str = "builtin:";

/// A built-in policy.
pub(super) fn find(name: &str) -> Option<Builtin> {
    all().find(|(known, _)| *known == name).map(|(_, found)| found)
}

impl Builtin {
    /// The policy, named as the operator did.
    pub(super) fn module(self, name: &str) -> Module {
        match self {
            Self::Module(bytes) => Module::from_bytes(name, bytes.to_vec()),
            Self::Script(text) => {
                // In messages, the file that its folder has.
                let file = format!("{}.rhai", name.strip_prefix(PREFIX).unwrap_or(name));
                script::module(name, Source { name: file, text: text.to_owned() })
            }
        }
    }
}

/// All names with their prefix, for messages.
pub(super) fn names() -> String {
    all().map(|(name, _)| format!("`{PREFIX}{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    const SOURCES: &str = include_str!("../../../policies/prebuilt/SOURCES.toml");

    /// What is built from sources, with the name that the record has for it.
    fn modules() -> impl Iterator<Item = (&'static str, &'static [u8])> {
        let builtin = all().filter_map(|(name, found)| match found {
            Builtin::Module(bytes) => Some((name, bytes)),
            Builtin::Script(_) => None,
        });
        builtin.chain([("script", script::RUNNER)])
    }

    #[test]
    fn every_module_is_the_one_that_the_record_names() {
        let record: toml::Table = SOURCES.parse().unwrap();
        for (name, bytes) in modules() {
            let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(record[name]["module"].as_str(), Some(digest.as_str()), "{name}");
        }
    }

    #[test]
    fn no_module_carries_a_path_of_the_machine_that_built_it() {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/");
        for (name, bytes) in modules() {
            let text = String::from_utf8_lossy(bytes);
            for path in ["/home/", "/root/", "/usr/", "/tmp/", "/build/", "/.cargo/", "C:\\", here] {
                assert!(!text.contains(path), "{name} has `{path}` in it");
            }
        }
    }
}
