//! Cases of the life cycle: conditions, casing, places, names, locations, cascades.

use arm::{Call, Caller, CallerKind, Verb};
use serde_json::{Value, json};

use crate::house::{House, now, search};

#[tokio::test]
async fn conditions_decide() {
    let house = House::new().await;
    let path = "@/savedSearches/a";
    let send =
        async |verb: Verb, body: Value, if_match: Option<&str>, if_none_match: Option<&str>| {
            let mut call = house.call(path, body);
            call.if_match = if_match.map(str::to_owned);
            call.if_none_match = if_none_match.map(str::to_owned);
            house.arm.answer(verb, &call).await.map_err(|e| (e.status, e.code.to_string()))
        };
    let failed = || Err((412, "PreconditionFailed".to_owned()));
    assert_eq!(send(Verb::Put, search("a"), Some("*"), None).await, failed());
    assert_eq!(send(Verb::Put, search("a"), None, Some("*")).await.unwrap().status, 200);
    assert_eq!(send(Verb::Put, search("a"), None, Some("*")).await, failed());
    let etag = house.get(path).await["etag"].as_str().unwrap().to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    let second = send(Verb::Put, search("b"), Some(&etag), None).await.unwrap().value();
    assert_ne!(second["etag"], json!(etag));
    assert_eq!(send(Verb::Put, search("c"), Some(&etag), None).await, failed());
    assert_eq!(send(Verb::Patch, json!({}), Some(&etag), None).await, failed());
    assert_eq!(send(Verb::Delete, json!(null), Some(&etag), None).await, failed());
    assert_eq!(house.get(path).await["properties"]["query"], "b");
    let weak = format!("W/{}", second["etag"].as_str().unwrap());
    assert_eq!(send(Verb::Delete, json!(null), Some(&weak), None).await.unwrap().status, 200);
    assert_eq!(send(Verb::Delete, json!(null), Some("*"), None).await, failed());
}

#[tokio::test]
async fn etags_in_bodies_are_checked_where_clients_send_them() {
    let house = House::new().await;
    let path = "@/savedSearches/a";
    let with = |etag: &str| {
        let mut body = search("a");
        body["etag"] = json!(etag);
        body
    };
    let first = house.put(path, with("from a template")).await.value();
    let old = first["etag"].as_str().unwrap().to_owned();
    house.put(path, with(&old)).await;
    assert_eq!(house.fail(Verb::Put, path, with(&old)).await, (409, "Conflict".into()));
    for overwriting in ["*", "", "\"*\""] {
        house.put(path, with(overwriting)).await;
    }
    // types that only show their etag ignore it
    let workspace = "#/providers/Microsoft.OperationalInsights/workspaces/other";
    house.put(workspace, json!({"location": "local", "etag": "x"})).await;
    house.put(workspace, json!({"location": "local", "etag": "y"})).await;
}

#[tokio::test]
async fn the_first_writer_decides_the_casing() {
    let house = House::new().await;
    let path = "#/PROVIDERS/microsoft.operationalinsights/WORKSPACES/CamelCase";
    let shouted = path.replace("camelCase", "CAMELCASE");
    let first = house.put(path, json!({"location": "eastus"})).await.value();
    let wanted = format!(
        "{}/providers/Microsoft.OperationalInsights/workspaces/CamelCase",
        house.installation.resource_group
    );
    assert_eq!(first["id"], json!(wanted));
    assert_eq!(first["type"], "Microsoft.OperationalInsights/workspaces");
    let again = house.put(&shouted.to_uppercase(), json!({"location": "EAST US"})).await;
    assert_eq!(again.status, 200);
    let again = again.value();
    assert_eq!((&again["id"], &again["name"]), (&json!(wanted), &json!("CamelCase")));
    assert_eq!(again["properties"]["customerId"], first["properties"]["customerId"]);
    // a child written through another casing of its parent gets the parent's own
    let child = format!("{}/SAVEDSEARCHES/Mine", house.id(path).as_str().to_uppercase());
    let child = house.put(&child, search("a")).await.value();
    assert_eq!(child["id"], json!(format!("{wanted}/savedSearches/Mine")));
}

