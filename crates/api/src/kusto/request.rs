//! The body of query and management requests, and what its properties ask for.

use std::time::Duration;

use http::Method;
use model::{QueryRequest, TimeSpan};
use serde_json::Value;

use super::either;
use super::error::kusto_error;
use crate::wire::body;
use crate::wire::error::ApiError;
use crate::{Doors, Incoming};

/// Longest time that `servertimeout` may ask for.
const TIMEOUT_MAX: Duration = Duration::from_secs(3600);

/// Largest result that `notruncation` may ask for: it is held in memory.
const BYTES_MAX: usize = 1 << 30;

/// `{"db", "csl", "properties": {"Options", "Parameters"}}`
pub(super) struct Request {
    pub(super) database: String,
    pub(super) text: String,
    options: Value,
    parameters: Vec<(String, String)>,
}

impl Request {
    /// Reads the request's body; a GET carries `db` and `csl` in its URL.
    pub(super) async fn read(doors: &Doors, incoming: &mut Incoming) -> Result<Self, ApiError> {
        if incoming.method == Method::GET {
            let text = |name: &str| incoming.parameter(name).map(str::to_owned);
            let csl = text("csl").ok_or_else(no_csl)?;
            let database = text("db").unwrap_or_default();
            return Ok(Self { database, text: csl, options: Value::Null, parameters: Vec::new() });
        }
        if incoming.method != Method::POST {
            return Err(ApiError::method(incoming, "GET, POST"));
        }
        Self::of_body(&body::json(doors, incoming, doors.limits.body_bytes).await?)
    }

    fn of_body(body: &Value) -> Result<Self, ApiError> {
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        // properties arrive as an object or as JSON text
        let properties = match body.get("properties") {
            Some(Value::String(text)) if !text.trim().is_empty() => {
                serde_json::from_str(text).map_err(|e| bad_properties(&e))?
            }
            Some(other) => other.clone(),
            None => Value::Null,
        };
        let parameters = either(&properties, "Parameters", "parameters").and_then(Value::as_object);
        let literal = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        Ok(Self {
            database: text("db").unwrap_or_default(),
            text: text("csl").ok_or_else(no_csl)?,
            parameters: parameters
                .map(|p| p.iter().map(|(name, v)| (name.clone(), literal(v))).collect())
                .unwrap_or_default(),
            options: either(&properties, "Options", "options").cloned().unwrap_or(Value::Null),
        })
    }

    /// True for an option that is on.
    pub(super) fn flag(&self, name: &str) -> bool {
        match self.options.get(name) {
            Some(Value::Bool(on)) => *on,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            _ => false,
        }
    }

    fn number(&self, name: &str) -> Option<usize> {
        let value = self.options.get(name)?;
        let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
        Some(usize::try_from(number).unwrap_or(usize::MAX))
    }

    /// Carries parameters and limits over to a query.
    pub(super) fn apply(&self, request: &mut QueryRequest) {
        request.parameters.clone_from(&self.parameters);
        let limits = &mut request.limits;
        if self.flag("notruncation") {
            (limits.rows_max, limits.bytes_max) = (usize::MAX, BYTES_MAX);
        }
        if let Some(rows) = self.number("truncationmaxrecords") {
            limits.rows_max = rows;
        }
        if let Some(bytes) = self.number("truncationmaxsize") {
            limits.bytes_max = bytes.min(BYTES_MAX);
        }
        if let Some(rows) = self.number("query_take_max_records") {
            (limits.rows_max, limits.truncate) = (rows, true);
        }
        let timeout = self.options.get("servertimeout").and_then(Value::as_str);
        let ticks = timeout.and_then(TimeSpan::parse).map(TimeSpan::ticks);
        if let Some(ticks) = ticks.and_then(|t| u64::try_from(t).ok()).filter(|t| *t > 0) {
            limits.time_max = Duration::from_nanos(ticks.saturating_mul(100)).min(TIMEOUT_MAX);
        }
    }
}

fn no_csl() -> ApiError {
    let message = "Request is invalid: 'csl' is missing; send {\"db\": ..., \"csl\": query}.";
    kusto_error(400, "BadRequest_MissingParameter", message)
}

fn bad_properties(error: &serde_json::Error) -> ApiError {
    let message = format!("Request is invalid: 'properties' is no JSON: {error}.");
    kusto_error(400, "BadRequest_InvalidProperties", message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::json;

    use super::*;

    fn limits(options: Value) -> (usize, usize, bool, u64) {
        let body = json!({ "csl": "T", "properties": { "Options": options } });
        let mut request = QueryRequest::new("w", "T", model::DateTime::from_ticks(0));
        Request::of_body(&body).unwrap().apply(&mut request);
        let l = request.limits;
        (l.rows_max, l.bytes_max, l.truncate, l.time_max.as_secs())
    }

    #[test]
    fn options_change_limits() {
        let (rows, bytes) = (500_000, 64 << 20);
        let cases = [
            (json!({}), (rows, bytes, false, 240)),
            (json!(null), (rows, bytes, false, 240)),
            (json!({ "notruncation": true }), (usize::MAX, BYTES_MAX, false, 240)),
            (json!({ "notruncation": "True" }), (usize::MAX, BYTES_MAX, false, 240)),
            (json!({ "truncationmaxrecords": 7 }), (7, bytes, false, 240)),
            (json!({ "truncationmaxsize": "99" }), (rows, 99, false, 240)),
            (json!({ "query_take_max_records": 5 }), (5, bytes, true, 240)),
            (json!({ "servertimeout": "00:01:00" }), (rows, bytes, false, 60)),
            (json!({ "servertimeout": "0:10:00" }), (rows, bytes, false, 600)),
            (json!({ "servertimeout": "9.00:00:00" }), (rows, bytes, false, 3600)),
            (json!({ "servertimeout": "soon" }), (rows, bytes, false, 240)),
            (
                json!({ "servertimeout": "-00:01:00", "truncationmaxrecords": -1 }),
                (rows, bytes, false, 240),
            ),
        ];
        for (options, wanted) in cases {
            assert_eq!(limits(options.clone()), wanted, "{options}");
        }
    }

    #[test]
    fn bodies_are_read_in_every_form() {
        let text = json!({ "db": "d", "csl": "T", "properties": "{\"Parameters\":{\"a\":\"long(1)\",\"b\":2}}" });
        let request = Request::of_body(&text).unwrap();
        let wanted = [("a", "long(1)"), ("b", "2")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(request.parameters, wanted);
        for bad in
            [json!(null), json!([]), json!({ "csl": 1 }), json!({ "csl": "T", "properties": "{" })]
        {
            assert_eq!(Request::of_body(&bad).err().map(|e| e.status), Some(400), "{bad}");
        }
    }
}
