//! Keys that were used lately, ready to be used again: reading an RSA key anew costs as much as signing with it. They
//! live in the library's own memory, which it wipes, and go when the vault is sealed. Values of secrets are never kept.

use std::collections::HashMap;
use std::sync::Arc;

use crypto::JoseKey;
use parking_lot::Mutex;

/// Most keys kept.
const KEPT_MAX: usize = 256;

#[derive(Default)]
pub(crate) struct KeyCache(Mutex<HashMap<String, Arc<JoseKey>>>);

impl KeyCache {
    pub(super) fn get(&self, id: &str) -> Option<Arc<JoseKey>> {
        self.0.lock().get(id).cloned()
    }

    pub(super) fn insert(&self, id: &str, key: Arc<JoseKey>) {
        let mut kept = self.0.lock();
        if kept.len() >= KEPT_MAX {
            kept.clear(); // begins anew: simple, and rare at this size
        }
        kept.insert(id.to_owned(), key);
    }

    /// Forgets all of them.
    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }
}
