//! A certificate's policy: Azure's JSON to a checked value and back.

use std::net::IpAddr;

use crypto::KeyKind;
use pki::{AlternativeNames, KeyUsage, Name};
use serde_json::{Map, Value, json};

use crate::VaultError;

/// The form of the secret twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// A PKCS#12 file in base64, with an empty password.
    Pkcs12,
    /// PEM, key first.
    Pem,
}

impl ContentType {
    /// Azure's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pkcs12 => "application/x-pkcs12",
            Self::Pem => "application/x-pem-file",
        }
    }
}

/// When a lifetime action comes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// After this part of the lifetime, in percent.
    Percentage(u8),
    /// This many days before the end.
    DaysBefore(i64),
}

/// What is to happen near the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifetimeAction {
    /// When.
    pub trigger: Trigger,
    /// True to renew; else the contacts are to be told.
    pub renews: bool,
}

/// How certificates of one name are made and renewed.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Kind of key.
    pub key: KeyKind,
    /// True for the -HSM kinds, which are told apart and kept alike.
    pub hsm: bool,
    /// The secret twin holds the key.
    pub exportable: bool,
    /// Renewal keeps the key.
    pub reuse_key: bool,
    /// Form of the secret twin.
    pub content_type: ContentType,
    /// Subject as it was written.
    pub subject: String,
    /// Further names.
    pub names: AlternativeNames,
    /// Extended key usages, dotted.
    pub extended_usage: Vec<String>,
    /// Key usage.
    pub usage: KeyUsage,
    /// Lifetime in months.
    pub months: u32,
    /// What is to happen near the end.
    pub actions: Vec<LifetimeAction>,
    /// Who issues: `Self`, `Unknown`, or an issuer of the vault.
    pub issuer: String,
    /// Kind of certificate, for issuers that want to know.
    pub certificate_type: Option<String>,
    /// Kept as sent.
    pub transparency: Option<bool>,
    /// Switched on.
    pub enabled: bool,
    /// First stored.
    pub created: i64,
    /// Last changed.
    pub updated: i64,
}

const CURVES: &[(&str, KeyKind)] = &[
    ("P-256", KeyKind::P256),
    ("P-384", KeyKind::P384),
    ("P-521", KeyKind::P521),
    ("P-256K", KeyKind::P256K),
];

/// Server and client authentication: what Azure puts where nothing is said.
const USAGES: [&str; 2] = [pki::oids::SERVER_AUTH, pki::oids::CLIENT_AUTH];

fn wrong(name: &str) -> VaultError {
    VaultError::bad_parameter(format!("Property policy.{name} has an invalid value."))
}

impl Policy {
    /// What Azure fills in where a request says nothing.
    pub fn standard(subject: &str, issuer: &str, now: i64) -> Self {
        Self {
            key: KeyKind::Rsa(2048),
            hsm: false,
            exportable: true,
            reuse_key: false,
            content_type: ContentType::Pkcs12,
            subject: subject.to_owned(),
            names: AlternativeNames::default(),
            extended_usage: USAGES.map(str::to_owned).to_vec(),
            usage: KeyUsage::SIGNATURE_AND_ENCIPHERMENT,
            months: 12,
            actions: vec![LifetimeAction { trigger: Trigger::Percentage(80), renews: true }],
            issuer: issuer.to_owned(),
            certificate_type: None,
            transparency: None,
            enabled: true,
            created: now,
            updated: now,
        }
    }

    /// Changes what the JSON names; the rest stays. The whole is checked.
    pub fn changed(self, value: &Value, now: i64) -> Result<Self, VaultError> {
        /// Of a month of validity, as Azure counts.
        const DAYS_OF_MONTH: i64 = 27;
        let mut policy = self.merged(value, now)?;
        if policy.hsm && policy.exportable {
            if value.pointer("/key_props/exportable") == Some(&Value::Bool(true)) {
                return Err(VaultError::bad_parameter(
                    "Property policy.key_props.exportable: keys of the -HSM kinds do not leave the vault; set it to false, or take kty RSA or EC.",
                ));
            }
            policy.exportable = false;
        }
        if policy.actions.len() > 1 {
            return Err(VaultError::bad_parameter(
                "Property policy.lifetime_actions: At most one action is allowed.",
            ));
        }
        let days_max = i64::from(policy.months) * DAYS_OF_MONTH;
        let too_early =
            |a: &LifetimeAction| matches!(a.trigger, Trigger::DaysBefore(d) if d > days_max);
        if policy.actions.iter().any(too_early) {
            return Err(VaultError::bad_parameter(format!(
                "Property policy.lifetime_actions.trigger.days_before_expiry must be between 1 and {days_max}: 27 times the validity in months.",
            )));
        }
        Ok(policy)
    }

