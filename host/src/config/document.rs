//! The parsed file, read key by key, with the place of each value.

use std::{
    cell::RefCell,
    ffi::OsString,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    ConfigError, Located, Place,
    error::{listed, quoted},
    quantity,
};
use crate::domain::closest;

/// What reading needs besides the values.
pub(super) struct Document<'a> {
    /// The file, as it was named.
    pub(super) file: &'a Path,
    /// Its text.
    pub(super) text: &'a str,
    /// Everybody on this machine may read it.
    pub(super) readable_by_others: bool,
    /// The environment.
    pub(super) environment: &'a dyn Fn(&str) -> Option<OsString>,
    /// What is allowed and unwise.
    pub(super) warnings: RefCell<Vec<String>>,
}

impl Document<'_> {
    pub(super) fn place(&self, offset: usize) -> Place {
        Place::of(self.text, offset)
    }

    pub(super) fn error(
        &self,
        place: Option<Place>,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> ConfigError {
        ConfigError::new(self.file, place, what, hint)
    }

    pub(super) fn warn(&self, text: String) {
        self.warnings.borrow_mut().push(text);
    }

    /// A path as it is meant: relative to the folder of the configuration file.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.file.parent().unwrap_or_else(|| Path::new("")).join(path)
    }
}

/// A table of the file. Its keys are known ones, or it would not have been opened.
pub(super) struct Section<'a> {
    document: &'a Document<'a>,
    /// As messages show it: `[discord]`.
    title: String,
    /// Its dotted name: `discord`; empty for the whole file.
    path: String,
    place: Option<Place>,
    table: Option<&'a DeTable<'a>>,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(
        document: &'a Document<'a>,
        table: &'a DeTable<'a>,
        keys: &[&str],
    ) -> Result<Self, ConfigError> {
        let title = "the top of the file".to_owned();
        Self { document, title, path: String::new(), place: None, table: Some(table) }.checked(keys)
    }

    /// Refuses keys that mean nothing here.
    fn checked(self, keys: &[&str]) -> Result<Self, ConfigError> {
        let unknown = self
            .table
            .into_iter()
            .flat_map(DeTable::iter)
            .filter(|(key, _)| !keys.contains(&key.get_ref().as_ref()))
            .min_by_key(|(key, _)| key.span().start);
        let Some((key, _)) = unknown else { return Ok(self) };
        let name = key.get_ref();
        let hint = match closest(name, keys.iter().copied()) {
            Some(meant) => format!("did you mean {}?", quoted(meant)),
            None => format!("what can stand here: {}", listed(keys.iter().copied())),
        };
        let what = match self.path.is_empty() {
            true => format!("unknown section {}", quoted(name)),
            false => format!("unknown key {} in {}", quoted(name), self.title),
        };
        Err(self.document.error(Some(self.document.place(key.span().start)), what, hint))
    }

    pub(super) fn document(&self) -> &'a Document<'a> {
        self.document
    }

    /// Where it begins; none if it is not in the file.
    pub(super) fn place(&self) -> Option<Place> {
        self.place
    }

    /// All its values by their keys.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Entry<'a>)> {
        let table = self.table;
        table.into_iter().flat_map(DeTable::iter).map(|(key, value)| {
            let key = key.get_ref().as_ref();
            (key, self.entry(key, value))
        })
    }

    fn entry(&self, key: &str, value: &'a Spanned<DeValue<'a>>) -> Entry<'a> {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Entry::new(self.document, path, value)
    }

    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: &str) -> Option<Entry<'a>> {
        let table = self.table?;
        table.get(key).map(|value| self.entry(key, value))
    }

    /// The value of a key that has no default. `example` is a line that would be right.
    pub(super) fn require(&self, key: &str, example: &str) -> Result<Entry<'a>, ConfigError> {
        self.get(key).ok_or_else(|| {
            let hint = match self.place {
                Some(_) => format!("add a line like `{example}` to {}", self.title),
                None => format!("add a section {} with a line like `{example}`", self.title),
            };
            self.document.error(self.place, format!("{} is missing in {}", quoted(key), self.title), hint)
        })
    }

    /// The table of a name; an empty one if it is not in the file.
    pub(super) fn section(&self, key: &str, keys: &[&str]) -> Result<Self, ConfigError> {
        self.open_section(key)?.checked(keys)
    }

    /// The same for a table whose keys are not ours to know.
    pub(super) fn open_section(&self, key: &str) -> Result<Self, ConfigError> {
        let (path, place, table) = match self.get(key) {
            None if self.path.is_empty() => (key.to_owned(), None, None),
            None => (format!("{}.{key}", self.path), None, None),
            Some(entry) => {
                let DeValue::Table(table) = entry.value else {
                    return Err(entry.unexpected(
                        "a table",
                        &format!("write `[{}]` on a line of its own, and its settings below", entry.path),
                    ));
                };
                (entry.path, Some(entry.place), Some(table))
            }
        };
        Ok(Self { document: self.document, title: format!("[{path}]"), path, place, table })
    }

    /// The tables of a name that may be there several times.
    pub(super) fn sections(&self, key: &str, keys: &[&str]) -> Result<Vec<Self>, ConfigError> {
        let Some(entry) = self.get(key) else { return Ok(Vec::new()) };
        let title = format!("[[{}]]", entry.path);
        let hint = format!("write `{title}` on a line of its own, with two brackets, and its settings below");
        let DeValue::Array(items) = entry.value else {
            return Err(entry.unexpected("a list of tables", &hint));
        };
        items
            .iter()
            .map(|item| {
                let item = Entry::new(self.document, entry.path.clone(), item);
                let DeValue::Table(table) = item.value else {
                    return Err(item.unexpected("a table", &hint));
                };
                let section = Self {
                    document: self.document,
                    title: title.clone(),
                    path: item.path,
                    place: Some(item.place),
                    table: Some(table),
                };
                section.checked(keys)
            })
            .collect()
    }
}

