//! The operation that is making a certificate's next version: inProgress, then completed, failed or cancelled.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::KeyPair;
use serde_json::{Value, json};

use super::bundle::keeps_order;
use crate::sealed::{Place, Sealed};
use crate::{AttributeChange, Kind, Object, Tags, Vault, VaultError, check_name};

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingStatus {
    /// Being made, or waiting for a merge.
    InProgress,
    /// The version is there.
    Completed,
    /// It will not be made.
    Failed,
    /// Given up by the caller.
    Cancelled,
}

const NAMES: &[(&str, PendingStatus)] = &[
    ("inProgress", PendingStatus::InProgress),
    ("completed", PendingStatus::Completed),
    ("failed", PendingStatus::Failed),
    ("cancelled", PendingStatus::Cancelled),
];

impl PendingStatus {
    /// Azure's word.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, s)| *s == self).map_or("inProgress", |(n, _)| n)
    }
}

/// An operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// Id of the request.
    pub request_id: String,
    /// Version that it makes.
    pub version: String,
    /// How far it is.
    pub status: PendingStatus,
    /// Who issues.
    pub issuer: String,
    /// Signing request in DER.
    pub csr: Vec<u8>,
    /// The caller wants it stopped.
    pub cancellation_requested: bool,
    /// What is going on, for people.
    pub details: Option<String>,
    /// Code and message of the failure.
    pub error: Option<(String, String)>,
    /// When it was begun, in seconds since 1970.
    pub created: i64,
    /// Made by the renewal task.
    pub renewal: bool,
    /// The key may leave the vault: decided when it was made, whatever the policy says later.
    pub(super) exportable: bool,
    /// The chain of a merge stays as it comes.
    pub keeps_order: bool,
    pub(super) attributes: Value,
    /// Tags of the version.
    pub tags: Option<Tags>,
    /// The new private key, sealed.
    pub(super) key: Value,
}

impl Pending {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "requestId": self.request_id, "version": self.version, "status": self.status.name(),
            "issuer": self.issuer, "csr": STANDARD.encode(&self.csr), "created": self.created,
            "cancellationRequested": self.cancellation_requested, "details": self.details,
            "error": self.error, "attributes": self.attributes, "tags": self.tags, "key": self.key,
            "renewal": self.renewal, "exportable": self.exportable,
            "preserveCertOrder": self.keeps_order,
        })
    }

    pub(super) fn from_json(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let status = text("status")?;
        Some(Self {
            request_id: text("requestId")?,
            version: text("version")?,
            status: NAMES.iter().find(|(n, _)| *n == status).map(|(_, s)| *s)?,
            issuer: text("issuer")?,
            csr: STANDARD.decode(text("csr")?).ok()?,
            cancellation_requested: value.get("cancellationRequested")?.as_bool()?,
            details: text("details"),
            error: serde_json::from_value(value.get("error")?.clone()).ok()?,
            created: value.get("created")?.as_i64()?,
            renewal: value.get("renewal").and_then(Value::as_bool).unwrap_or(false),
            exportable: value.get("exportable").and_then(Value::as_bool).unwrap_or(true),
            keeps_order: keeps_order(value.get("preserveCertOrder")),
            attributes: value.get("attributes")?.clone(),
            tags: value.get("tags").and_then(Value::as_object).cloned(),
            key: value.get("key")?.clone(),
        })
    }

    /// The operation of a certificate, over or not.
    pub fn of(object: &Object) -> Option<Self> {
        Self::from_json(object.settings.get("pending")?)
    }

    /// True while it can still be completed.
    pub fn is_open(&self) -> bool {
        self.status == PendingStatus::InProgress
    }

    pub(super) fn change(&self) -> AttributeChange {
        AttributeChange::from_json(&self.attributes).unwrap_or_default()
    }

    /// No longer needed once it is over: the sealed key goes.
    pub(super) fn end(&mut self, status: PendingStatus) {
        self.status = status;
        self.details = None;
        self.key = Value::Null;
    }
}

