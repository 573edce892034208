//! What the owner of a Plex server can set for a person, and which libraries a share has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{SectionId, filter::Meaning};

/// One thing that the owner can set for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// `filterMovies`.
    Movies,
    /// `filterTelevision`.
    Television,
    /// `filterMusic`.
    Music,
    /// `filterPhotos`.
    Photos,
    /// `allowSync`: whether media may be downloaded.
    Downloads,
    /// `allowTuners`: whether live television may be watched. 0 no, 1 and 2 yes (2 with recording).
    LiveTv,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Movies, Self::Television, Self::Music, Self::Photos, Self::Downloads, Self::LiveTv];

    /// plex.tv's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Movies => "filterMovies",
            Self::Television => "filterTelevision",
            Self::Music => "filterMusic",
            Self::Photos => "filterPhotos",
            Self::Downloads => "allowSync",
            Self::LiveTv => "allowTuners",
        }
    }

    /// Whether its value is a filter and not a number.
    #[must_use]
    pub const fn is_filter(self) -> bool {
        matches!(self, Self::Movies | Self::Television | Self::Music | Self::Photos)
    }
}

/// The value of a field as plex.tv stores it, verbatim: a filter string (empty for none), or "0", "1", "2".
/// Two values are equal if they mean the same ([`Meaning`]), however they are written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldValue(pub String);

impl PartialEq for FieldValue {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || Meaning::of(&self.0) == Meaning::of(&other.0)
    }
}

impl Eq for FieldValue {}

/// What is set for a person. A field that plex.tv did not mention is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(pub BTreeMap<Field, FieldValue>);

impl Settings {
    /// The value of a field. What plex.tv did not mention is empty for a filter and "0" for a flag.
    #[must_use]
    pub fn value(&self, field: Field) -> FieldValue {
        match self.0.get(&field) {
            Some(value) if field.is_filter() || !value.0.trim().is_empty() => value.clone(),
            _ if field.is_filter() => FieldValue::default(),
            _ => FieldValue("0".to_owned()),
        }
    }

    /// Whether all the fields have these values.
    #[must_use]
    pub fn show(&self, changes: &Changes) -> bool {
        changes.iter().all(|(&field, value)| self.value(field) == *value)
    }
}

/// Fields to write and what to. Fields that are not in it stay as they are.
pub type Changes = BTreeMap<Field, FieldValue>;

/// Libraries to share: never none, because plex.tv takes an empty list for "all" when a share is made and
/// for "end it" when it is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sections(Vec<SectionId>);

impl Sections {
    /// None if the list is empty. Sorted, each once.
    #[must_use]
    pub fn new(mut sections: Vec<SectionId>) -> Option<Self> {
        sections.sort_unstable();
        sections.dedup();
        (!sections.is_empty()).then_some(Self(sections))
    }

    /// The libraries.
    #[must_use]
    pub fn as_slice(&self) -> &[SectionId] {
        &self.0
    }
}
