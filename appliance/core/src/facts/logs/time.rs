//! Times at the start of log lines.
//!
//! Read by hand, since this runs once per line. A time without a zone is taken
//! as UTC, one without a year as the latest such time before the capture.

use jiff::Timestamp;

/// A time at the start of `line` and how many bytes it takes.
pub(super) fn leading(line: &str, captured_at: Timestamp) -> Option<(Timestamp, usize)> {
    let bytes = line.as_bytes();
    let bracket = usize::from(bytes.first() == Some(&b'['));
    let (at, length) = match bytes.get(bracket)? {
        b'0'..=b'9' => numeric(&bytes[bracket..])?,
        b'I' | b'W' | b'E' | b'F' => klog(bytes, captured_at)?,
        b'A'..=b'Z' => syslog(bytes, captured_at)?,
        _ => return None,
    };
    let closed = bracket == 1 && bytes.get(bracket + length) == Some(&b']');
    Some((at, bracket + length + usize::from(closed)))
}

/// A time in a JSON field: text as above, or seconds, milliseconds,
/// microseconds or nanoseconds since 1970.
pub(super) fn in_field(value: &serde_json::Value, captured_at: Timestamp) -> Option<Timestamp> {
    match value {
        serde_json::Value::String(text) => leading(text, captured_at).map(|(at, _)| at),
        serde_json::Value::Number(number) => since_1970(number.as_f64()?),
        _ => None,
    }
}

fn since_1970(value: f64) -> Option<Timestamp> {
    let unit = match value {
        1e8..1e11 => 1.0,
        1e11..1e14 => 1e3,
        1e14..1e17 => 1e6,
        1e17..1e20 => 1e9,
        _ => return None,
    };
    let nanoseconds = (value % unit) / unit * 1e9;
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the range was checked above"
    )]
    Timestamp::new((value / unit) as i64, nanoseconds as i32).ok()
}

/// `2026-01-10T17:14:45.283+08:00`, `2026/01/10 17:14:45`, `… 17:14:45,283 UTC`.
fn numeric(bytes: &[u8]) -> Option<(Timestamp, usize)> {
    let separator = *bytes.get(4)?;
    if !matches!(separator, b'-' | b'/')
        || *bytes.get(7)? != separator
        || !matches!(bytes.get(10)?, b'T' | b't' | b' ')
    {
        return None;
    }
    let date = (
        digits(bytes, 0, 4)?,
        digits(bytes, 5, 2)?,
        digits(bytes, 8, 2)?,
    );
    let (seconds, nanoseconds, length) = clock(&bytes[11..])?;
    let mut end = 11 + length;
    let (offset, zone) = zone(&bytes[end..]);
    end += zone;
    Some((timestamp(date, seconds - offset, nanoseconds)?, end))
}

/// `I0110 17:14:45.283123`.
fn klog(bytes: &[u8], captured_at: Timestamp) -> Option<(Timestamp, usize)> {
    let (month, day) = (digits(bytes, 1, 2)?, digits(bytes, 3, 2)?);
    if *bytes.get(5)? != b' ' {
        return None;
    }
    let (seconds, nanoseconds, length) = clock(&bytes[6..])?;
    let at = without_year((month, day), seconds, nanoseconds, captured_at)?;
    Some((at, 6 + length))
}

/// `Jan 10 17:14:45`.
fn syslog(bytes: &[u8], captured_at: Timestamp) -> Option<(Timestamp, usize)> {
    const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let name = bytes.get(..3)?;
    let month = 1 + i64::try_from(MONTHS.chunks(3).position(|month| month == name)?).ok()?;
    let day = if *bytes.get(4)? == b' ' {
        digits(bytes, 5, 1)?
    } else {
        digits(bytes, 4, 2)?
    };
    if bytes[3] != b' ' || *bytes.get(6)? != b' ' {
        return None;
    }
    let (seconds, nanoseconds, length) = clock(&bytes[7..])?;
    let at = without_year((month, day), seconds, nanoseconds, captured_at)?;
    Some((at, 7 + length))
}

/// `17:14:45` with an optional fraction: seconds of the day, nanoseconds, length.
fn clock(bytes: &[u8]) -> Option<(i64, i32, usize)> {
    if *bytes.get(2)? != b':' || *bytes.get(5)? != b':' {
        return None;
    }
    let (hour, minute, second) = (
        digits(bytes, 0, 2)?,
        digits(bytes, 3, 2)?,
        digits(bytes, 6, 2)?,
    );
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (mut nanoseconds, mut end, mut unit) = (0, 8, 100_000_000);
    if matches!(bytes.get(8), Some(b'.' | b',')) && bytes.get(9).is_some_and(u8::is_ascii_digit) {
        end = 9;
        while let Some(digit @ b'0'..=b'9') = bytes.get(end) {
            nanoseconds += i32::from(digit - b'0') * unit;
            unit /= 10;
            end += 1;
        }
    }
    Some((hour * 3600 + minute * 60 + second, nanoseconds, end))
}

