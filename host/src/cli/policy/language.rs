//! The languages that a policy can be written in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// In which language a policy is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Language {
    /// A script that Rolarr runs as it is.
    Rhai,
    /// A crate with the SDK.
    Rust,
    /// JavaScript, through componentize-qjs.
    Js,
    /// C, with clang or zig.
    C,
    /// Python, through componentize-py.
    Python,
}

impl Language {
    /// Its key, as it stands on the command line and in a policy's manifest.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Rhai => "rhai",
            Self::Rust => "rust",
            Self::Js => "js",
            Self::C => "c",
            Self::Python => "python",
        }
    }

    /// What building takes besides Rolarr. None: nothing.
    pub(super) fn needs(self) -> Option<&'static str> {
        match self {
            Self::Rhai => None,
            Self::Rust => Some("Rust with the target wasm32-unknown-unknown"),
            Self::Js => Some("Node.js with npm"),
            Self::C => Some("clang with wasi-libc, or zig"),
            Self::Python => Some("Python 3.10 or newer with venv and pip"),
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rhai => "Rhai",
            Self::Rust => "Rust",
            Self::Js => "JavaScript",
            Self::C => "C",
            Self::Python => "Python",
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn the_command_line_the_manifest_and_the_key_agree() {
        for language in Language::value_variants() {
            let spelled = language.to_possible_value().unwrap();
            assert_eq!(spelled.get_name(), language.key());
            assert_eq!(serde_json::to_value(language).unwrap(), language.key());
        }
    }
}
