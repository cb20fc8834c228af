//! Durations of rotation policies: ISO 8601 as Azure writes it, `P90D`, `P1Y10D`, `P2Y3M10DT2H30M`, or weeks alone.

use model::DateTime;

const DAY: i64 = 24 * 60 * 60;
/// Longest duration that is taken.
const YEARS_MAX: i64 = 100;

/// Years and months go by the calendar, the rest by the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    months: i64,
    seconds: i64,
}

/// Why a text is no duration that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Not of the form.
    Form,
    /// Longer than a century.
    Long,
}

impl Unfit {
    /// What is said of it.
    pub(super) fn says(self) -> &'static str {
        match self {
            Self::Form => "is no ISO 8601 duration such as P90D, P1Y6M or P1Y10DT12H",
            Self::Long => "is longer than P100Y",
        }
    }
}

/// Units in the order in which they stand, before and behind `T`; months of each, and seconds.
const DATE: &[(char, i64, i64)] = &[('Y', 12, 0), ('M', 1, 0), ('D', 0, DAY)];
const WEEKS: &[(char, i64, i64)] = &[('W', 0, 7 * DAY)];
const TIME: &[(char, i64, i64)] = &[('H', 0, 60 * 60), ('M', 0, 60), ('S', 0, 1)];

impl Span {
    /// Reads a duration in upper case.
    pub(super) fn parse(text: &str) -> Result<Self, Unfit> {
        let all = text.strip_prefix('P').ok_or(Unfit::Form)?;
        let (date, time) = match all.split_once('T') {
            Some((_, "")) => return Err(Unfit::Form),
            Some((date, time)) => (date, time),
            None => (all, ""),
        };
        let mut span = Self::default();
        if time.is_empty() && date.ends_with('W') {
            span.add(date, WEEKS)?;
        } else if all.is_empty() {
            return Err(Unfit::Form);
        } else {
            span.add(date, DATE)?;
            span.add(time, TIME)?;
        }
        let long = span.months > YEARS_MAX * 12 || span.length() > YEARS_MAX * 366 * DAY;
        if long { Err(Unfit::Long) } else { Ok(span) }
    }

    /// Adds numbers with their units, each at most once and in order.
    fn add(&mut self, text: &str, units: &[(char, i64, i64)]) -> Result<(), Unfit> {
        let (mut rest, mut units) = (text, units.iter());
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(Unfit::Form)?;
            let (number, tail) = rest.split_at(digits);
            let mut chars = tail.chars();
            let unit = chars.next().ok_or(Unfit::Form)?;
            let (_, months, seconds) = units.find(|(u, ..)| *u == unit).ok_or(Unfit::Form)?;
            if number.is_empty() {
                return Err(Unfit::Form);
            }
            let number: i64 = number.parse().map_err(|_| Unfit::Long)?;
            let sum = |old: i64, of: i64| number.checked_mul(of)?.checked_add(old);
            self.months = sum(self.months, *months).ok_or(Unfit::Long)?;
            self.seconds = sum(self.seconds, *seconds).ok_or(Unfit::Long)?;
            rest = chars.as_str();
        }
        Ok(())
    }

    /// The second that lies this much later; the calendar's last where there is none.
    pub(super) fn after(self, unix_seconds: i64) -> i64 {
        moved(unix_seconds, self.months).saturating_add(self.seconds)
    }

    /// The second that lies this much earlier.
    pub(super) fn before(self, unix_seconds: i64) -> i64 {
        moved(unix_seconds.saturating_sub(self.seconds), -self.months)
    }

    /// Length in seconds as it is from a January on: to compare one with another.
    pub(super) fn length(self) -> i64 {
        self.after(0)
    }
}

fn moved(unix_seconds: i64, months: i64) -> i64 {
    if months == 0 {
        return unix_seconds;
    }
    let start = DateTime::from_unix_seconds(unix_seconds);
    let end = start.and_then(|t| t.add_months(months));
    end.map_or(if months > 0 { i64::MAX } else { 0 }, DateTime::unix_seconds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn durations_as_azure_writes_them() {
        let span = |months, seconds| Ok(Span { months, seconds });
        let cases = [
            ("P90D", span(0, 90 * DAY)),
            ("P1Y10D", span(12, 10 * DAY)),
            ("P1Y6M", span(18, 0)),
            ("P1Y2M10DT2H30M", span(14, 10 * DAY + 9000)),
            ("PT1H1S", span(0, 3601)),
            ("P4W", span(0, 28 * DAY)),
            ("P100Y", span(1200, 0)),
            ("P0D", span(0, 0)),
            ("P101Y", Err(Unfit::Long)),
            ("P999999Y", Err(Unfit::Long)),
            ("P1201M", Err(Unfit::Long)),
            ("P40000D", Err(Unfit::Long)),
            ("P100YT999999999H", Err(Unfit::Long)),
            ("P99999999999999999999D", Err(Unfit::Long)),
            ("P9223372036854775807Y", Err(Unfit::Long)),
        ];
        for (text, expected) in cases {
            assert_eq!(Span::parse(text), expected, "{text}");
        }
        for bad in [
            "", "P", "PT", "P1", "1D", "p90d", "P90d", "-P90D", "P-9D", "P+9D", "P1D1Y", "P1Y1Y",
            "P1DT", "P1H", "PT1D", "P1W1D", "P1Y1W", "P1WT1H", "P1.5D", "PT1.5S", "P1Y 6M", "PD",
            "P1é", "P1TT1H", "PT1H1D", "P٣D",
        ] {
            assert_eq!(Span::parse(bad), Err(Unfit::Form), "{bad}");
        }
    }

    #[test]
    fn years_and_months_go_by_the_calendar() {
        let at = |text: &str| pki::time::parse_rfc3339(text).unwrap();
        for (from, text, to) in [
            ("2023-03-01T00:00:00Z", "P1Y", "2024-03-01T00:00:00Z"),
            ("2024-01-31T00:00:00Z", "P1M", "2024-02-29T00:00:00Z"),
            ("2026-01-01T00:00:00Z", "P1Y2M10DT2H30M", "2027-03-11T02:30:00Z"),
        ] {
            assert_eq!(Span::parse(text).unwrap().after(at(from)), at(to), "{from} {text}");
        }
        let back = Span::parse("P1M1D").unwrap().before(at("2026-03-02T00:00:00Z"));
        assert_eq!(back, at("2026-02-01T00:00:00Z"));
        let year = Span::parse("P1Y").unwrap();
        assert_eq!(year.length(), Span::parse("P12M").unwrap().length());
        assert!(year.after(i64::MAX) > 0 && year.before(i64::MIN) == 0);
    }
}
