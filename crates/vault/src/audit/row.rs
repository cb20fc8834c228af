//! A call as a record, and the record as rows of Azure's two tables.

use std::borrow::Cow;
use std::sync::Arc;

use model::rows::{ArrayRef, ColumnBuilder, RepeatingTexts, constant_text};
use model::{Batch, DateTime, Dynamic, Rows, ScalarType, Schema, Value};
use values::DynamicBuilder;

use super::TABLES;
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
    /// Who: the name that a person signs in with; empty for applications.
    pub user_name: Arc<str>,
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
            &self.user_name,
        ])
    }

    /// The same call, of which nobody knows how it ended.
    pub(super) fn unfinished(mut self, why: &str) -> Self {
        (self.status, self.description) = (UNKNOWN, why.to_owned());
        self
    }
}

/// A record whose texts lie elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordRef<'a> {
    pub(super) time: DateTime,
    pub(super) status: u16,
    pub(super) duration_ms: u64,
    pub(super) resource: &'a str,
    pub(super) operation: &'a str,
    pub(super) description: &'a str,
    pub(super) source: &'a str,
    pub(super) correlation_id: &'a str,
    pub(super) object_id: &'a str,
    pub(super) app_id: &'a str,
    pub(super) uri: &'a str,
    pub(super) id: &'a str,
    pub(super) agent: &'a str,
    pub(super) api_version: &'a str,
    pub(super) user_name: &'a str,
}

impl RecordRef<'_> {
    /// A record with texts of its own.
    pub(super) fn to_record(self) -> AuditRecord {
        AuditRecord {
            time: self.time,
            resource: self.resource.into(),
            operation: Cow::Owned(self.operation.to_owned()),
            status: self.status,
            description: self.description.to_owned(),
            duration_ms: self.duration_ms,
            source: self.source.to_owned(),
            correlation_id: self.correlation_id.to_owned(),
            object_id: self.object_id.into(),
            app_id: self.app_id.into(),
            uri: self.uri.to_owned(),
            id: self.id.to_owned(),
            agent: self.agent.to_owned(),
            api_version: self.api_version.to_owned(),
            user_name: self.user_name.into(),
        }
    }

    const fn signature(&self) -> &'static str {
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

    const fn result(&self) -> &'static str {
        match self.status {
            UNKNOWN => "Unknown",
            200..300 => "Success",
            _ => "Failed",
        }
    }
}

/// Parts of a row that its digest is of.
pub(super) const PARTS: usize = 15;

/// Texts that cannot run into each other. The last is left out where it is empty: older rows do not have it.
pub(super) fn canonical(parts: [&str; PARTS]) -> String {
    let parts = match parts.split_last() {
        Some((&"", others)) => others,
        _ => &parts[..],
    };
    let length: usize = parts.iter().map(|part| part.len() + 3).sum();
    let mut text = Vec::with_capacity(length + 16); // most have nothing to escape
    let written = serde_json::to_writer(&mut text, &parts);
    written.ok().and_then(|()| String::from_utf8(text).ok()).unwrap_or_default()
}

/// How a table keeps the parts of [`canonical`], in KQL, and where the link lies.
pub(super) struct Form {
    pub(super) table: &'static str,
    /// Which of its rows are calls to vaults.
    pub(super) calls: &'static str,
    /// The column that says to which one.
    pub(super) resource: &'static str,
    pub(super) parts: [&'static str; PARTS],
    pub(super) link: &'static str,
}

/// Both tables.
pub(super) const FORMS: [&Form; 2] = [&DIAGNOSTICS, &LOGS];

pub(super) const DIAGNOSTICS: Form = Form {
    table: TABLES[0],
    calls: "Category == 'AuditEvent' and ResourceProvider == 'MICROSOFT.KEYVAULT'",
    resource: "ResourceId",
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
        "identity_claim_upn_s",
    ],
    link: "AdditionalFields",
};

pub(super) const LOGS: Form = Form {
    table: TABLES[1],
    calls: "true",
    resource: "_ResourceId",
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
        "tostring(Identity.claim.upn)",
    ],
    link: "Properties",
};

/// At least each so manieth row tells its digest.
pub(super) const DIGEST_EVERY: u64 = 16;

/// What rows that go into a table together say of their links. Each has its place; the digest before it is told by the
/// first alone, a proof by the last, which stands for those before it, and digests by the last and some between: whoever
/// has the rows makes the others. Three digests a row would be most of what a row takes, and of its terms. A row without a
/// key for a proof says so with an empty one.
pub(super) fn link_fields<'l>(links: impl Iterator<Item = &'l Link>) -> Vec<Dynamic> {
    let mut fields = DynamicBuilder::new();
    let mut links = links.peekable();
    let mut before = None;
    let mut all = Vec::with_capacity(links.size_hint().0);
    while let Some(link) = links.next() {
        let next = links.peek().filter(|next| next.sequence == link.sequence + 1);
        let is_proven_behind =
            link.proof.is_some() && next.is_some_and(|next| next.proof.is_some());
        fields.begin_object();
        fields.key("sequence");
        fields.long(i64::try_from(link.sequence).unwrap_or(i64::MAX));
        let mut tell = |name: &str, bytes: Option<&[u8; 32]>| {
            fields.key(name);
            fields.string(&chain::text_of(bytes));
        };
        if before.replace(link.sequence).is_none_or(|before| before + 1 != link.sequence) {
            tell("previous", link.previous.as_ref());
        }
        if !is_proven_behind || link.sequence.is_multiple_of(DIGEST_EVERY) {
            tell("digest", Some(&link.digest));
        }
        if !is_proven_behind {
            tell("proof", link.proof.as_ref());
        }
        fields.end_object();
        all.push(fields.finish());
    }
    all
}

