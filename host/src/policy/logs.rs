//! What a policy writes to the log.

use rolarr_policy::contract::Level;
use serde::{Deserialize, Serialize};

use super::limits::Limits;

/// A line that a policy logged. Its text is safe to print: control characters are escaped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How important the policy says it is.
    pub level: Level,
    /// The text.
    pub text: String,
}

/// Collects the lines of one event, within the limits.
#[derive(Debug)]
pub(super) struct LogSink {
    lines: Vec<LogLine>,
    lines_left: usize,
    bytes_left: usize,
    dropped: usize,
}

impl LogSink {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { lines: Vec::new(), lines_left: limits.log_lines, bytes_left: limits.log_bytes, dropped: 0 }
    }

    pub(super) fn push(&mut self, level: Level, text: &str) {
        if self.lines_left == 0 || text.len() > self.bytes_left {
            self.dropped += 1;
            return;
        }
        self.lines_left -= 1;
        self.bytes_left -= text.len();
        self.lines.push(LogLine { level, text: printable(text) });
    }

    /// All lines, and one more if some were dropped.
    pub(super) fn finish(self) -> Vec<LogLine> {
        let mut lines = self.lines;
        match self.dropped {
            0 => {}
            1 => lines.push(LogLine {
                level: Level::Warn,
                text: "1 more line is not shown: the policy logged more than an event may".to_owned(),
            }),
            n => lines.push(LogLine {
                level: Level::Warn,
                text: format!("{n} more lines are not shown: the policy logged more than an event may"),
            }),
        }
        lines
    }
}

/// The text on one line, without anything that a terminal or a chat would act upon: control characters
/// (with them escape sequences), and characters that turn the direction of text around, are written out.
///
/// Everything that a policy says goes through this before anybody sees it.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// How many lines of a policy's own words are kept.
const LINES: usize = 24;

/// Like [`printable`], but lines stay lines. Those beyond a screen are left out.
#[must_use]
pub(super) fn printable_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().take(LINES).map(printable).collect();
    lines.join("\n")
}

fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_never_reach_a_terminal() {
        assert_eq!(printable("\u{1b}[31mred\u{7}\r\nnext"), "\\u{1b}[31mred\\u{7}\\r\\nnext");
        assert_eq!(printable("a\u{202e}b\u{9b}31m"), "a\\u{202e}b\\u{9b}31m");
        assert_eq!(printable("Grüße, 日本 🎬"), "Grüße, 日本 🎬");
    }

    #[test]
    fn lines_and_bytes_are_limited_and_what_is_dropped_is_counted() {
        let limits = Limits { log_lines: 2, log_bytes: 10, ..Limits::default() };
        let mut sink = LogSink::new(&limits);
        sink.push(Level::Info, "one");
        sink.push(Level::Info, "far too long for it");
        sink.push(Level::Info, "two");
        sink.push(Level::Info, "three");
        let texts: Vec<String> = sink.finish().into_iter().map(|line| line.text).collect();
        assert_eq!(
            texts,
            ["one", "two", "2 more lines are not shown: the policy logged more than an event may"]
        );
    }
}
