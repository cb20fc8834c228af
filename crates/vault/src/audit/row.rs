//! A call as a record, and the record as rows of Azure's two tables.

use std::borrow::Cow;
use std::sync::Arc;

use model::rows::ColumnBuilder;
use model::{Batch, DateTime, Dynamic, Rows, ScalarType, Schema, Value};
use values::DynamicBuilder;

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
    let length: usize = parts.iter().map(|part| part.len() + 3).sum();
    let mut text = Vec::with_capacity(length + 16); // most have nothing to escape
    let written = serde_json::to_writer(&mut text, &parts);
    written.ok().and_then(|()| String::from_utf8(text).ok()).unwrap_or_default()
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

/// What rows that go into a table together say of their links. Each has its place and its digest; the digest before it
/// is told by the first alone, and a proof by the last, which stands for those before it: three digests a row would be
/// most of what a row takes. A row without a key for it says so with an empty proof.
pub(super) fn link_fields<'l>(links: impl Iterator<Item = &'l Link>) -> Vec<Dynamic> {
    let mut fields = DynamicBuilder::new();
    let mut links = links.peekable();
    let mut is_first = true;
    let mut all = Vec::with_capacity(links.size_hint().0);
    while let Some(link) = links.next() {
        let is_proven_behind =
            link.proof.is_some() && links.peek().is_some_and(|next| next.proof.is_some());
        fields.begin_object();
        fields.key("sequence");
        fields.long(i64::try_from(link.sequence).unwrap_or(i64::MAX));
        let mut tell = |name: &str, bytes: Option<&[u8; 32]>| {
            fields.key(name);
            fields.string(&chain::text_of(bytes));
        };
        if std::mem::take(&mut is_first) {
            tell("previous", link.previous.as_ref());
        }
        tell("digest", Some(&link.digest));
        if !is_proven_behind {
            tell("proof", link.proof.as_ref());
        }
        fields.end_object();
        all.push(fields.finish());
    }
    all
}

/// Who called, as one value.
fn identity(record: &AuditRecord) -> Dynamic {
    let mut identity = DynamicBuilder::new();
    identity.begin_object();
    identity.key("claim");
    identity.begin_object();
    for (name, id) in [("oid", &record.object_id), ("appid", &record.app_id)] {
        identity.key(name);
        identity.string(id);
    }
    identity.end_object();
    identity.end_object();
    identity.finish()
}

