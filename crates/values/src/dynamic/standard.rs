//! To and from plain Variant, without the private primitive ids, for files that other readers open.

use super::{DEPTH_MAX, Dynamic, DynamicBuilder, DynamicRef, Kind, primitive};
use crate::{DateTime, TICKS_PER_MICROSECOND};

/// Metadata and value by the Variant standard. Instants become timestamps (of microseconds; where 100 ns matter, of
/// nanoseconds; where these do not reach, text), lengths of time become text.
pub fn to_standard(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let source = DynamicRef::new(bytes);
    let mut out = Vec::new();
    if has_private(source, 0) {
        let mut builder = DynamicBuilder::new();
        rewrite(source, &mut builder, 0, &mut private_to_standard);
        builder.finish_into(&mut out);
        // The builder has no call for timestamps, so their type bytes are put in place afterwards.
        let start = DynamicRef::new(&out).metadata().len();
        if let Some(value) = out.get_mut(start..) {
            stamp(value, 0);
        }
    } else {
        source.write_bytes(&mut out);
    }
    let metadata = DynamicRef::new(&out).metadata().to_vec();
    let value = out.split_off(metadata.len());
    (metadata, value)
}

/// The stored form of a Variant written by anyone: raw bytes become base64 text, times of day timespans, and keys are
/// sorted.
pub fn from_standard(metadata: &[u8], value: &[u8]) -> Dynamic {
    let mut builder = DynamicBuilder::new();
    let source = DynamicRef::from_parts(metadata, value);
    rewrite(source, &mut builder, 0, &mut |part, out| match part.as_binary() {
        Some(bytes) => {
            out.string(&base64(bytes));
            true
        }
        None => false,
    });
    builder.finish()
}

/// Copies a value, with `replace` having the first word on every part that is no container.
fn rewrite(
    source: DynamicRef<'_>,
    out: &mut DynamicBuilder,
    depth: usize,
    replace: &mut dyn FnMut(DynamicRef<'_>, &mut DynamicBuilder) -> bool,
) {
    match source.kind() {
        Kind::Array if depth < DEPTH_MAX => {
            out.begin_array();
            source.array().for_each(|item| rewrite(item, out, depth + 1, replace));
            out.end_array();
        }
        Kind::Object if depth < DEPTH_MAX => {
            out.begin_object();
            for (key, item) in source.object() {
                out.key(key);
                rewrite(item, out, depth + 1, replace);
            }
            out.end_object();
        }
        _ => {
            if !replace(source, out) {
                out.dynamic(source);
            }
        }
    }
}

fn has_private(source: DynamicRef<'_>, depth: usize) -> bool {
    match source.kind() {
        Kind::DateTime | Kind::TimeSpan => true,
        Kind::Array => depth < DEPTH_MAX && source.array().any(|item| has_private(item, depth + 1)),
        Kind::Object => {
            depth < DEPTH_MAX
                && source.object_by_key().any(|(_, item)| has_private(item, depth + 1))
        }
        _ => false,
    }
}

fn private_to_standard(part: DynamicRef<'_>, out: &mut DynamicBuilder) -> bool {
    if let Some(length) = part.as_timespan() {
        out.string(&length.to_string());
    } else if let Some(instant) = part.as_datetime() {
        if as_timestamp(instant).is_some() {
            out.datetime(instant);
        } else {
            out.string(&instant.to_string());
        }
    } else {
        return false;
    }
    true
}

/// Type and count of the timestamp that holds an instant exactly.
fn as_timestamp(instant: DateTime) -> Option<(u8, i64)> {
    if instant.ticks() % TICKS_PER_MICROSECOND == 0 {
        Some((primitive::TIMESTAMP_MICROS, instant.unix_microseconds()))
    } else {
        instant.unix_nanoseconds().map(|n| (primitive::TIMESTAMP_NANOS, n))
    }
}

/// Turns the private datetimes of freshly built bytes into timestamps, which are as long.
fn stamp(value: &mut [u8], depth: usize) {
    if depth > DEPTH_MAX {
        return;
    }
    for (start, end) in super::read::parts(value) {
        stamp(value.get_mut(start..end).unwrap_or_default(), depth + 1);
    }
    let part = DynamicRef::from_parts(&[], value);
    if value.first() == Some(&(primitive::KQL_DATETIME << 2))
        && let Some((id, count)) = part.as_datetime().and_then(as_timestamp)
        && let Some((first, rest)) = value.split_first_mut()
        && let Some(place) = rest.first_chunk_mut::<8>()
    {
        *first = id << 2;
        *place = count.to_le_bytes();
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().chain([&0, &0]).take(3).fold(0, |n, b| n << 8 | usize::from(*b));
        for place in 0..4 {
            let digit = DIGITS[group >> (18 - 6 * place) & 63];
            out.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}
