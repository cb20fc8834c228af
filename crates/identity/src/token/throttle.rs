//! Limits on the token endpoint, in memory and bounded.
//!
//! Failures slow down the pair of client and source that makes them, and a source that sprays client ids, each time
//! longer. A right proof is always taken at once: secrets here cannot be guessed, so waiting would only let a
//! neighbour lock out the one administrator. What a right proof may not do is make us sign without end.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use parking_lot::Mutex;

use super::OAuthError;

/// Failures before the first delay, by client and source.
const FREE_FAILURES: u32 = 5;
/// Failures before the first delay, by source over all clients.
const FREE_FAILURES_SOURCE: u32 = 50;
/// Wrong guesses before the first delay, by person over all sources.
const FREE_FAILURES_ANYWHERE: u32 = 20;
/// Stands for all sources.
const ANYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// The delay doubles up to this, in seconds.
const DELAY_MAX: i64 = 60;
/// Failures are forgotten after so many quiet seconds.
const FORGET_AFTER: i64 = 15 * 60;
/// Tokens that a client may have at once from one source, and how many come back a second.
const BURST: f64 = 200.0;
const REFILL: f64 = 20.0;
/// Entries of each table; an attacker cannot make them grow.
const ENTRIES_MAX: usize = 10_000;

/// The counters.
#[derive(Default)]
pub(crate) struct Throttle {
    by_pair: Mutex<Table<(String, IpAddr), Failures>>,
    by_source: Mutex<Table<IpAddr, Failures>>,
    signed: Mutex<Table<(String, IpAddr), Bucket>>,
}

#[derive(Clone, Copy, Default)]
struct Failures {
    count: u32,
    last: i64,
    free_again: i64,
}

impl Failures {
    /// Counts one; the seconds to wait when it came before the last delay was over.
    fn count(&mut self, free: u32, now: i64) -> Option<i64> {
        if now - self.last > FORGET_AFTER {
            *self = Self::default();
        }
        let waits = (now < self.free_again).then(|| self.free_again - now);
        self.last = now;
        self.count = self.count.saturating_add(1);
        if waits.is_none() && self.count >= free {
            let doublings = (self.count - free).min(10);
            self.free_again = now + (1_i64 << doublings).min(DELAY_MAX);
        }
        waits
    }
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    last: i64,
}

/// The network of an address, which counts as one: a subscriber has a /64 of version 6.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        version4 => version4,
    }
}

impl Throttle {
    /// Counts a wrong proof; the error to answer instead when client or source must wait.
    pub(crate) fn failed(&self, app_id: &str, source: IpAddr, now: i64) -> Option<OAuthError> {
        let source = network(source);
        let pair = (app_id.to_ascii_lowercase(), source);
        let count = |f: &mut Failures, free| f.count(free, now);
        let by_pair = self.by_pair.lock().with(pair, now, |f| count(f, FREE_FAILURES));
        let by_source = self.by_source.lock().with(source, now, |f| count(f, FREE_FAILURES_SOURCE));
        by_pair.max(by_source).map(OAuthError::throttled)
    }

    /// Seconds that somebody must wait before the next guess at a password. Unlike secrets, those can be guessed, so a
    /// guess before its time is not looked at.
    pub(crate) fn wait(&self, who: &str, source: IpAddr, now: i64) -> Option<i64> {
        let source = network(source);
        let left = |f: Option<&Failures>| f.map(|f| f.free_again - now).filter(|left| *left > 0);
        let by_pair = left(self.by_pair.lock().entries.get(&(who.to_ascii_lowercase(), source)));
        let by_source = left(self.by_source.lock().entries.get(&source));
        by_pair.max(by_source)
    }

    /// Counts a wrong guess.
    pub(crate) fn guessed(&self, who: &str, source: IpAddr, now: i64) {
        let _ = self.failed(who, source, now); // the next one hears of it
    }

    /// Forgets the failures of a pair that proved itself.
    pub(crate) fn succeeded(&self, app_id: &str, source: IpAddr) {
        let mut by_pair = self.by_pair.lock();
        if !by_pair.entries.is_empty() {
            by_pair.entries.remove(&(app_id.to_ascii_lowercase(), network(source)));
        }
    }

    /// Seconds that everybody must wait before the next guess at something of a person.
    pub(crate) fn wait_anywhere(&self, who: &str, now: i64) -> Option<i64> {
        let by_pair = self.by_pair.lock();
        let failures = by_pair.entries.get(&(who.to_ascii_lowercase(), ANYWHERE))?;
        Some(failures.free_again - now).filter(|left| *left > 0)
    }

    /// Counts a wrong guess, wherever it came from.
    pub(crate) fn guessed_anywhere(&self, who: &str, now: i64) {
        let pair = (who.to_ascii_lowercase(), ANYWHERE);
        self.by_pair.lock().with(pair, now, |f| f.count(FREE_FAILURES_ANYWHERE, now));
    }

    /// Forgets the wrong guesses of a person that proved itself.
    pub(crate) fn succeeded_anywhere(&self, who: &str) {
        self.by_pair.lock().entries.remove(&(who.to_ascii_lowercase(), ANYWHERE));
    }

    /// Takes one token out of the pair's allowance.
    pub(crate) fn admit(&self, app_id: &str, source: IpAddr, now: i64) -> Result<(), OAuthError> {
        let pair = (app_id.to_owned(), network(source));
        self.signed.lock().with(pair, now, |bucket| {
            let gained = (now - bucket.last).max(0) as f64 * REFILL;
            bucket.left = (bucket.left + gained).min(BURST);
            bucket.last = now;
            if bucket.left < 1.0 {
                return Err(OAuthError::throttled(1));
            }
            bucket.left -= 1.0;
            Ok(())
        })
    }
}

/// When an entry was last touched, so that old ones can go.
trait Touched {
    fn touched(&self) -> i64;
    fn fresh(now: i64) -> Self;
}

impl Touched for Failures {
    fn touched(&self) -> i64 {
        self.last
    }
    fn fresh(now: i64) -> Self {
        Self { last: now, ..Self::default() }
    }
}

impl Touched for Bucket {
    fn touched(&self) -> i64 {
        self.last
    }
    fn fresh(now: i64) -> Self {
        Self { left: BURST, last: now }
    }
}

/// A map that never grows over [`ENTRIES_MAX`]: the longest untouched quarter goes first.
struct Table<K, V> {
    entries: HashMap<K, V>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new() }
    }
}

impl<K: Hash + Eq, V: Touched> Table<K, V> {
    fn with<R>(&mut self, key: K, now: i64, work: impl FnOnce(&mut V) -> R) -> R {
        if self.entries.len() >= ENTRIES_MAX && !self.entries.contains_key(&key) {
            self.shrink();
        }
        work(self.entries.entry(key).or_insert_with(|| V::fresh(now)))
    }

    fn shrink(&mut self) {
        let mut touched: Vec<i64> = self.entries.values().map(V::touched).collect();
        let quarter = touched.len() / 4;
        let (_, limit, _) = touched.select_nth_unstable(quarter);
        let limit = *limit;
        self.entries.retain(|_, v| v.touched() > limit);
    }
}

#[cfg(test)]
mod tests;
