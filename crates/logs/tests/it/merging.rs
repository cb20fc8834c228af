//! Segments are merged and dropped; nobody notices but the disk.

use engine::source::ScanRequest;
use logs::Limits;
use model::{DateTime, TimeSpan};

use crate::support::*;

#[tokio::test]
async fn merging_changes_files_and_no_answer() {
    let mut house = House::new();
    for i in 0..30 {
        append(house.store(), "Events", rows("w", i * 100, 100), noon(), Some(&i.to_string()))
            .await
            .unwrap();
        house.store().flush().unwrap();
    }
    let ask = Ask::columns(&[
        "Number",
        "Message",
        "Properties",
        "_ItemId",
        "ingestion_time()",
        "TimeGenerated",
    ]);
    let sorted = |mut rows: Vec<Vec<model::Value>>| {
        rows.sort_by_key(|r| long(&r[0]));
        rows
    };
    let before = sorted(read(house.store(), "Events", &ask).unwrap());
    assert_eq!(house.files(".parquet").len(), 30);
    let (_, merged) = house.store().maintain().unwrap();
    assert!(merged >= 24, "{merged}");
    let left = house.files(".parquet").len();
    assert!(left < 10, "{left}");
    assert!(sorted(read(house.store(), "Events", &ask).unwrap()) == before);
    house.open().unwrap();
    assert_eq!(house.files(".parquet").len(), left);
    assert!(sorted(read(house.store(), "Events", &ask).unwrap()) == before);
    house.clock.advance(TimeSpan::from_ticks(3 * 3600 * SECOND));
    house.store().maintain().unwrap();
    assert_eq!(house.files(".parquet").len(), 1, "a quiet day is merged whole");
    assert!(sorted(read(house.store(), "Events", &ask).unwrap()) == before);
    let again =
        append(house.store(), "Events", rows("w", 0, 100), noon(), Some("0")).await.unwrap();
    assert!(again.duplicate);
}

#[tokio::test]
async fn merges_are_held_to_their_memory() {
    let mut left = Vec::new();
    for merge_bytes in [1 << 10, 400 << 10, 256 << 20] {
        let limits = Limits { merge_bytes, ..quiet() };
        let house = House::with(std::sync::Arc::new(logs::disk::SystemDisk), limits);
        for i in 0..16 {
            append(house.store(), "Events", rows("w", i * 100, 100), noon(), None).await.unwrap();
            house.store().flush().unwrap();
        }
        house.clock.advance(TimeSpan::from_ticks(3 * 3600 * SECOND));
        house.store().maintain().unwrap();
        assert_eq!(numbers(house.store(), "Events").len(), 1600);
        left.push(house.files(".parquet").len());
    }
    assert_eq!((left[0], left[2]), (16, 1), "nothing fits, and everything");
    assert!((2..16).contains(&left[1]), "{left:?}");
}

#[tokio::test]
async fn a_running_query_keeps_its_files() {
    let house = House::new();
    for i in 0..10 {
        append(house.store(), "Events", rows("w", i * 100, 100), noon(), None).await.unwrap();
        house.store().flush().unwrap();
    }
    let source = house.store().source(WORKSPACE, "Events").unwrap();
    let scan = source.scan(ScanRequest::default()).unwrap();
    let mut count = scan.next().unwrap().unwrap().rows;
    house.store().maintain().unwrap();
    assert!(house.files(".parquet").len() > 10, "the old ones are still there");
    while let Some(batch) = scan.next().unwrap() {
        count += batch.rows;
    }
    assert_eq!(count, 1000);
    drop((scan, source));
    assert!(house.files(".parquet").len() < 10);
    assert_eq!(numbers(house.store(), "Events").len(), 1000);
}

#[tokio::test]
async fn rows_expire_by_the_time_of_receipt() {
    let mut house = House::new();
    let day = |n: i64| DateTime::from_ticks(noon().ticks() + n * DAY);
    for n in 0..4 {
        house.clock.set(day(n));
        append(house.store(), "Events", rows("w", n * 86_400, 10), day(n), None).await.unwrap();
        if n != 2 {
            house.store().flush().unwrap(); // days 2 and 3 share a segment
        }
    }
    let count =
        |house: &House| (numbers(house.store(), "Events").len(), house.files(".parquet").len());
    assert_eq!(count(&house), (40, 3));
    for (now, rows, files) in [(30, 40, 3), (31, 30, 3), (32, 20, 3), (33, 10, 3)] {
        house.clock.set(DateTime::from_ticks(day(now).ticks()));
        assert_eq!(count(&house), (rows, files), "day {now}");
    }
    house.clock.set(day(31));
    assert_eq!(house.store().maintain().unwrap().0, 1);
    house.clock.set(day(33));
    let (dropped, _) = house.store().maintain().unwrap();
    assert_eq!(dropped, 1);
    assert_eq!(count(&house), (10, 1));
    house.clock.set(day(40));
    house.store().maintain().unwrap();
    assert_eq!(count(&house), (0, 0));
    house.open().unwrap();
    assert_eq!(count(&house), (0, 0));
    assert_eq!(model::Tables::row_count(&**house.store(), WORKSPACE, "Events"), 0);
}

