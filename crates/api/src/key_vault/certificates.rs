//! Certificates: twenty-seven operations, and two of the house's own (revoke, the private authority's chain).

mod contacts;
mod deployments;
mod issuers;
mod pending;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use vault::{
    AttributeChange, AuthorityPlaces, CertificateChange, CertificateFacts, Found, Kind, NewImport,
    Object, Page, Pending, Policy, RevocationReason, VaultError, Version, Wiped, tags_from_json,
};

use super::life::{self, Shape};
use super::paging;
use super::route::{GET, PATCH, POST, PUT, REMOVE, Route, elsewhere, here, route};
use super::shape::{add_common, add_deleted, object_id, version_id};
use super::version::is_since;
use super::work::{Reply, Work, required};

const KIND: Kind = Kind::Certificate;

const READ: &str = "certificates/read";
const CREATE: &str = "certificates/create/action";
const IMPORT: &str = "certificates/import/action";
const UPDATE: &str = "certificates/update/action";
const DELETE: &str = "certificates/delete";
const BACKUP: &str = "certificates/backup/action";
const RESTORE: &str = "certificates/restore/action";
const RECOVER: &str = "certificates/recover/action";
const PURGE: &str = "certificates/purge/action";
const CONTACTS: &str = "certificatecontacts/write";
const ISSUERS_READ: &str = "certificatecas/read";
const ISSUERS_WRITE: &str = "certificatecas/write";
const ISSUERS_DELETE: &str = "certificatecas/delete";

/// The operations. Words stand before names: no certificate is called `contacts`, `issuers` or `restore` on the wire.
#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = &[
    route(GET, "certificates", "CertificateList", READ, "list", here, list),
    route(POST, "certificates/restore", "CertificateRestore", RESTORE, "restore", elsewhere, life::restore::<Certificates>),
    route(GET, "certificates/contacts", "CertificateContactsGet", CONTACTS, "managecontacts", here, contacts::get),
    route(PUT, "certificates/contacts", "CertificateContactsSet", CONTACTS, "managecontacts", elsewhere, contacts::set),
    route(REMOVE, "certificates/contacts", "CertificateContactsDelete", CONTACTS, "managecontacts", elsewhere, contacts::delete),
    route(GET, "certificates/issuers", "CertificateIssuersList", ISSUERS_READ, "listissuers", here, issuers::list),
    route(GET, "certificates/issuers/{name}", "CertificateIssuerGet", ISSUERS_READ, "getissuers", here, issuers::get),
    route(PUT, "certificates/issuers/{name}", "CertificateIssuerSet", ISSUERS_WRITE, "setissuers", elsewhere, issuers::set),
    route(PATCH, "certificates/issuers/{name}", "CertificateIssuerUpdate", ISSUERS_WRITE, "setissuers", elsewhere, issuers::update),
    route(REMOVE, "certificates/issuers/{name}", "CertificateIssuerDelete", ISSUERS_DELETE, "deleteissuers", elsewhere, issuers::delete),
    route(POST, "certificates/{name}/create", "CertificateCreate", CREATE, "create", elsewhere, pending::create),
    route(POST, "certificates/{name}/import", "CertificateImport", IMPORT, "import", elsewhere, import),
    route(GET, "certificates/{name}/versions", "CertificateListVersions", READ, "list", here, life::versions::<Certificates>),
    route(GET, "certificates/{name}/policy", "CertificatePolicyGet", READ, "get", here, policy),
    route(PATCH, "certificates/{name}/policy", "CertificatePolicyUpdate", UPDATE, "update", elsewhere, update_policy),
    route(GET, "certificates/{name}/pending", "CertificatePendingGet", READ, "get", here, pending::get),
    route(PATCH, "certificates/{name}/pending", "CertificatePendingUpdate", UPDATE, "update", elsewhere, pending::cancel),
    route(REMOVE, "certificates/{name}/pending", "CertificatePendingDelete", UPDATE, "update", elsewhere, pending::delete),
    route(POST, "certificates/{name}/pending/merge", "CertificatePendingMerge", CREATE, "create", elsewhere, pending::merge),
    route(GET, "certificates/{name}/deployments", "CertificateDeploymentsGet", READ, "get", here, deployments::get),
    route(PUT, "certificates/{name}/deployments", "CertificateDeploymentsSet", UPDATE, "update", elsewhere, deployments::set),
    route(POST, "certificates/{name}/backup", "CertificateBackup", BACKUP, "backup", elsewhere, life::backup::<Certificates>),
    route(POST, "certificates/{name}/{version?}/revoke", "CertificateRevoke", UPDATE, "update", elsewhere, revoke),
    route(REMOVE, "certificates/{name}", "CertificateDelete", DELETE, "delete", elsewhere, delete),
    route(GET, "certificates/{name}/{version?}", "CertificateGet", READ, "get", here, get),
    route(PATCH, "certificates/{name}/{version?}", "CertificateUpdate", UPDATE, "update", elsewhere, update),
    route(GET, "deletedcertificates", "CertificateListDeleted", READ, "list", here, list_deleted),
    route(GET, "deletedcertificates/{name}", "CertificateGetDeleted", READ, "get", here, get_deleted),
    route(REMOVE, "deletedcertificates/{name}", "CertificatePurge", PURGE, "purge", elsewhere, life::purge::<Certificates>),
    route(POST, "deletedcertificates/{name}/recover", "CertificateRecover", RECOVER, "recover", elsewhere, recover),
];

