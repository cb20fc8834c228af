//! Contacts of a vault's certificates.

use serde_json::{Value, json};
use vault::VaultError;

use crate::key_vault::work::{Reply, Work};

fn shown(work: &Work, contacts: &Value) -> Reply {
    let id = format!("{}/certificates/contacts", work.origin);
    Reply::json(&json!({ "id": id, "contacts": contacts }))
}

pub(super) fn get(work: &Work) -> Result<Reply, VaultError> {
    Ok(shown(work, &work.vault.contacts()?))
}

pub(super) fn set(work: &Work) -> Result<Reply, VaultError> {
    let body: Value = work.read()?;
    Ok(shown(work, &work.vault.set_contacts(&body)?))
}

pub(super) fn delete(work: &Work) -> Result<Reply, VaultError> {
    Ok(shown(work, &work.vault.delete_contacts()?))
}
