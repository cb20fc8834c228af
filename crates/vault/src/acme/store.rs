//! Accounts, orders and authorizations as documents.

use std::sync::Arc;

use parking_lot::Mutex;
use pki::acme::{Account, Authorization, Jwk, Order, Problem};
use serde::Serialize;
use serde::de::DeserializeOwned;
use state::{Condition, Op, Store};

use super::AcmeCall;
use super::tally::Tally;
use crate::{Vault, VaultError};

pub(crate) const ACME: &str = "vault-acme";

/// Documents of one authority.
pub(super) struct Ledger<'a> {
    store: &'a Arc<dyn Store>,
    prefix: String,
    tally: &'a Mutex<Tally>,
}

impl<'a> Ledger<'a> {
    pub(super) fn of(vault: &'a Vault, authority: &str, tally: &'a Mutex<Tally>) -> Self {
        let prefix = format!("{}/{}", vault.id(), authority.to_ascii_lowercase());
        Self { store: vault.shelf.store(), prefix, tally }
    }

    fn get<T: DeserializeOwned>(&self, kind: &str, id: &str) -> Result<Option<T>, Problem> {
        let sane =
            id.len() <= 200 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if !sane {
            return Ok(None);
        }
        let document = self.store.get(ACME, &format!("{}/{kind}/{id}", self.prefix));
        let document = document.map_err(VaultError::from)?;
        Ok(document.and_then(|d| serde_json::from_value(d.value).ok()))
    }

    fn put<T: Serialize>(&self, kind: &str, id: &str, value: &T) -> Result<Op, Problem> {
        let value = serde_json::to_value(value).map_err(|_| Problem::malformed("unwritable"))?;
        let key = format!("{}/{kind}/{id}", self.prefix);
        Ok(Op::Put { collection: ACME.into(), key, value, condition: Condition::Any })
    }

    fn apply(&self, ops: Vec<Op>) -> Result<(), Problem> {
        self.store.apply(ops).map_err(VaultError::from)?;
        Ok(())
    }

    pub(super) fn account(&self, id: &str) -> Result<Option<Account>, Problem> {
        self.get("account", id)
    }

    /// The account of a key.
    pub(super) fn account_of(&self, key: &Jwk) -> Result<Option<Account>, Problem> {
        match self.get::<String>("key", &key.thumbprint())? {
            Some(id) => self.account(&id),
            None => Ok(None),
        }
    }

    /// Stores an account and the way from its key to it; a key that it had before leads nowhere any more.
    pub(super) fn put_account(&self, account: &Account, old: Option<&Jwk>) -> Result<(), Problem> {
        let mut ops = vec![self.put("account", &account.id, account)?];
        if let Some(old) = old {
            let key = format!("{}/key/{}", self.prefix, old.thumbprint());
            ops.push(Op::Delete { collection: ACME.into(), key, condition: Condition::Any });
        }
        if let Some(key) = account.jwk() {
            ops.push(self.put("key", &key.thumbprint(), &account.id)?);
        }
        self.apply(ops)
    }

    pub(super) fn order(&self, id: &str) -> Result<Option<Order>, Problem> {
        self.get("order", id)
    }

    pub(super) fn authorization(&self, id: &str) -> Result<Option<Authorization>, Problem> {
        self.get("authorization", id)
    }

    /// Stores a new order with its authorizations, unless there are too many of them.
    pub(super) fn open(
        &self,
        call: &AcmeCall<'_>,
        order: &Order,
        authorizations: &[Authorization],
    ) -> Result<(), Problem> {
        let (id, names) = ((order.id.as_str(), order.expires), authorizations.len());
        self.tally.lock().admit(id, &order.account, call.source, names, call.now)?;
        let stored = self.put_all(&[order], authorizations);
        if stored.is_err() {
            self.tally.lock().close(&order.id);
        }
        stored
    }

    pub(super) fn put_all(
        &self,
        orders: &[&Order],
        authorizations: &[Authorization],
    ) -> Result<(), Problem> {
        let mut ops = Vec::new();
        for order in orders {
            ops.push(self.put("order", &order.id, order)?);
        }
        for authorization in authorizations {
            ops.push(self.put("authorization", &authorization.id, authorization)?);
        }
        self.apply(ops)?;
        for order in orders.iter().filter(|order| !order.is_open()) {
            self.tally.lock().close(&order.id);
        }
        Ok(())
    }

    /// Orders of an account, by id, behind one.
    pub(super) fn orders_of(
        &self,
        account: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Order>, Problem> {
        let prefix = format!("{}/order/{account}-", self.prefix);
        let after = after.map(|id| format!("{}/order/{id}", self.prefix));
        let found = self.store.list(ACME, &prefix, after.as_deref(), limit);
        let found = found.map_err(VaultError::from)?;
        Ok(found.into_iter().filter_map(|d| serde_json::from_value(d.value).ok()).collect())
    }
}