pub(super) fn not_found(name: &str) -> VaultError {
    let message = format!("Pending certificate not found: {name}");
    VaultError::not_found("PendingCertificateNotFound", message)
}

impl Vault {
    /// The operation of a certificate.
    pub fn pending(&self, name: &str) -> Result<Pending, VaultError> {
        check_name(name)?;
        let object = self.shelf.object(Kind::Certificate, name).filter(|o| o.deleted.is_none());
        let pending = object.and_then(|o| Pending::from_json(o.settings.get("pending")?));
        pending.ok_or_else(|| not_found(name))
    }

    /// Changes the operation of a certificate under the lock of the shelf.
    pub(super) fn change_pending(
        &self,
        name: &str,
        change: impl FnOnce(&mut Pending) -> Result<(), VaultError>,
    ) -> Result<Pending, VaultError> {
        check_name(name)?;
        let mut writing = self.shelf.change();
        let object = writing.object(Kind::Certificate, name).filter(|o| o.deleted.is_none());
        let mut object = object.ok_or_else(|| not_found(name))?;
        let pending = object.settings.get("pending").and_then(Pending::from_json);
        let mut pending = pending.ok_or_else(|| not_found(name))?;
        change(&mut pending)?;
        object.settings.insert("pending".into(), pending.to_json());
        writing.put(object);
        writing.commit()?;
        Ok(pending)
    }

    /// Asks for an operation to be stopped. Nothing has been sent anywhere that could not be: it stops at once.
    pub fn cancel_pending(&self, name: &str) -> Result<Pending, VaultError> {
        self.change_pending(name, |pending| {
            if !pending.is_open() {
                return Err(VaultError::forbidden(
                    "CertificateOperationNotInProgress",
                    format!("The operation is {} and cannot be cancelled.", pending.status.name()),
                ));
            }
            pending.cancellation_requested = true;
            pending.end(PendingStatus::Cancelled);
            Ok(())
        })
    }

    /// Forgets the operation. A certificate that was never made stays with its policy until it is deleted.
    pub fn delete_pending(&self, name: &str) -> Result<Pending, VaultError> {
        check_name(name)?;
        let mut writing = self.shelf.change();
        let object = writing.object(Kind::Certificate, name).filter(|o| o.deleted.is_none());
        let mut object = object.ok_or_else(|| not_found(name))?;
        let pending = object.settings.remove("pending").as_ref().and_then(Pending::from_json);
        let pending = pending.ok_or_else(|| not_found(name))?;
        writing.put(object);
        writing.commit()?;
        Ok(pending)
    }

    /// Seals bytes that wait with an object: the key of a pending version, an issuer's password.
    pub(crate) fn seal_aside(
        &self,
        name: &str,
        version: &str,
        value: &[u8],
    ) -> Result<Value, VaultError> {
        let place = Place { vault: &self.id, kind: Kind::Certificate, name, version };
        Ok(Sealed::seal(value, &place, &*self.keyring().key(&self.id)?)?.to_json())
    }

    /// Opens what [`Vault::seal_aside`] sealed.
    pub(crate) fn open_aside(
        &self,
        name: &str,
        version: &str,
        sealed: &Value,
    ) -> Result<crypto::SecretBytes, VaultError> {
        let place = Place { vault: &self.id, kind: Kind::Certificate, name, version };
        let sealed = Sealed::from_json(sealed).ok_or_else(|| VaultError::damaged(name))?;
        sealed.open(&place, &*self.keyring().key(&self.id)?)
    }

    pub(super) fn pending_key(&self, name: &str, pending: &Pending) -> Result<KeyPair, VaultError> {
        let bytes = self.open_aside(name, &pending_place(&pending.version), &pending.key)?;
        Ok(KeyPair::from_der(bytes.expose())?)
    }
}

/// Where a pending key is sealed: never the place of a version.
pub(super) fn pending_place(version: &str) -> String {
    format!("pending-{version}")
}
