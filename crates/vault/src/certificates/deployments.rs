//! Where a certificate is carried to whenever it has a new version: files, Kubernetes manifests, web hooks. What came of
//! it stands with the target. A place outside the data folder belongs to the certificate that was carried there first.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pki::pem;
use serde_json::{Value, json};
use state::{Condition, Op};
use zeroize::Zeroizing;

use super::CertificateFacts;
use crate::{Found, Kind, Vault, VaultError, Vaults};

/// Targets of one certificate.
const TARGETS_MAX: usize = 20;
/// A push that failed is tried again after this long, in seconds.
const RETRY_AFTER: i64 = 5 * 60;
/// Permission bits that a file with a key may have: reading and writing, for owner and group.
const MODE_MAX: u32 = 0o660;
/// How the server's own files beside deployed ones begin.
pub const OWN_FILES: &str = ".vedette";
/// Whose places outside the data folder are.
const PLACES: &str = "vault-deployed";

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
    /// Where the file went, once it did; below the data folder where it has a relative path.
    pub place: Option<String>,
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
    // a program may take what begins with '-' for an option
    (1..=127).contains(&text.len()) && text.bytes().all(good) && !text.starts_with(['.', '-'])
}

/// A name as Kubernetes has it (RFC 1123): small letters, digits, hyphens inside, parts with dots between.
fn is_cluster_name(name: &str) -> bool {
    name.split('.').all(|part| {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !part.is_empty() && part.bytes().all(good) && !part.starts_with('-') && !part.ends_with('-')
    })
}

/// The last part of a path, where a file can have it.
fn file_name(path: &str) -> Option<&str> {
    let last = path.rsplit('/').next().filter(|last| !["", "."].contains(last));
    last.filter(|last| !last.starts_with(OWN_FILES))
}

impl Target {
    fn from_wire(value: &Value) -> Result<Self, VaultError> {
        let target = Self::read(value)?;
        target.check_members(value)?;
        target.check()?;
        Ok(target)
    }

    /// Refuses members that mean nothing: a slip would be found when the certificate has been pushed.
    fn check_members(&self, value: &Value) -> Result<(), VaultError> {
        let own: &[&str] = match self.kind {
            TargetKind::File { .. } => &["path", "mode"],
            TargetKind::Kubernetes { .. } => &["path", "namespace", "secret"],
            TargetKind::Webhook { .. } => &["url"],
        };
        for (member, value) in value.as_object().into_iter().flatten() {
            let member = member.as_str();
            if member == "status" {
                continue; // comes back as it was shown
            }
            if !own.contains(&member) && !["name", "type", "reload"].contains(&member) {
                let own = own.join(", ");
                return Err(wrong(&format!(
                    "a target of this type has no member '{member}': name, type, reload, {own}"
                )));
            }
            if !value.is_string() && !value.is_null() {
                return Err(wrong(&format!("'{member}' is a text")));
            }
        }
        Ok(())
    }

    /// Refuses what may not be carried out, also of targets that were stored before it was refused.
    pub fn check(&self) -> Result<(), VaultError> {
        let mut words = vec![("name", self.name.as_str())];
        words.extend(self.reload.iter().map(|reload| ("reload", reload.as_str())));
        if let TargetKind::Kubernetes { namespace, secret, .. } = &self.kind {
            let is_name = |name: &str, most| name.len() <= most && is_cluster_name(name);
            if !is_name(namespace, 63) || namespace.contains('.') || !is_name(secret, 253) {
                return Err(wrong("namespace and secret are names as Kubernetes has them"));
            }
        }
        if let Some((what, _)) = words.into_iter().find(|(_, word)| !is_word(word)) {
            return Err(wrong(&format!("{what} is no name")));
        }
        if let TargetKind::File { mode, .. } = self.kind
            && mode & !MODE_MAX != 0
        {
            return Err(wrong("the file holds the key: its mode is 0660 or less"));
        }
        match self.path().map(file_name) {
            Some(None) => Err(wrong("a path ends in the name of a file")),
            _ => Ok(()),
        }
    }

    /// An address that comes back as it was shown is the one that was sent before.
    fn keep_secrets_of(&mut self, before: &Self) {
        if let (TargetKind::Webhook { url }, TargetKind::Webhook { url: whole }) =
            (&mut self.kind, &before.kind)
            && *url == without_secrets(whole)
        {
            url.clone_from(whole);
        }
    }

    /// The path of a target that is a file, as it was sent.
    pub fn path(&self) -> Option<&str> {
        match &self.kind {
            TargetKind::File { path, .. } | TargetKind::Kubernetes { path, .. } => Some(path),
            TargetKind::Webhook { .. } => None,
        }
    }

