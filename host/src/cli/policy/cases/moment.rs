//! Moments and lengths of time as people write them.

use toml::{
    de::DeValue,
    value::{Datetime, Offset},
};

use super::super::node::{Mistake, Node};
use crate::{config::quantity, domain::Timestamp};

/// A moment: fixed, or counted from the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli::policy) enum Moment {
    /// This one.
    At(Timestamp),
    /// So many milliseconds after the event.
    After(u64),
    /// So many milliseconds before the event.
    Before(u64),
}

impl Moment {
    /// Which moment it is for an event of this time.
    pub(in crate::cli::policy) fn of(self, event: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::After(millis) => event.plus_millis(millis),
            Self::Before(millis) => Timestamp(event.0.saturating_sub(millis)),
        }
    }

    pub(super) fn read(node: Node<'_>) -> Result<Self, Mistake> {
        const WHAT: &str = "a moment, like `\"in 3 days\"`, `\"3 days ago\"` or `2026-01-31T12:00:00Z`";
        match node.value() {
            DeValue::Integer(_) => Ok(Self::At(Timestamp(node.number()?))),
            DeValue::Datetime(at) => match millis(at) {
                Some(at) => Ok(Self::At(Timestamp(at))),
                None => {
                    node.fail("expected a date with time and zone from 1970 on, like `2026-01-31T12:00:00Z`")
                }
            },
            DeValue::String(text) => {
                let text = text.trim();
                let read = if text == "now" {
                    Some(Self::After(0))
                } else if let Some(length) = text.strip_prefix("in ") {
                    length_of(length).map(Self::After)
                } else if let Some(length) = text.strip_suffix(" ago") {
                    length_of(length).map(Self::Before)
                } else {
                    None
                };
                read.map_or_else(|| node.expected(WHAT), Ok)
            }
            _ => node.expected(WHAT),
        }
    }

    /// A moment that does not depend on an event.
    pub(super) fn read_fixed(node: Node<'_>) -> Result<Timestamp, Mistake> {
        match Self::read(node)? {
            Self::At(at) => Ok(at),
            Self::After(_) | Self::Before(_) => node
                .fail("expected a date, like `2026-01-31T12:00:00Z`: this moment is what others count from"),
        }
    }
}

/// A length of time, in milliseconds.
pub(super) fn length(node: Node<'_>) -> Result<u64, Mistake> {
    const WHAT: &str = "a length of time, like `\"3 days\"` or `\"36h\"`, of at most a year";
    match node.value() {
        DeValue::String(text) => length_of(text).map_or_else(|| node.expected(WHAT), Ok),
        _ => node.expected(WHAT),
    }
}

fn length_of(text: &str) -> Option<u64> {
    quantity::duration(text).and_then(|length| u64::try_from(length.as_millis()).ok())
}

/// A number of bytes.
pub(super) fn bytes(node: Node<'_>) -> Result<usize, Mistake> {
    let read = match node.value() {
        DeValue::String(text) => match quantity::size(text) {
            Some(size) => size,
            None => return node.expected("a number of bytes, like `2_000_000` or `\"2 MiB\"`"),
        },
        _ => node.number()?,
    };
    usize::try_from(read).or_else(|_| node.fail("this is more than any memory has"))
}

/// Milliseconds since 1970 of a date with time and zone; none if a part is missing, or before 1970.
fn millis(at: &Datetime) -> Option<u64> {
    let (date, time, offset) = (at.date?, at.time?, at.offset?);
    let minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    // Days since 1970: the year is taken to begin in March, so that the leap day is its last.
    let (month, day) = (i64::from(date.month), i64::from(date.day));
    let year = i64::from(date.year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let seconds = days * 86_400
        + i64::from(time.hour) * 3_600
        + (i64::from(time.minute) - minutes) * 60
        + i64::from(time.second);
    u64::try_from(seconds * 1_000 + i64::from(time.nanosecond / 1_000_000)).ok()
}

/// A moment as a date with time and zone, to the millisecond: `2026-01-31T12:00:00Z`.
pub(in crate::cli::policy) fn date(at: Timestamp) -> String {
    let (days, millis) = (at.0 / 86_400_000, at.0 % 86_400_000);
    // Days since 0000-03-01: the year is taken to begin in March, so that the leap day is its last.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (seconds, millis) = (millis / 1_000, millis % 1_000);
    let fraction = if millis == 0 { String::new() } else { format!(".{millis:03}") };
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// A length of time in words, exactly: `3 days`, `1 day 12 hours`, `500 ms`.
pub(in crate::cli::policy) fn words(millis: u64) -> String {
    const UNITS: [(&str, u64); 5] =
        [("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1_000), ("ms", 1)];
    let mut rest = millis;
    let mut parts = Vec::new();
    for (unit, size) in UNITS {
        let count = rest / size;
        rest %= size;
        if count > 0 {
            let plural = if count == 1 || unit == "ms" { "" } else { "s" };
            parts.push(format!("{count} {unit}{plural}"));
        }
    }
    if parts.is_empty() { "0 ms".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_become_milliseconds() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-01-01T00:00:00Z", Some(1_767_225_600_000)),
            ("2024-02-29T12:00:00.5Z", Some(1_709_208_000_500)),
            ("2026-03-01T01:00:00+01:00", Some(1_772_323_200_000)),
            ("1969-12-31T23:59:59Z", None),
            ("2026-01-01T00:00:00", None),
            ("2026-01-01", None),
        ] {
            assert_eq!(millis(&text.parse().unwrap()), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_length_in_words_is_read_back(length in 0_u64..31_622_400_000) {
            prop_assert_eq!(length_of(&words(length)), Some(length));
        }

        #[test]
        fn a_date_is_read_back(at in 0_u64..253_402_300_800_000) {
            prop_assert_eq!(millis(&date(Timestamp(at)).parse().unwrap()), Some(at));
        }
    }

    #[test]
    fn lengths_read_as_a_person_would_say_them() {
        assert_eq!(words(3 * 86_400_000), "3 days");
        assert_eq!(words(36 * 3_600_000), "1 day 12 hours");
        assert_eq!(words(0), "0 ms");
    }
}
