//! alertRules: checked to the last setting, their query bound, their changes audited.

use arm::{Action, Answer, Arm, ArmError, Call, Caller, Hook, Place, PutContext};
use async_trait::async_trait;
use model::{DateTime, QueryRequest, ResourceId};
use serde_json::{Map, Value, json};

use super::{Services, bad_request};
use crate::fields::Invalid;
use crate::health::Failure;
use crate::journal::Entry;
use crate::records::{Record, Table};
use crate::rule::AnalyticsRule;
use crate::stored::CHECKPOINTS;
use crate::workspace::{Workspace, workspace_of};

/// Reads the rule and writes it out again, every setting in its place.
pub(super) fn check(context: &mut PutContext<'_>) -> Result<(), ArmError> {
    let properties = Value::Object(std::mem::take(&mut context.properties));
    let rule =
        AnalyticsRule::read(context.kind_name(), &properties).map_err(|e| bad_request(&e))?;
    let was = context.existing.and_then(|v| v.get("kind")).and_then(Value::as_str);
    if was.is_some_and(|was| was != rule.kind.name()) {
        let problem = "the kind of a rule cannot change; delete it and create it anew";
        return Err(bad_request(&Invalid::new("kind", problem)));
    }
    context.top.insert("kind".to_owned(), rule.kind.name().into());
    context.properties = rule.properties();
    context.set("lastModifiedUtc", context.call.now.to_string());
    Ok(())
}

/// What has to fit together in a rule: its query, and the settings that name columns of its results.
const NAMING_COLUMNS: &[&str] = &[
    "query",
    "entityMappings",
    "sentinelEntitiesMappings",
    "customDetails",
    "alertDetailsOverride",
];

/// Binds the query of a rule before it is stored, and notes what was changed.
pub(super) struct RuleHook {
    pub(super) services: Services,
}

#[async_trait]
impl Hook for RuleHook {
    async fn check(&self, _arm: &Arm, context: &mut PutContext<'_>) -> Result<(), ArmError> {
        // An import tells of queries that do not bind in its report and keeps the rule: its run shows the failure.
        let query = context.text("query").unwrap_or_default();
        let same = NAMING_COLUMNS.iter().all(|name| context.get(name) == context.stored(name));
        if context.call.caller == Caller::system() || same {
            return Ok(());
        }
        let workspace = workspace_of(&context.id)
            .map(|id| Workspace::load(context.store, &id))
            .transpose()?
            .flatten();
        let Some(workspace) = workspace else { return Ok(()) };
        let mut request = QueryRequest::new(&*workspace.customer_id, query, context.call.now);
        request.bind_only = true;
        request.other_workspaces = Workspace::all(context.store)?
            .into_iter()
            .map(|w| (w.id.name().to_owned(), w.customer_id))
            .collect();
        match self.services.tables.query(request).await {
            Ok(bound) => {
                let properties = Value::Object(context.properties.clone());
                let rule = AnalyticsRule::read(context.kind_name(), &properties);
                let missing = rule.ok().and_then(|rule| rule.missing_column(&bound));
                missing.map_or(Ok(()), |missing| Err(bad_request(&missing)))
            }
            Err(error) => {
                let problem = Failure::from(&error).message();
                Err(bad_request(&Invalid::new("properties.query", problem)))
            }
        }
    }

    async fn changed(
        &self,
        arm: &Arm,
        id: &ResourceId,
        old: Option<&Value>,
        value: Option<&Value>,
    ) -> Result<(), ArmError> {
        // The rule is stored and right; a count or an audit row that is late is no reason to fail the caller.
        if let Err(error) = self.follow(arm, id, old, value) {
            tracing::warn!(rule = %id, %error, "a rule's change is not in the audit table");
        }
        Ok(())
    }

    async fn settled(&self, _arm: &Arm) -> Result<(), ArmError> {
        self.services.journal.flush_or_tell().await;
        Ok(())
    }
}

