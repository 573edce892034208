//! What a command prints. Whatever stands in a text that it shows, its terminal gets letters, lines, and the colors
//! that we chose.
//!
//! Texts are made safe where they are shown, too. This is for the one that was forgotten.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal, StderrLock, StdoutLock, Write},
};

use super::Color;
use crate::domain::{is_unseen, json::escaped, printable};

/// The standard output, without colors.
pub(super) fn stdout() -> Output<StdoutLock<'static>> {
    Output::new(io::stdout().lock(), Form::Plain)
}

/// The standard error output, without colors.
pub(super) fn stderr() -> Output<StderrLock<'static>> {
    Output::new(io::stderr().lock(), Form::Plain)
}

/// What comes through beside letters and lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing.
    Plain,
    /// Colors.
    Colored,
    /// It is JSON: what does not come through is escaped as JSON escapes it.
    Json,
}

/// Where text goes, of which nothing but letters, lines, and colors where they are wanted comes through.
#[derive(Debug)]
pub(super) struct Output<W> {
    to: W,
    form: Form,
    /// The beginning of a character whose rest has not come.
    begun: Vec<u8>,
}

impl<W: Write> Output<W> {
    pub(super) fn new(to: W, form: Form) -> Self {
        Self { to, form, begun: Vec::new() }
    }
}

impl<W: Write + IsTerminal> Output<W> {
    /// With colors where they are wanted.
    pub(super) fn colored(to: W, color: Color) -> Self {
        let form = if color.applies_to(&to) { Form::Colored } else { Form::Plain };
        Self::new(to, form)
    }
}

impl<W> Output<W> {
    /// Whether colors come through.
    pub(super) fn has_colors(&self) -> bool {
        self.form == Form::Colored
    }
}

impl<W: Write> Output<W> {
    fn text(&mut self, text: &str) -> io::Result<()> {
        if text.chars().all(comes_through) {
            return self.to.write_all(text.as_bytes());
        }
        if self.form == Form::Json {
            return self.to.write_all(escaped(text).as_bytes());
        }
        let mut safe = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let color = if self.has_colors() { color_at(rest) } else { None };
            let end = color.map_or(c.len_utf8(), str::len);
            match color {
                Some(color) => safe.push_str(color),
                None if comes_through(c) => safe.push(c),
                None => safe.write_str(&printable(c.encode_utf8(&mut [0; 4]))).unwrap_or_default(),
            }
            rest = rest.get(end..).unwrap_or_default();
        }
        self.to.write_all(safe.as_bytes())
    }
}

fn comes_through(c: char) -> bool {
    c == '\n' || !is_unseen(c)
}

/// The sequence that sets a color, if the text begins with one.
fn color_at(text: &str) -> Option<&str> {
    let inside = text.strip_prefix("\u{1b}[")?;
    let end = inside.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    inside.get(end..)?.starts_with('m').then(|| text.get(..end + 3)).flatten()
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let joined = [self.begun.as_slice(), bytes].concat();
        self.begun.clear();
        let mut rest = joined.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    self.text(text)?;
                    return Ok(bytes.len());
                }
                Err(error) => {
                    let (sound, after) = rest.split_at(error.valid_up_to());
                    self.text(&String::from_utf8_lossy(sound))?;
                    let Some(bad) = error.error_len() else {
                        self.begun = after.to_vec();
                        return Ok(bytes.len());
                    };
                    self.to.write_all("\u{fffd}".as_bytes())?;
                    rest = after.get(bad..).unwrap_or_default();
                }
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(form: Form, pieces: &[&[u8]]) -> String {
        let mut out = Output::new(Vec::new(), form);
        for piece in pieces {
            out.write_all(piece).unwrap();
        }
        String::from_utf8(out.to).unwrap()
    }

    #[test]
    fn letters_and_lines_come_through() {
        let text = "Grüße, 日本 🎬\nsecond\n";
        assert_eq!(written(Form::Plain, &[text.as_bytes()]), text);
        assert_eq!(written(Form::Plain, &text.as_bytes().chunks(1).collect::<Vec<_>>()), text);
    }

    #[test]
    fn what_a_terminal_would_act_upon_is_written_out() {
        for (text, shown) in [
            ("\u{61c}a", "\\u{61c}a"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{202e}", "\\u{202e}"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("a\rb", "a\\rb"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(written(Form::Plain, &[text.as_bytes()]), shown);
        }
        assert_eq!(written(Form::Plain, &[b"a\xffb\xc3"]), "a\u{fffd}b");
    }

    #[test]
    fn json_stays_json() {
        let line = "{\"a\": \"\u{9b}31m\u{202e}\\n\"}\n";
        assert_eq!(written(Form::Json, &[line.as_bytes()]), "{\"a\": \"\\u009b31m\\u202e\\n\"}\n");
    }

    #[test]
    fn only_colors_are_left_where_they_are_wanted() {
        assert_eq!(written(Form::Colored, &[b"\x1b[1;31mred\x1b[0m\n"]), "\u{1b}[1;31mred\u{1b}[0m\n");
        for text in
            ["\u{1b}[2J", "\u{1b}]0;x\u{7}", "\u{1b}[", "\u{1b}[31", "\u{1b}c", "\u{9b}31m", "\u{1b}[?25l"]
        {
            assert!(
                !written(Form::Colored, &[text.as_bytes()]).contains(['\u{1b}', '\u{9b}', '\u{7}']),
                "{text:?}"
            );
        }
    }
}
