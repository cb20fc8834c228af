//! Where a certificate is carried to whenever it has a new version: files, Kubernetes manifests, web hooks. What came of
//! it stands with the target.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pki::pem;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::CertificateFacts;
use crate::{Found, Kind, Vault, VaultError};

/// Targets of one certificate.
const TARGETS_MAX: usize = 20;
/// A push that failed is tried again after this long, in seconds.
const RETRY_AFTER: i64 = 5 * 60;

/// A kind of target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A PEM file: key first, then the chain.
    File {
        /// Where.
        path: String,
        /// Permission bits.
        mode: u32,
    },
    /// A Kubernetes manifest of a secret of type `kubernetes.io/tls`.
    Kubernetes {
        /// Where the file is.
        path: String,
        /// Namespace of the secret.
        namespace: String,
        /// Name of the secret.
        secret: String,
    },
    /// An address that is told of the new version; the key is not sent.
    Webhook {
        /// Where.
        url: String,
    },
}

/// A target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Kind.
    pub kind: TargetKind,
    /// Name of a program among the instance's hooks that is run behind it.
    pub reload: Option<String>,
    /// Version that was pushed last, or tried.
    pub version: String,
    /// When, in seconds since 1970.
    pub at: i64,
    /// What went wrong; none for success.
    pub failure: Option<String>,
}

/// A push that is due.
pub struct DuePush {
    /// The certificate.
    pub found: Found,
    /// Where to.
    pub target: Target,
}

fn wrong(what: &str) -> VaultError {
    VaultError::bad_parameter(format!("Property targets: {what}."))
}

fn is_word(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    (1..=127).contains(&text.len()) && text.bytes().all(good) && !text.starts_with('.')
}

impl Target {
    fn from_wire(value: &Value) -> Result<Self, VaultError> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let path = || {
            let path =
                text("path").filter(|p| !p.is_empty() && p.len() <= 1024 && !p.contains('\0'));
            let path = path.ok_or_else(|| wrong("a path is needed"))?;
            if path.split('/').any(|part| part == "..") {
                return Err(wrong("a path leads upward"));
            }
            Ok(path.to_owned())
        };
        let word = |name: &str, standard: &str| {
            let word = text(name).unwrap_or(standard);
            if is_word(word) {
                Ok(word.to_owned())
            } else {
                Err(wrong(&format!("{name} is no name")))
            }
        };
        let kind = match text("type").unwrap_or_default() {
            "file" => {
                let mode = u32::from_str_radix(text("mode").unwrap_or("0600"), 8).ok();
                let mode = mode
                    .filter(|m| *m <= 0o777)
                    .ok_or_else(|| wrong("mode is octal, like 0640"))?;
                TargetKind::File { path: path()?, mode }
            }
            "kubernetes" => TargetKind::Kubernetes {
                path: path()?,
                namespace: word("namespace", "default")?,
                secret: word("secret", text("name").unwrap_or_default())?,
            },
            "webhook" => {
                let url =
                    text("url").filter(|u| u.starts_with("https://") || u.starts_with("http://"));
                let url = url.filter(|u| u.len() <= 2048).ok_or_else(|| wrong("url is needed"))?;
                TargetKind::Webhook { url: url.to_owned() }
            }
            _ => return Err(wrong("type is file, kubernetes or webhook")),
        };
        let reload = match text("reload") {
            None => None,
            Some(_) => Some(word("reload", "")?),
        };
        let name = word("name", "")?;
        Ok(Self { name, kind, reload, version: String::new(), at: 0, failure: None })
    }

    /// As it is shown and stored.
    pub fn to_json(&self) -> Value {
        let mut out = match &self.kind {
            TargetKind::File { path, mode } => {
                json!({ "type": "file", "path": path, "mode": format!("{mode:04o}") })
            }
            TargetKind::Kubernetes { path, namespace, secret } => json!({
                "type": "kubernetes", "path": path, "namespace": namespace, "secret": secret,
            }),
            TargetKind::Webhook { url } => json!({ "type": "webhook", "url": url }),
        };
        out["name"] = json!(self.name);
        if let Some(reload) = &self.reload {
            out["reload"] = json!(reload);
        }
        let state = match (&self.failure, self.version.is_empty()) {
            (_, true) => "Pending",
            (None, _) => "Succeeded",
            (Some(_), _) => "Failed",
        };
        out["status"] = json!({ "state": state, "version": self.version, "at": self.at, "error": self.failure });
        out
    }

    fn from_json(value: &Value) -> Option<Self> {
        let mut target = Self::from_wire(value).ok()?;
        let status = value.get("status")?;
        target.version = status.get("version")?.as_str()?.to_owned();
        target.at = status.get("at")?.as_i64()?;
        target.failure = status.get("error").and_then(Value::as_str).map(str::to_owned);
        Some(target)
    }
}

