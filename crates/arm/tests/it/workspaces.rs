//! Workspaces: ids, keys, retention, what is refused because it would not be done.

use arm::{Verb, shared_keys, workspace_by_customer_id};
use model::{DateTime, ScalarType, TableInfo, TableKind, Tables};
use serde_json::{Value, json};

use crate::house::House;

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
    house.send(Verb::Delete, "@", Value::Null).await.unwrap();
    assert_eq!((kept("Follows_CL"), kept("Own_CL")), (None, None));
    for collection in ["workspace-keys", "workspace-tables", "workspace-customer-ids"] {
        assert!(house.arm.store().list_all(collection, "").unwrap().is_empty(), "{collection}");
    }
    assert!(DateTime::MIN < crate::house::now());
}
