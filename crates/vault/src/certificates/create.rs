//! Certificates made here: a request becomes an operation, an issuer answers it, the answer becomes a version.

use std::collections::BTreeSet;

use crypto::KeyPair;
use pki::{Certificate, Name, SigningRequest, Template, new_serial, self_signed, time::add_months};
use serde_json::Value;

use super::bundle::policy_of;
use super::import::in_order;
use super::issuers::Provider;
use super::pending::{PendingStatus, not_found, pending_place};
use super::twins::NewVersion;
use super::{Pending, Policy, check_certificate_name};
use crate::{AttributeChange, Found, Kind, Object, Tags, Vault, VaultError};

/// Certificates begin this long before they are made: clocks of others may be behind.
const BACKDATED: i64 = 10 * 60;

/// Why a version is made.
pub(super) enum Cause {
    /// Somebody wants it; whether the chain of a merge stays as it comes.
    Asked { keeps_order: bool },
    /// It is time.
    Renewal,
}

/// What is done next with an operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// It is over, one way or the other.
    Over(Pending),
    /// It was over already, or somebody else ended it meanwhile.
    Ended(Pending),
    /// It waits for somebody to merge the answer of an authority elsewhere.
    Waits(Pending),
    /// An ACME server is to be asked; see `acme_wish`.
    Acme(Pending),
}

impl Policy {
    /// What a certificate of this policy says.
    pub(crate) fn template(&self, now: i64) -> Result<Template, VaultError> {
        let start = now - BACKDATED;
        Ok(Template {
            subject: Name::parse(&self.subject)?,
            names: self.names.clone(),
            usage: self.usage,
            extended_usage: self.extended_usage.clone(),
            not_before: start,
            not_after: add_months(start, self.months) - 1,
            ..Template::default()
        })
    }
}

impl Vault {
    /// Begins a certificate, or its next version: checks the policy, makes the key and the signing request. Takes as
    /// long as making a key does. The version itself comes with [`Vault::advance_certificate`].
    pub fn create_certificate(
        &self,
        name: &str,
        policy: &Value,
        attributes: &Value,
        tags: Option<Tags>,
        keeps_order: bool,
        now: i64,
    ) -> Result<Pending, VaultError> {
        check_certificate_name(name)?;
        AttributeChange::from_json(attributes)?;
        let object = self.shelf.object(Kind::Certificate, name);
        let before = object.as_deref().and_then(policy_of);
        let policy = match (policy, before) {
            (Value::Null, Some(before)) => before,
            (Value::Null, None) => {
                return Err(VaultError::bad_parameter("Property policy is required."));
            }
            (sent, before) => {
                let mut fresh = Policy::standard("", "Self", now);
                fresh.created = before.map_or(now, |b| b.created);
                fresh.changed(sent, now)?
            }
        };
        self.require_policy_hardware(&policy)?;
        self.begin(name, policy, attributes, tags, Cause::Asked { keeps_order }, now)
    }

    /// As [`Vault::create_certificate`], with a policy that was checked.
    pub(super) fn begin(
        &self,
        name: &str,
        policy: Policy,
        attributes: &Value,
        tags: Option<Tags>,
        cause: Cause,
        now: i64,
    ) -> Result<Pending, VaultError> {
        self.check_issuer(&policy.issuer)?;
        self.check_startable(name)?;
        let key = self.next_key(name, &policy)?;
        let csr = SigningRequest::create(&self.asked(&policy, now)?, &key)?;
        let version = crate::new_version_id()?;
        let sealed = self.seal_aside(name, &pending_place(&version), key.to_pkcs8()?.expose())?;
        let (renewal, keeps_order) = match cause {
            Cause::Asked { keeps_order } => (false, keeps_order),
            Cause::Renewal => {
                let before = self.find(Kind::Certificate, name, None);
                (true, before.is_ok_and(|found| found.version.keeps_chain_order()))
            }
        };
        let pending = Pending {
            request_id: crate::new_version_id()?,
            version,
            status: PendingStatus::InProgress,
            issuer: policy.issuer.clone(),
            csr,
            cancellation_requested: false,
            details: Some(
                match policy.is_issued_elsewhere() {
                    true => "Pending certificate created. Please Perform Merge to complete the request.",
                    false => "Pending certificate created. Certificate request is in progress. This may take some time based on the issuer provider. Please check again later.",
                }
                .to_owned(),
            ),
            error: None,
            created: now,
            renewal,
            exportable: policy.exportable,
            keeps_order,
            attributes: attributes.clone(),
            tags,
            key: sealed,
        };
        let mut writing = self.shelf.change();
        self.check_startable(name)?; // again: making a key takes its time
        let object = writing.object(Kind::Certificate, name);
        let mut object = object.unwrap_or_else(|| Object::new(Kind::Certificate, name));
        object.settings.insert("policy".into(), policy.to_json());
        object.settings.insert("pending".into(), pending.to_json());
        writing.put(object);
        writing.commit()?;
        Ok(pending)
    }

