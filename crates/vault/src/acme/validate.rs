//! Authorizations and their challenges: begun by the client, looked at from outside, settled. Who calls from outside is
//! told the kind of what was seen and no more: the server is nobody's eye.

use std::net::IpAddr;

use parking_lot::Mutex;
use pki::acme::{
    Authorization, AuthorizationStatus, Challenge, ChallengeKind, ChallengeStatus, Identifier,
    Problem, ProblemKind, dns_record, key_authorization,
};
use pki::time::rfc3339;
use serde_json::{Value, json};

use super::limit::network_of;
use super::store::Ledger;
use super::turns::Turns;
use super::{AcmeAnswer, AcmeCall, AcmeServer, AcmeSettings, Reach, Signed};
use crate::Vault;

/// Longest answer of a web server that is read.
const FILE_BYTES_MAX: usize = 4096;

/// A challenge that is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validation {
    vault: String,
    authority: String,
    pub(super) authorization: String,
    pub(super) account: String,
    /// Where the client is.
    pub(super) place: IpAddr,
    /// The client is on this machine: it is told what was seen.
    is_local: bool,
    pub(super) kind: ChallengeKind,
    identifier: Identifier,
    token: String,
    key_authorization: String,
    settings: AcmeSettings,
}

/// What a look asks a web server for: `GET http://{host}:{port}{path}`.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Name or address.
    pub host: &'a str,
    /// Port.
    pub port: u16,
    /// Path.
    pub path: &'a str,
    /// Most bytes that are read.
    pub limit: usize,
    /// Where it may lead.
    pub reach: Reach,
}

/// Why a look found nothing, each with what was seen, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// The name has no address.
    NoName(String),
    /// It leads to this machine, which is out of reach.
    Here,
    /// Nobody answers, or not in HTTP.
    NoAnswer(String),
    /// A web server answers something else.
    Other(String),
}

