//! Backups: an object with all its versions and values, sealed under a key of the instance. Any vault of the instance
//! takes one back; nobody else can read it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::SecretBytes;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::certificates::check_certificate_name;
use crate::keys::KeyType;
use crate::object::{Object, Version};
use crate::{Found, Kind, Policy, Vault, VaultError, check_name};

/// What a backup begins with: its form.
const MARK: &[u8] = b"vedette-backup-1\n";
const CONTEXT: &str = "vedette|backup|1";

/// What belongs to a certificate in its vault alone: the operation that is under way, with a key sealed for this vault,
/// and the places on this machine where it is carried to.
const LEFT_OUT: [&str; 2] = ["pending", "deployments"];

/// Objects of a backup as they come apart: metadata, and the values in its order.
struct Unpacked {
    objects: Vec<(Object, Vec<Version>)>,
    values: Vec<SecretBytes>,
}

impl Vault {
    /// The backup of an object in use, and of its twins.
    pub fn backup(&self, kind: Kind, name: &str) -> Result<String, VaultError> {
        let object = self.live(kind, name)?;
        if object.managed {
            return Err(VaultError::new(
                403,
                "Forbidden",
                format!(
                    "The {} {name} belongs to a certificate; back up the certificate.",
                    kind.word()
                ),
            ));
        }
        if object.versions.is_empty() {
            return Err(VaultError::bad_parameter(format!(
                "The {} {name} has no version yet; back it up when its first one is there.",
                kind.word()
            )));
        }
        let mut members = vec![object];
        if kind == Kind::Certificate {
            let twins =
                [Kind::Secret, Kind::Key].into_iter().filter_map(|k| self.shelf.object(k, name));
            members.extend(twins.filter(|twin| twin.managed));
        }
        let mut values = Zeroizing::new(Vec::new());
        let mut documents = Vec::new();
        for object in &members {
            let mut versions = Vec::new();
            for version in &object.versions {
                let value = self.shelf.open(object, version)?;
                values.extend_from_slice(&length(value.expose()).to_be_bytes());
                values.extend_from_slice(value.expose());
                versions.push(json!({ "id": version.id, "document": version.to_json() }));
            }
            let mut bare = (**object).clone();
            LEFT_OUT.iter().for_each(|name| drop(bare.settings.remove(*name)));
            documents.push(json!({
                "kind": object.kind.word(), "object": bare.to_json(), "versions": versions,
            }));
        }
        let documents = Value::Array(documents).to_string();
        let mut plain = Zeroizing::new(Vec::with_capacity(4 + documents.len() + values.len()));
        plain.extend_from_slice(&length(documents.as_bytes()).to_be_bytes());
        plain.extend_from_slice(documents.as_bytes());
        plain.extend_from_slice(&values);
        let mut blob = MARK.to_vec();
        blob.extend(self.keyring().backup_key()?.seal(&plain, CONTEXT)?);
        Ok(URL_SAFE_NO_PAD.encode(blob))
    }

    /// Takes a backup in, versions and all. The names must be free.
    pub fn restore(&self, kind: Kind, blob: &str) -> Result<Found, VaultError> {
        // Azure's words, whatever is wrong with it; a backup of another kind or instance is none here
        let bad = || VaultError::bad_parameter("Backup blob contains invalid or corrupt version.");
        let bytes = URL_SAFE_NO_PAD.decode(blob.trim_end_matches('=')).map_err(|_| bad())?;
        let sealed = bytes.strip_prefix(MARK).ok_or_else(bad)?;
        let plain = self.keyring().backup_key()?.open(sealed, CONTEXT).ok_or_else(bad)?;
        let unpacked = unpack(plain.expose()).ok_or_else(bad)?;
        let name = match unpacked.objects.first() {
            Some((object, versions)) if object.kind == kind && !versions.is_empty() => {
                object.name.clone()
            }
            _ => return Err(bad()),
        };
        match kind {
            Kind::Certificate => check_certificate_name(&name)?,
            Kind::Secret | Kind::Key => check_name(&name)?,
        }
        for (object, versions) in &unpacked.objects {
            self.require_hardware_of(object, versions)?;
        }
        let mut writing = self.shelf.change_of(&name);
        let mut values = unpacked.values.iter();
        self.require_no_certificate(kind, &name)?;
        for (mut object, versions) in unpacked.objects {
            if let Some(taken) = writing.object(object.kind, &object.name) {
                self.require_free(object.kind, &object.name, Some(&taken))?;
                return Err(VaultError::new(
                    409,
                    "Conflict",
                    format!(
                        "The {} {} already exists in this vault.",
                        object.kind.word(),
                        object.name
                    ),
                ));
            }
            object.deleted = None;
            // backups of older builds have these as well
            LEFT_OUT.iter().for_each(|name| drop(object.settings.remove(*name)));
            for version in versions {
                let value = values.next().ok_or_else(bad)?;
                let (kind, name) = (object.kind, object.name.clone());
                writing.add(object, version, value.expose())?;
                object = writing.object(kind, &name).ok_or_else(bad)?;
            }
            writing.put(object);
        }
        writing.commit()?;
        self.find(kind, &name, None)
    }
}

impl Vault {
    /// Refuses what a premium vault gave out and a standard one does not take: -HSM keys, and policies that make them.
    fn require_hardware_of(&self, object: &Object, versions: &[Version]) -> Result<(), VaultError> {
        if let Some(policy) = Policy::of(object).filter(|_| object.kind == Kind::Certificate) {
            self.require_policy_hardware(&policy)?;
        }
        let kinds = versions.iter().filter_map(|v| KeyType::from_name(v.text("kty")?));
        for kty in kinds.filter(|_| object.kind == Kind::Key) {
            self.require_hardware(kty)?;
        }
        Ok(())
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn unpack(plain: &[u8]) -> Option<Unpacked> {
    fn part<'p>(rest: &mut &'p [u8]) -> Option<&'p [u8]> {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        let (part, tail) = tail.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        *rest = tail;
        Some(part)
    }
    let mut rest = plain;
    let documents: Value = serde_json::from_slice(part(&mut rest)?).ok()?;
    let mut unpacked = Unpacked { objects: Vec::new(), values: Vec::new() };
    for document in documents.as_array()? {
        let kind = Kind::from_word(document.get("kind")?.as_str()?)?;
        let object = Object::from_json(kind, document.get("object")?)?;
        let mut versions = Vec::new();
        for version in document.get("versions")?.as_array()? {
            let id = version.get("id")?.as_str()?;
            versions.push(Version::from_json(id, version.get("document")?)?);
            unpacked.values.push(SecretBytes::new(part(&mut rest)?.to_vec()));
        }
        unpacked.objects.push((object, versions));
    }
    rest.is_empty().then_some(unpacked)
}
