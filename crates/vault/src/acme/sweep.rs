//! Orders and authorizations that are over are removed: a place where everybody may order is not to grow for ever.

use serde_json::Value;
use state::{Condition, Document, Op, StoreError};

use super::ACME;
use crate::{Vault, VaultError, Vaults};

const DAY: i64 = 24 * 60 * 60;
/// How long an order that led to a certificate can be asked for after its end, in seconds.
const KEPT: i64 = 30 * DAY;
/// How long one that led to none.
const UNFINISHED_KEPT: i64 = DAY;
/// Documents looked at together.
const PAGE: usize = 500;
/// Documents removed together, unless one order has more.
const REMOVED_MAX: usize = 1000;

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
            let mut ops = Vec::new();
            for document in page.into_iter().filter(|document| is_over(document, now)) {
                ops.extend(removal(document));
                if ops.len() >= REMOVED_MAX {
                    removed += self.remove(std::mem::take(&mut ops))?;
                }
            }
            removed += self.remove(ops)?;
            if is_last {
                return Ok(removed);
            }
        }
    }

    /// One that somebody changed meanwhile stays until the next time, with those beside it.
    fn remove(&self, ops: Vec<Op>) -> Result<usize, VaultError> {
        let count = ops.len();
        if count == 0 {
            return Ok(0);
        }
        match self.shelf.store().apply(ops) {
            Ok(_) => Ok(count),
            Err(StoreError::Conflict { .. } | StoreError::NotFound) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}

fn kind(document: &Document) -> Option<&str> {
    document.key.split('/').nth(2)
}

fn is_over(document: &Document, now: i64) -> bool {
    let text = |name: &str| document.value.get(name).and_then(Value::as_str);
    let kept = match kind(document) {
        Some("order") if text("status") != Some("valid") => UNFINISHED_KEPT,
        Some("order") => KEPT,
        // those of an order go with it; these were left behind
        Some("authorization") => KEPT + DAY,
        _ => return false,
    };
    let expires = document.value.get("expires").and_then(Value::as_i64);
    expires.is_some_and(|at| at.saturating_add(kept) < now)
}

/// What removes a document; an order goes with its authorizations.
fn removal(document: Document) -> Vec<Op> {
    let mut ops = Vec::new();
    if let (Some("order"), Some((above, _))) = (kind(&document), document.key.split_once("/order/"))
    {
        let list = document.value.get("authorizations").and_then(Value::as_array);
        for id in list.into_iter().flatten().filter_map(Value::as_str) {
            let key = format!("{above}/authorization/{id}");
            ops.push(Op::Delete { collection: ACME.into(), key, condition: Condition::Any });
        }
    }
    let condition = Condition::Match(document.etag);
    ops.push(Op::Delete { collection: ACME.into(), key: document.key, condition });
    ops
}
