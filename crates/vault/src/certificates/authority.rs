//! The vault's own certificate authority: a root that signs one issuing authority, which signs certificates, lists and
//! OCSP answers. Both keys are sealed like any other; neither has twins, so no call hands them out.

use crypto::{KeyKind, KeyPair};
use pki::crl::{REASONS, RevocationList, Revoked};
use pki::{
    Authority, Certificate, Issuer, KeyUsage, Name, PublicKey, Template, new_serial, ocsp,
    self_signed, time::add_months,
};
use serde_json::{Value, json};
use state::{Condition, Op};

use super::IssuerRecord;
use super::issuers::{OWN, Provider};
use crate::{Vault, VaultError};

/// Certificates that an authority signed, by vault, issuer and serial number.
pub(crate) const ISSUED: &str = "vault-issued";
/// Those of them that were revoked, by the same keys: what lists are made of.
pub(crate) const REVOKED: &str = "vault-revoked";

const ROOT_MONTHS: u32 = 240;
const ISSUING_MONTHS: u32 = 120;
/// How long a list or an answer holds: short, so that a copy somewhere does not hide a revocation for long.
const HOLDS: i64 = 60 * 60;
/// How long the root's list holds: it is empty, and the root's key is seldom used.
const ROOT_HOLDS: i64 = 7 * crate::DAY;

/// Where the outside finds what an authority publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorityPlaces {
    /// Scheme, host and port; nothing is written into certificates when it is empty.
    pub origin: String,
}

impl AuthorityPlaces {
    fn apply(&self, template: &mut Template, vault: &str, issuer: &str) {
        if self.origin.is_empty() {
            return;
        }
        let base = format!("{}/pki/{vault}/{issuer}", self.origin);
        template.crl_url = Some(format!("{base}/crl"));
        template.ocsp_url = Some(format!("{base}/ocsp"));
        template.issuer_url = Some(format!("{base}/issuer"));
    }

    /// As [`AuthorityPlaces::apply`], for what the root signs.
    fn apply_of_root(&self, template: &mut Template, vault: &str, issuer: &str) {
        let base = format!("{}/pki/{vault}/{issuer}", self.origin);
        template.crl_url = Some(format!("{base}/root-crl"));
        template.issuer_url = Some(format!("{base}/root"));
    }
}

/// `certificateHold`: may be given by those alone who can take it back, which nobody can here.
const HOLD: u8 = 6;

/// Why a certificate no longer holds, by the number of RFC 5280.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevocationReason(u8);

impl RevocationReason {
    /// Nothing said.
    pub const UNSPECIFIED: Self = Self(0);

    /// From its number; none for numbers that may not be given.
    pub fn from_number(number: u64) -> Option<Self> {
        let number = u8::try_from(number).ok().filter(|n| *n != HOLD)?;
        REASONS.iter().any(|(n, _)| *n == number).then_some(Self(number))
    }

    /// From its name or number.
    pub fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::UNSPECIFIED),
            Value::Number(number) => Self::from_number(number.as_u64()?),
            Value::String(name) => {
                let known = REASONS.iter().find(|(_, n)| n.eq_ignore_ascii_case(name));
                Self::from_number(u64::from(known?.0))
            }
            _ => None,
        }
    }
}

/// A certificate that an authority signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedRecord {
    /// The certificate.
    pub certificate: Certificate,
    /// Who asked: the ACME account; empty for certificates of the vault itself.
    pub account: String,
    /// When and why it was revoked.
    pub revoked: Option<(i64, u8)>,
}

impl IssuedRecord {
    fn to_json(&self) -> Value {
        json!({
            "certificate": super::import::standard_base64(self.certificate.der()),
            "account": self.account,
            "revoked": self.revoked,
        })
    }

    fn from_json(value: &Value) -> Option<Self> {
        let der = super::import::any_base64(value.get("certificate")?.as_str()?)?;
        Some(Self {
            certificate: Certificate::from_der(&der).ok()?,
            account: value.get("account")?.as_str()?.to_owned(),
            revoked: serde_json::from_value(value.get("revoked")?.clone()).ok()?,
        })
    }
}

fn key_place(issuer: &str, which: &str) -> String {
    format!("authority-{}-{which}", issuer.to_ascii_lowercase())
}

fn not_found(issuer: &str) -> VaultError {
    let message = format!("Certificate authority not found: {issuer}");
    VaultError::not_found("CertificateAuthorityNotFound", message)
}

/// The number of a revocation list: later ones have higher numbers. Within a second a list only grows.
fn list_number(now: i64, entries: usize) -> u64 {
    let entries = u64::try_from(entries).unwrap_or(u64::MAX).min(0xffff);
    (u64::try_from(now).unwrap_or_default() << 16) | entries
}

