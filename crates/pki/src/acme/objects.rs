//! Accounts, orders, authorizations and challenges: what they are, and how one state follows another.

use std::collections::BTreeSet;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::{CryptoError, random_bytes, sha256};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Jwk, Problem, ProblemKind};
use crate::{PkiError, SigningRequest, is_dns_name};

/// Names of one order.
const IDENTIFIERS_MAX: usize = 100;

/// What a certificate is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identifier {
    /// `dns`, or `ip` of RFC 8738.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name in lower case, perhaps with a star; or the address.
    pub value: String,
}

impl Identifier {
    /// Reads one, and brings it into its one form.
    pub fn checked(self) -> Result<Self, Problem> {
        let shown: String = self.value.chars().take(100).collect();
        let unfit = |kind| Err(Problem::new(kind, format!("no certificates for '{shown}'")));
        match self.kind.as_str() {
            "dns" => {
                let value = self.value.trim_end_matches('.').to_ascii_lowercase();
                if !is_dns_name(&value) || value.parse::<IpAddr>().is_ok() {
                    return unfit(ProblemKind::RejectedIdentifier);
                }
                Ok(Self { kind: self.kind, value })
            }
            "ip" => match self.value.parse::<IpAddr>() {
                Ok(address) => Ok(Self { kind: self.kind, value: address.to_string() }),
                Err(_) => unfit(ProblemKind::RejectedIdentifier),
            },
            _ => unfit(ProblemKind::UnsupportedIdentifier),
        }
    }

    /// The name without its star.
    pub fn base(&self) -> &str {
        self.value.strip_prefix("*.").unwrap_or(&self.value)
    }

    /// True for a name with a star.
    pub fn is_wildcard(&self) -> bool {
        self.value.starts_with("*.")
    }
}

/// State of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountStatus {
    /// In use.
    Valid,
    /// Given up by its owner.
    Deactivated,
    /// Taken away by the operator.
    Revoked,
}

/// Who asks for certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Its id.
    pub id: String,
    /// Its key as JWK.
    pub key: Value,
    /// `mailto:` addresses.
    pub contact: Vec<String>,
    /// State.
    pub status: AccountStatus,
    /// Name of the outside account it is bound to.
    pub external: Option<String>,
}

impl Account {
    /// Its key.
    pub fn jwk(&self) -> Option<Jwk> {
        Jwk::from_json(&self.key)
    }

    /// Reads contacts: mail addresses alone.
    pub fn contacts(value: Option<&Value>) -> Result<Vec<String>, Problem> {
        const CONTACTS_MAX: usize = 10;
        let Some(value) = value else { return Ok(Vec::new()) };
        let contacts: Option<Vec<String>> = value
            .as_array()
            .filter(|list| list.len() <= CONTACTS_MAX)
            .and_then(|list| list.iter().map(|c| c.as_str().map(str::to_owned)).collect());
        let contacts =
            contacts.ok_or_else(|| Problem::malformed("'contact' is a short list of texts"))?;
        for contact in &contacts {
            let Some(address) = contact.strip_prefix("mailto:") else {
                let detail = format!("'{contact}': contacts are mailto: addresses");
                return Err(Problem::new(ProblemKind::UnsupportedContact, detail));
            };
            if !address.contains('@') || address.contains([',', '?']) || address.len() > 320 {
                let detail = format!("'{contact}' is no single mail address");
                return Err(Problem::new(ProblemKind::InvalidContact, detail));
            }
        }
        Ok(contacts)
    }
}

/// State of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderStatus {
    /// Waits for its authorizations.
    Pending,
    /// May be finalized.
    Ready,
    /// The certificate is being made.
    Processing,
    /// The certificate is there.
    Valid,
    /// Will never be.
    Invalid,
}

/// A wish for a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// Its id.
    pub id: String,
    /// Whose.
    pub account: String,
    /// State.
    pub status: OrderStatus,
    /// When it ends, in seconds since 1970.
    pub expires: i64,
    /// What for.
    pub identifiers: Vec<Identifier>,
    /// Ids of its authorizations.
    pub authorizations: Vec<String>,
    /// Wished start of validity.
    pub not_before: Option<i64>,
    /// Wished end of validity.
    pub not_after: Option<i64>,
    /// Serial number of the certificate once it is there.
    pub certificate: Option<String>,
    /// Why it is invalid.
    pub error: Option<Problem>,
}

