//! Accounts, orders and authorizations as documents.

use std::sync::Arc;

use pki::acme::{Account, Authorization, Jwk, Order, Problem};
use serde::Serialize;
use serde::de::DeserializeOwned;
use state::{Condition, Op, Store};

use super::AcmeCall;
use crate::{Vault, VaultError};

pub(crate) const ACME: &str = "vault-acme";

/// Documents of one authority.
pub(super) struct Ledger<'a> {
    store: &'a Arc<dyn Store>,
    prefix: String,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(call: &AcmeCall<'a>) -> Self {
        Self::of(call.vault, call.authority)
    }

    pub(super) fn of(vault: &'a Vault, authority: &str) -> Self {
        let prefix = format!("{}/{}", vault.id(), authority.to_ascii_lowercase());
        Self { store: vault.shelf.store(), prefix }
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
        self.apply(ops)
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
