//! Reading timespans: `1d`, `1.5h`, `15 seconds`, `1.02:03:04.5`, `00:05`; a bare number counts days.

use super::TimeSpan;
use crate::{
    TICKS_PER_DAY, TICKS_PER_HOUR, TICKS_PER_MICROSECOND, TICKS_PER_MILLISECOND, TICKS_PER_MINUTE,
    TICKS_PER_SECOND,
};

/// Ticks of a unit, by any of its names; none for an unknown one. Nanoseconds are below a tick, hence a ratio.
fn unit(name: &str) -> Option<(i64, i128)> {
    Some(match name {
        "d" | "day" | "days" | "" => (TICKS_PER_DAY, 1),
        "h" | "hr" | "hrs" | "hour" | "hours" => (TICKS_PER_HOUR, 1),
        "m" | "min" | "mins" | "minute" | "minutes" => (TICKS_PER_MINUTE, 1),
        "s" | "sec" | "secs" | "second" | "seconds" => (TICKS_PER_SECOND, 1),
        "ms" | "milli" | "millis" | "millisec" | "millisecond" | "milliseconds" => {
            (TICKS_PER_MILLISECOND, 1)
        }
        "us" | "micro" | "micros" | "microsec" | "microsecond" | "microseconds" => {
            (TICKS_PER_MICROSECOND, 1)
        }
        "nano" | "nanos" | "nanosec" | "nanosecond" | "nanoseconds" => (1, 100),
        "tick" | "ticks" => (1, 1),
        _ => return None,
    })
}

impl TimeSpan {
    /// Reads any form that `totimespan()` and `timespan()` literals take, and literals such as `1.5h`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > 64 {
            return None;
        }
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let ticks = if rest.contains(':') { clock(rest)? } else { counted(rest)? };
        i64::try_from(if negative { -ticks } else { ticks }).ok().map(Self)
    }
}

/// `1.5h`, `2 days`, `7`.
fn counted(text: &str) -> Option<i128> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, name) = text.split_at_checked(end)?;
    let (ticks, divisor) = unit(name.trim_start().to_ascii_lowercase().as_str())?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let fraction = fraction.get(..fraction.len().min(18))?;
    let scale = 10_i128.checked_pow(fraction.len() as u32)?.checked_mul(divisor)?;
    let mantissa = digits(whole)?.checked_mul(scale / divisor)?.checked_add(digits(fraction)?)?;
    let scaled = mantissa.checked_mul(i128::from(ticks))?;
    Some((scaled + scale / 2) / scale)
}

/// `[d.]hh:mm[:ss[.f]]` or `d:hh:mm:ss[.f]`.
fn clock(text: &str) -> Option<i128> {
    let parts: Vec<&str> = text.split(':').collect();
    let (days, hours, minutes, seconds) = match parts.as_slice() {
        [hours, minutes] => (None, *hours, *minutes, "0"),
        [hours, minutes, seconds] => (None, *hours, *minutes, *seconds),
        [days, hours, minutes, seconds] => (Some(*days), *hours, *minutes, *seconds),
        _ => return None,
    };
    let (days, hours) = match (days, hours.split_once('.')) {
        (None, Some((days, hours))) => (Some(days), hours),
        (days, None) => (days, hours),
        _ => return None,
    };
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let part = |text: &str, limit: i128| {
        (!text.is_empty()).then(|| digits(text)).flatten().filter(|n| *n < limit)
    };
    let hours_limit = if days.is_some() { 24 } else { i128::from(u32::MAX) };
    let days = days.map_or(Some(0), |d| part(d, i128::from(u32::MAX)))?;
    let kept = fraction.get(..fraction.len().min(7))?;
    let ticks = digits(kept)? * 10_i128.checked_pow(7 - kept.len() as u32)?;
    digits(fraction.get(..fraction.len().min(30))?)?;
    Some(
        days * i128::from(TICKS_PER_DAY)
            + part(hours, hours_limit)? * i128::from(TICKS_PER_HOUR)
            + part(minutes, 60)? * i128::from(TICKS_PER_MINUTE)
            + part(whole, 60)? * i128::from(TICKS_PER_SECOND)
            + ticks,
    )
}

/// A run of digits; nothing is 0.
fn digits(text: &str) -> Option<i128> {
    if text.is_empty() {
        return Some(0);
    }
    if text.len() > 30 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}
