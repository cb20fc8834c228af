//! `timespan`: signed ticks of 100 ns.

mod parse;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::{
    TICKS_PER_DAY, TICKS_PER_HOUR, TICKS_PER_MILLISECOND, TICKS_PER_MINUTE, TICKS_PER_SECOND,
};

/// A length of time, exact to 100 ns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimeSpan(i64);

impl TimeSpan {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// From ticks.
    pub const fn from_ticks(ticks: i64) -> Self {
        Self(ticks)
    }

    /// In ticks.
    pub const fn ticks(self) -> i64 {
        self.0
    }

    /// From whole days; saturates.
    pub const fn from_days(days: i64) -> Self {
        Self(days.saturating_mul(TICKS_PER_DAY))
    }

    /// From whole hours; saturates.
    pub const fn from_hours(hours: i64) -> Self {
        Self(hours.saturating_mul(TICKS_PER_HOUR))
    }

    /// From whole minutes; saturates.
    pub const fn from_minutes(minutes: i64) -> Self {
        Self(minutes.saturating_mul(TICKS_PER_MINUTE))
    }

    /// From whole seconds; saturates.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(TICKS_PER_SECOND))
    }

    /// From whole milliseconds; saturates.
    pub const fn from_milliseconds(milliseconds: i64) -> Self {
        Self(milliseconds.saturating_mul(TICKS_PER_MILLISECOND))
    }

    /// In seconds, with their fraction.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / TICKS_PER_SECOND as f64
    }

    /// Without its sign; the shortest becomes the longest.
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// Sum, none outside the range.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Difference, none outside the range.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Product, none outside the range.
    pub fn checked_mul(self, factor: i64) -> Option<Self> {
        self.0.checked_mul(factor).map(Self)
    }

    /// From a count of ticks with a fraction, rounded; none outside the range or for NaN.
    pub fn from_real_ticks(ticks: f64) -> Option<Self> {
        // 2^63 itself is past the end, and i64::MAX is no double.
        let whole = ticks.round();
        (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0)
            .contains(&whole)
            .then_some(Self(whole as i64))
    }

    /// Appends `[-][d.]hh:mm:ss[.fffffff]`.
    pub fn write_to(self, out: &mut String) {
        let ticks = self.0.unsigned_abs();
        let unit = |size: i64| ticks / size.unsigned_abs();
        if self.0 < 0 {
            out.push('-');
        }
        let days = unit(TICKS_PER_DAY);
        if days > 0 {
            out.push_str(itoa::Buffer::new().format(days));
            out.push('.');
        }
        digits(unit(TICKS_PER_HOUR) % 24, 2, out);
        out.push(':');
        digits(unit(TICKS_PER_MINUTE) % 60, 2, out);
        out.push(':');
        digits(unit(TICKS_PER_SECOND) % 60, 2, out);
        let fraction = ticks % TICKS_PER_SECOND.unsigned_abs();
        if fraction > 0 {
            out.push('.');
            digits(fraction, 7, out);
        }
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write_to(&mut out);
        f.write_str(&out)
    }
}

/// The last digits of a number, as many as asked for.
fn digits(value: u64, places: u32, out: &mut String) {
    for place in (0..places).rev() {
        out.push(char::from(b'0' + (value / 10_u64.pow(place) % 10) as u8));
    }
}

impl fmt::Debug for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
