//! Lists: pages, filters, what a caller may see, namespaces, locations.

use std::sync::Arc;

use arm::{Call, Verb};
use serde_json::{Value, json};

use crate::house::{House, URL, search};

#[tokio::test]
async fn pages_cover_everything_once() {
    let house = House::new().await;
    let calls: Vec<Call> =
        (0..1203).map(|n| house.call(&format!("@/savedSearches/S{n:04}"), search("a"))).collect();
    assert!(house.arm.put_all(&calls).await.iter().all(Result::is_ok));
    let wanted: Vec<String> = (0..1203).map(|n| format!("S{n:04}")).collect();
    for path in [
        "@/savedSearches",
        "@/savedSearches?$top=100",
        "@/savedSearches?api-version=1&$top=401&x=a%20b",
    ] {
        assert_eq!(house.names(path).await, wanted, "{path}");
    }
    let whole = house.get("@/savedSearches").await;
    assert!(whole["nextLink"].is_null(), "the SDKs read one page of them");
    let first = house.get("@/savedSearches?api-version=2&$top=2").await;
    let next = first["nextLink"].as_str().unwrap();
    assert!(
        next.starts_with(&format!(
            "{URL}{}/savedSearches?api-version=2&$top=2&$skipToken=",
            house.installation.workspace
        )),
        "{next}"
    );
    for (query, code) in [
        ("$top=0", "InvalidQueryParameterValue"),
        ("$top=x", "InvalidQueryParameterValue"),
        ("$skipToken=!", "InvalidSkipToken"),
        ("$skipToken=L3N1YnNjcmlwdGlvbnM", "InvalidSkipToken"),
    ] {
        assert_eq!(
            house.fail(Verb::Get, &format!("@/savedSearches?{query}"), Value::Null).await,
            (400, code.into())
        );
    }
    let exact = house.get("@/savedSearches?$top=500").await;
    assert_eq!(exact["value"].as_array().unwrap().len(), 500);
}

