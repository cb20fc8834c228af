#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use model::{Column, ColumnBuilder, Dynamic, ScalarType, Value};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::columns::Named;
use crate::disk::{Disk, SystemDisk};
use crate::memory::Span;
use crate::segment::{Builder, Label};
use crate::wal::{Header, TableEnd, write_file_head};

const ROWS: usize = 300;

fn columns() -> Vec<Named> {
    let value = |ty: ScalarType, row: usize| match ty {
        ScalarType::String => Value::string(format!("user{} at 10.0.0.{row}", row % 7)),
        ScalarType::Dynamic => {
            let json = format!("{{\"a\":{row},\"b\":[\"x\",null,{{\"c\":1.5}}]}}");
            Value::Dynamic(Dynamic::parse_json(&json).unwrap())
        }
        ty => Value::Long(row as i64).cast(ty),
    };
    let column = |ty: ScalarType| {
        let mut builder = ColumnBuilder::new(ty, ROWS);
        (0..ROWS).for_each(|row| builder.push(&value(ty, row)));
        Named::new(Column::new(ty.name(), ty), builder.finish())
    };
    ScalarType::ALL.into_iter().map(column).collect()
}

/// A log file of three records.
fn wal() -> Vec<u8> {
    let ends = [TableEnd { workspace: "w".into(), table: "T".into(), last_row: 1 }];
    let mut file = write_file_head(2, &ends);
    for record in 0..3_u32 {
        let payload = crate::codec::encode(&columns());
        let header = Header {
            workspace: "w".into(),
            table: format!("T{record}"),
            rows: ROWS as u32,
            first_row: 2 + u64::from(record) * ROWS as u64,
            previous: 1,
            received: 5,
            batch: 9,
            payload_bytes: payload.len() as u32,
            payload_crc: crc32fast::hash(&payload),
        };
        header.write(&mut file);
        file.extend(payload);
    }
    file
}

/// The two files of a segment.
fn segment() -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let mut builder = Builder::new(ROWS);
    columns().iter().for_each(|c| builder.add(&c.column, &c.array).unwrap());
    let label = Label {
        workspace: "w",
        table: "T",
        folder: folder.path(),
        path: "a".into(),
        times: Span { min: 0, max: 1 },
        ingested: Span { min: 0, max: 1 },
        batches: &[7],
    };
    let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
    builder.write(&*disk, &label).unwrap();
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    (read("a.parquet"), read("a.index"))
}

/// The bytes with a few of them changed, cut or doubled.
fn spoil(bytes: &[u8], random: &mut SmallRng) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..random.random_range(1..4) {
        if out.is_empty() {
            break;
        }
        let at = random.random_range(0..out.len());
        match random.random_range(0..6) {
            0 => out[at] = random.random(),
            1 => out[at] = [0, 1, 0x7f, 0x80, 0xff][random.random_range(0..5)],
            2 => out[at] ^= 1 << random.random_range(0..8),
            3 => out.truncate(at),
            4 => {
                let end = (at + 8).min(out.len());
                out[at..end].fill([0, 0xff][random.random_range(0..2)]);
            }
            _ => {
                let piece = out[at..(at + 40).min(out.len())].to_vec();
                out.splice(at..at, piece);
            }
        }
    }
    out
}

#[test]
fn spoiled_logs_are_read_to_their_end() {
    let file = wal();
    super::wal(&file);
    let mut random = SmallRng::seed_from_u64(1);
    for _ in 0..300 {
        super::wal(&spoil(&file, &mut random));
    }
    // a record's columns alone
    let mut payload = (ROWS as u16).to_le_bytes().to_vec();
    payload.extend(crate::codec::encode(&columns()));
    for _ in 0..2000 {
        super::wal(&spoil(&payload, &mut random));
    }
}

#[test]
fn spoiled_segments_are_refused_or_read() {
    let (rows, index) = segment();
    super::segment(&rows, &index);
    let mut random = SmallRng::seed_from_u64(2);
    for _ in 0..600 {
        super::segment(&rows, &spoil(&index, &mut random));
    }
    for _ in 0..600 {
        super::segment(&spoil(&rows, &mut random), &index);
    }
}
