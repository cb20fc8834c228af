//! A call as a record, and the record as rows of Azure's two tables.

use std::borrow::Cow;
use std::sync::Arc;

use model::{DateTime, Dynamic, Rows, ScalarType, Schema, Value};
use serde_json::json;

use super::chain::{self, Link};

/// One call. It names what was asked for and by whom; never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// When it came.
    pub time: DateTime,
    /// The vault's resource id.
    pub resource: Arc<str>,
    /// `SecretGet`, `KeySign`, `Authentication`, ...
    pub operation: Cow<'static, str>,
    /// HTTP status of the answer; 0 for a change whose outcome is not known.
    pub status: u16,
    /// The error's code and message; empty for success.
    pub description: String,
    /// How long it took.
    pub duration_ms: u64,
    /// Where it came from.
    pub source: String,
    /// The client's id of the request.
    pub correlation_id: String,
    /// Who: object id.
    pub object_id: Arc<str>,
    /// Who: application id.
    pub app_id: Arc<str>,
    /// What was asked for.
    pub uri: String,
    /// The object, where the answer names one.
    pub id: String,
    /// The client's program.
    pub agent: String,
    /// `api-version` of the request.
    pub api_version: String,
}

/// Longest text kept of what a client sends.
const TEXT_MAX: usize = 2048;
/// The status of a change whose outcome is not known.
const UNKNOWN: u16 = 0;

impl AuditRecord {
    /// Cuts what a client may make long.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        for text in [&mut self.description, &mut self.uri, &mut self.agent, &mut self.id] {
            if let Some((at, _)) = text.char_indices().nth(TEXT_MAX) {
                text.truncate(at);
            }
        }
        self
    }

    /// What the digest is of. Both tables keep all of it.
    pub(super) fn canonical(&self) -> String {
        let (ticks, status) = (self.time.ticks().to_string(), self.status.to_string());
        let (duration, resource) = (self.duration_ms.to_string(), self.resource.to_lowercase());
        canonical([
            &ticks,
            &resource,
            &self.operation,
            &status,
            &self.description,
            &duration,
            &self.source,
            &self.correlation_id,
            &self.object_id,
            &self.app_id,
            &self.uri,
            &self.id,
            &self.agent,
            &self.api_version,
        ])
    }

    /// The same call, of which nobody knows how it ended.
    pub(super) fn unfinished(mut self, why: &str) -> Self {
        (self.status, self.description) = (UNKNOWN, why.to_owned());
        self
    }

    fn signature(&self) -> &'static str {
        match self.status {
            UNKNOWN => "Unknown",
            200..300 => "OK",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            409 => "Conflict",
            429 => "Too Many Requests",
            503 => "Service Unavailable",
            _ => "Failed",
        }
    }

    fn result(&self) -> &'static str {
        match self.status {
            UNKNOWN => "Unknown",
            200..300 => "Success",
            _ => "Failed",
        }
    }
}

/// Texts that cannot run into each other.
pub(super) fn canonical(parts: [&str; 14]) -> String {
    serde_json::to_string(&parts).unwrap_or_default()
}

