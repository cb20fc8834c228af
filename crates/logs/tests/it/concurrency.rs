//! Writers, readers, sealing and merging at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use logs::disk::{FaultyDisk, SystemDisk};

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_answer_holds_all_that_was_acknowledged_before() {
    let house = House::with(Arc::new(SystemDisk), busy());
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for writer in 0..4_i64 {
        let (store, acknowledged) = (house.store().clone(), acknowledged.clone());
        writers.push(tokio::spawn(async move {
            for batch in 0..120_i64 {
                let count = [1, 5, 80][batch as usize % 3];
                let first = writer * 1_000_000 + batch * 100;
                append(&store, "Events", rows("w", first, count), noon(), None).await.unwrap();
                acknowledged.fetch_add(count, Ordering::SeqCst);
            }
        }));
    }
    let (store, stopped) = (house.store().clone(), stop.clone());
    let sealer = tokio::task::spawn_blocking(move || {
        while !stopped.load(Ordering::SeqCst) {
            store.flush().unwrap();
        }
    });
    let (store, stopped) = (house.store().clone(), stop.clone());
    let merger = tokio::task::spawn_blocking(move || {
        let mut merged = 0;
        while !stopped.load(Ordering::SeqCst) {
            merged += store.maintain().unwrap().1;
        }
        merged
    });
    let mut readers = Vec::new();
    for _ in 0..2 {
        let (store, acknowledged, stop) =
            (house.store().clone(), acknowledged.clone(), stop.clone());
        readers.push(tokio::task::spawn_blocking(move || {
            let mut reads = 0;
            while !stop.load(Ordering::SeqCst) {
                let before = acknowledged.load(Ordering::SeqCst);
                let found = numbers(&store, "Events");
                assert!(found.len() >= before, "{} of {before}", found.len());
                assert!(found.windows(2).all(|w| w[0] < w[1]), "doubled");
                reads += 1;
            }
            reads
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    for _ in 0..20 {
        house.store().maintain().unwrap();
        house.store().flush().unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    sealer.await.unwrap();
    assert!(merger.await.unwrap() > 0, "something was merged");
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    assert_eq!(numbers(house.store(), "Events").len(), 4 * 40 * 86);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_become_segments_while_a_merge_is_under_way() {
    let disk = FaultyDisk::default();
    let mut house = House::with(Arc::new(disk.clone()), quiet());
    for batch in 0..8 {
        append(house.store(), "Events", rows("w", batch * 100, 100), noon(), None).await.unwrap();
        house.store().flush().unwrap();
    }
    append(house.store(), "Events", rows("w", 800, 100), noon(), None).await.unwrap();
    disk.faults.hold_next.store(true, Ordering::SeqCst);
    let store = house.store().clone();
    let merge = std::thread::spawn(move || store.maintain().unwrap());
    while !disk.faults.held.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    let store = house.store().clone();
    let (done, sealed) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(store.flush()));
    let sealed = sealed.recv_timeout(Duration::from_secs(20));
    disk.faults.held.store(false, Ordering::SeqCst);
    sealed.expect("it waits for the merge").unwrap();
    assert_eq!(merge.join().unwrap(), (0, 8));
    assert_eq!(house.files(".parquet").len(), 2);
    assert_eq!(numbers(house.store(), "Events"), (0..900).collect::<Vec<_>>());
    house.open().unwrap();
    assert_eq!(numbers(house.store(), "Events"), (0..900).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_thread_that_writes_rests_and_goes_on() {
    let mut house = House::new();
    for turn in 0..3 {
        append(house.store(), "Events", rows("w", turn * 100, 100), noon(), None).await.unwrap();
        assert_eq!(numbers(house.store(), "Events").len() as i64, (turn + 1) * 100);
        tokio::time::sleep(Duration::from_millis(700)).await; // longer than it waits for more
        if turn == 1 {
            house.store().flush().unwrap();
        }
    }
    house.open().unwrap();
    assert_eq!(numbers(house.store(), "Events"), (0..300).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orderly_end_loses_nothing() {
    let mut house = House::with(Arc::new(SystemDisk), busy());
    let mut total = 0;
    for round in 0..5_i64 {
        let mut tasks = Vec::new();
        for i in 0..50_i64 {
            let store = house.store().clone();
            tasks.push(tokio::spawn(async move {
                append(&store, "Events", rows("w", round * 1000 + i * 10, 10), noon(), None)
                    .await
                    .is_ok()
            }));
        }
        house.store().shutdown();
        for task in tasks {
            total += 10 * usize::from(task.await.unwrap());
        }
        house.open().unwrap();
        assert_eq!(numbers(house.store(), "Events").len(), total);
    }
}
