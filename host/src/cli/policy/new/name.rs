//! What a policy may be called.

use std::fmt;
use std::str::FromStr;

/// The longest name, in characters. Wakes carry it.
const LONGEST: usize = 40;

/// Names that some tool keeps for itself: a folder on Windows, a crate that every Rust program has, the crate
/// of the SDK.
const TAKEN: [&str; 16] = [
    "alloc",
    "aux",
    "con",
    "core",
    "nul",
    "prn",
    "proc-macro",
    "rolarr",
    "rolarr-policy",
    "serde",
    "serde-json",
    "std",
    "test",
    "vendor",
    "wit",
    "wit-bindgen",
];

/// The name of a policy: of its folder, of its module, and what it calls itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PolicyName(String);

impl PolicyName {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a name is no good.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NameError {
    #[error("a policy needs a name, for example `grace-period`")]
    Empty,
    #[error("it is a path; give a name, and the folder is made where you are")]
    Path,
    #[error("it has {0} characters, at most {LONGEST} are possible")]
    Long(usize),
    #[error(
        "a name has small letters (a to z), digits and single hyphens, begins with a letter and does not end \
         with a hyphen{}", suggestion(.0)
    )]
    Characters(String),
    #[error("a tool has this name for itself; add a word, for example `{0}-rules`")]
    Taken(String),
}

fn suggestion(better: &str) -> String {
    if better.is_empty() { String::new() } else { format!(", like `{better}`") }
}

impl FromStr for PolicyName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.contains(['/', '\\']) {
            return Err(NameError::Path);
        }
        let length = text.chars().count();
        if length > LONGEST {
            return Err(NameError::Long(length));
        }
        let better = in_kebab_case(text);
        if better != text {
            return Err(NameError::Characters(better));
        }
        // Windows numbers its devices.
        let device = text.strip_prefix("com").or_else(|| text.strip_prefix("lpt"));
        if TAKEN.contains(&text) || device.is_some_and(|number| number.len() == 1) {
            return Err(NameError::Taken(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

/// What a name would be with the characters that are possible. Empty if nothing is left of it.
fn in_kebab_case(text: &str) -> String {
    let mut better = String::new();
    let mut was_small = false;
    for character in text.chars() {
        match character {
            'a'..='z' | '0'..='9' => better.push(character),
            'A'..='Z' => {
                if was_small {
                    better.push('-');
                }
                better.push(character.to_ascii_lowercase());
            }
            _ if better.ends_with('-') => {}
            _ => better.push('-'),
        }
        was_small = character.is_ascii_lowercase() || character.is_ascii_digit();
    }
    better.trim_start_matches(|c: char| !c.is_ascii_lowercase()).trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_letters_digits_and_hyphens_make_a_name() {
        for good in ["a", "tiers", "grace-period", "v2", "after-30-days", "con-rules", "component", "match"] {
            assert_eq!(good.parse::<PolicyName>().unwrap().as_str(), good);
        }
        assert!("x".repeat(LONGEST).parse::<PolicyName>().is_ok());
    }

    #[test]
    fn what_is_no_name_is_refused_with_a_better_one() {
        let mut said = String::new();
        for bad in [
            "",
            ".",
            "..",
            "-",
            "a/b",
            "../up",
            "C:\\x",
            "Tiers",
            "gracePeriod",
            "my policy",
            "my_policy",
            "-x",
            "x-",
            "a--b",
            "2nd",
            "42",
            "für",
            "🦀",
            "a\nb",
            "a\0b",
            "$(rm -rf)",
            "--lang",
            "con",
            "std",
            "rolarr-policy",
            "lpt1",
        ] {
            let error = bad.parse::<PolicyName>().unwrap_err();
            said.push_str(&format!("{:<16} {error}\n", bad.escape_debug().to_string()));
        }
        said.push_str(&format!("41 letters       {}\n", "x".repeat(41).parse::<PolicyName>().unwrap_err()));
        insta::assert_snapshot!(said);
    }

    #[test]
    fn every_better_name_is_possible() {
        for bad in ["Tiers", "gracePeriod", "my  policy!", "2nd_Role", "--lang", "a--b-", "für alle"] {
            let better = in_kebab_case(bad);
            assert!(better.parse::<PolicyName>().is_ok(), "{bad}: {better}");
        }
    }
}
