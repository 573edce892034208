//! Lengths of time and sizes with their unit, as people write them.

use std::time::Duration;

/// Nothing here waits longer than a year: a longer time is a slip of the unit.
pub(super) const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Reads a length of time: `"24h"`, `"1h 30m"`, `"3 days"`, `"500ms"`. None if it is none, or longer than [`LONGEST`].
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let total = parts(text, |unit| match unit {
        "ms" => Some(1),
        "s" | "second" | "seconds" => Some(1_000),
        "m" | "min" | "minute" | "minutes" => Some(60_000),
        "h" | "hour" | "hours" => Some(3_600_000),
        "d" | "day" | "days" => Some(86_400_000),
        "w" | "week" | "weeks" => Some(7 * 86_400_000),
        _ => None,
    })?;
    let duration = Duration::from_millis(total);
    (duration <= LONGEST).then_some(duration)
}

/// Reads a number of bytes: `"32MiB"`, `"4 KiB"`, `"64MB"`, `"100B"`. None if it is none.
pub(crate) fn size(text: &str) -> Option<u64> {
    parts(text, |unit| match unit {
        "B" => Some(1),
        "kB" | "KB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    })
}

/// The sum of all "number unit" in a text; none if it has any other part, or none at all.
fn parts(text: &str, unit_of: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let mut rest = text.trim();
    let mut total: Option<u64> = None;
    while !rest.is_empty() {
        let (number, behind) = split_at_first(rest, |char| !char.is_ascii_digit());
        let (unit, behind) = split_at_first(behind.trim_start(), |char| !char.is_ascii_alphabetic());
        let part = number.parse::<u64>().ok()?.checked_mul(unit_of(unit)?)?;
        total = Some(total.unwrap_or(0).checked_add(part)?);
        rest = behind.trim_start();
    }
    total
}

fn split_at_first(text: &str, stop: impl Fn(char) -> bool) -> (&str, &str) {
    text.find(stop).and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        for (text, seconds) in [
            ("24h", 86_400),
            ("2s", 2),
            ("1h 30m", 5_400),
            ("7d", 604_800),
            (" 5 min ", 300),
            ("1 week", 604_800),
            ("1 day 12 hours", 129_600),
        ] {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text:?}");
        }
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("0s"), Some(Duration::ZERO));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            " ",
            "24",
            "h",
            "-1s",
            "1.5h",
            "1 year",
            "2sx",
            "s2",
            "9999999999999999999h",
            "400d",
            "1s,2s",
        ] {
            assert_eq!(duration(text), None, "{text:?}");
        }
    }

    #[test]
    fn sizes_are_read_with_their_unit() {
        assert_eq!(size("32MiB"), Some(33_554_432));
        assert_eq!(size("4 KiB"), Some(4_096));
        assert_eq!(size("64MB"), Some(64_000_000));
        assert_eq!(size("100B"), Some(100));
        for text in ["", "32", "32M", "MiB", "-1B", "99999999999999999999B", "18446744073709551615GiB"] {
            assert_eq!(size(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = (duration(&text), size(&text));
        }

        #[test]
        fn a_time_is_read_back(millis in 0_u64..31_622_400_000) {
            prop_assert_eq!(duration(&format!("{millis}ms")), Some(Duration::from_millis(millis)));
        }
    }
}
