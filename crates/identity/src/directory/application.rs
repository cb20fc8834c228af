//! An app registration and what it may prove itself with.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::{Certificate, CryptoError, GeneratedSecret, RsaPublicKey, StoredSecret};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::{ApiSettings, AppRole, GroupClaims, OptionalClaims, RedirectUris};

/// An app registration. No `Debug`: it holds digests of secrets.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    /// Object id of the registration.
    pub id: String,
    /// Application (client) id.
    pub app_id: String,
    /// Name for people.
    pub display_name: String,
    /// Registered, in seconds since 1970.
    pub created: i64,
    /// Names by which tokens for the application can be asked for.
    #[serde(default)]
    pub identifier_uris: Vec<String>,
    /// Its secrets.
    #[serde(default)]
    pub passwords: Vec<PasswordCredential>,
    /// Its certificates.
    #[serde(default)]
    pub keys: Vec<KeyCredential>,
    /// Tokens of outside issuers that it may prove itself with.
    #[serde(default)]
    pub federated: Vec<FederatedCredential>,
    /// Where people who sign in may be sent back to.
    #[serde(default)]
    pub redirects: RedirectUris,
    /// True: it may sign people in without a secret of its own, by device code and with the refresh tokens of it.
    #[serde(default)]
    pub is_fallback_public_client: bool,
    /// True: the authorization endpoint gives it id tokens, not codes alone.
    #[serde(default)]
    pub id_token_issuance: bool,
    /// Where it is at home.
    #[serde(default)]
    pub home_page_url: Option<String>,
    /// Where it ends a person's session; kept for who reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logout_url: Option<String>,
    /// What administrators wrote about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// Marks to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What it is as an API.
    #[serde(default)]
    pub api: ApiSettings,
    /// Roles that it defines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub app_roles: Vec<AppRole>,
    /// Which groups and directory roles tokens name: id tokens that it gets, access tokens that are for it.
    #[serde(default, skip_serializing_if = "GroupClaims::is_empty")]
    pub group_claims: GroupClaims,
    /// Further claims in these.
    #[serde(default, skip_serializing_if = "OptionalClaims::is_empty")]
    pub optional_claims: OptionalClaims,
    /// Object ids of who looks after it.
    #[serde(default)]
    pub owners: BTreeSet<String>,
}

impl Application {
    /// An application with a name and nothing else.
    pub(crate) fn named(id: String, app_id: String, display_name: String, created: i64) -> Self {
        Self {
            id,
            app_id,
            display_name,
            created,
            identifier_uris: Vec::new(),
            passwords: Vec::new(),
            keys: Vec::new(),
            federated: Vec::new(),
            redirects: RedirectUris::default(),
            is_fallback_public_client: false,
            id_token_issuance: false,
            home_page_url: None,
            logout_url: None,
            notes: None,
            tags: Vec::new(),
            api: ApiSettings::default(),
            app_roles: Vec::new(),
            group_claims: GroupClaims::default(),
            optional_claims: OptionalClaims::default(),
            owners: BTreeSet::new(),
        }
    }
}

/// A client secret, as a digest.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PasswordCredential {
    /// Identifies it among its siblings.
    pub key_id: String,
    /// What it is for.
    pub display_name: Option<String>,
    /// Its first three characters.
    pub hint: String,
    /// First second of validity, since 1970.
    pub start: i64,
    /// Last second of validity.
    pub end: i64,
    /// Salt and digest.
    #[serde(serialize_with = "stored_text", deserialize_with = "stored_parse")]
    pub hash: StoredSecret,
}

fn stored_text<S: Serializer>(secret: &StoredSecret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&secret.to_text())
}

fn stored_parse<'de, D: Deserializer<'de>>(from: D) -> Result<StoredSecret, D::Error> {
    let text = String::deserialize(from)?;
    StoredSecret::parse(&text).ok_or_else(|| serde::de::Error::custom("not a stored secret"))
}

impl PasswordCredential {
    /// The credential of a new secret.
    pub(crate) fn new(
        secret: &GeneratedSecret,
        display_name: Option<String>,
        start: i64,
        end: i64,
    ) -> Result<Self, CryptoError> {
        let hint = secret.expose().chars().take(3).collect();
        let key_id = Uuid::new_v4().to_string();
        Ok(Self { key_id, display_name, hint, start, end, hash: secret.to_stored()? })
    }
}

/// A federated identity credential: whose holder's tokens of an outside issuer stand in for a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FederatedCredential {
    /// Its id.
    pub id: String,
    /// Its name among those of the application; never changes.
    pub name: String,
    /// The `iss` of the tokens, an https address, exactly.
    pub issuer: String,
    /// Their `sub`, exactly.
    pub subject: String,
    /// One of these must be their `aud`.
    pub audiences: Vec<String>,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
}

/// A certificate whose holder may sign assertions for the application.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "StoredKey", into = "StoredKey")]
pub struct KeyCredential {
    /// Identifies it among its siblings.
    pub key_id: String,
    /// What it is for.
    pub display_name: Option<String>,
    /// First second of validity, since 1970.
    pub start: i64,
    /// Last second of validity.
    pub end: i64,
    certificate: Certificate,
    public_key: RsaPublicKey,
}

impl KeyCredential {
    /// The credential of a certificate; refused unless it holds an RSA key of 2048 bits and more.
    pub fn new(
        certificate: Certificate,
        display_name: Option<String>,
    ) -> Result<Self, &'static str> {
        let public_key = certificate.rsa_public_key().cloned();
        let public_key =
            public_key.ok_or("the certificate holds no RSA key of 2048 bits or more")?;
        let (start, end) = (certificate.not_before(), certificate.not_after());
        let key_id = Uuid::new_v4().to_string();
        Ok(Self { key_id, display_name, start, end, certificate, public_key })
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    pub(crate) fn public_key(&self) -> &RsaPublicKey {
        &self.public_key
    }
}

/// [`KeyCredential`] on disk.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredKey {
    key_id: String,
    display_name: Option<String>,
    certificate: String,
}

impl From<KeyCredential> for StoredKey {
    fn from(key: KeyCredential) -> Self {
        let certificate = STANDARD.encode(key.certificate.der());
        Self { key_id: key.key_id, display_name: key.display_name, certificate }
    }
}

impl TryFrom<StoredKey> for KeyCredential {
    type Error = String;

    fn try_from(stored: StoredKey) -> Result<Self, String> {
        let der = STANDARD.decode(stored.certificate).map_err(|e| e.to_string())?;
        let certificate = Certificate::from_der(&der).map_err(|e| e.to_string())?;
        let key = Self::new(certificate, stored.display_name)?;
        Ok(Self { key_id: stored.key_id, ..key })
    }
}
