#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::sync::Arc;

use arrow_array::ArrayRef;
use engine::source::{Comparison, Hint, Piece};
use model::rows::cell;
use model::{
    Column, ColumnBuilder, DateTime, Decimal, Dynamic, Guid, ScalarType, Schema, TimeSpan, Value,
};
use parquet::arrow::arrow_reader::RowSelector;

use super::*;
use crate::disk::SystemDisk;
use crate::synthetic::Synthetic;

const BASE: i64 = 638_500_000_000_000_000;

fn value(ty: ScalarType, row: usize) -> Value {
    if row % 11 == 5 && ty != ScalarType::DateTime {
        return if ty == ScalarType::String { Value::string("") } else { Value::Null };
    }
    match ty {
        ScalarType::Bool => Value::Bool(row.is_multiple_of(3)),
        ScalarType::Int => Value::Int(row as i32 / 1000),
        ScalarType::Long => Value::Long(row as i64 * 1_000_003),
        ScalarType::Real => Value::Real(row as f64 / 7.0),
        ScalarType::Decimal => Value::Decimal(Decimal::from_bytes((row as u128).to_le_bytes())),
        ScalarType::String => Value::string(format!("user{} ran tool-{row}.exe", row % 50)),
        ScalarType::Guid => Value::Guid(Guid((row as u128).to_be_bytes())),
        ScalarType::DateTime => {
            Value::DateTime(DateTime::from_ticks(BASE + row as i64 * 10_000_001))
        }
        ScalarType::TimeSpan => Value::TimeSpan(TimeSpan::from_ticks(row as i64 - 500)),
        ScalarType::Dynamic => {
            let json = format!("{{\"ip\":\"10.0.{}.{}\",\"n\":{row}}}", row / 256 % 256, row % 256);
            Value::Dynamic(Dynamic::parse_json(&json).unwrap())
        }
    }
}

fn array(ty: ScalarType, rows: usize, value: impl Fn(usize) -> Value) -> ArrayRef {
    let mut builder = ColumnBuilder::new(ty, rows);
    (0..rows).for_each(|row| builder.push(&value(row)));
    builder.finish()
}

/// A segment of every type, and a column of few distinct texts.
fn write(folder: &Path, rows: usize) -> (Arc<Segment>, Schema) {
    let mut builder = Builder::new(rows);
    let mut schema = Schema::default();
    let mut add = |name: &str, ty, values: ArrayRef| {
        let column = Column::new(name, ty);
        builder.add(&column, &values).unwrap();
        schema.columns.push(column);
    };
    for ty in ScalarType::ALL {
        let name = if ty == ScalarType::DateTime { "TimeGenerated" } else { ty.name() };
        add(name, ty, array(ty, rows, |row| value(ty, row)));
    }
    let few =
        array(ScalarType::String, rows, |row| Value::string(format!("Kind few{}", row * 5 / rows)));
    add("few", ScalarType::String, crate::gather::join(ScalarType::String, &[few]).unwrap());
    schema.columns.push(Column::new("absent", ScalarType::String));
    schema.columns.push(Column::new("Type", ScalarType::String));
    let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
    let last = BASE + (rows as i64 - 1) * 10_000_001;
    let label = Label {
        workspace: "w",
        table: "T",
        folder,
        path: "2024-04-27/a".into(),
        times: Span { min: BASE, max: last },
        ingested: Span { min: 1, max: 2 },
        batches: &[7, 8],
    };
    let facts = builder.write(&*disk, &label).unwrap();
    assert_eq!(facts.rows, rows as u64);
    (Segment::new(facts, folder, &disk, &Arc::new(OpenSegments::new(1, KEPT_BYTES))), schema)
}

const KEPT_BYTES: usize = 8 << 20;

