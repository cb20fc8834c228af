//! Reading datetimes: ISO 8601, RFC 822, 850 and 1123, and the forms of the portal and of US logs.

use super::format::{DAYS, MONTHS};
use super::{CivilTime, DateTime};
use crate::{TICKS_PER_MINUTE, TICKS_PER_SECOND, TimeSpan};

impl DateTime {
    /// Reads any form that `todatetime()` and `datetime()` literals take. A time without a zone is UTC.
    /// Digits beyond the seventh of a second are cut off.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > 64 {
            return None;
        }
        let mut cursor = Cursor { rest: text.as_bytes() };
        let date = cursor.date()?;
        let moment = cursor.moment(date)?;
        cursor.rest.is_empty().then_some(moment)
    }
}

/// A date, or for asctime order (`Nov 8 15:05:02 2014`) month and day whose year follows the time.
enum Date {
    Whole(i32, u32, u32),
    YearLast(u32, u32),
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn eat(&mut self, wanted: &[u8]) -> bool {
        match self.rest.split_first() {
            Some((byte, rest)) if wanted.contains(byte) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn blanks(&mut self) -> bool {
        let before = self.rest.len();
        while self.eat(b" \t") {}
        self.rest.len() != before
    }

    /// A run of 1 to `max` digits: its value and its length.
    fn number(&mut self, max: usize) -> Option<(u32, usize)> {
        let length = self.rest.iter().take(max).take_while(|b| b.is_ascii_digit()).count();
        let (run, rest) = self.rest.split_at_checked(length)?;
        if run.is_empty() || rest.first().is_some_and(u8::is_ascii_digit) {
            return None;
        }
        self.rest = rest;
        Some((run.iter().fold(0, |n, b| n * 10 + u32::from(b - b'0')), length))
    }

    /// A run of letters.
    fn word(&mut self) -> Option<&[u8]> {
        let length = self.rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let (word, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    fn date(&mut self) -> Option<Date> {
        if self.peek()?.is_ascii_alphabetic() {
            return self.date_with_names();
        }
        let (first, length) = self.number(4)?;
        if length == 4 {
            return self.year_first(first);
        }
        if length > 2 {
            return None;
        }
        let separator = self.peek()?;
        if matches!(separator, b'/' | b'-' | b'.')
            && self.rest.get(1).is_some_and(u8::is_ascii_digit)
        {
            self.eat(b"/-.");
            let (day, _) = self.number(2)?;
            return self.eat(&[separator]).then(|| self.number(4)).flatten().and_then(
                |(year, digits)| Some(Date::Whole(full_year(year, digits)?, first, day)),
            );
        }
        self.day_month_year(first)
    }

    /// After `2014`: nothing, `-11`, `-11-08` (also with `/` or `.`).
    fn year_first(&mut self, year: u32) -> Option<Date> {
        let year = i32::try_from(year).ok()?;
        let Some(separator) = self.peek().filter(|b| b"-/.".contains(b)) else {
            return self.rest.is_empty().then_some(Date::Whole(year, 1, 1));
        };
        self.eat(&[separator]);
        let (month, _) = self.number(2)?;
        if !self.eat(&[separator]) {
            return self.rest.is_empty().then_some(Date::Whole(year, month, 1));
        }
        let (day, _) = self.number(2)?;
        Some(Date::Whole(year, month, day))
    }

    /// After a day's number: `Nov 14`, `-Nov-14`, ` Nov 2014`.
    fn day_month_year(&mut self, day: u32) -> Option<Date> {
        let dashed = self.eat(b"-");
        self.blanks();
        let month = position(&MONTHS, self.word()?)?;
        if dashed {
            self.eat(b"-").then_some(())?
        } else {
            self.blanks().then_some(())?
        }
        let (year, digits) = self.number(4)?;
        Some(Date::Whole(full_year(year, digits)?, month, day))
    }

    /// `Sat, 8 Nov 14`, `Saturday, 08-Nov-14`, `Nov 8, 2014`, `Sat Nov 8 15:05:02 2014`.
    fn date_with_names(&mut self) -> Option<Date> {
        let saved = self.rest;
        if position(&DAYS, self.word()?).is_some() {
            self.eat(b",");
            self.blanks();
            if self.peek()?.is_ascii_digit() {
                let (day, _) = self.number(2)?;
                return self.day_month_year(day);
            }
        } else {
            self.rest = saved;
        }
        let month = position(&MONTHS, self.word()?)?;
        self.blanks();
        let (day, _) = self.number(2)?;
        self.eat(b",");
        self.blanks().then_some(())?;
        let before = self.rest;
        match self.number(4) {
            Some((year, 4)) => Some(Date::Whole(i32::try_from(year).ok()?, month, day)),
            _ => {
                self.rest = before;
                Some(Date::YearLast(month, day))
            }
        }
    }

    /// The time of day and its zone, if any, joined with the date.
    fn moment(&mut self, date: Date) -> Option<DateTime> {
        let (hour, minute, second, ticks) = if self.rest.is_empty() {
            (0, 0, 0, 0)
        } else {
            let time_follows = match date {
                Date::YearLast(..) => true,
                Date::Whole(..) if self.eat(b"Tt") => true,
                Date::Whole(..) => {
                    let comma = self.eat(b",");
                    (self.blanks() || comma).then_some(())?;
                    self.peek().is_some_and(|b| b.is_ascii_digit())
                }
            };
            if time_follows { self.time()? } else { (0, 0, 0, 0) }
        };
        let spaced = self.blanks();
        let (year, month, day) = match date {
            Date::Whole(year, month, day) => (year, month, day),
            Date::YearLast(month, day) => {
                spaced.then_some(())?;
                (i32::try_from(self.number(4).filter(|n| n.1 == 4)?.0).ok()?, month, day)
            }
        };
        self.blanks();
        let offset = self.zone()?;
        let civil = CivilTime { year, month, day, hour, minute, second, ticks };
        DateTime::from_civil(civil)?.checked_sub(offset)
    }

    /// `15:05`, `15:05:02`, `15:05:02.1234567`, each with an optional AM or PM.
    fn time(&mut self) -> Option<(u32, u32, u32, u32)> {
        let (mut hour, _) = self.number(2)?;
        self.eat(b":").then_some(())?;
        let (minute, _) = self.number(2)?;
        let (mut second, mut ticks) = (0, 0);
        if self.eat(b":") {
            second = self.number(2)?.0;
            if self.eat(b".,") {
                ticks = self.fraction()?;
            }
        }
        let saved = self.rest;
        self.blanks();
        match self.word().map(<[u8]>::to_ascii_lowercase).as_deref() {
            Some(half @ (b"am" | b"pm")) if (1..=12).contains(&hour) => {
                hour = hour % 12 + if half == b"pm" { 12 } else { 0 };
            }
            Some(b"am" | b"pm") => return None,
            _ => self.rest = saved,
        }
        Some((hour, minute, second, ticks))
    }

    /// Digits of a second as ticks.
    fn fraction(&mut self) -> Option<u32> {
        let length = self.rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let (run, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        let kept = run.iter().chain(std::iter::repeat(&b'0')).take(7);
        (!run.is_empty()).then(|| kept.fold(0, |n, b| n * 10 + u32::from(b - b'0')))
    }

    /// `Z`, `GMT`, `EST`, `+02:00`, `-0800`, or nothing.
    fn zone(&mut self) -> Option<TimeSpan> {
        let hour = 60 * TICKS_PER_MINUTE;
        if self.rest.is_empty() {
            return Some(TimeSpan::from_ticks(0));
        }
        if let Some(word) = self.word().map(<[u8]>::to_ascii_uppercase) {
            let hours = match word.as_slice() {
                b"EDT" => -4,
                b"EST" | b"CDT" => -5,
                b"CST" | b"MDT" => -6,
                b"MST" | b"PDT" => -7,
                b"PST" => -8,
                b"Z" | b"UTC" | b"GMT" | b"UT" => 0,
                _ => return None,
            };
            return Some(TimeSpan::from_ticks(hours * hour));
        }
        let negative = self.peek() == Some(b'-');
        self.eat(b"+-").then_some(())?;
        let (value, length) = self.number(4)?;
        let (hours, minutes) = match length {
            4 => (value / 100, value % 100),
            1 | 2 if self.eat(b":") => (value, self.number(2)?.0),
            1 | 2 => (value, 0),
            _ => return None,
        };
        if hours > 18 || minutes > 59 {
            return None;
        }
        let ticks = i64::from(hours * 60 + minutes) * 60 * TICKS_PER_SECOND;
        Some(TimeSpan::from_ticks(if negative { -ticks } else { ticks }))
    }
}

/// Two digits mean 1950 to 2049.
fn full_year(year: u32, digits: usize) -> Option<i32> {
    let full = match digits {
        4 => year,
        2 if year < 50 => 2000 + year,
        2 => 1900 + year,
        _ => return None,
    };
    i32::try_from(full).ok()
}

/// 1-based position of a name, whole or cut to its first three letters (`Sept` too).
fn position(names: &[&str], word: &[u8]) -> Option<u32> {
    const LONG: [&str; 19] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
        "Sunday",
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
    ];
    let short = word.get(..3)?;
    let at = names.iter().position(|n| n.as_bytes().eq_ignore_ascii_case(short))?;
    let whole = word.len() == 3
        || word.eq_ignore_ascii_case(b"Sept")
        || LONG.iter().any(|n| n.as_bytes().eq_ignore_ascii_case(word));
    whole.then(|| at as u32 + 1)
}
