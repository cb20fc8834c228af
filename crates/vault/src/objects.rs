//! What every kind of object knows: reading, listing, changing metadata, deleting, recovering, purging.
//!
//! A certificate carries a secret and a key of its name (`managed`): they are deleted, recovered and purged with it, and
//! not by themselves.

use std::sync::Arc;

use crate::object::{AttributeChange, Deleted, Object, Tags, Version};
use crate::{DAY, Kind, Vault, VaultError, check_name};

/// An object with one of its versions: what most answers show.
#[derive(Clone, Debug)]
pub struct Found {
    /// The object.
    pub object: Arc<Object>,
    /// The version.
    pub version: Arc<Version>,
}

/// Which objects a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Those in use.
    Live,
    /// Those that can be recovered.
    Deleted,
}

/// One page of a list, and what to pass as `after` for the next.
#[derive(Clone, Debug)]
pub struct Page {
    /// Objects or versions.
    pub items: Vec<Found>,
    /// Where the next page begins; none on the last.
    pub next: Option<String>,
}

/// The kinds that live and die with one of this kind: a certificate takes its twins along.
fn family(kind: Kind) -> &'static [Kind] {
    match kind {
        Kind::Secret => &[Kind::Secret],
        Kind::Key => &[Kind::Key],
        Kind::Certificate => &[Kind::Certificate, Kind::Secret, Kind::Key],
    }
}

impl Vault {
    /// An object in use.
    pub fn live(&self, kind: Kind, name: &str) -> Result<Arc<Object>, VaultError> {
        check_name(name)?;
        let object = self.shelf.object(kind, name).filter(|o| o.deleted.is_none());
        object.ok_or_else(|| kind.not_found(name, None))
    }

    /// A version of an object in use; the newest for none.
    pub fn find(&self, kind: Kind, name: &str, version: Option<&str>) -> Result<Found, VaultError> {
        let object = self.live(kind, name)?;
        let found = object.version(version).cloned();
        let version = found.ok_or_else(|| kind.not_found(name, version))?;
        Ok(Found { object, version })
    }

    /// A deleted object, with its newest version.
    pub fn find_deleted(&self, kind: Kind, name: &str) -> Result<Found, VaultError> {
        check_name(name)?;
        let object = self.shelf.object(kind, name).filter(|o| o.deleted.is_some());
        let found = object.and_then(|object| {
            let version = Arc::clone(object.current()?);
            Some(Found { object, version })
        });
        found.ok_or_else(|| kind.deleted_not_found(name))
    }

    /// Objects by name, each with its newest version.
    pub fn list(&self, kind: Kind, life: Life, after: &str, limit: usize) -> Page {
        let mut items = Vec::new();
        let mut next = None;
        self.shelf.walk(kind, after, |object| {
            let wanted = object.deleted.is_some() == (life == Life::Deleted);
            if let (true, Some(version)) = (wanted, object.current()) {
                if items.len() == limit {
                    next = items.last().map(|f: &Found| f.object.name.to_ascii_lowercase());
                    return false;
                }
                items.push(Found { object: Arc::clone(object), version: Arc::clone(version) });
            }
            true
        });
        Page { items, next }
    }

    /// Versions of an object in use, by id: the order does not change while somebody adds some. Where there is no such
    /// object, there are no versions.
    pub fn versions(
        &self,
        kind: Kind,
        name: &str,
        after: &str,
        limit: usize,
    ) -> Result<Page, VaultError> {
        check_name(name)?;
        let Ok(object) = self.live(kind, name) else {
            return Ok(Page { items: Vec::new(), next: None });
        };
        let mut versions: Vec<&Arc<Version>> =
            object.versions.iter().filter(|v| v.id.as_str() > after).collect();
        versions.sort_by(|a, b| a.id.cmp(&b.id));
        let has_more = versions.len() > limit;
        versions.truncate(limit);
        let next = versions.last().filter(|_| has_more).map(|v| v.id.clone());
        let found = |version: &Arc<Version>| Found {
            object: Arc::clone(&object),
            version: Arc::clone(version),
        };
        Ok(Page { items: versions.into_iter().map(found).collect(), next })
    }

    /// Changes metadata of a version: what `change` names, and whatever `more` does to it.
    pub fn update(
        &self,
        kind: Kind,
        name: &str,
        version: Option<&str>,
        change: AttributeChange,
        tags: Option<Tags>,
        now: i64,
        more: impl FnOnce(&mut Version) -> Result<(), VaultError>,
    ) -> Result<Found, VaultError> {
        check_name(name)?;
        let mut writing = self.shelf.change_of(name);
        let mut object = writing.live(kind, name)?;
        let old = object.version(version).ok_or_else(|| kind.not_found(name, version))?;
        let mut changed = (**old).clone();
        changed.attributes = change.apply(&old.attributes, now)?;
        if let Some(tags) = tags {
            changed.tags = Some(tags);
        }
        more(&mut changed)?;
        let id = changed.id.clone();
        object.replace(changed);
        writing.put(object);
        writing.commit()?;
        self.find(kind, name, Some(&id))
    }