/// The way outside: asks web servers and name servers.
pub trait Probe: Send + Sync {
    /// The body of a web server's answer; only status 200 counts.
    fn http(&self, look: &Look<'_>) -> Result<Vec<u8>, Unseen>;
    /// Texts of TXT records of a name, asked of this server or the machine's own. A failure is a text for people.
    fn texts(&self, name: &str, server: Option<&str>) -> Result<Vec<String>, String>;
    /// True for an address of this machine.
    fn is_own(&self, address: IpAddr) -> bool;
}

/// The name leads to this machine, and whoever asks is not on it.
pub(super) fn leads_here(name: &str) -> Problem {
    let detail = format!(
        "'{name}' leads to the server's own machine, which it asks for callers on that machine alone; \
         acme.allowLocal of the issuer opens it to all"
    );
    Problem::new(ProblemKind::RejectedIdentifier, detail)
}

fn challenge_url(call: &AcmeCall<'_>, id: &str, kind: ChallengeKind) -> String {
    format!("{}/challenge/{id}/{}", call.base, kind.name())
}

fn shown_challenge(call: &AcmeCall<'_>, id: &str, challenge: &Challenge) -> Value {
    let mut out = json!({
        "type": challenge.kind.name(),
        "url": challenge_url(call, id, challenge.kind),
        "status": challenge.status,
        "token": challenge.token,
    });
    if let Some(at) = challenge.validated {
        out["validated"] = json!(rfc3339(at));
    }
    if let Some(error) = &challenge.error {
        out["error"] = error.body();
    }
    out
}

fn shown(call: &AcmeCall<'_>, authorization: &Authorization) -> Value {
    let id = &authorization.id;
    let challenges = authorization.challenges.iter().map(|c| shown_challenge(call, id, c));
    let mut out = json!({
        "status": authorization.status,
        "expires": rfc3339(authorization.expires),
        "identifier": authorization.identifier,
        "challenges": challenges.collect::<Vec<_>>(),
    });
    if authorization.wildcard {
        out["wildcard"] = json!(true);
    }
    out
}

fn current(
    call: &AcmeCall<'_>,
    ledger: &Ledger<'_>,
    signed: &Signed,
    id: &str,
) -> Result<Authorization, Problem> {
    let missing = || Problem::not_found("authorization");
    let mut found = ledger.authorization(id)?.ok_or_else(missing)?;
    if found.account != signed.account()?.id {
        return Err(missing());
    }
    found.refresh(call.now);
    Ok(found)
}

/// An authorization; its owner may give it up.
pub(super) fn authorization(
    call: &AcmeCall<'_>,
    ledger: &Ledger<'_>,
    signed: &Signed,
    id: &str,
) -> Result<AcmeAnswer, Problem> {
    let mut found = current(call, ledger, signed, id)?;
    if !signed.is_get() {
        let sent = signed.object()?;
        if sent.get("status").and_then(Value::as_str) != Some("deactivated") {
            return Err(Problem::malformed("'status' can be set to 'deactivated' alone"));
        }
        found.status = AuthorizationStatus::Deactivated;
        ledger.put_all(&[], std::slice::from_ref(&found))?;
        if let Some(order) = ledger.order(&found.order)? {
            super::orders::refreshed(ledger, order, call.now)?;
        }
    }
    let mut answer = AcmeAnswer::json(200, &shown(call, &found));
    if found.status == AuthorizationStatus::Pending {
        answer.retry_after = Some(1);
    }
    Ok(answer)
}

/// A challenge: any object sent to it says that it can be looked at.
pub(super) fn challenge(
    call: &AcmeCall<'_>,
    ledger: &Ledger<'_>,
    signed: &Signed,
    turns: &Mutex<Turns>,
    (id, kind): (&str, &str),
) -> Result<AcmeAnswer, Problem> {
    let mut found = current(call, ledger, signed, id)?;
    let known = found.challenge(kind).ok_or_else(|| Problem::not_found("challenge"))?;
    let (kind, token) = (known.kind, known.token.clone());
    let is_processing = known.status == ChallengeStatus::Processing;
    let mut looks = false;
    if !signed.is_get() {
        signed.object()?;
        turns.lock().check(network_of(call.source))?;
        // one that the server forgot by ending is begun anew
        let is_lost = is_processing
            && found.status == AuthorizationStatus::Pending
            && !turns.lock().has(&found.id, kind);
        looks = found.begin(kind) || is_lost;
    }
    if looks {
        ledger.put_all(&[], std::slice::from_ref(&found))?;
        turns.lock().add(Validation {
            vault: call.vault.id().to_owned(),
            authority: call.authority.to_owned(),
            authorization: found.id.clone(),
            account: found.account.clone(),
            place: network_of(call.source),
            is_local: call.is_local,
            kind,
            identifier: found.identifier.clone(),
            key_authorization: key_authorization(&token, &signed.key),
            token,
            settings: AcmeSettings::of(call.vault, call.authority),
        });
    }
    let shown = found.challenge(kind.name()).map(|c| shown_challenge(call, id, c));
    let mut answer = AcmeAnswer::json(200, &shown.unwrap_or_default());
    answer = answer.at(challenge_url(call, id, kind));
    answer.links.push(format!("<{}/authorization/{id}>;rel=\"up\"", call.base));
    answer.retry_after = Some(1);
    answer.looks = looks;
    Ok(answer)
}

impl AcmeServer {
    /// The challenge that is to be looked at next; none while enough are, or where none waits. Say [`AcmeServer::looked`]
    /// behind it, whatever came of it.
    pub fn next_look(&self) -> Option<Validation> {
        self.turns.lock().next()
    }

    /// A look is over.
    pub fn looked(&self, validation: &Validation) {
        self.turns.lock().done(validation);
    }

