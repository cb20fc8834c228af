//! Changes of a certificate that stands: its policy, and the metadata of a version with its twins.

use serde_json::Value;

use super::Policy;
use super::bundle::policy_of;
use crate::{AttributeChange, Found, Kind, Object, Tags, Vault, VaultError};

/// What is to change; what is null or none stays.
#[derive(Default)]
pub struct CertificateChange {
    /// Policy, as sent.
    pub policy: Value,
    /// Switched on or off: all else of the attributes is the certificate's own.
    pub enabled: Option<bool>,
    /// Tags.
    pub tags: Option<Tags>,
}

impl Vault {
    /// Changes a version of a certificate, the newest for none, and its policy: all of it, or nothing.
    pub fn update_certificate(
        &self,
        name: &str,
        version: Option<&str>,
        change: &CertificateChange,
        now: i64,
    ) -> Result<Found, VaultError> {
        crate::check_name(name)?;
        let mut writing = self.shelf.change_of(name);
        let mut object = writing.live(Kind::Certificate, name)?;
        let found = object.version(version).map(|version| version.id.clone());
        let id = found.ok_or_else(|| Kind::Certificate.not_found(name, version))?;
        if !change.policy.is_null() {
            self.change_policy(&mut object, &change.policy, now)?;
        }
        // the twins follow: switched off is switched off
        let twins = [Kind::Secret, Kind::Key].into_iter().filter_map(|k| writing.object(k, name));
        let mut family: Vec<Object> = twins.filter(|twin| twin.managed).collect();
        family.push(object);
        let attributes = AttributeChange { enabled: change.enabled, ..AttributeChange::default() };
        for mut member in family {
            if let Some(old) = member.version(Some(&id)) {
                let mut changed = (**old).clone();
                changed.attributes = attributes.apply(&old.attributes, now)?;
                changed.tags = change.tags.clone().or(changed.tags);
                member.replace(changed);
            }
            writing.put(member);
        }
        writing.commit()?;
        self.find(Kind::Certificate, name, Some(&id))
    }

    /// Changes the policy of a certificate, which may still wait for its first version.
    pub fn update_certificate_policy(
        &self,
        name: &str,
        change: &Value,
        now: i64,
    ) -> Result<Policy, VaultError> {
        crate::check_name(name)?;
        let mut writing = self.shelf.change_of(name);
        let mut object = writing.live(Kind::Certificate, name)?;
        let policy = self.change_policy(&mut object, change, now)?;
        writing.put(object);
        writing.commit()?;
        Ok(policy)
    }

    fn change_policy(
        &self,
        object: &mut Object,
        change: &Value,
        now: i64,
    ) -> Result<Policy, VaultError> {
        let policy = policy_of(object).ok_or_else(|| VaultError::damaged(&object.name))?;
        let policy = policy.changed(change, now)?;
        self.require_policy_hardware(&policy)?;
        self.check_issuer(&policy.issuer)?;
        object.settings.insert("policy".into(), policy.to_json());
        Ok(policy)
    }
}
