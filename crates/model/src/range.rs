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
    /// Reads `PT1H`, `P1DT2H30.5S`, `start/end`, `start/PT1H` or `PT1H/end`; a bare duration ends now.
    pub fn parse(text: &str, now: DateTime) -> Option<Self> {
        let range = |start: DateTime, end: DateTime| Self { start: Some(start), end: Some(end) };
        let Some((left, right)) = text.trim().split_once('/') else {
            let length = parse_iso_duration(text.trim())?;
            return Some(range(now.checked_sub(length)?, now));
        };
        let (left, right) = (left.trim(), right.trim());
        match (DateTime::parse(left), DateTime::parse(right)) {
            (Some(start), Some(end)) => Some(range(start, end)),
            (Some(start), None) => {
                Some(range(start, start.checked_add(parse_iso_duration(right)?)?))
            }
            (None, Some(end)) => Some(range(end.checked_sub(parse_iso_duration(left)?)?, end)),
            (None, None) => None,
        }
    }

    /// True when the instant lies inside.
    pub fn contains(&self, at: DateTime) -> bool {
        self.start.is_none_or(|s| at >= s) && self.end.is_none_or(|e| at <= e)
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
