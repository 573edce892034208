//! From a file to settings.

use std::{
    cell::RefCell,
    env,
    ffi::OsString,
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
};

use toml::de::DeTable;

use super::{
    Config, ConfigError, Place, Said,
    document::{Document, Section},
    secret::readable_by_others,
    sections,
};
use crate::files::{self, FileError};

/// A configuration is some pages long. What is longer is another file.
const LONGEST: u64 = 1024 * 1024;

impl Config {
    /// Reads a configuration file, with the tokens that it names, and checks all that can be checked without
    /// the network.
    ///
    /// # Errors
    /// The first mistake, with its line.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let (bytes, about) = files::read_with_metadata(file, LONGEST).map_err(|error| match error {
            FileError::TooLarge { .. } => ConfigError::new(
                file,
                None,
                "the file is too long to be a configuration",
                "name the right file with `--config FILE`",
            ),
            error => ConfigError::new(
                file,
                None,
                format!("the configuration can't be read: {error}"),
                "name the file with `--config FILE`; config.example.toml is one to start from",
            ),
        })?;
        read(file, &bytes, readable_by_others(&about), &|name| env::var_os(name))
    }

    /// Reads a configuration that is in memory. Paths in it are relative to the folder of `file`.
    ///
    /// # Errors
    /// The first mistake, with its line.
    pub fn parse(
        file: &Path,
        bytes: &[u8],
        environment: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        read(file, bytes, false, environment)
    }
}

fn read(
    file: &Path,
    bytes: &[u8],
    readable_by_others: bool,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Config, ConfigError> {
    if let Some(encoding) = files::foreign_encoding(bytes) {
        return Err(ConfigError::new(
            file,
            None,
            format!("the configuration is text in {encoding}, and only UTF-8 can be read"),
            "save the file with the encoding UTF-8",
        ));
    }
    let bytes = bytes.strip_prefix(files::MARK).unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let place = Place::of(&String::from_utf8_lossy(valid), valid.len());
        ConfigError::new(
            file,
            Some(place),
            "a character here is not UTF-8",
            "save the file with the encoding UTF-8",
        )
    })?;
    let document =
        Document { file, text, readable_by_others, environment, warnings: RefCell::new(Vec::new()) };
    let table = DeTable::parse(text).map_err(|error| {
        let place = error.span().map(|span| document.place(span.start));
        let message = error.message().trim().replace('\n', ", ");
        document.error(
            place,
            format!("this is not TOML: {message}"),
            "texts stand in quotes, lists in `[ ]`, each setting on a line of its own; compare with \
             config.example.toml",
        )
    })?;
    let mut config = sections::config(&Section::root(&document, table.get_ref(), &sections::ROOT)?)?;
    config.warnings = document.warnings.into_inner();
    config.said = said(text);
    Ok(config)
}

/// What each section says, without its place in the file.
fn said(text: &str) -> Said {
    let table: toml::Table = text.parse().unwrap_or_default();
    let of = |value: &toml::Value| {
        let mut hasher = DefaultHasher::new();
        format!("{value:?}").hash(&mut hasher);
        hasher.finish()
    };
    Said(table.iter().map(|(name, value)| (name.clone(), of(value))).collect())
}
