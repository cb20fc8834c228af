//! What holds for every type in the table: PUT, GET, list, PUT again, PATCH, DELETE.

use arm::{DeleteAnswer, Etag, Patch, Verb};
use serde_json::{Value, json};

use crate::house::{House, now, search};

/// A place and a good body for each writable type.
fn sample(house: &House, name: &str) -> Option<(&'static str, Value)> {
    let (workspace, rule) =
        (house.installation.workspace.as_str(), house.installation.data_collection_rule.as_str());
    Some(match name {
        arm::RESOURCE_GROUPS => ("~/resourceGroups/Sample-1", json!({"location": "East US"})),
        "Microsoft.OperationalInsights/workspaces" => (
            "#/providers/Microsoft.OperationalInsights/workspaces/Sample-1",
            json!({"location": "eastus", "properties": {"sku": {"name": "pergb2018"}}}),
        ),
        "Microsoft.OperationalInsights/workspaces/savedSearches" => {
            ("@/savedSearches/Sample-1", search("Syslog | take 1"))
        }
        "Microsoft.OperationalInsights/workspaces/tables" => (
            "@/tables/Sample_CL",
            json!({"properties": {"schema": {"name": "Sample_CL", "columns": [{"name": "TimeGenerated", "type": "dateTime"}]}}}),
        ),
        "Microsoft.Insights/dataCollectionEndpoints" => (
            "#/providers/Microsoft.Insights/dataCollectionEndpoints/Sample-1",
            json!({"location": "eastus"}),
        ),
        "Microsoft.Insights/dataCollectionRules" => (
            "#/providers/Microsoft.Insights/dataCollectionRules/Sample-1",
            json!({"location": "eastus", "properties": {
                "destinations": {"logAnalytics": [{"name": "w", "workspaceResourceId": workspace}]},
                "streamsFromTables": true,
            }}),
        ),
        "Microsoft.Insights/dataCollectionRuleAssociations" => (
            "#/providers/Microsoft.Compute/virtualMachines/vm/providers/Microsoft.Insights/dataCollectionRuleAssociations/Sample-1",
            json!({"properties": {"dataCollectionRuleId": rule}}),
        ),
        "Microsoft.OperationsManagement/solutions" => (
            "#/providers/Microsoft.OperationsManagement/solutions/Sample(w)",
            json!({
                "location": "eastus",
                "plan": {"name": "Sample(w)", "product": "OMSGallery/Sample", "publisher": "Microsoft", "promotionCode": ""},
                "properties": {"workspaceResourceId": workspace},
            }),
        ),
        "Microsoft.Insights/workbooks" => (
            "#/providers/Microsoft.Insights/workbooks/6f9619ff-8b86-d011-b42d-00cf4fc964ff",
            json!({"location": "eastus", "properties": {"displayName": "d", "category": "workbook", "serializedData": "{}"}}),
        ),
        "Microsoft.Resources/tags" => (
            "@/providers/Microsoft.Resources/tags/default",
            json!({"properties": {"tags": {"a": "b"}}}),
        ),
        _ => return None,
    })
}

/// Leaves out what changes with every write.
fn steady(mut value: Value) -> Value {
    let top = value.as_object_mut().unwrap();
    top.remove("etag");
    top.remove("systemData");
    value
}

