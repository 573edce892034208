//! Texts that somebody else wrote: a policy's messages, names in a module, names on Discord, paths.

use std::fmt::{self, Write};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that somebody else wrote. It is bounded in length where it enters, and can only be shown in a safe form:
/// what a terminal, a chat or an editor would act upon is written out, as `\u{1b}`.
///
/// As JSON it is the text itself: JSON is written with [`super::json`], which escapes the same characters.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UntrustedText(Box<str>);

impl UntrustedText {
    /// The most bytes that are kept of a text. The rest is left out, with a mark.
    pub const LONGEST: usize = 4 << 10;

    /// The most lines that are kept of a text: a screen.
    pub const LINES: usize = 24;

    /// Takes a text, of which it keeps as much as a person would read.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self::bounded(text, Self::LONGEST)
    }

    /// The same with another limit in bytes.
    #[must_use]
    pub fn bounded(text: &str, limit: usize) -> Self {
        const MARK: &str = "…";
        if text.len() <= limit && text.lines().nth(Self::LINES).is_none() {
            return Self(text.into());
        }
        let mut end = limit.saturating_sub(MARK.len()).min(text.len());
        // Up to the last line that is kept.
        let lines: usize = text.split_inclusive('\n').take(Self::LINES).map(str::len).sum();
        end = end.min(lines);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let kept = text.get(..end).unwrap_or_default().trim_end_matches('\n');
        Self(format!("{kept}{MARK}").into())
    }

    /// The text as it is, to compare it or to look into it. Nothing that is shown may come from here.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first line.
    #[must_use]
    pub fn first_line(&self) -> Self {
        Self(self.0.lines().next().unwrap_or_default().into())
    }

    /// What comes after the first line.
    #[must_use]
    pub fn details(&self) -> Self {
        Self(self.0.split_once('\n').map_or("", |(_, rest)| rest).into())
    }

    /// Shown like the text itself, but lines stay lines.
    #[must_use]
    pub fn lines(&self) -> String {
        self.0.lines().map(printable).collect::<Vec<_>>().join("\n")
    }
}

/// On one line, safe to print.
impl fmt::Display for UntrustedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&printable(&self.0))
    }
}

impl fmt::Debug for UntrustedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl From<&str> for UntrustedText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for UntrustedText {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl Serialize for UntrustedText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for UntrustedText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// The text on one line, without anything that a terminal or a chat would act upon: control characters (with them
/// escape sequences), characters that turn the direction of text around, and characters that can't be seen are
/// written out.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unseen(c) {
            match c {
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                // Writing into a text does not fail.
                _ => write!(out, "\\u{{{:x}}}", u32::from(c)).unwrap_or_default(),
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a character is not seen, or changes how others are seen: controls, marks of direction, blanks without
/// width, joiners, separators of lines, tags, annotations.
#[must_use]
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_or_hides_is_shown_as_it_is() {
        assert_eq!(printable("\u{1b}[31mred\u{7}\r\nnext\t"), "\\u{1b}[31mred\\u{7}\\r\\nnext\\t");
        assert_eq!(printable("a\u{202e}b\u{9b}31m"), "a\\u{202e}b\\u{9b}31m");
        for c in [
            '\u{0}',
            '\u{7f}',
            '\u{85}',
            '\u{61c}',
            '\u{200b}',
            '\u{200d}',
            '\u{200f}',
            '\u{2028}',
            '\u{202a}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{fff9}',
            '\u{fffb}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{ad}',
            '\u{180e}',
            '\u{3164}',
            '\u{e0100}',
        ] {
            let shown = UntrustedText::new(&format!("a{c}b"));
            assert_eq!(shown.to_string(), format!("a\\u{{{:x}}}b", u32::from(c)));
            assert!(!format!("{shown:?}{}", shown.lines()).contains(c));
        }
        assert_eq!(printable("Grüße, 日本 🎬 naïve ❤️"), "Grüße, 日本 🎬 naïve ❤️");
    }

    #[test]
    fn a_text_is_cut_where_it_enters() {
        let long = "\u{1b}".repeat(1_000_000);
        assert_eq!(UntrustedText::new(&long).raw().len(), UntrustedText::LONGEST);
        assert!(UntrustedText::new(&long).to_string().ends_with("\\u{1b}…"));
        let wide = UntrustedText::bounded("ééééé", 8);
        assert_eq!(wide.raw(), "éé…");
        let lines = UntrustedText::new(&"line\n".repeat(100));
        assert_eq!(lines.lines().lines().count(), UntrustedText::LINES);
        assert_eq!(UntrustedText::new("short").raw(), "short");
        assert_eq!(
            serde_json::from_str::<UntrustedText>(&format!("\"{}\"", "x".repeat(9_999))).unwrap().raw().len(),
            4_096
        );
    }

    #[test]
    fn lines_are_told_apart() {
        let text = UntrustedText::new("first\u{202e}\nsecond\u{1b}\nthird");
        assert_eq!(text.to_string(), "first\\u{202e}\\nsecond\\u{1b}\\nthird");
        assert_eq!(text.first_line().to_string(), "first\\u{202e}");
        assert_eq!(text.details().lines(), "second\\u{1b}\nthird");
        assert_eq!(UntrustedText::new("one").details().lines(), "");
    }
}
