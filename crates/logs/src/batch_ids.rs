//! Which batches have been stored: a retried one is stored once, also across restarts.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use model::{DateTime, TablesError};
use parking_lot::Mutex;
use tokio::sync::watch;
use uuid::Uuid;
use values::TICKS_PER_HOUR;

/// How long an id is remembered.
pub(crate) const REMEMBERED_TICKS: i64 = 25 * TICKS_PER_HOUR;
/// Most ids remembered; beyond, the oldest are forgotten earlier.
const COUNT_MAX: usize = 4_000_000;

/// The stored form of a batch's id in its table.
pub(crate) fn batch_key(workspace: &str, table: &str, id: &str) -> u128 {
    let name = format!("{workspace}\n{table}\n{id}");
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).as_u128().max(1)
}

/// The ids of stored batches and of those under way.
#[derive(Default)]
pub(crate) struct BatchIds {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    known: HashMap<u128, State>,
    /// Stored ids, oldest first.
    order: VecDeque<(i64, u128)>,
}

enum State {
    Stored,
    UnderWay(watch::Receiver<Outcome>),
}

/// What became of a batch under way.
#[derive(Clone, Debug, Default)]
pub(crate) enum Outcome {
    /// Not known yet.
    #[default]
    Open,
    /// Stored.
    Stored,
    /// Not stored, for this reason.
    Failed(Arc<TablesError>),
}

/// What to do with a batch.
pub(crate) enum Begun {
    /// Store it; tell how it went through the ticket.
    New(Ticket),
    /// It is stored already.
    Stored,
    /// The same batch is under way: wait for what becomes of it.
    UnderWay(watch::Receiver<Outcome>),
}

/// The right to store a batch. Dropped without a word, the batch counts as not stored.
pub(crate) struct Ticket {
    ids: Arc<BatchIds>,
    /// The batch.
    pub key: u128,
    outcome: watch::Sender<Outcome>,
    done: bool,
}

impl BatchIds {
    /// Registers a batch as under way, unless it is known.
    pub(crate) fn begin(self: &Arc<Self>, key: u128) -> Begun {
        let mut inner = self.inner.lock();
        match inner.known.get(&key) {
            Some(State::Stored) => Begun::Stored,
            Some(State::UnderWay(outcome)) => Begun::UnderWay(outcome.clone()),
            None => {
                let (outcome, receiver) = watch::channel(Outcome::Open);
                inner.known.insert(key, State::UnderWay(receiver));
                Begun::New(Ticket { ids: Arc::clone(self), key, outcome, done: false })
            }
        }
    }

    /// Remembers a stored batch; false when it was known as stored.
    pub(crate) fn remember(&self, key: u128, at: DateTime) -> bool {
        let mut inner = self.inner.lock();
        if matches!(inner.known.insert(key, State::Stored), Some(State::Stored)) {
            return false;
        }
        inner.order.push_back((at.ticks(), key));
        while inner.order.len() > COUNT_MAX
            || inner.order.front().is_some_and(|(t, _)| *t < at.ticks() - REMEMBERED_TICKS)
        {
            if let Some((_, old)) = inner.order.pop_front() {
                inner.known.remove(&old);
            }
        }
        true
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.inner.lock().known.len()
    }
}

impl Ticket {
    /// The batch is durable and visible.
    pub(crate) fn stored(mut self, at: DateTime) {
        self.done = true;
        self.ids.remember(self.key, at);
        self.outcome.send_replace(Outcome::Stored);
    }

    /// The batch was not stored.
    pub(crate) fn failed(mut self, error: Arc<TablesError>) {
        self.done = true;
        self.ids.inner.lock().known.remove(&self.key);
        self.outcome.send_replace(Outcome::Failed(error));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.done {
            self.ids.inner.lock().known.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    fn new(ids: &Arc<BatchIds>, key: u128) -> Ticket {
        match ids.begin(key) {
            Begun::New(ticket) => ticket,
            _ => panic!("known already"),
        }
    }

    #[test]
    fn a_batch_is_stored_once() {
        let ids = Arc::new(BatchIds::default());
        let ticket = new(&ids, 7);
        assert!(matches!(ids.begin(7), Begun::UnderWay(_)));
        ticket.stored(DateTime::from_ticks(0));
        assert!(matches!(ids.begin(7), Begun::Stored));
    }

    #[test]
    fn a_failed_or_abandoned_batch_may_come_again() {
        let ids = Arc::new(BatchIds::default());
        let ticket = new(&ids, 7);
        let Begun::UnderWay(waiting) = ids.begin(7) else { panic!("not under way") };
        ticket.failed(Arc::new(TablesError::Unwritable("full".into())));
        assert!(matches!(*waiting.borrow(), Outcome::Failed(_)));
        drop(new(&ids, 7));
        new(&ids, 7).stored(DateTime::from_ticks(0));
    }

    #[test]
    fn ids_are_forgotten_after_a_day() {
        let ids = Arc::new(BatchIds::default());
        for hour in 0..100 {
            ids.remember(hour, DateTime::from_ticks(hour as i64 * TICKS_PER_HOUR));
        }
        assert!(matches!(ids.begin(76), Begun::Stored));
        assert!(matches!(ids.begin(70), Begun::New(_)));
        assert!(ids.len() <= 27, "{}", ids.len());
    }

    #[test]
    fn keys_tell_tables_and_ids_apart() {
        let keys = [("w", "t", "1"), ("w", "t", "2"), ("w", "u", "1"), ("x", "t", "1")];
        let mut keys: Vec<u128> = keys.iter().map(|(w, t, i)| batch_key(w, t, i)).collect();
        keys.dedup();
        assert_eq!(keys.len(), 4);
        assert_eq!(batch_key("w", "t", "1"), keys[0]);
    }
}
