//! What a policy writes to the log, and what a library says, in lines.

use rolarr_policy::contract::Level;
use serde::{Deserialize, Serialize};

use super::limits::Limits;
use rolarr_domain::UntrustedText;

/// A line that a policy logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How important the policy says it is.
    pub level: Level,
    /// The text.
    pub text: UntrustedText,
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
        let text = UntrustedText::new(text);
        let size = text.raw().len();
        if self.lines_left == 0 || size > self.bytes_left {
            self.dropped += 1;
            return;
        }
        self.lines_left -= 1;
        self.bytes_left -= size;
        self.lines.push(LogLine { level, text });
    }

    /// All lines, and one more if some were dropped.
    pub(super) fn finish(self) -> Vec<LogLine> {
        let mut lines = self.lines;
        match self.dropped {
            0 => {}
            1 => lines.push(LogLine {
                level: Level::Warn,
                text: "1 more line is not shown: the policy logged more than an event may".into(),
            }),
            n => lines.push(LogLine {
                level: Level::Warn,
                text: format!("{n} more lines are not shown: the policy logged more than an event may")
                    .into(),
            }),
        }
        lines
    }
}

/// How many characters of a library's message are shown. Names in it come from the module, and are as long as that
/// likes.
const MOST_OF_A_MESSAGE: usize = 240;

/// A message of a library's in one line, or its beginning.
pub(super) fn one_line(text: &str) -> UntrustedText {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > 8 * MOST_OF_A_MESSAGE {
            break;
        }
    }
    UntrustedText::short(&line, MOST_OF_A_MESSAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_bytes_are_limited_and_what_is_dropped_is_counted() {
        let limits = Limits { log_lines: 2, log_bytes: 10, ..Limits::default() };
        let mut sink = LogSink::new(&limits);
        sink.push(Level::Info, "one");
        sink.push(Level::Info, "far too long for it");
        sink.push(Level::Info, "two");
        sink.push(Level::Info, "three");
        let texts: Vec<String> = sink.finish().into_iter().map(|line| line.text.to_string()).collect();
        assert_eq!(
            texts,
            ["one", "two", "2 more lines are not shown: the policy logged more than an event may"]
        );
    }

    #[test]
    fn a_long_line_is_cut_and_nothing_in_it_reaches_a_terminal() {
        let mut sink = LogSink::new(&Limits::default());
        sink.push(Level::Info, &"\u{1b}".repeat(1_000_000));
        sink.push(Level::Info, "\u{61c}a\u{9b}31m\u{202e}\nb");
        let lines = sink.finish();
        assert_eq!(lines[0].text.raw().len(), UntrustedText::LONGEST);
        assert_eq!(lines[1].text.to_string(), "\\u{61c}a\\u{9b}31m\\u{202e}\\nb");
    }
}
