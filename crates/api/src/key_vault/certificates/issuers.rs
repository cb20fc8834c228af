//! Issuers of a vault: Azure's members, and `acme` for what our own authority and ACME servers want to know.

use serde_json::{Value, json};
use vault::{IssuerRecord, VaultError};
use zeroize::Zeroize;

use crate::key_vault::paging;
use crate::key_vault::work::{Reply, Work};

fn id(work: &Work, issuer: &IssuerRecord) -> String {
    format!("{}/certificates/issuers/{}", work.origin, issuer.name)
}

/// An issuer without its password, which never leaves.
fn shown(work: &Work, issuer: &IssuerRecord) -> Value {
    let mut out = json!({
        "id": id(work, issuer),
        "provider": issuer.provider.name(),
        "attributes": {
            "enabled": issuer.enabled, "created": issuer.created, "updated": issuer.updated,
        },
    });
    if let Some(account) = &issuer.account_id {
        out["credentials"] = json!({ "account_id": account });
    }
    for (name, value) in [("org_details", &issuer.organization), ("acme", &issuer.acme)] {
        if !value.is_null() {
            out[name] = value.clone();
        }
    }
    out
}

pub(super) fn list(work: &Work) -> Result<Reply, VaultError> {
    let asked = paging::asked(work)?;
    let key = |issuer: &IssuerRecord| issuer.name.to_ascii_lowercase();
    let mut issuers = work.vault.issuers();
    issuers.retain(|issuer| key(issuer) > asked.after);
    let has_more = issuers.len() > asked.limit;
    issuers.truncate(asked.limit);
    let next = issuers.last().filter(|_| has_more).map(key);
    let item = |issuer: &IssuerRecord| json!({ "id": id(work, issuer), "provider": issuer.provider.name() });
    Ok(paging::answer_of(work, issuers.iter().map(item).collect(), next.as_deref()))
}

pub(super) fn get(work: &Work) -> Result<Reply, VaultError> {
    Ok(Reply::json(&shown(work, &work.vault.issuer(&work.name)?)))
}

pub(super) fn set(work: &Work) -> Result<Reply, VaultError> {
    change(work, true)
}

pub(super) fn update(work: &Work) -> Result<Reply, VaultError> {
    change(work, false)
}

fn change(work: &Work, replaces: bool) -> Result<Reply, VaultError> {
    let mut body: Value = work.read()?;
    let issuer = work.vault.set_issuer(&work.name, &body, replaces, work.now);
    if let Some(Value::String(password)) = body.pointer_mut("/credentials/pwd") {
        password.zeroize();
    }
    Ok(Reply::json(&shown(work, &issuer?)))
}

pub(super) fn delete(work: &Work) -> Result<Reply, VaultError> {
    Ok(Reply::json(&shown(work, &work.vault.delete_issuer(&work.name)?)))
}
