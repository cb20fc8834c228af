//! The doors: Azure's wire formats over HTTP, and nothing else. A handler reads the wire type, calls one function of a
//! pillar, shapes the answer.
//!
//! [`router`] looks at the first segments of the path and hands the request to a family. Inside a family the path is
//! read by the family itself, because Azure's paths ignore case and nest at will.
//!
//! | path | family | who may |
//! |---|---|---|
//! | `/{tenant}/oauth2/...`, `/{tenant}/discovery/...`, `/metadata/endpoints` | `entra` | all |
//! | `/{tenant}/oauth2/.../authorize`, `/{tenant}/login`, `/devicelogin`, `/security-info`, `/federation/callback` | `entra::browser` | all |
//! | `/v1.0/applications`, `servicePrincipals`, `users`, `groups`, ... | `entra::graph` | Graph permissions, directory roles |
//! | `/subscriptions`, `/providers`, `/tenants` | `resource_manager` | the path's own action at its scope |
//! | `/v1/workspaces/{id}/query`, `/v1/{resource}/query`, `/v1/$batch`, and without `/v1` | `log_analytics` | readers of some table |
//! | `/v1/rest/...`, `/v2/rest/...` | `kusto` | the same; commands by their own action |
//! | `/dataCollectionRules/{id}/streams/{stream}` | `logs_ingestion` | data action Telemetry/Write on the rule |
//! | host `{vault}.vault.localhost`, or `/secrets`, `/keys`, `/certificates` | `key_vault` | Key Vault data actions, or access policies |
//! | `/acme/{authority}/...` | `acme` | whoever shows control of a name |
//! | `/pki/{vault}/{authority}/...` | `pki` | all |
//! | `/vault/...` | `key_vault::seal` | owners of the subscription |
//! | `/`, `/healthz`, `/readyz`, `/metrics` | `operations` | all |
//!
//! What every family holds to: the caller is known before a body is read, and where the path tells what is wanted, the
//! right is checked before that too; bodies come through `wire::body`, capped in size, packed size and time; what
//! waits for a disk runs through `wire::blocking`; queries run through one queue, and end when their client goes; an
//! answer of many rows is written as the client reads it. Every 401 has a challenge, every 429 and 503 a Retry-After.

mod acme;
mod audit;
mod entra;
mod key_vault;
mod kusto;
mod log_analytics;
mod logs_ingestion;
mod operations;
mod pki;
mod resource_manager;
mod wire;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use arm::Arm;
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use identity::Identity;
use model::{Clock, QueryLimits, Tables};
use parking_lot::Mutex;

pub use audit::{
    ActivityEvent, Audit, Cost, DirectoryEvent, Event, QueryEvent, Target as AuditTarget,
};
pub use operations::{Health, HealthCheck};
use wire::blocking::contained;
use wire::cross_origin::CrossOrigin;
use wire::error::ApiError;
use wire::queue::Queue;

/// What the doors open to.
pub struct House {
    /// Callers and rights.
    pub identity: Arc<Identity>,
    /// Resources.
    pub arm: Arc<Arm>,
    /// Rows.
    pub tables: Arc<dyn Tables>,
    /// Secrets and keys.
    pub vaults: Arc<vault::Vaults>,
    /// Where calls to vaults are recorded.
    pub vault_audit: Arc<vault::AuditLog>,
    /// The way outside, for challenges of the ACME server.
    pub probe: Arc<dyn vault::Probe>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Limits.
    pub limits: Limits,
    /// Tells how the parts are.
    pub health: Health,
    /// Version shown.
    pub version: &'static str,
}

/// Limits of the doors.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest body of a Logs Ingestion call, uncompressed. Azure: 1 MB; its clients cut at 1 MiB of records without
    /// counting what stands between them, which for the smallest is as much again.
    pub ingestion_bytes: usize,
    /// Largest body of every other call, uncompressed.
    pub body_bytes: usize,
    /// Largest body of a Kusto streaming ingest call (Azure: 10 MB).
    pub streaming_bytes: usize,
    /// Longest wait for a body.
    pub body_time: Duration,
    /// Limits of a query.
    pub query: QueryLimits,
    /// Queries that run at once.
    pub queries_running: usize,
    /// Queries that may wait for their turn.
    pub queries_waiting: usize,
    /// Longest wait for a turn (Azure: 2.5 minutes).
    pub queue_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ingestion_bytes: (2 << 20) + 4096,
            body_bytes: 16 << 20,
            streaming_bytes: 10 << 20,
            body_time: Duration::from_secs(60),
            query: QueryLimits::default(),
            queries_running: std::thread::available_parallelism().map_or(4, |n| n.get() * 2),
            queries_waiting: 200,
            queue_time: Duration::from_secs(150),
        }
    }
}

