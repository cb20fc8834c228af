//! Who may do what in a vault: the right that each route asks for, by roles, by access policies, and under seal.

use serde_json::{Value, json};

use crate::vault_house::{RESOURCE, V, vault};

/// Method, path, body, the role that has just this right, and the access policy that has.
const RIGHTS: &[(&str, &str, &str, &str, &str)] = &[
    ("GET", "/secrets", "", READER, "secrets list"),
    ("PUT", "/secrets/s", r#"{"value":"v"}"#, SECRETS_OFFICER, "secrets set"),
    ("GET", "/secrets/s", "", SECRETS_USER, "secrets get"),
    ("GET", "/secrets/s/versions", "", SECRETS_USER, "secrets list"),
    ("PATCH", "/secrets/s", "{}", SECRETS_OFFICER, "secrets set"),
    ("POST", "/secrets/s/backup", "", SECRETS_OFFICER, "secrets backup"),
    ("POST", "/secrets/restore", r#"{"value":"x"}"#, SECRETS_OFFICER, "secrets restore"),
    ("DELETE", "/secrets/s", "", SECRETS_OFFICER, "secrets delete"),
    ("GET", "/deletedsecrets", "", READER, "secrets list"),
    ("GET", "/deletedsecrets/s", "", READER, "secrets get"),
    ("POST", "/deletedsecrets/s/recover", "", SECRETS_OFFICER, "secrets recover"),
    ("DELETE", "/deletedsecrets/x", "", SECRETS_OFFICER, "secrets purge"),
    ("GET", "/keys", "", READER, "keys list"),
    ("POST", "/keys/k/create", r#"{"kty":"oct"}"#, CRYPTO_OFFICER, "keys create"),
    (
        "PUT",
        "/keys/i",
        r#"{"key":{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAA"}}"#,
        CRYPTO_OFFICER,
        "keys import",
    ),
    ("POST", "/keys/k/rotate", "", CRYPTO_OFFICER, "keys rotate"),
    ("GET", "/keys/k", "", CRYPTO_USER, "keys get"),
    ("GET", "/keys/k/versions", "", CRYPTO_USER, "keys list"),
    ("PATCH", "/keys/k", "{}", CRYPTO_USER, "keys update"),
    ("GET", "/keys/k/rotationpolicy", "", READER, "keys getrotationpolicy"),
    ("PUT", "/keys/k/rotationpolicy", "{}", CRYPTO_OFFICER, "keys setrotationpolicy"),
    ("POST", "/keys/k/encrypt", r#"{"alg":"A256GCM","value":"AA"}"#, CRYPTO_USER, "keys encrypt"),
    ("POST", "/keys/k/decrypt", r#"{"alg":"A256GCM","value":"AA"}"#, CRYPTO_USER, "keys decrypt"),
    ("POST", "/keys/k/sign", r#"{"alg":"HS256","value":"AA"}"#, CRYPTO_USER, "keys sign"),
    (
        "POST",
        "/keys/k/verify",
        r#"{"alg":"HS256","value":"AA","digest":"AA"}"#,
        CRYPTO_USER,
        "keys verify",
    ),
    (
        "POST",
        "/keys/k/wrapkey",
        r#"{"alg":"A256KW","value":"AAAAAAAAAAAAAAAAAAAAAA"}"#,
        SERVICE_USER,
        "keys wrapKey",
    ),
    (
        "POST",
        "/keys/k/unwrapkey",
        r#"{"alg":"A256KW","value":"AAAA"}"#,
        SERVICE_USER,
        "keys unwrapKey",
    ),
    ("POST", "/keys/k/release", r#"{"target":"x"}"#, RELEASE_USER, "keys release"),
    ("GET", "/keys/k/attestation", "", READER, "keys get"),
    ("POST", "/keys/k/backup", "", CRYPTO_USER, "keys backup"),
    ("POST", "/keys/restore", r#"{"value":"x"}"#, CRYPTO_OFFICER, "keys restore"),
    ("POST", "/rng", r#"{"count":1}"#, CRYPTO_OFFICER, "keys get"),
    ("DELETE", "/keys/k", "", CRYPTO_OFFICER, "keys delete"),
    ("GET", "/deletedkeys", "", READER, "keys list"),
    ("GET", "/deletedkeys/k", "", READER, "keys get"),
    ("POST", "/deletedkeys/k/recover", "", CRYPTO_OFFICER, "keys recover"),
    ("DELETE", "/deletedkeys/x", "", CRYPTO_OFFICER, "keys purge"),
];

const READER: &str = "21090545-7ca7-4776-b22c-e363652d74d2";
const SECRETS_OFFICER: &str = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7";
const SECRETS_USER: &str = "4633458b-17de-408a-b874-0445c86b69e6";
const CRYPTO_OFFICER: &str = "14b46e9e-c2b7-41b4-b07b-48a6ebf60603";
const CRYPTO_USER: &str = "12338af0-0e69-4776-bea7-57ae8d297424";
const SERVICE_USER: &str = "e147488a-f6f5-4113-8e2d-b22465e65bf6";
const RELEASE_USER: &str = "08bbd89e-9f13-488c-ac41-acfcb10c90ab";
const CONTRIBUTOR: &str = "b24988ac-6180-42a0-ab88-20f7382dd24c";

const DEFAULT_VAULT: &str = "{group}/providers/Microsoft.KeyVault/vaults/default";

fn body(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { serde_json::from_str(text).unwrap() }
}

fn with_version(path: &str) -> String {
    format!("{path}?{V}")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_asks_for_a_token_and_for_its_own_right() {
    let v = vault().await;
    let scope = v.house.path(DEFAULT_VAULT);
    // everything over the resource, nothing inside the vault
    let outside = v.house.principal(CONTRIBUTOR, &scope, RESOURCE).await;
    let mut tokens = std::collections::BTreeMap::new();
    for role in [
        READER,
        SECRETS_OFFICER,
        SECRETS_USER,
        CRYPTO_OFFICER,
        CRYPTO_USER,
        SERVICE_USER,
        RELEASE_USER,
    ] {
        tokens.insert(role, v.house.principal(role, &scope, RESOURCE).await);
    }
    v.good("PUT", "/secrets/s", json!({ "value": "v" })).await;
    v.good("POST", "/keys/k/create", json!({ "kty": "oct" })).await;
    for (method, path, text, role, _) in RIGHTS {
        let path = &with_version(path);
        let nobody = v.house.call(method, path, "", body(text)).await;
        assert_eq!(nobody.status, 401, "{method} {path}");
        assert!(nobody.header("www-authenticate").starts_with("Bearer authorization="));
        let told = v.house.call(method, path, &outside, body(text)).await;
        let error = told.json()["error"].clone();
        assert_eq!(
            (told.status, &error["innererror"]["code"]),
            (403, &json!("ForbiddenByRbac")),
            "{method} {path}"
        );
        assert!(error["message"].as_str().unwrap().contains("Action: 'Microsoft.KeyVault/vaults/"));
        let good = v.house.call(method, path, &tokens[role], body(text)).await;
        assert!(
            ![401, 403, 405].contains(&good.status),
            "{method} {path}: {} {}",
            good.status,
            String::from_utf8_lossy(&good.bytes)
        );
        // a reader sees, and changes nothing
        if *role == SECRETS_OFFICER || *role == CRYPTO_OFFICER {
            let told = v.house.call(method, path, &tokens[READER], body(text)).await;
            assert_eq!(told.status, 403, "{method} {path} by a reader");
        }
        let is_secret = path.contains("secret");
        let stranger = if is_secret { CRYPTO_OFFICER } else { SECRETS_OFFICER };
        let told = v.house.call(method, path, &tokens[stranger], body(text)).await;
        assert_eq!(told.status, 403, "{method} {path} by an officer of the other kind");
    }
    // a role at one secret reaches that secret alone
    v.good("PUT", "/secrets/other", json!({ "value": "v" })).await;
    let one = v.house.principal(SECRETS_USER, &format!("{scope}/secrets/s"), RESOURCE).await;
    for (path, status) in [("/secrets/s", 200), ("/secrets/other", 403), ("/secrets", 403)] {
        assert_eq!(
            v.house.call("GET", &with_version(path), &one, Value::Null).await.status,
            status,
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn access_policies_decide_where_roles_do_not() {
    let v = vault().await;
    let path = "{group}/providers/Microsoft.KeyVault/vaults/policies";
    let tenant = v.house.admin.tenant_id.clone();
    let made = v
        .manage(
            "PUT",
            path,
            json!({ "location": "local", "properties": {
        "tenantId": tenant, "sku": { "family": "A", "name": "standard" }, "accessPolicies": [],
    } }),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.json());
    assert_eq!(made.json()["properties"]["vaultUri"], "https://policies.vault.localhost:8443/");
    let host = "policies.vault.localhost:8443";
    for (method, path, text, _, permission) in RIGHTS {
        let path = &with_version(path);
        let refused = v.on_host(host, method, path, &v.token, body(text)).await;
        assert_eq!(refused.status, 403, "{method} {path}");
        assert_eq!(refused.json()["error"]["innererror"]["code"], "ForbiddenByPolicy");
        let (kind, word) = permission.split_once(' ').unwrap();
        let policy = json!({ "properties": { "accessPolicies": [{
            "tenantId": tenant, "objectId": v.house.admin.object_id, "permissions": { kind: [word] },
        }] } });
        let policies = "{group}/providers/Microsoft.KeyVault/vaults/policies/accessPolicies";
        let told = v.manage("PUT", &format!("{policies}/add"), policy.clone()).await;
        assert_eq!(told.status, 200, "{}", told.json());
        let told = v.on_host(host, method, path, &v.token, body(text)).await;
        assert!(
            ![401, 403, 405].contains(&told.status),
            "{method} {path}: {} {}",
            told.status,
            String::from_utf8_lossy(&told.bytes)
        );
        v.manage("PUT", &format!("{policies}/remove"), policy).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_decides_in_a_vault_is_changed_by_those_alone_who_assign_roles() {
    const USER_ACCESS_ADMINISTRATOR: &str = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9";
    let v = vault().await;
    let tenant = v.house.admin.tenant_id.clone();
    let scope = v.house.path("{group}");
    let contributor = v.house.principal(CONTRIBUTOR, &scope, crate::house::ORIGIN).await;
    let assigner = v.house.principal(USER_ACCESS_ADMINISTRATOR, &scope, crate::house::ORIGIN).await;
    let policies = "{group}/providers/Microsoft.KeyVault/vaults/policies";
    let properties = |role_based: bool| {
        json!({ "properties": { "enableRbacAuthorization": role_based, "accessPolicies": [{
            "tenantId": tenant, "objectId": tenant, "permissions": { "secrets": ["get"] },
        }] } })
    };
    let whole = |role_based: bool| {
        let mut body = properties(role_based);
        body["location"] = json!("local");
        body["properties"]["tenantId"] = json!(tenant);
        body
    };
    let call = async |method: &str, path: &str, token: &str, body: Value| {
        let at = format!("{path}?api-version=2023-07-01");
        let told = v.house.call(method, &at, token, body).await;
        let code = if told.status < 300 { String::new() } else { told.code() };
        (told.status, code)
    };
    let refused = (400, "InsufficientPermissions".to_owned());
    let good = (200, String::new());
    assert_eq!(call("PUT", policies, &contributor, whole(false)).await.0, 201, "one's own to make");
    for (method, path, token, body, expected) in [
        ("PATCH", DEFAULT_VAULT, &contributor, properties(false), &refused),
        ("PUT", DEFAULT_VAULT, &contributor, whole(false), &refused),
        ("PATCH", policies, &contributor, properties(true), &refused),
        ("PATCH", DEFAULT_VAULT, &contributor, properties(true), &good),
        ("PUT", DEFAULT_VAULT, &contributor, whole(true), &good),
        ("PATCH", policies, &contributor, properties(false), &good),
    ] {
        assert_eq!(
            &call(method, path, token, body.clone()).await,
            expected,
            "{method} {path} {body}"
        );
    }
    let told = call("PATCH", policies, &assigner, properties(true)).await;
    assert_eq!(told.0, 403, "whoever assigns roles alone does not write vaults");
    let admin = v.house.admin_token().await;
    assert_eq!(call("PATCH", policies, &admin, properties(true)).await, good);
    assert_eq!(call("PATCH", DEFAULT_VAULT, &admin, properties(false)).await, good);
    let path = format!("{policies}?api-version=2023-07-01");
    let message = v.house.call("PATCH", &path, &contributor, properties(false)).await.json();
    let message = message["error"]["message"].as_str().unwrap();
    assert!(message.contains("action=Microsoft.Authorization/roleAssignments/write"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_policy_of_a_group_is_its_members() {
    let v = vault().await;
    let graph = v.house.admin_token().await;
    let group = async |name: &str| {
        let body = json!({
            "displayName": name, "mailNickname": name, "mailEnabled": false, "securityEnabled": true,
        });
        let told = v.house.call("POST", "/v1.0/groups", &graph, body).await;
        told.json()["id"].as_str().unwrap().to_owned()
    };
    let (outer, inner) = (group("outer").await, group("inner").await);
    let host = "grouped.vault.localhost:8443";
    let made = v
        .manage(
            "PUT",
            "{group}/providers/Microsoft.KeyVault/vaults/grouped",
            json!({ "location": "local", "properties": {
                "tenantId": v.house.admin.tenant_id, "enableRbacAuthorization": false,
                "accessPolicies": [{
                    "tenantId": v.house.admin.tenant_id, "objectId": outer,
                    "permissions": { "secrets": ["set"] },
                }],
            } }),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.json());
    let path = "/secrets/s?api-version=7.4";
    let set = async || v.on_host(host, "PUT", path, &v.token, json!({ "value": "x" })).await.status;
    assert_eq!(set().await, 403, "in no group");
    for (group, member) in [(&outer, &inner), (&inner, &v.house.admin.object_id)] {
        let member = json!({ "@odata.id": format!("https://localhost:8443/v1.0/directoryObjects/{member}") });
        let members = format!("/v1.0/groups/{group}/members/$ref");
        assert_eq!(v.house.call("POST", &members, &graph, member).await.status, 204);
    }
    assert_eq!(set().await, 200, "through a group in the group, at once");
    let told = v.on_host(host, "GET", path, &v.token, Value::Null).await;
    assert_eq!(told.status, 403, "not more than the policy gives");
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_means_that_only_status_and_unseal_answer() {
    let v = vault().await;
    let admin = v.house.admin_token().await;
    v.good("PUT", "/secrets/s", json!({ "value": "x" })).await;
    let seal = |word: &'static str, body: Value| {
        let (house, admin) = (&v.house, admin.clone());
        async move {
            let method = if word == "status" { "GET" } else { "POST" };
            house.call(method, &format!("/vault/{word}"), &admin, body).await
        }
    };
    assert_eq!(seal("status", Value::Null).await.json()["sealed"], false);
    assert_eq!(seal("seal", Value::Null).await.json()["sealed"], true);
    for (method, path, text, ..) in RIGHTS {
        let told = v.ask(method, path, body(text)).await;
        assert_eq!((told.status, told.code().as_str()), (503, "VaultSealed"), "{method} {path}");
        assert!(!told.header("retry-after").is_empty());
    }
    for word in ["rekey", "rotate-root"] {
        assert_eq!(
            seal(word, json!({ "seals": [{ "kind": "keyFile" }] })).await.status,
            503,
            "{word}"
        );
    }
    assert_eq!(seal("status", Value::Null).await.status, 200);
    let wrong = json!({ "passphrase": "wrong" });
    assert_eq!(seal("unseal", wrong).await.status, 403);
    assert_eq!(seal("unseal", json!({})).await.json()["sealed"], false);
    assert_eq!(v.good("GET", "/secrets/s", Value::Null).await["value"], "x");
    let told =
        seal("rekey", json!({ "seals": [{ "kind": "shamir", "threshold": 2, "count": 3 }] }))
            .await
            .json();
    assert_eq!(told["shares"].as_array().unwrap().len(), 3);
    assert_eq!(seal("rotate-root", Value::Null).await.json()["rootGeneration"], 2);
    seal("seal", Value::Null).await;
    for (at, open) in [(0, false), (2, true)] {
        let told = seal("unseal", json!({ "share": told["shares"][at] })).await.json();
        assert_eq!(told["sealed"], !open, "{told}");
    }
    assert_eq!(v.good("GET", "/secrets/s", Value::Null).await["value"], "x");
    for token in ["", v.token.as_str()] {
        assert_eq!(v.house.call("GET", "/vault/status", token, Value::Null).await.status, 401);
    }
    for role in [
        "acdd72a7-3385-48ef-bd42-f606fba81ae7", // Reader
        "b24988ac-6180-42a0-ab88-20f7382dd24c", // Contributor
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", // User Access Administrator
    ] {
        let other = v.house.principal(role, "{sub}", crate::house::ORIGIN).await;
        for word in ["status", "seal", "unseal", "rekey", "rotate-root", "verify-audit"] {
            let method = if word == "status" { "GET" } else { "POST" };
            let told = v.house.call(method, &format!("/vault/{word}"), &other, json!({})).await;
            assert_eq!(told.status, 403, "{word} by {role}");
        }
    }
}
