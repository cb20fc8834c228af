//! Where this crate's own documents live, and how incidents are read and written in a transaction.

use model::ResourceId;
use serde_json::{Value, json};
use state::{Condition, Op, Store, StoreError};

use crate::incident::Incident;
use crate::workspace::Workspace;

/// Checkpoints by rule.
pub(crate) const CHECKPOINTS: &str = "sentinel.checkpoints";
/// Alerts by workspace and system id: the rows of SecurityAlert.
pub(crate) const ALERTS: &str = "sentinel.alerts";
/// Which incident collects alerts, by rule and group.
pub(crate) const GROUPS: &str = "sentinel.groups";
/// Numbers handed out, by workspace.
const COUNTERS: &str = "sentinel.counters";
/// Rules.
pub(crate) const RULES: &str = "microsoft.securityinsights/alertrules";
/// Incidents.
pub(crate) const INCIDENTS: &str = "microsoft.securityinsights/incidents";
/// Comments of incidents.
pub(crate) const COMMENTS: &str = "microsoft.securityinsights/incidents/comments";

/// Key of an alert.
pub(crate) fn alert_key(workspace: &ResourceId, system_alert_id: &str) -> String {
    format!("{}/{system_alert_id}", workspace.key())
}

/// Key of a group of a rule's alerts.
pub(crate) fn group_key(rule: &ResourceId, group: &str) -> String {
    format!("{}/{group}", rule.key())
}

/// An incident with its etag; none when there is none or it is not readable.
pub(crate) fn incident(
    store: &dyn Store,
    id: &ResourceId,
) -> Result<Option<(Incident, String)>, StoreError> {
    let document = store.get(INCIDENTS, &id.key())?;
    Ok(document.and_then(|d| Some((Incident::from_document(&d.value)?, d.etag))))
}

/// The write of an incident: a new one, or one read with this etag.
pub(crate) fn put_incident(incident: &Incident, etag: Option<&str>) -> Op {
    Op::Put {
        collection: INCIDENTS.to_owned(),
        key: incident.id.key(),
        value: incident.document(),
        condition: etag.map_or(Condition::Absent, |etag| Condition::Match(etag.to_owned())),
    }
}

/// What the comments of an incident begin with.
pub(crate) fn comments_prefix(incident: &ResourceId) -> String {
    format!("{}/comments/", incident.key())
}

/// The properties of an incident's comments, oldest first.
pub(crate) fn comments(store: &dyn Store, incident: &Incident) -> Result<Vec<Value>, StoreError> {
    if incident.comments == 0 {
        return Ok(Vec::new());
    }
    let documents = store.list_all(COMMENTS, &comments_prefix(&incident.id))?;
    let mut comments: Vec<Value> =
        documents.into_iter().filter_map(|d| d.value.get("properties").cloned()).collect();
    sort_comments(&mut comments);
    Ok(comments)
}

/// Oldest first.
pub(crate) fn sort_comments(comments: &mut [Value]) {
    comments
        .sort_by_key(|c| c.get("createdTimeUtc").and_then(Value::as_str).unwrap_or("").to_owned());
}

/// Incident numbers of a workspace, taken in a transaction.
pub(crate) struct Numbers {
    key: String,
    etag: Option<String>,
    last: i64,
}

impl Numbers {
    /// The numbers handed out so far.
    pub(crate) fn load(store: &dyn Store, workspace: &Workspace) -> Result<Self, StoreError> {
        let key = format!("{}/incidents", workspace.id.key());
        let document = store.get(COUNTERS, &key)?;
        let last = document.as_ref().and_then(|d| d.value.get("last")).and_then(Value::as_i64);
        Ok(Self { key, etag: document.map(|d| d.etag), last: last.unwrap_or(0) })
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> i64 {
        self.last += 1;
        self.last
    }

    /// The write that takes them; it fails when somebody else took some meanwhile.
    pub(crate) fn op(&self) -> Op {
        Op::Put {
            collection: COUNTERS.to_owned(),
            key: self.key.clone(),
            value: json!({ "last": self.last }),
            condition: self.etag.clone().map_or(Condition::Absent, Condition::Match),
        }
    }
}

/// Where people look at an incident.
pub(crate) fn incident_url(portal_url: &str, id: &ResourceId) -> String {
    format!("{portal_url}/#asset/Microsoft_Azure_Security_Insights/Incident{id}")
}

/// Forgets all that this crate keeps about a workspace beside its resources.
pub(crate) fn forget_workspace(
    store: &dyn Store,
    workspace: &ResourceId,
) -> Result<(), StoreError> {
    let prefix = format!("{}/", workspace.key());
    for collection in [CHECKPOINTS, ALERTS, GROUPS, COUNTERS] {
        loop {
            let documents = store.list(collection, &prefix, None, 500)?;
            let done = documents.len() < 500;
            let forget = documents.into_iter().map(|d| Op::Delete {
                collection: collection.to_owned(),
                key: d.key,
                condition: Condition::Any,
            });
            store.apply(forget.collect())?;
            if done {
                break;
            }
        }
    }
    Ok(())
}
