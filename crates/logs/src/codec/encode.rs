//! Columns to bytes.

use std::cell::RefCell;

use ahash::RandomState;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, StringViewArray};
use arrow_buffer::NullBuffer;
use hashbrown::HashTable;
use model::ScalarType;

use super::reader::put_text;
use super::{BYTES, DICTIONARY, FIXED};
use crate::columns::{Named, type_code};

/// Rows looked at before a dictionary that does not pay is given up.
const SAMPLE: usize = 256;

/// Bytes that a thread keeps for the next rows to encode.
const KEPT: usize = 4 << 20;

thread_local! {
    /// Where rows are encoded: what is kept of them has no room to spare, and growing it does not touch new memory.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The columns as bytes. Columns without any value are left out: reading them gives nulls anyway.
pub(crate) fn encode(columns: &[Named]) -> Vec<u8> {
    SCRATCH.with_borrow_mut(|out| {
        out.clear();
        encode_columns(columns, out);
        if out.capacity() > KEPT { std::mem::take(out) } else { out.as_slice().to_vec() }
    })
}

fn encode_columns(columns: &[Named], out: &mut Vec<u8>) {
    out.extend_from_slice(&[0; 2]);
    let mut count = 0_u16;
    for named in columns {
        if encode_column(named, out) {
            count = count.saturating_add(1);
        }
    }
    out[..2].copy_from_slice(&count.to_le_bytes());
}

/// Appends one column; false when it holds nothing and was left out.
fn encode_column(named: &Named, out: &mut Vec<u8>) -> bool {
    let (ty, array) = (named.column.ty, &named.array);
    if array.null_count() == array.len() {
        return false;
    }
    let start = out.len();
    put_text(out, &named.column.name);
    out.push(type_code(ty));
    let encoding_at = out.len();
    out.extend_from_slice(&[0; 5]);
    let encoding = match ty {
        ScalarType::String => encode_texts(array, out),
        ScalarType::Dynamic => encode_dynamics(array, out),
        _ => {
            encode_fixed(ty, array, out);
            Some(FIXED)
        }
    };
    let Some(encoding) = encoding else {
        out.truncate(start);
        return false;
    };
    let length = (out.len() - encoding_at - 5) as u32;
    out[encoding_at] = encoding;
    out[encoding_at + 1..encoding_at + 5].copy_from_slice(&length.to_le_bytes());
    true
}

fn put_validity(nulls: Option<&NullBuffer>, out: &mut Vec<u8>) {
    match nulls {
        Some(nulls) if nulls.null_count() > 0 => {
            out.push(1);
            let bits = nulls.inner().sliced();
            out.extend_from_slice(&bits[..nulls.len().div_ceil(8)]);
        }
        _ => out.push(0),
    }
}

fn put_numbers<T: Copy, const N: usize>(values: &[T], out: &mut Vec<u8>, bytes: fn(T) -> [u8; N]) {
    let start = out.len();
    out.resize(start + values.len() * N, 0);
    for (to, value) in out[start..].chunks_exact_mut(N).zip(values) {
        to.copy_from_slice(&bytes(*value));
    }
}

fn encode_fixed(ty: ScalarType, array: &ArrayRef, out: &mut Vec<u8>) {
    put_validity(array.nulls(), out);
    match ty {
        ScalarType::Bool => {
            if let Some(array) = array.as_boolean_opt() {
                let bits = array.values().sliced();
                out.extend_from_slice(&bits[..array.len().div_ceil(8)]);
            }
        }
        ScalarType::Int => {
            if let Some(array) = array.as_primitive_opt::<Int32Type>() {
                put_numbers(array.values(), out, i32::to_le_bytes);
            }
        }
        ScalarType::Real => {
            if let Some(array) = array.as_primitive_opt::<Float64Type>() {
                put_numbers(array.values(), out, f64::to_le_bytes);
            }
        }
        ScalarType::Decimal | ScalarType::Guid => {
            if let Some(array) = array.as_fixed_size_binary_opt() {
                for row in 0..array.len() {
                    out.extend_from_slice(array.value(row));
                }
            }
        }
        _ => {
            if let Some(array) = array.as_primitive_opt::<Int64Type>() {
                put_numbers(array.values(), out, i64::to_le_bytes);
            }
        }
    }
}

/// Texts have no null; a column of nothing but empty ones is left out.
fn encode_texts(array: &ArrayRef, out: &mut Vec<u8>) -> Option<u8> {
    let rows = array.len();
    let entries = match coded(array) {
        Some((values, keys)) => Entries::of(values, keys),
        None => Entries::collect(rows, |row| model::rows::text(array, row).as_bytes()),
    };
    if let Some(entries) = &entries
        && entries.values.iter().all(|v| v.is_empty())
    {
        return None;
    }
    put_validity(None, out);
    Some(put_bytes(entries, rows, |row| model::rows::text(array, row).as_bytes(), out))
}

/// A dictionary's values and keys, where most of its values are likely to be used.
fn coded(array: &ArrayRef) -> Option<(&StringViewArray, &[i32])> {
    let dictionary = array.as_dictionary_opt::<Int32Type>()?;
    let values = dictionary.values().as_string_view_opt()?;
    let fits = dictionary.null_count() == 0 && values.len() <= array.len().max(SAMPLE);
    fits.then(|| (values, &**dictionary.keys().values()))
}

fn encode_dynamics(array: &ArrayRef, out: &mut Vec<u8>) -> Option<u8> {
    let array = array.as_binary_view_opt()?;
    put_validity(array.nulls(), out);
    let value = |row| if array.is_null(row) { &b""[..] } else { array.value(row) };
    let entries = Entries::collect(array.len(), value);
    Some(put_bytes(entries, array.len(), value, out))
}

/// Appends the values behind a dictionary if there is one, else one by one.
fn put_bytes<'a>(
    entries: Option<Entries<'a>>,
    rows: usize,
    value: impl Fn(usize) -> &'a [u8],
    out: &mut Vec<u8>,
) -> u8 {
    let Some(entries) = entries else {
        let start = out.len();
        out.resize(start + rows * 4, 0);
        for row in 0..rows {
            let value = value(row);
            let at = start + row * 4;
            out[at..at + 4].copy_from_slice(&(value.len() as u32).to_le_bytes());
            out.extend_from_slice(value);
        }
        return BYTES;
    };
    out.extend_from_slice(&(entries.values.len() as u32).to_le_bytes());
    for value in &entries.values {
        out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    }
    for value in &entries.values {
        out.extend_from_slice(value);
    }
    match entries.values.len() {
        0 | 1 => out.push(0),
        2..=256 => {
            out.push(1);
            out.extend(entries.keys.iter().map(|k| *k as u8));
        }
        257..=65_536 => {
            out.push(2);
            put_numbers(&entries.keys, out, |k| (k as u16).to_le_bytes());
        }
        _ => {
            out.push(4);
            put_numbers(&entries.keys, out, u32::to_le_bytes);
        }
    }
    DICTIONARY
}

