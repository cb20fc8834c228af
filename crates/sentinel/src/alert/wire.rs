//! A stored alert as the API answers it: an entity of kind SecurityAlert.

use serde_json::{Map, Value, json};

use crate::workspace::Workspace;

/// Tactics that are also an `intent`.
const INTENTS: &[&str] = &[
    "Persistence",
    "PrivilegeEscalation",
    "DefenseEvasion",
    "CredentialAccess",
    "Discovery",
    "LateralMovement",
    "Execution",
    "Collection",
    "Exfiltration",
    "CommandAndControl",
    "Impact",
];

/// (name over the API, column) of what is taken over as text.
const TEXTS: &[(&str, &str)] = &[
    ("systemAlertId", "SystemAlertId"),
    ("alertDisplayName", "DisplayName"),
    ("friendlyName", "DisplayName"),
    ("description", "Description"),
    ("severity", "AlertSeverity"),
    ("vendorName", "VendorName"),
    ("productName", "ProductName"),
    ("productComponentName", "ProductComponentName"),
    ("alertType", "AlertType"),
    ("providerAlertId", "VendorOriginalId"),
    ("status", "Status"),
    ("startTimeUtc", "StartTime"),
    ("endTimeUtc", "EndTime"),
    ("processingEndTime", "ProcessingEndTime"),
    ("timeGenerated", "TimeGenerated"),
    ("compromisedEntity", "CompromisedEntity"),
    ("alertLink", "AlertLink"),
];

/// The resource of a stored alert.
pub fn resource(record: &Value, workspace: &Workspace) -> Value {
    let text = |column: &str| record.get(column).and_then(Value::as_str).unwrap_or("");
    let mut properties = Map::new();
    for (name, column) in TEXTS {
        if !text(column).is_empty() {
            properties.insert((*name).to_owned(), text(column).into());
        }
    }
    let tactics = crate::tactics::tactics_of_text(text("Tactics"));
    let intent = tactics.iter().find(|t| INTENTS.contains(&t.as_str()));
    let level = Some(text("ConfidenceLevel")).filter(|l| !l.is_empty()).unwrap_or("Unknown");
    let steps: Vec<&str> =
        text("RemediationSteps").lines().filter(|l| !l.trim().is_empty()).collect();
    let more = json!({
        "intent": intent.map_or("Unknown", String::as_str),
        "tactics": tactics,
        "confidenceLevel": level,
        "remediationSteps": steps,
        "resourceIdentifiers": [{
            "type": "LogAnalytics",
            "workspaceId": &*workspace.customer_id,
            "subscriptionId": workspace.id.subscription(),
            "resourceGroup": workspace.id.resource_group(),
        }],
        "additionalData": serde_json::from_str::<Value>(text("ExtendedProperties")).unwrap_or_else(|_| json!({})),
    });
    if let Value::Object(more) = more {
        properties.extend(more);
    }
    if let Some(score) = record.get("ConfidenceScore").filter(|s| s.is_number()) {
        properties.insert("confidenceScore".to_owned(), score.clone());
    }
    let name = text("SystemAlertId");
    let id = workspace.resource("Entities", name);
    json!({
        "id": id.as_str(),
        "name": name,
        "type": "Microsoft.SecurityInsights/Entities",
        "kind": "SecurityAlert",
        "properties": properties,
    })
}