fn check_rows(segment: &Segment, schema: &Schema, rows: usize) -> Result<(), Error> {
    let reader = segment.reader()?;
    for column in &schema.columns {
        let Some(array) = reader.whole(column)? else {
            assert!(matches!(&*column.name, "absent" | "Type"));
            continue;
        };
        assert_eq!(array.len(), rows);
        if &*column.name == "few" {
            continue;
        }
        for row in (0..rows).step_by(97).chain([rows - 1]) {
            assert_eq!(
                cell(&array, column.ty, row),
                value(column.ty, row),
                "{} {row}",
                column.name
            );
        }
    }
    Ok(())
}

#[test]
fn rows_of_every_type_come_back() {
    for rows in [1, 1000, 140_000] {
        let folder = tempfile::tempdir().unwrap();
        let (segment, schema) = write(folder.path(), rows);
        check_rows(&segment, &schema, rows).unwrap();
        let reader = segment.reader().unwrap();
        assert_eq!(reader.groups(), rows.div_ceil(ROW_GROUP_ROWS));
    }
}

#[test]
fn few_rows_are_those_of_the_whole_and_leave_their_dictionaries() {
    let folder = tempfile::tempdir().unwrap();
    let (segment, schema) = write(folder.path(), 140_000);
    let reader = segment.reader().unwrap();
    let places: Vec<(usize, &Column)> =
        schema.columns.iter().filter_map(|c| Some((reader.position(c)?, c))).collect();
    let all: Vec<usize> = places.iter().map(|(place, _)| *place).collect();
    let mut dictionaries = Vec::new();
    for (from, to) in [(0, 3), (70_000, 70_100), (5_000, 5_001), (70_050, 70_060)] {
        for group in 0..reader.groups() {
            let rows = reader.group_rows(group);
            if to > rows {
                continue;
            }
            let picked = vec![
                RowSelector::skip(from),
                RowSelector::select(to - from),
                RowSelector::skip(rows - to),
            ];
            let keeper = segment.keeper(Asker::next());
            let mut few = reader.read(group, &all, Some(picked.into()), rows, &keeper).unwrap();
            let few = few.next().unwrap().unwrap();
            for ((_, column), array) in places.iter().zip(&few) {
                let whole = reader.whole(column).unwrap().unwrap();
                assert_eq!(array.len(), to - from);
                for row in from..to {
                    let want = cell(&whole, column.ty, group * ROW_GROUP_ROWS + row);
                    assert_eq!(cell(array, column.ty, row - from), want, "{} {row}", column.name);
                }
            }
            let kept = |leaf: &usize| {
                let column = Which::Dictionary(*leaf);
                let place = Place { segment: segment.number(), group, column };
                segment.kept().get(&place, Asker::next()).is_some_and(|kept| kept.page().is_some())
            };
            dictionaries.push((0..all.len() + 4).filter(kept).count());
        }
    }
    assert!(dictionaries.iter().all(|count| *count > 0), "{dictionaries:?}");
}