#[tokio::test]
async fn what_is_missing_above_is_named() {
    let house = House::new().await;
    let ws = "providers/Microsoft.OperationalInsights/workspaces";
    let nowhere = "/subscriptions/00000000-0000-0000-0000-000000000000";
    let body = json!({"location": "eastus"});
    let cases = [
        (Verb::Get, nowhere.to_owned(), 404, "SubscriptionNotFound"),
        (Verb::Get, format!("{nowhere}/resourceGroups"), 404, "SubscriptionNotFound"),
        (Verb::Put, format!("{nowhere}/resourceGroups/g"), 404, "SubscriptionNotFound"),
        (Verb::Put, format!("{nowhere}/resourceGroups/g/{ws}/abcd"), 404, "SubscriptionNotFound"),
        (Verb::Get, "~/resourceGroups/none".into(), 404, "ResourceGroupNotFound"),
        (Verb::Head, "~/resourceGroups/none".into(), 404, "ResourceGroupNotFound"),
        (Verb::Delete, "~/resourceGroups/none".into(), 404, "ResourceGroupNotFound"),
        (Verb::Put, format!("~/resourceGroups/none/{ws}/abcd"), 404, "ResourceGroupNotFound"),
        (Verb::Get, format!("~/resourceGroups/none/{ws}"), 404, "ResourceGroupNotFound"),
        (
            Verb::Get,
            format!("~/resourceGroups/none/{ws}/abcd/tables/Syslog"),
            404,
            "ResourceGroupNotFound",
        ),
        (Verb::Get, format!("#/{ws}/none"), 404, "ResourceNotFound"),
        (Verb::Get, format!("#/{ws}/none/savedSearches"), 404, "ResourceNotFound"),
        (Verb::Get, format!("#/{ws}/none/savedSearches/a"), 404, "ParentResourceNotFound"),
        (Verb::Get, format!("#/{ws}/none/tables/Syslog"), 404, "ParentResourceNotFound"),
        (Verb::Put, format!("#/{ws}/none/savedSearches/a"), 404, "ParentResourceNotFound"),
        (Verb::Post, format!("#/{ws}/none/sharedKeys"), 404, "ResourceNotFound"),
        (Verb::Get, "@/savedSearches/none".into(), 404, "ResourceNotFound"),
        (
            Verb::Get,
            "#/providers/Microsoft.OperationalInsights/none/a".into(),
            404,
            "InvalidResourceType",
        ),
        (Verb::Post, "@/none".into(), 404, "InvalidResourceType"),
        (Verb::Get, "#/providers/Nobody.Here/none/a".into(), 404, "InvalidResourceNamespace"),
        (Verb::Get, "~/providers/Nobody.Here".into(), 404, "InvalidResourceNamespace"),
        (Verb::Put, format!("~/{ws}/abcd"), 400, "InvalidResourceScope"),
        (
            Verb::Put,
            "@/providers/Microsoft.OperationalInsights/workspaces/abcd".into(),
            400,
            "InvalidResourceScope",
        ),
        (Verb::Get, "/nothing".into(), 404, "InvalidResourceId"),
    ];
    for (verb, path, status, code) in cases {
        let got = house.fail(verb, &path, body.clone()).await;
        assert_eq!(got, (status, code.to_owned()), "{verb:?} {path}");
    }
}

#[tokio::test]
async fn names_locations_and_tags_are_checked() {
    let house = House::new().await;
    let ws = |name: &str| format!("#/providers/Microsoft.OperationalInsights/workspaces/{name}");
    let fifty_one: serde_json::Map<String, Value> =
        (0..51).map(|n| (n.to_string(), json!(""))).collect();
    let long = "x".repeat(257);
    let cases = [
        (ws("abc"), json!({"location": "eastus"}), 400, "InvalidResourceName"),
        (ws("a_b_c"), json!({"location": "eastus"}), 400, "InvalidResourceName"),
        (
            "~/resourceGroups/ends.".into(),
            json!({"location": "eastus"}),
            400,
            "InvalidResourceName",
        ),
        (ws("good"), json!({}), 400, "LocationRequired"),
        (ws("good"), json!({"location": 5}), 400, "InvalidLocation"),
        (ws("good"), json!({"location": "a/b"}), 400, "LocationNotAvailableForResourceType"),
        (ws("good"), json!({"location": ""}), 400, "LocationNotAvailableForResourceType"),
        (ws("good"), json!({"location": "eastus", "tags": []}), 400, "InvalidTagsInRequest"),
        (ws("good"), json!({"location": "eastus", "tags": {"a": 1}}), 400, "InvalidTagsInRequest"),
        (
            ws("good"),
            json!({"location": "eastus", "tags": {"a/b": "1"}}),
            400,
            "InvalidTagsInRequest",
        ),
        (
            ws("good"),
            json!({"location": "eastus", "tags": {"a": long}}),
            400,
            "InvalidTagsInRequest",
        ),
        (ws("good"), json!({"location": "eastus", "tags": fifty_one}), 400, "InvalidTagsInRequest"),
        ("@".into(), json!({"location": "westus"}), 409, "InvalidResourceLocation"),
    ];
    for (path, body, status, code) in cases {
        let got = house.fail(Verb::Put, &path, body.clone()).await;
        assert_eq!(got, (status, code.to_owned()), "{path} {body}");
    }
    // an update needs no location
    assert_eq!(house.put("@", json!({})).await.value()["location"], "local");
}

