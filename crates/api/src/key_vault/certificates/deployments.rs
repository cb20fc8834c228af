//! The house's own: where a certificate is carried to, and what came of it.

use serde_json::{Value, json};
use vault::{Target, VaultError};

use super::KIND;
use crate::key_vault::shape::object_id;
use crate::key_vault::work::{Reply, Work};

fn shown(work: &Work, targets: &[Target]) -> Reply {
    let id = format!("{}/deployments", object_id(work, KIND, &work.name));
    let targets: Vec<Value> = targets.iter().map(Target::shown).collect();
    Reply::json(&json!({ "id": id, "targets": targets }))
}

pub(super) fn get(work: &Work) -> Result<Reply, VaultError> {
    Ok(shown(work, &work.vault.deployments(&work.name)?))
}

pub(super) fn set(work: &Work) -> Result<Reply, VaultError> {
    let body: Value = work.read()?;
    Ok(shown(work, &work.vault.set_deployments(&work.name, &body)?))
}