/// A value of the file.
pub(super) struct Entry<'a> {
    document: &'a Document<'a>,
    /// Its dotted name: `discord.token`.
    path: String,
    place: Place,
    value: &'a DeValue<'a>,
}

impl<'a> Entry<'a> {
    fn new(document: &'a Document<'a>, path: String, value: &'a Spanned<DeValue<'a>>) -> Self {
        Self { document, path, place: document.place(value.span().start), value: value.get_ref() }
    }

    pub(super) fn document(&self) -> &'a Document<'a> {
        self.document
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    pub(super) fn value(&self) -> &'a DeValue<'a> {
        self.value
    }

    /// A mistake in this value. `what` goes on after its name.
    pub(super) fn error(&self, what: &str, hint: impl Into<String>) -> ConfigError {
        self.document.error(Some(self.place), format!("{} {what}", quoted(&self.path)), hint)
    }

    /// It is of another kind than it should be. Its content is not repeated: it may be a secret.
    pub(super) fn unexpected(&self, expected: &str, hint: &str) -> ConfigError {
        let found = match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a decimal point",
            DeValue::Boolean(_) => "`true` or `false`",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.error(&format!("should be {expected} and is {found}"), hint)
    }

    /// The value with its place.
    pub(super) fn located<T>(&self, value: T) -> Located<T> {
        Located { value, place: Some(self.place) }
    }

    /// A text.
    pub(super) fn text(&self, hint: &str) -> Result<&'a str, ConfigError> {
        self.value.as_str().ok_or_else(|| self.unexpected("a text in quotes", hint))
    }

