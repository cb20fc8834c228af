//! What ships as data, made part of the house: Azure's tables, and the analytics rules.

use std::sync::Arc;

use arm::{Arm, Call, Installation};
use model::{DateTime, TableInfo, TableKind, Tables};
use sentinel::import::Target;
use sentinel::workspace::Workspace;
use serde_json::json;
use state::Condition;

/// Azure keeps analytics data of a Sentinel workspace for 90 days unless told otherwise.
const RETENTION_DAYS: u32 = 90;
/// Remembers that the shipped rules were enabled once: whoever disables or deletes one keeps it so.
const MARK: (&str, &str) = ("installation", "content");

/// Every table of Azure Monitor, Sentinel and Defender that ships.
pub(super) fn tables() -> Vec<Arc<TableInfo>> {
    let schema_of = |name: &str| collect::builtin_schema(name).unwrap_or_default();
    let table = |t: &content::Table| {
        Arc::new(TableInfo {
            name: t.name.into(),
            kind: TableKind::Microsoft,
            schema: schema_of(t.name),
            retention_days: RETENTION_DAYS,
            total_retention_days: RETENTION_DAYS,
        })
    };
    content::tables().iter().map(table).collect()
}

/// Stores the shipped rules as templates, and enables them on the first start.
pub(super) async fn content(
    arm: &Arm,
    tables: &Arc<dyn Tables>,
    installation: &Installation,
    now: DateTime,
) -> anyhow::Result<()> {
    let Some(workspace) = Workspace::load(&**arm.store(), &installation.workspace)? else {
        return Ok(());
    };
    onboard(arm, &workspace, now).await?;
    let (collection, key) = MARK;
    let enable = arm.store().get(collection, key)?.is_none();
    let import = sentinel::import::read(content::files("analytics-rules").iter().copied());
    let target = Target { arm, tables: &**tables, workspace: &workspace, enable, now };
    for applied in import.apply(&target).await? {
        if !applied.remark.is_empty() {
            tracing::warn!(rule = applied.id, remark = applied.remark, "a shipped rule");
        }
    }
    if enable {
        arm.store().put(collection, key, json!({ "enabled": now.to_string() }), Condition::Any)?;
    }
    Ok(())
}

/// Rules run in the installation's own workspace from the first start: its onboarding state says so.
async fn onboard(arm: &Arm, workspace: &Workspace, now: DateTime) -> anyhow::Result<()> {
    let id = workspace.resource("onboardingStates", "default");
    let body = json!({ "properties": { "customerManagedKey": false } });
    let call = Call { if_none_match: Some("*".into()), ..Call::system(id, body, now) };
    match arm.put(&call).await {
        Err(error) if error.status != 412 => Err(error.into()),
        _ => Ok(()),
    }
}