    fn read(value: &Value) -> Result<Self, VaultError> {
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
        let word = |name: &str, standard: &str| text(name).unwrap_or(standard).to_owned();
        let kind = match text("type").unwrap_or_default() {
            "file" => {
                let mode = match value.get("mode") {
                    None | Some(Value::Null) => Some(0o600),
                    Some(mode) => mode.as_str().and_then(|m| u32::from_str_radix(m, 8).ok()),
                };
                let mode = mode.filter(|m| *m <= 0o777);
                let mode = mode.ok_or_else(|| wrong("mode is an octal text, like \"0640\""))?;
                TargetKind::File { path: path()?, mode }
            }
            "kubernetes" => TargetKind::Kubernetes {
                path: path()?,
                namespace: word("namespace", "default"),
                secret: word("secret", text("name").unwrap_or_default()),
            },
            "webhook" => {
                let url =
                    text("url").filter(|u| u.starts_with("https://") || u.starts_with("http://"));
                let url = url.filter(|u| u.len() <= 2048).ok_or_else(|| wrong("url is needed"))?;
                TargetKind::Webhook { url: url.to_owned() }
            }
            _ => return Err(wrong("type is file, kubernetes or webhook")),
        };
        let (name, reload) = (word("name", ""), text("reload").map(str::to_owned));
        let (place, version, at, failure) = (None, String::new(), 0, None);
        Ok(Self { name, kind, reload, place, version, at, failure })
    }

    /// As it is shown: what may be a secret in an address stays out.
    pub fn shown(&self) -> Value {
        let mut out = self.to_json();
        if let TargetKind::Webhook { url } = &self.kind {
            out["url"] = json!(without_secrets(url));
        }
        out
    }

    /// As it is stored.
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
        if let Some(place) = &self.place {
            out["status"]["place"] = json!(place);
        }
        out
    }

    fn from_json(value: &Value) -> Option<Self> {
        let mut target = Self::read(value).ok()?;
        let status = value.get("status")?;
        target.place = status.get("place").and_then(Value::as_str).map(str::to_owned);
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
        self.change_targets(name, |stored| {
            for target in &mut targets {
                if let Some(before) = stored.iter().find(|b| b.name == target.name) {
                    target.keep_secrets_of(before);
                }
                let is_old = |b: &&Target| {
                    b.name == target.name && b.kind == target.kind && b.reload == target.reload
                };
                if let Some(old) = stored.iter().find(is_old) {
                    target.clone_from(old);
                }
            }
            stored.clone_from(&targets);
        })?;
        Ok(targets)
    }

    /// Changes the targets of a certificate under the lock of the shelf.
    fn change_targets(
        &self,
        name: &str,
        change: impl FnOnce(&mut Vec<Target>),
    ) -> Result<(), VaultError> {
        let mut writing = self.shelf.change();
        let mut object = writing.live(Kind::Certificate, name)?;
        let mut targets = targets_of(object.settings.get("deployments"));
        change(&mut targets);
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
                // carried before files had places of their own
                let is_lost =
                    target.failure.is_none() && target.place.is_none() && target.path().is_some();
                if is_new || again || is_lost {
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

    /// Records what came of a push: the place of the file, where there is one, or what went wrong.
    pub fn record_push(
        &self,
        push: &DuePush,
        outcome: &Result<Option<String>, String>,
        now: i64,
    ) -> Result<(), VaultError> {
        let (pushed, version) = (&push.target, &push.found.version.id);
        self.change_targets(&push.found.object.name, |targets| {
            // one that was changed meanwhile is another
            let is_it = |t: &&mut Target| {
                t.name == pushed.name && t.kind == pushed.kind && t.reload == pushed.reload
            };
            for target in targets.iter_mut().filter(is_it) {
                (target.version, target.at) = (version.clone(), now);
                target.failure = outcome.as_ref().err().cloned();
                if let Ok(place) = outcome {
                    target.place.clone_from(place);
                }
            }
        })
    }
}

impl Vaults {
    /// Takes a place outside the data folder for the certificate of a push. It keeps it as long as it has a target with
    /// that path; another is refused.
    pub fn take_place(&self, vault: &Vault, push: &DuePush, place: &str) -> Result<(), VaultError> {
        let certificate = push.found.object.name.to_ascii_lowercase();
        let path = push.target.path();
        let owner = json!({ "vault": vault.id(), "certificate": certificate, "path": path });
        let store = vault.shelf.store();
        let condition = match store.get(PLACES, place)? {
            None => Condition::Absent,
            Some(held) if held.value == owner => return Ok(()),
            Some(held) if self.is_held(&held.value, &owner) => {
                return Err(VaultError::bad_parameter(format!(
                    "{place} belongs to another certificate."
                )));
            }
            Some(held) => Condition::Match(held.etag),
        };
        let (collection, key) = (PLACES.to_owned(), place.to_owned());
        store.apply(vec![Op::Put { collection, key, value: owner, condition }])?;
        Ok(())
    }

    /// True where a place is that of another certificate, which still has a target there.
    fn is_held(&self, held: &Value, by: &Value) -> bool {
        let text = |name: &str| held.get(name).and_then(Value::as_str).unwrap_or_default();
        let (vault, certificate) = (text("vault"), text("certificate"));
        if ["vault", "certificate"].iter().all(|name| held.get(name) == by.get(name)) {
            return false;
        }
        let object = self.vault(vault).and_then(|v| v.shelf.object(Kind::Certificate, certificate));
        let targets = object.map(|o| targets_of(o.settings.get("deployments")));
        targets.unwrap_or_default().iter().any(|target| target.path() == Some(text("path")))
    }
}

/// An address without user, password, query and fragment.
pub fn without_secrets(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = plain.split_once("://") else { return String::new() };
    let (host, path) = rest.split_once('/').map_or((rest, None), |(h, p)| (h, Some(p)));
    let host = host.rsplit('@').next().unwrap_or_default();
    path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}"))
}

fn targets_of(stored: Option<&Value>) -> Vec<Target> {
    let list = stored.and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Target::from_json).collect()
}