#[tokio::test]
async fn every_type_lives_the_same_life() {
    for kind in arm::TYPES {
        let house = House::new().await;
        let Some((path, body)) = sample(&house, kind.name) else {
            assert!(!kind.writable, "{} has no sample", kind.name);
            continue;
        };
        let is_document = house.arm.document(&house.id(path)).is_ok()
            && !matches!(
                kind.name,
                "Microsoft.Resources/tags" | "Microsoft.OperationalInsights/workspaces/tables"
            );
        assert!(!kind.api_versions.is_empty(), "{} names no version", kind.name);

        // nothing there yet
        if kind.name != "Microsoft.Resources/tags" {
            assert_eq!(house.fail(Verb::Get, path, Value::Null).await.0, 404, "{path}");
        }

        // created
        let created = house.put(path, body.clone()).await;
        assert!([200, 201].contains(&created.status));
        assert_eq!(created.status == 201, is_document && kind.put_status.0 == 201, "{path}");
        let created = created.value();
        let name = house.id(path).name().to_owned();
        assert_eq!(created["name"], json!(name));
        assert_eq!(created["type"], json!(kind.wire_name()));
        assert!(house.id(created["id"].as_str().unwrap()) == house.id(path));
        assert!(created["properties"].is_object(), "{created}");

        // read, in any case
        let read = house.get(path).await;
        assert_eq!(read, created, "{path}");
        let shouted = house.get(&path.to_uppercase()).await;
        assert_eq!(steady(shouted)["properties"], steady(read.clone())["properties"]);
        assert_eq!(house.send(Verb::Head, path, Value::Null).await.unwrap().status, 204);

        // listed once, as read
        let (collection, _) = path.rsplit_once('/').unwrap();
        let listed = house.get(collection).await;
        let found: Vec<&Value> = listed["value"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|v| v["name"] == json!(name))
            .collect();
        assert_eq!(found, [&read], "{collection}");

        // updated with what was read: nothing changes
        let updated = house.put(path, read.clone()).await;
        assert_eq!(updated.status, if is_document { kind.put_status.1 } else { 200 });
        let mut updated = steady(updated.value());
        for volatile in ["modifiedDate", "timeModified"] {
            updated["properties"].as_object_mut().unwrap().remove(volatile);
        }
        let mut wanted = steady(read.clone());
        for volatile in ["modifiedDate", "timeModified"] {
            wanted["properties"].as_object_mut().unwrap().remove(volatile);
        }
        assert_eq!(updated, wanted, "{path}");

        // documents tell who and when
        if is_document {
            assert_eq!(read["systemData"]["createdBy"], "vedette");
            assert_eq!(read["systemData"]["lastModifiedAt"], json!(now().to_string()));
            assert_eq!(read["etag"].is_string(), kind.etag != Etag::Hidden);
        }

        // patched
        let patch = json!({"tags": {"team": "blue"}});
        match kind.patch {
            Patch::Refused => {
                assert_eq!(house.fail(Verb::Patch, path, patch).await.1, "MethodNotAllowed");
            }
            _ if is_document => {
                let patched = house.send(Verb::Patch, path, patch).await.unwrap();
                assert_eq!(patched.status, 200);
                assert_eq!(patched.value()["tags"], json!({"team": "blue"}));
                assert_eq!(house.get(path).await["tags"], json!({"team": "blue"}));
            }
            _ => {}
        }
        if is_document && kind.patch != Patch::Refused {
            let nowhere = format!("{}0", path.trim_end_matches(|c: char| !c.is_alphanumeric()));
            assert_eq!(house.fail(Verb::Patch, &nowhere, json!({})).await.0, 404);
        }

        // no action, no body of another form
        assert_eq!(house.fail(Verb::Post, path, json!({})).await.1, "MethodNotAllowed");
        assert_eq!(house.fail(Verb::Put, collection, json!({})).await.1, "MethodNotAllowed");
        for wrong in [json!(null), json!([]), json!("x"), json!({"properties": 1})] {
            assert_eq!(house.fail(Verb::Put, path, wrong).await.0, 400);
        }

        // gone, and gone again
        assert_eq!(
            house.send(Verb::Delete, path, Value::Null).await.unwrap().status,
            if kind.delete == DeleteAnswer::NoContent { 204 } else { 200 }
        );
        if kind.name == "Microsoft.Resources/tags" {
            assert_eq!(house.get(path).await["properties"]["tags"], json!({}));
            continue;
        }
        assert_eq!(house.fail(Verb::Get, path, Value::Null).await.0, 404);
        match house.send(Verb::Delete, path, Value::Null).await {
            Ok(again) => assert_eq!(again.status == 200, kind.delete == DeleteAnswer::Always),
            Err(error) => assert_eq!((kind.delete, error.status), (DeleteAnswer::Strict, 404)),
        }
        assert!(!house.names(collection).await.contains(&name));
    }
}

#[tokio::test]
async fn read_only_types_take_no_writes() {
    let house = House::new().await;
    let tenant = format!("/tenants/{}", house.installation.tenant_id);
    for path in ["~", tenant.as_str()] {
        assert!(house.get(path).await["tenantId"].is_string());
        for verb in [Verb::Put, Verb::Patch, Verb::Delete] {
            assert_eq!(house.fail(verb, path, json!({})).await, (405, "MethodNotAllowed".into()));
        }
    }
}