impl Order {
    /// Reads the names that an order asks for: each once, in one form.
    pub fn identifiers(value: Option<&Value>) -> Result<Vec<Identifier>, Problem> {
        let malformed = || {
            Problem::malformed(format!(
                "'identifiers' is a list of 1 to {IDENTIFIERS_MAX} of {{type, value}}"
            ))
        };
        let list = value.and_then(Value::as_array).ok_or_else(malformed)?;
        if list.is_empty() || list.len() > IDENTIFIERS_MAX {
            return Err(malformed());
        }
        let mut found: Vec<Identifier> = Vec::new();
        for value in list {
            let read: Identifier =
                serde_json::from_value(value.clone()).map_err(|_| malformed())?;
            let identifier = read.checked()?;
            if !found.contains(&identifier) {
                found.push(identifier);
            }
        }
        Ok(found)
    }

    /// True as long as a certificate may come of it.
    pub fn is_open(&self) -> bool {
        matches!(self.status, OrderStatus::Pending | OrderStatus::Ready | OrderStatus::Processing)
    }

    /// Follows its authorizations and the clock. One that fails ends now, not when it would have ended.
    pub fn refresh(&mut self, authorizations: &[Authorization], now: i64) {
        if !matches!(self.status, OrderStatus::Pending | OrderStatus::Ready) {
            return;
        }
        let failed = authorizations.iter().find(|a| {
            !matches!(a.status, AuthorizationStatus::Pending | AuthorizationStatus::Valid)
        });
        if let Some(failed) = failed {
            let problem = failed.challenges.iter().find_map(|c| c.error.clone());
            self.status = OrderStatus::Invalid;
            self.expires = self.expires.min(now);
            self.error = problem.or_else(|| {
                let detail = format!("the authorization of '{}' failed", failed.identifier.value);
                Some(Problem::new(ProblemKind::Unauthorized, detail))
            });
        } else if self.expires <= now {
            self.status = OrderStatus::Invalid;
            self.error = Some(Problem::malformed("the order expired"));
        } else if authorizations.iter().all(|a| a.status == AuthorizationStatus::Valid) {
            self.status = OrderStatus::Ready;
        }
    }

    /// Checks that the order may be finalized with this request.
    pub fn check_finalize(&self, csr: &[u8], account: &Jwk) -> Result<SigningRequest, Problem> {
        if self.status != OrderStatus::Ready {
            let detail = "the order is not ready; complete its authorizations first";
            return Err(Problem::new(ProblemKind::OrderNotReady, detail));
        }
        check_request(csr, &self.identifiers, account)
    }
}

/// Reads a signing request and checks that it asks for exactly these names, with a key that is not the account's.
pub fn check_request(
    csr: &[u8],
    identifiers: &[Identifier],
    account: &Jwk,
) -> Result<SigningRequest, Problem> {
    let bad = |detail: String| Problem::new(ProblemKind::BadCsr, detail);
    let request = SigningRequest::from_der(csr).map_err(|e: PkiError| bad(e.to_string()))?;
    if request.public_key().kind().is_none() {
        return Err(bad("its key is of no kind that is served".to_owned()));
    }
    if let Some(crypto::KeyKind::Rsa(bits)) = request.public_key().kind()
        && bits < 2048
    {
        return Err(bad("RSA keys need 2048 bits or more".to_owned()));
    }
    if account.is(request.public_key()) {
        return Err(bad("the certificate's key must not be the account's".to_owned()));
    }
    if request.is_authority() {
        return Err(bad("it asks to become an authority".to_owned()));
    }
    let names = request.names();
    if !(names.emails.is_empty() && names.upns.is_empty() && names.uris.is_empty()) {
        return Err(bad("it asks for names that are not in the order".to_owned()));
    }
    let mut asked: BTreeSet<Identifier> = BTreeSet::new();
    let dns = names.dns.iter().map(String::as_str).chain(request.subject().common_name());
    for name in dns {
        let kind = if name.parse::<IpAddr>().is_ok() { "ip" } else { "dns" };
        let identifier = Identifier { kind: kind.to_owned(), value: name.to_owned() };
        asked.insert(identifier.checked().map_err(|p| bad(p.detail))?);
    }
    let ip = |a: &IpAddr| Identifier { kind: "ip".to_owned(), value: a.to_string() };
    asked.extend(names.addresses.iter().map(ip));
    let ordered: BTreeSet<Identifier> = identifiers.iter().cloned().collect();
    if asked != ordered {
        return Err(bad("its names are not those of the order".to_owned()));
    }
    Ok(request)
}

/// State of an authorization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthorizationStatus {
    /// Waits for a challenge.
    Pending,
    /// Shown.
    Valid,
    /// Failed.
    Invalid,
    /// Given up.
    Deactivated,
    /// Too old.
    Expired,
    /// Taken back.
    Revoked,
}