/// Seconds east of UTC and the length of the zone's text.
fn zone(bytes: &[u8]) -> (i64, usize) {
    let space = usize::from(bytes.first() == Some(&b' '));
    let at = &bytes[space..];
    match at.first() {
        Some(b'Z' | b'z') if space == 0 => (0, 1),
        Some(b'U') if at.starts_with(b"UTC") => (0, space + 3),
        Some(sign @ (b'+' | b'-')) => {
            let colon = usize::from(at.get(3) == Some(&b':'));
            match (digits(at, 1, 2), digits(at, 3 + colon, 2)) {
                (Some(hours), Some(minutes)) => {
                    let offset = hours * 3600 + minutes * 60;
                    let offset = if *sign == b'-' { -offset } else { offset };
                    (offset, space + 5 + colon)
                }
                _ => (0, 0),
            }
        }
        _ => (0, 0),
    }
}

fn digits(bytes: &[u8], at: usize, count: usize) -> Option<i64> {
    bytes
        .get(at..at + count)?
        .iter()
        .try_fold(0, |value, byte| {
            byte.is_ascii_digit()
                .then(|| value * 10 + i64::from(byte - b'0'))
        })
}

fn timestamp(
    (year, month, day): (i64, i64, i64),
    seconds: i64,
    nanoseconds: i32,
) -> Option<Timestamp> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    Timestamp::new(
        days_since_1970(year, month, day) * 86_400 + seconds,
        nanoseconds,
    )
    .ok()
}

fn without_year(
    (month, day): (i64, i64),
    seconds: i64,
    nanoseconds: i32,
    captured_at: Timestamp,
) -> Option<Timestamp> {
    // A day of grace for clocks and zones that run ahead of the capture.
    let limit = captured_at.as_second() + 86_400;
    let year = i64::from(captured_at.to_zoned(jiff::tz::TimeZone::UTC).year());
    [year + 1, year, year - 1]
        .into_iter()
        .filter_map(|year| timestamp((year, month, day), seconds, nanoseconds))
        .find(|at| at.as_second() <= limit)
}

/// Days from 1970-01-01 in the Gregorian calendar.
///
/// # Source
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn captured_at() -> Timestamp {
        "2026-01-02T00:00:00Z".parse().expect("a time")
    }

    fn check(line: &str, expected: &str, rest: &str) {
        let (at, length) = leading(line, captured_at()).expect("a time");
        assert_eq!(
            (at.to_string().as_str(), &line[length..]),
            (expected, rest),
            "{line:?}"
        );
    }

    #[test]
    fn times_of_many_forms_are_read() {
        check(
            "2026-01-01T17:14:45.283383672+08:00 x",
            "2026-01-01T09:14:45.283383672Z",
            " x",
        );
        check("2026-01-01T09:14:45Z x", "2026-01-01T09:14:45Z", " x");
        check(
            "2026-01-01 09:14:45,283 INFO",
            "2026-01-01T09:14:45.283Z",
            " INFO",
        );
        check(
            "[2026-01-01 09:14:45.5 UTC] x",
            "2026-01-01T09:14:45.5Z",
            " x",
        );
        check(
            "2026/01/01 09:14:45 [error] x",
            "2026-01-01T09:14:45Z",
            " [error] x",
        );
        check("2026-01-01 09:14:45 -0130 x", "2026-01-01T10:44:45Z", " x");
        check(
            "E1231 09:14:45.000001       1 a.go:1] x",
            "2025-12-31T09:14:45.000001Z",
            "       1 a.go:1] x",
        );
        check("Jan  1 09:14:45 host x", "2026-01-01T09:14:45Z", " host x");
        check("Dec 31 09:14:45 host x", "2025-12-31T09:14:45Z", " host x");
    }

    #[test]
    fn what_is_no_time_is_none() {
        for line in [
            "",
            "[",
            "INFO x",
            "2026",
            "2026-13-01T00:00:00Z",
            "E0000 0",
            "Jan x",
            "99999 x",
            "2026-01-01T99:00:00Z",
        ] {
            assert_eq!(leading(line, captured_at()), None, "{line:?}");
        }
    }

    #[test]
    fn numbers_since_1970_are_read_in_their_unit() {
        for value in [
            "1767225600",
            "1767225600000",
            "1767225600000000",
            "1767225600000000000",
            "1767225600.0",
        ] {
            let value: serde_json::Value = serde_json::from_str(value).expect("a number");
            let at = in_field(&value, captured_at()).expect("a time");
            assert_eq!(at.to_string(), "2026-01-01T00:00:00Z", "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_panic(line in "[\\[0-9TZ:/ .,+EIJan-]{0,40}|\\PC{0,20}") {
            leading(&line, captured_at());
        }
    }
}
