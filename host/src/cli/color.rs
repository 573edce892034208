//! When what is printed is colored.

use std::{env, ffi::OsStr, io::IsTerminal};

use clap::ValueEnum;

/// When what is printed is colored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless the environment variable `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether what goes to this stream is colored.
    #[must_use]
    pub fn applies_to(self, stream: &impl IsTerminal) -> bool {
        self.decide(stream.is_terminal(), env::var_os("NO_COLOR").as_deref())
    }

    fn decide(self, terminal: bool, no_color: Option<&OsStr>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => terminal && no_color.is_none_or(OsStr::is_empty),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_terminal_is_colored_unless_asked_for() {
        let set = Some(OsStr::new("1"));
        assert!(Color::Auto.decide(true, None));
        assert!(Color::Auto.decide(true, Some(OsStr::new(""))));
        assert!(!Color::Auto.decide(true, set));
        assert!(!Color::Auto.decide(false, None));
        assert!(Color::Always.decide(false, set));
        assert!(!Color::Never.decide(true, None));
    }
}
