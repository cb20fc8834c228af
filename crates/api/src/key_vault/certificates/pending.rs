//! Certificates on their way: create, look, cancel, forget, merge.

use serde::Deserialize;
use serde_json::{Value, json};
use vault::{
    AttributeChange, Pending, PendingStatus, VaultError, merged_certificates, standard_base64,
    tags_from_json,
};

use super::{KIND, PolicyBody, bundle, places};
use crate::key_vault::shape::object_id;
use crate::key_vault::version::is_since;
use crate::key_vault::work::{Reply, Work};

fn shown(work: &Work, pending: &Pending) -> Value {
    let id = object_id(work, KIND, &work.name);
    let mut out = json!({
        "id": format!("{id}/pending"),
        "issuer": { "name": pending.issuer },
        "csr": standard_base64(&pending.csr),
        "cancellation_requested": pending.cancellation_requested,
        "status": pending.status.name(),
        "request_id": pending.request_id,
    });
    if is_since(&work.api_version, 6) {
        out["preserveCertOrder"] = json!(pending.keeps_order);
    }
    if let Some(details) = &pending.details {
        out["status_details"] = json!(details);
    }
    if let Some((code, message)) = &pending.error {
        out["error"] = json!({ "code": code, "message": message });
    }
    if pending.status == PendingStatus::Completed {
        out["target"] = json!(id);
    }
    out
}

/// The answer that tells of an operation; while it is under way, also where and when to look again.
fn told(work: &Work, pending: &Pending) -> Reply {
    let mut reply = Reply::json(&shown(work, pending));
    if pending.is_open() {
        let id = object_id(work, KIND, &work.name);
        let (version, request) = (&work.api_version, &pending.request_id);
        let location = format!("{id}/pending?api-version={version}&request_id={request}");
        reply.headers = vec![("location", location), ("retry-after", "1".to_owned())];
    }
    reply
}

/// Begins a certificate. The answer tells of the operation as it began; what can be made here is made behind it.
pub(super) fn create(work: &Work) -> Result<Reply, VaultError> {
    let body: PolicyBody = work.read_or_default()?;
    let tags = tags_from_json(&body.tags)?;
    let (name, now) = (&work.name, work.now);
    let keeps_order = body.preserve_cert_order.unwrap_or(false);
    let pending = work.vault.create_certificate(
        name,
        &body.policy,
        &body.attributes,
        tags,
        keeps_order,
        now,
    )?;
    work.vault.advance_certificate(name, &places(work), now)?;
    Ok(Reply { status: 202, ..told(work, &pending) })
}

pub(super) fn get(work: &Work) -> Result<Reply, VaultError> {
    Ok(told(work, &work.vault.pending(&work.name)?))
}

#[derive(Deserialize)]
struct CancelBody {
    cancellation_requested: bool,
}

pub(super) fn cancel(work: &Work) -> Result<Reply, VaultError> {
    let body: CancelBody = work.read()?;
    if !body.cancellation_requested {
        return Err(VaultError::bad_parameter(
            "Property cancellation_requested can be set to true alone.",
        ));
    }
    Ok(Reply::json(&shown(work, &work.vault.cancel_pending(&work.name)?)))
}

pub(super) fn delete(work: &Work) -> Result<Reply, VaultError> {
    Ok(Reply::json(&shown(work, &work.vault.delete_pending(&work.name)?)))
}

#[derive(Deserialize)]
struct MergeBody {
    #[serde(default)]
    x5c: Value,
    #[serde(default)]
    attributes: Value,
    #[serde(default)]
    tags: Value,
}

pub(super) fn merge(work: &Work) -> Result<Reply, VaultError> {
    let body: MergeBody = work.read()?;
    let chain = merged_certificates(&body.x5c)?;
    let attributes = AttributeChange::from_json(&body.attributes)?;
    let tags = tags_from_json(&body.tags)?;
    let found = work.vault.merge_certificate(&work.name, chain, attributes, tags, work.now)?;
    let mut reply = Reply::json(&bundle(work, &found));
    reply.status = 201;
    Ok(reply)
}
