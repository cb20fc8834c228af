//! A bounded cache of two generations: what is used stays, what is not falls away, and no call ever scans it.

use std::collections::HashMap;
use std::hash::Hash;

use parking_lot::Mutex;

/// A cache of at most twice its size.
pub(crate) struct Cache<K, V> {
    size: usize,
    generations: Mutex<Generations<K, V>>,
}

struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            size,
            generations: Mutex::new(Generations { young: HashMap::new(), old: HashMap::new() }),
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let mut both = self.generations.lock();
        if let Some(value) = both.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = both.old.remove_entry(key)?;
        self.put(&mut both, key, value.clone());
        Some(value)
    }

    pub(crate) fn insert(&self, key: K, value: V) {
        self.put(&mut self.generations.lock(), key, value);
    }

    fn put(&self, both: &mut Generations<K, V>, key: K, value: V) {
        if both.young.len() >= self.size {
            both.old = std::mem::take(&mut both.young);
        }
        both.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_used_and_stays_bounded() {
        let cache = Cache::new(10);
        cache.insert(0, "kept");
        for key in 1..1000 {
            cache.insert(key, "new");
            assert_eq!(cache.get(&0), Some("kept"), "{key}");
        }
        let both = cache.generations.lock();
        assert!(both.young.len() + both.old.len() <= 20);
        drop(both);
        assert_eq!(cache.get(&1), None);
        assert_eq!(cache.get(&999), Some("new"));
    }
}
