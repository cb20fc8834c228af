//! Key Vault's data plane. What exists is in tables of [`Route`]: one for each kind of object.
//!
//! A call's way: host -> vault; token, else 401 with the challenge that clients take apart; seal; network; api-version;
//! route; right; body; the pillar; the audit row; the answer. Everything from the token on is recorded, changes
//! before they are made.

mod certificates;
mod error;
mod keys;
mod life;
mod paging;
mod rights;
mod route;
mod seal;
mod secrets;
mod shape;
mod version;
mod work;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::response::Response;
use http::HeaderValue;
use identity::{Audiences, AuthError, Caller, bearer_token};
use vault::{AuditRecord, Vault, VaultError};
use zeroize::Zeroizing;

use crate::wire::blocking::{blocking, contained};
use crate::wire::body;
use crate::wire::error::{ApiError, json_headers};
use crate::{Doors, Incoming};
use route::{Found, Place, Route, Run};
use work::{Reply, Work};

pub(crate) use rights::require_network;
pub(crate) use seal::answer as seal;

/// The vault behind the plain host name.
const DEFAULT: &str = "default";
/// First segments of the data plane on the plain host.
const COLLECTIONS: &[&str] = &[
    "secrets",
    "keys",
    "certificates",
    "deletedsecrets",
    "deletedkeys",
    "deletedcertificates",
    "rng",
];

/// The vault whose data plane a request asks for, by host name or by path.
pub(crate) fn vault_of(doors: &Doors, incoming: &Incoming) -> Option<String> {
    let by_path = || COLLECTIONS.contains(&incoming.segment(0).as_str());
    (named(&incoming.host).is_some() || by_path()).then(|| vault_behind(doors, incoming))
}

/// The vault behind the host: the one it names, the default one behind an address or a name of the instance. Any other
/// host is taken as a name that no vault has: what was meant for another vault never lands in the default one.
pub(crate) fn vault_behind(doors: &Doors, incoming: &Incoming) -> String {
    if let Some((name, _)) = named(&incoming.host) {
        return name.to_owned();
    }
    let (host, port) = host_and_port(&incoming.host);
    let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let is_ours = is_address || doors.identity.urls().is_own_host(host);
    let name = if is_ours && port.is_some() { DEFAULT } else { &incoming.host };
    name.to_owned()
}

/// Scheme, host and port of a vault as the client named it, or of the instance.
pub(crate) fn origin_of(incoming: &Incoming) -> String {
    match named(&incoming.host) {
        Some((name, "")) => format!("https://{name}.vault.localhost"),
        Some((name, port)) => format!("https://{name}.vault.localhost:{port}"),
        None => incoming.origin.clone(),
    }
}

/// Name and port in `name.vault.localhost:8443`. Nothing else of a host that a client sends comes back in an answer.
fn named(host: &str) -> Option<(&str, &str)> {
    let (host, port) = host_and_port(host);
    let name = host.strip_suffix(".vault.localhost")?;
    let is_label = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    port.filter(|_| is_label && !name.is_empty()).map(|port| (name, port))
}

/// Takes `host:port` apart, and the dot of a full name off the host. The port is empty where none is given, and none
/// where what stands there is none.
fn host_and_port(host: &str) -> (&str, Option<&str>) {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => {
            let digits = port.bytes().all(|b| b.is_ascii_digit());
            (name, Some(port).filter(|port| digits && port.parse::<u16>().is_ok()))
        }
        _ => (host, Some("")),
    };
    (name.strip_suffix('.').unwrap_or(name), port)
}

/// A call under way, for its audit row.
struct Call {
    started: Instant,
    record: AuditRecord,
}

pub(crate) async fn answer(
    doors: &Arc<Doors>,
    incoming: Incoming,
    name: &str,
) -> Result<Response, ApiError> {
    let origin = origin_of(&incoming);
    let vault = doors.vaults.vault(name);
    let mut call = Call::begin(doors, &incoming, vault.as_deref());
    let caller = match known(doors, &incoming) {
        Ok(caller) => caller,
        Err(error) => {
            call.record.operation = "Authentication".into();
            doors.vault_audit.note(call.end(401, &error.to_string(), None));
            return Err(error::unauthenticated(doors, &incoming, &error));
        }
    };
    call.record.object_id = Arc::clone(&caller.object_id);
    call.record.app_id = Arc::clone(&caller.app_id);
    if let Some(name) = &caller.user_name {
        call.record.user_name = Arc::clone(name);
    }
    let done = match prepare(doors, incoming, vault, caller, origin, &mut call).await {
        Ok((route, work)) if route.changes() => {
            // goes on when the client goes away: whoever began a change says how it ended
            let change = change(Arc::clone(doors), call, route, work);
            return tokio::spawn(change).await.map_err(|_| ApiError::internal())?;
        }
        Ok((route, work)) => run(route, work).await,
        Err(error) => Err(error),
    };
    // the row is written before anything leaves; without it nothing leaves
    doors.vault_audit.write(call.outcome(&done)).await.map_err(error::answer)?;
    done.map(response).map_err(error::answer)
}

