//! `datetime`: ticks of 100 ns since 0001-01-01T00:00:00Z, in the proleptic Gregorian calendar.

mod format;
mod parse;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use crate::{
    TICKS_PER_DAY, TICKS_PER_HOUR, TICKS_PER_MICROSECOND, TICKS_PER_MILLISECOND, TICKS_PER_MINUTE,
    TICKS_PER_SECOND, TimeSpan,
};

/// Ticks from 0001-01-01 to 1970-01-01.
const UNIX_EPOCH_TICKS: i64 = 621_355_968_000_000_000;
/// Days from 0000-03-01 to 0001-01-01; years that start in March make leap days come last.
const MARCH_SHIFT: i64 = 306;
const DAYS_PER_ERA: i64 = 146_097; // 400 years

/// An instant in UTC, exact to 100 ns, from 0001-01-01 to 9999-12-31T23:59:59.9999999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
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

impl CivilTime {
    /// Midnight of a day; nothing is checked here, [`DateTime::from_civil`] does.
    pub const fn date(year: i32, month: u32, day: u32) -> Self {
        Self { year, month, day, hour: 0, minute: 0, second: 0, ticks: 0 }
    }
}

/// True for a leap year.
pub const fn is_leap_year(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of a month, 0 for a month that does not exist.
pub const fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap_year(year) => 29,
        2 => 28,
        _ => 0,
    }
}

/// Days from 0001-01-01 to a date, whose month must be 1..=12.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y - era * 400;
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year
        - MARCH_SHIFT
}

/// Year, month and day of a day number since 0001-01-01.
fn civil_from_days(days: i64) -> (i32, u32, u32) {
    let z = days + MARCH_SHIFT;
    let era = z.div_euclid(DAYS_PER_ERA);
    let day_of_era = z - era * DAYS_PER_ERA;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year as i32, month as u32, day as u32)
}

impl DateTime {
    /// 0001-01-01T00:00:00Z
    pub const MIN: Self = Self(0);
    /// 9999-12-31T23:59:59.9999999Z
    pub const MAX: Self = Self(3_155_378_975_999_999_999);
    /// 1970-01-01T00:00:00Z
    pub const UNIX_EPOCH: Self = Self(UNIX_EPOCH_TICKS);

    /// From ticks since 0001-01-01; see [`DateTime::checked_from_ticks`] for ticks of unknown origin.
    pub const fn from_ticks(ticks: i64) -> Self {
        Self(ticks)
    }

    /// From ticks since 0001-01-01, none outside the range.
    pub fn checked_from_ticks(ticks: i64) -> Option<Self> {
        (0..=Self::MAX.0).contains(&ticks).then_some(Self(ticks))
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

    /// For interfaces of the operating system; instants before 1970 become 1970.
    pub fn to_system_time(self) -> SystemTime {
        let since = u64::try_from(self.0.saturating_sub(UNIX_EPOCH_TICKS)).unwrap_or(0);
        let per_second = TICKS_PER_SECOND.unsigned_abs();
        let nanos = u32::try_from(since % per_second * 100).unwrap_or(0);
        SystemTime::UNIX_EPOCH + Duration::new(since / per_second, nanos)
    }

    /// From year, month, day and time; none where such a moment does not exist.
    pub fn from_civil(civil: CivilTime) -> Option<Self> {
        let CivilTime { year, month, day, hour, minute, second, ticks } = civil;
        let valid = (1..=9999).contains(&year)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60
            && i64::from(ticks) < TICKS_PER_SECOND;
        valid.then(|| {
            let days = days_from_civil(i64::from(year), i64::from(month), i64::from(day));
            Self(
                days * TICKS_PER_DAY
                    + i64::from(hour) * TICKS_PER_HOUR
                    + i64::from(minute) * TICKS_PER_MINUTE
                    + i64::from(second) * TICKS_PER_SECOND
                    + i64::from(ticks),
            )
        })
    }

    /// Midnight of a date, none where it does not exist.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        Self::from_civil(CivilTime::date(year, month, day))
    }

