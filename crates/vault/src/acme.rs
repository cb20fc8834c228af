//! The ACME server of a vault's private authorities (RFC 8555): who asks, what is ordered, what was shown, what is issued.
//! The transitions are `pki::acme`'s; here they meet the store. What must be looked at outside waits in line, each as a
//! [`Validation`] for somebody who may wait for an answer.

mod accounts;
mod limit;
mod obtain;
mod orders;
mod reach;
mod revoke;
mod settings;
mod store;
mod sweep;
mod tally;
mod turns;
mod validate;

use std::collections::HashSet;
use std::net::IpAddr;

use parking_lot::Mutex;
use pki::acme::{Identifier, Jwk, Jws, KeyReference, Nonces, Problem, ProblemKind};
use serde_json::{Value, json};

pub use limit::network_of;
pub use obtain::Outside;
pub use reach::{Reach, is_special_address};
pub use settings::AcmeSettings;
pub(crate) use settings::check as check_settings;
pub use validate::{Look, Probe, Unseen, Validation};

use crate::{AuthorityPlaces, Vault, VaultError};
pub(crate) use store::ACME;
use store::Ledger;

/// One request to an authority's ACME server.
pub struct AcmeCall<'a> {
    /// The vault.
    pub vault: &'a Vault,
    /// The authority: name of an issuer.
    pub authority: &'a str,
    /// `https://host:port/acme/{authority}`, as the client sees it.
    pub base: String,
    /// The whole address of the request.
    pub url: String,
    /// Segments behind the authority.
    pub path: &'a [String],
    /// Body of a POST; none for GET and HEAD.
    pub body: Option<&'a [u8]>,
    /// Where the request comes from.
    pub source: IpAddr,
    /// It comes from this machine.
    pub is_local: bool,
    /// Where the outside finds revocation lists.
    pub places: AuthorityPlaces,
    /// Seconds since 1970.
    pub now: i64,
}

/// What goes back.
#[derive(Debug, Default)]
pub struct AcmeAnswer {
    /// HTTP status.
    pub status: u16,
    /// `Location`.
    pub location: Option<String>,
    /// `Link`, several.
    pub links: Vec<String>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    /// Body; JSON unless it is a chain.
    pub body: Vec<u8>,
    /// True for a chain in PEM.
    pub is_chain: bool,
    /// Name of what was done, for the audit row.
    pub operation: &'static str,
    /// The account that asked.
    pub account: String,
    /// A challenge is in line: see [`AcmeServer::next_look`].
    pub looks: bool,
}

impl AcmeAnswer {
    fn json(status: u16, body: &Value) -> Self {
        Self { status, body: body.to_string().into_bytes(), ..Self::default() }
    }

    fn at(mut self, location: String) -> Self {
        self.location = Some(location);
        self
    }
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        match error.status {
            404 => Self::not_found("certificate authority"),
            status @ 400..500 => Self { status, ..Self::malformed(error.message) },
            status => {
                let mut problem = Self::new(ProblemKind::ServerInternal, error.message);
                problem.status = status;
                problem
            }
        }
    }
}

/// The server: what it gave out and waits to get back.
#[derive(Default)]
pub struct AcmeServer {
    nonces: Mutex<Nonces>,
    newcomers: Mutex<limit::Newcomers>,
    tally: Mutex<tally::Tally>,
    turns: Mutex<turns::Turns>,
    finalizing: Mutex<HashSet<String>>,
}

/// A message whose sender is known.
struct Signed {
    /// The sender's account; none where a key alone signs.
    account: Option<pki::acme::Account>,
    key: Jwk,
    /// The message holds its key, and names no account.
    by_key: bool,
    payload: Vec<u8>,
}

impl Signed {
    /// The payload as a JSON object.
    fn object(&self) -> Result<Value, Problem> {
        let value: Value = serde_json::from_slice(&self.payload)
            .map_err(|_| Problem::malformed("the payload is no JSON"))?;
        if value.is_object() {
            Ok(value)
        } else {
            Err(Problem::malformed("the payload is no JSON object"))
        }
    }

    /// Refuses a payload where POST stands for GET.
    fn is_get(&self) -> bool {
        self.payload.is_empty()
    }

    fn account(&self) -> Result<&pki::acme::Account, Problem> {
        self.account
            .as_ref()
            .ok_or_else(|| Problem::malformed("this must be signed by an account ('kid')"))
    }
}

impl AcmeServer {
    /// A fresh nonce, for every answer.
    pub fn nonce(&self) -> Result<String, VaultError> {
        Ok(self.nonces.lock().issue()?)
    }

    /// Answers a request.
    pub fn answer(&self, call: &AcmeCall<'_>) -> Result<AcmeAnswer, Problem> {
        if !call.vault.is_authority(call.authority) {
            return Err(Problem::not_found("certificate authority"));
        }
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        let Some(body) = call.body else { return Self::answer_get(call, &path) };
        let ledger = Ledger::of(call.vault, call.authority, &self.tally);
        let by_key = matches!(path.as_slice(), ["new-account" | "revoke-cert"]);
        let mut signed = self.signed(call, &ledger, body, by_key)?;
        if path == ["revoke-cert"] && signed.by_key {
            signed.account = None; // the certificate's own key signs, or nobody who may
        }
        let account = signed.account.as_ref().map(|a| a.id.clone()).unwrap_or_default();
        let (operation, done) = self.answer_post(call, &ledger, &signed, &path);
        let mut answer = done?;
        answer.operation = operation;
        if answer.account.is_empty() {
            answer.account = account;
        }
        Ok(answer)
    }