#[tokio::test]
async fn lists_show_what_the_caller_may_see() {
    let house = House::new().await;
    for n in 0..30 {
        house.put(&format!("@/savedSearches/s{n:02}"), search("a")).await;
    }
    let mut call = house.call("@/savedSearches?$top=4", Value::Null);
    call.visible = Some(Arc::new(|id| id.name().ends_with('7')));
    let body = house.arm.answer(Verb::Get, &call).await.unwrap().value();
    let names: Vec<&str> =
        body["value"].as_array().unwrap().iter().map(|v| v["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["s07", "s17", "s27"]);
    assert_eq!(body.get("nextLink"), None);
}

#[tokio::test]
async fn scopes_above_see_what_is_below() {
    let house = House::new().await;
    house
        .put("~/resourceGroups/Other", json!({"location": "eastus", "tags": {"env": "test"}}))
        .await;
    let ws = "providers/Microsoft.OperationalInsights/workspaces";
    house
        .put(
            &format!("~/resourceGroups/Other/{ws}/far-away"),
            json!({"location": "eastus", "tags": {"env": "test", "owner": "soc"}}),
        )
        .await;
    assert_eq!(house.names("~/resourceGroups").await, ["Main", "Other"]);
    assert_eq!(house.names(&format!("~/{ws}")).await, ["Logs-1", "far-away"]);
    assert_eq!(house.names(&format!("#/{ws}")).await, ["Logs-1"]);
    assert_eq!(house.names("#/resources").await, ["vedette", "vedette", "Logs-1"]);
    let cases = [
        ("resourceType eq 'microsoft.operationalinsights/WORKSPACES'", &["Logs-1", "far-away"][..]),
        ("name ne 'vedette' and location eq 'eastus'", &["far-away"]),
        ("tagName eq 'env' and tagValue eq 'test'", &["far-away"]),
        ("tagName eq 'env' and tagValue eq 'prod'", &[]),
        ("tagName eq 'owner' and tagValue eq 'test'", &[]), // another tag's value
        ("tagName eq null and startswith(name, 'l')", &["Logs-1"]),
        ("substringof('AWAY', name) or name eq 'logs-1'", &["Logs-1", "far-away"]),
        ("resourceGroup eq 'other'", &["far-away"]),
        ("name eq 'none'", &[]),
    ];
    for (filter, wanted) in cases {
        let filter = filter.replace(' ', "%20");
        assert_eq!(
            house.names(&format!("~/resources?$filter={filter}&$top=1")).await,
            wanted,
            "{filter}"
        );
    }
    let shown = house.get("#/resources?$filter=name%20eq%20'Logs-1'").await["value"][0].clone();
    let members: Vec<&String> = shown.as_object().unwrap().keys().collect();
    assert_eq!(members, ["id", "name", "type", "location"]);
}

#[tokio::test]
async fn login_tools_find_their_way() {
    let house = House::new().await;
    let subscriptions = house.get("/subscriptions").await;
    let one = &subscriptions["value"][0];
    assert_eq!(one["subscriptionId"], json!(house.installation.subscription_id));
    assert_eq!(one["tenantId"], json!(house.installation.tenant_id));
    assert_eq!(one["state"], "Enabled");
    let tenants = house.get("/tenants").await;
    assert_eq!(tenants["value"][0]["tenantId"], json!(house.installation.tenant_id));
    assert_eq!(house.names("~/locations").await, ["local"]);
    let group = house.get("#").await;
    assert_eq!(group["type"], "Microsoft.Resources/resourceGroups");
    assert_eq!(group["properties"]["provisioningState"], "Succeeded");
}

#[tokio::test]
async fn namespaces_tell_their_types() {
    let house = House::new().await;
    let all = house.get("~/providers").await;
    let names: Vec<&str> =
        all["value"].as_array().unwrap().iter().map(|v| v["namespace"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "Microsoft.Insights",
            "Microsoft.OperationalInsights",
            "Microsoft.OperationsManagement",
            "Microsoft.Resources"
        ]
    );
    let one = house.get("~/providers/microsoft.operationalinsights").await;
    let tables = one["resourceTypes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|t| t["resourceType"] == "workspaces/tables")
        .unwrap();
    assert!(tables["apiVersions"].as_array().unwrap().contains(&json!("2025-07-01")));
    let registered = house
        .send(Verb::Post, "~/providers/Microsoft.OperationalInsights/register", Value::Null)
        .await
        .unwrap();
    assert_eq!(registered.value()["registrationState"], "Registered");
    assert_eq!(
        house.fail(Verb::Post, "~/providers/No.Body/register", Value::Null).await.1,
        "InvalidResourceNamespace"
    );
}

#[tokio::test]
async fn lists_are_filtered_and_sorted() {
    let house = House::new().await;
    for (name, query, version) in [("a", "Z", 2), ("b", "y", 1), ("c", "x", 2), ("d", "w", 2)] {
        let mut body = search(query);
        body["properties"]["version"] = json!(version);
        house.put(&format!("@/savedSearches/{name}"), body).await;
    }
    let cases = [
        ("$filter=properties/version eq 2", &["a", "c", "d"][..]),
        ("$filter=", &["a", "b", "c", "d"]), // as `az resource list` sends it
        ("$filter=properties/query eq 'z' and name ne 'b'", &["a"]),
        ("$filter=not (properties/query in ('z','w')) or properties/version lt 2", &["b", "c"]),
        ("$filter=contains(name,'A')", &["a"]),
        ("$orderby=properties/query", &["d", "c", "b", "a"]),
        ("$orderby=properties/version desc,properties/query desc&$top=1", &["a", "c", "d", "b"]),
        (
            "$orderby=properties/version,name desc&$filter=properties/version ne 9",
            &["b", "d", "c", "a"],
        ),
    ];
    for (query, wanted) in cases {
        let path = format!("@/savedSearches?{}", query.replace(' ', "%20"));
        assert_eq!(house.names(&path).await, wanted, "{query}");
    }
    for (query, code) in [
        ("$filter=reverse(name) eq 'a'", "InvalidFilterInQueryString"),
        ("$filter=other eq 'a'", "InvalidFilterInQueryString"),
        ("$filter=name eq 'a", "InvalidFilterInQueryString"),
        ("$filter=properties/version eq x", "InvalidFilterInQueryString"),
        ("$orderby=name sideways", "InvalidOrderByInQueryString"),
        ("$orderby=a b c", "InvalidOrderByInQueryString"),
        ("$orderby=a-b", "InvalidOrderByInQueryString"),
    ] {
        let path = format!("@/savedSearches?{}", query.replace(' ', "%20"));
        assert_eq!(house.fail(Verb::Get, &path, Value::Null).await, (400, code.into()), "{query}");
    }
    house
        .put("~/resourceGroups/Other", json!({"location": "eastus", "tags": {"env": "test"}}))
        .await;
    assert_eq!(house.names("~/resourceGroups?$filter=tagName%20eq%20'env'").await, ["Other"]);
}

#[tokio::test]
async fn resources_are_expanded_when_asked() {
    let house = House::new().await;
    let list = async |query: &str| {
        let filter = "$filter=resourceType%20eq%20'Microsoft.OperationalInsights/workspaces'";
        house.get(&format!("~/resources?{filter}{query}")).await["value"][0].take()
    };
    let plain = list("").await;
    assert!(plain["id"].is_string() && plain.get("createdTime").is_none());
    let full = list("&$expand=createdTime,changedTime,provisioningState").await;
    assert_eq!(full["provisioningState"], "Succeeded");
    assert!(full["createdTime"].is_string() && full["changedTime"].is_string());
    let odd = house.fail(Verb::Get, "~/resources?$expand=owner", Value::Null).await;
    assert_eq!(odd, (400, "InvalidQueryParameterValue".into()));
}
