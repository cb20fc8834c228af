//! alertRuleTemplates: rules of the content that ships and of imports, ready to be made into rules. Azure lets nobody write
//! them; here an import does, through the same door as everybody.

use arm::{Arm, ArmError, PutContext};
use model::ResourceId;
use serde_json::{Value, json};
use state::{Condition, StoreError};

use super::bad_request;
use crate::import;
use crate::rule::AnalyticsRule;
use crate::workspace::workspace_of;

/// Collection of templates.
const COLLECTION: &str = "microsoft.securityinsights/alertruletemplates";
const COUNT: &str = "alertRulesCreatedByTemplateCount";

pub(super) fn check(context: &mut PutContext<'_>) -> Result<(), ArmError> {
    let mut given = std::mem::take(&mut context.properties);
    given.insert("enabled".to_owned(), true.into());
    let (connectors, version) =
        (given.get("requiredDataConnectors").cloned(), given.get("version").cloned());
    let rule =
        AnalyticsRule::read(context.kind_name(), &given.into()).map_err(|e| bad_request(&e))?;
    context.top.insert("kind".to_owned(), rule.kind.name().into());
    context.properties = rule.detection();
    context.set("requiredDataConnectors", import::connectors(connectors.as_ref()));
    context.set("version", version.filter(Value::is_string).unwrap_or_default());
    context.set("status", "Available");
    let now = context.call.now.to_string();
    context.once("createdDateUTC", || now.as_str().into());
    context.set("lastUpdatedDateUTC", now);
    context.once(COUNT, || 0.into());
    Ok(())
}

/// Keeps the number of rules that were made from a template.
pub(super) fn count_rules(
    arm: &Arm,
    rule: &ResourceId,
    old: Option<&Value>,
    value: Option<&Value>,
) -> Result<(), ArmError> {
    let template = |v: Option<&Value>| {
        let name = v?.get("properties")?.get("alertRuleTemplateName")?.as_str()?;
        Some(name.to_lowercase()).filter(|n| !n.is_empty())
    };
    let (before, after) = (template(old), template(value));
    if before == after {
        return Ok(());
    }
    let Some(workspace) = workspace_of(rule) else { return Ok(()) };
    for (name, step) in [(before, -1), (after, 1)] {
        if let Some(name) = name {
            add(arm, &format!("{}/providers/{COLLECTION}/{name}", workspace.key()), step)?;
        }
    }
    Ok(())
}

fn add(arm: &Arm, key: &str, step: i64) -> Result<(), StoreError> {
    for _ in 0..super::ATTEMPTS {
        let Some(document) = arm.store().get(COLLECTION, key)? else { return Ok(()) };
        let mut value = document.value;
        let count =
            value.pointer(&format!("/properties/{COUNT}")).and_then(Value::as_i64).unwrap_or(0);
        value["properties"][COUNT] = json!((count + step).max(0));
        match arm.store().put(COLLECTION, key, value, Condition::Match(document.etag)) {
            Err(StoreError::Conflict { .. }) => {}
            other => return other.map(drop),
        }
    }
    Ok(())
}
