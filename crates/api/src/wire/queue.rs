//! How many queries run at once: those beyond wait their turn, and beyond that are told to come back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::ApiError;
use crate::Limits;

/// The queue before the engine.
pub(crate) struct Queue {
    running: Semaphore,
    waiting: AtomicUsize,
    waiting_max: usize,
    wait_max: Duration,
}

/// Counts a waiting request for as long as it waits, given up or not.
struct Waiting<'q>(&'q AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Queue {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            running: Semaphore::new(limits.queries_running.clamp(1, Semaphore::MAX_PERMITS)),
            waiting: AtomicUsize::new(0),
            waiting_max: limits.queries_waiting,
            wait_max: limits.queue_time,
        }
    }

    /// Waits for a turn; 429 when too many wait already, or for too long.
    pub(crate) async fn admit(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        if let Ok(permit) = self.running.try_acquire() {
            return Ok(permit);
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= self.waiting_max {
            return Err(throttled());
        }
        match tokio::time::timeout(self.wait_max, self.running.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(throttled()),
        }
    }
}

fn throttled() -> ApiError {
    let message = "Too many queries are running or waiting; try again in a few seconds.";
    ApiError::new(429, "ThrottledError", message).header("retry-after", "5")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn queries_wait_their_turn_or_are_sent_away() {
        let limits = Limits { queries_running: 1, queries_waiting: 1, ..Limits::default() };
        let queue = Queue::new(&limits);
        let first = queue.admit().await.unwrap();
        let (second, third) = tokio::join!(queue.admit(), async {
            let third = queue.admit().await.map(|_| ());
            drop(first);
            third
        });
        assert_eq!(third.unwrap_err().status, 429, "one may wait, not two");
        let second = second.unwrap();
        let late = queue.admit().await.map(|_| ()).unwrap_err();
        assert_eq!(late.status, 429, "waited for too long");
        assert!(late.headers.iter().any(|(name, _)| *name == "retry-after"));
        drop(second);
        assert!(queue.admit().await.is_ok());
    }
}