    fn merged(mut self, value: &Value, now: i64) -> Result<Self, VaultError> {
        let sections = match value {
            Value::Null => return self.checked(),
            Value::Object(sections) => sections,
            _ => return Err(VaultError::bad_parameter("Property policy must be an object.")),
        };
        let section = |name: &str| match sections.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(section)) => Ok(Some(section)),
            Some(_) => Err(wrong(name)),
        };
        if let Some(key) = section("key_props")? {
            self.take_key(key)?;
        }
        if let Some(secret) = section("secret_props")? {
            self.content_type = match text(secret, "contentType")? {
                None => self.content_type,
                Some("application/x-pkcs12") => ContentType::Pkcs12,
                Some("application/x-pem-file") => ContentType::Pem,
                Some(_) => return Err(wrong("secret_props.contentType")),
            };
        }
        if let Some(x509) = section("x509_props")? {
            self.take_x509(x509)?;
        }
        match sections.get("lifetime_actions") {
            None | Some(Value::Null) => {}
            Some(Value::Array(list)) => {
                let actions: Result<_, _> = list.iter().map(LifetimeAction::from_json).collect();
                self.actions = actions?;
            }
            Some(_) => return Err(wrong("lifetime_actions")),
        }
        if let Some(issuer) = section("issuer")? {
            if let Some(name) = text(issuer, "name")? {
                self.issuer = name.to_owned();
            }
            if let Some(kind) = text(issuer, "cty")? {
                self.certificate_type = Some(kind.to_owned());
            }
            self.transparency = flag(issuer, "cert_transparency")?.or(self.transparency);
        }
        if let Some(attributes) = section("attributes")? {
            self.enabled = flag(attributes, "enabled")?.unwrap_or(self.enabled);
        }
        self.updated = now;
        self.checked()
    }

    fn take_key(&mut self, key: &Map<String, Value>) -> Result<(), VaultError> {
        self.exportable = flag(key, "exportable")?.unwrap_or(self.exportable);
        self.reuse_key = flag(key, "reuse_key")?.unwrap_or(self.reuse_key);
        let size = match key.get("key_size") {
            None | Some(Value::Null) => None,
            Some(size) => Some(size.as_u64().ok_or_else(|| wrong("key_props.key_size"))?),
        };
        let curve = text(key, "crv")?;
        let kty = text(key, "kty")?.map(str::to_owned);
        let kty = kty.unwrap_or_else(|| match (curve, self.key) {
            (None, KeyKind::Rsa(_)) => "RSA".to_owned(),
            _ => "EC".to_owned(),
        });
        let family = kty.strip_suffix("-HSM").unwrap_or(&kty);
        self.hsm = kty.ends_with("-HSM");
        self.key = match family {
            "RSA" => {
                let bits = size.unwrap_or(match self.key {
                    KeyKind::Rsa(bits) => u64::from(bits),
                    _ => 2048,
                });
                match bits {
                    2048 | 3072 | 4096 => KeyKind::Rsa(bits as u16),
                    _ => return Err(wrong("key_props.key_size (2048, 3072 or 4096)")),
                }
            }
            "EC" => {
                let by_size = match size {
                    Some(384) => "P-384",
                    Some(521) => "P-521",
                    _ => "P-256",
                };
                let name = curve.unwrap_or(by_size);
                let found = CURVES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
                found.map(|(_, kind)| *kind).ok_or_else(|| wrong("key_props.crv"))?
            }
            _ => return Err(wrong("key_props.kty (RSA, RSA-HSM, EC or EC-HSM)")),
        };
        Ok(())
    }

    fn take_x509(&mut self, x509: &Map<String, Value>) -> Result<(), VaultError> {
        if let Some(subject) = text(x509, "subject")? {
            self.subject = subject.to_owned();
        }
        if let Some(sans) = x509.get("sans").filter(|s| !s.is_null()) {
            let list = |name: &str| texts(sans.get(name), "x509_props.sans");
            let addresses = list("ipAddresses")?.unwrap_or_default();
            let addresses: Result<Vec<IpAddr>, _> = addresses.iter().map(|a| a.parse()).collect();
            self.names = AlternativeNames {
                dns: list("dns_names")?.unwrap_or_default(),
                emails: list("emails")?.unwrap_or_default(),
                upns: list("upns")?.unwrap_or_default(),
                uris: list("uris")?.unwrap_or_default(),
                addresses: addresses.map_err(|_| wrong("x509_props.sans.ipAddresses"))?,
            };
        }
        if let Some(usages) = texts(x509.get("ekus"), "x509_props.ekus")? {
            self.extended_usage = usages;
        }
        if let Some(names) = texts(x509.get("key_usage"), "x509_props.key_usage")? {
            let usage = KeyUsage::from_names(names.iter().map(String::as_str));
            self.usage = usage.ok_or_else(|| wrong("x509_props.key_usage"))?;
        }
        match x509.get("validity_months") {
            None | Some(Value::Null) => {}
            Some(months) => {
                let months = months.as_u64().filter(|m| (1..=1200).contains(m));
                let months = months.ok_or_else(|| wrong("x509_props.validity_months"))?;
                self.months = months as u32;
            }
        }
        Ok(())
    }

    /// What `described` says of a certificate: subject, names, usages and lifetime.
    pub(super) fn take_certificate(&mut self, described: Self) {
        let Self { subject, names, extended_usage, usage, months, .. } = described;
        *self = Self { subject, names, extended_usage, usage, months, ..self.clone() };
    }

    fn checked(self) -> Result<Self, VaultError> {
        let subject = Name::parse(&self.subject)?;
        self.names.check()?;
        if subject.is_empty() && self.names.is_empty() {
            return Err(VaultError::bad_parameter(
                "The policy needs x509_props.subject or x509_props.sans.",
            ));
        }
        if let Some(bad) = self.extended_usage.iter().find(|u| pki::der::Oid::parse(u).is_none()) {
            return Err(VaultError::bad_parameter(format!(
                "Property policy.x509_props.ekus: '{bad}' is no object identifier."
            )));
        }
        Ok(self)
    }

    /// Reads a stored policy.
    pub(super) fn from_json(value: &Value) -> Option<Self> {
        let time = |name: &str| value.get("attributes")?.get(name)?.as_i64();
        let (created, updated) = (time("created")?, time("updated")?);
        let mut policy = Self::standard("", "Self", created);
        policy.actions = Vec::new();
        let mut policy = policy.merged(value, updated).ok()?;
        policy.created = created;
        Some(policy)
    }

    /// Azure's JSON without the id.
    pub fn to_json(&self) -> Value {
        let (kty, size, curve) = match self.key {
            KeyKind::Rsa(bits) => ("RSA", u64::from(bits), None),
            KeyKind::P384 => ("EC", 384, Some("P-384")),
            KeyKind::P521 => ("EC", 521, Some("P-521")),
            KeyKind::P256K => ("EC", 256, Some("P-256K")),
            KeyKind::P256 | KeyKind::Ed25519 => ("EC", 256, Some("P-256")),
        };
        let kty = if self.hsm { format!("{kty}-HSM") } else { kty.to_owned() };
        let mut key = json!({
            "exportable": self.exportable, "kty": kty, "key_size": size, "reuse_key": self.reuse_key,
        });
        if let Some(curve) = curve {
            key["crv"] = json!(curve);
        }
        let mut x509 = json!({
            "subject": self.subject, "ekus": self.extended_usage, "key_usage": self.usage.names(),
            "validity_months": self.months,
        });
        if !self.names.is_empty() {
            x509["sans"] = names_json(&self.names);
        }
        let mut issuer = json!({ "name": self.issuer });
        if let Some(kind) = &self.certificate_type {
            issuer["cty"] = json!(kind);
        }
        if let Some(transparency) = self.transparency {
            issuer["cert_transparency"] = json!(transparency);
        }
        json!({
            "key_props": key,
            "secret_props": { "contentType": self.content_type.name() },
            "x509_props": x509,
            "lifetime_actions": self.actions.iter().map(|a| a.to_json()).collect::<Vec<_>>(),
            "issuer": issuer,
            "attributes": { "enabled": self.enabled, "created": self.created, "updated": self.updated },
        })
    }

    /// True when nobody here may make the next version.
    pub fn is_issued_elsewhere(&self) -> bool {
        self.issuer.eq_ignore_ascii_case("Unknown")
    }

    /// True when certificates sign themselves.
    pub fn is_self_signed(&self) -> bool {
        self.issuer.eq_ignore_ascii_case("Self")
    }
}