/// Where certificates of the vault's own authority say that its lists are.
fn places(work: &Work) -> AuthorityPlaces {
    AuthorityPlaces { origin: work.public_origin.clone() }
}

/// A policy as it is shown.
fn policy_json(work: &Work, name: &str, policy: &Policy) -> Value {
    let mut out = json!({ "id": format!("{}/policy", object_id(work, KIND, name)) });
    if let (Some(out), Value::Object(members)) = (out.as_object_mut(), policy.to_json()) {
        out.extend(members);
    }
    out
}

/// A whole certificate.
fn bundle(work: &Work, found: &Found) -> Value {
    let (name, version) = (&found.object.name, &found.version.id);
    let id = |kind| match version.as_str() {
        "" => object_id(work, kind, name),
        version => format!("{}/{version}", object_id(work, kind, name)),
    };
    let mut out = json!({ "id": id(KIND) });
    for (member, kind) in [("kid", Kind::Key), ("sid", Kind::Secret)] {
        if !version.is_empty() {
            out[member] = json!(id(kind));
        }
    }
    for member in ["x5t", "cer", "contentType"] {
        if let Some(text) = found.version.text(member) {
            out[member] = json!(text);
        }
    }
    if is_since(&work.api_version, 6) {
        out["preserveCertOrder"] = json!(found.version.keeps_chain_order());
    }
    add_common(work, found, &mut out);
    add_object(work, &found.object, &mut out);
    out
}

/// What belongs to the object: policy, operation.
fn add_object(work: &Work, object: &Object, out: &mut Value) {
    if let Some(policy) = Policy::of(object) {
        out["policy"] = policy_json(work, &object.name, &policy);
    }
    if object.settings.contains_key("pending") {
        let id = format!("{}/pending", object_id(work, KIND, &object.name));
        out["pending"] = json!({ "id": id });
    }
}

/// A certificate in a list.
fn item(work: &Work, found: &Found, id: String) -> Value {
    let mut out = json!({ "id": id });
    for member in ["x5t", "subject"] {
        if let Some(text) = found.version.text(member) {
            out[member] = json!(text);
        }
    }
    add_common(work, found, &mut out);
    out
}

struct Certificates;

impl Shape for Certificates {
    const KIND: Kind = KIND;

    fn item(work: &Work, found: &Found) -> Value {
        item(work, found, object_id(work, KIND, &found.object.name))
    }

    fn whole(work: &Work, found: &Found) -> Value {
        bundle(work, found)
    }

    fn version(work: &Work, found: &Found) -> Value {
        item(work, found, version_id(work, found))
    }
}

/// An object with its newest version. Where none came yet, the one that is being made stands there, switched off; without
/// an operation it has no id.
fn newest(object: &Arc<Object>) -> Found {
    let version = object.current().cloned().unwrap_or_else(|| {
        let pending = Pending::of(object);
        let created = Policy::of(object).map_or(0, |p| p.created);
        let off = AttributeChange { enabled: Some(false), ..AttributeChange::default() };
        Arc::new(Version {
            id: pending.as_ref().map(|p| p.version.clone()).unwrap_or_default(),
            attributes: off.create(created),
            tags: pending.and_then(|p| p.tags),
            facts: serde_json::Map::new(),
            order: 0,
        })
    });
    Found { object: Arc::clone(object), version }
}

/// A deleted certificate, whole or in a list.
fn deleted(work: &Work, object: &Arc<Object>, whole: bool) -> Value {
    let found = newest(object);
    let mut out =
        if whole { bundle(work, &found) } else { <Certificates as Shape>::item(work, &found) };
    add_deleted(work, &found, &mut out);
    out
}

fn list_page(work: &Work, deleted_ones: bool) -> Result<Page, VaultError> {
    let asked = paging::asked(work)?;
    let (objects, next) = work.vault.list_certificates(
        deleted_ones,
        paging::includes_pending(work) || deleted_ones,
        &asked.after,
        asked.limit,
    );
    Ok(Page { items: objects.iter().map(newest).collect(), next })
}

