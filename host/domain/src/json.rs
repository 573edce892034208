//! JSON that is written for people and programs alike: what can't be seen in a text stands there as an escape.
//!
//! To a program that reads it, the texts are the same.

use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use super::untrusted::is_unseen;

/// A value on one line.
///
/// # Errors
/// It can't be written as JSON.
pub fn to_string(value: &(impl Serialize + ?Sized)) -> serde_json::Result<String> {
    written(value, CompactFormatter)
}

/// A value over several lines, indented.
///
/// # Errors
/// It can't be written as JSON.
pub fn to_string_pretty(value: &(impl Serialize + ?Sized)) -> serde_json::Result<String> {
    written(value, PrettyFormatter::new())
}

/// A JSON text with the same meaning, in which nothing is hidden.
#[must_use]
pub fn escaped(json: &str) -> String {
    let mut out = Vec::with_capacity(json.len());
    for c in json.chars() {
        // Between values, lines and tabs belong to JSON.
        let stays = !is_unseen(c) || matches!(c, '\n' | '\r' | '\t');
        // Writing into memory does not fail.
        let _ = if stays { write_char(&mut out, c) } else { write_escape(&mut out, c) };
    }
    String::from_utf8(out).unwrap_or_default()
}

fn written(value: &(impl Serialize + ?Sized), form: impl Formatter) -> serde_json::Result<String> {
    let mut out = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut out, Escaping(form)))?;
    String::from_utf8(out).map_err(serde::ser::Error::custom)
}

/// Writes escapes for what can't be seen, and leaves the rest to another form.
struct Escaping<F>(F);

impl<F: Formatter> Formatter for Escaping<F> {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_unseen(*c)) {
            let (clear, from) = rest.split_at(at);
            writer.write_all(clear.as_bytes())?;
            write_escape(writer, c)?;
            rest = from.get(c.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn end_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_key(writer)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

fn write_char<W: ?Sized + io::Write>(writer: &mut W, c: char) -> io::Result<()> {
    writer.write_all(c.encode_utf8(&mut [0; 4]).as_bytes())
}

/// Characters beyond the first 65,536 take two escapes.
fn write_escape<W: ?Sized + io::Write>(writer: &mut W, c: char) -> io::Result<()> {
    c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(writer, "\\u{unit:04x}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_can_not_be_seen_is_escaped_in_texts_and_names_and_read_back_as_it_was() {
        let value = json!({
            "a\u{202e}": ["\u{9b}31m", "\u{61c}x\u{200b}", "\u{e0041}\u{1f3ac}", "plain\n\t\"ü\\"],
            "empty": {"list": [], "object": {}},
        });
        for text in [to_string(&value).unwrap(), to_string_pretty(&value).unwrap()] {
            assert!(!text.chars().any(|c| is_unseen(c) && c != '\n'), "{text}");
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
            assert!(text.contains("\\u009b31m") && text.contains("\\udb40\\udc41🎬"), "{text}");
        }
        let plain = json!({"a": [1, 2.5, null, true], "b": {"c": "d"}});
        assert_eq!(to_string(&plain).unwrap(), serde_json::to_string(&plain).unwrap());
        assert_eq!(to_string_pretty(&plain).unwrap(), serde_json::to_string_pretty(&plain).unwrap());
    }

    #[test]
    fn a_text_in_json_is_escaped_without_being_read() {
        let json = "{\n\t\"a\": \"\u{202e}\u{7f}\"\n}";
        assert_eq!(escaped(json), "{\n\t\"a\": \"\\u202e\\u007f\"\n}");
    }
}
