//! A bounded table whose keys are random secrets and whose entries end in time. Only digests of the keys are kept. When
//! it is full, whoever filled it loses first: others go on.

use std::collections::HashMap;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::{CryptoError, SecretText, random_bytes, sha256};
use parking_lot::Mutex;

use crate::token::network;

pub(super) struct Expiring<V> {
    max: usize,
    entries: Mutex<HashMap<[u8; 32], Entry<V>>>,
}

struct Entry<V> {
    ends: i64,
    /// Network that it came from.
    source: IpAddr,
    value: V,
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
    pub(super) fn insert(
        &self,
        value: V,
        source: IpAddr,
        ends: i64,
        now: i64,
    ) -> Result<SecretText, CryptoError> {
        let key = random_token()?;
        let mut entries = self.entries.lock();
        if entries.len() >= self.max {
            entries.retain(|_, entry| entry.ends > now);
        }
        if entries.len() >= self.max {
            make_room(&mut entries);
        }
        let source = network(source);
        entries.insert(sha256(key.expose().as_bytes()), Entry { ends, source, value });
        Ok(key)
    }

    pub(super) fn get(&self, key: &str, now: i64) -> Option<V> {
        let entries = self.entries.lock();
        let entry = entries.get(&sha256(key.as_bytes()))?;
        (entry.ends > now).then(|| entry.value.clone())
    }

    pub(super) fn change(&self, key: &str, now: i64, work: impl FnOnce(&mut V)) {
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.get_mut(&sha256(key.as_bytes()))
            && entry.ends > now
        {
            work(&mut entry.value);
        }
    }

    /// Takes a value out: a second call finds nothing.
    pub(super) fn take(&self, key: &str, now: i64) -> Option<V> {
        let entry = self.entries.lock().remove(&sha256(key.as_bytes()))?;
        (entry.ends > now).then_some(entry.value)
    }

    /// The first value for which `is` holds, changed by `work`.
    pub(super) fn change_where<R>(
        &self,
        now: i64,
        is: impl Fn(&V) -> bool,
        work: impl FnOnce(&mut V) -> R,
    ) -> Option<R> {
        let mut entries = self.entries.lock();
        let mut found = entries.values_mut().filter(|entry| entry.ends > now);
        found.find(|entry| is(&entry.value)).map(|entry| work(&mut entry.value))
    }

    pub(super) fn retain(&self, keep: impl Fn(&V) -> bool) {
        self.entries.lock().retain(|_, entry| keep(&entry.value));
    }
}

/// Takes the older half of what the busiest network has.
fn make_room<V>(entries: &mut HashMap<[u8; 32], Entry<V>>) {
    let mut counts: HashMap<IpAddr, usize> = HashMap::new();
    entries.values().for_each(|entry| *counts.entry(entry.source).or_default() += 1);
    let Some((busiest, _)) = counts.into_iter().max_by_key(|(_, count)| *count) else { return };
    let of_it = entries.values().filter(|entry| entry.source == busiest);
    let mut ends: Vec<i64> = of_it.map(|entry| entry.ends).collect();
    let half = ends.len() / 2;
    let (_, limit, _) = ends.select_nth_unstable(half);
    let limit = *limit;
    entries.retain(|_, entry| entry.source != busiest || entry.ends > limit);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn entries_end_and_the_table_stays_bounded() {
        let table = Expiring::new(100);
        let key = table.insert(1, HERE, 10, 0).unwrap();
        assert_eq!(table.get(key.expose(), 9), Some(1));
        assert_eq!(table.get(key.expose(), 10), None);
        assert_eq!(table.get("guess", 0), None);
        table.change(key.expose(), 5, |v| *v = 2);
        assert_eq!(table.take(key.expose(), 5), Some(2));
        assert_eq!(table.take(key.expose(), 5), None);
        for n in 0..1000 {
            table.insert(n, HERE, 1000 + i64::from(n), 0).unwrap();
        }
        assert!(table.entries.lock().len() <= 100);
        assert!(table.change_where(0, |v| *v == 999, |v| *v).is_some());
    }

    #[test]
    fn a_flood_drowns_nobody_but_who_makes_it() {
        let table = Expiring::new(100);
        let other = IpAddr::from([192, 0, 2, 1]);
        let mine = table.insert(0, other, 500, 0).unwrap();
        let address = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, n]);
        for n in 0..1000 {
            table.insert(n, address(n), 1000, 0).unwrap(); // all of one network
        }
        assert_eq!(table.get(mine.expose(), 1), Some(0));
        assert!(table.entries.lock().len() <= 100);
    }
}
