//! Moments on the command line, and as people read them.

use std::{str::FromStr, time::Duration};

use time::{Date, Month, OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

use crate::{config::quantity, domain::Timestamp};

/// A moment as it stands on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// At this time.
    At(Timestamp),
    /// So long ago.
    Ago(Duration),
}

impl Moment {
    /// The moment as a time.
    pub(super) fn seen_from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(age) => {
                Timestamp(now.0.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)))
            }
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(age) = quantity::duration(text) {
            return Ok(Self::Ago(age));
        }
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok().or_else(|| midnight(text));
        let millis = moment.map(|moment| moment.unix_timestamp_nanos() / 1_000_000);
        match millis.and_then(|millis| u64::try_from(millis).ok()) {
            Some(millis) => Ok(Self::At(Timestamp(millis))),
            None => {
                Err("write a date (2026-11-01), a time (2026-11-01T18:30:00Z), or an age (90d, 12h)"
                    .to_owned())
            }
        }
    }
}

/// The beginning of a day like `2026-11-01`, in UTC.
fn midnight(text: &str) -> Option<OffsetDateTime> {
    let mut parts = text.split('-');
    let mut next = |digits: usize| {
        let part = parts.next()?;
        (part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit())).then_some(part)
    };
    let year = next(4)?.parse().ok()?;
    let month: u8 = next(2)?.parse().ok()?;
    let day = next(2)?.parse().ok()?;
    if parts.next().is_some() {
        return None;
    }
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    Some(date.midnight().assume_offset(UtcOffset::UTC))
}

/// A time as people read it: `2026-11-01 18:30:05 UTC`.
pub(super) fn shown(at: Timestamp) -> String {
    let seconds = i64::try_from(at.0 / 1_000).unwrap_or(i64::MAX);
    match OffsetDateTime::from_unix_timestamp(seconds) {
        Ok(time) => format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
            time.year(),
            u8::from(time.month()),
            time.day(),
            time.hour(),
            time.minute(),
            time.second()
        ),
        // Further away than any calendar goes.
        Err(_) => format!("{} ms", at.0),
    }
}

/// A time to the millisecond, as it can be given on the command line: `2026-11-01T18:30:05.123Z`.
pub(super) fn precise(at: Timestamp) -> String {
    let shown = shown(at);
    let mut words = shown.split(' ');
    match (words.next(), words.next(), words.next()) {
        (Some(date), Some(time), Some("UTC")) => format!("{date}T{time}.{:03}Z", at.0 % 1_000),
        _ => shown,
    }
}

/// A number as people read it: `12,345`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// How long ago something was.
pub(super) fn ago(now: Timestamp, then: Timestamp) -> String {
    let minutes = now.0.saturating_sub(then.0) / 60_000;
    match minutes {
        0 => "just now".to_owned(),
        1..60 => format!("{minutes} min ago"),
        60..2_880 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1_440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_times_and_ages_are_read() {
        let at = |text: &str| match text.parse() {
            Ok(Moment::At(at)) => shown(at),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(at("2026-11-01"), "2026-11-01 00:00:00 UTC");
        assert_eq!(at("2026-11-01T18:30:05Z"), "2026-11-01 18:30:05 UTC");
        assert_eq!(at("2026-11-01T18:30:05.5+02:00"), "2026-11-01 16:30:05 UTC");
        let now = Timestamp(1_800_000_000_000);
        let ago = |text: &str| now.0 - text.parse::<Moment>().unwrap().seen_from(now).0;
        assert_eq!(ago("90d"), 90 * 24 * 60 * 60 * 1_000);
        assert_eq!(ago("12h"), 12 * 60 * 60 * 1_000);
        assert_eq!("366d".parse::<Moment>().unwrap().seen_from(Timestamp(5)), Timestamp(0));
    }

    #[test]
    fn a_precise_time_is_read_as_what_it_was() {
        for at in [Timestamp(0), Timestamp(1_767_225_600_007), Timestamp(1_800_000_000_999)] {
            assert_eq!(precise(at).parse(), Ok(Moment::At(at)), "{}", precise(at));
        }
    }

    #[test]
    fn what_is_no_moment_is_refused_with_what_to_write() {
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-02-30",
            "2026-11-01T25:00:00Z",
            "1969-12-31",
            "-1d",
            "20261101",
        ] {
            let error = text.parse::<Moment>().unwrap_err();
            assert!(error.contains("2026-11-01"), "{text}: {error}");
        }
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
