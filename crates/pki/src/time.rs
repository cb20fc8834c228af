//! Seconds since 1970 to the calendar and back, as certificates write times; and the text of RFC 3339 that ACME wants.

use model::DateTime;
use values::CivilTime;

/// Year, month, day, hour, minute, second; times no certificate can say become the first or last that it can.
pub(crate) fn civil(unix_seconds: i64) -> (i32, u32, u32, u32, u32, u32) {
    let clamped = unix_seconds.clamp(FIRST, LAST);
    let time = DateTime::from_unix_seconds(clamped).unwrap_or(DateTime::MIN).civil();
    (time.year, time.month, time.day, time.hour, time.minute, time.second)
}

/// First second of year 1 and last of 9999.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;

/// `MMDDhhmm[ss]Z` of a year.
pub(crate) fn from_text(year: i64, rest: &str) -> Option<i64> {
    let digits = rest.strip_suffix('Z')?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) || !matches!(digits.len(), 8 | 10) {
        return None;
    }
    let part = |at: usize| digits.get(at..at + 2).map_or(Some(0), |t| t.parse::<u32>().ok());
    let year = i32::try_from(year).ok()?;
    let (hour, minute, second) = (part(4)?, part(6)?, part(8)?);
    let time = CivilTime { year, month: part(0)?, day: part(2)?, hour, minute, second, ticks: 0 };
    DateTime::from_civil(time).map(DateTime::unix_seconds)
}

/// `2026-01-31T00:00:00Z`.
pub fn rfc3339(unix_seconds: i64) -> String {
    let (y, mo, d, h, mi, s) = civil(unix_seconds);
    format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}Z")
}

/// Reads RFC 3339 and its kin.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    DateTime::parse(text).map(DateTime::unix_seconds)
}

/// `months` later on the calendar; the last day of a month that is shorter.
pub fn add_months(unix_seconds: i64, months: u32) -> i64 {
    let start = DateTime::from_unix_seconds(unix_seconds);
    let end = start.and_then(|t| t.add_months(i64::from(months)));
    end.map_or(LAST, DateTime::unix_seconds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn the_calendar_comes_back() {
        for seconds in (-2_000_000_000..250_000_000_000).step_by(98_765_432) {
            let (y, mo, d, h, mi, s) = civil(seconds);
            let rest = format!("{mo:02}{d:02}{h:02}{mi:02}{s:02}Z");
            assert_eq!(from_text(y.into(), &rest), Some(seconds), "{y}{rest}");
        }
        assert_eq!(rfc3339(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(parse_rfc3339("2023-11-14T22:13:20Z"), Some(1_700_000_000));
    }

    #[test]
    fn months_end_where_months_end() {
        let cases = [
            ("2024-01-31T01:02:03Z", 1, "2024-02-29T01:02:03Z"),
            ("2023-12-15T00:00:00Z", 12, "2024-12-15T00:00:00Z"),
            ("2023-12-31T00:00:00Z", 2, "2024-02-29T00:00:00Z"),
        ];
        for (from, months, to) in cases {
            assert_eq!(rfc3339(add_months(parse_rfc3339(from).unwrap(), months)), to);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in ["0230000000Z", "1301000000Z", "0101240000Z", "0101", "01010000+0100", ""] {
            assert_eq!(from_text(2023, bad), None, "{bad}");
        }
    }
}
