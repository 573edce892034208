//! What the operator can set.

use std::fmt;

use rolarr_policy::contract::{Filter, Restriction, Rule};
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, de::value::SeqAccessDeserializer};

/// The settings, all with a default.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// The label that a restricted member's filters ask for. No item carries it, so nothing is shown.
    pub(crate) label: Label,
    /// What a restricted member does not see.
    pub(crate) block: Block,
    /// What becomes of a member who leaves the Discord server.
    pub(crate) on_leave: OnLeave,
}

impl Settings {
    /// What a member without a role is restricted to.
    pub(crate) fn restriction(&self) -> Restriction {
        let rule = Rule::label(self.label.0.clone());
        let mut restriction = match &self.block {
            Block::Everything => Restriction::everything(rule),
            Block::These(media) => {
                let filter = |wanted| {
                    if media.contains(&wanted) { Filter::Only(rule.clone()) } else { Filter::Keep }
                };
                Restriction {
                    movies: filter(Media::Movies),
                    television: filter(Media::Television),
                    music: filter(Media::Music),
                    photos: filter(Media::Photos),
                    ..Restriction::default()
                }
            }
        };
        // A filter alone leaves what is playing on.
        restriction.end_streams = true;
        restriction
    }
}

/// What becomes of a member who leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnLeave {
    /// The share ends and the e-mail address is forgotten.
    #[default]
    Remove,
    /// As if the last role was lost: restricted.
    Keep,
}

/// A type of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Media {
    Movies,
    Television,
    Music,
    Photos,
}

/// What is closed to a restricted member.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Block {
    /// All types of media, downloads and live television.
    Everything,
    /// These types of media.
    These(Vec<Media>),
}

impl Default for Block {
    fn default() -> Self {
        Self::These(vec![Media::Movies, Media::Television])
    }
}

impl<'de> Deserialize<'de> for Block {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Block;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`everything` or a list of `movies`, `television`, `music`, `photos`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Block, E> {
                match text {
                    "everything" => Ok(Block::Everything),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Block, A::Error> {
                let media = Vec::<Media>::deserialize(SeqAccessDeserializer::new(seq))?;
                if media.is_empty() {
                    return Err(de::Error::custom("name at least one type of media"));
                }
                Ok(Block::These(media))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// A label that a Plex filter can carry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Label(String);

/// Longer ones are cut off in Plex's own pages.
const LONGEST: usize = 64;

impl Default for Label {
    fn default() -> Self {
        Self("noAccess".to_owned())
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let label = String::deserialize(deserializer)?;
        if label.trim().is_empty() {
            return Err(de::Error::custom("must not be empty"));
        }
        if label.trim() != label {
            return Err(de::Error::custom("must not begin or end with a space"));
        }
        if label.chars().count() > LONGEST {
            return Err(de::Error::custom(format!("must not be longer than {LONGEST} characters")));
        }
        // These separate the parts of a filter, or are written as %XX in it.
        if let Some(bad) = label.chars().find(|c| ",|&=%".contains(*c) || c.is_control()) {
            return Err(de::Error::custom(format!(
                "a Plex filter can't carry the character `{}`",
                bad.escape_default()
            )));
        }
        Ok(Self(label))
    }
}
