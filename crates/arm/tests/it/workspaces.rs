//! Workspaces: ids, keys, retention, what is refused because it would not be done.

use arm::{BootstrapNames, Verb, shared_keys, workspace_by_customer_id};
use model::{DateTime, ScalarType, TableInfo, TableKind, Tables};
use serde_json::{Value, json};
use state::{MemoryStore, SqliteStore, Store};

use crate::house::{House, settings};

#[tokio::test]
async fn ids_are_given_once_and_lead_back() {
    let house = House::new().await;
    let path = "#/providers/Microsoft.OperationalInsights/workspaces/mine";
    let first = house.put(path, json!({"location": "local", "properties": {"customerId": "mine!", "provisioningState": "Odd"}})).await.value();
    let id = first["properties"]["customerId"].as_str().unwrap().to_owned();
    assert!(uuid_like(&id), "{id}");
    assert_eq!(first["properties"]["provisioningState"], "Succeeded");
    assert_eq!(first["properties"]["retentionInDays"], 30);
    assert_eq!(first["properties"]["sku"]["name"], "PerGB2018");
    let patched = house
        .send(Verb::Patch, path, json!({"properties": {"retentionInDays": 90, "customerId": "x"}}))
        .await
        .unwrap()
        .value();
    assert_eq!(patched["properties"]["customerId"], json!(id));
    assert_eq!(patched["properties"]["retentionInDays"], 90);
    assert_eq!(
        workspace_by_customer_id(&house.arm, &id.to_uppercase()).unwrap(),
        Some(house.id(path))
    );
    assert_eq!(arm::customer_id(&house.arm, &house.id(path)).unwrap(), Some(id));
    assert_eq!(workspace_by_customer_id(&house.arm, "none").unwrap(), None);
}