#[test]
fn hints_leave_few_blocks_and_never_too_few() {
    let folder = tempfile::tempdir().unwrap();
    let rows = 140_000;
    let (segment, schema) = write(folder.path(), rows);
    let (index, reader) = (segment.index().unwrap(), segment.reader().unwrap());
    let synthetic = Synthetic::new(&Arc::from("w"), &Arc::from("T"));
    let at = |name: &str| schema.position(name).unwrap();
    let terms = |name: Option<&str>, terms: &[&str]| Hint::Terms {
        column: name.map(at),
        terms: terms.iter().map(|t| (*t).to_owned()).collect(),
    };
    let piece = |name: &str, piece: fn(String) -> Piece, text: &str| Hint::Piece {
        column: at(name),
        piece: piece(text.to_owned()),
    };
    let compare = |name: &str, op, value| Hint::Compare { column: at(name), op, value };
    let all = rows.div_ceil(BLOCK_ROWS);
    let groups = ROW_GROUP_ROWS / BLOCK_ROWS;
    let cases = [
        (terms(Some("string"), &["100001"]), 1),
        (terms(Some("string"), &["tool", "100001", "exe"]), 1),
        (terms(Some("few"), &["100001"]), 0),
        (terms(Some("few"), &["kind", "few0"]), 28),
        (terms(Some("absent"), &["x"]), 0),
        (terms(Some("long"), &["x"]), all),
        (terms(None, &["100001"]), 1), // in the text; the dynamic has the number too, in the same row
        (terms(None, &["t"]), all),    // the table's name
        (terms(None, &["cafe"]), 0),
        (terms(Some("dynamic"), &["ip"]), all),
        (terms(Some("string"), &[]), all),
        (piece("string", Piece::Start, "100001"), 1),
        (piece("string", Piece::Start, "too"), all),
        (piece("string", Piece::End, "ool"), all),
        (piece("string", Piece::End, "xyz"), 0),
        (piece("string", Piece::Start, "ool"), 0),
        (piece("string", Piece::Start, "zzz"), 0),
        (piece("string", Piece::Start, "000"), 0),
        (piece("string", Piece::Inside, "00001"), 1),
        (piece("string", Piece::Inside, "xyz"), 0),
        (piece("string", Piece::Inside, "0"), all), // too many to tell
        (piece("string", Piece::Inside, &"x".repeat(100)), all),
        (piece("few", Piece::Inside, "ew"), all),
        (piece("few", Piece::Inside, "00001"), 0),
        (piece("absent", Piece::Inside, "xyz"), 0),
        (piece("long", Piece::Inside, "xyz"), all),
        (piece("Type", Piece::Inside, "xyz"), 0),
        (piece("Type", Piece::Start, "t"), all),
        (compare("string", Comparison::Equal, Value::string("tool-100001.exe")), 1),
        (compare("few", Comparison::Equal, Value::string("")), all),
        (compare("Type", Comparison::Equal, Value::string("T")), all),
        (compare("Type", Comparison::Equal, Value::string("U")), 0),
        (compare("int", Comparison::Greater, Value::Int(138)), all - groups),
        (compare("int", Comparison::Equal, Value::Int(5)), groups),
        (compare("int", Comparison::Less, Value::Int(0)), 0),
        (
            compare(
                "TimeGenerated",
                Comparison::Less,
                Value::DateTime(DateTime::from_ticks(BASE + 10)),
            ),
            groups,
        ),
        (compare("real", Comparison::GreaterOrEqual, Value::Real(1e9)), 0),
        (
            Hint::Any(vec![
                compare("int", Comparison::Greater, Value::Int(138)),
                terms(Some("string"), &["100001"]),
            ]),
            all - groups + 1,
        ),
        (
            Hint::All(vec![
                compare("int", Comparison::Greater, Value::Int(138)),
                terms(Some("string"), &["100001"]),
            ]),
            0,
        ),
        (
            Hint::In {
                column: at("string"),
                values: vec![Value::string("tool-70000.exe"), Value::string("tool-130000.exe")],
            },
            2,
        ),
    ];
    for (hint, want) in cases {
        let mut pruner = Pruner::new(&index, &schema, &synthetic).with_statistics(&reader);
        let got = pruner.blocks(std::slice::from_ref(&hint), &Sets::default()).unwrap();
        assert_eq!(got.len(), want, "{hint:?}");
        if want == 1 {
            assert!(got.contains(100_001 / BLOCK_ROWS), "{hint:?}");
        }
    }
}

#[test]
fn pages_of_terms_are_kept_as_small_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (segment, schema) = write(folder.path(), 140_000);
    let index = segment.index().unwrap();
    let synthetic = Synthetic::new(&Arc::from("w"), &Arc::from("T"));
    let column = schema.position("string");
    let blocks = |term: &str| {
        let hint = Hint::Terms { column, terms: vec![term.to_owned()] };
        let pruner = Pruner::new(&index, &schema, &synthetic);
        let mut pruner = pruner.with_keeper(segment.keeper(Asker::next()));
        pruner.blocks(&[hint], &Sets::default()).unwrap()
    };
    let kept = |page| {
        let place = Place { segment: segment.number(), group: page, column: Which::Terms };
        segment.kept().get(&place, Asker::next()).and_then(|kept| kept.terms())
    };
    assert!((0..1000).all(|page| kept(page).is_none()));
    for _ in 0..2 {
        assert_eq!((blocks("100001").len(), blocks("nowhere").len()), (1, 0));
    }
    let pages: Vec<_> = (0..1000).filter_map(kept).collect();
    assert!((1..=2).contains(&pages.len()), "{}", pages.len());
    assert!(segment.kept().bytes() < 100_000, "{}", segment.kept().bytes());
}

