//! Authorizations and their challenges: begun by the client, looked at from outside, settled.

use pki::acme::{
    Authorization, AuthorizationStatus, Challenge, ChallengeKind, Identifier, Problem, ProblemKind,
    dns_record, key_authorization,
};
use pki::time::rfc3339;
use serde_json::{Value, json};

use super::store::Ledger;
use super::{AcmeAnswer, AcmeCall, AcmeServer, AcmeSettings, Signed};
use crate::Vault;

/// Longest answer of a web server that is read.
const FILE_BYTES_MAX: usize = 4096;

/// A challenge that is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validation {
    authority: String,
    authorization: String,
    kind: ChallengeKind,
    identifier: Identifier,
    token: String,
    key_authorization: String,
    settings: AcmeSettings,
}

/// The way outside: asks web servers and name servers. Failures are texts for people.
pub trait Probe: Send + Sync {
    /// The body of `GET http://{host}:{port}{path}`, at most `limit` bytes of it; only status 200 counts.
    fn http(&self, host: &str, port: u16, path: &str, limit: usize) -> Result<Vec<u8>, String>;
    /// Texts of TXT records of a name, asked of this server or the machine's own.
    fn texts(&self, name: &str, server: Option<&str>) -> Result<Vec<String>, String>;
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
    id: &str,
    kind: &str,
) -> Result<AcmeAnswer, Problem> {
    let mut found = current(call, ledger, signed, id)?;
    let known = found.challenge(kind).ok_or_else(|| Problem::not_found("challenge"))?;
    let (kind, token) = (known.kind, known.token.clone());
    let mut validation = None;
    if !signed.is_get() {
        signed.object()?;
        if found.begin(kind) {
            ledger.put_all(&[], std::slice::from_ref(&found))?;
            validation = Some(Validation {
                authority: call.authority.to_owned(),
                authorization: found.id.clone(),
                kind,
                identifier: found.identifier.clone(),
                key_authorization: key_authorization(&token, &signed.key),
                token,
                settings: AcmeSettings::of(call.vault, call.authority),
            });
        }
    }
    let shown = found.challenge(kind.name()).map(|c| shown_challenge(call, id, c));
    let mut answer = AcmeAnswer::json(200, &shown.unwrap_or_default());
    answer = answer.at(challenge_url(call, id, kind));
    answer.links.push(format!("<{}/authorization/{id}>;rel=\"up\"", call.base));
    answer.retry_after = Some(1);
    answer.validation = validation;
    Ok(answer)
}

impl AcmeServer {
    /// Looks at a challenge and records what was found. Waits for others: call it where that is allowed.
    pub fn validate(
        &self,
        vault: &Vault,
        validation: &Validation,
        probe: &dyn Probe,
        now: i64,
    ) -> Result<(), Problem> {
        let outcome = validation.look(probe);
        if let Err(problem) = &outcome {
            let name = &validation.identifier.value;
            tracing::info!(name, detail = problem.detail, "an ACME challenge failed");
        }
        let ledger = Ledger::of(vault, &validation.authority);
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

impl Validation {
    fn look(&self, probe: &dyn Probe) -> Result<(), Problem> {
        let name = &self.identifier.value;
        match self.kind {
            ChallengeKind::Http01 => {
                let path = format!("/.well-known/acme-challenge/{}", self.token);
                let port = self.settings.http_port;
                let body = probe.http(name, port, &path, FILE_BYTES_MAX).map_err(|why| {
                    let detail = format!("http://{name}:{port}{path}: {why}");
                    Problem::new(ProblemKind::Connection, detail)
                })?;
                let text = String::from_utf8_lossy(&body);
                if text.trim_end() == self.key_authorization {
                    return Ok(());
                }
                let detail =
                    format!("http://{name}:{port}{path} does not hold the key authorization");
                Err(Problem { status: 403, ..Problem::new(ProblemKind::IncorrectResponse, detail) })
            }
            ChallengeKind::Dns01 => {
                let record = format!("_acme-challenge.{name}");
                let texts = probe.texts(&record, self.settings.name_server.as_deref());
                let texts = texts.map_err(|why| {
                    Problem::new(ProblemKind::Dns, format!("TXT {record}: {why}"))
                })?;
                if texts.contains(&dns_record(&self.key_authorization)) {
                    return Ok(());
                }
                let detail =
                    format!("no TXT record of {record} holds the digest of the key authorization");
                Err(Problem { status: 403, ..Problem::new(ProblemKind::IncorrectResponse, detail) })
            }
        }
    }
}