/// All routes.
pub fn router(house: Arc<House>) -> Router {
    router_with_audit(house, Arc::new(|_| {}))
}

/// All routes, with somebody who is told of queries and sign-ins.
pub fn router_with_audit(house: Arc<House>, audit: Audit) -> Router {
    Router::new().fallback(dispatch).with_state(Arc::new(Doors::new(house, audit)))
}

/// The routes of the machine's own socket: tokens of its identity for local processes. `header` is the secret of App
/// Service's form.
pub fn machine_router(house: Arc<House>, audit: Audit, header: crypto::SecretText) -> Router {
    entra::machine_router(house, audit, header)
}

/// The house, and what its doors keep for themselves.
pub(crate) struct Doors {
    house: Arc<House>,
    pub(crate) queries: Queue,
    pub(crate) audit: Audit,
    pub(crate) acme: vault::AcmeServer,
}

impl Doors {
    pub(crate) fn new(house: Arc<House>, audit: Audit) -> Self {
        let queries = Queue::new(&house.limits);
        Self { house, queries, audit, acme: vault::AcmeServer::default() }
    }
}

impl Deref for Doors {
    type Target = House;
    fn deref(&self) -> &House {
        &self.house
    }
}

/// One request, taken apart.
pub(crate) struct Incoming {
    pub(crate) method: Method,
    /// Path segments, percent-decoded, without empty ones.
    pub(crate) segments: Vec<String>,
    /// Query parameters, decoded, in order.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    /// Taken by whoever reads it.
    pub(crate) body: Mutex<Body>,
    pub(crate) source: IpAddr,
    /// Host and port as the client asked for them, lower case.
    pub(crate) host: String,
    /// Scheme, host and port as the client sees them.
    pub(crate) origin: String,
    /// Path and query as sent.
    pub(crate) target: String,
    /// `x-ms-client-request-id`, or a new id.
    pub(crate) request_id: String,
}

/// Longest id of a request that is taken over from the client.
const ID_MAX: usize = 200;

impl Incoming {
    fn new(doors: &Doors, parts: Parts, body: Body) -> Self {
        let connection = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let host = parts.headers.get(http::header::HOST).and_then(|h| h.to_str().ok());
        let host = host.or_else(|| parts.uri.authority().map(http::uri::Authority::as_str));
        let mut incoming = Self {
            segments: wire::path::segments(parts.uri.path()),
            query: wire::path::query(parts.uri.query().unwrap_or("")),
            target: parts.uri.path_and_query().map_or("/", |p| p.as_str()).to_owned(),
            host: host.unwrap_or_default().to_ascii_lowercase(),
            origin: doors.identity.urls().origin_for(host),
            source: connection.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |c| c.0.ip()),
            method: parts.method,
            headers: parts.headers,
            body: Mutex::new(body),
            request_id: String::new(),
        };
        let sent = incoming.id("x-ms-client-request-id");
        incoming.request_id = sent.unwrap_or_else(wire::request_id::next);
        incoming
    }

    /// An id that the client sent in a header.
    fn id(&self, name: &str) -> Option<String> {
        let id = self.header(name).filter(|id| !id.is_empty() && id.len() <= ID_MAX);
        id.map(str::to_owned)
    }

    /// `client-request-id` of sign-in clients: a header, or for browsers a query parameter.
    pub(crate) fn client_request_id(&self) -> Option<&str> {
        let sent = self.header("client-request-id").or_else(|| self.parameter("client-request-id"));
        sent.filter(|id| !id.is_empty() && id.len() <= ID_MAX)
    }

    /// The first query parameter of that name, compared without case.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The path as sent, without the query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Lower-cased segment, empty behind the end.
    pub(crate) fn segment(&self, at: usize) -> String {
        self.segments.get(at).map(|s| s.to_ascii_lowercase()).unwrap_or_default()
    }
}