    /// What the request says. ACME servers want every name among the alternative ones.
    fn asked(&self, policy: &Policy, now: i64) -> Result<Template, VaultError> {
        let mut template = policy.template(now)?;
        if self.issuer(&policy.issuer).is_ok_and(|issuer| issuer.provider == Provider::Acme)
            && let Some(common) = template.subject.common_name()
            && pki::is_dns_name(common)
            && !template.names.dns.iter().any(|name| name.eq_ignore_ascii_case(common))
        {
            let common = common.to_ascii_lowercase();
            template.names.dns.insert(0, common);
        }
        Ok(template)
    }

    fn check_startable(&self, name: &str) -> Result<(), VaultError> {
        self.check_object(name, self.shelf.object(Kind::Certificate, name).as_deref())?;
        for kind in [Kind::Secret, Kind::Key] {
            let twin = self.shelf.object(kind, name).filter(|twin| !twin.managed);
            if twin.is_some() {
                let word = kind.word();
                return Err(VaultError::new(
                    409,
                    "Conflict",
                    format!(
                        "A {word} named {name} exists already; a certificate needs its name for a {word} of its own."
                    ),
                ));
            }
        }
        Ok(())
    }

    fn check_object(&self, name: &str, object: Option<&Object>) -> Result<(), VaultError> {
        self.require_free(Kind::Certificate, name, object)?;
        let pending = object.and_then(|o| Pending::from_json(o.settings.get("pending")?));
        if pending.is_some_and(|p| p.is_open()) {
            return Err(VaultError::new(
                409,
                "Conflict",
                format!(
                    "A new key vault certificate can not be created or imported while a pending key vault certificate's status is inProgress: {name}"
                ),
            ));
        }
        Ok(())
    }

    /// The key of the next version: a new one, or the one before where the policy keeps it. A key that was made to
    /// stay in the vault is not kept for versions whose key may leave.
    fn next_key(&self, name: &str, policy: &Policy) -> Result<KeyPair, VaultError> {
        if policy.reuse_key
            && let Ok(found) = self.find(Kind::Certificate, name, None)
            && (!policy.exportable || self.is_exportable(&found))
        {
            let key = self.certificate_key(&found)?;
            if key.kind() == policy.key {
                return Ok(key);
            }
        }
        let kind = policy.key;
        Ok(self.generator().run(move || KeyPair::generate(kind))??)
    }

    /// Takes an operation as far as it goes without anybody outside: may be called again and again, by several at once.
    pub fn advance_certificate(
        &self,
        name: &str,
        places: &super::AuthorityPlaces,
        now: i64,
    ) -> Result<Step, VaultError> {
        let pending = self.pending(name)?;
        if !pending.is_open() {
            return Ok(Step::Ended(pending));
        }
        let version = pending.version.clone();
        self.advance(name, pending, places, now).or_else(|error| match self.pending(name) {
            Ok(pending) if pending.version == version && !pending.is_open() => {
                Ok(Step::Ended(pending)) // the key it needed is gone, and so is the need
            }
            _ => Err(error),
        })
    }

    fn advance(
        &self,
        name: &str,
        pending: Pending,
        places: &super::AuthorityPlaces,
        now: i64,
    ) -> Result<Step, VaultError> {
        let policy = self.certificate_policy(name)?;
        let chain = if pending.issuer.eq_ignore_ascii_case("Unknown") {
            return Ok(Step::Waits(pending));
        } else if pending.issuer.eq_ignore_ascii_case("Self") {
            let key = self.pending_key(name, &pending)?;
            self_signed(&policy.template(now)?, &key, &new_serial()?)
                .map(|made| vec![made])
                .map_err(VaultError::from)
        } else {
            match self.issuer(&pending.issuer).map(|i| i.provider) {
                Ok(Provider::Acme) => return Ok(Step::Acme(pending)),
                Ok(Provider::PrivateAuthority) => {
                    let request = SigningRequest::from_der(&pending.csr)?;
                    let mut template = policy.template(now)?;
                    self.issue(&pending.issuer, &mut template, request.public_key(), places, now)
                }
                Ok(Provider::Other(_)) => return Ok(Step::Waits(pending)),
                Err(error) => Err(error),
            }
        };
        match chain {
            Ok(chain) => {
                self.complete(name, &pending.version, &chain, None, None, now).map(|_| ())?
            }
            Err(error) if error.status == 503 => return Err(error),
            Err(error) => self.fail_pending(name, &pending.version, error.code, &error.message)?,
        }
        self.pending(name).map(Step::Over)
    }