/// How a table keeps the parts of [`canonical`], in KQL, and where the link lies.
pub(super) struct Form {
    pub(super) parts: [&'static str; 14],
    pub(super) link: &'static str,
}

pub(super) const DIAGNOSTICS: Form = Form {
    parts: [
        "TimeGenerated",
        "tolower(ResourceId)",
        "OperationName",
        "tolong(httpStatusCode_d)",
        "ResultDescription",
        "DurationMs",
        "CallerIPAddress",
        "CorrelationId",
        "identity_claim_oid_g",
        "identity_claim_appid_g",
        "requestUri_s",
        "id_s",
        "clientInfo_s",
        "OperationVersion",
    ],
    link: "AdditionalFields",
};

pub(super) const LOGS: Form = Form {
    parts: [
        "TimeGenerated",
        "tolower(_ResourceId)",
        "OperationName",
        "tolong(HttpStatusCode)",
        "ResultDescription",
        "tolong(DurationMs)",
        "CallerIpAddress",
        "CorrelationId",
        "tostring(Identity.claim.oid)",
        "tostring(Identity.claim.appid)",
        "RequestUri",
        "Id",
        "ClientInfo",
        "OperationVersion",
    ],
    link: "Properties",
};

/// What a row says of its link.
pub(super) fn link_fields(link: &Link) -> Value {
    let text = |bytes: Option<&[u8; 32]>| chain::text_of(bytes);
    Value::Dynamic(Dynamic::from_json(&json!({
        "sequence": link.sequence, "previous": text(link.previous.as_ref()),
        "digest": text(Some(&link.digest)), "proof": text(link.proof.as_ref()),
    })))
}

fn text(text: &str) -> Value {
    Value::string(text)
}

/// A column: name, type, and what stands in it.
type Cell = (&'static str, ScalarType, fn(&AuditRecord, &Value) -> Value);

fn rows(cells: &[Cell], links: &[(AuditRecord, Link)], fields: &[Value]) -> Rows {
    let schema = Arc::new(Schema::new(cells.iter().map(|(name, ty, _)| (*name, *ty))));
    let row = |((record, _), fields): (&(AuditRecord, Link), &Value)| {
        cells.iter().map(|(.., value)| value(record, fields)).collect()
    };
    Rows::from_values(schema, links.iter().zip(fields).map(row))
}

const STRING: ScalarType = ScalarType::String;

/// The rows of `AzureDiagnostics`; `fields` has [`link_fields`] of each.
pub(super) fn diagnostics(links: &[(AuditRecord, Link)], fields: &[Value]) -> Rows {
    rows(
        &[
            ("TimeGenerated", ScalarType::DateTime, |r, _| Value::DateTime(r.time)),
            ("ResourceProvider", STRING, |_, _| text("MICROSOFT.KEYVAULT")),
            ("ResourceType", STRING, |_, _| text("VAULTS")),
            ("Category", STRING, |_, _| text("AuditEvent")),
            ("ResourceId", STRING, |r, _| text(&r.resource)),
            ("_ResourceId", STRING, |r, _| text(&r.resource.to_lowercase())),
            ("Resource", STRING, |r, _| text(&name_of(&r.resource).to_uppercase())),
            ("OperationName", STRING, |r, _| text(&r.operation)),
            ("OperationVersion", STRING, |r, _| text(&r.api_version)),
            ("ResultType", STRING, |r, _| text(r.result())),
            ("ResultSignature", STRING, |r, _| text(r.signature())),
            ("ResultDescription", STRING, |r, _| text(&r.description)),
            ("DurationMs", ScalarType::Long, |r, _| Value::Long(milliseconds(r))),
            ("CallerIPAddress", STRING, |r, _| text(&r.source)),
            ("CorrelationId", STRING, |r, _| text(&r.correlation_id)),
            ("identity_claim_oid_g", STRING, |r, _| text(&r.object_id)),
            ("identity_claim_appid_g", STRING, |r, _| text(&r.app_id)),
            ("requestUri_s", STRING, |r, _| text(&r.uri)),
            ("id_s", STRING, |r, _| text(&r.id)),
            ("clientInfo_s", STRING, |r, _| text(&r.agent)),
            ("httpStatusCode_d", ScalarType::Real, |r, _| Value::Real(f64::from(r.status))),
            ("AdditionalFields", ScalarType::Dynamic, |_, fields| fields.clone()),
        ],
        links,
        fields,
    )
}

/// The rows of `AZKVAuditLogs`, as above.
pub(super) fn audit_logs(links: &[(AuditRecord, Link)], fields: &[Value]) -> Rows {
    rows(
        &[
            ("TimeGenerated", ScalarType::DateTime, |r, _| Value::DateTime(r.time)),
            ("_ResourceId", STRING, |r, _| text(&r.resource.to_lowercase())),
            ("OperationName", STRING, |r, _| text(&r.operation)),
            ("OperationVersion", STRING, |r, _| text(&r.api_version)),
            ("ResultType", STRING, |r, _| text(r.result())),
            ("ResultSignature", STRING, |r, _| text(r.signature())),
            ("ResultDescription", STRING, |r, _| text(&r.description)),
            ("DurationMs", ScalarType::Int, |r, _| {
                Value::Int(i32::try_from(r.duration_ms).unwrap_or(i32::MAX))
            }),
            ("CallerIpAddress", STRING, |r, _| text(&r.source)),
            ("CorrelationId", STRING, |r, _| text(&r.correlation_id)),
            ("Identity", ScalarType::Dynamic, |r, _| {
                let claim = json!({ "claim": { "oid": &*r.object_id, "appid": &*r.app_id } });
                Value::Dynamic(Dynamic::from_json(&claim))
            }),
            ("RequestUri", STRING, |r, _| text(&r.uri)),
            ("Id", STRING, |r, _| text(&r.id)),
            ("ClientInfo", STRING, |r, _| text(&r.agent)),
            ("HttpStatusCode", ScalarType::Int, |r, _| Value::Int(i32::from(r.status))),
            ("Properties", ScalarType::Dynamic, |_, fields| fields.clone()),
        ],
        links,
        fields,
    )
}

fn milliseconds(record: &AuditRecord) -> i64 {
    i64::from(i32::try_from(record.duration_ms).unwrap_or(i32::MAX))
}

fn name_of(resource: &str) -> &str {
    resource.rsplit('/').next().unwrap_or_default()
}
