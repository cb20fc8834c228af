//! Outside OpenID Connect issuers: how they are reached, what they say of themselves, the keys they sign with.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::RsaPublicKey;
use parking_lot::{Mutex, RwLock};
use serde_json::Value;

/// Where an issuer describes itself, below its name.
pub(crate) const CONFIGURATION: &str = "/.well-known/openid-configuration";
/// What providers of many tenants write for the tenant, in the issuer that they publish.
pub(crate) const TENANT: &str = "{tenantid}";
/// Keys are believed for a day.
const KEPT_SECONDS: i64 = 24 * 60 * 60;
/// An issuer that failed, or lacks a key, is asked again after so many seconds at the earliest.
const AGAIN_SECONDS: i64 = 30;
/// Issuers whose keys are kept.
const ISSUERS_MAX: usize = 256;

/// How the house reaches an outside issuer. The binary brings it; without one, federation is refused.
pub trait Outside: Send + Sync {
    /// GET of JSON.
    fn get(&self, url: &str) -> Result<OutsideReply, String>;
    /// POST of a form, JSON back; client id and secret in a Basic header where given.
    fn post_form(
        &self,
        url: &str,
        form: &[(&str, &str)],
        basic: Option<(&str, &str)>,
    ) -> Result<OutsideReply, String>;
}

/// An issuer's answer.
pub struct OutsideReply {
    /// HTTP status.
    pub status: u16,
    /// JSON body; null when it was none.
    pub body: Value,
}

/// The way out, and the keys of issuers whose tokens stand in for a client's credential.
#[derive(Default)]
pub(crate) struct Issuers {
    way_out: RwLock<Option<Arc<dyn Outside>>>,
    known: Mutex<HashMap<String, Arc<Mutex<Published>>>>,
}

/// What an issuer published when it was asked last.
#[derive(Default)]
struct Published {
    keys: Value,
    fetched: i64,
    asked: Option<i64>,
    failure: Option<String>,
}

/// An issuer's own description.
pub(crate) struct Metadata {
    body: Value,
    status: u16,
}

impl Issuers {
    pub(crate) fn set_way_out(&self, outside: Arc<dyn Outside>) {
        *self.way_out.write() = Some(outside);
    }

    pub(crate) fn way_out(&self) -> Result<Arc<dyn Outside>, String> {
        self.way_out.read().clone().ok_or_else(|| "this server does not call out".to_owned())
    }

    /// What the issuer says at `url`; refused when it speaks for an issuer of another place (OpenID Connect Discovery
    /// 4.3). Waits for it.
    pub(crate) fn metadata(&self, url: &str) -> Result<Metadata, String> {
        let reply = self.way_out()?.get(url)?;
        let metadata = Metadata { body: reply.body, status: reply.status };
        let issuer = metadata.text("issuer")?;
        match is_described_at(&issuer, url) {
            true => Ok(metadata),
            false => {
                let issuer: String = issuer.chars().take(200).collect();
                Err(format!("it calls itself '{issuer}', which is described elsewhere"))
            }
        }
    }

    /// The key of an issuer that a token's header names. Waits for the issuer when the key is not known yet: one
    /// caller asks, those who come meanwhile share the answer.
    pub(crate) fn key(
        &self,
        issuer: &str,
        kid: Option<&str>,
        now: i64,
    ) -> Result<RsaPublicKey, String> {
        let published = {
            let mut known = self.known.lock();
            if known.len() >= ISSUERS_MAX && !known.contains_key(issuer) {
                known.clear(); // of credentials long gone, mostly
            }
            Arc::clone(known.entry(issuer.to_owned()).or_default())
        };
        let mut published = published.lock();
        if now < published.fetched + KEPT_SECONDS
            && let Some(key) = find_key(&published.keys, kid)
        {
            return Ok(key);
        }
        if published.asked.is_none_or(|asked| asked + AGAIN_SECONDS <= now) {
            published.asked = Some(now);
            match self.fetch_keys(issuer) {
                Ok(keys) => {
                    *published = Published { keys, fetched: now, asked: Some(now), failure: None }
                }
                Err(why) => published.failure = Some(why),
            }
        }
        if let Some(why) = &published.failure {
            return Err(why.clone());
        }
        find_key(&published.keys, kid).ok_or_else(|| match kid {
            Some(kid) => {
                format!("it publishes no RSA key '{}'", kid.chars().take(100).collect::<String>())
            }
            None => "it publishes no RSA key".to_owned(),
        })
    }

    fn fetch_keys(&self, issuer: &str) -> Result<Value, String> {
        let metadata = self.metadata(&description_of(issuer))?;
        let named = metadata.text("issuer")?;
        if named != issuer {
            return Err(format!("it calls itself '{named}'"));
        }
        let reply = self.way_out()?.get(&metadata.url("jwks_uri")?)?;
        match reply.body.get("keys") {
            Some(Value::Array(_)) => Ok(reply.body),
            _ => Err(format!("its jwks_uri ({}) has no keys", reply.status)),
        }
    }
}

/// Where an issuer describes itself.
fn description_of(issuer: &str) -> String {
    format!("{}{CONFIGURATION}", issuer.strip_suffix('/').unwrap_or(issuer))
}

/// True when `url` is where an issuer describes itself. `{tenantid}` as a whole segment of its path stands for one.
fn is_described_at(issuer: &str, url: &str) -> bool {
    let place = description_of(issuer);
    let (named, asked): (Vec<&str>, Vec<&str>) =
        (place.split('/').collect(), url.split('/').collect());
    let same = |(at, (named, asked)): (usize, (&&str, &&str))| {
        // scheme, nothing, host, then the path
        named == asked || (at > 2 && *named == TENANT && !asked.is_empty())
    };
    named.len() == asked.len() && named.iter().zip(&asked).enumerate().all(same)
}

impl Metadata {
    pub(crate) fn text(&self, name: &str) -> Result<String, String> {
        let value = self.body.get(name).and_then(Value::as_str).map(str::to_owned);
        value.ok_or_else(|| format!("its configuration ({}) has no {name}", self.status))
    }

    /// True when the token endpoint takes a client's secret in a header alone: the usual way where it says nothing,
    /// but one that says nothing takes it in the form as well.
    pub(crate) fn wants_basic(&self) -> bool {
        let ways = self.body.get("token_endpoint_auth_methods_supported").and_then(Value::as_array);
        ways.is_some_and(|ways| {
            let has = |wanted: &str| ways.iter().any(|way| way.as_str() == Some(wanted));
            has("client_secret_basic") && !has("client_secret_post")
        })
    }

    pub(crate) fn url(&self, name: &str) -> Result<String, String> {
        match self.text(name)? {
            url if url.starts_with("https://") => Ok(url),
            url => Err(format!("its {name} is not https: {url}")),
        }
    }
}

/// The RSA key with this `kid` in a JSON Web Key Set; the first one when the token names none.
pub(crate) fn find_key(keys: &Value, kid: Option<&str>) -> Option<RsaPublicKey> {
    let all = keys.get("keys")?.as_array()?;
    let found = all.iter().find(|k| {
        let text = |name: &str| k.get(name).and_then(Value::as_str);
        text("kty") == Some("RSA")
            && text("use").is_none_or(|u| u == "sig")
            && (kid.is_none() || text("kid") == kid)
    })?;
    let number = |name: &str| URL_SAFE_NO_PAD.decode(found.get(name)?.as_str()?).ok();
    RsaPublicKey::from_components(&number("n")?, &number("e")?).ok()
}
