//! A bounded table whose keys are random secrets and whose entries end in time. Only digests of the keys are kept.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::{CryptoError, SecretText, random_bytes, sha256};
use parking_lot::Mutex;

pub(super) struct Expiring<V> {
    max: usize,
    entries: Mutex<HashMap<[u8; 32], (i64, V)>>,
}

/// A random text that nobody guesses: 256 bits.
pub(crate) fn random_token() -> Result<SecretText, CryptoError> {
    Ok(SecretText::new(URL_SAFE_NO_PAD.encode(random_bytes::<32>()?)))
}

impl<V: Clone> Expiring<V> {
    pub(super) fn new(max: usize) -> Self {
        Self { max, entries: Mutex::new(HashMap::new()) }
    }

    /// Puts a value away under a new key.
    pub(super) fn insert(&self, value: V, ends: i64, now: i64) -> Result<SecretText, CryptoError> {
        let key = random_token()?;
        let mut entries = self.entries.lock();
        if entries.len() >= self.max {
            entries.retain(|_, (ends, _)| *ends > now);
        }
        if entries.len() >= self.max {
            // all are young: the quarter that ends first goes
            let mut ends: Vec<i64> = entries.values().map(|(ends, _)| *ends).collect();
            let quarter = ends.len() / 4;
            let (_, limit, _) = ends.select_nth_unstable(quarter);
            let limit = *limit;
            entries.retain(|_, (ends, _)| *ends > limit);
        }
        entries.insert(sha256(key.expose().as_bytes()), (ends, value));
        Ok(key)
    }

    pub(super) fn get(&self, key: &str, now: i64) -> Option<V> {
        let entries = self.entries.lock();
        let (ends, value) = entries.get(&sha256(key.as_bytes()))?;
        (*ends > now).then(|| value.clone())
    }

    pub(super) fn change(&self, key: &str, now: i64, work: impl FnOnce(&mut V)) {
        let mut entries = self.entries.lock();
        if let Some((ends, value)) = entries.get_mut(&sha256(key.as_bytes()))
            && *ends > now
        {
            work(value);
        }
    }

    /// Takes a value out: a second call finds nothing.
    pub(super) fn take(&self, key: &str, now: i64) -> Option<V> {
        let (ends, value) = self.entries.lock().remove(&sha256(key.as_bytes()))?;
        (ends > now).then_some(value)
    }

    /// The first value for which `is` holds, changed by `work`.
    pub(super) fn change_where<R>(
        &self,
        now: i64,
        is: impl Fn(&V) -> bool,
        work: impl FnOnce(&mut V) -> R,
    ) -> Option<R> {
        let mut entries = self.entries.lock();
        let mut found = entries.values_mut().filter(|(ends, _)| *ends > now).map(|(_, v)| v);
        found.find(|v| is(v)).map(work)
    }

    pub(super) fn retain(&self, keep: impl Fn(&V) -> bool) {
        self.entries.lock().retain(|_, (_, value)| keep(value));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn entries_end_and_the_table_stays_bounded() {
        let table = Expiring::new(100);
        let key = table.insert(1, 10, 0).unwrap();
        assert_eq!(table.get(key.expose(), 9), Some(1));
        assert_eq!(table.get(key.expose(), 10), None);
        assert_eq!(table.get("guess", 0), None);
        table.change(key.expose(), 5, |v| *v = 2);
        assert_eq!(table.take(key.expose(), 5), Some(2));
        assert_eq!(table.take(key.expose(), 5), None);
        for n in 0..1000 {
            table.insert(n, 1000 + i64::from(n), 0).unwrap();
        }
        assert!(table.entries.lock().len() <= 100);
        assert!(table.change_where(0, |v| *v == 999, |v| *v).is_some());
    }
}
