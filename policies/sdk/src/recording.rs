//! Recorded events: what happened once, and what followed or must follow.
//!
//! A recording is JSON. A file holds one, or a list of them, or one after the other (JSON Lines). The
//! schema is `wit/recording.schema.json`.
//!
//! ```json
//! {
//!   "format": 1,
//!   "name": "the last role is lost",
//!   "event": {
//!     "id": "0000000042",
//!     "member": { "id": "900000001", "username": "ada" },
//!     "account": { "access": { "granted": {} } },
//!     "cause": { "role-removed": { "id": "1", "key": "plus", "name": "Plus" } }
//!   },
//!   "decision": { "actions": ["remove"] }
//! }
//! ```
//!
//! An e-mail address is never part of a recording, so a recording can be shared.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::contract::{Action, Decision, Event};
use crate::printable::printable;

/// The format that this version writes and reads.
pub const FORMAT: u64 = 1;

/// The largest file of recordings that is read, in bytes: the same as for `rolarr policy test`.
const LONGEST: u64 = 256 << 20;

/// One recorded event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Recording {
    /// The format's version: always [`FORMAT`].
    pub format: Format,
    /// What the case is about, in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which policy decided when this was recorded. For people; a test does not compare it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<RecordedPolicy>,
    /// The settings that the policy had, and gets in a test. None: `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<serde_json::Map<String, serde_json::Value>>,
    /// What happened.
    pub event: Event,
    /// What must follow. None: nothing is expected, and a test has nothing to compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Expected>,
}

/// What must follow from an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expected {
    /// The actions, compared one by one and in order. An empty list means that nothing follows.
    pub actions: Vec<Action>,
    /// The reason. It is compared only if it is not empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Expected {
    /// Whether a decision is what is expected.
    #[must_use]
    pub fn is_met_by(&self, decision: &Decision) -> bool {
        self.actions == decision.actions && (self.reason.is_empty() || self.reason == decision.reason)
    }
}

impl From<Decision> for Expected {
    fn from(decision: Decision) -> Self {
        Self { actions: decision.actions, reason: decision.reason }
    }
}

/// Which policy decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct RecordedPolicy {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The SHA-256 of its module, its settings and its sources, in hexadecimal.
    pub digest: String,
}

/// A format number that was checked: it is always [`FORMAT`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format;

impl Serialize for Format {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(FORMAT)
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            FORMAT => Ok(Self),
            other => Err(de::Error::custom(Newer(other))),
        }
    }
}

struct Newer(u64);

impl fmt::Display for Newer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("`format` 0 does not exist: write 1"),
            newer => write!(
                f,
                "made for a newer Rolarr: this one knows `format` {FORMAT}, the recording has {newer}"
            ),
        }
    }
}

/// Recordings could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// The file could not be read at all.
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The text is not a recording.
    Text {
        /// The file, as the caller named it.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// There is nothing in the file.
    Empty {
        /// The file.
        file: PathBuf,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::File { file, .. } | Self::Text { file, .. } | Self::Empty { file }) = self;
        // A path may have anything in it that a terminal would act upon.
        let file = printable(&file.to_string_lossy());
        match self {
            Self::File { error, .. } => write!(f, "{file}: can't be read: {error}"),
            Self::Text { line, column, what, .. } => write!(f, "{file}:{line}:{column}: {what}"),
            Self::Empty { .. } => write!(f, "{file}: there is no recording in it"),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { error, .. } => Some(error),
            Self::Text { .. } | Self::Empty { .. } => None,
        }
    }
}

/// Reads the recordings of a file. A byte order mark at its beginning is no part of them.
///
/// # Errors
///
/// The file is no regular file, is larger than 256 MiB, can't be read, is not valid, is for a newer Rolarr, or holds
/// nothing.
pub fn read_file(file: &Path) -> Result<Vec<Recording>, ReadError> {
    match read_regular(file) {
        Ok(text) => parse(text.strip_prefix('\u{feff}').unwrap_or(&text), file),
        Err(error) => Err(ReadError::File { file: file.to_owned(), error }),
    }
}

/// The text of a regular file. A pipe without a writer would keep the call for ever, and a device has no end.
fn read_regular(file: &Path) -> io::Result<String> {
    let refuse = |about: &Metadata| -> io::Result<()> {
        if about.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let what = if !about.is_file() {
            "it is no regular file"
        } else if about.len() > LONGEST {
            "it is larger than 256 MiB"
        } else {
            return Ok(());
        };
        Err(io::Error::new(io::ErrorKind::InvalidData, what))
    };
    // Some devices act on being opened.
    refuse(&std::fs::metadata(file)?)?;
    let open = File::open(file)?;
    // It may be another one by now.
    refuse(&open.metadata()?)?;
    let mut text = String::new();
    // Files that the system makes up tell no size, and others may grow.
    open.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than 256 MiB"));
    }
    Ok(text)
}

