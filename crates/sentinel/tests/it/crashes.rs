//! A store that breaks at its n-th write, before or after the write is done, then a restart: no alert is lost, none made
//! twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use state::{Change, Condition, Document, Op, Store, StoreError};

use crate::house::*;

/// Breaks at one write and at all behind it, as a process that was killed does.
struct BreakingStore {
    inner: Arc<dyn Store>,
    left: AtomicUsize,
    /// The write that breaks is done all the same.
    after: bool,
}

fn broken() -> StoreError {
    StoreError::Unavailable("killed".into())
}

impl BreakingStore {
    fn write<T>(&self, write: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let left = self.left.load(Ordering::SeqCst);
        if left == 0 {
            return Err(broken());
        }
        self.left.store(left - 1, Ordering::SeqCst);
        if left == 1 {
            if self.after {
                write()?;
            }
            return Err(broken());
        }
        write()
    }
}

impl Store for BreakingStore {
    fn get(&self, collection: &str, key: &str) -> Result<Option<Document>, StoreError> {
        self.inner.get(collection, key)
    }

    fn put(
        &self,
        collection: &str,
        key: &str,
        value: Value,
        condition: Condition,
    ) -> Result<Document, StoreError> {
        self.write(|| self.inner.put(collection, key, value, condition))
    }

    fn delete(
        &self,
        collection: &str,
        key: &str,
        condition: Condition,
    ) -> Result<bool, StoreError> {
        self.write(|| self.inner.delete(collection, key, condition))
    }

    fn list(
        &self,
        collection: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        self.inner.list(collection, prefix, after, limit)
    }

    fn apply(&self, ops: Vec<Op>) -> Result<Vec<Option<Document>>, StoreError> {
        self.write(|| self.inner.apply(ops))
    }

    fn changes(&self, after: u64, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.inner.changes(after, limit)
    }
}

/// What stands at the end, whatever happened on the way.
fn outcome(house: &House) -> (Vec<String>, Vec<String>, Vec<Value>, usize) {
    let mut alerts = house.column("SecurityAlert", "SystemAlertId");
    alerts.sort();
    let mut rows = house.column("SecurityIncident", "IncidentNumber");
    rows.sort();
    let told = |i: &Value| json!([i["properties"]["incidentNumber"], i["state"]["alertIds"]]);
    let incidents = house.incidents().iter().map(told).collect();
    let health = house.column("SentinelHealth", "Status").len();
    (alerts, rows, incidents, health)
}

fn prepare(store: &dyn Store) {
    let per_result = json!({"aggregationKind": "AlertPerResult"});
    put_rule(
        store,
        "a",
        "Scheduled",
        json!({"eventGroupingSettings": per_result, "incidentConfiguration": grouped("AllEntities", false)}),
    );
    put_rule(store, "b", "NRT", json!({}));
    put_rule(store, "c", "Scheduled", json!({}));
}

const CLOCKS: [&str; 4] = ["10:00:00", "10:00:05", "10:05:00", "10:05:05"];

/// Ticks from a place in the day on; gives the place where the process was killed.
async fn run(house: &House, from: usize) -> usize {
    house.tables.answer("a |", users(&["ann", "bob"]));
    house.tables.answer("b |", users(&["eve"]));
    house.tables.answer("c |", users(&[]));
    for (place, clock) in CLOCKS.iter().enumerate().skip(from) {
        if house.runner.tick(at(clock)).await.is_err() {
            return place;
        }
    }
    CLOCKS.len() - 1
}

#[tokio::test]
async fn wherever_it_breaks_the_end_is_the_same() {
    let whole = House::new();
    prepare(&*whole.store);
    run(&whole, 0).await;
    let want = outcome(&whole);
    assert_eq!(
        (want.0.len(), want.2.len()),
        (7, 5),
        "four alerts of one rule in two incidents, three of another"
    );

    let mut broke = 0;
    for after in [false, true] {
        for step in 1..40 {
            let (store, tables) = (store(), tables());
            prepare(&*store);
            let breaking = Arc::new(BreakingStore {
                inner: store.clone(),
                left: AtomicUsize::new(step),
                after,
            });
            let place = run(&House::over(breaking.clone(), tables.clone()), 0).await;
            broke += usize::from(breaking.left.load(Ordering::SeqCst) == 0);
            let house = House::over(store, tables);
            run(&house, place).await;
            assert_eq!(outcome(&house), want, "step {step}, after the write: {after}");
        }
    }
    assert!(broke > 20, "the store broke in {broke} cases");
}