fn names_json(names: &AlternativeNames) -> Value {
    let mut out = Map::new();
    let mut add = |name: &str, list: Vec<String>| {
        if !list.is_empty() {
            out.insert(name.into(), json!(list));
        }
    };
    add("dns_names", names.dns.clone());
    add("emails", names.emails.clone());
    add("upns", names.upns.clone());
    add("uris", names.uris.clone());
    add("ipAddresses", names.addresses.iter().map(IpAddr::to_string).collect());
    Value::Object(out)
}

impl LifetimeAction {
    fn from_json(value: &Value) -> Result<Self, VaultError> {
        let number = |name: &str| value.get("trigger")?.get(name)?.as_i64();
        let trigger = match (number("lifetime_percentage"), number("days_before_expiry")) {
            (Some(percent @ 1..=99), None) => Trigger::Percentage(percent as u8),
            (None, Some(days @ 1..=36_500)) => Trigger::DaysBefore(days),
            _ => {
                return Err(wrong(
                    "lifetime_actions.trigger (lifetime_percentage of 1 to 99, or days_before_expiry)",
                ));
            }
        };
        let action = value.get("action").and_then(|a| a.get("action_type")).and_then(Value::as_str);
        let renews = match action.unwrap_or_default().to_ascii_lowercase().as_str() {
            "autorenew" => true,
            "emailcontacts" => false,
            _ => return Err(wrong("lifetime_actions.action.action_type")),
        };
        Ok(Self { trigger, renews })
    }

