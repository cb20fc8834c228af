//! Secrets: a text under a name, in versions.

use crypto::{SecretBytes, SecretText};

use crate::object::{AttributeChange, Object, Tags, Version};
use crate::{Found, Kind, Vault, VaultError, check_name, new_version_id};

/// Longest value, in bytes.
const VALUE_MAX: usize = 25 * 1024;
/// Longest content type, in characters.
const CONTENT_TYPE_MAX: usize = 255;

/// A secret to be stored.
pub struct NewSecret {
    /// Value.
    pub value: SecretText,
    /// What it is, for whoever reads it.
    pub content_type: Option<String>,
    /// Attributes.
    pub attributes: AttributeChange,
    /// Tags.
    pub tags: Option<Tags>,
}

/// Refuses a content type that is too long.
pub fn check_content_type(text: &str) -> Result<(), VaultError> {
    if text.chars().count() <= CONTENT_TYPE_MAX {
        return Ok(());
    }
    Err(VaultError::bad_parameter(format!(
        "Property contentType has at most {CONTENT_TYPE_MAX} characters."
    )))
}

impl Vault {
    /// Stores a secret as a new version. Once polled, it must be polled to its end.
    pub async fn set_secret(
        &self,
        name: &str,
        new: &NewSecret,
        now: i64,
    ) -> Result<Found, VaultError> {
        check_name(name)?;
        if new.value.expose().len() > VALUE_MAX {
            return Err(VaultError::bad_parameter(format!(
                "The secret value has a length of {} bytes, which exceeds the maximum of {VALUE_MAX}.",
                new.value.expose().len()
            )));
        }
        let mut facts = serde_json::Map::new();
        if let Some(text) = &new.content_type {
            check_content_type(text)?;
            facts.insert("contentType".into(), text.as_str().into());
        }
        let id = new_version_id()?;
        let version = Version {
            id: id.clone(),
            attributes: new.attributes.create(now),
            tags: new.tags.clone(),
            facts,
            order: 0,
        };
        let mut writing = self.shelf.change_of_async(name).await;
        let object = writing.object(Kind::Secret, name);
        self.require_free(Kind::Secret, name, object.as_ref())?;
        let object = object.unwrap_or_else(|| Object::new(Kind::Secret, name));
        writing.add(object, version, new.value.expose().as_bytes())?;
        writing.commit_async().await?;
        self.find(Kind::Secret, name, Some(&id))
    }

    /// The value of a secret that was found; refused while the version is switched off.
    pub fn secret_value(&self, found: &Found) -> Result<SecretBytes, VaultError> {
        if !found.version.attributes.enabled {
            return Err(Kind::Secret.disabled("get"));
        }
        self.shelf.open(&found.object, &found.version)
    }

    /// The version before a version, oldest first; none for the first.
    pub fn previous_version(&self, found: &Found) -> Option<String> {
        let before = |v: &&std::sync::Arc<Version>| v.order < found.version.order;
        found.object.versions.iter().rev().find(before).map(|v| v.id.clone())
    }
}