    /// Looks at a challenge and records what was found. Waits for others: call it where that is allowed.
    pub fn validate(
        &self,
        vault: &Vault,
        validation: &Validation,
        probe: &dyn Probe,
        now: i64,
    ) -> Result<(), Problem> {
        let outcome = validation.look(probe).map_err(|missed| {
            let (name, detail) = (&validation.identifier.value, &missed.seen.detail);
            tracing::info!(name, detail, "an ACME challenge failed");
            if validation.is_local { missed.seen } else { missed.told }
        });
        let ledger = Ledger::of(vault, &validation.authority, &self.tally);
        let found = ledger.authorization(&validation.authorization)?;
        let mut found = found.ok_or_else(|| Problem::not_found("authorization"))?;
        found.settle(validation.kind, outcome, now);
        ledger.put_all(&[], std::slice::from_ref(&found))?;
        if let Some(order) = ledger.order(&found.order)? {
            super::orders::refreshed(&ledger, order, now)?;
        }
        Ok(())
    }
}

/// A challenge that is not met: what was seen, and what anybody may be told of it.
struct Missed {
    seen: Problem,
    told: Problem,
}

impl Missed {
    fn new(kind: ProblemKind, told: String, seen: &str) -> Self {
        let detail = if seen.is_empty() { told.clone() } else { format!("{told}: {seen}") };
        let mut problem = Problem::new(kind, detail);
        if kind == ProblemKind::IncorrectResponse {
            problem.status = 403;
        }
        Self { told: Problem { detail: told, ..problem.clone() }, seen: problem }
    }
}

impl Validation {
    /// The vault that it belongs to.
    pub fn vault(&self) -> &str {
        &self.vault
    }

    fn look(&self, probe: &dyn Probe) -> Result<(), Missed> {
        match self.kind {
            ChallengeKind::Http01 => self.look_at_file(probe),
            ChallengeKind::Dns01 => self.look_at_record(probe),
        }
    }

    fn look_at_file(&self, probe: &dyn Probe) -> Result<(), Missed> {
        let (name, port) = (self.identifier.value.as_str(), self.settings.http_port);
        let path = format!("/.well-known/acme-challenge/{}", self.token);
        let reach = self.settings.reach(self.is_local);
        let look = Look { host: name, port, path: &path, limit: FILE_BYTES_MAX, reach };
        let other = |seen: &str| {
            let told = format!("http://{name}:{port}{path} does not hold the key authorization");
            Missed::new(ProblemKind::IncorrectResponse, told, seen)
        };
        let body = probe.http(&look).map_err(|unseen| match unseen {
            Unseen::NoName(why) => {
                Missed::new(ProblemKind::Dns, format!("no address of '{name}' was found"), &why)
            }
            Unseen::Here => Missed { seen: leads_here(name), told: leads_here(name) },
            Unseen::NoAnswer(why) => {
                let told = format!("http://{name}:{port} does not answer");
                Missed::new(ProblemKind::Connection, told, &why)
            }
            Unseen::Other(why) => other(&why),
        })?;
        if String::from_utf8_lossy(&body).trim_end() == self.key_authorization {
            return Ok(());
        }
        Err(other(""))
    }

    fn look_at_record(&self, probe: &dyn Probe) -> Result<(), Missed> {
        let record = format!("_acme-challenge.{}", self.identifier.value);
        let texts = probe.texts(&record, self.settings.name_server.as_deref());
        let texts = texts.map_err(|why| {
            let told = format!("TXT {record} could not be looked up");
            Missed::new(ProblemKind::Dns, told, &why)
        })?;
        if texts.contains(&dns_record(&self.key_authorization)) {
            return Ok(());
        }
        let told = format!("no TXT record of {record} holds the digest of the key authorization");
        Err(Missed::new(ProblemKind::IncorrectResponse, told, ""))
    }

    #[cfg(test)]
    pub(super) fn sample(place: IpAddr, account: &str, authorization: &str) -> Self {
        Self {
            vault: String::new(),
            authority: String::new(),
            authorization: authorization.to_owned(),
            account: account.to_owned(),
            place,
            is_local: false,
            kind: ChallengeKind::Http01,
            identifier: Identifier { kind: "dns".into(), value: "a.example".into() },
            token: String::new(),
            key_authorization: String::new(),
            settings: AcmeSettings {
                http_port: 80,
                requires_external_account: false,
                validity_days: 90,
                domains: Vec::new(),
                name_server: None,
                allow_local: None,
            },
        }
    }
}