    fn to_json(self) -> Value {
        let trigger = match self.trigger {
            Trigger::Percentage(percent) => json!({ "lifetime_percentage": percent }),
            Trigger::DaysBefore(days) => json!({ "days_before_expiry": days }),
        };
        let action = if self.renews { "AutoRenew" } else { "EmailContacts" };
        json!({ "trigger": trigger, "action": { "action_type": action } })
    }

    /// When it comes due for a certificate of this lifetime. An authority may give less time than the policy asks for:
    /// days before the end count only when a third of it is over, or a new certificate would be due at once, and the
    /// next.
    pub fn due(&self, not_before: i64, not_after: i64) -> i64 {
        let lifetime = not_after.saturating_sub(not_before).max(0);
        match self.trigger {
            Trigger::Percentage(percent) => {
                not_before.saturating_add(lifetime / 100 * i64::from(percent))
            }
            Trigger::DaysBefore(days) => {
                let wanted = not_after.saturating_sub(days.saturating_mul(crate::DAY));
                wanted.max(not_before.saturating_add(lifetime / 3))
            }
        }
    }
}

fn text<'v>(section: &'v Map<String, Value>, name: &str) -> Result<Option<&'v str>, VaultError> {
    match section.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(name)),
    }
}

fn flag(section: &Map<String, Value>, name: &str) -> Result<Option<bool>, VaultError> {
    match section.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(wrong(name)),
    }
}

fn texts(value: Option<&Value>, name: &str) -> Result<Option<Vec<String>>, VaultError> {
    let list = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(wrong(name)),
    };
    let texts: Option<Vec<String>> = list.iter().map(|v| v.as_str().map(str::to_owned)).collect();
    texts.map(Some).ok_or_else(|| wrong(name))
}
