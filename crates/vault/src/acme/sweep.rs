//! Orders and authorizations that are over are removed: a place where everybody may order is not to grow for ever.

use serde_json::Value;
use state::{Condition, Op};

use super::ACME;
use crate::{Vault, VaultError, Vaults};

/// How long an order can be asked for after its end, in seconds: 30 days.
pub(super) const KEPT: i64 = 30 * 24 * 60 * 60;
/// Documents looked at together.
const PAGE: usize = 500;

impl Vaults {
    /// Removes ACME orders and authorizations that ended long ago; gives how many.
    pub fn sweep_acme(&self, now: i64) -> Result<usize, VaultError> {
        self.all().iter().map(|vault| vault.sweep_acme(now)).sum()
    }
}

impl Vault {
    pub(super) fn sweep_acme(&self, now: i64) -> Result<usize, VaultError> {
        let (store, prefix) = (self.shelf.store(), format!("{}/", self.id()));
        let (mut after, mut removed) = (None, 0);
        loop {
            let page = store.list(ACME, &prefix, after.as_deref(), PAGE)?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|document| document.key.clone());
            let over = page.into_iter().filter(|document| {
                let kind = document.key.split('/').nth(2);
                let expires = document.value.get("expires").and_then(Value::as_i64);
                matches!(kind, Some("order" | "authorization"))
                    && expires.is_some_and(|at| at.saturating_add(KEPT) < now)
            });
            // one that somebody changed meanwhile stays until the next time
            let remove = |document: state::Document| Op::Delete {
                collection: ACME.into(),
                key: document.key,
                condition: Condition::Match(document.etag),
            };
            let ops: Vec<Op> = over.map(remove).collect();
            let count = ops.len();
            if count > 0 {
                match store.apply(ops) {
                    Ok(_) => removed += count,
                    Err(state::StoreError::Conflict { .. } | state::StoreError::NotFound) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            if is_last {
                return Ok(removed);
            }
        }
    }
}