    /// A text that says something, without blanks around it.
    pub(super) fn name(&self, hint: &str) -> Result<&'a str, ConfigError> {
        let text = self.text(hint)?.trim();
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(self.error("should be a name and is empty or has line breaks", hint));
        }
        Ok(text)
    }

    /// Yes or no.
    pub(super) fn truth(&self) -> Result<bool, ConfigError> {
        let hint = "write `true` or `false`, without quotes";
        self.value.as_bool().ok_or_else(|| self.unexpected("`true` or `false`", hint))
    }

    /// A whole number above zero.
    pub(super) fn count(&self) -> Result<u64, ConfigError> {
        let hint = "write a whole number above zero, without quotes";
        let DeValue::Integer(number) = self.value else {
            return Err(self.unexpected("a whole number", hint));
        };
        match u64::from_str_radix(number.as_str(), number.radix()) {
            Ok(0) | Err(_) => Err(self.error("should be a whole number above zero", hint)),
            Ok(number) => Ok(number),
        }
    }

    /// A whole number, zero too.
    pub(super) fn whole(&self) -> Result<u64, ConfigError> {
        let hint = "write a whole number, without quotes";
        let DeValue::Integer(number) = self.value else {
            return Err(self.unexpected("a whole number", hint));
        };
        u64::from_str_radix(number.as_str(), number.radix())
            .map_err(|_| self.error("should be a whole number", hint))
    }

    /// A Discord id, with or without quotes.
    pub(super) fn id<T: FromStr>(&self) -> Result<Located<T>, ConfigError> {
        let hint =
            "turn on developer mode in Discord's settings, right-click on it, and choose to copy its id";
        let parsed = match self.value {
            DeValue::String(text) => text.trim().parse().ok(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            _ => return Err(self.unexpected("a Discord id", hint)),
        };
        parsed
            .map(|id| self.located(id))
            .ok_or_else(|| self.error("should be a Discord id, which is a long number", hint))
    }

    /// A length of time.
    pub(super) fn duration(&self) -> Result<Duration, ConfigError> {
        let hint = "write a number and its unit in quotes, for example \"2s\", \"10m\" or \"24h\"; a year is the longest";
        let text = self.value.as_str().ok_or_else(|| self.unexpected("a length of time", hint))?;
        quantity::duration(text).ok_or_else(|| self.error("should be a length of time", hint))
    }

    /// A length of time that is not nothing.
    pub(super) fn duration_above_zero(&self) -> Result<Duration, ConfigError> {
        let duration = self.duration()?;
        if duration.is_zero() {
            return Err(self.error("should be longer than nothing", "write for example \"1m\""));
        }
        Ok(duration)
    }

    /// A number of bytes above zero.
    pub(super) fn size(&self) -> Result<u64, ConfigError> {
        let hint = "write a number and its unit in quotes, for example \"32MiB\" or \"4KiB\"";
        let text = self.value.as_str().ok_or_else(|| self.unexpected("a size", hint))?;
        quantity::size(text).filter(|size| *size > 0).ok_or_else(|| self.error("should be a size", hint))
    }

    /// One of several words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, ConfigError> {
        let words = || choices.iter().map(|(word, _)| *word);
        let any: Vec<String> = words().map(|word| format!("\"{word}\"")).collect();
        let hint = format!("write {}", any.join(" or "));
        let text = self.text(&hint)?;
        choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
            let hint =
                closest(text, words()).map_or(hint, |meant| format!("did you mean {}?", quoted(meant)));
            self.error(&format!("can't be {}", quoted(text)), hint)
        })
    }

    /// A list.
    pub(super) fn list(&self, hint: &str) -> Result<Vec<Self>, ConfigError> {
        let DeValue::Array(items) = self.value else {
            return Err(self.unexpected("a list", hint));
        };
        Ok(items.iter().map(|item| Self::new(self.document, self.path.clone(), item)).collect())
    }

    /// A table within a line.
    pub(super) fn table(&self, keys: &[&str]) -> Result<Section<'a>, ConfigError> {
        let DeValue::Table(table) = self.value else {
            return Err(self.unexpected("a table", "write it as `{ key = \"value\" }`"));
        };
        let section = Section {
            document: self.document,
            title: quoted(&self.path),
            path: self.path.clone(),
            place: Some(self.place),
            table: Some(table),
        };
        section.checked(keys)
    }
}