impl Vault {
    fn authority_document(&self, issuer: &str) -> Option<Value> {
        let own = self.own_settings();
        own.get("authorities")?.get(issuer.to_ascii_lowercase()).cloned()
    }

    /// Makes root and issuing authority of an issuer if they are not there yet.
    pub(super) fn ensure_authority(
        &self,
        issuer: &IssuerRecord,
        now: i64,
    ) -> Result<(), VaultError> {
        if self.authority_document(&issuer.name).is_some() {
            return Ok(());
        }
        let name = issuer.name.as_str();
        let organization = issuer.organization.get("id").and_then(Value::as_str);
        let (root, root_key) = self.new_root(name, organization, now)?;
        let (issuing, issuing_key) = new_issuing(name, organization, &root, now)?;
        let sealed = |which: &str, key: &KeyPair| {
            self.seal_aside(OWN, &key_place(name, which), key.to_pkcs8()?.expose())
        };
        let base64 = |c: &Certificate| super::import::standard_base64(c.der());
        let document = json!({
            "root": base64(root.certificate()), "issuing": base64(&issuing),
            "rootKey": sealed("root", &root_key)?, "issuingKey": sealed("issuing", &issuing_key)?,
        });
        self.change_own(|own| {
            let all = own.entry("authorities").or_insert_with(|| json!({}));
            let place = &mut all[name.to_ascii_lowercase()];
            if place.is_null() {
                *place = document;
            }
            Ok(())
        })
    }

    fn new_root(
        &self,
        name: &str,
        organization: Option<&str>,
        now: i64,
    ) -> Result<(Issuer, KeyPair), VaultError> {
        let key = KeyPair::generate(KeyKind::P384)?;
        let template = Template {
            subject: authority_name(name, organization, "root")?,
            usage: KeyUsage::AUTHORITY,
            not_before: now - 600,
            not_after: add_months(now, ROOT_MONTHS),
            authority: Some(Authority { path_length: Some(1) }),
            ..Template::default()
        };
        let certificate = self_signed(&template, &key, &new_serial()?)?;
        let again = KeyPair::from_der(key.to_pkcs8()?.expose())?;
        Ok((Issuer::new(certificate, again)?, key))
    }

    /// The authority's certificates: issuing first, then root.
    pub fn authority_chain(&self, issuer: &str) -> Result<Vec<Certificate>, VaultError> {
        let document = self.authority_document(issuer).ok_or_else(|| not_found(issuer))?;
        let read = |name: &str| {
            let der = super::import::any_base64(document.get(name)?.as_str()?)?;
            Certificate::from_der(&der).ok()
        };
        let chain = [read("issuing"), read("root")].into_iter().collect::<Option<Vec<_>>>();
        chain.ok_or_else(|| VaultError::damaged("the certificate authority"))
    }

    /// The authority's certificates as PEM: issuing first, then root.
    pub fn authority_pem(&self, issuer: &str) -> Result<Vec<u8>, VaultError> {
        Ok(pki::pem::certificates(&self.authority_chain(issuer)?).into_bytes())
    }

    fn signer(&self, issuer: &str) -> Result<Issuer, VaultError> {
        self.signer_of(issuer, "issuing", 0)
    }

    /// One of the authority's two: the name of its key, and its place in the chain.
    fn signer_of(&self, issuer: &str, which: &str, at: usize) -> Result<Issuer, VaultError> {
        let document = self.authority_document(issuer).ok_or_else(|| not_found(issuer))?;
        let sealed = document.get(format!("{which}Key")).cloned().unwrap_or_default();
        let key = self.open_aside(OWN, &key_place(issuer, which), &sealed)?;
        let key = KeyPair::from_der(key.expose())?;
        let certificate = self.authority_chain(issuer)?.into_iter().nth(at);
        let certificate =
            certificate.ok_or_else(|| VaultError::damaged("the certificate authority"))?;
        Ok(Issuer::new(certificate, key)?)
    }

    /// The issuing certificate says where the root's list is: it is signed anew, over the same key, where it names no
    /// place or another one.
    fn ensure_places(
        &self,
        issuer: &str,
        places: &AuthorityPlaces,
        now: i64,
    ) -> Result<(), VaultError> {
        let document = self.authority_document(issuer).ok_or_else(|| not_found(issuer))?;
        let named = document.get("origin").and_then(Value::as_str).unwrap_or_default();
        if places.origin.is_empty() || named == places.origin {
            return Ok(());
        }
        let root = self.signer_of(issuer, "root", 1)?;
        let before = self.authority_chain(issuer)?.into_iter().next();
        let before = before.ok_or_else(|| VaultError::damaged("the certificate authority"))?;
        if before.not_after() <= now {
            return Ok(());
        }
        let mut template = issuing_template(before.subject().clone(), now, before.not_after());
        places.apply_of_root(&mut template, &self.id, &issuer.to_ascii_lowercase());
        let made = root.issue(&template, before.public_key(), &new_serial()?)?;
        self.change_own(|own| {
            let all = own.get_mut("authorities").and_then(Value::as_object_mut);
            if let Some(kept) = all.and_then(|all| all.get_mut(&issuer.to_ascii_lowercase())) {
                kept["issuing"] = json!(super::import::standard_base64(made.der()));
                kept["origin"] = json!(places.origin);
            }
            Ok(())
        })
    }