/// Proof that an account controls a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// Its id.
    pub id: String,
    /// Whose.
    pub account: String,
    /// Which order it was made for.
    pub order: String,
    /// The name without its star.
    pub identifier: Identifier,
    /// True when it is for a name with a star.
    pub wildcard: bool,
    /// State.
    pub status: AuthorizationStatus,
    /// When it ends, in seconds since 1970.
    pub expires: i64,
    /// Ways to show it; one is enough.
    pub challenges: Vec<Challenge>,
}

/// Ways to show control of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChallengeKind {
    /// A file on the web server.
    #[serde(rename = "http-01")]
    Http01,
    /// A text in the DNS.
    #[serde(rename = "dns-01")]
    Dns01,
}

impl ChallengeKind {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::Dns01 => "dns-01",
        }
    }
}

/// State of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChallengeStatus {
    /// Not begun.
    Pending,
    /// Being looked at.
    Processing,
    /// Met.
    Valid,
    /// Failed.
    Invalid,
}

/// One way to show control of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// Which.
    pub kind: ChallengeKind,
    /// Chance that the answer must hold.
    pub token: String,
    /// State.
    pub status: ChallengeStatus,
    /// When it was met, in seconds since 1970.
    pub validated: Option<i64>,
    /// Why it failed.
    pub error: Option<Problem>,
}

impl Authorization {
    /// A new one, with the challenges that fit the name: files for plain names and addresses, DNS for names.
    pub fn new(
        id: String,
        order: &Order,
        identifier: &Identifier,
        expires: i64,
    ) -> Result<Self, CryptoError> {
        let wildcard = identifier.is_wildcard();
        let mut kinds = Vec::new();
        if !wildcard {
            kinds.push(ChallengeKind::Http01);
        }
        if identifier.kind == "dns" {
            kinds.push(ChallengeKind::Dns01);
        }
        let mut challenges = Vec::new();
        for kind in kinds {
            let token = URL_SAFE_NO_PAD.encode(random_bytes::<32>()?);
            let status = ChallengeStatus::Pending;
            challenges.push(Challenge { kind, token, status, validated: None, error: None });
        }
        let identifier =
            Identifier { kind: identifier.kind.clone(), value: identifier.base().to_owned() };
        Ok(Self {
            id,
            account: order.account.clone(),
            order: order.id.clone(),
            identifier,
            wildcard,
            status: AuthorizationStatus::Pending,
            expires,
            challenges,
        })
    }

    /// Follows the clock.
    pub fn refresh(&mut self, now: i64) {
        let open = matches!(self.status, AuthorizationStatus::Pending | AuthorizationStatus::Valid);
        if open && self.expires <= now {
            self.status = AuthorizationStatus::Expired;
        }
    }

    /// A challenge by its kind.
    pub fn challenge(&self, kind: &str) -> Option<&Challenge> {
        self.challenges.iter().find(|c| c.kind.name() == kind)
    }

    /// Begins to look at a challenge; false when there is nothing to do any more.
    pub fn begin(&mut self, kind: ChallengeKind) -> bool {
        if self.status != AuthorizationStatus::Pending {
            return false;
        }
        let challenge = self.challenges.iter_mut().find(|c| c.kind == kind);
        match challenge.filter(|c| c.status == ChallengeStatus::Pending) {
            Some(challenge) => {
                challenge.status = ChallengeStatus::Processing;
                true
            }
            None => false,
        }
    }

    /// Records what was found.
    pub fn settle(&mut self, kind: ChallengeKind, outcome: Result<(), Problem>, now: i64) {
        if self.status != AuthorizationStatus::Pending {
            return;
        }
        let Some(challenge) = self.challenges.iter_mut().find(|c| c.kind == kind) else { return };
        match outcome {
            Ok(()) => {
                challenge.status = ChallengeStatus::Valid;
                challenge.validated = Some(now);
                self.status = AuthorizationStatus::Valid;
            }
            Err(problem) => {
                challenge.status = ChallengeStatus::Invalid;
                challenge.error = Some(problem);
                self.status = AuthorizationStatus::Invalid;
            }
        }
    }
}

/// What the file of http-01 holds.
pub fn key_authorization(token: &str, account: &Jwk) -> String {
    format!("{token}.{}", account.thumbprint())
}

/// What the TXT record of dns-01 holds.
pub fn dns_record(key_authorization: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(key_authorization.as_bytes()))
}
