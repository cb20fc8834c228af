//! `format_datetime`, `format_timespan`, and local times by name of the zone.

use std::sync::LazyLock;

use jiff::tz::TimeZone;
use values::{DateTime, Dynamic, TICKS_PER_DAY, TICKS_PER_SECOND, TimeSpan};

use super::Function;
use super::call::{Call, EvalError};
use super::support::Answer;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("format_datetime", format_datetime).with_fixed(&[1]),
    Function::new("format_timespan", format_timespan).with_fixed(&[1]),
    Function::new("datetime_utc_to_local", |c| shifted(c, to_local)),
    Function::new("datetime_local_to_utc", |c| shifted(c, to_utc)),
    Function::new("datetime_list_timezones", list_timezones),
];

/// A run of one letter, or a character that stands for itself.
enum Piece {
    Run(char, usize),
    Plain(char),
}

fn pieces(format: &str, letters: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for c in format.chars() {
        match pieces.last_mut() {
            Some(Piece::Run(last, count)) if *last == c => *count += 1,
            _ if letters.contains(c) => pieces.push(Piece::Run(c, 1)),
            _ => pieces.push(Piece::Plain(c)),
        }
    }
    pieces
}

/// The constant format, refused where it holds letters that mean nothing.
fn checked(call: &Call<'_>, letters: &str) -> Result<Vec<Piece>, EvalError> {
    let format = call.text(1)?;
    let format =
        format.constant().ok_or_else(|| EvalError::new("the format must be a constant"))?;
    let pieces = pieces(format, letters);
    let stranger = pieces.iter().find_map(|p| match p {
        Piece::Plain(c) if c.is_alphabetic() && !matches!(c, 'T' | 'Z') => Some(*c),
        _ => None,
    });
    match stranger {
        Some(c) => Err(EvalError::new(format!("format '{format}': '{c}' is not a format element"))),
        None => Ok(pieces),
    }
}

fn number(out: &mut String, value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut rest = value;
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        if rest == 0 {
            break;
        }
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
        used += 1;
    }
    let shown = used.max(width).max(1);
    out.extend(std::iter::repeat_n('0', shown.saturating_sub(digits.len())));
    let from = digits.len().saturating_sub(shown);
    out.extend(digits.iter().skip(from).map(|digit| char::from(*digit)));
}

/// `f` to `fffffff`, and `F` to `FFFFFFF`, which drop trailing zeros.
fn fraction(out: &mut String, ticks: u64, count: usize, always: bool) {
    let digits = format!("{ticks:07}");
    let kept = digits.get(..count.min(7)).unwrap_or_default();
    out.push_str(if always { kept } else { kept.trim_end_matches('0') });
}

fn format_datetime(call: &Call<'_>) -> Answer {
    let pieces = checked(call, "dfFhHmMsytK")?;
    let dates = call.long(0)?;
    call.written(|row, out| {
        let Some(ticks) = dates.get(row) else { return };
        let c = DateTime::from_ticks(ticks).civil();
        for piece in &pieces {
            let (letter, count) = match piece {
                Piece::Plain(c) => {
                    out.push(*c);
                    continue;
                }
                Piece::Run(letter, count) => (*letter, *count),
            };
            let two = count.min(2);
            match letter {
                'd' => number(out, c.day.into(), two),
                'M' => number(out, c.month.into(), two),
                'y' if count <= 2 => number(out, u64::from(c.year.unsigned_abs() % 100), two),
                'y' => number(out, c.year.unsigned_abs().into(), count),
                'h' => number(out, u64::from((c.hour + 11) % 12 + 1), two),
                'H' => number(out, c.hour.into(), two),
                'm' => number(out, c.minute.into(), two),
                's' => number(out, c.second.into(), two),
                't' => {
                    let half = if c.hour < 12 { "AM" } else { "PM" };
                    out.push_str(half.get(..two).unwrap_or(half));
                }
                'K' => out.push('Z'),
                _ => fraction(out, c.ticks.into(), count, letter == 'f'),
            }
        }
    })
}

