//! Vaults as resources: made, reached by host, closed to networks, deleted, recovered, purged.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::vault_house::vault;

#[tokio::test(flavor = "multi_thread")]
async fn who_decides_in_a_vault_stays_until_it_is_told_otherwise() {
    let v = vault().await;
    let admin = v.house.admin_token().await;
    let path = "{group}/providers/Microsoft.KeyVault/vaults/stays";
    // api-version, what is sent, what it is then
    for (version, sent, then) in [
        ("2023-07-01", Value::Null, false), // as it is made
        ("2026-02-01", Value::Null, false),
        ("2026-02-01", json!(true), true),
        ("2023-07-01", Value::Null, true),
        ("2023-07-01", json!(false), false),
    ] {
        let mut properties = json!({ "tenantId": v.house.admin.tenant_id, "accessPolicies": [] });
        if !sent.is_null() {
            properties["enableRbacAuthorization"] = sent.clone();
        }
        let body = json!({ "location": "local", "properties": properties });
        let told = v
            .house
            .call("PUT", &format!("{path}?api-version={version}"), &admin, body)
            .await
            .json();
        assert_eq!(told["properties"]["enableRbacAuthorization"], then, "{version} {sent}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_about_a_vault_are_in_its_audit_log() {
    let v = vault().await;
    let path = "{group}/providers/Microsoft.KeyVault/vaults/told";
    let body = |more: Value| {
        let mut properties = json!({ "tenantId": v.house.admin.tenant_id, "accessPolicies": [] });
        properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "location": "local", "properties": properties })
    };
    let deleted = "{sub}/providers/Microsoft.KeyVault/locations/local/deletedVaults/told";
    let policies = json!({ "properties": { "accessPolicies": [] } });
    let purge = format!("{deleted}/purge");
    let add = format!("{path}/accessPolicies/add");
    // what is called, its status, the row's operation
    let calls: [(&str, &str, Value, u16, &str); 12] = [
        ("PUT", path, body(json!({})), 201, "VaultPut"),
        ("PUT", path, body(json!({ "softDeleteRetentionInDays": 3 })), 400, "VaultPut"),
        ("GET", path, Value::Null, 200, "VaultGet"),
        ("PATCH", path, json!({ "tags": { "a": "b" } }), 200, "VaultPatch"),
        ("PUT", &add, policies, 200, "VaultPatch"),
        ("DELETE", path, Value::Null, 200, "VaultDelete"),
        ("GET", path, Value::Null, 404, "VaultGet"),
        ("GET", deleted, Value::Null, 200, "VaultGetDeleted"),
        ("PUT", path, body(json!({ "createMode": "recover" })), 201, "VaultRecover"),
        ("DELETE", path, Value::Null, 200, "VaultDelete"),
        ("POST", &purge, Value::Null, 200, "VaultPurge"),
        ("GET", "{group}/providers/Microsoft.KeyVault/vaults", Value::Null, 200, ""),
    ];
    for (method, path, body, status, _) in &calls {
        let told = v.manage(method, path, body.clone()).await;
        assert!(
            told.status == *status || (*status < 300 && told.status < 300),
            "{method} {path}: {} {}",
            told.status,
            told.json()
        );
    }
    v.house.house.vault_audit.settle().await.unwrap();
    let rows = v.house.tables.appended("AzureDiagnostics");
    let column = |name: &str| -> Vec<String> {
        let cells = rows.iter().flat_map(|r| (0..r.len()).map(|row| r.get(row, name).unwrap()));
        cells.map(|cell| cell.to_string().trim_matches('"').to_owned()).collect()
    };
    let wanted: Vec<&str> = calls.iter().map(|call| call.4).filter(|o| !o.is_empty()).collect();
    assert_eq!(column("OperationName"), wanted);
    assert!(column("Resource").iter().all(|name| name == "TOLD"));
    assert_eq!(column("ResultSignature")[1], "Bad Request");
    assert!(column("ResultDescription")[1].contains("softDeleteRetentionInDays"));
    assert!(column("SubscriptionId").iter().all(|id| id.len() == 36));
    assert!(column("identity_claim_oid_g").iter().all(|id| *id == v.house.admin.object_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_one_vault_and_never_another() {
    let v = vault().await;
    let path = "{group}/providers/Microsoft.KeyVault/vaults/named";
    let properties =
        json!({ "tenantId": v.house.admin.tenant_id, "enableRbacAuthorization": true });
    let body = json!({ "location": "local", "properties": properties });
    assert_eq!(v.manage("PUT", path, body).await.status, 201);
    // host, and the vault that it is: origin of the ids, none for no vault
    for (host, origin) in [
        ("named.vault.localhost:8443", Some("https://named.vault.localhost:8443")),
        ("NAMED.vault.localhost.:8443", Some("https://named.vault.localhost:8443")),
        ("named.vault.localhost.", Some("https://named.vault.localhost")),
        ("localhost:8443", Some("https://localhost:8443")),
        ("localhost.:8443", Some("https://localhost:8443")),
        ("127.0.0.1:9000", Some("https://127.0.0.1:9000")),
        ("[::1]:8443", Some("https://[::1]:8443")),
        ("10.0.0.7:8443", Some("https://localhost:8443")),
        ("box.example", Some("https://box.example")),
        ("other.vault.localhost:8443", None),
        ("x.named.vault.localhost:8443", None),
        ("no_such.vault.localhost:8443", None),
        ("named.vault.localhost..:8443", None),
        ("named.vault.localhost:x", None),
        ("named.vault.azure.net", None),
        (".vault.localhost", None),
        ("evil.example:8443", None),
    ] {
        let at = "/secrets/s?api-version=7.4";
        let told = v.on_host(host, "PUT", at, &v.token, json!({ "value": "x" })).await;
        let refused = v.on_host(host, "PUT", at, "", Value::Null).await;
        assert_eq!(refused.status, 401, "{host}: whoever it is, a token first");
        let Some(origin) = origin else {
            assert_eq!((told.status, told.code().as_str()), (404, "VaultNotFound"), "{host}");
            continue;
        };
        assert_eq!(told.status, 200, "{host}: {}", told.json());
        let id = told.json()["id"].as_str().unwrap().to_owned();
        assert!(id.starts_with(&format!("{origin}/secrets/s/")), "{host}: {id}");
        let in_default = !origin.contains(".vault.");
        let list = v.good("GET", "/secrets/s/versions", Value::Null).await;
        let ids = list["value"].as_array().into_iter().flatten();
        let version = id.rsplit('/').next().unwrap();
        let found = ids.filter(|i| i["id"].as_str().unwrap().ends_with(version)).count();
        assert_eq!(found, usize::from(in_default), "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_for_all_vaults_or_for_none() {
    let v = vault().await;
    let (id, secret) = (&v.house.admin.client_id, v.house.admin.client_secret.expose());
    for resource in ["https://vault.azure.net", "https://vault.localhost:8443"] {
        let token = v.house.token_of(id, secret, resource).await;
        let told = v.house.call("GET", "/secrets?api-version=7.4", &token, Value::Null).await;
        assert_eq!(told.status, 200, "{resource}");
    }
    for resource in ["https://other.vault.localhost:8443", "https://default.vault.localhost:8443"] {
        let told = v.house.ask_token(id, secret, resource).await;
        assert_eq!((told.status, told.code().as_str()), (400, "invalid_resource"), "{resource}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_vault_is_found_where_it_was() {
    let v = vault().await;
    let path = "{group}/providers/Microsoft.KeyVault/vaults/western";
    let properties = json!({ "tenantId": v.house.admin.tenant_id, "accessPolicies": [] });
    let body = json!({ "location": "West Europe", "properties": properties });
    assert_eq!(v.manage("PUT", path, body).await.status, 201);
    assert_eq!(v.manage("DELETE", path, Value::Null).await.status, 200);
    let at = |location: &str| {
        format!("{{sub}}/providers/Microsoft.KeyVault/locations/{location}/deletedVaults/western")
    };
    for location in ["westeurope", "WestEurope", "local"] {
        let told = v.manage("GET", &at(location), Value::Null).await;
        assert_eq!(told.status, 200, "{location}");
        let told = told.json();
        assert_eq!(told["properties"]["location"], "westeurope");
        let id = told["id"].as_str().unwrap();
        assert!(id.ends_with("/locations/westeurope/deletedVaults/western"), "{id}");
    }
    let purge = format!("{}/purge", at("westeurope"));
    assert_eq!(v.manage("POST", &purge, Value::Null).await.status, 200);
    for (method, path) in [("GET", at("westeurope")), ("POST", purge)] {
        let told = v.manage(method, &path, Value::Null).await;
        assert_eq!((told.status, told.code().as_str()), (404, "DeletedVaultNotFound"), "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vaults_are_resources() {
    let v = vault().await;
    let path = "{group}/providers/Microsoft.KeyVault/vaults/Second";
    let tenant = v.house.admin.tenant_id.clone();
    let properties = json!({ "tenantId": tenant, "enableRbacAuthorization": true, "softDeleteRetentionInDays": 7 });
    let body = json!({ "location": "local", "tags": { "a": "b" }, "properties": properties });
    let made = v.manage("PUT", path, body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.json());
    let host = "second.vault.localhost:8443";
    let secret = "/secrets/s?api-version=7.4";
    let told = v.on_host(host, "PUT", secret, &v.token, json!({ "value": "kept" })).await;
    assert_eq!(told.json()["attributes"]["recoveryLevel"], "CustomizedRecoverable+Purgeable");
    assert!(
        told.json()["id"]
            .as_str()
            .unwrap()
            .starts_with("https://second.vault.localhost:8443/secrets/s/")
    );
    let challenge = v.on_host(host, "GET", secret, "", Value::Null).await;
    let tenant_url = format!("https://localhost:8443/{tenant}");
    assert!(challenge.header("www-authenticate").contains(&tenant_url));
    assert_eq!(v.ask("GET", "/secrets/s", Value::Null).await.status, 404, "another vault's");
    assert_eq!(
        v.on_host("third.vault.localhost", "GET", secret, &v.token, Value::Null).await.status,
        404
    );

    // a backup of one vault goes into another, and nowhere else
    let backup = v
        .on_host(host, "POST", "/secrets/s/backup?api-version=7.4", &v.token, Value::Null)
        .await
        .json();
    assert!(
        !String::from_utf8_lossy(
            &URL_SAFE_NO_PAD.decode(backup["value"].as_str().unwrap()).unwrap()
        )
        .contains("kept")
    );
    assert_eq!(
        v.good("POST", "/secrets/restore", backup).await["id"].as_str().unwrap().split('/').nth(2),
        Some("localhost:8443")
    );
    assert_eq!(v.good("GET", "/secrets/s", Value::Null).await["value"], "kept");

    // network rules
    let acls = |action: &str, range: &str| {
        json!({ "properties": { "networkAcls": {
        "defaultAction": action, "ipRules": [{ "value": range }],
    } } })
    };
    assert_eq!(v.manage("PATCH", path, acls("Deny", "10.0.0.0/8")).await.status, 200);
    let refused = v.on_host(host, "GET", secret, &v.token, Value::Null).await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["innererror"]["code"]),
        (403, &json!("ForbiddenByFirewall"))
    );
    assert_eq!(v.manage("PATCH", path, acls("Deny", "127.0.0.0/8")).await.status, 200);
    for (sent, kept) in
        [("127.0.0.1", "127.0.0.1/32"), ("::1", "::1/128"), ("127.0.0.0/8", "127.0.0.0/8")]
    {
        let told = v.manage("PATCH", path, acls("Deny", sent)).await.json();
        assert_eq!(told["properties"]["networkAcls"]["ipRules"], json!([{ "value": kept }]));
    }
    assert_eq!(v.on_host(host, "GET", secret, &v.token, Value::Null).await.status, 200);
    assert_eq!(v.manage("PATCH", path, acls("Maybe", "x")).await.status, 400);

    // names are read without case; a slip in them would leave the vault open
    let cased = json!({ "Properties": { "NetworkAcls": {
        "Bypass": "None", "DefaultAction": "Deny", "IpRules": [{ "value": "10.0.0.0/8" }],
    } } });
    let told = v.manage("PATCH", path, cased).await;
    assert_eq!(
        (told.status, &told.json()["properties"]["networkAcls"]["bypass"]),
        (200, &json!("None"))
    );
    assert_eq!(v.on_host(host, "GET", secret, &v.token, Value::Null).await.status, 403);
    let open = json!({ "properties": { "PublicNetworkAccess": "Enabled", "networkacls": { "defaultAction": "Allow" } } });
    let told = v.manage("PATCH", path, open).await;
    assert_eq!(told.status, 200);
    assert!(told.json()["properties"].get("PublicNetworkAccess").is_none());
    assert_eq!(v.on_host(host, "GET", secret, &v.token, Value::Null).await.status, 200);
    let twice = json!({ "properties": { "publicNetworkAccess": "Enabled", "PublicNetworkAccess": "Disabled" } });
    assert_eq!(v.manage("PATCH", path, twice).await.status, 400);

    // templates say recover of vaults that stand: those stay as they are
    let before = v.manage("GET", path, Value::Null).await.json();
    let again = json!({ "location": "local", "properties": {
        "tenantId": tenant, "sku": { "family": "A", "name": "standard" }, "createMode": "recover",
    } });
    let told = v.manage("PUT", path, again).await;
    assert_eq!(told.status, 200, "{}", told.json());
    assert_eq!(
        (&told.json()["properties"], &told.json()["tags"]),
        (&before["properties"], &before["tags"])
    );
    let odd =
        json!({ "location": "local", "properties": { "tenantId": tenant, "createMode": "other" } });
    assert_eq!(v.manage("PUT", path, odd).await.status, 400);

    // what a vault cannot be
    let policy = |object: &str| json!({ "tenantId": tenant, "objectId": object, "permissions": { "keys": ["get"] } });
    let (me, other) = (&v.house.admin.object_id, "11111111-2222-3333-4444-555555555555");
    let mut unprotected = properties.clone();
    unprotected["enablePurgeProtection"] = json!(false);
    let mut foreign = properties.clone();
    foreign["tenantId"] = json!(other);
    let new = "{group}/providers/Microsoft.KeyVault/vaults/third";
    let protection = "The property \"enablePurgeProtection\" cannot be set to false. Enabling the purge protection for a vault is an irreversible action.";
    let served = format!("properties.tenantId is '{tenant}'");
    for (method, path, properties, says) in [
        ("PUT", new, unprotected, protection),
        ("PUT", new, foreign, served.as_str()),
        ("PATCH", path, json!({ "enablePurgeProtection": false }), protection),
        ("PATCH", path, json!({ "tenantId": other }), &served),
        (
            "PATCH",
            path,
            json!({ "accessPolicies": [policy(me), policy("bob")] }),
            "[1].objectId: 'bob'",
        ),
        ("PATCH", path, json!({ "accessPolicies": [policy(me), policy(me)] }), "already at [0]"),
    ] {
        let body = json!({ "location": "local", "properties": properties });
        let told = v.manage(method, path, body).await;
        assert_eq!((told.status, told.code().as_str()), (400, "BadRequest"), "{says}");
        let message = told.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(says), "{message}");
    }
    let mut undecided = properties.clone();
    undecided["enableRbacAuthorization"] = json!(false);
    let undecided = json!({ "location": "local", "properties": undecided });
    let told = v.manage("PUT", new, undecided).await.json();
    assert_eq!(told["error"]["message"], "The parameter accessPolicies is not specified.");
    for name in ["1x", "ab", "a_b", "a--b", "ab-", &"a".repeat(25)] {
        let path = format!("{{group}}/providers/Microsoft.KeyVault/vaults/{name}");
        let body = json!({ "location": "local", "properties": properties });
        let told = v.manage("PUT", &path, body).await;
        assert_eq!((told.status, told.code().as_str()), (400, "VaultNameNotValid"), "{name}");
    }
    let mut silent = properties.clone();
    silent["enablePurgeProtection"] = Value::Null;
    let told = v.manage(
        "PUT",
        path,
        json!({ "location": "local", "tags": { "a": "b" }, "properties": silent }),
    );
    assert_eq!(told.await.status, 200);

    // deleted, seen, recovered, purged
    let check = |name: &str| json!({ "name": name, "type": "Microsoft.KeyVault/vaults" });
    let free = "{sub}/providers/Microsoft.KeyVault/checkNameAvailability";
    assert_eq!(v.manage("POST", free, check("second")).await.json()["reason"], "AlreadyExists");
    assert_eq!(v.manage("POST", free, check("free-one")).await.json()["nameAvailable"], true);
    assert_eq!(v.manage("POST", free, check("9x")).await.json()["reason"], "AccountNameInvalid");
    assert_eq!(v.manage("DELETE", path, Value::Null).await.status, 200);
    assert_eq!(v.on_host(host, "GET", secret, &v.token, Value::Null).await.status, 404);
    let all = v
        .manage("GET", "{sub}/providers/Microsoft.KeyVault/deletedVaults", Value::Null)
        .await
        .json();
    assert_eq!(all["value"][0]["name"], "Second");
    let hsms =
        v.manage("GET", "{sub}/providers/Microsoft.KeyVault/deletedManagedHSMs", Value::Null).await;
    assert_eq!(hsms.json()["value"], json!([]), "az asks for them beside the vaults");
    let one = "{sub}/providers/Microsoft.KeyVault/locations/local/deletedVaults/second";
    assert_eq!(v.manage("GET", one, Value::Null).await.json()["properties"]["tags"]["a"], "b");
    assert_eq!(v.manage("PUT", path, body.clone()).await.status, 409, "its name is held");
    let recover = json!({ "location": "local", "properties": { "createMode": "recover" } });
    let back = v.manage("PUT", path, recover.clone()).await;
    assert_eq!((back.status, &back.json()["tags"]["a"]), (201, &json!("b")));
    assert_eq!(v.on_host(host, "GET", secret, &v.token, Value::Null).await.json()["value"], "kept");
    v.manage("DELETE", path, Value::Null).await;
    assert_eq!(v.manage("POST", &format!("{one}/purge"), Value::Null).await.status, 200);
    assert_eq!(v.manage("PUT", path, recover).await.status, 404);
    assert_eq!(v.manage("PUT", path, body).await.status, 201);
    assert_eq!(
        v.on_host(host, "GET", secret, &v.token, Value::Null).await.status,
        404,
        "nothing is left"
    );

    // protection
    let protect = json!({ "properties": { "enablePurgeProtection": true } });
    assert_eq!(v.manage("PATCH", path, protect).await.status, 200);
    let back = json!({ "properties": { "enablePurgeProtection": false } });
    assert_eq!(v.manage("PATCH", path, back).await.status, 400);
    v.on_host(host, "PUT", secret, &v.token, json!({ "value": "x" })).await;
    v.on_host(host, "DELETE", secret, &v.token, Value::Null).await;
    let purge =
        v.on_host(host, "DELETE", "/deletedsecrets/s?api-version=7.4", &v.token, Value::Null).await;
    assert_eq!(purge.status, 403);
    v.manage("DELETE", path, Value::Null).await;
    let told = v.manage("POST", &format!("{one}/purge"), Value::Null).await;
    assert_eq!((told.status, told.code().as_str()), (405, "MethodNotAllowed"));
    let message = told.json()["error"]["message"].to_string();
    assert!(message.contains("Operation 'DeletedVaultPurge' is not allowed."), "{message}");
}