/// Reads the recordings of a text. `file` is the name for messages.
///
/// # Errors
///
/// The text is not valid, is for a newer Rolarr, or holds nothing.
pub fn parse(text: &str, file: &Path) -> Result<Vec<Recording>, ReadError> {
    // The format is looked at first: of a recording from a newer Rolarr nothing else may make sense.
    parse_all::<Peek>(text, file)?;
    let recordings = parse_all::<Recording>(text, file)?;
    if recordings.is_empty() {
        return Err(ReadError::Empty { file: file.to_owned() });
    }
    Ok(recordings)
}

/// Only the format, whatever else there is.
#[derive(Deserialize)]
struct Peek {
    #[expect(dead_code, reason = "reading it is the check")]
    format: Format,
}

fn parse_all<T: de::DeserializeOwned>(text: &str, file: &Path) -> Result<Vec<T>, ReadError> {
    let read = if text.trim_start().starts_with('[') {
        serde_json::from_str(text)
    } else {
        serde_json::Deserializer::from_str(text).into_iter().collect()
    };
    read.map_err(|error: serde_json::Error| {
        let position = format!(" at line {} column {}", error.line(), error.column());
        let text = error.to_string();
        ReadError::Text {
            file: file.to_owned(),
            line: error.line(),
            column: error.column(),
            what: printable(text.strip_suffix(&position).unwrap_or(&text)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Cause;

    const ONE: &str =
        r#"{"format":1,"event":{"member":{},"cause":"member-left"},"decision":{"actions":["remove"]}}"#;

    fn read(text: &str) -> Result<Vec<Recording>, String> {
        parse(text, Path::new("case.json")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_holds_one_or_a_list_or_lines() {
        for text in [format!("{ONE}\n"), format!("[{ONE}]"), format!("{ONE}\n{ONE}\n")] {
            let recordings = read(&text).unwrap();
            assert_eq!(recordings[0].event.cause, Cause::MemberLeft);
            assert_eq!(recordings[0].decision.as_ref().unwrap().actions, [Action::Remove]);
        }
        assert_eq!(read(&format!("{ONE}\n{ONE}")).unwrap().len(), 2);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let recording = read(ONE).unwrap().remove(0);
        let text = serde_json::to_string(&recording).unwrap();
        assert_eq!(read(&text).unwrap(), [recording]);
    }

    #[test]
    fn a_newer_format_is_refused_before_anything_else_is_understood() {
        let text = r#"{"from-the-future": true, "format": 2}"#;
        assert_eq!(
            read(text).unwrap_err(),
            "case.json:1:38: made for a newer Rolarr: this one knows `format` 1, the recording has 2"
        );
    }

    #[test]
    fn an_error_has_file_line_and_column() {
        let text = "\n{\"format\": 1,\n \"evnt\": {}}";
        assert_eq!(
            read(text).unwrap_err(),
            "case.json:3:7: unknown field `evnt`, expected one of `format`, `name`, `policy`, `settings`, \
             `event`, `decision`"
        );
        let odd = read("{\"format\": 1, \"ev\u{7f}\u{202e}\": {}}").unwrap_err();
        assert!(odd.contains("unknown field `ev\\u{7f}\\u{202e}`"), "{odd}");
        let odd = read("{\"format\": 1, \"ev\u{61c}\u{200b}\u{feff}\": {}}").unwrap_err();
        assert!(odd.contains("unknown field `ev\\u{61c}\\u{200b}\\u{feff}`"), "{odd}");
        assert_eq!(read("").unwrap_err(), "case.json: there is no recording in it");
        assert_eq!(read("[]").unwrap_err(), "case.json: there is no recording in it");
        assert_eq!(read("{}").unwrap_err(), "case.json:1:2: missing field `format`");
        assert_eq!(read("no").unwrap_err(), "case.json:1:2: expected ident");
        let error = read_file(Path::new("/does/not/exist.json")).unwrap_err();
        assert!(error.to_string().starts_with("/does/not/exist.json: can't be read"), "{error}");
    }

    #[test]
    fn a_reason_is_compared_only_if_it_is_given() {
        let decision = Decision::of([Action::Remove], "because");
        let mut expected = Expected { actions: vec![Action::Remove], reason: String::new() };
        assert!(expected.is_met_by(&decision));
        expected.reason = "because of that".into();
        assert!(!expected.is_met_by(&decision));
        assert!(Expected::from(decision.clone()).is_met_by(&decision));
    }
}