impl DuePush {
    /// What a web hook is told.
    pub fn notice(&self, vault: &str) -> Value {
        json!({
            "vault": vault, "certificate": self.found.object.name, "version": self.found.version.id,
            "x5t": self.found.version.text("x5t"), "subject": self.found.version.text("subject"),
            "expires": self.found.version.attributes.exp,
        })
    }
}

impl Vault {
    /// Targets of a certificate with what came of them.
    pub fn deployments(&self, name: &str) -> Result<Vec<Target>, VaultError> {
        let object = self.live(Kind::Certificate, name)?;
        Ok(targets_of(object.settings.get("deployments")))
    }

    /// Replaces the targets of a certificate; what came of those that stay as they are is kept.
    pub fn set_deployments(&self, name: &str, sent: &Value) -> Result<Vec<Target>, VaultError> {
        let list = sent.get("targets").and_then(Value::as_array).filter(|l| l.len() <= TARGETS_MAX);
        let list = list.ok_or_else(|| wrong(&format!("a list of at most {TARGETS_MAX}")))?;
        let mut targets = list.iter().map(Target::from_wire).collect::<Result<Vec<_>, _>>()?;
        let names: std::collections::BTreeSet<&str> =
            targets.iter().map(|t| t.name.as_str()).collect();
        if names.len() != targets.len() {
            return Err(wrong("two have the same name"));
        }
        let before = self.deployments(name)?;
        for target in &mut targets {
            let old = before.iter().find(|b| b.name == target.name && b.kind == target.kind);
            if let Some(old) = old {
                (target.version, target.at) = (old.version.clone(), old.at);
                target.failure.clone_from(&old.failure);
            }
        }
        self.put_targets(name, &targets)?;
        Ok(targets)
    }

    fn put_targets(&self, name: &str, targets: &[Target]) -> Result<(), VaultError> {
        let mut writing = self.shelf.change();
        let mut object = writing.live(Kind::Certificate, name)?;
        let stored: Vec<Value> = targets.iter().map(Target::to_json).collect();
        object.settings.insert("deployments".into(), Value::Array(stored));
        writing.put(object);
        writing.commit()
    }

    /// Pushes that are due: targets that do not have the newest version, failed ones after a while.
    pub fn due_pushes(&self, now: i64) -> Vec<DuePush> {
        let mut due = Vec::new();
        self.shelf.walk(Kind::Certificate, "", |object| {
            let Some(version) =
                object.current().filter(|v| object.deleted.is_none() && v.attributes.enabled)
            else {
                return true;
            };
            for target in targets_of(object.settings.get("deployments")) {
                let is_new = target.version != version.id;
                let again = target.failure.is_some() && target.at + RETRY_AFTER <= now;
                if is_new || again {
                    let found = Found {
                        object: std::sync::Arc::clone(object),
                        version: std::sync::Arc::clone(version),
                    };
                    due.push(DuePush { found, target });
                }
            }
            true
        });
        due
    }

    /// The bytes that a push writes: key and chain in the target's form. None for a web hook.
    pub fn push_content(&self, push: &DuePush) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        let facts = CertificateFacts::of(&push.found.version);
        let chain = facts.ok_or_else(|| VaultError::damaged(&push.found.object.name))?.whole();
        if !self.is_exportable(&push.found) {
            return Err(VaultError::bad_parameter(
                "The key may not leave the vault: it was made with exportable false.",
            ));
        }
        let key = self.certificate_key(&push.found)?;
        let bytes = match &push.target.kind {
            TargetKind::File { .. } => pem::bundle(&key, &chain)?.expose().as_bytes().to_vec(),
            TargetKind::Kubernetes { namespace, secret, .. } => {
                let pkcs8 = key.to_pkcs8()?;
                let key_text = Zeroizing::new(pem::block("PRIVATE KEY", pkcs8.expose()));
                let certificate = STANDARD.encode(pem::certificates(&chain));
                let key_text = Zeroizing::new(STANDARD.encode(key_text.as_bytes()));
                format!(
                    "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata:\n  name: {secret}\n  namespace: {namespace}\ndata:\n  tls.crt: {certificate}\n  tls.key: {}\n",
                    key_text.as_str()
                )
                .into_bytes()
            }
            TargetKind::Webhook { .. } => return Ok(None),
        };
        Ok(Some(Zeroizing::new(bytes)))
    }

    /// Records what came of a push.
    pub fn record_push(
        &self,
        push: &DuePush,
        failure: Option<String>,
        now: i64,
    ) -> Result<(), VaultError> {
        let name = &push.found.object.name;
        let mut targets = self.deployments(name)?;
        for target in targets.iter_mut().filter(|t| t.name == push.target.name) {
            target.version.clone_from(&push.found.version.id);
            target.at = now;
            target.failure.clone_from(&failure);
        }
        self.put_targets(name, &targets)
    }
}

fn targets_of(stored: Option<&Value>) -> Vec<Target> {
    let list = stored.and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Target::from_json).collect()
}