    /// Signs a certificate; it is on record before it leaves. The chain comes back, without the root.
    pub(crate) fn issue(
        &self,
        issuer: &str,
        template: &mut Template,
        key: &PublicKey,
        places: &AuthorityPlaces,
        now: i64,
    ) -> Result<Vec<Certificate>, VaultError> {
        self.issue_for(issuer, "", template, key, places, now)
    }

    /// As [`Vault::issue`], for an account of the ACME server.
    pub fn issue_for(
        &self,
        issuer: &str,
        account: &str,
        template: &mut Template,
        key: &PublicKey,
        places: &AuthorityPlaces,
        now: i64,
    ) -> Result<Vec<Certificate>, VaultError> {
        self.ensure_places(issuer, places, now)?;
        let signer = self.signer(issuer)?;
        if signer.certificate().not_after() <= now {
            return Err(VaultError::forbidden(
                "CertificateAuthorityExpired",
                format!("The certificate authority {issuer} has expired."),
            ));
        }
        places.apply(template, &self.id, &issuer.to_ascii_lowercase());
        let made = signer.issue(template, key, &new_serial()?)?;
        let record =
            IssuedRecord { certificate: made.clone(), account: account.to_owned(), revoked: None };
        let id = self.issued_key(issuer, &made.serial_hex());
        self.shelf.store().put(ISSUED, &id, record.to_json(), Condition::Absent)?;
        Ok(vec![made, signer.certificate().clone()])
    }

    fn issued_key(&self, issuer: &str, serial: &str) -> String {
        format!("{}/{}/{serial}", self.id, issuer.to_ascii_lowercase())
    }

    /// A certificate that an authority signed, by serial number in hexadecimal.
    pub fn issued(&self, issuer: &str, serial: &str) -> Result<Option<IssuedRecord>, VaultError> {
        let document = self.shelf.store().get(ISSUED, &self.issued_key(issuer, serial))?;
        Ok(document.and_then(|d| IssuedRecord::from_json(&d.value)))
    }

    /// Revokes a certificate. It is on every list and in every answer from now on.
    pub fn revoke(
        &self,
        issuer: &str,
        serial: &str,
        reason: RevocationReason,
        now: i64,
    ) -> Result<IssuedRecord, VaultError> {
        let record = self.issued(issuer, serial)?;
        let mut record = record.ok_or_else(|| {
            let message =
                format!("{issuer} did not issue a certificate with serial number {serial}.");
            VaultError::not_found("CertificateNotFound", message)
        })?;
        if record.revoked.is_some() {
            return Err(VaultError::conflict(
                "CertificateAlreadyRevoked",
                "The certificate is revoked already.",
            ));
        }
        record.revoked = Some((now, reason.0));
        let (key, value) = (self.issued_key(issuer, serial), record.to_json());
        let revoked =
            json!({ "until": record.certificate.not_after(), "at": now, "reason": reason.0 });
        let put = |collection: &str, value: Value, condition| Op::Put {
            collection: collection.into(),
            key: key.clone(),
            value,
            condition,
        };
        self.shelf.store().apply(vec![
            put(REVOKED, revoked, Condition::Absent),
            put(ISSUED, value, Condition::Exists),
        ])?;
        Ok(record)
    }

    /// Revokes a version of a certificate of the vault that one of its own authorities signed.
    pub fn revoke_certificate(
        &self,
        name: &str,
        version: Option<&str>,
        reason: RevocationReason,
        now: i64,
    ) -> Result<IssuedRecord, VaultError> {
        let found = self.find(crate::Kind::Certificate, name, version)?;
        let facts = super::CertificateFacts::of(&found.version);
        let certificate = facts.ok_or_else(|| VaultError::damaged(name))?.certificate;
        for issuer in self.authorities() {
            let signs =
                self.authority_chain(&issuer)?.first().is_some_and(|a| certificate.is_signed_by(a));
            if signs {
                return self.revoke(&issuer, &certificate.serial_hex(), reason, now);
            }
        }
        Err(VaultError::bad_parameter(format!(
            "The certificate {name} was not issued by an authority of this vault; revoke it where it was issued."
        )))
    }

