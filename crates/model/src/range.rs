//! Time ranges as the query APIs send them.

use values::{
    DateTime, TICKS_PER_DAY, TICKS_PER_HOUR, TICKS_PER_MINUTE, TICKS_PER_SECOND, TimeSpan,
};

/// A half-open or closed range of time; `None` is unbounded. The Log Analytics API includes both ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// First instant inside.
    pub start: Option<DateTime>,
    /// Last instant inside.
    pub end: Option<DateTime>,
}

impl TimeRange {
    /// Reads `PT1H`, `P1DT2H30.5S`, `P1M`, `start/end`, `start/PT1H` or `PT1H/end`; a bare duration ends now.
    pub fn parse(text: &str, now: DateTime) -> Option<Self> {
        let range = |start: DateTime, end: DateTime| Self { start: Some(start), end: Some(end) };
        let Some((left, right)) = text.trim().split_once('/') else {
            return Some(range(before(now, text.trim())?, now));
        };
        let (left, right) = (left.trim(), right.trim());
        match (DateTime::parse(left), DateTime::parse(right)) {
            (Some(start), Some(end)) => Some(range(start, end)),
            (Some(start), None) => Some(range(start, after(start, right)?)),
            (None, Some(end)) => Some(range(before(end, left)?, end)),
            (None, None) => None,
        }
    }

    /// True when the instant lies inside.
    pub fn contains(&self, at: DateTime) -> bool {
        self.start.is_none_or(|s| at >= s) && self.end.is_none_or(|e| at <= e)
    }
}

/// So long before an instant, by the calendar where the duration counts months and years.
fn before(end: DateTime, duration: &str) -> Option<DateTime> {
    let (months, rest) = months(duration)?;
    end.add_months(months.checked_neg()?)?.checked_sub(rest)
}

/// So long after an instant.
fn after(start: DateTime, duration: &str) -> Option<DateTime> {
    let (months, rest) = months(duration)?;
    start.add_months(months)?.checked_add(rest)
}

/// The months that lead a duration (`P1Y`, `P1Y2M3DT4H`), and what follows them.
fn months(duration: &str) -> Option<(i64, TimeSpan)> {
    if duration.starts_with('-') {
        return Some((0, parse_iso_duration(duration)?));
    }
    let mut rest = duration.strip_prefix(['P', 'p'])?;
    let mut months = 0_i64;
    for (unit, length) in [('Y', 12_i64), ('M', 1)] {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        if let Some(after) = tail.strip_prefix([unit, unit.to_ascii_lowercase()]) {
            months = months.checked_add(number.parse::<i64>().ok()?.checked_mul(length)?)?;
            rest = after;
        }
    }
    let counted = rest.len() + 1 < duration.len();
    match rest {
        "" if counted => Some((months, TimeSpan::ZERO)),
        rest => Some((months, parse_iso_duration(&format!("P{rest}"))?)),
    }
}

/// Reads an ISO 8601 duration (`P1D`, `PT5M`, `P1DT2H3M4.5S`, `-PT1H`); months and years have no fixed length and
/// are refused. Some rule files write KQL's own `5h`; [`TimeSpan::parse`] reads those.
pub fn parse_iso_duration(text: &str) -> Option<TimeSpan> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut rest = rest.strip_prefix(['P', 'p'])?;
    let (mut ticks, mut in_time, mut parts) = (0_i64, false, 0);
    while !rest.is_empty() {
        if let Some(time) = rest.strip_prefix(['T', 't']) {
            if in_time {
                return None;
            }
            in_time = true;
            rest = time;
            continue;
        }
        let length = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, tail) = rest.split_at(length);
        let unit = tail.chars().next()?;
        let unit_ticks = match (in_time, unit.to_ascii_uppercase()) {
            (false, 'W') => 7 * TICKS_PER_DAY,
            (false, 'D') => TICKS_PER_DAY,
            (true, 'H') => TICKS_PER_HOUR,
            (true, 'M') => TICKS_PER_MINUTE,
            (true, 'S') => TICKS_PER_SECOND,
            _ => return None,
        };
        let part = match number.split_once('.') {
            None => number.parse::<i64>().ok()?.checked_mul(unit_ticks)?,
            Some(_) => {
                let value = number.parse::<f64>().ok()? * unit_ticks as f64;
                if !value.is_finite() || value.abs() > 9e18 {
                    return None;
                }
                value.round() as i64
            }
        };
        ticks = ticks.checked_add(part)?;
        parts += 1;
        rest = &tail[unit.len_utf8()..];
    }
    (parts > 0).then(|| TimeSpan::from_ticks(if negative { -ticks } else { ticks }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn months_and_years_follow_the_calendar() {
        let now = DateTime::parse("2024-03-31T12:00:00Z").unwrap();
        for (text, start, end) in [
            ("P1M", "2024-02-29T12:00:00Z", "2024-03-31T12:00:00Z"),
            ("P1Y", "2023-03-31T12:00:00Z", "2024-03-31T12:00:00Z"),
            ("p1y2m3dT4H", "2023-01-28T08:00:00Z", "2024-03-31T12:00:00Z"),
            ("PT1M", "2024-03-31T11:59:00Z", "2024-03-31T12:00:00Z"),
            ("P2W", "2024-03-17T12:00:00Z", "2024-03-31T12:00:00Z"),
            ("2024-01-31/P1M", "2024-01-31T00:00:00Z", "2024-02-29T00:00:00Z"),
            ("P1M/2024-01-31", "2023-12-31T00:00:00Z", "2024-01-31T00:00:00Z"),
        ] {
            let wanted = TimeRange { start: DateTime::parse(start), end: DateTime::parse(end) };
            assert_eq!(TimeRange::parse(text, now), Some(wanted), "{text}");
        }
        for text in
            ["P", "", "PM", "P1M1Y", "P1.5M", "P99999999999Y", "P9223372036854775807M", "1M"]
        {
            assert_eq!(TimeRange::parse(text, now), None, "{text}");
        }
    }
}
