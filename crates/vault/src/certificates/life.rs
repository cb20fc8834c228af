//! Certificates whose first version never came can be deleted, recovered and purged as well: here the object counts, not
//! its versions.

use std::sync::Arc;

use crate::object::Deleted;
use crate::{DAY, Kind, Object, Vault, VaultError, check_name};

use super::issuers::OWN;

impl Vault {
    /// A deleted certificate, with or without versions.
    pub fn deleted_certificate(&self, name: &str) -> Result<Arc<Object>, VaultError> {
        check_name(name)?;
        let object = self.shelf.object(Kind::Certificate, name).filter(|o| o.deleted.is_some());
        object.ok_or_else(|| Kind::Certificate.deleted_not_found(name))
    }

    /// Deletes a certificate with its twins; it can be recovered for as long as the vault keeps deleted objects.
    pub fn delete_certificate(&self, name: &str, now: i64) -> Result<Arc<Object>, VaultError> {
        let object = self.live(Kind::Certificate, name)?;
        if object.versions.is_empty() {
            let purge_at = now + self.settings().retention_days * DAY;
            self.set_deleted(name, Some(Deleted { at: now, purge_at }))?;
        } else {
            self.delete(Kind::Certificate, name, now)?;
        }
        self.deleted_certificate(name)
    }

    /// Brings a deleted certificate back.
    pub fn recover_certificate(&self, name: &str) -> Result<Arc<Object>, VaultError> {
        let object = self.deleted_certificate(name)?;
        if object.versions.is_empty() {
            self.set_deleted(name, None)?;
        } else {
            self.recover(Kind::Certificate, name)?;
        }
        self.live(Kind::Certificate, name)
    }

    fn set_deleted(&self, name: &str, deleted: Option<Deleted>) -> Result<(), VaultError> {
        let mut writing = self.shelf.change();
        let object = writing.object(Kind::Certificate, name);
        let mut object = object.ok_or_else(|| Kind::Certificate.not_found(name, None))?;
        object.deleted = deleted;
        writing.put(object);
        writing.commit()
    }

    /// Certificates by name, those without versions only where `pending` ones are wanted too; and where the next page
    /// begins.
    pub fn list_certificates(
        &self,
        deleted: bool,
        pending: bool,
        after: &str,
        limit: usize,
    ) -> (Vec<Arc<Object>>, Option<String>) {
        let (mut items, mut next): (Vec<Arc<Object>>, _) = (Vec::new(), None);
        self.shelf.walk(Kind::Certificate, after, |object| {
            let wanted = object.deleted.is_some() == deleted
                && (pending || !object.versions.is_empty())
                && object.name != OWN;
            if wanted {
                if items.len() == limit {
                    next = items.last().map(|o| o.name.to_ascii_lowercase());
                    return false;
                }
                items.push(Arc::clone(object));
            }
            true
        });
        (items, next)
    }
}