/// What rows of the second table say of their links: where they stand. What else there is to say, the first one does.
fn place(link: &Link) -> Dynamic {
    let mut place = DynamicBuilder::new();
    place.begin_object();
    place.key("sequence");
    place.long(i64::try_from(link.sequence).unwrap_or(i64::MAX));
    place.end_object();
    place.finish()
}

/// Who called, as one value.
fn identity(record: &RecordRef<'_>) -> Dynamic {
    let mut identity = DynamicBuilder::new();
    identity.begin_object();
    identity.key("claim");
    identity.begin_object();
    let claims = [
        ("oid", record.object_id),
        ("appid", record.app_id),
        ("upn", record.user_name),
        ("http://schemas.microsoft.com/identity/claims/objectidentifier", record.object_id),
        ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn", record.user_name),
    ];
    for (name, value) in claims {
        if !name.ends_with("upn") || !value.is_empty() {
            identity.key(name);
            identity.string(value);
        }
    }
    identity.end_object();
    identity.end_object();
    identity.finish()
}

/// The columns that the two tables have of some calls. Both take the same arrays: a busy vault has many thousand rows a
/// second, most of which say the same in most columns.
pub(super) struct Columns {
    rows: usize,
    time: ArrayRef,
    resource: ArrayRef,
    resource_lower: ArrayRef,
    resource_name: ArrayRef,
    operation: ArrayRef,
    api_version: ArrayRef,
    result: ArrayRef,
    signature: ArrayRef,
    description: ArrayRef,
    duration_long: ArrayRef,
    duration_int: ArrayRef,
    source: ArrayRef,
    correlation_id: ArrayRef,
    object_id: ArrayRef,
    app_id: ArrayRef,
    user_name: ArrayRef,
    subscription: ArrayRef,
    resource_group: ArrayRef,
    identity: ArrayRef,
    uri: ArrayRef,
    id: ArrayRef,
    agent: ArrayRef,
    status_real: ArrayRef,
    status_int: ArrayRef,
    link: ArrayRef,
    place: ArrayRef,
}