#[tokio::test]
async fn what_a_crash_left_unlisted_is_removed() {
    let mut house = House::new();
    append(house.store(), "Events", rows("w", 0, 100), noon(), None).await.unwrap();
    house.store().flush().unwrap();
    house.close();
    let segment = house.files(".parquet")[0].clone();
    let stray = segment.with_file_name("00000000000000aa-12345678.parquet");
    std::fs::copy(&segment, &stray).unwrap();
    let half = segment.with_file_name("00000000000000ab-12345678.parquet.tmp");
    std::fs::write(&half, b"half").unwrap();
    house.open().unwrap();
    assert!(!stray.exists() && !half.exists() && segment.exists());
    assert_eq!(numbers(house.store(), "Events").len(), 100);
}

#[tokio::test]
async fn rows_of_many_days_fall_into_segments_by_day() {
    let house = House::new();
    let mut many = rows("w", 0, 40_000);
    let spread: Vec<i64> =
        (0..40_000).map(|i| noon().ticks() + (i * 7919 % 40_000) * DAY / 10_000).collect();
    many.batches[0].columns[0] = std::sync::Arc::new(arrow_array::Int64Array::from(spread));
    append(house.store(), "Events", many, noon(), None).await.unwrap();
    house.store().flush().unwrap();
    let files = house.files(".parquet");
    assert_eq!(files.len(), 5, "{files:?}");
    assert!(files[0].to_string_lossy().contains("/2026-06-10/"));
    assert_eq!(numbers(house.store(), "Events").len(), 40_000);
}

#[tokio::test]
async fn few_files_are_open_however_many_there_are() {
    let mut house = House::new();
    house.limits.open_segments = 3;
    house.open().unwrap();
    for i in 0..12 {
        append(house.store(), "Events", rows("w", i * 100, 100), noon(), None).await.unwrap();
        house.store().flush().unwrap();
    }
    for _ in 0..3 {
        assert_eq!(numbers(house.store(), "Events").len(), 1200);
    }
    let open = std::fs::read_dir("/proc/self/fd").unwrap().filter(|entry| {
        let target = entry.as_ref().ok().and_then(|e| std::fs::read_link(e.path()).ok());
        target.is_some_and(|t| t.starts_with(house.folder.path().join("tables")))
    });
    assert!(open.count() <= 3 + 12, "three with their rows, the indexes of all");
}

#[tokio::test]
async fn a_table_that_fell_silent_is_sealed() {
    let limits = Limits {
        background: true,
        quiet_rows: 500,
        tick: std::time::Duration::from_millis(5),
        ..Limits::default()
    };
    let house = House::with(std::sync::Arc::new(logs::disk::SystemDisk), limits);
    append(house.store(), "Events", rows("w", 0, 600), noon(), None).await.unwrap();
    append(house.store(), "Other", rows("w", 0, 100), noon(), None).await.unwrap();
    house.clock.advance(TimeSpan::from_ticks(3 * SECOND));
    let sealed = || house.files(".parquet").len();
    for _ in 0..1000 {
        if sealed() > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(sealed(), 1, "the larger of the two");
    assert_eq!(numbers(house.store(), "Events").len(), 600);
    assert_eq!(numbers(house.store(), "Other").len(), 100);
}

/// Fills a table and has nothing to wait for.
struct Fills(&'static [&'static str]);

impl model::Feed for Fills {
    fn tables(&self) -> &[&'static str] {
        self.0
    }

    fn catch_up(&self) {}
}

#[tokio::test]
async fn what_a_feed_brings_is_not_held_for_long() {
    let limits = Limits {
        background: true,
        fed_bytes: 20_000,
        fed_age: TimeSpan::from_ticks(SECOND),
        quiet: TimeSpan::from_ticks(1000 * SECOND),
        tick: std::time::Duration::from_millis(5),
        ..Limits::default()
    };
    let house = House::with(std::sync::Arc::new(logs::disk::SystemDisk), limits);
    let feed: std::sync::Arc<dyn model::Feed> = std::sync::Arc::new(Fills(&["Events"]));
    house.store().add_feed(&feed);
    for table in ["Events", "Other"] {
        append(house.store(), table, rows("w", 0, 600), noon(), None).await.unwrap();
    }
    let sealed = || house.files(".parquet").len();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(sealed(), 0, "more may come in the same second");
    house.clock.advance(TimeSpan::from_ticks(2 * SECOND));
    for _ in 0..1000 {
        if sealed() > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(sealed(), 1, "the table that is fed");
    for table in ["Events", "Other"] {
        assert_eq!(numbers(house.store(), table).len(), 600);
    }
}

#[tokio::test]
async fn a_long_log_is_made_short_before_the_end() {
    for (rows_each, short) in [(1000, false), (40_000, true)] {
        let mut house = House::new();
        for (i, table) in ["Events", "Other"].into_iter().enumerate() {
            let first = i as i64 * rows_each;
            let rows = rows("w", first, rows_each as usize);
            append(house.store(), table, rows, noon(), Some("once")).await.unwrap();
        }
        house.store().shorten_log();
        house.open().unwrap();
        assert_eq!(house.files(".wal").is_empty(), short, "{rows_each}");
        assert_eq!(house.files(".parquet").len(), if short { 2 } else { 0 });
        for (i, table) in ["Events", "Other"].into_iter().enumerate() {
            let first = i as i64 * rows_each;
            let want: Vec<i64> = (first..first + rows_each).collect();
            assert_eq!(numbers(house.store(), table), want);
            let again = append(house.store(), table, rows("w", 0, 1), noon(), Some("once")).await;
            assert!(again.unwrap().duplicate);
        }
    }
}
