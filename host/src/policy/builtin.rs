//! The policies that are part of the binary.

/// Names and modules.
const BUILTIN: &[(&str, &[u8])] =
    &[("role-restriction", include_bytes!("../../../policies/prebuilt/role-restriction.wasm"))];

/// What comes before the name.
pub(super) const PREFIX: &str = "builtin:";

/// The module of a built-in policy.
pub(super) fn find(name: &str) -> Option<&'static [u8]> {
    BUILTIN.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}

/// All names with their prefix, for messages.
pub(super) fn names() -> String {
    BUILTIN.iter().map(|(name, _)| format!("`{PREFIX}{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    const SOURCES: &str = include_str!("../../../policies/prebuilt/SOURCES.toml");

    #[test]
    fn every_module_is_the_one_that_the_record_names() {
        let record: toml::Table = SOURCES.parse().unwrap();
        for (name, bytes) in BUILTIN {
            let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(record[*name]["module"].as_str(), Some(digest.as_str()), "{name}");
        }
    }

    #[test]
    fn no_module_carries_a_path_of_the_machine_that_built_it() {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/");
        for (name, bytes) in BUILTIN {
            let text = String::from_utf8_lossy(bytes);
            for path in ["/home/", "/root/", "/usr/", "/tmp/", "/build/", "/.cargo/", "C:\\", here] {
                assert!(!text.contains(path), "{name} has `{path}` in it");
            }
        }
    }
}
