//! The disk is full, fails or takes no writes: nothing is acknowledged, reads go on, and when it is well again so is
//! the store.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use logs::Limits;
use logs::disk::FaultyDisk;
use model::TablesError;

use crate::support::*;

fn house() -> (House, FaultyDisk) {
    let disk = FaultyDisk::default();
    (House::with(Arc::new(disk.clone()), quiet()), disk)
}

type Fault = fn(&FaultyDisk, bool);

const FAULTS: [(&str, Fault); 4] = [
    ("full", |d, on| d.faults.space.store(if on { 0 } else { u64::MAX }, Ordering::SeqCst)),
    ("nearly full", |d, on| {
        d.faults.space.store(if on { 777 } else { u64::MAX }, Ordering::SeqCst)
    }),
    ("read only", |d, on| d.faults.read_only.store(on, Ordering::SeqCst)),
    ("sync fails", |d, on| d.faults.sync_fails.store(on, Ordering::SeqCst)),
];

#[tokio::test]
async fn writes_are_refused_and_resumed_without_a_restart() {
    for (name, fault) in FAULTS {
        let (mut house, disk) = house();
        append(house.store(), "Events", rows("w", 0, 100), noon(), Some("a")).await.unwrap();
        for round in 0..3 {
            fault(&disk, true);
            for _ in 0..3 {
                let error =
                    append(house.store(), "Events", rows("w", 5000, 100), noon(), Some("b"));
                let error = error.await.unwrap_err();
                assert!(matches!(error, TablesError::Unwritable(_)), "{name}: {error}");
                assert_eq!(numbers(house.store(), "Events").len(), 100 + round * 10, "{name}");
            }
            fault(&disk, false);
            let next = 100 + round as i64 * 10;
            let id = format!("c{round}");
            append(house.store(), "Events", rows("w", next, 10), noon(), Some(&id)).await.unwrap();
        }
        let want: Vec<i64> = (0..130).collect();
        assert_eq!(numbers(house.store(), "Events"), want, "{name}");
        house.open().unwrap();
        assert_eq!(numbers(house.store(), "Events"), want, "{name} after a restart");
        assert!(house.store().damage().is_empty(), "{name}: {:?}", house.store().damage());
        append(house.store(), "Events", rows("w", 130, 1), noon(), Some("b")).await.unwrap();
        assert_eq!(numbers(house.store(), "Events").len(), 131, "{name}");
    }
}

#[tokio::test]
async fn sealing_waits_for_space() {
    for (name, fault) in FAULTS {
        let (mut house, disk) = house();
        append(house.store(), "Events", rows("w", 0, 5000), noon(), None).await.unwrap();
        fault(&disk, true);
        assert!(house.store().flush().is_err(), "{name}");
        assert!(house.store().flush().is_err(), "{name}");
        assert_eq!(numbers(house.store(), "Events").len(), 5000, "{name}");
        fault(&disk, false);
        append(house.store(), "Events", rows("w", 5000, 10), noon(), None).await.unwrap();
        house.store().flush().unwrap();
        house.open().unwrap();
        assert_eq!(numbers(house.store(), "Events"), (0..5010).collect::<Vec<_>>(), "{name}");
        assert_eq!(house.files(".tmp").len(), 0, "{name}");
        assert_eq!(house.files(".parquet").len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_store_opens_and_reads_on_a_disk_that_takes_no_writes() {
    let (mut house, disk) = house();
    append(house.store(), "Events", rows("w", 0, 50), noon(), None).await.unwrap();
    house.store().flush().unwrap();
    append(house.store(), "Events", rows("w", 50, 50), noon(), None).await.unwrap();
    house.close();
    disk.faults.read_only.store(true, Ordering::SeqCst);
    house.open().unwrap();
    assert_eq!(numbers(house.store(), "Events").len(), 100);
    assert!(append(house.store(), "Events", rows("w", 100, 1), noon(), None).await.is_err());
    disk.faults.read_only.store(false, Ordering::SeqCst);
    append(house.store(), "Events", rows("w", 100, 1), noon(), None).await.unwrap();
    assert_eq!(numbers(house.store(), "Events").len(), 101);
}

#[tokio::test]
async fn failing_reads_are_named() {
    let (mut house, disk) = house();
    append(house.store(), "Events", rows("w", 0, 50), noon(), None).await.unwrap();
    house.store().flush().unwrap();
    house.open().unwrap();
    disk.faults.read_fails.store(true, Ordering::SeqCst);
    let error = read(house.store(), "Events", &Ask::columns(&["Number"])).unwrap_err().to_string();
    assert!(error.contains(".index") || error.contains(".parquet"), "{error}");
    disk.faults.read_fails.store(false, Ordering::SeqCst);
    assert_eq!(numbers(house.store(), "Events").len(), 50);
}

#[tokio::test]
async fn more_than_memory_holds_is_told_to_come_again() {
    let limits =
        Limits { memory_bytes: 200_000, append_wait: Duration::from_millis(20), ..quiet() };
    let mut house = House::new();
    house.limits = limits;
    house.open().unwrap();
    let mut stored = 0;
    let error = loop {
        match append(house.store(), "Events", rows("w", stored, 100), noon(), None).await {
            Ok(_) => stored += 100,
            Err(error) => break error,
        }
        assert!(stored < 100_000);
    };
    let TablesError::Busy { retry_after } = error else { panic!("{error}") };
    assert!(retry_after > Duration::ZERO && stored > 0);
    house.store().flush().unwrap();
    append(house.store(), "Events", rows("w", stored, 100), noon(), None).await.unwrap();
    assert_eq!(numbers(house.store(), "Events").len() as i64, stored + 100);
}

/// On a real file system of a few megabytes, named by `VEDETTE_SMALL_DISK` (`mount -t tmpfs -o size=4m ...`): filled
/// until it refuses, given space again, read back.
#[tokio::test]
async fn a_small_file_system_fills_and_empties() {
    let Ok(small) = std::env::var("VEDETTE_SMALL_DISK") else {
        println!("skipped: VEDETTE_SMALL_DISK names no small file system");
        return;
    };
    let mut house = House::new();
    house.folder = tempfile::tempdir_in(&small).unwrap();
    house.open().unwrap();
    house.store().create_workspace(WORKSPACE).unwrap();
    let ballast = house.folder.path().join("ballast");
    let mut stored = 0;
    for round in 0..5 {
        std::fs::write(&ballast, vec![1; 1 << 20]).unwrap();
        let error = loop {
            match append(house.store(), "Events", rows("w", stored, 500), noon(), None).await {
                Ok(_) => stored += 500,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, TablesError::Unwritable(_)), "{error}");
        assert_eq!(numbers(house.store(), "Events").len() as i64, stored);
        std::fs::remove_file(&ballast).unwrap();
        append(house.store(), "Events", rows("w", stored, 500), noon(), None).await.unwrap();
        stored += 500;
        house.store().flush().unwrap();
        if round % 2 == 1 {
            house.open().unwrap();
        }
        assert_eq!(numbers(house.store(), "Events"), (0..stored).collect::<Vec<_>>());
    }
    house.close();
}