impl Columns {
    /// Of these calls.
    pub(super) fn of(records: &[RecordRef<'_>], links: &[Link]) -> Self {
        let made = |ty: ScalarType, value: fn(&RecordRef<'_>) -> Value| {
            let mut column = ColumnBuilder::new(ty, records.len());
            records.iter().for_each(|record| column.push(&value(record)));
            column.finish()
        };
        let resources = repeating(records.iter().map(|record| record.resource));
        let mut correlation_ids = ColumnBuilder::new(ScalarType::String, records.len());
        records.iter().for_each(|record| correlation_ids.push_text(record.correlation_id));
        let dynamics = |values: &mut dyn Iterator<Item = Dynamic>| {
            let mut column = ColumnBuilder::new(ScalarType::Dynamic, links.len());
            values.for_each(|value| column.push_dynamic(&value));
            column.finish()
        };
        Self {
            rows: records.len(),
            time: made(ScalarType::DateTime, |r| Value::DateTime(r.time)),
            resource: resources.finish(),
            resource_lower: resources.finish_as(str::to_lowercase),
            resource_name: resources.finish_as(|resource| name_of(resource).to_uppercase()),
            operation: repeating(records.iter().map(|record| record.operation)).finish(),
            api_version: repeating(records.iter().map(|record| record.api_version)).finish(),
            result: repeating(records.iter().map(RecordRef::result)).finish(),
            signature: repeating(records.iter().map(RecordRef::signature)).finish(),
            description: repeating(records.iter().map(|record| record.description)).finish(),
            duration_long: made(ScalarType::Long, |r| Value::Long(milliseconds(r).into())),
            duration_int: made(ScalarType::Int, |r| Value::Int(milliseconds(r))),
            source: repeating(records.iter().map(|record| record.source)).finish(),
            correlation_id: correlation_ids.finish(),
            object_id: repeating(records.iter().map(|record| record.object_id)).finish(),
            app_id: repeating(records.iter().map(|record| record.app_id)).finish(),
            user_name: repeating(records.iter().map(|record| record.user_name)).finish(),
            subscription: resources.finish_as(|resource| part_of(resource, 2).to_lowercase()),
            resource_group: resources.finish_as(|resource| part_of(resource, 4).to_uppercase()),
            identity: identities(records),
            uri: repeating(records.iter().map(|record| record.uri)).finish(),
            id: repeating(records.iter().map(|record| record.id)).finish(),
            agent: repeating(records.iter().map(|record| record.agent)).finish(),
            status_real: made(ScalarType::Real, |r| Value::Real(r.status.into())),
            status_int: made(ScalarType::Int, |r| Value::Int(r.status.into())),
            link: dynamics(&mut link_fields(links.iter()).into_iter()),
            place: dynamics(&mut links.iter().map(place)),
        }
    }

    /// The rows of `AzureDiagnostics`.
    pub(super) fn diagnostics(&self) -> Rows {
        use ScalarType::{DateTime, Dynamic, Long, Real, String};
        let always = |text| constant_text(text, self.rows);
        self.table([
            ("TimeGenerated", DateTime, &self.time),
            ("ResourceProvider", String, &always("MICROSOFT.KEYVAULT")),
            ("ResourceType", String, &always("VAULTS")),
            ("Category", String, &always("AuditEvent")),
            ("ResourceId", String, &self.resource),
            ("_ResourceId", String, &self.resource_lower),
            ("_SubscriptionId", String, &self.subscription),
            ("SubscriptionId", String, &self.subscription),
            ("ResourceGroup", String, &self.resource_group),
            ("Resource", String, &self.resource_name),
            ("OperationName", String, &self.operation),
            ("OperationVersion", String, &self.api_version),
            ("ResultType", String, &self.result),
            ("ResultSignature", String, &self.signature),
            ("ResultDescription", String, &self.description),
            ("DurationMs", Long, &self.duration_long),
            ("CallerIPAddress", String, &self.source),
            ("CorrelationId", String, &self.correlation_id),
            ("identity_claim_oid_g", String, &self.object_id),
            ("identity_claim_appid_g", String, &self.app_id),
            ("identity_claim_upn_s", String, &self.user_name),
            (OBJECT_ID_CLAIM, String, &self.object_id),
            (USER_NAME_CLAIM, String, &self.user_name),
            ("requestUri_s", String, &self.uri),
            ("id_s", String, &self.id),
            ("clientInfo_s", String, &self.agent),
            ("httpStatusCode_d", Real, &self.status_real),
            (DIAGNOSTICS.link, Dynamic, &self.link),
        ])
    }

    /// The rows of `AZKVAuditLogs`.
    pub(super) fn audit_logs(&self) -> Rows {
        use ScalarType::{DateTime, Dynamic, Int, String};
        self.table([
            ("TimeGenerated", DateTime, &self.time),
            ("_ResourceId", String, &self.resource_lower),
            ("_SubscriptionId", String, &self.subscription),
            ("OperationName", String, &self.operation),
            ("OperationVersion", String, &self.api_version),
            ("ResultType", String, &self.result),
            ("ResultSignature", String, &self.signature),
            ("ResultDescription", String, &self.description),
            ("DurationMs", Int, &self.duration_int),
            ("CallerIpAddress", String, &self.source),
            ("CorrelationId", String, &self.correlation_id),
            ("Identity", Dynamic, &self.identity),
            ("RequestUri", String, &self.uri),
            ("Id", String, &self.id),
            ("ClientInfo", String, &self.agent),
            ("HttpStatusCode", Int, &self.status_int),
            (LOGS.link, Dynamic, &self.place),
        ])
    }

    fn table<const N: usize>(&self, columns: [(&str, ScalarType, &ArrayRef); N]) -> Rows {
        let schema = Schema::new(columns.iter().map(|(name, ty, _)| (*name, *ty)));
        let columns = columns.into_iter().map(|(_, _, array)| Arc::clone(array)).collect();
        Rows::new(Arc::new(schema), Batch { columns, rows: self.rows })
    }
}

fn repeating<'t>(texts: impl ExactSizeIterator<Item = &'t str>) -> RepeatingTexts<'t> {
    let mut column = RepeatingTexts::new(texts.len());
    texts.for_each(|text| column.push(text));
    column
}

/// Who called, row by row: mostly who called before.
fn identities(records: &[RecordRef<'_>]) -> ArrayRef {
    let mut column = ColumnBuilder::new(ScalarType::Dynamic, records.len());
    let mut before: Option<((&str, &str, &str), Dynamic)> = None;
    for record in records {
        let ids = (record.object_id, record.app_id, record.user_name);
        let (_, value) = match before.take() {
            Some(known) if known.0 == ids => before.insert(known),
            _ => before.insert((ids, identity(record))),
        };
        column.push_dynamic(value);
    }
    column.finish()
}

fn milliseconds(record: &RecordRef<'_>) -> i32 {
    i32::try_from(record.duration_ms).unwrap_or(i32::MAX)
}

/// A segment of a resource id: its subscription (2), its resource group (4).
fn part_of(resource: &str, at: usize) -> &str {
    resource.split('/').nth(at).unwrap_or_default()
}

/// Columns of claims with long names, as AzureDiagnostics calls them.
const OBJECT_ID_CLAIM: &str =
    "identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g";
const USER_NAME_CLAIM: &str =
    "identity_claim_http_schemas_xmlsoap_org_ws_2005_05_identity_claims_upn_s";

fn name_of(resource: &str) -> &str {
    resource.rsplit('/').next().unwrap_or_default()
}