    /// Names of the vault's authorities, those whose issuer is gone included.
    pub fn authorities(&self) -> Vec<String> {
        let own = self.own_settings();
        let all = own.get("authorities").and_then(Value::as_object);
        all.into_iter().flatten().map(|(name, _)| name.clone()).collect()
    }

    /// True when the issuer is there, switched on, and an authority of this vault.
    pub fn is_authority(&self, issuer: &str) -> bool {
        self.issuer(issuer).is_ok_and(|i| i.enabled && i.provider == Provider::PrivateAuthority)
    }

    /// The revocation list as of now, in DER.
    pub fn revocation_list(&self, issuer: &str, now: i64) -> Result<Vec<u8>, VaultError> {
        let signer = self.signer(issuer)?;
        let prefix = self.issued_key(issuer, "");
        let mut revoked = Vec::new();
        for document in self.shelf.store().list_all(REVOKED, &prefix)? {
            let read = || {
                let number = |name: &str| document.value.get(name)?.as_i64();
                let serial = hex::decode(document.key.rsplit('/').next()?).ok()?;
                let reason = u8::try_from(number("reason")?).ok()?;
                Some((number("until")?, Revoked { serial, at: number("at")?, reason }))
            };
            let (until, entry) = read().ok_or_else(|| VaultError::damaged(&document.key))?;
            if until + crate::DAY > now {
                revoked.push(entry);
            }
        }
        let number = list_number(now, revoked.len());
        let list = RevocationList { number, this_update: now, next_update: now + HOLDS, revoked };
        Ok(list.sign(&signer)?)
    }

    /// The root's revocation list as of now, in DER. The issuing authority is never on it.
    pub fn root_list(&self, issuer: &str, now: i64) -> Result<Vec<u8>, VaultError> {
        let number = list_number(now, 0);
        let (this_update, next_update) = (now, now + ROOT_HOLDS);
        let list = RevocationList { number, this_update, next_update, revoked: Vec::new() };
        Ok(list.sign(&self.signer_of(issuer, "root", 1)?)?)
    }

    /// The answer to an OCSP request, in DER. What cannot be answered gets OCSP's own failures.
    pub fn ocsp(&self, issuer: &str, request: &[u8], now: i64) -> Result<Vec<u8>, VaultError> {
        let signer = self.signer(issuer)?;
        let Ok(request) = ocsp::Request::from_der(request) else {
            return Ok(ocsp::failure(ocsp::Failure::Malformed));
        };
        let mut states = Vec::new();
        for id in &request.certificates {
            if !id.is_of(signer.certificate()) {
                return Ok(ocsp::failure(ocsp::Failure::Unauthorized));
            }
            let record = self.issued(issuer, &hex::encode(&id.serial))?;
            states.push((
                id.serial.clone(),
                match record.map(|r| r.revoked) {
                    None => ocsp::Status::Unknown,
                    Some(None) => ocsp::Status::Good,
                    Some(Some((at, reason))) => ocsp::Status::Revoked { at, reason },
                },
            ));
        }
        let status = |id: &ocsp::CertificateId| {
            let known = states.iter().find(|(serial, _)| *serial == id.serial);
            known.map_or(ocsp::Status::Unknown, |(_, status)| *status)
        };
        Ok(ocsp::answer(&signer, &request, status, now, now + HOLDS)?)
    }
}

/// A revocation list as PEM.
pub fn pem_of_list(der: &[u8]) -> Vec<u8> {
    pki::pem::block("X509 CRL", der).into_bytes()
}

fn authority_name(name: &str, organization: Option<&str>, what: &str) -> Result<Name, VaultError> {
    let organization = organization.filter(|o| !o.is_empty()).unwrap_or("vedette");
    let quoted = organization.replace('"', "\"\"");
    Ok(Name::parse(&format!("CN={name} {what}, O=\"{quoted}\""))?)
}

fn issuing_template(subject: Name, now: i64, not_after: i64) -> Template {
    Template {
        subject,
        usage: KeyUsage::AUTHORITY,
        not_before: now - 600,
        not_after,
        authority: Some(Authority { path_length: Some(0) }),
        ..Template::default()
    }
}

fn new_issuing(
    name: &str,
    organization: Option<&str>,
    root: &Issuer,
    now: i64,
) -> Result<(Certificate, KeyPair), VaultError> {
    let key = KeyPair::generate(KeyKind::P256)?;
    let subject = authority_name(name, organization, "issuing")?;
    let template = issuing_template(subject, now, add_months(now, ISSUING_MONTHS));
    let public = PublicKey::from_der(key.spki()).ok_or_else(|| VaultError::damaged("the key"))?;
    Ok((root.issue(&template, &public, &new_serial()?)?, key))
}
