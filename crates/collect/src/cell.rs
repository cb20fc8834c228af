//! One cell: from what a format gives to what a column holds.

use model::{ColumnBuilder, DateTime, Decimal, Guid, ScalarType, TimeSpan, Value};
use values::{CivilTime, TICKS_PER_SECOND, text};

/// A scalar as a format gives it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    Long(i64),
    /// Beyond a long.
    ULong(u64),
    Real(f64),
    Text(&'a str),
    Time(DateTime),
}

/// Appends a scalar to a column of any type but dynamic; false when it does not fit (the cell is null then). Outside of
/// string columns an empty text is null without complaint, and so is the word `null`.
pub(crate) fn push(builder: &mut ColumnBuilder, scalar: Scalar<'_>) -> bool {
    let empty = match scalar {
        Scalar::Null => true,
        Scalar::Text(t) => is_blank(t) && !matches!(builder, ColumnBuilder::String(_)),
        _ => false,
    };
    if empty {
        builder.push_null();
        return true;
    }
    let fits = match builder {
        ColumnBuilder::String(b) => {
            match scalar {
                Scalar::Text(t) => b.append_value(t),
                other => b.append_value(as_text(other)),
            }
            true
        }
        ColumnBuilder::Long(b) => as_long(scalar).map(|v| b.append_value(v)).is_some(),
        ColumnBuilder::Int(b) => {
            as_long(scalar).and_then(|v| i32::try_from(v).ok()).map(|v| b.append_value(v)).is_some()
        }
        ColumnBuilder::DateTime(b) => as_time(scalar).map(|v| b.append_value(v.ticks())).is_some(),
        ColumnBuilder::Real(b) => as_real(scalar).map(|v| b.append_value(v)).is_some(),
        ColumnBuilder::Bool(b) => as_bool(scalar).map(|v| b.append_value(v)).is_some(),
        ColumnBuilder::TimeSpan(b) => match scalar {
            Scalar::Text(t) => TimeSpan::parse(t).map(|v| b.append_value(v.ticks())).is_some(),
            _ => false,
        },
        ColumnBuilder::Guid(_) | ColumnBuilder::Decimal(_) => {
            let value = match builder {
                ColumnBuilder::Guid(_) => as_guid(scalar).map(Value::Guid),
                _ => as_decimal(scalar).map(Value::Decimal),
            };
            value.map(|v| builder.push(&v)).is_some()
        }
        ColumnBuilder::Dynamic(_) => false,
    };
    if !fits {
        builder.push_null();
    }
    fits
}

/// Nothing, or the word that exports write for it.
pub(crate) fn is_blank(text: &str) -> bool {
    let text = text.trim_ascii();
    text.is_empty() || text.eq_ignore_ascii_case("null")
}

/// True when a text that is not empty is a value of the type.
pub(crate) fn fits(ty: ScalarType, text: &str) -> bool {
    let scalar = Scalar::Text(text);
    match ty {
        ScalarType::String | ScalarType::Dynamic => true,
        ScalarType::Bool => as_bool(scalar).is_some(),
        ScalarType::Int => as_long(scalar).is_some_and(|v| i32::try_from(v).is_ok()),
        ScalarType::Long => as_long(scalar).is_some(),
        ScalarType::Real => as_real(scalar).is_some(),
        ScalarType::Decimal => as_decimal(scalar).is_some(),
        ScalarType::Guid => as_guid(scalar).is_some(),
        ScalarType::DateTime => as_time(scalar).is_some(),
        ScalarType::TimeSpan => TimeSpan::parse(text).is_some(),
    }
}

/// A text as a datetime, in any form that a datetime column takes.
pub(crate) fn time(text: &str) -> Option<DateTime> {
    as_time(Scalar::Text(text))
}

/// The text of a scalar in a string column, as `tostring()` gives it.
pub(crate) fn as_text(scalar: Scalar<'_>) -> String {
    match scalar {
        Scalar::Null => String::new(),
        Scalar::Bool(v) => v.to_string(),
        Scalar::Long(v) => itoa::Buffer::new().format(v).to_owned(),
        Scalar::ULong(v) => itoa::Buffer::new().format(v).to_owned(),
        Scalar::Real(v) => text::real_to_string(v),
        Scalar::Text(v) => v.to_owned(),
        Scalar::Time(v) => v.to_string(),
    }
}

fn as_bool(scalar: Scalar<'_>) -> Option<bool> {
    match scalar {
        Scalar::Bool(v) => Some(v),
        Scalar::Long(v @ (0 | 1)) => Some(v == 1),
        Scalar::Real(v) if v == 0.0 || v == 1.0 => Some(v == 1.0),
        Scalar::Text(t) => text_bool(t).or(match t.trim_ascii() {
            "1" => Some(true),
            "0" => Some(false),
            _ => None,
        }),
        _ => None,
    }
}

