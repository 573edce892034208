//! Times and lengths of time, as types of their own: a number alone can't be mistaken for either.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use rhai::{Engine, INT};

use crate::vocabulary::Vocabulary;

/// A point in time: milliseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) INT);

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(INT);

/// When the event happened that is being decided.
#[derive(Clone, Default)]
pub(crate) struct Now(Rc<Cell<Option<Time>>>);

impl Now {
    pub(crate) fn set(&self, at: Time) {
        self.0.set(Some(at));
    }

    /// What is wrong with a wake at this time.
    pub(crate) fn refuses(&self, due: Time) -> Option<String> {
        let now = self.0.get()?;
        let what = if due <= now {
            "it is not after the event"
        } else if due.0 - now.0 > YEAR {
            "it is more than a year after the event"
        } else {
            return None;
        };
        Some(format!("`wake_at` can't be on {due}: {what}, which was on {now}"))
    }
}

const SECOND: INT = 1_000;
const MINUTE: INT = 60 * SECOND;
const HOUR: INT = 60 * MINUTE;
const DAY: INT = 24 * HOUR;

/// How far ahead a wake may be.
const YEAR: INT = 366 * DAY;

/// Times are exact in every language below this.
const LATEST: INT = (1 << 53) - 1;

impl Time {
    pub(crate) fn from_millis(millis: u64) -> Self {
        Self(INT::try_from(millis).unwrap_or(LATEST).min(LATEST))
    }

    pub(crate) fn millis(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0)
    }

    fn moved(self, span: INT) -> Self {
        Self(self.0.saturating_add(span).clamp(0, LATEST))
    }

    /// Year, month and day, after Howard Hinnant's `civil_from_days`.
    fn date(self) -> (INT, INT, INT) {
        let days = self.0.div_euclid(DAY) + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        (year + era * 400 + INT::from(month <= 2), month, day)
    }

    fn date_text(self) -> String {
        let (year, month, day) = self.date();
        format!("{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_day = self.0.rem_euclid(DAY);
        write!(f, "{} {:02}:{:02} UTC", self.date_text(), of_day / HOUR, of_day % HOUR / MINUTE)
    }
}

impl fmt::Display for Span {
    /// The largest unit that needs no fraction: `7 days`, `36 hours`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second")];
        let fits = units.into_iter().find(|(unit, _)| self.0 != 0 && self.0 % unit == 0);
        let (unit, name) = fits.unwrap_or((1, "millisecond"));
        let count = self.0 / unit;
        write!(f, "{count} {name}{}", if count == 1 { "" } else { "s" })
    }
}

/// Teaches the engine both types.
pub(crate) fn register(engine: &mut Engine, vocabulary: &mut Vocabulary) {
    engine.register_type_with_name::<Time>("time").register_type_with_name::<Span>("length of time");
    for (name, unit) in [("minutes", MINUTE), ("hours", HOUR), ("days", DAY), ("weeks", 7 * DAY)] {
        vocabulary.function(name, &format!("{name}(number)"));
        engine.register_fn(name, move |count: INT| Span(count.saturating_mul(unit)));
    }
    engine
        .register_fn("+", |a: Time, b: Span| a.moved(b.0))
        .register_fn("+", |a: Span, b: Time| b.moved(a.0))
        .register_fn("-", |a: Time, b: Span| a.moved(b.0.saturating_neg()))
        .register_fn("-", |a: Time, b: Time| Span(a.0.saturating_sub(b.0)))
        .register_fn("+", |a: Span, b: Span| Span(a.0.saturating_add(b.0)))
        .register_fn("-", |a: Span, b: Span| Span(a.0.saturating_sub(b.0)))
        .register_fn("*", |a: Span, b: INT| Span(a.0.saturating_mul(b)))
        .register_fn("*", |a: INT, b: Span| Span(b.0.saturating_mul(a)));
    compare::<Time>(engine);
    compare::<Span>(engine);

    vocabulary.properties("time", &["date", "millis", "discord", "discord_relative"]);
    engine
        .register_get("date", |time: &mut Time| time.date_text())
        .register_get("millis", |time: &mut Time| time.0)
        // Discord shows these in each reader's own language and time zone.
        .register_get("discord", |time: &mut Time| format!("<t:{}:f>", time.0 / SECOND))
        .register_get("discord_relative", |time: &mut Time| format!("<t:{}:R>", time.0 / SECOND));
    vocabulary.properties("length of time", &["days", "hours", "minutes", "millis"]);
    engine
        .register_get("days", |span: &mut Span| span.0 / DAY)
        .register_get("hours", |span: &mut Span| span.0 / HOUR)
        .register_get("minutes", |span: &mut Span| span.0 / MINUTE)
        .register_get("millis", |span: &mut Span| span.0);
}

fn compare<T: Copy + Ord + fmt::Display + 'static>(engine: &mut Engine) {
    engine
        .register_fn("==", |a: T, b: T| a == b)
        .register_fn("!=", |a: T, b: T| a != b)
        .register_fn("<", |a: T, b: T| a < b)
        .register_fn("<=", |a: T, b: T| a <= b)
        .register_fn(">", |a: T, b: T| a > b)
        .register_fn(">=", |a: T, b: T| a >= b)
        .register_fn("to_string", |value: &mut T| value.to_string())
        .register_fn("to_debug", |value: &mut T| value.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_as_a_date() {
        for (millis, shown) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400_000, "2000-02-29 00:00 UTC"),
            (1_767_225_599_999, "2025-12-31 23:59 UTC"),
            (1_767_225_600_000, "2026-01-01 00:00 UTC"),
        ] {
            assert_eq!(Time(millis).to_string(), shown);
        }
        assert!(Time(LATEST).to_string().starts_with("287396-"));
    }

    #[test]
    fn a_length_of_time_is_shown_in_the_largest_unit_that_fits() {
        for (span, shown) in [
            (DAY, "1 day"),
            (7 * DAY, "7 days"),
            (36 * HOUR, "36 hours"),
            (90 * MINUTE, "90 minutes"),
            (0, "0 milliseconds"),
        ] {
            assert_eq!(Span(span).to_string(), shown);
        }
    }

    #[test]
    fn a_time_stays_within_what_the_contract_can_say() {
        assert_eq!(Time(0).moved(-DAY), Time(0));
        assert_eq!(Time::from_millis(u64::MAX).moved(INT::MAX), Time(LATEST));
    }
}
