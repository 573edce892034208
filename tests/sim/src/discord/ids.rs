//! Snowflakes, and ids as types of their own.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The first millisecond of 2015, from which snowflakes count.
const EPOCH_MS: u64 = 1_420_070_400_000;

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        /// As Discord writes ids: a string of digits.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        /// From a string of digits.
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A person or a bot.
    UserId
    /// A guild (a "server").
    GuildId
    /// A role of a guild.
    RoleId
    /// A channel, in a guild or with one person.
    ChannelId
    /// A message.
    MessageId
    /// The application that the bot belongs to.
    ApplicationId
    /// One use of a command, a button or a form.
    InteractionId
    /// A registered slash command.
    CommandId
}

/// Makes ids: from the time, and always rising.
#[derive(Clone, Debug, Default)]
pub(super) struct Snowflakes {
    last: u64,
}

impl Snowflakes {
    /// The next id, never zero and never the same twice.
    pub(super) fn next(&mut self, now_ms: u64) -> u64 {
        let from_time = now_ms.saturating_sub(EPOCH_MS) << 22;
        self.last = from_time.max(self.last + 1);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_even_when_time_stands_still_or_begins_at_zero() {
        let mut ids = Snowflakes::default();
        let made: Vec<u64> =
            [0, 0, EPOCH_MS + 5, EPOCH_MS + 5, EPOCH_MS].iter().map(|now| ids.next(*now)).collect();
        assert_eq!(made, [1, 2, 5 << 22, (5 << 22) + 1, (5 << 22) + 2]);
    }
}
