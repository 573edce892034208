//! What is wrong with a configuration, where, and what to do about it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::{domain::UntrustedText, files};

/// A place in the configuration file. Both numbers start at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl Place {
    /// The place of a byte offset in a text. An offset beyond the end is the end.
    #[must_use]
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = text.char_indices().take_while(|(at, _)| *at < offset).map(|(_, char)| char);
        before.fold(Self { line: 1, column: 1 }, |place, char| match char {
            '\n' => Self { line: place.line.saturating_add(1), column: 1 },
            _ => Self { column: place.column.saturating_add(1), ..place },
        })
    }
}

/// One mistake in the configuration. It says where and what; [`ConfigError::hint`] says what to do next.
///
/// It never holds a secret, nor a line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    file: PathBuf,
    place: Option<Place>,
    what: String,
    hint: String,
}

impl ConfigError {
    /// A mistake at a place; none if it is not in the file but about it.
    #[must_use]
    pub fn new(
        file: impl Into<PathBuf>,
        place: Option<Place>,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { file: file.into(), place, what: what.into(), hint: hint.into() }
    }

    /// The configuration file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Where in the file.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        self.place
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", files::shown(&self.file))?;
        if let Some(place) = self.place {
            write!(f, "{}:", place.line)?;
        }
        write!(f, " {}", self.what)
    }
}

impl std::error::Error for ConfigError {}

/// A text from elsewhere without what could control a terminal, and not endless.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 120;
    UntrustedText::short(text, LONGEST).to_string()
}

/// The same between backticks.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", shown(text))
}

/// Names for a sentence: `` `a`, `b` and `c` ``.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(quoted).collect();
    match names.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_and_not_bytes() {
        let text = "ä = 1\nöö x";
        let offset = text.find('x').unwrap();
        assert_eq!(Place::of(text, offset), Place { line: 2, column: 4 });
        assert_eq!(Place::of(text, usize::MAX), Place { line: 2, column: 5 });
        assert_eq!(Place::of("", 7), Place { line: 1, column: 1 });
    }

    #[test]
    fn text_from_elsewhere_can_not_control_the_terminal() {
        assert_eq!(quoted("\u{1b}[2Jx"), "`\\u{1b}[2Jx`");
        assert_eq!(shown(&"a".repeat(200)).chars().count(), 120);
    }

    #[test]
    fn names_are_listed_as_in_a_sentence() {
        assert_eq!(listed(["a"]), "`a`");
        assert_eq!(listed(["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(listed([]), "nothing");
    }
}