#[test]
fn a_missing_or_damaged_index_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (segment, schema) = write(folder.path(), 5000);
    let original = std::fs::read(segment.index_path()).unwrap();
    std::fs::remove_file(segment.index_path()).unwrap();
    check_rows(&segment, &schema, 5000).unwrap();
    for at in [0, 5, 20, 60, 130] {
        let mut damaged = original.clone();
        damaged[at] ^= 0x40;
        std::fs::write(segment.index_path(), damaged).unwrap();
        segment.close();
        match check_rows(&segment, &schema, 5000) {
            Ok(()) => {}
            Err(Error::Newer { .. }) if at == 5 => panic!("the head's checksum comes first"),
            Err(other) => panic!("{at}: {other}"),
        }
    }
    let synthetic = Synthetic::new(&Arc::from("w"), &Arc::from("T"));
    let (index, reader) = (segment.index().unwrap(), segment.reader().unwrap());
    let column = schema.position("dynamic");
    let hint = Hint::Terms { column, terms: vec!["4321".into()] };
    assert_eq!(
        Pruner::new(&index, &schema, &synthetic)
            .with_statistics(&reader)
            .blocks(&[hint], &Sets::default())
            .unwrap()
            .len(),
        1
    );
}

/// Flips a bit in one hundred places of the Parquet file: every reading gives the right rows or names the file.
#[test]
fn flipped_bits_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (segment, schema) = write(folder.path(), 20_000);
    let path = segment.rows_path();
    let original = std::fs::read(&path).unwrap();
    let mut noticed = 0;
    for i in 0..100 {
        let mut damaged = original.clone();
        let at = (i * 7919 + 13) * original.len() / (100 * 7919 + 13);
        damaged[at] ^= 1 << (i % 8);
        std::fs::write(&path, damaged).unwrap();
        segment.close();
        if let Err(error) = check_rows(&segment, &schema, 20_000) {
            assert!(error.to_string().contains("a.parquet is damaged"), "{error}");
            noticed += 1;
        }
    }
    assert!(noticed >= 99, "{noticed}"); // every byte belongs to some column, the footer or the magic
    for length in [original.len() - 1, original.len() / 2, 0] {
        std::fs::write(&path, &original[..length]).unwrap();
        segment.close();
        assert!(check_rows(&segment, &schema, 20_000).is_err());
    }
    std::fs::write(&path, &original).unwrap();
    segment.close();
    check_rows(&segment, &schema, 20_000).unwrap();
}

#[test]
fn an_index_cannot_hide_damaged_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (segment, schema) = write(folder.path(), 2000);
    let mut damaged = std::fs::read(segment.rows_path()).unwrap();
    damaged[1000] ^= 2;
    std::fs::write(segment.rows_path(), damaged).unwrap();
    std::fs::remove_file(segment.index_path()).unwrap();
    let error = check_rows(&segment, &schema, 2000).unwrap_err().to_string();
    assert!(error.contains("fails its checksum"), "{error}");
}

#[test]
fn files_go_with_the_last_user_of_a_retired_segment() {
    let folder = tempfile::tempdir().unwrap();
    let (segment, schema) = write(folder.path(), 100);
    let path = segment.rows_path();
    let user = Arc::clone(&segment);
    segment.retire();
    drop(segment);
    check_rows(&user, &schema, 100).unwrap();
    drop(user);
    assert!(!path.exists() && !path.parent().unwrap().exists());
}