    /// The instant taken apart. Ticks outside the range count as its nearest end.
    pub fn civil(self) -> CivilTime {
        let ticks = self.0.clamp(0, Self::MAX.0);
        let (year, month, day) = civil_from_days(ticks / TICKS_PER_DAY);
        let of_day = ticks % TICKS_PER_DAY;
        CivilTime {
            year,
            month,
            day,
            hour: (of_day / TICKS_PER_HOUR) as u32,
            minute: (of_day / TICKS_PER_MINUTE % 60) as u32,
            second: (of_day / TICKS_PER_SECOND % 60) as u32,
            ticks: (of_day % TICKS_PER_SECOND) as u32,
        }
    }

    /// 0 is Sunday.
    pub fn day_of_week(self) -> u32 {
        ((self.0.div_euclid(TICKS_PER_DAY) + 1).rem_euclid(7)) as u32
    }

    /// 1..=366
    pub fn day_of_year(self) -> u32 {
        let year = self.civil().year;
        let first = days_from_civil(i64::from(year), 1, 1);
        (self.0.clamp(0, Self::MAX.0) / TICKS_PER_DAY - first + 1) as u32
    }

    /// Week of the year by ISO 8601: weeks start on Monday, week 1 holds the first Thursday.
    pub fn iso_week(self) -> u32 {
        let days = self.0.clamp(0, Self::MAX.0) / TICKS_PER_DAY;
        let thursday = days - days.rem_euclid(7) + 3; // 0001-01-01 was a Monday
        let (year, ..) = civil_from_days(thursday);
        let first = days_from_civil(i64::from(year), 1, 1);
        ((thursday - first) / 7 + 1) as u32
    }

    /// Time since midnight.
    pub fn time_of_day(self) -> TimeSpan {
        TimeSpan::from_ticks(self.0.rem_euclid(TICKS_PER_DAY))
    }

    /// Sum, none outside the range.
    pub fn checked_add(self, by: TimeSpan) -> Option<Self> {
        self.0.checked_add(by.ticks()).and_then(Self::checked_from_ticks)
    }

    /// Difference, none outside the range.
    pub fn checked_sub(self, by: TimeSpan) -> Option<Self> {
        self.0.checked_sub(by.ticks()).and_then(Self::checked_from_ticks)
    }

    /// Time from `earlier` to here; negative when `earlier` is later.
    pub fn since(self, earlier: Self) -> TimeSpan {
        TimeSpan::from_ticks(self.0.saturating_sub(earlier.0))
    }

    /// The same day and time some months on; the day is cut to the month's last. None outside the range.
    pub fn add_months(self, months: i64) -> Option<Self> {
        let civil = self.civil();
        let index =
            (i64::from(civil.year) * 12 + i64::from(civil.month) - 1).checked_add(months)?;
        let year = i32::try_from(index.div_euclid(12)).ok()?;
        let month = index.rem_euclid(12) as u32 + 1;
        let day = civil.day.min(days_in_month(year, month));
        Self::from_civil(CivilTime { year, month, day, ..civil })
    }

    /// The same day and time some years on; 29 February becomes 28 February where it must.
    pub fn add_years(self, years: i64) -> Option<Self> {
        self.add_months(years.checked_mul(12)?)
    }

    /// Midnight, `offset` days away. None outside the range.
    pub fn start_of_day(self, offset: i64) -> Option<Self> {
        let day = self.0.div_euclid(TICKS_PER_DAY).checked_add(offset)?;
        Self::checked_from_ticks(day.checked_mul(TICKS_PER_DAY)?)
    }

    /// Midnight of the week's Sunday, `offset` weeks away. The first days of year 1 belong to a week that began
    /// before time: its start is the first instant.
    pub fn start_of_week(self, offset: i64) -> Option<Self> {
        let day = self.0.div_euclid(TICKS_PER_DAY) - i64::from(self.day_of_week());
        let ticks = day.checked_add(offset.checked_mul(7)?)?.checked_mul(TICKS_PER_DAY)?;
        if offset == 0 && ticks < 0 { Some(Self::MIN) } else { Self::checked_from_ticks(ticks) }
    }

