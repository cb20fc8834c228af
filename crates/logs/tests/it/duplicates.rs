//! A batch that comes again is stored once.

use model::{AppendReceipt, TimeSpan};

use crate::support::*;

const NEW: AppendReceipt = AppendReceipt { rows: 10, duplicate: false };
const AGAIN: AppendReceipt = AppendReceipt { rows: 0, duplicate: true };

#[tokio::test]
async fn a_retried_batch_is_stored_once_across_sealing_and_restarts() {
    let mut house = House::new();
    let send = async |house: &House, id: &str| {
        append(house.store(), "Events", rows("w", 0, 10), noon(), Some(id)).await.unwrap()
    };
    assert_eq!(send(&house, "a").await, NEW);
    assert_eq!(send(&house, "a").await, AGAIN);
    house.open().unwrap();
    assert_eq!(send(&house, "a").await, AGAIN, "known from the log");
    house.store().flush().unwrap();
    assert_eq!(send(&house, "a").await, AGAIN);
    house.open().unwrap();
    assert!(house.files(".wal").len() <= 1);
    assert_eq!(send(&house, "a").await, AGAIN, "known from the catalogue");
    assert_eq!(send(&house, "b").await, NEW);
    let other = append(house.store(), "Other", rows("w", 0, 10), noon(), Some("a")).await.unwrap();
    assert_eq!(other, NEW, "ids belong to a table");
    assert_eq!(numbers(house.store(), "Events").len(), 20);
}

#[tokio::test]
async fn ids_are_kept_for_a_day() {
    let mut house = House::new();
    append(house.store(), "Events", rows("w", 0, 10), noon(), Some("a")).await.unwrap();
    house.store().flush().unwrap();
    for (hours, want) in [(24, AGAIN), (2, NEW)] {
        house.clock.advance(TimeSpan::from_ticks(hours * 3600 * SECOND));
        house.store().maintain().unwrap();
        house.open().unwrap();
        // Any append makes room for it among the ids.
        append(house.store(), "Other", rows("w", 0, 1), noon(), Some(&hours.to_string()))
            .await
            .unwrap();
        let receipt = append(house.store(), "Events", rows("w", 0, 10), noon(), Some("a")).await;
        assert_eq!(receipt.unwrap(), want, "{hours}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_is_stored() {
    let house = House::new();
    for round in 0..20 {
        let id = format!("batch {round}");
        let mut tasks = Vec::new();
        for _ in 0..8 {
            let (store, id) = (house.store().clone(), id.clone());
            tasks.push(tokio::spawn(async move {
                append(&store, "Events", rows("w", round * 10, 10), noon(), Some(&id))
                    .await
                    .unwrap()
            }));
        }
        let mut stored = 0;
        for task in tasks {
            stored += usize::from(task.await.unwrap() == NEW);
        }
        assert_eq!(stored, 1);
    }
    assert_eq!(numbers(house.store(), "Events"), (0..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_refused_batch_may_come_again() {
    let house = House::new();
    let mut wrong = rows("w", 0, 10);
    wrong.schema = std::sync::Arc::new(model::Schema::new([("Nonsense", model::ScalarType::Long)]));
    assert!(append(house.store(), "Events", wrong, noon(), Some("a")).await.is_err());
    let receipt = append(house.store(), "Events", rows("w", 0, 10), noon(), Some("a")).await;
    assert_eq!(receipt.unwrap(), NEW);
}
