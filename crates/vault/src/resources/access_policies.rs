//! `PUT .../vaults/{name}/accessPolicies/{add|replace|remove}`: changes to the policies of a vault.

use arm::{Answer, Arm, ArmError, Call, Page, Place, Provider};
use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::vaults::vault_of;

/// What policies may grant, by kind.
const PERMISSIONS: &[(&str, &[&str])] = &[
    ("secrets", &["all", "get", "list", "set", "delete", "backup", "restore", "recover", "purge"]),
    (
        "keys",
        &[
            "all",
            "encrypt",
            "decrypt",
            "wrapKey",
            "unwrapKey",
            "sign",
            "verify",
            "get",
            "list",
            "create",
            "update",
            "import",
            "delete",
            "backup",
            "restore",
            "recover",
            "purge",
            "release",
            "rotate",
            "getrotationpolicy",
            "setrotationpolicy",
        ],
    ),
    (
        "certificates",
        &[
            "all",
            "get",
            "list",
            "delete",
            "create",
            "import",
            "update",
            "managecontacts",
            "getissuers",
            "listissuers",
            "setissuers",
            "deleteissuers",
            "manageissuers",
            "recover",
            "purge",
            "backup",
            "restore",
        ],
    ),
    (
        "storage",
        &[
            "all",
            "get",
            "list",
            "delete",
            "set",
            "update",
            "regeneratekey",
            "recover",
            "purge",
            "backup",
            "restore",
            "setsas",
            "listsas",
            "getsas",
            "deletesas",
        ],
    ),
];

/// Checks policies and gives them in their stored form. One principal has one policy; what is wrong is told by its path.
pub(super) fn check_policies(value: &Value) -> Result<Value, String> {
    let mut checked: Vec<Value> = Vec::new();
    for (at, policy) in value.as_array().into_iter().flatten().enumerate() {
        let text = |name: &str| policy.get(name).and_then(Value::as_str).unwrap_or_default();
        let (tenant, object) = (text("tenantId"), text("objectId"));
        for (name, id) in [("tenantId", tenant), ("objectId", object)] {
            if uuid::Uuid::try_parse(id).is_err() {
                return Err(format!(
                    "properties.accessPolicies[{at}].{name}: '{id}' is no GUID; an access policy has a tenantId and an objectId, both GUIDs, and permissions"
                ));
            }
        }
        if !text("applicationId").is_empty() {
            return Err("policies for compound identities (applicationId) are not enforced here; leave applicationId out".into());
        }
        let mut permissions = Map::new();
        let sent = policy.get("permissions").and_then(Value::as_object);
        for (kind, known) in PERMISSIONS {
            let list = sent.and_then(|s| s.get(*kind)).and_then(Value::as_array);
            let mut granted: Vec<&str> = Vec::new();
            for word in list.into_iter().flatten().filter_map(Value::as_str) {
                let name = known.iter().find(|k| k.eq_ignore_ascii_case(word));
                let name = name.ok_or_else(|| format!("'{word}' is no permission for {kind}"))?;
                if !granted.contains(name) {
                    granted.push(name);
                }
            }
            if list.is_some() {
                permissions.insert((*kind).to_owned(), json!(granted));
            }
        }
        let policy = json!({ "tenantId": tenant, "objectId": object, "permissions": permissions });
        if let Some(first) = checked.iter().position(|p| same_principal(p, &policy)) {
            return Err(format!(
                "properties.accessPolicies[{at}].objectId: '{object}' has a policy already at [{first}]; give one policy for each principal"
            ));
        }
        checked.push(policy);
    }
    Ok(Value::Array(checked))
}

fn same_principal(a: &Value, b: &Value) -> bool {
    let text = |v: &Value, n: &str| {
        v.get(n).and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase()
    };
    ["tenantId", "objectId"].iter().all(|name| text(a, name) == text(b, name))
}

/// The actions.
pub(super) struct AccessPolicies;

#[async_trait]
impl Provider for AccessPolicies {
    async fn get(
        &self,
        _arm: &Arm,
        _call: &Call,
        _place: &Place,
    ) -> Result<Option<Value>, ArmError> {
        Ok(None) // policies are read with their vault
    }

    async fn list(&self, _arm: &Arm, _call: &Call, _scope: &Place) -> Result<Page, ArmError> {
        Err(ArmError::method_not_allowed("GET"))
    }