impl RuleHook {
    fn follow(
        &self,
        arm: &Arm,
        id: &ResourceId,
        old: Option<&Value>,
        value: Option<&Value>,
    ) -> Result<(), ArmError> {
        super::templates::count_rules(arm, id, old, value)?;
        let store = arm.store();
        let workspace =
            workspace_of(id).map(|id| Workspace::load(&**store, &id)).transpose()?.flatten();
        let Some(workspace) = workspace else { return Ok(()) };
        let now = self.services.clock.now();
        let Some(record) = audit(id, &workspace, old, value, now) else { return Ok(()) };
        let mut entry = Entry::default();
        entry.add(Table::SentinelAudit, record);
        let batch = uuid::Uuid::new_v4().to_string();
        let op = entry.op(&workspace.customer_id, &batch, now);
        store.apply(op.into_iter().collect())?;
        Ok(())
    }
}

/// The row of a change; none when nothing but the time of the change differs.
fn audit(
    id: &ResourceId,
    workspace: &Workspace,
    old: Option<&Value>,
    value: Option<&Value>,
    now: DateTime,
) -> Option<Record> {
    let properties = |v: Option<&Value>| -> Map<String, Value> {
        let all = v.and_then(|v| v.get("properties")).and_then(Value::as_object);
        all.into_iter()
            .flatten()
            .filter(|(k, _)| *k != "lastModifiedUtc")
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    };
    let (before, after) = (properties(old), properties(value));
    let mut changed: Vec<&String> =
        after.iter().filter(|(k, v)| before.get(*k) != Some(v)).map(|(k, _)| k).collect();
    changed.extend(before.keys().filter(|k| !after.contains_key(*k)));
    if changed.is_empty() {
        return None;
    }
    let shown = value.or(old)?;
    let system = |name: &str| {
        shown.get("systemData").and_then(|s| s.get(name)).and_then(Value::as_str).unwrap_or("")
    };
    let text = |name: &str| {
        shown.get("properties").and_then(|p| p.get(name)).and_then(Value::as_str).unwrap_or("")
    };
    let (operation, description) = match value {
        Some(_) => {
            ("Microsoft.SecurityInsights/alertRules/Write", "Create or update analytics rule.")
        }
        None => ("Microsoft.SecurityInsights/alertRules/Delete", "Analytics rule deleted"),
    };
    let mut record = Record::new();
    let mut put = |name: &str, value: Value| {
        record.insert(name.to_owned(), value);
    };
    put("TimeGenerated", now.to_string().into());
    put("OperationName", operation.into());
    put("SentinelResourceId", id.as_str().into());
    put("SentinelResourceName", text("displayName").into());
    put("SentinelResourceType", "Analytic Rule".into());
    put("SentinelResourceKind", shown.get("kind").cloned().unwrap_or_default());
    put("Status", "Success".into());
    put("Description", description.into());
    put("WorkspaceId", (*workspace.customer_id).into());
    put("CorrelationId", uuid::Uuid::new_v4().to_string().into());
    put("SourceSystem", "Azure".into());
    let mut extended = json!({
        "ResourceId": id.as_str(),
        "ResourceDisplayName": text("displayName"),
        "ResourceGroupName": id.resource_group(),
        "SubscriptionId": id.subscription(),
        "WorkspaceId": workspace.id.as_str(),
        "WorkspaceName": workspace.id.name(),
        "Uri": id.as_str(),
        "ResourceDiffMemberNames": changed,
        "OriginalResourceState": old.map(|_| &before),
        "UpdatedResourceState": value.map(|_| &after),
    });
    if value.is_some() {
        extended["CallerName"] = system("lastModifiedBy").into();
    }
    put("ExtendedProperties", extended);
    Some(record)
}

/// `GET alertRules/{id}/status`: where the rule stands, how its last run went, what its runs cost.
pub(super) struct RuleStatus;

#[async_trait]
impl Action for RuleStatus {
    async fn run(&self, arm: &Arm, _call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let checkpoint = arm.store().get(CHECKPOINTS, &place.id.key())?;
        Ok(Answer::ok(checkpoint.map_or_else(|| json!({"lastRun": null}), |d| d.value)))
    }
}
