//! The memory that rows not yet in a segment may take.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// A number of bytes shared by all tables.
pub(crate) struct Budget {
    used: AtomicUsize,
    max: usize,
    /// Bytes of those who wait.
    waiting: AtomicUsize,
    freed: Notify,
}

/// Bytes taken from a budget; given back when dropped.
pub(crate) struct Reserved {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// A budget of so many bytes.
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            used: AtomicUsize::new(0),
            max,
            waiting: AtomicUsize::new(0),
            freed: Notify::new(),
        })
    }

    /// Bytes taken.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// True from half of the budget on: time to make room.
    pub(crate) fn is_tight(&self) -> bool {
        self.used() > self.max / 2
    }

    /// Takes bytes whether or not they fit.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> Reserved {
        self.used.fetch_add(bytes, Ordering::Relaxed);
        Reserved { budget: Arc::clone(self), bytes }
    }

    /// Takes bytes if they fit. What is larger than the whole budget fits when nothing else is held.
    pub(crate) fn try_take(self: &Arc<Self>, bytes: usize) -> Option<Reserved> {
        let fits = |used: usize| {
            (used == 0 || used.saturating_add(bytes) <= self.max)
                .then(|| used.saturating_add(bytes))
        };
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).ok()?;
        Some(Reserved { budget: Arc::clone(self), bytes })
    }

    /// Takes bytes, waiting a while for room. Those who wait hold their rows too, so only some may.
    pub(crate) async fn take_within(
        self: &Arc<Self>,
        bytes: usize,
        wait: Duration,
    ) -> Option<Reserved> {
        if let Some(reserved) = self.try_take(bytes) {
            return Some(reserved);
        }
        let _waiting = Waiting::begin(self, bytes)?;
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            let freed = self.freed.notified();
            if let Some(reserved) = self.try_take(bytes) {
                return Some(reserved);
            }
            if tokio::time::timeout_at(deadline, freed).await.is_err() {
                return self.try_take(bytes);
            }
        }
    }
}

/// Counts bytes as waiting for as long as it lives.
struct Waiting<'a> {
    budget: &'a Budget,
    bytes: usize,
}

impl<'a> Waiting<'a> {
    fn begin(budget: &'a Budget, bytes: usize) -> Option<Self> {
        let before = budget.waiting.fetch_add(bytes, Ordering::Relaxed);
        let waiting = Self { budget, bytes };
        (before <= budget.max / 4).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.budget.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Reserved {
    /// Bytes taken.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes the other's bytes over.
    pub(crate) fn join(&mut self, mut other: Self) {
        self.bytes += std::mem::take(&mut other.bytes);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
            self.budget.freed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn bytes_are_given_back() {
        let budget = Budget::new(100);
        let first = budget.try_take(80).unwrap();
        assert!(budget.try_take(21).is_none() && budget.is_tight());
        let mut second = budget.try_take(20).unwrap();
        second.join(first);
        assert_eq!((second.bytes(), budget.used()), (100, 100));
        drop(second);
        assert_eq!(budget.used(), 0);
        assert!(budget.try_take(1000).is_some());
        let over = budget.take(500);
        assert!(budget.try_take(1).is_none());
        drop(over);
    }

    #[tokio::test]
    async fn a_waiting_taker_gets_what_is_freed() {
        let budget = Budget::new(100);
        let held = budget.try_take(100).unwrap();
        assert!(budget.take_within(10, Duration::from_millis(1)).await.is_none());
        let waiting = budget.take_within(10, Duration::from_secs(60));
        let free = async {
            tokio::task::yield_now().await;
            drop(held);
        };
        assert!(tokio::join!(waiting, free).0.is_some());
        assert_eq!(budget.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn only_some_may_wait() {
        let budget = Budget::new(100);
        let _held = budget.try_take(100).unwrap();
        let long = Duration::from_secs(3600);
        let waiting = [budget.take_within(20, long), budget.take_within(20, long)];
        let [mut first, mut second] = waiting.map(Box::pin);
        assert!(futures_pending(&mut first).await && futures_pending(&mut second).await);
        assert!(budget.take_within(20, long).await.is_none(), "refused at once");
    }

    async fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
        tokio::select! {
            biased;
            _ = future => false,
            () = std::future::ready(()) => true,
        }
    }
}
