//! Ids as types of their own, so that one can't be passed for another.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Snowflake;

/// A text that is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id is a number written in digits, with a value above zero")]
pub struct NotAnId;

macro_rules! discord_ids {
    ($($(#[$meta:meta])* $name:ident)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                match text.parse() {
                    Ok(0) | Err(_) => Err(NotAnId),
                    Ok(id) => Ok(Self(id)),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl From<$name> for Snowflake {
            fn from(id: $name) -> Self {
                Self(id.to_string())
            }
        }

        /// As decimal text, which is how Discord writes ids in JSON.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

discord_ids! {
    /// A guild: what Discord's users call a server.
    GuildId
    /// A person on Discord.
    UserId
    /// A role of a guild.
    RoleId
    /// A channel, direct message channels included.
    ChannelId
    /// A message in a channel.
    MessageId
}

macro_rules! numbers {
    ($($(#[$meta:meta])* $name:ident($type:ty))*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $type);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

numbers! {
    /// A row of the journal. Its text form, zero-padded, goes through everything that follows from it.
    EventId(i64)
    /// What Rolarr keeps of one person's access: one row, whatever guilds they are in.
    AccountId(i64)
    /// A message to send, or another thing to do once.
    TaskId(i64)
    /// A question for a member's e-mail address.
    PromptId(i64)
    /// An account at plex.tv: `User@id` of `GET /api/users`.
    PlexAccountId(u64)
    /// The share of one server with one person: `Server@id` within a `User`, `SharedServer@id`.
    ShareId(u64)
    /// A library as plex.tv numbers it (about nine digits), which is not the server's own key for it.
    SectionId(u64)
}

impl EventId {
    /// The id as the contract passes it: zero-padded, so that ids sort as text.
    #[must_use]
    pub fn padded(self) -> String {
        format!("{:012}", self.0)
    }
}

/// A Plex server's machine identifier.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MachineId(pub String);

impl fmt::Display for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_text_and_read_back() {
        let id = GuildId(18_446_744_073_709_551_615);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, "\"18446744073709551615\"");
        assert_eq!(serde_json::from_str::<GuildId>(&json).unwrap(), id);
    }

    #[test]
    fn text_that_is_no_id_is_refused() {
        for text in ["", "0", "-1", "abc", "18446744073709551616", " 1", "1.0"] {
            assert_eq!(text.parse::<UserId>(), Err(NotAnId), "{text:?}");
        }
    }

    #[test]
    fn event_ids_sort_as_text() {
        assert!(EventId(9).padded() < EventId(10).padded());
    }
}