    fn answer_get(call: &AcmeCall<'_>, path: &[&str]) -> Result<AcmeAnswer, Problem> {
        match path {
            ["directory"] => Ok(AcmeAnswer::json(200, &directory(call))),
            ["new-nonce"] => Ok(AcmeAnswer { status: 204, ..AcmeAnswer::default() }),
            _ => {
                Err(Problem { status: 405, ..Problem::malformed("this is answered to POST alone") })
            }
        }
    }

    fn answer_post(
        &self,
        call: &AcmeCall<'_>,
        ledger: &Ledger<'_>,
        signed: &Signed,
        path: &[&str],
    ) -> (&'static str, Result<AcmeAnswer, Problem>) {
        match path {
            ["new-account"] => {
                ("AcmeNewAccount", accounts::create(call, ledger, signed, &self.newcomers))
            }
            ["account", id] => ("AcmeAccount", accounts::update(call, ledger, signed, id)),
            ["account", id, "orders"] => ("AcmeOrders", orders::list(call, ledger, signed, id)),
            ["key-change"] => ("AcmeKeyChange", accounts::change_key(call, ledger, signed)),
            ["new-order"] => ("AcmeNewOrder", orders::create(call, ledger, signed)),
            ["order", id] => ("AcmeOrder", orders::show(call, ledger, signed, id)),
            ["order", id, "finalize"] => {
                ("AcmeFinalize", self.finalize_once(call, ledger, signed, id))
            }
            ["certificate", id] => ("AcmeCertificate", orders::chain(call, ledger, signed, id)),
            ["authorization", id] => {
                ("AcmeAuthorization", validate::authorization(call, ledger, signed, id))
            }
            ["challenge", id, kind] => {
                let place = (*id, *kind);
                ("AcmeChallenge", validate::challenge(call, ledger, signed, &self.turns, place))
            }
            ["revoke-cert"] => ("AcmeRevokeCertificate", revoke::revoke(call, ledger, signed)),
            _ => ("AcmeUnknown", Err(Problem::not_found("resource"))),
        }
    }

    /// One order makes one certificate, also when it is finalized twice at the same moment.
    fn finalize_once(
        &self,
        call: &AcmeCall<'_>,
        ledger: &Ledger<'_>,
        signed: &Signed,
        id: &str,
    ) -> Result<AcmeAnswer, Problem> {
        if !self.finalizing.lock().insert(id.to_owned()) {
            let detail = "the order is being finalized";
            return Err(Problem::new(ProblemKind::OrderNotReady, detail));
        }
        let done = orders::finalize(call, ledger, signed, id);
        self.finalizing.lock().remove(id);
        done
    }

    /// Reads a message, takes its nonce, finds its key and verifies it.
    fn signed(
        &self,
        call: &AcmeCall<'_>,
        ledger: &Ledger<'_>,
        body: &[u8],
        by_key: bool,
    ) -> Result<Signed, Problem> {
        let message = Jws::parse(body)?;
        if message.url != call.url {
            let detail = format!("'url' is '{}', but this is '{}'", message.url, call.url);
            return Err(Problem { status: 403, ..Problem::new(ProblemKind::Unauthorized, detail) });
        }
        let taken = message.nonce.as_deref().is_some_and(|n| self.nonces.lock().take(n));
        if !taken {
            let detail =
                "the nonce was not given out here, or was used; take the one of this answer";
            return Err(Problem::new(ProblemKind::BadNonce, detail));
        }
        match &message.key {
            KeyReference::Key(key) if by_key => {
                let payload = message.verify(key)?.to_vec();
                let account = ledger.account_of(key)?;
                Ok(Signed { account, key: key.clone(), by_key: true, payload })
            }
            KeyReference::Key(_) => {
                Err(Problem::malformed("this must be signed by an account ('kid')"))
            }
            KeyReference::Account(url) => {
                let id = url.strip_prefix(&format!("{}/account/", call.base));
                let account = id.map(|id| ledger.account(id)).transpose()?.flatten();
                let account = account.ok_or_else(no_account)?;
                let key = account.jwk().ok_or_else(no_account)?;
                let payload = message.verify(&key)?.to_vec();
                if account.status != pki::acme::AccountStatus::Valid {
                    let detail = "the account is no longer in use";
                    return Err(Problem::new(ProblemKind::Unauthorized, detail));
                }
                Ok(Signed { account: Some(account), key, by_key: false, payload })
            }
        }
    }
}

fn no_account() -> Problem {
    Problem::new(
        ProblemKind::AccountDoesNotExist,
        "there is no such account; make one with newAccount",
    )
}

fn directory(call: &AcmeCall<'_>) -> Value {
    let base = &call.base;
    let settings = AcmeSettings::of(call.vault, call.authority);
    json!({
        "newNonce": format!("{base}/new-nonce"),
        "newAccount": format!("{base}/new-account"),
        "newOrder": format!("{base}/new-order"),
        "revokeCert": format!("{base}/revoke-cert"),
        "keyChange": format!("{base}/key-change"),
        "meta": { "externalAccountRequired": settings.requires_external_account },
    })
}

#[cfg(test)]
mod tests;
