//! Parts, starts and ends of datetimes, and what is made of them.

use values::{CivilTime, DateTime, TICKS_PER_DAY, TimeSpan};

use super::Function;
use super::call::{Call, EvalError};
use super::support::Answer;
use crate::functions::support::NumberArg;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("getyear", |c| part(c, |d| d.civil().year as u32)),
    Function::new("getmonth", |c| part(c, |d| d.civil().month)),
    Function::new("monthofyear", |c| part(c, |d| d.civil().month)),
    Function::new("dayofmonth", |c| part(c, |d| d.civil().day)),
    Function::new("dayofyear", |c| part(c, DateTime::day_of_year)),
    Function::new("hourofday", |c| part(c, |d| d.civil().hour)),
    Function::new("week_of_year", |c| part(c, DateTime::iso_week)),
    Function::new("weekofyear", |c| part(c, week_with_wednesday)),
    Function::new("dayofweek", |c| {
        moved(c, |d, _| Some(i64::from(d.day_of_week()) * TICKS_PER_DAY))
    }),
    Function::new("startofday", |c| moved(c, |d, n| d.start_of_day(n).map(DateTime::ticks))),
    Function::new("startofweek", |c| moved(c, |d, n| d.start_of_week(n).map(DateTime::ticks))),
    Function::new("startofmonth", |c| moved(c, |d, n| d.start_of_month(n).map(DateTime::ticks))),
    Function::new("startofyear", |c| moved(c, |d, n| d.start_of_year(n).map(DateTime::ticks))),
    Function::new("endofday", |c| moved(c, |d, n| d.end_of_day(n).map(DateTime::ticks))),
    Function::new("endofweek", |c| moved(c, |d, n| d.end_of_week(n).map(DateTime::ticks))),
    Function::new("endofmonth", |c| moved(c, |d, n| d.end_of_month(n).map(DateTime::ticks))),
    Function::new("endofyear", |c| moved(c, |d, n| d.end_of_year(n).map(DateTime::ticks))),
    Function::new("make_datetime", make_datetime),
    Function::new("make_timespan", make_timespan),
    Function::new("datetime_part", datetime_part).with_fixed(&[0]),
    Function::new("datepart", datetime_part).with_fixed(&[0]),
    Function::new("datetime_add", datetime_add).with_fixed(&[0]),
    Function::new("datetime_diff", datetime_diff).with_fixed(&[0]),
    Function::new("unixtime_seconds_todatetime", |c| from_unix(c, 10_000_000.0)),
    Function::new("unixtime_milliseconds_todatetime", |c| from_unix(c, 10_000.0)),
    Function::new("unixtime_microseconds_todatetime", |c| from_unix(c, 10.0)),
    Function::new("unixtime_nanoseconds_todatetime", |c| from_unix(c, 0.01)),
];

fn part(call: &Call<'_>, f: fn(DateTime) -> u32) -> Answer {
    let dates = call.long(0)?;
    call.ints(|row| dates.get(row).and_then(|t| i32::try_from(f(DateTime::from_ticks(t))).ok()))
}

/// The week as the old `weekofyear()` counts: week 1 holds the first Wednesday.
fn week_with_wednesday(date: DateTime) -> u32 {
    date.checked_add(TimeSpan::from_days(1)).unwrap_or(date).iso_week()
}

/// A function of a datetime and an offset that is 0 when absent.
fn moved(call: &Call<'_>, f: impl Fn(DateTime, i64) -> Option<i64>) -> Answer {
    let dates = call.long(0)?;
    if call.len() < 2 {
        return call.longs(|row| dates.get(row).and_then(|t| f(DateTime::from_ticks(t), 0)));
    }
    let offsets = call.number(1)?;
    call.longs(|row| f(DateTime::from_ticks(dates.get(row)?), offsets.long(row)?))
}

