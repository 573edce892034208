//! The header `Date` of an answer: RFC 9110, section 5.6.7.

use crate::domain::Timestamp;

/// Reads a date like `Sun, 06 Nov 1994 08:49:37 GMT`. Servers must send no other form. None if it is none.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, text) = text.split_once(", ")?;
    let mut parts = text.strip_suffix(" GMT")?.split(' ');
    let mut next = || parts.next();
    let day = number(next()?, 2, 31)?.checked_sub(1)?;
    let name = next()?;
    let month = u64::try_from(MONTHS.iter().position(|month| *month == name)?).ok()? + 1;
    let year = number(next()?, 4, 9_999)?.checked_sub(1_970)? + 1_970;
    let mut clock = next()?.split(':');
    let mut of_clock = |most| number(clock.next()?, 2, most);
    // A leap second is the one after.
    let (hours, minutes, seconds) = (of_clock(23)?, of_clock(59)?, of_clock(60)?);
    if next().is_some() || clock.next().is_some() {
        return None;
    }
    // Hinnant's `days_from_civil`, for years from 1970 on.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * month + 2) / 5 + day;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(Timestamp((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000))
}

/// A number of so many digits that is not above `most`.
fn number(text: &str, digits: usize, most: u64) -> Option<u64> {
    let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| fits && *number <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read() {
        for (text, seconds) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199),
            ("Fri, 01 Jan 2100 00:00:00 GMT", 4_102_444_800),
        ] {
            assert_eq!(parse(text), Some(Timestamp(seconds * 1_000)), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "1994",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37:11 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT GMT",
            "Sun, 06 Nov +994 08:49:37 GMT",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
