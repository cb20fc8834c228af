//! The power goes: whatever was not synced is gone, file contents and names alike.

use std::sync::Arc;

use logs::disk::FaultyDisk;
use rand::Rng;

use crate::support::*;

#[tokio::test]
async fn what_was_acknowledged_had_been_synced() {
    let disk = FaultyDisk::default();
    let mut house = House::with(Arc::new(disk.clone()), quiet());
    let mut next = 0;
    let rounds = std::env::var("VEDETTE_POWER_CUTS").ok().and_then(|n| n.parse().ok());
    for round in 0..rounds.unwrap_or(40) {
        for _ in 0..rand::rng().random_range(0..8) {
            let count = rand::rng().random_range(1..60);
            let id = format!("b{next}");
            append(house.store(), "Events", rows("w", next, count), noon(), Some(&id))
                .await
                .unwrap();
            next += count as i64;
            match rand::rng().random_range(0..6) {
                0 => house.store().flush().unwrap(),
                1 => drop(house.store().maintain().unwrap()),
                _ => {}
            }
        }
        house.close();
        disk.faults.cut_power().unwrap();
        house.open().unwrap();
        assert_eq!(
            numbers(house.store(), "Events"),
            (0..next).collect::<Vec<_>>(),
            "round {round}"
        );
    }
    assert!(next > 100);
}
