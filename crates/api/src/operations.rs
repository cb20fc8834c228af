//! Health, readiness, metrics, and the plain page at `/`.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::json;

use crate::wire::blocking::blocking;
use crate::wire::error::{ApiError, json_response};
use crate::{Doors, Incoming};

/// One finding about a part.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthCheck {
    /// The part: `logs`, `disk`, `rules`, ...
    pub name: &'static str,
    /// Does it work?
    pub healthy: bool,
    /// What it says, for people.
    pub message: String,
    /// Numbers for `/metrics`: name without prefix, help, value.
    pub metrics: Vec<(&'static str, &'static str, f64)>,
}

/// Tells how the parts are, now.
pub type Health = Arc<dyn Fn() -> Vec<HealthCheck> + Send + Sync>;

/// How the parts are; telling may take a look at a disk.
async fn checks(doors: &Doors) -> Result<Vec<HealthCheck>, ApiError> {
    let health = Arc::clone(&doors.health);
    blocking(move || health()).await
}

/// `/healthz`, `/readyz`, `/metrics`: open to all, and without anything worth hiding.
pub(crate) async fn answer(doors: &Doors, incoming: &Incoming) -> Result<Response, ApiError> {
    if !matches!(incoming.method, Method::GET | Method::HEAD) {
        return Err(ApiError::method(incoming, "GET, HEAD"));
    }
    match incoming.segment(0).as_str() {
        "healthz" => Ok(json_response(200, &json!({ "status": "Healthy" }))),
        "readyz" => {
            let checks = checks(doors).await?;
            let ready = checks.iter().all(|c| c.healthy);
            let parts: Vec<_> =
                checks.iter().map(|c| json!({ "name": c.name, "healthy": c.healthy })).collect();
            let status = if ready { "Ready" } else { "NotReady" };
            Ok(json_response(
                if ready { 200 } else { 503 },
                &json!({ "status": status, "checks": parts }),
            ))
        }
        _ => Ok(text(metrics(checks(doors).await?), "text/plain; version=0.0.4; charset=utf-8")),
    }
}

fn metrics(checks: Vec<HealthCheck>) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for check in checks {
        let name = check.name;
        let _ = writeln!(
            out,
            "# HELP vedette_{name}_up 1 when the part works.\n# TYPE vedette_{name}_up gauge"
        );
        let _ = writeln!(out, "vedette_{name}_up {}", u8::from(check.healthy));
        for (metric, help, value) in check.metrics {
            let _ = writeln!(
                out,
                "# HELP vedette_{metric} {help}\n# TYPE vedette_{metric} gauge\nvedette_{metric} {value}"
            );
        }
    }
    out
}

/// `/`
pub(crate) async fn landing(doors: &Doors, incoming: &Incoming) -> Result<Response, ApiError> {
    if !matches!(incoming.method, Method::GET | Method::HEAD) {
        return Err(ApiError::method(incoming, "GET, HEAD"));
    }
    let mut rows = String::new();
    for check in checks(doors).await? {
        let state = if check.healthy { "works" } else { "needs attention" };
        rows += &format!(
            "<tr><th scope=\"row\">{}</th><td class=\"{}\">{state}</td><td>{}</td></tr>\n",
            escape(check.name),
            if check.healthy { "good" } else { "bad" },
            escape(&check.message)
        );
    }
    let page = include_str!("operations/landing.html")
        .replace("{{version}}", &escape(doors.version))
        .replace("{{origin}}", &escape(&incoming.origin))
        .replace("{{checks}}", &rows);
    let mut response = text(page, "text/html; charset=utf-8");
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    );
    Ok(response)
}

fn text(body: String, content_type: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
