//! Saved searches with an alias are functions: in step through writes, deletes and restarts.

use std::sync::Arc;

use arm::Verb;
use serde_json::{Value, json};
use state::SqliteStore;

use crate::house::{House, search, settings};

fn function(alias: &str, parameters: &str, query: &str) -> Value {
    let mut body = search(query);
    body["properties"]["functionAlias"] = json!(alias);
    body["properties"]["functionParameters"] = json!(parameters);
    body
}

fn told(functions: Vec<model::FunctionDefinition>) -> Vec<String> {
    functions.iter().map(|f| format!("{}({}) {}", f.name, f.parameters, f.body)).collect()
}

#[tokio::test]
async fn functions_follow_the_documents() {
    let house = House::new().await;
    let known = || told(house.tables.functions(&house.installation.customer_id));
    house.put("@/savedSearches/plain", search("Syslog")).await;
    assert_eq!(known(), [""; 0]);
    house.put("@/savedSearches/f", function("imDns", "disabled:bool=false", "Dns | take 1")).await;
    house.put("@/savedSearches/g", function("Other", "", "Syslog")).await;
    assert_eq!(known(), ["Other() Syslog", "imDns(disabled:bool=false) Dns | take 1"]);
    // two with one alias: the later one counts, the other is back when that goes
    let later = arm::Call {
        now: model::DateTime::parse("2027-01-01").unwrap(),
        ..house.call("@/savedSearches/a", function("Other", "", "Later"))
    };
    house.arm.put(&later).await.unwrap();
    assert_eq!(known()[0], "Other() Later");
    house.send(Verb::Delete, "@/savedSearches/a", Value::Null).await.unwrap();
    assert_eq!(known()[0], "Other() Syslog");
    // renamed, then no function any more
    house.put("@/savedSearches/g", function("Renamed", "", "Syslog")).await;
    assert_eq!(known(), ["Renamed() Syslog", "imDns(disabled:bool=false) Dns | take 1"]);
    house.put("@/savedSearches/g", search("Syslog")).await;
    house.send(Verb::Delete, "@?force=true", Value::Null).await.unwrap();
    assert_eq!(known(), [""; 0]);
}

#[tokio::test]
async fn functions_are_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let customer_id = {
        let house = House::over(Arc::new(SqliteStore::open(&path).unwrap()), |b| b).await;
        house.put("@/savedSearches/f", function("mine", "x:int", "print x")).await;
        house.installation.customer_id
    };
    let tables = Arc::new(testkit::CannedTables::new());
    arm::builder(Arc::new(SqliteStore::open(&path).unwrap()), settings(), tables.clone())
        .build()
        .unwrap();
    assert_eq!(told(tables.functions(&customer_id)), ["mine(x:int) print x"]);
}

#[tokio::test]
async fn wrong_searches_are_refused() {
    let house = House::new().await;
    let with = |name: &str, value: Value| {
        let mut body = search("a");
        body["properties"][name] = value;
        body
    };
    let cases = [
        json!({}),
        with("query", json!(" ")),
        with("query", json!(5)),
        with("category", json!(null)),
        with("displayName", json!(["x"])),
        with("functionAlias", json!("two words")),
        with("functionAlias", json!("1st")),
        with("version", json!(3)),
        with("tags", json!([{"value": "x"}])),
        with("tags", json!({"a": "b"})),
    ];
    for body in cases {
        assert_eq!(
            house.fail(Verb::Put, "@/savedSearches/x", body.clone()).await,
            (400, "InvalidParameter".into()),
            "{body}"
        );
    }
    house
        .put("@/savedSearches/x", with("tags", json!([{"name": "description", "value": "x"}])))
        .await;
    let several = house.send(Verb::Put, "@/savedSearches/x", json!({})).await.unwrap_err();
    let named: Vec<&str> = several.details.iter().filter_map(|d| d.target.as_deref()).collect();
    assert_eq!(named, ["properties.category", "properties.displayName", "properties.query"]);
}