    /// Ends an operation without a version, if it still is the one that was begun: another may have taken its place.
    pub fn fail_pending(
        &self,
        name: &str,
        version: &str,
        code: &str,
        message: &str,
    ) -> Result<(), VaultError> {
        let failed = self.change_pending(name, |pending| {
            if !pending.is_open() || pending.version != version {
                return Err(not_found(name));
            }
            pending.error = Some((code.to_owned(), message.to_owned()));
            pending.end(PendingStatus::Failed);
            Ok(())
        });
        match failed {
            Err(error) if error.status != 404 => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes in what an authority elsewhere made of the signing request: the certificate, and those above it.
    pub fn merge_certificate(
        &self,
        name: &str,
        chain: Vec<Certificate>,
        attributes: AttributeChange,
        tags: Option<Tags>,
        now: i64,
    ) -> Result<Found, VaultError> {
        let pending = self.pending(name)?;
        if !pending.is_open() {
            return Err(not_found(name));
        }
        let key = self.pending_key(name, &pending)?;
        let chain = in_order(chain, &key, pending.keeps_order).ok_or_else(|| {
            VaultError::bad_parameter(
                "Property x5c: the public key of the end-entity certificate does not match that of the pending certificate's request.",
            )
        })?;
        self.complete(name, &pending.version, &chain, Some(attributes), tags, now)
    }

    /// Makes the pending version real, if it is still the one wanted.
    pub fn complete(
        &self,
        name: &str,
        version: &str,
        chain: &[Certificate],
        change: Option<AttributeChange>,
        tags: Option<Tags>,
        now: i64,
    ) -> Result<Found, VaultError> {
        let mut writing = self.shelf.change();
        let object = writing.object(Kind::Certificate, name).filter(|o| o.deleted.is_none());
        let mut object = object.ok_or_else(|| not_found(name))?;
        let pending = object.settings.get("pending").and_then(Pending::from_json);
        let pending = pending.filter(|p| p.is_open() && p.version == version);
        let mut pending = pending.ok_or_else(|| not_found(name))?;
        let policy = policy_of(&object).ok_or_else(|| VaultError::damaged(name))?;
        let key = self.pending_key(name, &pending)?;
        if !chain.first().is_some_and(|leaf| leaf.belongs_to(&key)) {
            return Err(VaultError::bad_parameter("The certificate is not for the pending key."));
        }
        let change = change.unwrap_or_default();
        let before = pending.change();
        let change = AttributeChange {
            enabled: change.enabled.or(before.enabled),
            ..AttributeChange::default()
        };
        let tags = tags.or_else(|| pending.tags.clone());
        pending.details = None;
        pending.end(PendingStatus::Completed);
        object.settings.insert("pending".into(), pending.to_json());
        let exportable = policy.exportable && pending.exportable;
        let policy = Policy { exportable, ..policy };
        let keeps_order = pending.keeps_order;
        let new = NewVersion {
            id: version,
            key: &key,
            chain,
            keeps_order,
            policy: &policy,
            change,
            tags,
        };
        self.add_version(&mut writing, object, &new, now)?;
        writing.commit()?;
        self.find(Kind::Certificate, name, Some(version))
    }

    /// Certificates whose operation still waits for somebody here.
    pub fn open_operations(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        self.shelf.walk(Kind::Certificate, "", |object| {
            let pending = object.settings.get("pending").and_then(Pending::from_json);
            if object.deleted.is_none() && pending.is_some_and(|p| p.is_open()) {
                names.insert(object.name.clone());
            }
            true
        });
        names.into_iter().collect()
    }

    /// Those of them that wait for an ACME server.
    pub fn acme_operations(&self) -> Vec<String> {
        let is_acme = |name: &String| {
            let issuer = self.pending(name).and_then(|pending| self.issuer(&pending.issuer));
            issuer.is_ok_and(|issuer| issuer.provider == Provider::Acme)
        };
        self.open_operations().into_iter().filter(is_acme).collect()
    }

    /// What an ACME server is to be asked for a pending certificate: names and signing request.
    pub fn acme_names(pending: &Pending) -> Result<Vec<pki::acme::Identifier>, VaultError> {
        let request = SigningRequest::from_der(&pending.csr)?;
        let identifier =
            |kind: &str, value: String| pki::acme::Identifier { kind: kind.to_owned(), value };
        let mut names: BTreeSet<_> =
            request.names().dns.iter().map(|n| identifier("dns", n.to_ascii_lowercase())).collect();
        names.extend(request.names().addresses.iter().map(|a| identifier("ip", a.to_string())));
        if let Some(common) = request.subject().common_name()
            && pki::is_dns_name(common)
        {
            names.insert(identifier("dns", common.to_ascii_lowercase()));
        }
        Ok(names.into_iter().collect())
    }
}
