//! `/acme/{authority}/...`: the ACME server of a vault's private authorities. Whoever shows control of a name gets a
//! certificate for it; messages are signed by accounts, so no token is asked for. What changes something is recorded in
//! the vault's audit log before the answer leaves.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use vault::{
    AcmeAnswer, AcmeCall, AcmeProblem, AcmeProblemKind, AuditRecord, AuthorityPlaces, Validation,
    Vault,
};

use crate::key_vault::{origin_of, require_network, vault_behind};
use crate::wire::blocking::blocking;
use crate::wire::body;
use crate::wire::error::ApiError;
use crate::{Doors, Incoming};

/// Longest message.
const MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// When to come again where nothing else is said, in seconds.
const WAIT: i64 = 5;

/// A refusal in ACME's own form.
fn refusal(status: u16, kind: AcmeProblemKind, detail: &str) -> AcmeProblem {
    AcmeProblem { status, ..AcmeProblem::new(kind, detail) }
}

fn malformed(status: u16, detail: &str) -> AcmeProblem {
    refusal(status, AcmeProblemKind::Malformed, detail)
}

fn unavailable(detail: &str) -> AcmeProblem {
    refusal(503, AcmeProblemKind::ServerInternal, detail)
}

/// The vault behind the host, or the default one.
fn vault(doors: &Doors, incoming: &Incoming) -> Option<Arc<Vault>> {
    doors.vaults.vault(&vault_behind(doors, incoming))
}

pub(crate) async fn answer(
    doors: &Arc<Doors>,
    mut incoming: Incoming,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let bytes = match incoming.method {
        Method::POST => Some(body::read(doors, &mut incoming, MESSAGE_BYTES_MAX).await),
        _ => None,
    };
    let bytes = match bytes.transpose() {
        Ok(bytes) => bytes,
        Err(error) => {
            let refused = malformed(error.status, "the message cannot be read");
            return Ok(problem(doors, &incoming, &refused));
        }
    };
    let is_served = matches!(incoming.method, Method::POST | Method::GET | Method::HEAD);
    let typed =
        incoming.header("content-type").is_some_and(|t| t.starts_with("application/jose+json"));
    if !is_served || (bytes.is_some() && !typed) {
        let detail = "send POST with content type application/jose+json, or GET the directory";
        let status = if is_served { 415 } else { 405 };
        return Ok(problem(doors, &incoming, &malformed(status, detail)));
    }
    let Some(vault) = vault(doors, &incoming).filter(|_| incoming.segments.len() > 2) else {
        let refused = malformed(404, "there is no such certificate authority here");
        return Ok(problem(doors, &incoming, &refused));
    };
    if doors.vaults.keyring().is_sealed() {
        return Ok(problem(doors, &incoming, &unavailable("the vault is sealed")));
    }
    if let Err(error) = require_network(&vault, incoming.source) {
        let refused = refusal(error.status, AcmeProblemKind::Unauthorized, &error.message);
        let done = Err(("AcmeRequest", refused.clone()));
        let row = record(doors, &incoming, &vault, started, &done);
        if bytes.is_some() && doors.vault_audit.write(row).await.is_err() {
            return Ok(unrecorded(doors, &incoming));
        }
        return Ok(problem(doors, &incoming, &refused));
    }
    // what is signed may change something: the row comes first
    let under_way = match &bytes {
        Some(_) => {
            let before = record_of(doors, &incoming, &vault, started, ("AcmeRequest", 0, "", ""));
            match doors.vault_audit.begin(before).await {
                Ok(under_way) => Some(under_way),
                Err(_) => return Ok(unrecorded(doors, &incoming)),
            }
        }
        None => None,
    };
    let done = {
        let (doors, vault, asked) = (Arc::clone(doors), Arc::clone(&vault), Asked::of(&incoming));
        blocking(move || asked.carry_out(&doors, &vault, bytes.as_deref())).await?
    };
    if let Some(under_way) = under_way {
        let record = record(doors, &incoming, &vault, started, &done);
        if doors.vault_audit.end(under_way, record).await.is_err() {
            return Ok(unrecorded(doors, &incoming));
        }
    }
    match done {
        Ok(answer) => Ok(response(doors, &incoming, answer)),
        Err((_, refused)) => Ok(problem(doors, &incoming, &refused)),
    }
}

/// What is taken from a request to where waiting is allowed.
struct Asked {
    source: IpAddr,
    authority: String,
    origin: String,
    path: Vec<String>,
    target: String,
}

