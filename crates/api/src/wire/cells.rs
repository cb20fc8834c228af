//! Rows as JSON arrays, written straight from their columns into bytes.
//!
//! The query APIs differ in how a cell looks: [`Dialect`] holds the differences.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use model::rows::text;
use model::{Batch, DateTime, Decimal, DynamicRef, Guid, ScalarType, Schema, TimeSpan};

/// How cells look on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Log Analytics: a dynamic value is JSON text inside a string.
    LogAnalytics,
    /// Kusto v2: a dynamic value is JSON itself.
    KustoV2,
    /// Kusto v1: bool is 0 or 1, a dynamic value is JSON text inside a string.
    KustoV1,
}

/// Writes some rows of a batch, `[..],[..]`, with a comma before each but the very first.
pub(crate) fn write_row_range(
    schema: &Schema,
    batch: &Batch,
    rows: Range<usize>,
    dialect: Dialect,
    first: &mut bool,
    out: &mut Vec<u8>,
) {
    let columns: Vec<(&ArrayRef, ScalarType)> =
        batch.columns.iter().zip(&schema.columns).map(|(a, c)| (a, c.ty)).collect();
    for row in rows {
        if !std::mem::take(first) {
            out.push(b',');
        }
        out.push(b'[');
        for (i, (array, ty)) in columns.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            write_cell(array, *ty, row, dialect, out);
        }
        out.push(b']');
    }
}

fn write_cell(array: &ArrayRef, ty: ScalarType, row: usize, dialect: Dialect, out: &mut Vec<u8>) {
    if ty == ScalarType::String {
        return write_string(text(array, row), out);
    }
    if array.is_null(row) || write_value(array, ty, row, dialect, out).is_none() {
        out.extend_from_slice(b"null");
    }
}

/// Writes a value that is not null; none where the array is not of the type's form.
fn write_value(
    array: &ArrayRef,
    ty: ScalarType,
    row: usize,
    dialect: Dialect,
    out: &mut Vec<u8>,
) -> Option<()> {
    let bytes16 = || <[u8; 16]>::try_from(array.as_fixed_size_binary_opt()?.value(row)).ok();
    let long = || Some(array.as_primitive_opt::<Int64Type>()?.value(row));
    match ty {
        ScalarType::Bool => {
            let value = array.as_boolean_opt()?.value(row);
            out.extend_from_slice(match (dialect, value) {
                (Dialect::KustoV1, true) => b"1",
                (Dialect::KustoV1, false) => b"0",
                (_, true) => b"true",
                (_, false) => b"false",
            });
        }
        ScalarType::Int => {
            write_integer(i64::from(array.as_primitive_opt::<Int32Type>()?.value(row)), out)
        }
        ScalarType::Long => write_integer(long()?, out),
        ScalarType::Real => write_real(array.as_primitive_opt::<Float64Type>()?.value(row), out),
        ScalarType::Decimal => write_quoted(&Decimal::from_bytes(bytes16()?), out),
        ScalarType::Guid => write_quoted(&Guid(bytes16()?), out),
        ScalarType::DateTime => write_quoted(&DateTime::from_ticks(long()?), out),
        ScalarType::TimeSpan => write_quoted(&TimeSpan::from_ticks(long()?), out),
        ScalarType::Dynamic => {
            let value = DynamicRef::new(array.as_binary_view_opt()?.value(row));
            let mut json = String::new();
            value.write_json(&mut json);
            match dialect {
                Dialect::KustoV2 => out.extend_from_slice(json.as_bytes()),
                Dialect::LogAnalytics | Dialect::KustoV1 => write_string(&json, out),
            }
        }
        ScalarType::String => return None,
    }
    Some(())
}

fn write_integer(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Reals keep every digit; what JSON has no number for is a string, as Azure writes it.
fn write_real(value: f64, out: &mut Vec<u8>) {
    if value.is_finite() {
        out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
        return;
    }
    out.extend_from_slice(if value.is_nan() {
        b"\"NaN\""
    } else if value > 0.0 {
        b"\"Infinity\""
    } else {
        b"\"-Infinity\""
    });
}

fn write_quoted(value: &dyn std::fmt::Display, out: &mut Vec<u8>) {
    use std::io::Write as _;
    out.push(b'"');
    let _ = write!(out, "{value}"); // writing to a Vec cannot fail
    out.push(b'"');
}

/// A JSON string. Runs without special bytes are copied whole.
pub(crate) fn write_string(value: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = value.as_bytes();
    let mut start = 0;
    for (i, byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..=0x1f => b"",
            _ => continue,
        };
        out.extend_from_slice(&bytes[start..i]);
        start = i + 1;
        if escape.is_empty() {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        } else {
            out.extend_from_slice(escape);
        }
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}