/// `true` or `false` in any case.
pub(crate) fn text_bool(text: &str) -> Option<bool> {
    let text = text.trim_ascii();
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Whole numbers only: a fraction would be lost without a word.
fn as_long(scalar: Scalar<'_>) -> Option<i64> {
    match scalar {
        Scalar::Long(v) => Some(v),
        Scalar::Bool(v) => Some(i64::from(v)),
        Scalar::Real(v) if v.fract() == 0.0 => text::long_from_real(v),
        Scalar::Text(t) => {
            let t = t.trim_ascii();
            t.parse().ok().or_else(|| match hexadecimal(t) {
                true => text::parse_long(t),
                false => {
                    text::parse_real(t).filter(|v| v.fract() == 0.0).and_then(text::long_from_real)
                }
            })
        }
        _ => None,
    }
}

fn hexadecimal(text: &str) -> bool {
    text.starts_with("0x") || text.starts_with("0X")
}

fn as_real(scalar: Scalar<'_>) -> Option<f64> {
    match scalar {
        Scalar::Real(v) => Some(v),
        Scalar::Long(v) => Some(v as f64),
        Scalar::ULong(v) => Some(v as f64),
        Scalar::Bool(v) => Some(f64::from(u8::from(v))),
        Scalar::Text(t) => text::parse_real(t),
        Scalar::Null | Scalar::Time(_) => None,
    }
}

fn as_decimal(scalar: Scalar<'_>) -> Option<Decimal> {
    match scalar {
        Scalar::Long(v) => Some(Decimal::from_i64(v)),
        Scalar::ULong(v) => Decimal::parse(itoa::Buffer::new().format(v)),
        Scalar::Real(v) => Decimal::from_f64(v),
        Scalar::Text(t) => Decimal::parse(t),
        _ => None,
    }
}

fn as_guid(scalar: Scalar<'_>) -> Option<Guid> {
    match scalar {
        Scalar::Text(t) => Guid::parse(t),
        _ => None,
    }
}

fn as_time(scalar: Scalar<'_>) -> Option<DateTime> {
    match scalar {
        Scalar::Time(v) => Some(v),
        Scalar::Text(t) => text_time(t).or_else(|| epoch_text(t)),
        Scalar::Long(v) => epoch(v),
        Scalar::Real(v) => epoch_real(v),
        _ => None,
    }
}

/// A datetime in text: the usual ISO form quickly, any other form that `todatetime()` takes.
pub(crate) fn text_time(text: &str) -> Option<DateTime> {
    iso(text.as_bytes()).or_else(|| DateTime::parse(text)).or_else(|| {
        // Some exports write `14:51 PM`.
        let text = text.trim_ascii_end();
        let plain = text.strip_suffix("PM").or(text.strip_suffix("pm"))?;
        DateTime::parse(plain).filter(|time| time.civil().hour > 12)
    })
}

/// `2024-02-29T12:34:56Z`, with up to seven digits of a second, a blank for the `T`, and the `Z` optional.
fn iso(text: &[u8]) -> Option<DateTime> {
    let (head, tail) = text.split_first_chunk::<19>()?;
    let digit =
        |at: usize| head.get(at).map(|b| u32::from(b.wrapping_sub(b'0'))).filter(|d| *d < 10);
    let two = |at: usize| Some(digit(at)? * 10 + digit(at + 1)?);
    let separators = matches!(
        head,
        [_, _, _, _, b'-', _, _, b'-', _, _, b'T' | b' ', _, _, b':', _, _, b':', _, _]
    );
    let (fraction, rest) = match tail.strip_prefix(b".") {
        None => (0, tail),
        Some(tail) => {
            let length = tail.iter().take_while(|b| b.is_ascii_digit()).count();
            let (digits, rest) =
                tail.split_at_checked(length).filter(|_| (1..=7).contains(&length))?;
            let kept = digits.iter().chain(std::iter::repeat(&b'0')).take(7);
            (kept.fold(0, |n, b| n * 10 + u32::from(b - b'0')), rest)
        }
    };
    if !separators || !matches!(rest, b"" | b"Z") {
        return None;
    }
    DateTime::from_civil(CivilTime {
        year: (two(0)? * 100 + two(2)?).cast_signed(),
        month: two(5)?,
        day: two(8)?,
        hour: two(11)?,
        minute: two(14)?,
        second: two(17)?,
        ticks: fraction,
    })
}

/// Time since 1970 written as text of at least nine digits: `1659523775`, `1659523775038`, `1602571970.909397`.
fn epoch_text(text: &str) -> Option<DateTime> {
    let text = text.trim_ascii();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits < 9 {
        return None;
    }
    match text.parse::<i64>() {
        Ok(whole) => epoch(whole),
        Err(_) => epoch_real(text.parse().ok()?),
    }
}

/// Time since 1970 in the unit that its size suggests: seconds, milliseconds, microseconds or nanoseconds.
pub(crate) fn epoch(value: i64) -> Option<DateTime> {
    match value.unsigned_abs() {
        0..100_000_000_000 => DateTime::from_unix_seconds(value),
        100_000_000_000..100_000_000_000_000 => DateTime::from_unix_milliseconds(value),
        100_000_000_000_000..100_000_000_000_000_000 => DateTime::from_unix_microseconds(value),
        _ => DateTime::from_unix_nanoseconds(value),
    }
}

/// The same with a fraction, exact to a microsecond for seconds.
fn epoch_real(value: f64) -> Option<DateTime> {
    if value.abs() >= 1e11 {
        return epoch(text::long_from_real(value)?);
    }
    let seconds = value.floor();
    let ticks = ((value - seconds) * 1e6).round() as i64 * (TICKS_PER_SECOND / 1_000_000);
    DateTime::from_unix_seconds(text::long_from_real(seconds)?)?
        .checked_add(TimeSpan::from_ticks(ticks))
}

#[cfg(test)]
mod tests;
