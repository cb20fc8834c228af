//! Attempts to sign in as rows, in the table of their kind.

use identity::{CredentialKind, SignIn, SignInKind};
use model::Value;
use serde_json::json;
use values::Dynamic;

use super::super::House;
use super::super::own_rows::Row;

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
    vec![
        ("TimeGenerated", Value::DateTime(event.time)),
        ("CreatedDateTime", Value::DateTime(event.time)),
        text("Id", &event.id.to_string()),
        text("CorrelationId", &event.correlation_id.to_string()),
        text("OperationName", "Sign-in activity"),
        text("Category", category),
        text("AADTenantId", &house.installation.tenant_id),
        text("ResultType", &event.result_code.to_string()),
        text("ResultDescription", &event.result),
        text("AppId", &event.app_id),
        text("ResourceDisplayName", &event.resource),
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
    let second = event.methods.iter().any(|m| m == "mfa");
    let outside = event.methods.iter().any(|m| m == "fed");
    let passkey = event.methods.iter().any(|m| m == "fido");
    let requirement =
        if second { "multiFactorAuthentication" } else { "singleFactorAuthentication" };
    let status = json!({
        "errorCode": event.result_code,
        "failureReason": if event.result_code == 0 { "Other." } else { event.result.as_str() },
    });
    let details: Vec<serde_json::Value> = event
        .methods
        .iter()
        // a passkey is both factors in one step
        .filter(|method| !(passkey && *method == "mfa"))
        .map(|method| {
            json!({
                "authenticationStepDateTime": event.time.to_string(),
                "authenticationMethod": match method.as_str() {
                    "pwd" => "Password",
                    "mfa" => "OATH software token",
                    "fed" => "Federated",
                    "fido" => "FIDO2 security key",
                    other => other,
                },
                "succeeded": event.result_code == 0,
            })
        })
        .collect();
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
        text("ConditionalAccessStatus", "notApplied"),
        text("ResultSignature", if event.result_code == 0 { "SUCCESS" } else { "FAILURE" }),
        ("Status", dynamic(status)),
    ]);
    row
}