/// `make_datetime(year, month, day[, hour, minute[, second]])`, or of a text.
fn make_datetime(call: &Call<'_>) -> Answer {
    if call.len() == 1 {
        let to = values::ScalarType::DateTime;
        return call.values(|row| call.value(0, row).cast(to));
    }
    let numbers = numbers(call)?;
    call.longs(|row| {
        let whole = |i: usize| match numbers.get(i) {
            Some(n) => n.long(row),
            None => Some(0),
        };
        let small = |i: usize| whole(i).and_then(|v| u32::try_from(v).ok());
        let civil = CivilTime {
            year: i32::try_from(whole(0)?).ok()?,
            month: small(1)?,
            day: small(2)?,
            hour: small(3)?,
            minute: small(4)?,
            second: 0,
            ticks: 0,
        };
        DateTime::from_civil(civil)?.checked_add(seconds(numbers.get(5), row)?).map(DateTime::ticks)
    })
}

/// `make_timespan([days,] hours, minutes[, seconds])`, or of a text.
fn make_timespan(call: &Call<'_>) -> Answer {
    if call.len() == 1 {
        let to = values::ScalarType::TimeSpan;
        return call.values(|row| call.value(0, row).cast(to));
    }
    let numbers = numbers(call)?;
    let days = usize::from(numbers.len() == 4);
    call.longs(|row| {
        let whole = |i: usize, limit: i64| {
            numbers.get(i).and_then(|n| n.long(row)).filter(|n| (0..limit).contains(n))
        };
        let day = if days == 1 { whole(0, 10_000_000)? } else { 0 };
        let minutes = whole(days, 24)? * 60 + whole(days + 1, 60)?;
        let length = TimeSpan::from_days(day).checked_add(TimeSpan::from_minutes(minutes))?;
        length.checked_add(seconds(numbers.get(days + 2), row)?).map(TimeSpan::ticks)
    })
}

fn numbers<'c>(call: &'c Call<'_>) -> Result<Vec<NumberArg<'c>>, EvalError> {
    (0..call.len()).map(|i| call.number(i)).collect()
}

/// Seconds below a minute, with their fraction.
fn seconds(argument: Option<&NumberArg<'_>>, row: usize) -> Option<TimeSpan> {
    let Some(argument) = argument else { return Some(TimeSpan::ZERO) };
    let seconds = argument.real(row).filter(|s| (0.0..60.0).contains(s))?;
    TimeSpan::from_real_ticks(seconds * 1e7)
}

/// Numbers with a fraction keep it; whole ones are exact.
fn from_unix(call: &Call<'_>, ticks: f64) -> Answer {
    let numbers = call.number(0)?;
    call.longs(|row| {
        let since = match &numbers {
            NumberArg::Real(_) | NumberArg::Decimal(_) => {
                TimeSpan::from_real_ticks(numbers.real(row)? * ticks)?.ticks()
            }
            _ if ticks < 1.0 => numbers.long(row)?.div_euclid(100),
            _ => numbers.long(row)?.checked_mul(ticks as i64)?,
        };
        DateTime::UNIX_EPOCH.checked_add(TimeSpan::from_ticks(since)).map(DateTime::ticks)
    })
}

/// What `datetime_part`, `datetime_add` and `datetime_diff` count in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Period {
    Year,
    Quarter,
    Month,
    Week,
    Day,
    DayOfYear,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
}

