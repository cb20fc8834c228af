//! Attempts to sign in as rows, in the table of their kind.

use identity::{CredentialKind, SignIn, SignInKind, SignInStep};
use model::Value;
use serde_json::json;
use values::Dynamic;

use super::super::House;
use super::super::own_rows::Row;
use super::device;

/// The table of an attempt, and its row. Rows of one table have the same columns.
pub(super) fn row(house: &House, event: &SignIn) -> (&'static str, Row) {
    match event.kind {
        SignInKind::ServicePrincipal => {
            let table = "AADServicePrincipalSignInLogs";
            (table, application(house, event, "ServicePrincipalSignInLogs"))
        }
        SignInKind::ManagedIdentity => {
            let table = "AADManagedIdentitySignInLogs";
            (table, application(house, event, "ManagedIdentitySignInLogs"))
        }
        SignInKind::InteractiveUser => ("SigninLogs", person(house, event, true)),
        SignInKind::NonInteractiveUser => {
            ("AADNonInteractiveUserSignInLogs", person(house, event, false))
        }
    }
}

fn text(name: &'static str, text: &str) -> (&'static str, Value) {
    (name, Value::string(text))
}

fn common(house: &House, event: &SignIn, category: &str) -> Row {
    let (resource, resource_id) = house.identity.resource_names(&event.resource);
    vec![
        ("TimeGenerated", Value::DateTime(event.time)),
        ("CreatedDateTime", Value::DateTime(event.time)),
        text("Id", &event.id.to_string()),
        text("CorrelationId", &event.correlation_id.to_string()),
        text("OperationName", "Sign-in activity"),
        text("Category", category),
        text("AADTenantId", &house.installation.tenant_id),
        text("ResultType", &event.logged_code().to_string()),
        text("ResultDescription", &event.result),
        text("AppId", &event.app_id),
        text("ResultSignature", if event.result_code == 0 { "SUCCESS" } else { "FAILURE" }),
        text("ConditionalAccessStatus", "notApplied"),
        text("ResourceDisplayName", &resource),
        text("ResourceIdentity", &resource_id),
        text("IPAddress", &event.source.to_string()),
        text("UserAgent", &event.user_agent),
        text("UniqueTokenIdentifier", &event.token_id),
    ]
}

fn application(house: &House, event: &SignIn, category: &str) -> Row {
    let credential = match event.credential {
        CredentialKind::None => "none",
        CredentialKind::Secret => "clientSecret",
        CredentialKind::Certificate => "certificate",
        CredentialKind::Federated => "federatedIdentityCredential",
    };
    let federated = event.credential == CredentialKind::Federated;
    let (federated, key) =
        if federated { (&*event.credential_id, "") } else { ("", &*event.credential_id) };
    let mut row = common(house, event, category);
    row.extend([
        text("ServicePrincipalName", &event.display_name),
        text("ServicePrincipalId", &event.principal_id),
        text("ClientCredentialType", credential),
        text("ServicePrincipalCredentialKeyId", key),
        text("FederatedCredentialId", federated),
    ]);
    row
}

fn person(house: &House, event: &SignIn, interactive: bool) -> Row {
    let category = if interactive { "SignInLogs" } else { "NonInteractiveUserSignInLogs" };
    let outside = event.methods.iter().any(|m| m == "fed");
    let requirement = match event.is_multi_factor() {
        true => "multiFactorAuthentication",
        false => "singleFactorAuthentication",
    };
    let status = json!({
        "errorCode": event.logged_code(),
        "failureReason": if event.result_code == 0 { "Other." } else { event.result.as_str() },
    });
    let details: Vec<serde_json::Value> = event.steps().iter().map(|s| detail(event, s)).collect();
    let client = if interactive { "Browser" } else { "Mobile Apps and Desktop clients" };
    // one table keeps these as text, the other as dynamic
    let dynamic = |value: serde_json::Value| match interactive {
        true => Value::Dynamic(Dynamic::from_json(&value)),
        false => Value::string(value.to_string()),
    };
    let mut row = common(house, event, category);
    row.extend([
        text("Identity", &event.user_display_name),
        text("UserDisplayName", &event.user_display_name),
        text("UserPrincipalName", &event.user_name),
        text("AlternateSignInName", &event.user_name),
        text("UserId", &event.principal_id),
        text("UserType", "Member"),
        text("AppDisplayName", &event.display_name),
        ("IsInteractive", Value::Bool(interactive)),
        text("ClientAppUsed", client),
        text("AuthenticationRequirement", requirement),
        text("AuthenticationProtocol", event.protocol),
        text("AuthenticationDetails", &json!(details).to_string()),
        text("TokenIssuerType", if outside { "Federated" } else { "AzureAD" }),
        text("IncomingTokenType", if interactive { "none" } else { "refreshToken" }),
        text("HomeTenantId", &house.installation.tenant_id),
        text("ResourceTenantId", &house.installation.tenant_id),
        text("OriginalRequestId", &event.id.to_string()),
        text("RiskDetail", "none"),
        text("RiskEventTypes", "[]"),
        text("RiskEventTypes_V2", "[]"),
        text("RiskLevelAggregated", "none"),
        text("RiskLevelDuringSignIn", "none"),
        text("RiskState", "none"),
        ("DeviceDetail", dynamic(device::detail(&event.user_agent))),
        ("Status", dynamic(status)),
    ]);
    row
}

/// A step, as Graph's `authenticationDetail` has it.
fn detail(event: &SignIn, step: &SignInStep) -> serde_json::Value {
    let (method, more) = match step.method {
        "pwd" => ("Password", "Password in the cloud"),
        "mfa" => ("OATH software token", ""),
        "fed" => ("Federated", ""),
        "fido" => ("FIDO2 security key", ""),
        other => (other, ""),
    };
    json!({
        "authenticationStepDateTime": event.time.to_string(),
        "authenticationMethod": method,
        "authenticationMethodDetail": more,
        "succeeded": step.succeeded,
        "authenticationStepResultDetail": step.detail,
        "authenticationStepRequirement": match step.method {
            "mfa" => "Multifactor authentication",
            _ => "Primary authentication",
        },
    })
}
