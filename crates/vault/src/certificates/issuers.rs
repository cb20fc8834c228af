//! Issuers of a vault: who makes certificates when a policy names them. The vault's own private authority and ACME servers
//! work by themselves; others are kept as sent, and their certificates wait for a merge.

use serde_json::{Map, Value, json};

use crate::{Kind, Object, Vault, VaultError};

/// The object that holds what belongs to all certificates of a vault; no certificate can have this name.
pub(crate) const OWN: &str = "~certificates";

/// What makes the certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provider {
    /// The vault's own authority: root and issuing authority, made when the issuer is.
    PrivateAuthority,
    /// An ACME server, whose directory is the organization's id.
    Acme,
    /// Somebody else, by name.
    Other(String),
}

impl Provider {
    fn from_name(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "privateca" | "private" | "vedette" => Self::PrivateAuthority,
            "acme" => Self::Acme,
            _ => Self::Other(name.to_owned()),
        }
    }

    /// As Azure writes it.
    pub fn name(&self) -> &str {
        match self {
            Self::PrivateAuthority => "PrivateCA",
            Self::Acme => "ACME",
            Self::Other(name) => name,
        }
    }
}

/// An issuer.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuerRecord {
    /// Its name.
    pub name: String,
    /// What makes the certificates.
    pub provider: Provider,
    /// Name of the account; for ACME that of the external account binding.
    pub account_id: Option<String>,
    /// `org_details`, as sent.
    pub organization: Value,
    /// Settings of the ACME server or client that stand here, as sent.
    pub acme: Value,
    /// Switched on.
    pub enabled: bool,
    /// First stored.
    pub created: i64,
    /// Last changed.
    pub updated: i64,
    /// The account's password, sealed.
    pub(super) password: Value,
}

impl IssuerRecord {
    fn to_json(&self) -> Value {
        json!({
            "name": self.name, "provider": self.provider.name(), "accountId": self.account_id,
            "organization": self.organization, "acme": self.acme, "enabled": self.enabled,
            "created": self.created, "updated": self.updated, "password": self.password,
        })
    }

    fn from_json(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            name: text("name")?,
            provider: Provider::from_name(&text("provider")?),
            account_id: text("accountId"),
            organization: value.get("organization")?.clone(),
            acme: value.get("acme").cloned().unwrap_or_default(),
            enabled: value.get("enabled")?.as_bool()?,
            created: value.get("created")?.as_i64()?,
            updated: value.get("updated")?.as_i64()?,
            password: value.get("password")?.clone(),
        })
    }

    /// ACME: where the server's directory is.
    pub fn directory(&self) -> Option<&str> {
        self.organization.get("id").and_then(Value::as_str).filter(|id| !id.is_empty())
    }

    /// Mail addresses of its administrators.
    pub fn emails(&self) -> Vec<String> {
        let list = self.organization.get("admin_details").and_then(Value::as_array);
        let emails = list.into_iter().flatten().filter_map(|a| a.get("email")?.as_str());
        emails.map(str::to_owned).collect()
    }
}

/// Where an issuer's password is sealed.
pub(super) fn password_place(name: &str) -> String {
    format!("issuer-{}", name.to_ascii_lowercase())
}

fn not_found() -> VaultError {
    VaultError::not_found("CertificateIssuerNotFound", "Issuer not found")
}

impl Vault {
    /// The object with what belongs to all certificates.
    pub(crate) fn own_settings(&self) -> Map<String, Value> {
        let object = self.shelf.object(Kind::Certificate, OWN);
        object.map(|o| o.settings.clone()).unwrap_or_default()
    }

    /// Changes it.
    pub(crate) fn change_own<T>(
        &self,
        change: impl FnOnce(&mut Map<String, Value>) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let mut writing = self.shelf.change();
        let object = writing.object(Kind::Certificate, OWN);
        let mut object = object.unwrap_or_else(|| Object::new(Kind::Certificate, OWN));
        let out = change(&mut object.settings)?;
        writing.put(object);
        writing.commit()?;
        Ok(out)
    }

    fn issuer_records(&self) -> Vec<IssuerRecord> {
        let own = self.own_settings();
        let issuers = own.get("issuers").and_then(Value::as_object);
        let mut found: Vec<IssuerRecord> =
            issuers.into_iter().flatten().filter_map(|(_, v)| IssuerRecord::from_json(v)).collect();
        found.sort_by_key(|i| i.name.to_ascii_lowercase());
        found
    }

    /// All issuers, by name.
    pub fn issuers(&self) -> Vec<IssuerRecord> {
        self.issuer_records()
    }

    /// An issuer by name.
    pub fn issuer(&self, name: &str) -> Result<IssuerRecord, VaultError> {
        let found = self.issuer_records().into_iter().find(|i| i.name.eq_ignore_ascii_case(name));
        found.ok_or_else(not_found)
    }

