//! An identity to test with: in memory, with one set of signing keys for all tests, at a fixed time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crypto::{GeneratedSecret, RsaBits, RsaPrivateKey, read_private, write_private};
use model::{DateTime, ResourceId};
use serde_json::Value;
use state::{Condition, MemoryStore, Store};
use testkit::time;

use crate::Holder;
use crate::access::ASSIGNMENTS;
use crate::authorization::assignment_document;
use crate::{
    AdminCredentials, Identity, IdentityConfig, NewApplication, NewPassword, PublicUrls,
    TokenAnswer, TokenEndpoint, TokenRequest,
};

pub(crate) const SUBSCRIPTION: &str = "/subscriptions/11111111-2222-3333-4444-555555555555";
pub(crate) const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(crate) const ORIGIN: &str = "https://localhost:8443";

pub(crate) fn now() -> DateTime {
    time("2026-11-22T10:00:00Z")
}

pub(crate) fn now_seconds() -> i64 {
    crate::time::unix_seconds(now())
}

pub(crate) fn later(seconds: i64) -> DateTime {
    DateTime::from_unix_seconds(now_seconds() + seconds).unwrap()
}

/// A key that nobody registered, made once.
pub(crate) fn stranger() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(|| RsaPrivateKey::generate(RsaBits::Rsa2048).unwrap())
}

pub(crate) struct House {
    pub(crate) identity: Arc<Identity>,
    pub(crate) admin: AdminCredentials,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) folder: tempfile::TempDir,
}

/// An application with its principal and a secret.
pub(crate) struct App {
    pub(crate) object_id: String,
    pub(crate) app_id: String,
    pub(crate) principal: String,
    pub(crate) secret: GeneratedSecret,
}

pub(crate) fn open(store: Arc<MemoryStore>, keys: &Path, now: DateTime) -> (Identity, bool) {
    let config = IdentityConfig {
        store,
        keys_directory: keys,
        urls: PublicUrls::new("localhost", 8443, ["box.example"]),
        subscription: &ResourceId::new(SUBSCRIPTION),
        now,
    };
    Identity::open(config).unwrap()
}

pub(crate) fn house() -> House {
    static KEYS: OnceLock<String> = OnceLock::new();
    let (store, folder) = (Arc::new(MemoryStore::new()), tempfile::tempdir().unwrap());
    let file = folder.path().join("token-signing.json");
    if let Some(keys) = KEYS.get() {
        write_private(&file, keys.as_bytes()).unwrap();
    }
    let (identity, first) = open(store.clone(), folder.path(), now());
    assert!(first);
    KEYS.get_or_init(|| read_private(&file).unwrap().unwrap().expose().to_owned());
    let admin = AdminCredentials::load(folder.path()).unwrap().unwrap();
    House { identity: Arc::new(identity), admin, store, folder }
}

impl House {
    pub(crate) fn app(&self, name: &str) -> App {
        let new = NewApplication { display_name: name.into(), ..NewApplication::default() };
        let made = self.identity.create_application(new, now()).unwrap();
        let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
        let (object_id, app_id) = (text(&made, "id"), text(&made, "appId"));
        let principal = self.identity.create_service_principal(&app_id, now()).unwrap();
        let secret = self
            .identity
            .add_password(Holder::Application(&object_id), NewPassword::default(), now())
            .unwrap()
            .secret;
        App { principal: text(&principal, "id"), object_id, app_id, secret }
    }

    pub(crate) fn assign(&self, principal: &str, role: &str, scope: &str) {
        let name = uuid::Uuid::new_v4().to_string();
        let (id, document) =
            assignment_document(&ResourceId::new(scope), &name, role, principal, now());
        self.store.put(ASSIGNMENTS, &id.key(), document, Condition::Absent).unwrap();
        self.identity.reload_access().unwrap();
    }

    /// A request with client id and secret of the administrator, changed by `form`: a value replaces, an empty one
    /// removes.
    pub(crate) fn ask(&self, form: &[(&str, &str)]) -> TokenAnswer {
        self.ask_at(form, "adfs-or-own", TokenEndpoint::V2, now())
    }

    pub(crate) fn ask_at(
        &self,
        form: &[(&str, &str)],
        tenant: &str,
        endpoint: TokenEndpoint,
        now: DateTime,
    ) -> TokenAnswer {
        let mut all: Vec<(String, String)> = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.admin.client_id),
            ("client_secret", self.admin.client_secret.expose()),
            ("scope", "https://localhost:8443/.default"),
        ]
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .to_vec();
        for (name, value) in form {
            all.retain(|(n, _)| n != name);
            if !value.is_empty() {
                all.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        let tenant = if tenant == "adfs-or-own" { &self.admin.tenant_id } else { tenant };
        self.identity.token(&TokenRequest {
            tenant,
            endpoint,
            origin: ORIGIN,
            form: &all,
            authorization: None,
            page: None,
            source: SOURCE,
            correlation_id: None,
            user_agent: None,
            now,
        })
    }

    /// A good token for a resource.
    pub(crate) fn token_for(&self, app: &App, resource: &str) -> String {
        let scope = format!("{resource}/.default");
        let answer = self.ask(&[
            ("client_id", &app.app_id),
            ("client_secret", app.secret.expose()),
            ("scope", &scope),
        ]);
        access_token(&answer)
    }
}

pub(crate) fn access_token(answer: &TokenAnswer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["access_token"].as_str().unwrap().to_owned()
}

/// Header and claims of a token, unchecked.
pub(crate) fn read_token(token: &str) -> (Value, Value) {
    use base64::Engine;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut parts =
        token.split('.').map(|p| serde_json::from_slice(&engine.decode(p).unwrap_or_default()));
    (parts.next().unwrap().unwrap(), parts.next().unwrap().unwrap())
}