/// Distinct values in order of first use, and each row's place among them.
struct Entries<'a> {
    values: Vec<&'a [u8]>,
    keys: Vec<u32>,
}

impl<'a> Entries<'a> {
    /// None when most values differ from all before them: a dictionary would not pay.
    fn collect(rows: usize, value: impl Fn(usize) -> &'a [u8]) -> Option<Self> {
        let hasher = RandomState::new();
        let mut table: HashTable<u32> = HashTable::new();
        let mut entries = Self { values: Vec::new(), keys: Vec::with_capacity(rows) };
        let mut before: Option<(&[u8], u32)> = None;
        for row in 0..rows {
            let value = value(row);
            if let Some((text, key)) = before
                && text == value
            {
                entries.keys.push(key);
                continue;
            }
            let hash = hasher.hash_one(value);
            let found = table.find(hash, |k| entries.values[*k as usize] == value).copied();
            let key = found.unwrap_or_else(|| {
                let key = entries.values.len() as u32;
                entries.values.push(value);
                let values = &entries.values;
                table.insert_unique(hash, key, |k| hasher.hash_one(values[*k as usize]));
                key
            });
            entries.keys.push(key);
            before = Some((value, key));
            let seen = row + 1;
            if (seen == SAMPLE || seen == rows || seen % 4096 == 0) && !entries.pays() {
                return None;
            }
        }
        entries.pays().then_some(entries)
    }

    /// Those of a dictionary that are used.
    fn of(values: &'a StringViewArray, keys: &[i32]) -> Option<Self> {
        let mut entries = Self { values: Vec::new(), keys: Vec::with_capacity(keys.len()) };
        let mut known: Vec<Option<u32>> = vec![None; values.len()];
        for key in keys {
            let at = usize::try_from(*key).ok()?;
            let entry = *known.get_mut(at)?.get_or_insert_with(|| {
                entries.values.push(values.value(at).as_bytes());
                entries.values.len() as u32 - 1
            });
            entries.keys.push(entry);
        }
        entries.pays().then_some(entries)
    }

    fn pays(&self) -> bool {
        self.values.len() <= 1 || self.values.len() * 10 <= self.keys.len() * 7
    }
}
