//! Time that moves when a test says so.

use std::sync::atomic::{AtomicI64, Ordering};

use model::{Clock, DateTime, TimeSpan};

/// A clock that stands still until it is moved. Share it as `Arc<ManualClock>`.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: DateTime) -> Self {
        Self(AtomicI64::new(now.ticks()))
    }

    /// A clock that shows a time written as text, `2024-02-29T12:00:00Z`.
    pub fn at(text: &str) -> Self {
        Self::new(time(text))
    }

    /// Shows another time from now on, earlier ones too.
    pub fn set(&self, now: DateTime) {
        self.0.store(now.ticks(), Ordering::SeqCst);
    }

    /// Moves on by `by` (back, when negative).
    pub fn advance(&self, by: TimeSpan) {
        self.0.fetch_add(by.ticks(), Ordering::SeqCst);
    }

    /// Moves on by whole seconds.
    pub fn advance_seconds(&self, seconds: i64) {
        self.advance(TimeSpan::from_ticks(seconds * values::TICKS_PER_SECOND));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime {
        DateTime::from_ticks(self.0.load(Ordering::SeqCst))
    }
}

/// An instant written as text; panics on one that is none.
pub fn time(text: &str) -> DateTime {
    DateTime::parse(text).unwrap_or_else(|| panic!("'{text}' is not a datetime"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stands_still_until_moved() {
        let clock = ManualClock::at("2024-02-28T23:59:59Z");
        assert_eq!(clock.now(), clock.now());
        clock.advance_seconds(1);
        assert_eq!(clock.now(), time("2024-02-29"));
        clock.set(time("1999-01-01"));
        assert_eq!(clock.now(), time("1999-01-01"));
    }
}