impl Period {
    const ALL: [(&'static str, Self); 14] = [
        ("year", Self::Year),
        ("quarter", Self::Quarter),
        ("month", Self::Month),
        ("week", Self::Week),
        ("week_of_year", Self::Week),
        ("weekofyear", Self::Week),
        ("day", Self::Day),
        ("dayofyear", Self::DayOfYear),
        ("hour", Self::Hour),
        ("minute", Self::Minute),
        ("second", Self::Second),
        ("millisecond", Self::Millisecond),
        ("microsecond", Self::Microsecond),
        ("nanosecond", Self::Nanosecond),
    ];

    fn of(call: &Call<'_>) -> Result<Self, EvalError> {
        let name = call.text(0)?;
        let name =
            name.constant().ok_or_else(|| EvalError::new("the period must be a constant"))?;
        Self::ALL
            .iter()
            .find(|(known, _)| name.trim().eq_ignore_ascii_case(known))
            .map(|(_, period)| *period)
            .ok_or_else(|| {
                EvalError::new(format!(
                    "'{name}' is no period; use year, quarter, month, week, day, hour, minute, second, millisecond, microsecond or nanosecond"
                ))
            })
    }

    /// Ticks of a period of fixed length; none for the others and for nanoseconds.
    const fn ticks(self) -> Option<i64> {
        Some(match self {
            Self::Week => 7 * TICKS_PER_DAY,
            Self::Day | Self::DayOfYear => TICKS_PER_DAY,
            Self::Hour => 36_000_000_000,
            Self::Minute => 600_000_000,
            Self::Second => 10_000_000,
            Self::Millisecond => 10_000,
            Self::Microsecond => 10,
            _ => return None,
        })
    }

    fn of_date(self, date: DateTime) -> u32 {
        let civil = date.civil();
        match self {
            Self::Year => civil.year as u32,
            Self::Quarter => (civil.month - 1) / 3 + 1,
            Self::Month => civil.month,
            Self::Week => date.iso_week(),
            Self::Day => civil.day,
            Self::DayOfYear => date.day_of_year(),
            Self::Hour => civil.hour,
            Self::Minute => civil.minute,
            Self::Second => civil.second,
            Self::Millisecond => civil.ticks / 10_000,
            Self::Microsecond => civil.ticks / 10,
            Self::Nanosecond => civil.ticks * 100,
        }
    }

    fn add(self, date: DateTime, count: i64) -> Option<DateTime> {
        match self {
            Self::Year => date.add_years(count),
            Self::Quarter => date.add_months(count.checked_mul(3)?),
            Self::Month => date.add_months(count),
            Self::Nanosecond => date.checked_add(TimeSpan::from_ticks(count / 100)),
            _ => date.checked_add(TimeSpan::from_ticks(count.checked_mul(self.ticks()?)?)),
        }
    }

    /// Boundaries of the period that lie between the two.
    fn between(self, later: DateTime, earlier: DateTime) -> Option<i64> {
        let months = |d: DateTime| i64::from(d.civil().year) * 12 + i64::from(d.civil().month) - 1;
        Some(match self {
            Self::Year => i64::from(later.civil().year) - i64::from(earlier.civil().year),
            Self::Quarter => months(later) / 3 - months(earlier) / 3,
            Self::Month => months(later) - months(earlier),
            Self::Week => {
                // Weeks start on Sunday, and 0001-01-01 was a Monday.
                let week = |d: DateTime| (d.ticks() + TICKS_PER_DAY).div_euclid(7 * TICKS_PER_DAY);
                week(later) - week(earlier)
            }
            Self::Nanosecond => later.since(earlier).ticks().checked_mul(100)?,
            _ => {
                let unit = self.ticks()?;
                later.ticks().div_euclid(unit) - earlier.ticks().div_euclid(unit)
            }
        })
    }
}

fn datetime_part(call: &Call<'_>) -> Answer {
    let period = Period::of(call)?;
    let dates = call.long(1)?;
    call.ints(|row| {
        dates.get(row).and_then(|t| i32::try_from(period.of_date(DateTime::from_ticks(t))).ok())
    })
}

fn datetime_add(call: &Call<'_>) -> Answer {
    let period = Period::of(call)?;
    let (counts, dates) = (call.number(1)?, call.long(2)?);
    call.longs(|row| {
        period.add(DateTime::from_ticks(dates.get(row)?), counts.long(row)?).map(DateTime::ticks)
    })
}

fn datetime_diff(call: &Call<'_>) -> Answer {
    let period = Period::of(call)?;
    let (later, earlier) = (call.long(1)?, call.long(2)?);
    call.longs(|row| {
        let valid = |ticks: i64| DateTime::checked_from_ticks(ticks);
        period.between(valid(later.get(row)?)?, valid(earlier.get(row)?)?)
    })
}