/// Carries out a change: it is in the audit log before anything happens, and how it ended before the answer leaves.
async fn change(
    doors: Arc<Doors>,
    call: Call,
    route: &'static Route,
    work: Work,
) -> Result<Response, ApiError> {
    let audit = &doors.vault_audit;
    let under_way = audit.begin_in_store(call.so_far()).await.map_err(error::answer)?;
    let done = run(route, work).await;
    audit.end(under_way, call.outcome(&done)).await.map_err(error::answer)?;
    done.map(response).map_err(error::answer)
}

impl Call {
    fn begin(doors: &Doors, incoming: &Incoming, vault: Option<&Vault>) -> Self {
        Self { started: Instant::now(), record: record(doors, incoming, vault) }
    }

    /// The row of a call that is about to be carried out.
    fn so_far(&self) -> AuditRecord {
        self.record.clone().bounded()
    }

    fn outcome(self, done: &Result<Reply, VaultError>) -> AuditRecord {
        match done {
            Ok(reply) => self.end(reply.status, "", reply.id.clone()),
            Err(error) => self.end(error.status, &error.to_string(), None),
        }
    }

    fn end(self, status: u16, description: &str, id: Option<String>) -> AuditRecord {
        let elapsed = self.started.elapsed().as_millis();
        let record = AuditRecord {
            status,
            description: description.to_owned(),
            duration_ms: u64::try_from(elapsed).unwrap_or(u64::MAX),
            id: id.unwrap_or_default(),
            ..self.record
        };
        record.bounded()
    }
}

fn known(doors: &Doors, incoming: &Incoming) -> Result<Caller, AuthError> {
    let token = bearer_token(incoming.header("authorization").unwrap_or(""));
    let token = token.ok_or(AuthError::Missing)?;
    doors.identity.authenticate(token, Audiences::KEY_VAULT, doors.clock.now())
}

fn record(doors: &Doors, incoming: &Incoming, vault: Option<&Vault>) -> AuditRecord {
    let resource = vault.map_or_else(|| "".into(), |v| Arc::from(v.settings().resource.as_str()));
    AuditRecord {
        time: doors.clock.now(),
        resource,
        operation: "Unknown".into(),
        status: 0,
        description: String::new(),
        duration_ms: 0,
        source: incoming.source.to_string(),
        correlation_id: incoming.request_id.clone(),
        object_id: "".into(),
        app_id: "".into(),
        user_name: "".into(),
        uri: format!("https://{}{}", incoming.host, incoming.target),
        id: String::new(),
        agent: incoming.header("user-agent").unwrap_or_default().to_owned(),
        api_version: incoming.parameter("api-version").unwrap_or_default().to_owned(),
    }
}

/// From a known caller to the work that may be done.
async fn prepare(
    doors: &Arc<Doors>,
    mut incoming: Incoming,
    vault: Option<Arc<Vault>>,
    caller: Caller,
    origin: String,
    call: &mut Call,
) -> Result<(&'static Route, Work), VaultError> {
    let found = route::find(&incoming)?;
    call.record.operation = found.route.operation.into();
    let vault = vault.ok_or_else(|| {
        let host = &incoming.host;
        VaultError::not_found("VaultNotFound", format!("There is no vault behind '{host}'."))
    })?;
    if doors.vaults.keyring().is_sealed() {
        return Err(VaultError::sealed());
    }
    require_network(&vault, incoming.source)?;
    let api_version = version::check(incoming.parameter("api-version"))?;
    rights::require(doors, &caller, &vault, &found)?;
    let body = body::read(doors, &mut incoming, doors.limits.body_bytes).await;
    let body = Zeroizing::new(body.map_err(|e| error::from_wire(&e))?);
    let Found { route, name, version, .. } = found;
    let work = Work {
        vault,
        origin,
        public_origin: doors.identity.urls().origin(),
        path: incoming.path().to_owned(),
        name: name.unwrap_or_default(),
        version,
        api_version,
        query: std::mem::take(&mut incoming.query),
        body,
        now: doors.clock.now().unix_seconds(),
    };
    Ok((route, work))
}

/// Runs a handler where it belongs: memory alone on this thread, disks and long computing on others.
async fn run(route: &'static Route, work: Work) -> Result<Reply, VaultError> {
    let done = match route.run {
        Run::Task(task) => contained(task(work)).await,
        Run::Call(place, call) => match place(&work) {
            Place::Here => return call(&work),
            Place::Blocking => blocking(move || call(&work)).await,
        },
    };
    const WHY: &str = "The request failed inside the server; its log says why.";
    done.unwrap_or_else(|_| Err(VaultError::new(500, "InternalServerError", WHY)))
}

fn response(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    if reply.status == 204 {
        *response.status_mut() = http::StatusCode::NO_CONTENT;
    } else {
        json_headers(&mut response, reply.status);
    }
    let headers = response.headers_mut();
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    headers.insert("pragma", HeaderValue::from_static("no-cache"));
    headers.insert("x-ms-keyvault-service-version", HeaderValue::from_static("1.9.0.0"));
    response
}