fn uuid_like(text: &str) -> bool {
    text.len() == 36 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

#[tokio::test]
async fn what_would_not_be_done_is_refused() {
    let house = House::new().await;
    let cases = [
        json!({"retentionInDays": 3}),
        json!({"retentionInDays": 731}),
        json!({"retentionInDays": "long"}),
        json!({"sku": {"name": "Gold"}}),
        json!({"sku": "Gold"}),
        json!({"workspaceCapping": {"dailyQuotaGb": 1}}),
        json!({"publicNetworkAccessForQuery": "Disabled"}),
        json!({"publicNetworkAccessForIngestion": "SecuredByPerimeter"}),
        json!({"workspaceCapping": {"dailyQuotaGb": "much"}}),
    ];
    for properties in cases {
        let body = json!({"properties": properties});
        assert_eq!(
            house.fail(Verb::Put, "@", body.clone()).await,
            (400, "InvalidParameter".into()),
            "{body}"
        );
        assert_eq!(
            house.fail(Verb::Patch, "@", body.clone()).await,
            (400, "InvalidParameter".into()),
            "{body}"
        );
    }
    house
        .put("@", json!({"properties": {"workspaceCapping": {"dailyQuotaGb": -1}, "features": {}}}))
        .await;
}

#[tokio::test]
async fn refusals_say_what_is_not_done_here() {
    let house = House::new().await;
    let cases = [
        (json!({"properties": {"workspaceCapping": {"dailyQuotaGb": 5}}}), "a daily cap (5 GB)"),
        (json!({"properties": {"publicNetworkAccessForQuery": "disabled"}}), "'Disabled'"),
        (json!({"identity": {"type": "SystemAssigned"}}), "'SystemAssigned'"),
    ];
    for (mut body, message) in cases {
        body["location"] = json!("local");
        let path = "#/providers/Microsoft.OperationalInsights/workspaces/another";
        let error = house.send(Verb::Put, path, body).await.unwrap_err();
        assert!(error.message.contains(message), "{error}");
    }
    house.put("@", json!({"location": "local", "identity": {"type": "None"}})).await;
}

#[tokio::test]
async fn keys_are_made_once_and_again_on_demand() {
    let house = House::new().await;
    let post = async |action: &str| {
        house.send(Verb::Post, &format!("@/{action}"), Value::Null).await.unwrap().value()
    };
    let first = post("sharedKeys").await;
    assert_eq!(first["primarySharedKey"].as_str().unwrap().len(), 88);
    assert_ne!(first["primarySharedKey"], first["secondarySharedKey"]);
    assert_eq!(post("sharedKeys").await, first);
    assert_eq!(shared_keys(&house.arm, &house.installation.workspace).unwrap(), first);
    let second = post("regenerateSharedKey").await;
    assert_ne!(second, first);
    assert_eq!(post("SHAREDKEYS").await, second);
    let listed = house.get("~/resources").await.to_string() + &house.get("@").await.to_string();
    assert!(!listed.contains(second["primarySharedKey"].as_str().unwrap()));
}

#[tokio::test]
async fn solutions_are_packs_of_their_workspace() {
    let house = House::new().await;
    assert_eq!(house.get("@/intelligencePacks").await, json!([]));
    for (name, product) in [("Sample", "OMSGallery/Sample"), ("Own", "Own")] {
        let body = json!({
            "location": "eastus",
            "plan": {"name": name, "product": product, "publisher": "p", "promotionCode": ""},
            "properties": {"workspaceResourceId": house.installation.workspace.as_str()},
        });
        let path = format!("#/providers/Microsoft.OperationsManagement/solutions/{name}(w)");
        house.send(Verb::Put, &path, body).await.unwrap();
    }
    let pack = |name: &str| json!({"name": name, "displayName": name, "enabled": true});
    assert_eq!(house.get("@/INTELLIGENCEPACKS").await, json!([pack("Own"), pack("Sample")]));
    assert_eq!(house.get("@/managementGroups").await, json!({"value": []}));
    let other = "#/providers/Microsoft.OperationalInsights/workspaces/other";
    house.send(Verb::Put, other, json!({"location": "eastus"})).await.unwrap();
    assert_eq!(house.get(&format!("{other}/intelligencePacks")).await, json!([]));
}

#[tokio::test]
async fn tables_follow_the_workspace() {
    let house = House::new().await;
    let id = &house.installation.customer_id;
    let table = |name: &str| TableInfo {
        name: name.into(),
        kind: TableKind::Custom,
        schema: model::Schema::new([("TimeGenerated", ScalarType::DateTime)]).into(),
        retention_days: 30,
        total_retention_days: 30,
    };
    house.tables.put_table(id, table("Follows_CL"), false).await.unwrap();
    house.tables.put_table(id, table("Own_CL"), false).await.unwrap();
    house
        .send(
            Verb::Patch,
            "@/tables/Own_CL",
            json!({"properties": {"retentionInDays": 7, "totalRetentionInDays": 100}}),
        )
        .await
        .unwrap();
    house.send(Verb::Patch, "@", json!({"properties": {"retentionInDays": 60}})).await.unwrap();
    let kept = |name: &str| {
        house.tables.table(id, name).map(|t| (t.retention_days, t.total_retention_days))
    };
    assert_eq!((kept("Follows_CL"), kept("Own_CL")), (Some((60, 60)), Some((7, 100))));
    house
        .send(
            Verb::Patch,
            "@/tables/Own_CL",
            json!({"properties": {"retentionInDays": -1, "totalRetentionInDays": -1}}),
        )
        .await
        .unwrap();
    assert_eq!(kept("Own_CL"), Some((60, 60)));

    shared_keys(&house.arm, &house.installation.workspace).unwrap();
    house.send(Verb::Delete, "@?force=true", Value::Null).await.unwrap();
    assert_eq!((kept("Follows_CL"), kept("Own_CL")), (None, None));
    for collection in ["workspace-keys", "workspace-tables", "workspace-customer-ids"] {
        assert!(house.arm.store().list_all(collection, "").unwrap().is_empty(), "{collection}");
    }
    assert!(DateTime::MIN < crate::house::now());
}

const OTHER: &str = "#/providers/Microsoft.OperationalInsights/workspaces/other";

fn text(value: &Value, path: &str) -> String {
    value.pointer(path).and_then(Value::as_str).unwrap().to_owned()
}

#[tokio::test]
async fn every_workspace_has_its_tables() {
    let folder = tempfile::tempdir().unwrap();
    let open = || std::sync::Arc::new(SqliteStore::open(folder.path().join("state.db")).unwrap());
    let id = {
        let house = House::over(open(), |b| b).await;
        let own = &house.installation.customer_id;
        assert_eq!(house.tables.retention_days(own), Some(90));
        let made = house.put(OTHER, json!({"location": "local"})).await.value();
        let id = text(&made, "/properties/customerId");
        assert_eq!(house.tables.retention_days(&id), Some(30));
        house.put(OTHER, json!({"location": "local", "properties": {"retentionInDays": 77}})).await;
        // rows are not dropped because a later body leaves the days out
        house.put(OTHER, json!({"location": "local", "tags": {"a": "b"}})).await;
        assert_eq!(house.tables.retention_days(&id), Some(77));
        id
    };
    // told again at the start
    let house = House::over(open(), |b| b).await;
    assert_eq!(house.tables.retention_days(&id), Some(77));
}

/// Earlier versions stored 30 days for the workspace, kept the rows of its tables for 90, and spread the 30 over some of
/// them at the first change.
#[tokio::test]
async fn rows_of_an_earlier_version_are_kept_as_long_as_they_were() {
    let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(MemoryStore::new());
    let house = House::over(std::sync::Arc::clone(&store), |b| b).await;
    house.send(Verb::Patch, "@", json!({"properties": {"retentionInDays": 30}})).await.unwrap();
    let id = &house.installation.customer_id;
    let tables =
        std::sync::Arc::new(
            testkit::CannedTables::new()
                .with_table(id, "Syslog", "TimeGenerated:datetime")
                .with_table(id, "Event", "TimeGenerated:datetime"),
        );
    let long = TableInfo {
        retention_days: 90,
        total_retention_days: 90,
        ..(*tables.table(id, "Event").unwrap()).clone()
    };
    tables.put_table(id, long, true).await.unwrap();
    arm::builder(std::sync::Arc::clone(&store), settings(), tables.clone()).build().unwrap();
    for name in ["Syslog", "Event"] {
        assert_eq!(tables.table(id, name).unwrap().retention_days, 90, "{name}");
    }
    assert_eq!(house.get("@").await["properties"]["retentionInDays"], 90);
    // told once: from now on the workspace decides
    house.send(Verb::Patch, "@", json!({"properties": {"retentionInDays": 31}})).await.unwrap();
    arm::builder(store, settings(), tables.clone()).build().unwrap();
    assert_eq!(tables.table(id, "Event").unwrap().retention_days, 31);
}

#[tokio::test]
async fn a_deleted_workspace_comes_back_with_all_it_had() {
    let house = House::new().await;
    let own = house.installation.customer_id.clone();
    let table = TableInfo {
        name: "Mine_CL".into(),
        kind: TableKind::Custom,
        schema: model::Schema::new([("TimeGenerated", ScalarType::DateTime)]).into(),
        retention_days: 90,
        total_retention_days: 90,
    };
    house.tables.put_table(&own, table, false).await.unwrap();
    let body = json!({"properties": {"category": "c", "displayName": "d", "query": "Mine_CL", "functionAlias": "F"}});
    house.put("@/savedSearches/f", body).await;
    house
        .send(Verb::Patch, "@", json!({"tags": {"a": "b"}, "properties": {"retentionInDays": 60}}))
        .await
        .unwrap();
    let keys = shared_keys(&house.arm, &house.installation.workspace).unwrap();
    for place in ["@", "#"] {
        house.send(Verb::Delete, place, Value::Null).await.unwrap();
        assert_eq!(house.fail(Verb::Get, "@", Value::Null).await.0, 404);
        assert_eq!(house.fail(Verb::Get, "@/savedSearches/f", Value::Null).await.0, 404);
        assert_eq!(workspace_by_customer_id(&house.arm, &own).unwrap(), None);
        assert_eq!(house.fail(Verb::Patch, "@", json!({})).await.0, 404);
        assert_eq!(house.arm.purge_rested(crate::house::now()).await.unwrap(), 0);
        if place == "#" {
            house.put("#", json!({"location": "local"})).await;
        }
        let list = "~/providers/Microsoft.OperationalInsights/deletedWorkspaces";
        assert_eq!(house.names(list).await, [house.installation.workspace.name()]);
        assert_eq!(
            house.fail(Verb::Put, "@", json!({"location": "elsewhere"})).await,
            (409, "InvalidResourceLocation".into())
        );
        // az sends the default days along; the workspace comes back with its own
        let body = json!({"location": "local", "properties": {"retentionInDays": 30}});
        let back = house.put("@", body).await;
        assert_eq!(back.status, 201);
        let back = back.value();
        assert_eq!(text(&back, "/properties/customerId"), own);
        assert_eq!(back["properties"]["retentionInDays"], 60);
        assert_eq!(back["tags"], json!({"a": "b"}));
        assert!(house.names(list).await.is_empty());
        assert_eq!(house.get("@/savedSearches/f").await["properties"]["query"], "Mine_CL");
        assert_eq!(house.tables.functions(&own).len(), 1);
        assert_eq!(house.tables.table(&own, "Mine_CL").unwrap().retention_days, 60);
        assert_eq!(shared_keys(&house.arm, &house.installation.workspace).unwrap(), keys);
        assert_eq!(
            workspace_by_customer_id(&house.arm, &own).unwrap(),
            Some(house.installation.workspace.clone())
        );
    }
}

#[tokio::test]
async fn force_and_two_weeks_delete_for_good() {
    let house = House::new().await;
    let first = text(
        &house.put(OTHER, json!({"location": "local"})).await.value(),
        "/properties/customerId",
    );
    let search = format!("{OTHER}/savedSearches/s");
    house.put(&search, crate::house::search("a")).await;
    house.send(Verb::Delete, &format!("{OTHER}?force=true"), Value::Null).await.unwrap();
    assert_eq!(house.tables.retention_days(&first), None);
    let second = text(
        &house.put(OTHER, json!({"location": "local"})).await.value(),
        "/properties/customerId",
    );
    assert_ne!(first, second);
    assert_eq!(house.fail(Verb::Get, &search, Value::Null).await.0, 404);

    house.put(&search, crate::house::search("a")).await;
    house.send(Verb::Delete, OTHER, Value::Null).await.unwrap();
    assert_eq!(house.tables.retention_days(&second), Some(30));
    let later =
        |days: i64| DateTime::from_ticks(crate::house::now().ticks() + days * 864_000_000_000);
    assert_eq!(house.arm.purge_rested(later(13)).await.unwrap(), 0);
    assert_eq!(house.arm.purge_rested(later(14)).await.unwrap(), 1);
    assert_eq!(house.tables.retention_days(&second), None);
    let left =
        house.arm.store().list_all("microsoft.operationalinsights/workspaces/savedsearches", "");
    assert!(left.unwrap().is_empty());
    let third = text(
        &house.put(OTHER, json!({"location": "local"})).await.value(),
        "/properties/customerId",
    );
    assert!(third != first && third != second);
}

/// The server's own rows go to the workspace of the installation: it keeps its id, whatever happens to it.
#[tokio::test]
async fn the_own_workspace_keeps_its_id() {
    let house = House::new().await;
    let own = &house.installation.customer_id;
    for path in ["@?force=true", "@", "#"] {
        house.send(Verb::Delete, path, Value::Null).await.unwrap();
        assert!(house.tables.retention_days(own).is_some(), "{path}");
        let names = BootstrapNames::default();
        let again = arm::bootstrap(&house.arm, &names, crate::house::now());
        assert_eq!(&again.await.unwrap().customer_id, own, "{path}");
        assert_eq!(text(&house.get("@").await, "/properties/customerId"), *own);
    }
}