    /// Refuses a name that is taken by a deleted object, by a certificate's twin, or by a certificate whose twins are
    /// still to come.
    pub(crate) fn require_free(
        &self,
        kind: Kind,
        name: &str,
        object: Option<&Object>,
    ) -> Result<(), VaultError> {
        let Some(object) = object else { return self.require_no_certificate(kind, name) };
        if object.deleted.is_some() {
            let (word, name) = (object.kind.word(), &object.name);
            let title = format!("{}{}", word[..1].to_ascii_uppercase(), &word[1..]);
            return Err(VaultError::conflict(
                "ObjectIsDeletedButRecoverable",
                format!(
                    "{title} {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the {word} can only be recovered or purged."
                ),
            ));
        }
        if object.managed {
            return Err(managed(object));
        }
        Ok(())
    }

    /// A certificate needs its name for a secret and a key of its own, also while its first version is on its way.
    pub(crate) fn require_no_certificate(&self, kind: Kind, name: &str) -> Result<(), VaultError> {
        if kind == Kind::Certificate || self.shelf.object(Kind::Certificate, name).is_none() {
            return Ok(());
        }
        let word = kind.word();
        Err(VaultError::new(
            409,
            "Conflict",
            format!(
                "The name {name} belongs to a certificate, which needs it for a {word} of its own."
            ),
        ))
    }

    /// Deletes an object (a certificate with its twins); it can be recovered for the vault's days of retention.
    pub fn delete(&self, kind: Kind, name: &str, now: i64) -> Result<Found, VaultError> {
        check_name(name)?;
        let purge_at = now + self.settings().retention_days * DAY;
        let mut writing = self.shelf.change_of(name);
        let object = own(writing.live(kind, name)?)?;
        for member in family(kind) {
            let twin = writing.object(*member, name).filter(|o| *member == kind || o.managed);
            if let Some(mut twin) = twin {
                twin.deleted = Some(Deleted { at: now, purge_at });
                if twin.versions.is_empty() {
                    writing.remove(*member, name); // a certificate whose first version never came
                } else {
                    writing.put(twin);
                }
            }
        }
        writing.commit()?;
        match self.find_deleted(kind, name) {
            Ok(found) => Ok(found),
            Err(_) => {
                let mut gone = object;
                gone.deleted = Some(Deleted { at: now, purge_at });
                let version = gone.current().cloned();
                let version = version.ok_or_else(|| kind.not_found(name, None))?;
                Ok(Found { object: Arc::new(gone), version })
            }
        }
    }

    /// Brings a deleted object back (a certificate with its twins).
    pub fn recover(&self, kind: Kind, name: &str) -> Result<Found, VaultError> {
        check_name(name)?;
        let mut writing = self.shelf.change_of(name);
        own(writing.deleted(kind, name)?)?;
        for member in family(kind) {
            let twin = writing.object(*member, name).filter(|o| *member == kind || o.managed);
            if let Some(mut twin) = twin {
                twin.deleted = None;
                writing.put(twin);
            }
        }
        writing.commit()?;
        self.find(kind, name, None)
    }

    /// Destroys a deleted object for good (a certificate with its twins).
    pub fn purge(&self, kind: Kind, name: &str) -> Result<(), VaultError> {
        check_name(name)?;
        let settings = self.settings();
        if settings.purge_protection {
            return Err(VaultError::forbidden(
                "PurgeProtectionEnabled",
                format!(
                    "Operation \"purge\" is not allowed because purge protection is enabled for this vault. Key Vault service will automatically purge it after {} days of retention period has passed.",
                    settings.retention_days
                ),
            ));
        }
        let mut writing = self.shelf.change_of(name);
        own(writing.deleted(kind, name)?)?;
        for member in family(kind) {
            if writing.object(*member, name).is_some_and(|o| *member == kind || o.managed) {
                writing.remove(*member, name);
            }
        }
        writing.commit()?;
        self.forget_keys();
        Ok(())
    }

    /// Purges what has been deleted for as long as it may be.
    pub(crate) fn purge_expired(&self, now: i64) -> Result<usize, VaultError> {
        let mut due = Vec::new();
        for kind in Kind::ALL {
            self.shelf.walk(kind, "", |object| {
                if object.deleted.is_some_and(|d| d.purge_at <= now) {
                    due.push((kind, object.name.clone()));
                }
                true
            });
        }
        if due.is_empty() {
            return Ok(0);
        }
        let mut writing = self.shelf.change();
        let still = |writing: &crate::Change<'_>, kind, name: &str| {
            let object = writing.object(kind, name);
            object.and_then(|o| o.deleted).is_some_and(|d| d.purge_at <= now)
        };
        let mut count = 0;
        for (kind, name) in due {
            if still(&writing, kind, &name) {
                writing.remove(kind, &name);
                count += 1;
            }
        }
        writing.commit()?;
        Ok(count)
    }
}

/// An object that goes its way by itself; a certificate's twins go with the certificate.
fn own(object: Object) -> Result<Object, VaultError> {
    if object.managed { Err(managed(&object)) } else { Ok(object) }
}

fn managed(object: &Object) -> VaultError {
    let (word, name) = (object.kind.word(), &object.name);
    VaultError::new(
        403,
        "Forbidden",
        format!(
            "The {word} {name} belongs to the certificate of the same name; change the certificate instead."
        ),
    )
}
