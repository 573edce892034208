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