    /// First instant of the month, `offset` months away.
    pub fn start_of_month(self, offset: i64) -> Option<Self> {
        let civil = self.civil();
        Self::from_ymd(civil.year, civil.month, 1)?.add_months(offset)
    }

    /// First instant of the year, `offset` years away.
    pub fn start_of_year(self, offset: i64) -> Option<Self> {
        Self::from_ymd(self.civil().year, 1, 1)?.add_years(offset)
    }

    /// Last tick of the day, `offset` days away.
    pub fn end_of_day(self, offset: i64) -> Option<Self> {
        Self::before(self.start_of_day(offset)?, TICKS_PER_DAY)
    }

    /// Last tick of the week's Saturday, `offset` weeks away.
    pub fn end_of_week(self, offset: i64) -> Option<Self> {
        let day = self.0.div_euclid(TICKS_PER_DAY) - i64::from(self.day_of_week());
        let next = day.checked_add(offset.checked_mul(7)?)?.checked_add(7)?;
        let end = next.checked_mul(TICKS_PER_DAY)?.checked_sub(1)?;
        (end >= 0).then(|| Self(end.min(Self::MAX.0)))
    }

    /// Last tick of the month, `offset` months away.
    pub fn end_of_month(self, offset: i64) -> Option<Self> {
        let start = self.start_of_month(offset)?;
        let civil = start.civil();
        let days = i64::from(days_in_month(civil.year, civil.month));
        Self::before(start, days * TICKS_PER_DAY)
    }

    /// Last tick of the year, `offset` years away.
    pub fn end_of_year(self, offset: i64) -> Option<Self> {
        let start = self.start_of_year(offset)?;
        let days = if is_leap_year(start.civil().year) { 366 } else { 365 };
        Self::before(start, days * TICKS_PER_DAY)
    }

    /// The tick before `start + length`, which may itself lie just past the range.
    fn before(start: Self, length: i64) -> Option<Self> {
        Self::checked_from_ticks(start.0.checked_add(length - 1)?)
    }

    fn from_unix(count: i64, ticks: i64) -> Option<Self> {
        Self::checked_from_ticks(count.checked_mul(ticks)?.checked_add(UNIX_EPOCH_TICKS)?)
    }

    /// From seconds since 1970.
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        Self::from_unix(seconds, TICKS_PER_SECOND)
    }

    /// From milliseconds since 1970.
    pub fn from_unix_milliseconds(milliseconds: i64) -> Option<Self> {
        Self::from_unix(milliseconds, TICKS_PER_MILLISECOND)
    }

    /// From microseconds since 1970.
    pub fn from_unix_microseconds(microseconds: i64) -> Option<Self> {
        Self::from_unix(microseconds, TICKS_PER_MICROSECOND)
    }

    /// From nanoseconds since 1970, cut to 100 ns.
    pub fn from_unix_nanoseconds(nanoseconds: i64) -> Option<Self> {
        Self::from_unix(nanoseconds.div_euclid(100), 1)
    }

    /// Seconds since 1970, cut downwards.
    pub const fn unix_seconds(self) -> i64 {
        self.0.saturating_sub(UNIX_EPOCH_TICKS).div_euclid(TICKS_PER_SECOND)
    }

    /// Milliseconds since 1970, cut downwards.
    pub const fn unix_milliseconds(self) -> i64 {
        self.0.saturating_sub(UNIX_EPOCH_TICKS).div_euclid(TICKS_PER_MILLISECOND)
    }

    /// Microseconds since 1970, cut downwards.
    pub const fn unix_microseconds(self) -> i64 {
        self.0.saturating_sub(UNIX_EPOCH_TICKS).div_euclid(TICKS_PER_MICROSECOND)
    }

    /// Nanoseconds since 1970, none where 64 bits do not hold them.
    pub fn unix_nanoseconds(self) -> Option<i64> {
        self.0.saturating_sub(UNIX_EPOCH_TICKS).checked_mul(100)
    }
}
