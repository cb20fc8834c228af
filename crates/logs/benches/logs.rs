//! What rows cost on their way in and out: `cargo bench -p logs`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use engine::source::{Hint, ScanColumn, ScanRequest};
use logs::{Limits, LogStore, Options};
use model::{
    AppendRequest, DateTime, Dynamic, Rows, ScalarType, Schema, TableInfo, TableKind, Tables, Value,
};
use state::MemoryStore;

fn main() {
    divan::main();
}

const WORKSPACE: &str = "bench";
/// 2026-06-01T00:00:00Z
const START: i64 = 639_158_688_000_000_000;

fn schema() -> Arc<Schema> {
    Arc::new(Schema::new([
        ("TimeGenerated", ScalarType::DateTime),
        ("Computer", ScalarType::String),
        ("Account", ScalarType::String),
        ("EventID", ScalarType::Int),
        ("IpAddress", ScalarType::String),
        ("CommandLine", ScalarType::String),
        ("Properties", ScalarType::Dynamic),
    ]))
}

/// Rows as a host's security log has them: few computers, some accounts, many command lines.
fn rows(first: usize, count: usize) -> Rows {
    let row = |i: usize| {
        let n = first + i;
        let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let json = format!("{{\"country\":\"C{}\",\"score\":{}}}", mixed % 40, mixed % 100);
        vec![
            Value::DateTime(DateTime::from_ticks(START + n as i64 * 50_000)),
            Value::string(format!("SRV-{:05}.corp.contoso.example", mixed % 500)),
            Value::string(format!("CONTOSO\\user{}", mixed % 5000)),
            Value::Int([4624, 4625, 4688, 4672][mixed % 4]),
            Value::string(format!("10.{}.{}.{}", mixed % 8, mixed / 8 % 256, mixed / 2048 % 256)),
            Value::string(format!("C:\\Windows\\System32\\tool{}.exe /run {mixed:x}", mixed % 300)),
            Value::Dynamic(Dynamic::parse_json(&json).unwrap()),
        ]
    };
    Rows::from_values(schema(), (0..count).map(row))
}

struct Bench {
    _folder: tempfile::TempDir,
    store: Arc<LogStore>,
    runtime: tokio::runtime::Runtime,
}

fn open() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(folder.path(), Arc::new(MemoryStore::new()));
    options.limits =
        Limits { background: false, memory_bytes: usize::MAX / 4, ..Limits::default() };
    options.built_in = vec![Arc::new(TableInfo {
        name: Arc::from("SecurityEvent"),
        kind: TableKind::Microsoft,
        schema: schema(),
        retention_days: 4383,
        total_retention_days: 4383,
    })];
    let store = LogStore::open(&options).unwrap();
    store.create_workspace(WORKSPACE).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    Bench { _folder: folder, store, runtime }
}

fn request(rows: &Rows) -> AppendRequest {
    AppendRequest {
        workspace: Arc::from(WORKSPACE),
        table: Arc::from("SecurityEvent"),
        schema: Arc::clone(&rows.schema),
        batch: rows.batches[0].clone(),
        batch_id: None,
        received: DateTime::from_ticks(START),
    }
}

fn filled(count: usize) -> Bench {
    let bench = open();
    for first in (0..count).step_by(10_000) {
        let request = request(&rows(first, 10_000.min(count - first)));
        bench.runtime.block_on(bench.store.append(request)).unwrap();
    }
    bench
}

/// One request after the other, each synced: the cost of an acknowledgement.
#[divan::bench(args = [1, 100, 1000, 10_000])]
fn append(bencher: Bencher, count: usize) {
    let (bench, rows) = (open(), rows(0, count));
    bencher.counter(ItemsCount::new(count)).bench_local(|| {
        bench.runtime.block_on(bench.store.append(request(&rows))).unwrap();
    });
}

/// Sixteen requests at a time: they share syncs.
#[divan::bench(args = [1, 1000])]
fn append_together(bencher: Bencher, count: usize) {
    let (bench, rows) = (open(), rows(0, count));
    bencher.counter(ItemsCount::new(count * 16)).bench_local(|| {
        bench.runtime.block_on(async {
            let all: Vec<_> = (0..16)
                .map(|_| {
                    let (store, request) = (Arc::clone(&bench.store), request(&rows));
                    tokio::spawn(async move { store.append(request).await.map(|_| ()) })
                })
                .collect();
            for one in all {
                one.await.unwrap().unwrap();
            }
        });
    });
}

/// Rows from memory into a segment: sort, encode, compress, index.
#[divan::bench(args = [100_000], sample_count = 5, sample_size = 1)]
fn seal(bencher: Bencher, count: usize) {
    let bytes = count * 420; // as NDJSON
    bencher
        .with_inputs(|| filled(count))
        .counter(ItemsCount::new(count))
        .counter(BytesCount::new(bytes))
        .bench_local_refs(|bench| bench.store.flush().unwrap());
}

fn scan(bench: &Bench, columns: &[&str], hints: Vec<Hint>) -> usize {
    let source = bench.store.source(WORKSPACE, "SecurityEvent").unwrap();
    let column = |name: &&str| ScanColumn::Column(source.schema().position(name).unwrap());
    let columns = columns.iter().map(column).collect();
    let scan = source.scan(ScanRequest { columns, hints, ..ScanRequest::default() }).unwrap();
    let mut rows = 0;
    while let Some(batch) = scan.next().unwrap() {
        rows += batch.rows;
    }
    rows
}

const SCANS: [(&str, &[&str]); 5] = [
    ("EventID", &["EventID"]),
    ("TimeGenerated", &["TimeGenerated"]),
    ("Account", &["Account"]),
    ("CommandLine", &["CommandLine"]),
    ("Properties", &["Properties"]),
];

#[divan::bench(args = SCANS.map(|s| s.0))]
fn scan_column(bencher: Bencher, column: &str) {
    let bench = filled(500_000);
    bench.store.flush().unwrap();
    let columns = SCANS.iter().find(|s| s.0 == column).unwrap().1;
    bencher
        .counter(ItemsCount::new(500_000_usize))
        .bench_local(|| scan(&bench, columns, Vec::new()));
}

/// A term that stands in one row, and one that stands in none.
#[divan::bench(args = ["one", "none"])]
fn has(bencher: Bencher, case: &str) {
    let bench = filled(500_000);
    bench.store.flush().unwrap();
    let mixed = 123_456_usize.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let term = if case == "one" { format!("{mixed:x}") } else { "zqnothing".to_owned() };
    let hint = Hint::Terms { column: schema().position("CommandLine"), terms: vec![term] };
    bencher.bench_local(|| {
        scan(&bench, &["TimeGenerated", "Computer", "CommandLine"], vec![hint.clone()])
    });
}
