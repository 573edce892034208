//! What of a text is safe to show: the one rule for the bot and for tests of policies.

use std::fmt::Write;

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
/// width, joiners, separators of lines, tags, annotations, and what is no character.
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
                | '\u{fdd0}'..='\u{fdef}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
        // No characters at all, in any plane.
        || u32::from(c) & 0xfffe == 0xfffe
}