fn list(work: &Work) -> Result<Reply, VaultError> {
    let page = list_page(work, false)?;
    Ok(paging::answer(work, &page, |found| Certificates::item(work, found)))
}

fn list_deleted(work: &Work) -> Result<Reply, VaultError> {
    let page = list_page(work, true)?;
    Ok(paging::answer(work, &page, |found| deleted(work, &found.object, false)))
}

/// A certificate; one whose first version is still to come is there with its policy and operation.
fn get(work: &Work) -> Result<Reply, VaultError> {
    let object = work.vault.live(KIND, &work.name)?;
    let found = newest(&object);
    let is_meant = work.version().is_none_or(|id| id.eq_ignore_ascii_case(&found.version.id));
    let found = if is_meant { found } else { work.vault.find(KIND, &work.name, work.version())? };
    Ok(Reply::json(&bundle(work, &found)))
}

/// What creating and changing a certificate may say.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PolicyBody {
    #[serde(default)]
    policy: Value,
    #[serde(default)]
    attributes: Value,
    #[serde(default)]
    tags: Value,
    /// Of creating alone.
    #[serde(default)]
    preserve_cert_order: Option<bool>,
}

fn update(work: &Work) -> Result<Reply, VaultError> {
    let body: PolicyBody = work.read()?;
    let change = CertificateChange {
        policy: body.policy,
        enabled: AttributeChange::from_json(&body.attributes)?.enabled,
        tags: tags_from_json(&body.tags)?,
    };
    let found = work.vault.update_certificate(&work.name, work.version(), &change, work.now)?;
    Ok(Reply::json(&bundle(work, &found)))
}

fn policy(work: &Work) -> Result<Reply, VaultError> {
    let policy = work.vault.certificate_policy(&work.name)?;
    Ok(Reply::json(&policy_json(work, &work.name, &policy)))
}

fn update_policy(work: &Work) -> Result<Reply, VaultError> {
    let body: Value = work.read()?;
    let policy = work.vault.update_certificate_policy(&work.name, &body, work.now)?;
    Ok(Reply::json(&policy_json(work, &work.name, &policy)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImportBody {
    value: Option<Wiped>,
    #[serde(default)]
    pwd: Option<Wiped>,
    #[serde(default)]
    policy: Value,
    #[serde(default)]
    attributes: Value,
    #[serde(default)]
    tags: Value,
    #[serde(default)]
    preserve_cert_order: Option<bool>,
}

fn import(work: &Work) -> Result<Reply, VaultError> {
    let body: ImportBody = work.read()?;
    let import = NewImport {
        value: required(body.value, "value")?.0,
        password: body.pwd.map(|p| p.0),
        policy: body.policy,
        attributes: AttributeChange::from_json(&body.attributes)?,
        tags: tags_from_json(&body.tags)?,
        keeps_order: body.preserve_cert_order.unwrap_or(false),
    };
    let found = work.vault.import_certificate(&work.name, import, work.now)?;
    Ok(Reply::json(&bundle(work, &found)))
}

fn delete(work: &Work) -> Result<Reply, VaultError> {
    let object = work.vault.delete_certificate(&work.name, work.now)?;
    Ok(Reply::json(&deleted(work, &object, true)))
}

fn get_deleted(work: &Work) -> Result<Reply, VaultError> {
    let object = work.vault.deleted_certificate(&work.name)?;
    Ok(Reply::json(&deleted(work, &object, true)))
}

fn recover(work: &Work) -> Result<Reply, VaultError> {
    let object = work.vault.recover_certificate(&work.name)?;
    Ok(Reply::json(&bundle(work, &newest(&object))))
}

#[derive(Default, Deserialize)]
struct RevokeBody {
    #[serde(default)]
    reason: Value,
}

/// The house's own: revokes a version that the vault's authority signed.
fn revoke(work: &Work) -> Result<Reply, VaultError> {
    let body: RevokeBody = work.read_or_default()?;
    let reason = RevocationReason::from_json(&body.reason).ok_or_else(|| {
        VaultError::bad_parameter(
            "Property reason is none of unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn.",
        )
    })?;
    let found = work.vault.find(KIND, &work.name, work.version())?;
    work.vault.revoke_certificate(&work.name, work.version(), reason, work.now)?;
    let serial = CertificateFacts::of(&found.version).map(|f| f.certificate.serial_hex());
    Ok(Reply::json(&json!({
        "id": version_id(work, &found), "serialNumber": serial, "revoked": work.now,
    })))
}