#[tokio::test]
async fn callers_are_remembered() {
    let house = House::new().await;
    let by = |name: &str, kind, path: &str| Call {
        caller: Caller { name: name.into(), kind },
        ..house.call(path, search("a"))
    };
    let path = "@/savedSearches/a";
    house.arm.put(&by("ann", CallerKind::User, path)).await.unwrap();
    house.arm.put(&by("robot", CallerKind::Application, path)).await.unwrap();
    let system = house.get(path).await["systemData"].clone();
    let time = now().to_string();
    assert_eq!(
        system,
        json!({
            "createdAt": time, "createdBy": "ann", "createdByType": "User",
            "lastModifiedAt": time, "lastModifiedBy": "robot", "lastModifiedByType": "Application",
        })
    );
}

#[tokio::test]
async fn a_group_takes_all_it_holds_away() {
    let house = House::new().await;
    let ws = "providers/Microsoft.OperationalInsights/workspaces";
    house.put("~/resourceGroups/Doomed", json!({"location": "eastus"})).await;
    house.put("~/resourceGroups/Doomed-2", json!({"location": "eastus"})).await;
    for group in ["Doomed", "Doomed-2"] {
        house
            .put(&format!("~/resourceGroups/{group}/{ws}/inner"), json!({"location": "eastus"}))
            .await;
        house
            .put(&format!("~/resourceGroups/{group}/{ws}/inner/savedSearches/s"), search("a"))
            .await;
    }
    let inner = house.get(&format!("~/resourceGroups/Doomed/{ws}/inner")).await;
    let customer_id = inner["properties"]["customerId"].as_str().unwrap();
    let feed = house.arm.store().changes(0, 9999).unwrap().last().unwrap().sequence;
    assert_eq!(
        house.send(Verb::Delete, "~/resourcegroups/DOOMED", Value::Null).await.unwrap().status,
        200
    );

    let gone: Vec<String> = house
        .arm
        .store()
        .changes(feed, 99)
        .unwrap()
        .into_iter()
        .filter(|c| c.deleted)
        .map(|c| c.collection)
        .collect();
    assert_eq!(gone.len(), 3, "group, workspace, its index entry: {gone:?}");
    assert_eq!(arm::workspace_by_customer_id(&house.arm, customer_id).unwrap(), None);
    for path in [
        "~/resourceGroups/Doomed",
        "~/resourceGroups/Doomed/providers/Microsoft.OperationalInsights/workspaces/inner/savedSearches/s",
    ] {
        assert_eq!(house.fail(Verb::Get, path, Value::Null).await.1, "ResourceGroupNotFound");
    }
    house.get(&format!("~/resourceGroups/Doomed-2/{ws}/inner/savedSearches/s")).await;
    // a group of the same name is a new one; the workspace that rested in it comes back with what it held
    house.put("~/resourceGroups/Doomed", json!({"location": "westus"})).await;
    let again = house
        .put(&format!("~/resourceGroups/Doomed/{ws}/inner"), json!({"location": "eastus"}))
        .await;
    assert_eq!(again.status, 201);
    assert_eq!(again.value()["properties"]["customerId"], inner["properties"]["customerId"]);
    assert_eq!(
        house.names(&format!("~/resourceGroups/Doomed/{ws}/inner/savedSearches")).await,
        ["s"]
    );
}

#[tokio::test]
async fn many_are_stored_as_one_by_one() {
    let house = House::new().await;
    let mut calls: Vec<Call> =
        (0..600).map(|n| house.call(&format!("@/savedSearches/s{n:04}"), search("a"))).collect();
    calls.insert(300, house.call("@/savedSearches/bad", json!({"properties": {}})));
    calls.push(house.call("@/savedSearches/s0000", search("b")));
    let results = house.arm.put_all(&calls).await;
    assert_eq!(results.len(), 602);
    let wrong: Vec<usize> =
        results.iter().enumerate().filter(|(_, r)| r.is_err()).map(|(n, _)| n).collect();
    assert_eq!(wrong, [300]);
    assert_eq!(house.get("@/savedSearches/s0000").await["properties"]["query"], "b");
    assert_eq!(house.names("@/savedSearches").await.len(), 600);
}
