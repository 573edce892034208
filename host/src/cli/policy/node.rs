//! A TOML text, read value by value, with the place of each for messages.

use std::{fmt, ops::Range, path::Path};

use serde_json::{Map, Number, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{domain::closest, files, policy::printable};

/// A place in a file. Both numbers start at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The line.
    pub(super) line: usize,
    /// The column, in characters.
    pub(super) column: usize,
}

/// What is wrong in a file, and where; no place if it is about the whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) place: Option<Place>,
    pub(super) what: String,
}

impl Mistake {
    /// What is wrong, after the file's name and the place in it: one line for people.
    pub(super) fn in_file(&self, file: &Path) -> String {
        let colon = if self.place.is_some() { ":" } else { ": " };
        printable(&format!("{}{colon}{self}", files::shown(file)))
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place { line, column }) = self.place {
            write!(f, "{line}:{column}: ")?;
        }
        f.write_str(&self.what)
    }
}

/// The text that nodes are in.
pub(super) struct Source<'a> {
    text: &'a str,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let begins = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, lines: std::iter::once(0).chain(begins).collect() }
    }

    /// The text as TOML.
    ///
    /// # Errors
    ///
    /// It is none.
    pub(super) fn parse(&self) -> Result<Spanned<DeTable<'a>>, Mistake> {
        DeTable::parse(self.text).map_err(|error| {
            let what = format!("this is not TOML: {}", error.message().trim().replace('\n', ", "));
            Mistake { place: error.span().map(|span| self.place(span.start)), what: printable(&what) }
        })
    }

    /// The place of a byte offset. An offset beyond the end is the end.
    pub(super) fn place(&self, offset: usize) -> Place {
        let line = self.lines.partition_point(|begin| *begin <= offset);
        let begin = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let end = offset.min(self.text.len());
        let before = self.text.get(begin..end).unwrap_or_default();
        Place { line, column: before.chars().count() + 1 }
    }

    pub(super) fn mistake(&self, offset: usize, what: impl Into<String>) -> Mistake {
        Mistake { place: Some(self.place(offset)), what: what.into() }
    }
}

/// A value of the file.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    source: &'a Source<'a>,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Node<'a> {
    pub(super) fn value(&self) -> &'a DeValue<'a> {
        self.value.get_ref()
    }

    /// Where it stands, in bytes.
    pub(super) fn span(&self) -> Range<usize> {
        self.value.span()
    }

    pub(super) fn fail<T>(&self, what: impl Into<String>) -> Result<T, Mistake> {
        Err(self.source.mistake(self.span().start, what))
    }

    /// It is of another kind than it should be.
    pub(super) fn expected<T>(&self, what: &str) -> Result<T, Mistake> {
        let found = match self.value() {
            DeValue::String(text) => return self.fail(format!("expected {what}, found {}", quoted(text))),
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "`true` or `false`",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.fail(format!("expected {what}, found {found}"))
    }

    pub(super) fn text(&self) -> Result<&'a str, Mistake> {
        match self.value() {
            DeValue::String(text) => Ok(text.as_ref()),
            _ => self.expected("a text in quotes"),
        }
    }

    pub(super) fn truth(&self) -> Result<bool, Mistake> {
        match self.value() {
            DeValue::Boolean(value) => Ok(*value),
            _ => self.expected("`true` or `false`"),
        }
    }

    /// A whole number that is not negative.
    pub(super) fn number(&self) -> Result<u64, Mistake> {
        match self.value() {
            DeValue::Integer(number) => match u64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Ok(number),
                Err(_) => self.fail("expected a whole number from 0 on"),
            },
            _ => self.expected("a whole number"),
        }
    }

    pub(super) fn list(&self) -> Result<Vec<Node<'a>>, Mistake> {
        match self.value() {
            DeValue::Array(items) => {
                Ok(items.iter().map(|value| Node { source: self.source, value }).collect())
            }
            _ => self.expected("a list"),
        }
    }

    /// A list, or one of what it would hold.
    pub(super) fn one_or_list(&self) -> Vec<Node<'a>> {
        self.list().unwrap_or_else(|_| vec![*self])
    }

    /// Texts: a list, or one.
    pub(super) fn texts(&self) -> Result<Vec<String>, Mistake> {
        self.one_or_list().iter().map(|node| node.text().map(ToOwned::to_owned)).collect()
    }

    /// A table with no other keys than these.
    pub(super) fn table(&self, keys: &[&str]) -> Result<Table<'a>, Mistake> {
        self.any_table()?.with_keys(keys)
    }

    /// A table whose keys are not ours to know.
    pub(super) fn any_table(&self) -> Result<Table<'a>, Mistake> {
        match self.value() {
            DeValue::Table(table) => Ok(Table { source: self.source, offset: self.span().start, table }),
            _ => self.expected("a table"),
        }
    }

    /// A policy's settings, as they are passed to it: JSON.
    pub(super) fn settings(&self) -> Result<Map<String, Value>, Mistake> {
        self.any_table()?
            .entries()
            .into_iter()
            .map(|(key, node)| Ok((key.to_owned(), node.json()?)))
            .collect()
    }

    fn json(&self) -> Result<Value, Mistake> {
        Ok(match self.value() {
            DeValue::String(text) => Value::String(text.as_ref().to_owned()),
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Number(number.into()),
                Err(_) => return self.fail("this number is too large"),
            },
            DeValue::Float(number) => match number.as_str().parse().ok().and_then(Number::from_f64) {
                Some(number) => Value::Number(number),
                None => return self.fail("settings are passed on as JSON, which has no such number"),
            },
            DeValue::Datetime(at) => Value::String(at.to_string()),
            DeValue::Array(_) => Value::Array(self.list()?.iter().map(Node::json).collect::<Result<_, _>>()?),
            DeValue::Table(_) => Value::Object(self.settings()?),
        })
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&self, what: &str, words: &[(&str, T)]) -> Result<T, Mistake> {
        let DeValue::String(text) = self.value() else { return self.expected(what) };
        match words.iter().find(|(word, _)| *word == text.as_ref()) {
            Some((_, value)) => Ok(*value),
            None => self.unknown(what, text, words.iter().map(|(word, _)| *word)),
        }
    }

    /// A case of a variant: a word, or a table of one key.
    pub(super) fn variant(&self, what: &str, cases: &[&str]) -> Result<(&'a str, Option<Node<'a>>), Mistake> {
        let (name, content) = match self.value() {
            DeValue::String(text) => (text.as_ref(), None),
            DeValue::Table(table) => {
                let mut entries = table.iter();
                match (entries.next(), entries.next()) {
                    (Some((key, value)), None) => {
                        (key.get_ref().as_ref(), Some(Node { source: self.source, value }))
                    }
                    (None, _) => return self.fail(format!("expected {what}, found an empty table")),
                    (Some((one, _)), Some((other, _))) => {
                        return self.fail(format!(
                            "expected {what}: a table of one key, found {} and {}",
                            quoted(one.get_ref()),
                            quoted(other.get_ref())
                        ));
                    }
                }
            }
            _ => return self.expected(what),
        };
        match cases.contains(&name) {
            true => Ok((name, content)),
            false => self.unknown(what, name, cases.iter().copied()),
        }
    }

    fn unknown<'n, T>(
        &self,
        what: &str,
        written: &str,
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> Result<T, Mistake> {
        self.fail(format!("{} is not {what}{}", quoted(written), meant(written, names)))
    }
}

