//! Durations as rules write them: ISO 8601 over the API (`PT5H`), KQL's own form in rule files (`5h`), .NET's in alerts.

use model::{TimeSpan, parse_iso_duration};
use values::{TICKS_PER_DAY, TICKS_PER_HOUR, TICKS_PER_MINUTE, TICKS_PER_SECOND};

/// Reads any of the three forms: `PT1H30M`, `90m`, `1.05:00:00`.
pub fn parse(text: &str) -> Option<TimeSpan> {
    let text = text.trim();
    parse_iso_duration(text).or_else(|| parse_unit(text)).or_else(|| parse_clock(text))
}

/// `5h`, `1d`, `1.5h`, `10min`.
fn parse_unit(text: &str) -> Option<TimeSpan> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let unit_ticks = match unit.trim().to_ascii_lowercase().as_str() {
        "d" | "day" | "days" => TICKS_PER_DAY,
        "h" | "hr" | "hrs" | "hour" | "hours" => TICKS_PER_HOUR,
        "m" | "min" | "mins" | "minute" | "minutes" => TICKS_PER_MINUTE,
        "s" | "sec" | "secs" | "second" | "seconds" => TICKS_PER_SECOND,
        _ => return None,
    };
    let number = number.trim();
    if let Ok(whole) = number.parse::<i64>() {
        return whole.checked_mul(unit_ticks).map(TimeSpan::from_ticks);
    }
    let ticks = number.parse::<f64>().ok()? * unit_ticks as f64;
    (ticks.is_finite() && ticks.abs() < 9e18).then(|| TimeSpan::from_ticks(ticks.round() as i64))
}

/// `05:00:00`, `1.05:00:00`.
fn parse_clock(text: &str) -> Option<TimeSpan> {
    let (days, clock) = match text.split_once('.') {
        Some((days, clock)) if clock.contains(':') => (days.parse::<i64>().ok()?, clock),
        _ => (0, text),
    };
    let mut parts = clock.splitn(3, ':').map(|p| p.parse::<i64>().ok().filter(|v| *v >= 0));
    let (hours, minutes, seconds) =
        (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    if minutes > 59 || seconds > 59 {
        return None;
    }
    days.checked_mul(TICKS_PER_DAY)?
        .checked_add(hours.checked_mul(TICKS_PER_HOUR)?)?
        .checked_add(minutes * TICKS_PER_MINUTE + seconds * TICKS_PER_SECOND)
        .map(TimeSpan::from_ticks)
}

/// ISO 8601 in whole units: `P14D`, `PT5H`, `P1DT2H30M`, `PT0S`. Parts below a second are dropped.
pub fn to_iso(span: TimeSpan) -> String {
    let ticks = span.ticks().unsigned_abs();
    let unit = |ticks_of_unit: i64| ticks / ticks_of_unit.unsigned_abs();
    let days = unit(TICKS_PER_DAY);
    let (hours, minutes, seconds) =
        (unit(TICKS_PER_HOUR) % 24, unit(TICKS_PER_MINUTE) % 60, unit(TICKS_PER_SECOND) % 60);
    let mut text = String::from(if span.ticks() < 0 { "-P" } else { "P" });
    if days > 0 {
        text.push_str(&format!("{days}D"));
    }
    if hours + minutes + seconds > 0 || days == 0 {
        text.push('T');
        for (value, unit) in [(hours, 'H'), (minutes, 'M'), (seconds, 'S')] {
            if value > 0 {
                text.push_str(&format!("{value}{unit}"));
            }
        }
        if hours + minutes + seconds == 0 {
            text.push_str("0S");
        }
    }
    text
}

/// As alerts carry it in their extended properties: `05:00:00`, `14.00:00:00`.
pub fn to_clock(span: TimeSpan) -> String {
    let seconds = span.ticks().unsigned_abs() / TICKS_PER_SECOND.unsigned_abs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let clock = format!("{hours:02}:{minutes:02}:{:02}", seconds % 60);
    if days > 0 { format!("{days}.{clock}") } else { clock }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    #[test]
    fn reads_every_form_and_writes_one() {
        let cases = [
            ("5h", "PT5H", "05:00:00"),
            ("PT5H", "PT5H", "05:00:00"),
            ("24h", "P1D", "1.00:00:00"),
            ("14d", "P14D", "14.00:00:00"),
            ("70m", "PT1H10M", "01:10:00"),
            ("1.5h", "PT1H30M", "01:30:00"),
            ("05:00:00", "PT5H", "05:00:00"),
            ("1.02:00:00", "P1DT2H", "1.02:00:00"),
            ("P2DT1H30M", "P2DT1H30M", "2.01:30:00"),
            ("0s", "PT0S", "00:00:00"),
        ];
        for (text, iso, clock) in cases {
            let span = parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(to_iso(span), iso, "{text}");
            assert_eq!(to_clock(span), clock, "{text}");
            assert_eq!(parse(iso), Some(span), "{iso}");
        }
    }

    #[test]
    fn refuses_what_has_no_length() {
        for text in
            ["", "h", "5", "5x", "P1M", "1:75:00", "99999999999999999d", "PT", "-", "1.2.3:00"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
