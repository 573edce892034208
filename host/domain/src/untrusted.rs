//! Texts that somebody else wrote: a policy's messages, names in a module, names on Discord, paths.

use std::fmt;

pub use rolarr_policy::printable::{is_unseen, printable};
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

    /// Takes a text of which it keeps what is shown in so many characters: for one line of a message.
    ///
    /// A character that is written out takes as many characters as that has.
    #[must_use]
    pub fn short(text: &str, most: usize) -> Self {
        let mut end = 0;
        let mut left = most.saturating_sub(1);
        let mut rest = text.char_indices().peekable();
        while let Some((at, c)) = rest.next() {
            let width = width(c);
            let is_last = rest.peek().is_none() && width <= left.saturating_add(1);
            if width > left && !is_last {
                return Self(format!("{}…", text.get(..end).unwrap_or_default()).into());
            }
            left = left.saturating_sub(width);
            end = at + c.len_utf8();
        }
        Self(text.into())
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
        printable_lines(&self.0)
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

/// Like [`printable`], but lines stay lines.
#[must_use]
pub fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// How many characters a character is shown with.
fn width(c: char) -> usize {
    match c {
        '\n' | '\r' | '\t' => 2,
        _ if is_unseen(c) => format!("\\u{{{:x}}}", u32::from(c)).len(),
        _ => 1,
    }
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
            '\u{fdd0}',
            '\u{fffe}',
            '\u{ffff}',
            '\u{1fffe}',
            '\u{10ffff}',
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
    fn a_short_text_is_short_as_it_is_shown() {
        let shown = |text: &str, most| UntrustedText::short(text, most).to_string();
        assert_eq!(shown("12345", 5), "12345");
        assert_eq!(shown("123456", 5), "1234…");
        assert_eq!(shown("", 5), "");
        assert_eq!(shown(&"\u{1b}".repeat(1_000_000), 15), "\\u{1b}\\u{1b}…");
        assert_eq!(shown("a\u{1b}", 7), "a\\u{1b}");
        for most in 1..40 {
            for text in
                ["\u{e0041}é\n\u{9b}xyz\u{202e}\t", "abcdefghijklmnopqrstuvwxyz", "\u{1b}\u{1b}\u{1b}"]
            {
                assert!(shown(text, most).chars().count() <= most, "{most}");
            }
        }
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