    async fn put(&self, arm: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let id = vault_of(place).ok_or_else(|| ArmError::not_found(&place.id))?;
        let document = arm.document(&id)?.ok_or_else(|| ArmError::not_found(&id))?;
        let bad = |why: String| ArmError::bad_request("BadRequest", why);
        let sent = call.body.pointer("/properties/accessPolicies").cloned().unwrap_or_default();
        let sent = check_policies(&sent).map_err(bad)?;
        let sent = sent.as_array().cloned().unwrap_or_default();
        let stored = document.value.pointer("/properties/accessPolicies");
        let stored = stored.and_then(Value::as_array).cloned().unwrap_or_default();
        let policies = match place.id.name().to_ascii_lowercase().as_str() {
            "replace" => sent,
            "add" => sent.into_iter().fold(stored, add),
            "remove" => sent.into_iter().fold(stored, remove),
            other => {
                return Err(bad(format!("'{other}' is no operation; use add, replace or remove")));
            }
        };
        let body = json!({ "properties": { "accessPolicies": policies } });
        let patch =
            Call { id: id.clone(), body, if_match: None, if_none_match: None, ..call.clone() };
        let vault = arm.patch(&patch).await?.value();
        Ok(Answer::ok(json!({
            "id": format!("{id}/accessPolicies/"),
            "type": super::ACCESS_POLICIES,
            "location": vault.get("location"),
            "properties": { "accessPolicies": vault.pointer("/properties/accessPolicies") },
        })))
    }
}

/// Grants what is sent beside what is there.
fn add(mut policies: Vec<Value>, sent: Value) -> Vec<Value> {
    match policies.iter_mut().find(|p| same_principal(p, &sent)) {
        None => policies.push(sent),
        Some(policy) => {
            for (kind, _) in PERMISSIONS {
                let Some(words) = sent["permissions"].get(*kind).and_then(Value::as_array) else {
                    continue;
                };
                let place = &mut policy["permissions"][*kind];
                let mut all = place.as_array().cloned().unwrap_or_default();
                all.extend(words.iter().filter(|w| !all.contains(w)).cloned().collect::<Vec<_>>());
                *place = Value::Array(all);
            }
        }
    }
    policies
}

/// Takes away what is sent; a policy that grants nothing goes.
fn remove(mut policies: Vec<Value>, sent: Value) -> Vec<Value> {
    if let Some(policy) = policies.iter_mut().find(|p| same_principal(p, &sent)) {
        for (kind, _) in PERMISSIONS {
            let Some(words) = sent["permissions"].get(*kind).and_then(Value::as_array) else {
                continue;
            };
            if let Some(Value::Array(granted)) = policy["permissions"].get_mut(*kind) {
                granted.retain(|word| !words.contains(word));
            }
        }
    }
    policies.retain(|policy| {
        let permissions = policy["permissions"].as_object();
        permissions.is_some_and(|p| p.values().any(|l| l.as_array().is_some_and(|l| !l.is_empty())))
    });
    policies
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const T: &str = "11111111-2222-3333-4444-555555555555";
    const A: &str = "aaaaaaaa-2222-3333-4444-555555555555";

    fn policy(object: &str, permissions: Value) -> Value {
        json!({ "tenantId": T, "objectId": object, "permissions": permissions })
    }

    #[test]
    fn policies_are_checked_and_one_for_each_principal() {
        let two = json!([
            policy(A, json!({ "secrets": ["GET", "get", "List"] })),
            policy(T, json!({ "keys": ["wrapkey"] })),
        ]);
        let stored = json!([
            policy(A, json!({ "secrets": ["get", "list"] })),
            policy(T, json!({ "keys": ["wrapKey"] })),
        ]);
        assert_eq!(check_policies(&two).unwrap(), stored);
        let none = json!({});
        for (bad, says) in [
            (json!([policy(A, json!({ "secrets": ["sing"] }))]), "'sing' is no permission"),
            (json!([{ "tenantId": "x", "objectId": A, "permissions": {} }]), "[0].tenantId: 'x'"),
            (json!([{ "tenantId": T, "permissions": {} }]), "[0].objectId: ''"),
            (json!([policy(T, none.clone()), policy("bob", none.clone())]), "[1].objectId: 'bob'"),
            (
                json!([policy(A, none.clone()), policy(&A.to_uppercase(), none)]),
                "has a policy already at [0]",
            ),
            (
                json!([{ "tenantId": T, "objectId": A, "applicationId": T, "permissions": {} }]),
                "applicationId",
            ),
        ] {
            let why = check_policies(&bad).unwrap_err();
            assert!(why.contains(says), "{bad}: {why}");
        }
    }

    #[test]
    fn adding_and_removing_permissions() {
        let stored = vec![policy("a", json!({ "secrets": ["get"] }))];
        let more = add(stored, policy("a", json!({ "secrets": ["get", "set"], "keys": ["sign"] })));
        assert_eq!(more, [policy("a", json!({ "secrets": ["get", "set"], "keys": ["sign"] }))]);
        let less = remove(more, policy("a", json!({ "secrets": ["get", "set"] })));
        assert_eq!(less, [policy("a", json!({ "secrets": [], "keys": ["sign"] }))]);
        assert!(remove(less, policy("a", json!({ "keys": ["sign"] }))).is_empty());
    }
}
