//! Changes as rows: of the directory to AuditLogs, of resources to AzureActivity.

use api::{ActivityEvent, DirectoryEvent};
use model::Value;
use serde_json::json;
use uuid::Uuid;
use values::Dynamic;

use super::super::House;
use super::super::own_rows::Row;

pub(super) const DIRECTORY: &str = "AuditLogs";
pub(super) const ACTIVITY: &str = "AzureActivity";

fn text(name: &'static str, text: &str) -> (&'static str, Value) {
    (name, Value::string(text))
}

fn dynamic(value: &serde_json::Value) -> Value {
    Value::Dynamic(Dynamic::from_json(value))
}

pub(super) fn directory_row(house: &House, event: &DirectoryEvent) -> Row {
    let caller = &event.caller;
    let initiated = match &caller.user_name {
        Some(name) => json!({ "user": {
            "id": &*caller.object_id, "displayName": &*caller.display_name, "userPrincipalName": &**name,
            "ipAddress": event.source.to_string(), "roles": [],
        }}),
        None => json!({ "app": {
            "appId": &*caller.app_id, "displayName": &*caller.display_name,
            "servicePrincipalId": &*caller.object_id, "servicePrincipalName": null,
            "ipAddress": event.source.to_string(),
        }}),
    };
    let targets: Vec<serde_json::Value> = event
        .targets
        .iter()
        .map(|target| {
            let changes = target.changes.iter();
            let changes = changes.map(
                |(name, old, new)| json!({ "displayName": name, "oldValue": old, "newValue": new }),
            );
            json!({
                "id": target.id,
                "displayName": target.name,
                "type": target.kind,
                "userPrincipalName": target.user_name,
                "modifiedProperties": changes.collect::<Vec<_>>(),
                "administrativeUnits": [],
            })
        })
        .collect();
    let failed = !event.failure.is_empty();
    // in Entra's order: rules read the program as the first, the application as the second
    let source = event.source.to_string();
    let app_id = event.targets.iter().find_map(|target| target.app_id.as_deref());
    let details = [
        Some(("User-Agent", event.agent.as_str())),
        app_id.map(|id| ("AppId", id)),
        Some(("IPAddress", source.as_str())),
    ];
    let details = details.into_iter().flatten();
    let details: Vec<_> =
        details.map(|(key, value)| json!({ "key": key, "value": value })).collect();
    vec![
        ("TimeGenerated", Value::DateTime(event.time)),
        ("ActivityDateTime", Value::DateTime(event.time)),
        text("Id", &format!("Directory_{}", Uuid::new_v4())),
        text("AADTenantId", &house.installation.tenant_id),
        text("AADOperationType", event.kind),
        text("ActivityDisplayName", event.operation),
        text("OperationName", event.operation),
        text("Category", event.category),
        text("LoggedByService", "Core Directory"),
        text("CorrelationId", &event.correlation_id),
        text("Identity", &caller.display_name),
        text("Result", if failed { "failure" } else { "success" }),
        text("ResultReason", &event.failure),
        text("ResultDescription", &event.failure),
        text("Resource", "Microsoft.aadiam"),
        ("InitiatedBy", dynamic(&initiated)),
        ("TargetResources", dynamic(&json!(targets))),
        ("AdditionalDetails", dynamic(&json!(details))),
    ]
}

pub(super) fn activity_row(house: &House, event: &ActivityEvent) -> Row {
    let caller = &event.caller;
    let failed = event.status >= 400;
    let name = caller.user_name.as_deref().unwrap_or(&caller.object_id);
    let resource = event.resource.as_str();
    let authorization = json!({
        "scope": resource,
        "action": event.action,
        "evidence": { "principalId": &*caller.object_id,
            "principalType": if caller.user_name.is_some() { "User" } else { "ServicePrincipal" } },
    });
    let claims = json!({
        "appid": &*caller.app_id,
        "ipaddr": event.source.to_string(),
        "name": &*caller.display_name,
        "http://schemas.microsoft.com/identity/claims/objectidentifier": &*caller.object_id,
        "upn": caller.user_name.as_deref(),
        "uti": &*caller.token_id,
    });
    let sub_status = match event.status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "NoContent",
        401 | 403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        400..500 => "BadRequest",
        _ => "InternalServerError",
    };
    let mut properties = json!({
        "statusCode": sub_status,
        "resource": event.resource.name(),
        "entity": resource,
        "message": event.action,
        "hierarchy": house.installation.tenant_id,
    });
    if let Some((code, message)) = &event.failure {
        let shown = json!({ "error": { "code": code, "message": message } });
        properties["statusMessage"] = json!(shown.to_string());
    }
    if let Some(request) = &event.request {
        properties["requestbody"] = json!(request.to_string());
    }
    let request = json!({
        "clientRequestId": event.correlation_id,
        "clientIpAddress": event.source.to_string(),
        "method": event.method,
    });
    let kind = event.action.rsplit_once('/').map_or("", |(kind, _)| kind);
    let provider = kind.split('/').next().unwrap_or_default().to_uppercase();
    let group =
        resource.split('/').skip_while(|s| !s.eq_ignore_ascii_case("resourceGroups")).nth(1);
    let status = if failed { "Failure" } else { "Success" };
    vec![
        ("TimeGenerated", Value::DateTime(event.time)),
        ("EventSubmissionTimestamp", Value::DateTime(event.time)),
        text("EventDataId", &Uuid::new_v4().to_string()),
        text("OperationId", &event.correlation_id),
        text("CorrelationId", &event.correlation_id),
        text("OperationNameValue", &event.action.to_uppercase()),
        text("OperationName", &event.action),
        text("ActivityStatusValue", status),
        text("ActivityStatus", status),
        text("ActivitySubstatusValue", sub_status),
        text("CategoryValue", "Administrative"),
        text("Category", "Administrative"),
        text("Level", if failed { "Error" } else { "Information" }),
        text("Caller", name),
        text("CallerIpAddress", &event.source.to_string()),
        text("ResourceId", resource),
        text("_ResourceId", &resource.to_lowercase()),
        text("ResourceGroup", group.unwrap_or_default()),
        text("ResourceProviderValue", &provider),
        text("SubscriptionId", event.resource.subscription().unwrap_or_default()),
        text("_SubscriptionId", event.resource.subscription().unwrap_or_default()),
        text("Hierarchy", &house.installation.tenant_id),
        text("Authorization", &authorization.to_string()),
        ("Authorization_d", dynamic(&authorization)),
        text("Claims", &claims.to_string()),
        ("Claims_d", dynamic(&claims)),
        text("HTTPRequest", &request.to_string()),
        text("Properties", &properties.to_string()),
        ("Properties_d", dynamic(&properties)),
    ]
}