    /// Refuses a policy whose issuer is unknown to the vault.
    pub(super) fn check_issuer(&self, name: &str) -> Result<(), VaultError> {
        if ["self", "unknown"].iter().any(|n| name.eq_ignore_ascii_case(n)) {
            return Ok(());
        }
        match self.issuer(name) {
            Ok(issuer) if issuer.enabled => Ok(()),
            Ok(_) => Err(VaultError::bad_parameter(format!("The issuer {name} is disabled."))),
            Err(_) => Err(VaultError::bad_parameter(format!(
                "Property policy.issuer.name: issuer not found: {name}. Use Self, Unknown or an issuer of this vault."
            ))),
        }
    }

    /// Stores an issuer (`replaces`), or changes what the JSON names. A private authority is made with its issuer.
    pub fn set_issuer(
        &self,
        name: &str,
        sent: &Value,
        replaces: bool,
        now: i64,
    ) -> Result<IssuerRecord, VaultError> {
        crate::check_name(name)?;
        if ["self", "unknown"].iter().any(|n| name.eq_ignore_ascii_case(n)) {
            return Err(VaultError::bad_parameter("Self and Unknown are no names for an issuer."));
        }
        let before = self.issuer(name).ok();
        if before.is_none() && !replaces {
            return Err(not_found());
        }
        let record = self.changed_issuer(name, before, sent, replaces, now)?;
        self.change_own(|own| {
            let issuers = own.entry("issuers").or_insert_with(|| json!({}));
            issuers[name.to_ascii_lowercase()] = record.to_json();
            Ok(())
        })?;
        if record.provider == Provider::PrivateAuthority {
            self.ensure_authority(&record, now)?;
        }
        Ok(record)
    }

    fn changed_issuer(
        &self,
        name: &str,
        before: Option<IssuerRecord>,
        sent: &Value,
        replaces: bool,
        now: i64,
    ) -> Result<IssuerRecord, VaultError> {
        let created = before.as_ref().map_or(now, |b| b.created);
        let fresh = IssuerRecord {
            name: before.as_ref().map_or_else(|| name.to_owned(), |b| b.name.clone()),
            provider: Provider::Other(String::new()),
            account_id: None,
            organization: Value::Null,
            acme: Value::Null,
            enabled: true,
            created,
            updated: now,
            password: Value::Null,
        };
        let mut record = before.filter(|_| !replaces).unwrap_or(fresh);
        record.updated = now;
        let given = |name: &str| sent.get(name).filter(|v| !v.is_null());
        if let Some(provider) = given("provider") {
            let provider = provider.as_str().filter(|p| !p.is_empty() && p.len() <= 100);
            record.provider = Provider::from_name(provider.ok_or_else(no_provider)?);
        }
        if record.provider.name().is_empty() {
            return Err(no_provider());
        }
        if let Some(credentials) = given("credentials") {
            let text = |name: &str| credentials.get(name).and_then(Value::as_str);
            if let Some(account) = text("account_id") {
                record.account_id = Some(account.to_owned());
            }
            if let Some(password) = text("pwd") {
                record.password =
                    self.seal_aside(OWN, &password_place(name), password.as_bytes())?;
            }
        }
        if let Some(organization) = given("org_details") {
            record.organization = organization.clone();
        }
        if let Some(acme) = given("acme") {
            crate::acme::check_settings(&record.provider, acme)?;
            record.acme = merged(&record.acme, acme);
        }
        if let Some(enabled) = given("attributes").and_then(|a| a.get("enabled")?.as_bool()) {
            record.enabled = enabled;
        }
        if record.provider == Provider::Acme && record.directory().is_none() {
            return Err(VaultError::bad_parameter(
                "An ACME issuer needs the address of the server's directory in org_details.id.",
            ));
        }
        let is_https = |directory: &str| directory.starts_with("https://");
        if record.provider == Provider::Acme && !record.directory().is_some_and(is_https) {
            return Err(VaultError::bad_parameter(
                "Property org_details.id: the directory of an ACME server is an https address.",
            ));
        }
        Ok(record)
    }

    /// Forgets an issuer. Certificates it made stay; a private authority stays as well, and answers for them.
    pub fn delete_issuer(&self, name: &str) -> Result<IssuerRecord, VaultError> {
        let record = self.issuer(name)?;
        self.change_own(|own| {
            if let Some(issuers) = own.get_mut("issuers").and_then(Value::as_object_mut) {
                issuers.remove(&name.to_ascii_lowercase());
            }
            Ok(())
        })?;
        Ok(record)
    }

    /// An issuer's password, for whoever calls it.
    pub fn issuer_password(
        &self,
        issuer: &IssuerRecord,
    ) -> Result<Option<crypto::SecretBytes>, VaultError> {
        if issuer.password.is_null() {
            return Ok(None);
        }
        self.open_aside(OWN, &password_place(&issuer.name), &issuer.password).map(Some)
    }
}

/// Settings with those that were sent; null takes one away.
fn merged(before: &Value, sent: &Value) -> Value {
    let (Value::Object(before), Value::Object(sent)) = (before, sent) else { return sent.clone() };
    let mut all = before.clone();
    all.extend(sent.iter().map(|(name, value)| (name.clone(), value.clone())));
    all.retain(|_, value| !value.is_null());
    Value::Object(all)
}

fn no_provider() -> VaultError {
    VaultError::bad_parameter(
        "Property provider is required: PrivateCA (an authority of this vault), ACME, or the name of another provider.",
    )
}