/// A table of the file.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    source: &'a Source<'a>,
    offset: usize,
    table: &'a DeTable<'a>,
}

impl<'a> Table<'a> {
    pub(super) fn root(source: &'a Source<'a>, table: &'a DeTable<'a>) -> Self {
        Self { source, offset: 0, table }
    }

    /// Refuses other keys than these.
    pub(super) fn with_keys(self, keys: &[&str]) -> Result<Self, Mistake> {
        let unknown = self
            .table
            .iter()
            .filter(|(key, _)| !keys.contains(&key.get_ref().as_ref()))
            .min_by_key(|(key, _)| key.span().start);
        match unknown {
            None => Ok(self),
            Some((key, _)) => {
                let name = key.get_ref();
                let hint = meant(name, keys.iter().copied());
                Err(self.source.mistake(key.span().start, format!("unknown key {}{hint}", quoted(name))))
            }
        }
    }

    pub(super) fn place(&self) -> Place {
        self.source.place(self.offset)
    }

    pub(super) fn fail<T>(&self, what: impl Into<String>) -> Result<T, Mistake> {
        Err(self.source.mistake(self.offset, what))
    }

    pub(super) fn get(&self, key: &str) -> Option<Node<'a>> {
        self.table.get(key).map(|value| Node { source: self.source, value })
    }

    /// All values by their keys, in the order of the file.
    pub(super) fn entries(&self) -> Vec<(&'a str, Node<'a>)> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries
            .into_iter()
            .map(|(key, value)| (key.get_ref().as_ref(), Node { source: self.source, value }))
            .collect()
    }

    /// Reads the value of a key, if it is there.
    pub(super) fn read<T>(
        &self,
        key: &str,
        read: impl FnOnce(Node<'a>) -> Result<T, Mistake>,
    ) -> Result<Option<T>, Mistake> {
        self.get(key).map(read).transpose()
    }
}

/// A text from a file between backticks, cut, and without what would act on a terminal.
fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    let cut: String = text.chars().take(LONGEST).collect();
    let dots = if cut.len() < text.len() { "…" } else { "" };
    format!("`{}{dots}`", printable(&cut))
}

fn meant<'n>(written: &str, names: impl Iterator<Item = &'n str> + Clone) -> String {
    match closest(written, names.clone()) {
        Some(name) => format!("; did you mean `{name}`?"),
        None => {
            let all: Vec<String> = names.map(|name| format!("`{name}`")).collect();
            format!("; there is {}", all.join(", "))
        }
    }
}
