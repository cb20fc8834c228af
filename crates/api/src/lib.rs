//! The doors: Azure's wire formats over HTTP, and nothing else. A handler reads the wire type, calls one function of a
//! pillar, shapes the answer.
//!
//! [`router`] looks at the first segments of the path and hands the request to a family: `entra`, `resource_manager`,
//! `log_analytics`, `kusto`, `logs_ingestion`, `operations`. Inside a family the path is read by the family itself,
//! because Azure's paths ignore case and nest at will.

mod entra;
mod kusto;
mod log_analytics;
mod logs_ingestion;
mod operations;
mod resource_manager;
mod wire;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arm::Arm;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method};
use identity::Identity;
use model::{Clock, QueryLimits, Tables};
use parking_lot::Mutex;

pub use operations::{Health, HealthCheck};
use wire::error::ApiError;

/// What the doors open to.
pub struct House {
    /// Callers and rights.
    pub identity: Arc<Identity>,
    /// Resources.
    pub arm: Arc<Arm>,
    /// Rows.
    pub tables: Arc<dyn Tables>,
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
    /// Largest body of a Logs Ingestion call, uncompressed (Azure: 1 MB; clients cut at 1 MiB).
    pub ingestion_bytes: usize,
    /// Largest body of every other call, uncompressed.
    pub body_bytes: usize,
    /// Largest body of a Kusto streaming ingest call (Azure: 10 MB).
    pub streaming_bytes: usize,
    /// Longest wait for a body.
    pub body_time: Duration,
    /// Limits of a query.
    pub query: QueryLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ingestion_bytes: (1 << 20) + 4096,
            body_bytes: 16 << 20,
            streaming_bytes: 10 << 20,
            body_time: Duration::from_secs(60),
            query: QueryLimits::default(),
        }
    }
}

/// All routes.
pub fn router(house: Arc<House>) -> Router {
    Router::new().fallback(dispatch).with_state(house)
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
    /// Scheme, host and port as the client sees them.
    pub(crate) origin: String,
    /// Path and query as sent.
    pub(crate) target: String,
    /// `x-ms-client-request-id`, or a new id.
    pub(crate) request_id: String,
}

impl Incoming {
    /// The first query parameter of that name, compared without case.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Lower-cased segment, empty behind the end.
    pub(crate) fn segment(&self, at: usize) -> String {
        self.segments.get(at).map(|s| s.to_ascii_lowercase()).unwrap_or_default()
    }
}

async fn dispatch(State(house): State<Arc<House>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let source = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |c| c.0.ip());
    let host = parts.headers.get(http::header::HOST).and_then(|h| h.to_str().ok());
    let host = host.or_else(|| parts.uri.authority().map(http::uri::Authority::as_str));
    let request_id = parts
        .headers
        .get("x-ms-client-request-id")
        .and_then(|h| h.to_str().ok())
        .filter(|h| h.len() <= 200 && !h.is_empty())
        .map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
    let incoming = Incoming {
        segments: wire::path::segments(parts.uri.path()),
        query: wire::path::query(parts.uri.query().unwrap_or("")),
        target: parts.uri.path_and_query().map_or("/", |p| p.as_str()).to_owned(),
        origin: house.identity.urls().origin_for(host),
        method: parts.method,
        headers: parts.headers,
        body: Mutex::new(body),
        source,
        request_id: request_id.clone(),
    };
    let answer = route(&house, incoming).await;
    let mut response = answer.unwrap_or_else(ApiError::into_response);
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert("x-ms-client-request-id", value.clone());
        headers.insert("x-ms-correlation-request-id", value);
    }
    if let Ok(value) = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()) {
        headers.entry("x-ms-request-id").or_insert(value);
    }
    headers.insert("strict-transport-security", HeaderValue::from_static("max-age=31536000"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

async fn route(house: &Arc<House>, incoming: Incoming) -> Result<Response, ApiError> {
    let first = incoming.segment(0);
    let second = incoming.segment(1);
    match (first.as_str(), second.as_str()) {
        ("", _) => operations::landing(house, &incoming),
        ("healthz" | "readyz" | "metrics", "") => operations::answer(house, &incoming),
        ("metadata", "endpoints") => entra::metadata_endpoints(house, &incoming),
        ("subscriptions" | "tenants" | "providers", _) => {
            resource_manager::answer(house, incoming).await
        }
        ("datacollectionrules", _) => logs_ingestion::answer(house, incoming).await,
        ("v1" | "v2", "rest") => kusto::answer(house, incoming).await,
        ("v1.0", _) => entra::graph(house, incoming).await,
        ("v1", "workspaces" | "subscriptions" | "$batch") => {
            log_analytics::answer(house, incoming, 1).await
        }
        ("workspaces" | "$batch", _) => log_analytics::answer(house, incoming, 0).await,
        _ if entra::is_entra(&incoming) => entra::answer(house, incoming).await,
        _ => Err(ApiError::not_found(&incoming)),
    }
}