async fn dispatch(State(doors): State<Arc<Doors>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let incoming = Incoming::new(&doors, parts, body);
    let told = Told::of(&incoming);
    let is_head = incoming.method == Method::HEAD;
    let place = format!("{} {}", incoming.method, incoming.path());
    let cross_origin = CrossOrigin::of(&doors, &incoming);
    let answer = match cross_origin.as_ref().and_then(CrossOrigin::preflight) {
        Some(preflight) => Ok(preflight),
        None => contained(route(&doors, incoming)).await.and_then(|answer| answer),
    };
    if let Err(error) = answer.as_ref()
        && error.status >= 500
    {
        let (status, body) = (error.status, &error.body);
        tracing::error!(status, request_id = %told.request_id, "{place} failed: {body}");
    }
    let mut response = answer.unwrap_or_else(ApiError::into_response);
    told.write(response.headers_mut());
    if let Some(cross_origin) = &cross_origin {
        cross_origin.write(response.headers_mut());
    }
    if is_head { without_body(response) } else { response }
}

/// Ids by which clients and logs find a request again.
struct Told {
    request_id: String,
    correlation_id: String,
    /// Entra's form of the request id, where the client sent it.
    client_request_id: Option<String>,
}

impl Told {
    fn of(incoming: &Incoming) -> Self {
        let correlation_id = incoming.id("x-ms-correlation-request-id");
        Self {
            request_id: incoming.request_id.clone(),
            correlation_id: correlation_id.unwrap_or_else(|| incoming.request_id.clone()),
            client_request_id: incoming.client_request_id().map(str::to_owned),
        }
    }

    fn write(&self, headers: &mut HeaderMap) {
        let mut add = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.entry(name).or_insert(value);
            }
        };
        add("x-ms-client-request-id", &self.request_id);
        add("x-ms-correlation-request-id", &self.correlation_id);
        if let Some(id) = &self.client_request_id {
            add("client-request-id", id);
        }
        add("x-ms-request-id", &wire::request_id::next());
        add("cache-control", "no-store");
        add("strict-transport-security", "max-age=31536000");
        add("x-content-type-options", "nosniff");
    }
}

/// The answer to HEAD: that of GET, its length told and its body left out.
fn without_body(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
        parts.headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(parts, Body::empty())
}

async fn route(doors: &Arc<Doors>, incoming: Incoming) -> Result<Response, ApiError> {
    match incoming.segment(0).as_str() {
        "acme" => return acme::answer(doors, incoming).await,
        "pki" => return pki::answer(doors, incoming).await,
        _ => {}
    }
    if let Some(name) = key_vault::vault_of(doors, &incoming) {
        return key_vault::answer(doors, incoming, &name).await;
    }
    let (first, second) = (incoming.segment(0), incoming.segment(1));
    match (first.as_str(), second.as_str()) {
        ("", _) => operations::landing(doors, &incoming).await,
        ("healthz" | "readyz" | "metrics", "") => operations::answer(doors, &incoming).await,
        ("vault", _) => key_vault::seal(doors, incoming).await,
        ("metadata", "endpoints") => entra::metadata_endpoints(doors, &incoming),
        ("subscriptions", _) if log_analytics::is_query(&incoming) => {
            log_analytics::answer(doors, incoming, 0).await
        }
        ("subscriptions" | "tenants" | "providers", _) => {
            resource_manager::answer(doors, incoming).await
        }
        ("datacollectionrules", _) => logs_ingestion::answer(doors, incoming).await,
        ("v1" | "v2", "rest") => kusto::answer(doors, incoming).await,
        ("v1.0", _) => entra::graph(doors, incoming).await,
        ("devicelogin" | "security-info" | "federation" | "oidc", _) => {
            entra::at_root(doors, incoming).await
        }
        ("v1", "workspaces" | "subscriptions" | "$batch") => {
            log_analytics::answer(doors, incoming, 1).await
        }
        ("workspaces" | "$batch", _) => log_analytics::answer(doors, incoming, 0).await,
        _ if entra::is_entra(&incoming) => entra::answer(doors, incoming).await,
        _ => Err(ApiError::not_found(&incoming)),
    }
}
