#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, StringViewArray};
use arrow_buffer::Buffer;
use model::{Column, ColumnBuilder, DateTime, Decimal, Guid, ScalarType, TimeSpan, Value};

use super::{decode, encode};
use crate::columns::{Named, dictionary};

fn column(name: &str, ty: ScalarType, values: &[Value]) -> Named {
    let mut builder = ColumnBuilder::new(ty, values.len());
    values.iter().for_each(|v| builder.push(v));
    Named::new(Column::new(name, ty), builder.finish())
}

/// Rows of every type, with nulls and repeated values when asked for.
fn sample(rows: usize, distinct: usize) -> Vec<Named> {
    let pick = |row: usize| row % distinct;
    let make = |ty: ScalarType, value: &dyn Fn(usize) -> Value| {
        let values: Vec<Value> =
            (0..rows).map(|r| if r % 7 == 3 { Value::Null } else { value(pick(r)) }).collect();
        column(ty.name(), ty, &values)
    };
    ScalarType::ALL
        .into_iter()
        .map(|ty| match ty {
            ScalarType::Bool => make(ty, &|i| Value::Bool(i % 2 == 0)),
            ScalarType::Int => make(ty, &|i| Value::Int(i as i32 - 5)),
            ScalarType::Long => make(ty, &|i| Value::Long(i64::MIN + i as i64)),
            ScalarType::Real => make(ty, &|i| Value::Real(i as f64 / 3.0)),
            ScalarType::Decimal => {
                make(ty, &|i| Value::Decimal(Decimal::from_bytes((i as u128).to_le_bytes())))
            }
            ScalarType::String => {
                make(ty, &|i| Value::string(format!("text number {i} is longer than twelve é")))
            }
            ScalarType::Guid => make(ty, &|i| Value::Guid(Guid((i as u128).to_be_bytes()))),
            ScalarType::DateTime => make(ty, &|i| {
                Value::DateTime(DateTime::from_ticks(638_000_000_000_000_000 + i as i64))
            }),
            ScalarType::TimeSpan => {
                make(ty, &|i| Value::TimeSpan(TimeSpan::from_ticks(-(i as i64))))
            }
            ScalarType::Dynamic => make(ty, &|i| {
                Value::Dynamic(model::Dynamic::from_bytes(
                    format!("{{\"some key\":{i}}}").as_bytes(),
                ))
            }),
        })
        .collect()
}

fn assert_same(want: &[Named], got: &[Named], rows: usize) {
    for w in want {
        let g = got.iter().find(|g| g.column == w.column);
        for row in 0..rows {
            let wanted = model::rows::cell(&w.array, w.column.ty, row);
            let found = g.map_or_else(
                || if w.column.ty == ScalarType::String { Value::string("") } else { Value::Null },
                |g| model::rows::cell(&g.array, g.column.ty, row),
            );
            assert_eq!(wanted, found, "{} row {row}", w.column.name);
        }
    }
}

#[test]
fn every_type_survives_with_and_without_repetition() {
    for (rows, distinct) in [(1, 1), (8, 8), (100, 3), (1000, 1000), (3000, 300), (9, 1)] {
        let columns = sample(rows, distinct);
        let mut bytes = b"header".to_vec();
        bytes.extend(encode(&columns));
        let got = decode(&Buffer::from(bytes), 6, rows).unwrap();
        assert_same(&columns, &got, rows);
    }
}

#[test]
fn slices_of_arrays_are_written_from_their_own_start() {
    let columns: Vec<Named> =
        sample(100, 9).into_iter().map(|c| Named::new(c.column, c.array.slice(13, 50))).collect();
    let got = decode(&Buffer::from(encode(&columns)), 0, 50).unwrap();
    assert_same(&columns, &got, 50);
}

#[test]
fn dictionaries_are_read_and_kept() {
    let values: ArrayRef = Arc::new(StringViewArray::from_iter_values(["", "alpha", "beta"]));
    let array =
        dictionary(Int32Array::from(vec![Some(1), None, Some(2), Some(1), Some(0)]), values);
    let columns = [Named::new(Column::new("d", ScalarType::String), array)];
    let got = decode(&Buffer::from(encode(&columns)), 0, 5).unwrap();
    let texts: Vec<&str> = (0..5).map(|r| model::rows::text(&got[0].array, r)).collect();
    assert_eq!(texts, ["alpha", "", "beta", "alpha", ""]);
}

#[test]
fn dictionaries_of_any_kind_are_written_as_what_they_say() {
    let text = |n: usize| format!("text number {n}");
    // values, rows, key of a row; what is written may be a dictionary or not, by what the rows use
    let cases: [(usize, usize, fn(usize) -> usize); 6] = [
        (3, 1000, |row| row % 3),
        (900, 1000, |row| row % 900),
        (1000, 50, |row| row % 2),
        (100, 700, |_| 99),
        (2, 1, |_| 1),
        (300, 5000, |row| row % 300),
    ];
    for (count, rows, key) in cases {
        let mut texts: Vec<String> = (0..count).map(text).collect();
        texts[count / 2] = texts[0].clone(); // twice the same
        let values: ArrayRef = Arc::new(StringViewArray::from_iter_values(&texts));
        let keys: Vec<i32> = (0..rows).map(|row| key(row) as i32).collect();
        for (start, length) in [(0, rows), (rows / 3, rows - rows / 3)] {
            let array = dictionary(Int32Array::from(keys.clone()), Arc::clone(&values))
                .slice(start, length);
            let columns = [Named::new(Column::new("d", ScalarType::String), array)];
            let got = decode(&Buffer::from(encode(&columns)), 0, length).unwrap();
            assert_same(&columns, &got, length);
        }
    }
}

#[test]
fn repeated_values_are_stored_once() {
    let many = encode(&sample(4000, 4000)).len();
    let few = encode(&sample(4000, 4)).len();
    assert!(few * 3 < many * 2, "{few} against {many}");
}

#[test]
fn columns_without_values_are_left_out() {
    let columns = [
        column("a", ScalarType::Long, &[Value::Null, Value::Null]),
        column("b", ScalarType::String, &[Value::string(""), Value::string("")]),
        column("c", ScalarType::Int, &[Value::Null, Value::Int(1)]),
    ];
    let got = decode(&Buffer::from(encode(&columns)), 0, 2).unwrap();
    let names: Vec<&str> = got.iter().map(|c| &*c.column.name).collect();
    assert_eq!(names, ["c"]);
}

#[test]
fn damaged_bytes_never_panic() {
    let bytes = encode(&sample(40, 11));
    for cut in 0..bytes.len() {
        assert!(decode(&Buffer::from(bytes[..cut].to_vec()), 0, 40).is_err());
    }
    for at in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let _ = decode(&Buffer::from(flipped), 0, 40); // the checksum above this layer tells; here: no panic
        }
    }
    for rows in [0, 39, 41, 1 << 24, 1 << 40] {
        assert!(decode(&Buffer::from(bytes.clone()), 0, rows).is_err());
    }
}