/// What stands in a column.
enum Cell {
    Always(&'static str),
    Text(fn(&AuditRecord) -> &str),
    Made(fn(&AuditRecord) -> String),
    Value(ScalarType, fn(&AuditRecord) -> Value),
    /// [`link_fields`].
    Link,
}

impl Cell {
    const fn ty(&self) -> ScalarType {
        match self {
            Self::Always(_) | Self::Text(_) | Self::Made(_) => ScalarType::String,
            Self::Value(ty, _) => *ty,
            Self::Link => ScalarType::Dynamic,
        }
    }
}

/// Column by column: a busy vault has many thousand rows a second.
fn rows(cells: &[(&'static str, Cell)], links: &[(AuditRecord, Link)], fields: &[Dynamic]) -> Rows {
    let schema = Schema::new(cells.iter().map(|(name, cell)| (*name, cell.ty())));
    let column = |(_, cell): &(&str, Cell)| {
        let mut column = ColumnBuilder::new(cell.ty(), links.len());
        let records = links.iter().map(|(record, _)| record);
        match cell {
            Cell::Always(text) => records.for_each(|_| column.push_text(text)),
            Cell::Text(text) => records.for_each(|record| column.push_text(text(record))),
            Cell::Made(text) => records.for_each(|record| column.push_text(&text(record))),
            Cell::Value(_, value) => records.for_each(|record| column.push(&value(record))),
            Cell::Link => fields.iter().for_each(|fields| column.push_dynamic(fields)),
        }
        column.finish()
    };
    let columns = cells.iter().map(column).collect();
    Rows::new(Arc::new(schema), Batch { columns, rows: links.len() })
}

const TIME: Cell = Cell::Value(ScalarType::DateTime, |r| Value::DateTime(r.time));

/// The rows of `AzureDiagnostics`; `fields` are their [`link_fields`].
pub(super) fn diagnostics(links: &[(AuditRecord, Link)], fields: &[Dynamic]) -> Rows {
    rows(
        &[
            ("TimeGenerated", TIME),
            ("ResourceProvider", Cell::Always("MICROSOFT.KEYVAULT")),
            ("ResourceType", Cell::Always("VAULTS")),
            ("Category", Cell::Always("AuditEvent")),
            ("ResourceId", Cell::Text(|r| &r.resource)),
            ("_ResourceId", Cell::Made(|r| r.resource.to_lowercase())),
            ("Resource", Cell::Made(|r| name_of(&r.resource).to_uppercase())),
            ("OperationName", Cell::Text(|r| &r.operation)),
            ("OperationVersion", Cell::Text(|r| &r.api_version)),
            ("ResultType", Cell::Text(|r| r.result())),
            ("ResultSignature", Cell::Text(|r| r.signature())),
            ("ResultDescription", Cell::Text(|r| &r.description)),
            ("DurationMs", Cell::Value(ScalarType::Long, |r| Value::Long(milliseconds(r).into()))),
            ("CallerIPAddress", Cell::Text(|r| &r.source)),
            ("CorrelationId", Cell::Text(|r| &r.correlation_id)),
            ("identity_claim_oid_g", Cell::Text(|r| &r.object_id)),
            ("identity_claim_appid_g", Cell::Text(|r| &r.app_id)),
            ("requestUri_s", Cell::Text(|r| &r.uri)),
            ("id_s", Cell::Text(|r| &r.id)),
            ("clientInfo_s", Cell::Text(|r| &r.agent)),
            ("httpStatusCode_d", Cell::Value(ScalarType::Real, |r| Value::Real(r.status.into()))),
            ("AdditionalFields", Cell::Link),
        ],
        links,
        fields,
    )
}

/// The rows of `AZKVAuditLogs`, as above.
pub(super) fn audit_logs(links: &[(AuditRecord, Link)], fields: &[Dynamic]) -> Rows {
    rows(
        &[
            ("TimeGenerated", TIME),
            ("_ResourceId", Cell::Made(|r| r.resource.to_lowercase())),
            ("OperationName", Cell::Text(|r| &r.operation)),
            ("OperationVersion", Cell::Text(|r| &r.api_version)),
            ("ResultType", Cell::Text(|r| r.result())),
            ("ResultSignature", Cell::Text(|r| r.signature())),
            ("ResultDescription", Cell::Text(|r| &r.description)),
            ("DurationMs", Cell::Value(ScalarType::Int, |r| Value::Int(milliseconds(r)))),
            ("CallerIpAddress", Cell::Text(|r| &r.source)),
            ("CorrelationId", Cell::Text(|r| &r.correlation_id)),
            ("Identity", Cell::Value(ScalarType::Dynamic, |r| Value::Dynamic(identity(r)))),
            ("RequestUri", Cell::Text(|r| &r.uri)),
            ("Id", Cell::Text(|r| &r.id)),
            ("ClientInfo", Cell::Text(|r| &r.agent)),
            ("HttpStatusCode", Cell::Value(ScalarType::Int, |r| Value::Int(r.status.into()))),
            ("Properties", Cell::Link),
        ],
        links,
        fields,
    )
}

fn milliseconds(record: &AuditRecord) -> i32 {
    i32::try_from(record.duration_ms).unwrap_or(i32::MAX)
}

fn name_of(resource: &str) -> &str {
    resource.rsplit('/').next().unwrap_or_default()
}