fn format_timespan(call: &Call<'_>) -> Answer {
    let pieces = checked(call, "dfFhHmst")?;
    let lengths = call.long(0)?;
    call.written(|row, out| {
        let Some(length) = lengths.get(row) else { return };
        let ticks = length.unsigned_abs();
        let (second, day) = (TICKS_PER_SECOND.unsigned_abs(), TICKS_PER_DAY.unsigned_abs());
        if length < 0 {
            out.push('-');
        }
        for piece in &pieces {
            match piece {
                Piece::Plain(c) => out.push(*c),
                Piece::Run('d', count) => number(out, ticks / day, (*count).min(8)),
                Piece::Run('h' | 'H', count) => {
                    number(out, ticks / (3600 * second) % 24, (*count).min(2))
                }
                Piece::Run('m', count) => number(out, ticks / (60 * second) % 60, (*count).min(2)),
                Piece::Run('s', count) => number(out, ticks / second % 60, (*count).min(2)),
                Piece::Run(letter @ ('f' | 'F'), count) => {
                    fraction(out, ticks % second, *count, *letter == 'f');
                }
                Piece::Run(letter, count) => out.extend(std::iter::repeat_n(*letter, *count)),
            }
        }
    })
}

fn zone(name: &str) -> Option<TimeZone> {
    jiff::tz::db().get(name.trim()).ok()
}

fn shifted(call: &Call<'_>, shift: fn(DateTime, &TimeZone) -> Option<DateTime>) -> Answer {
    let (dates, names) = (call.long(0)?, call.text(1)?);
    let fixed = match names.constant() {
        Some(name) => Some(zone(name).ok_or_else(|| {
            EvalError::new(format!(
                "'{name}' is no time zone; datetime_list_timezones() lists them"
            ))
        })?),
        None => None,
    };
    call.longs(|row| {
        let date = DateTime::checked_from_ticks(dates.get(row)?)?;
        let shifted = match &fixed {
            Some(zone) => shift(date, zone),
            None => shift(date, &zone(names.get(row))?),
        };
        shifted.map(DateTime::ticks)
    })
}

fn seconds(offset: jiff::tz::Offset) -> TimeSpan {
    TimeSpan::from_seconds(i64::from(offset.seconds()))
}

fn to_local(date: DateTime, zone: &TimeZone) -> Option<DateTime> {
    let at = jiff::Timestamp::from_second(date.unix_seconds()).ok()?;
    date.checked_add(seconds(zone.to_offset(at)))
}

/// In the hour that a change to summer time skips, the offset after it holds; in the hour that comes twice, the
/// second.
fn to_utc(date: DateTime, zone: &TimeZone) -> Option<DateTime> {
    let c = date.civil();
    let (year, small) = (i16::try_from(c.year).ok()?, |v: u32| i8::try_from(v).unwrap_or(0));
    let local = jiff::civil::DateTime::new(
        year,
        small(c.month),
        small(c.day),
        small(c.hour),
        small(c.minute),
        small(c.second),
        0,
    )
    .ok()?;
    let offset = match zone.to_ambiguous_timestamp(local).offset() {
        jiff::tz::AmbiguousOffset::Unambiguous { offset } => offset,
        jiff::tz::AmbiguousOffset::Gap { after, .. }
        | jiff::tz::AmbiguousOffset::Fold { after, .. } => after,
    };
    date.checked_sub(seconds(offset))
}

static ZONES: LazyLock<Dynamic> = LazyLock::new(|| {
    let mut names: Vec<String> = jiff::tz::db().available().map(|n| n.to_string()).collect();
    names.sort_unstable();
    Dynamic::strings(names)
});

fn list_timezones(call: &Call<'_>) -> Answer {
    call.dynamics(|_| Some(ZONES.clone()))
}