type Done = Result<AcmeAnswer, (&'static str, AcmeProblem)>;

impl Asked {
    fn of(incoming: &Incoming) -> Self {
        Self {
            source: incoming.source,
            authority: incoming.segments.get(1).cloned().unwrap_or_default(),
            origin: origin_of(incoming),
            path: incoming.segments.iter().skip(2).cloned().collect(),
            target: incoming.target.clone(),
        }
    }

    fn carry_out(&self, doors: &Doors, vault: &Vault, body: Option<&[u8]>) -> Done {
        let call = AcmeCall {
            vault,
            authority: &self.authority,
            base: format!("{}/acme/{}", self.origin, self.authority),
            url: format!("{}{}", self.origin, self.target),
            path: &self.path,
            body,
            source: self.source,
            is_local: self.source.to_canonical().is_loopback() || doors.probe.is_own(self.source),
            places: AuthorityPlaces { origin: doors.identity.urls().origin() },
            now: doors.clock.now().unix_seconds(),
        };
        let operation = if body.is_some() { "AcmeRequest" } else { "" };
        doors.acme.answer(&call).map_err(|problem| (operation, problem))
    }
}

fn unrecorded(doors: &Arc<Doors>, incoming: &Incoming) -> Response {
    problem(doors, incoming, &unavailable("the audit log cannot be written"))
}

/// A row for what was signed; directory and nonces leave none.
fn record(
    doors: &Doors,
    incoming: &Incoming,
    vault: &Vault,
    started: Instant,
    done: &Done,
) -> AuditRecord {
    let what = match done {
        Ok(answer) => (answer.operation, answer.status, answer.account.as_str(), ""),
        Err((operation, refused)) => (*operation, refused.status, "", refused.detail.as_str()),
    };
    record_of(doors, incoming, vault, started, what)
}

/// A row: operation, status, account, description.
fn record_of(
    doors: &Doors,
    incoming: &Incoming,
    vault: &Vault,
    started: Instant,
    (operation, status, account, description): (&'static str, u16, &str, &str),
) -> AuditRecord {
    let operation = if operation.is_empty() { "AcmeRequest" } else { operation };
    let record = AuditRecord {
        time: doors.clock.now(),
        resource: Arc::from(vault.settings().resource.as_str()),
        operation: operation.into(),
        status,
        description: description.to_owned(),
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        source: incoming.source.to_string(),
        correlation_id: incoming.request_id.clone(),
        object_id: Arc::from(account),
        app_id: "".into(),
        user_name: "".into(),
        uri: format!("{}{}", origin_of(incoming), incoming.target),
        id: String::new(),
        agent: incoming.header("user-agent").unwrap_or_default().to_owned(),
        api_version: String::new(),
    };
    record.bounded()
}

fn response(doors: &Arc<Doors>, incoming: &Incoming, answer: AcmeAnswer) -> Response {
    let (links, location, retry_after) = (answer.links, answer.location, answer.retry_after);
    let kind =
        if answer.is_chain { "application/pem-certificate-chain" } else { "application/json" };
    let mut response = Response::new(Body::from(answer.body));
    // RFC 8555, 7.2: a nonce comes with 204 to GET and 200 to HEAD
    let is_head = incoming.method == Method::HEAD && answer.status == 204;
    let status = if is_head { 200 } else { answer.status };
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut add = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().append(name, value);
        }
    };
    add(header::CONTENT_TYPE, kind);
    if let Some(location) = location {
        add(header::LOCATION, &location);
    }
    if let Some(seconds) = retry_after {
        add(header::RETRY_AFTER, &seconds.to_string());
    }
    for link in links {
        add(header::LINK, &link);
    }
    common(doors, incoming, &mut response);
    if answer.looks {
        begin_looks(doors);
    }
    response
}

/// Begins looks at challenges, as many as may run; behind each the next begins.
fn begin_looks(doors: &Arc<Doors>) {
    while let Some(next) = doors.acme.next_look() {
        let doors = Arc::clone(doors);
        tokio::spawn(async move {
            let (inside, validation) = (Arc::clone(&doors), next.clone());
            let done = blocking(move || look(&inside, &validation)).await;
            doors.acme.looked(&next);
            if done.is_err() {
                tracing::error!("a look at an ACME challenge failed inside the server");
            }
            begin_looks(&doors);
        });
    }
}

fn look(doors: &Doors, validation: &Validation) {
    let Some(vault) = doors.vaults.vault(validation.vault()) else { return };
    let now = doors.clock.now().unix_seconds();
    if let Err(problem) = doors.acme.validate(&vault, validation, &*doors.probe, now) {
        tracing::warn!(detail = problem.detail, "an ACME challenge could not be recorded");
    }
}

fn problem(doors: &Doors, incoming: &Incoming, refused: &AcmeProblem) -> Response {
    let mut response = Response::new(Body::from(refused.body().to_string()));
    *response.status_mut() =
        StatusCode::from_u16(refused.status).unwrap_or(StatusCode::BAD_REQUEST);
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    if matches!(refused.status, 429 | 503) {
        let wait = HeaderValue::from(refused.retry_after.unwrap_or(WAIT));
        response.headers_mut().insert(header::RETRY_AFTER, wait);
    }
    common(doors, incoming, &mut response);
    response
}

/// A fresh nonce and the way to the directory.
fn common(doors: &Doors, incoming: &Incoming, response: &mut Response) {
    if let Some(nonce) = doors.acme.nonce().ok().and_then(|n| HeaderValue::from_str(&n).ok()) {
        response.headers_mut().insert("replay-nonce", nonce);
    }
    let authority = incoming.segments.get(1).map_or("", String::as_str);
    let index = format!("<{}/acme/{authority}/directory>;rel=\"index\"", origin_of(incoming));
    if let Ok(index) = HeaderValue::from_str(&index) {
        response.headers_mut().append(header::LINK, index);
    }
}
