//! Tables over Resource Manager: shapes and refusals.

use std::sync::Arc;

use arm::Verb;
use model::{ScalarType, Schema, TableInfo, TableKind, Tables};
use serde_json::{Value, json};

use crate::house::House;

async fn house() -> House {
    let house = House::new().await;
    let syslog = TableInfo {
        name: "Syslog".into(),
        kind: TableKind::Microsoft,
        schema: Arc::new(Schema::new([
            ("TimeGenerated", ScalarType::DateTime),
            ("Computer", ScalarType::String),
            ("_ResourceId", ScalarType::String),
            ("Parts", ScalarType::Dynamic),
        ])),
        retention_days: 30,
        total_retention_days: 30,
    };
    house.tables.put_table(&house.installation.customer_id, syslog, false).await.unwrap();
    house
}

fn body(columns: &[(&str, &str)]) -> Value {
    let columns: Vec<Value> = columns.iter().map(|(n, t)| json!({"name": n, "type": t})).collect();
    json!({"properties": {"schema": {"columns": columns}}})
}

fn column_names(list: &Value) -> Vec<String> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|c| format!("{}:{}", c["name"].as_str().unwrap(), c["type"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn built_in_tables_are_shown_whole() {
    let house = house().await;
    let listed = house.get("@/tables").await;
    assert_eq!(listed["value"].as_array().unwrap().len(), 1);
    let table = house.get("@/tables/SYSLOG").await;
    assert_eq!(listed["value"][0], table);
    assert_eq!(table["id"], json!(format!("{}/tables/Syslog", house.installation.workspace)));
    let properties = &table["properties"];
    assert_eq!(properties["schema"]["tableType"], "Microsoft");
    assert_eq!(
        column_names(&properties["schema"]["standardColumns"]),
        ["TimeGenerated:dateTime", "Computer:string", "_ResourceId:string", "Parts:dynamic"]
    );
    assert_eq!(properties["schema"]["columns"], json!([]));
    assert_eq!(
        (
            &properties["plan"],
            &properties["retentionInDays"],
            &properties["retentionInDaysAsDefault"]
        ),
        (&json!("Analytics"), &json!(30), &json!(true))
    );
    assert_eq!(
        house.fail(Verb::Delete, "@/tables/Syslog", Value::Null).await,
        (400, "InvalidParameter".into())
    );
    assert_eq!(
        house.fail(Verb::Get, "@/tables/None", Value::Null).await,
        (404, "ResourceNotFound".into())
    );
}

#[tokio::test]
async fn built_in_tables_take_columns_and_retention() {
    let house = house().await;
    let answer =
        house.put("@/tables/syslog", body(&[("Computer", "string"), ("Site_CF", "guid")])).await;
    assert_eq!(answer.status, 200);
    assert_eq!(column_names(&answer.value()["properties"]["schema"]["columns"]), ["Site_CF:guid"]);
    assert_eq!(
        house.tables.table(&house.installation.customer_id, "Syslog").unwrap().schema.len(),
        5
    );
    let answer = house
        .send(Verb::Patch, "@/tables/Syslog", json!({"properties": {"totalRetentionInDays": 365}}))
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
    let properties = answer.value()["properties"].clone();
    assert_eq!(
        (
            &properties["retentionInDays"],
            &properties["totalRetentionInDays"],
            &properties["archiveRetentionInDays"]
        ),
        (&json!(90), &json!(365), &json!(275))
    );
    assert_eq!(properties["totalRetentionInDaysAsDefault"], false);
    for wrong in [body(&[("Extra", "string")]), body(&[("Computer", "int")])] {
        assert_eq!(
            house.fail(Verb::Put, "@/tables/Syslog", wrong).await,
            (400, "InvalidParameter".into())
        );
    }
}

#[tokio::test]
async fn custom_tables_come_change_and_go() {
    let house = house().await;
    let columns =
        [("TimeGenerated", "datetime"), ("A", "String"), ("B", "Boolean"), ("TenantId", "string")];
    let made = house.put("@/tables/Mine_CL", body(&columns)).await;
    assert_eq!(made.status, 200, "never 201");
    let schema = made.value()["properties"]["schema"].clone();
    assert_eq!(
        (&schema["tableType"], &schema["tableSubType"]),
        (&json!("CustomLog"), &json!("DataCollectionRuleBased"))
    );
    assert_eq!(
        column_names(&schema["columns"]),
        ["TimeGenerated:dateTime", "A:string", "B:boolean"]
    );
    assert!(column_names(&schema["standardColumns"]).contains(&"TenantId:string".to_owned()));
    let info = house.tables.table(&house.installation.customer_id, "Mine_CL").unwrap();
    assert!(info.schema.column("_ResourceId").is_some() && info.schema.column("Type").is_some());

    // PATCH adds and keeps; PUT replaces
    let more = house
        .send(
            Verb::Patch,
            "@/tables/Mine_CL",
            body(&[("TimeGenerated", "dateTime"), ("C", "long")]),
        )
        .await
        .unwrap()
        .value();
    assert_eq!(
        column_names(&more["properties"]["schema"]["columns"]),
        ["TimeGenerated:dateTime", "A:string", "B:boolean", "C:long"]
    );
    let fewer = house
        .put("@/tables/Mine_CL", body(&[("TimeGenerated", "dateTime"), ("C", "long")]))
        .await
        .value();
    assert_eq!(
        column_names(&fewer["properties"]["schema"]["columns"]),
        ["TimeGenerated:dateTime", "C:long"]
    );

    assert_eq!(
        house.send(Verb::Delete, "@/tables/Mine_CL", Value::Null).await.unwrap().status,
        200
    );
    assert_eq!(
        house.send(Verb::Delete, "@/tables/Mine_CL", Value::Null).await.unwrap().status,
        204
    );
}

#[tokio::test]
async fn wrong_tables_are_refused() {
    let house = house().await;
    let time = ("TimeGenerated", "dateTime");
    let with = |name: &'static str, value: Value| {
        let mut body = body(&[time]);
        body["properties"][name] = value;
        body
    };
    let many: Vec<String> = (0..501).map(|n| format!("c{n}")).collect();
    let mut many: Vec<(&str, &str)> = many.iter().map(|n| (n.as_str(), "int")).collect();
    many.push(time);
    let cases = [
        ("Mine", body(&[time])),
        ("_CL", body(&[time])),
        ("1st_CL", body(&[time])),
        ("My-Table_CL", body(&[time])),
        ("Mine_CL", json!({})),
        ("Mine_CL", json!({"properties": {"schema": {"columns": 5}}})),
        ("Mine_CL", json!({"properties": {"schema": {"columns": [5]}}})),
        ("Mine_CL", body(&[])),
        ("Mine_CL", body(&[("A", "string")])),
        ("Mine_CL", body(&[("TimeGenerated", "string")])),
        ("Mine_CL", body(&[time, ("A", "varchar")])),
        ("Mine_CL", body(&[time, ("A b", "string")])),
        ("Mine_CL", body(&[time, ("_A", "string")])),
        ("Mine_CL", body(&[time, ("id", "string")])),
        ("Mine_CL", body(&[time, ("A", "string"), ("a", "string")])),
        ("Mine_CL", body(&many)),
        ("Mine_CL", with("plan", json!("Basic"))),
        ("Mine_CL", with("retentionInDays", json!(3))),
        ("Mine_CL", with("retentionInDays", json!("x"))),
        ("Mine_CL", with("totalRetentionInDays", json!(7))),
        ("Mine_CL", with("totalRetentionInDays", json!(4384))),
    ];
    for (name, body) in cases {
        let got = house.fail(Verb::Put, &format!("@/tables/{name}"), body.clone()).await;
        assert_eq!(
            got,
            (400, "InvalidParameter".into()),
            "{name} {}",
            body.to_string().chars().take(200).collect::<String>()
        );
    }
    let search_job = with("searchResults", json!({"query": "Syslog"}));
    assert_eq!(
        house.fail(Verb::Put, "@/tables/Mine_SRCH", search_job).await,
        (400, "NotSupported".into())
    );
    assert_eq!(house.fail(Verb::Patch, "@/tables/None_CL", body(&[time])).await.0, 404);
    assert_eq!(house.names("@/tables").await, ["Syslog"]);
}

/// az reads a table and sends all of it back with the days that it was told to change.
#[tokio::test]
async fn an_inherited_total_follows_days_that_are_longer() {
    let house = House::new().await;
    house.send(Verb::Patch, "@", json!({"properties": {"retentionInDays": 30}})).await.unwrap();
    let columns = json!([{"name": "TimeGenerated", "type": "dateTime"}]);
    let schema = json!({"name": "Long_CL", "columns": columns});
    let made = json!({"properties": {"schema": schema}});
    house.put("@/tables/Long_CL", made.clone()).await;
    let mut table = house.get("@/tables/Long_CL").await;
    assert_eq!(table["properties"]["totalRetentionInDays"], 30);
    for flag in ["retentionInDaysAsDefault", "totalRetentionInDaysAsDefault"] {
        table["properties"].as_object_mut().unwrap().remove(flag);
    }
    table["properties"]["retentionInDays"] = json!(90);
    for verb in [Verb::Put, Verb::Patch] {
        house.put("@/tables/Long_CL", made.clone()).await;
        let changed = house.send(verb, "@/tables/Long_CL", table.clone()).await.unwrap().value();
        assert_eq!(changed["properties"]["retentionInDays"], 90, "{verb:?}");
        assert_eq!(changed["properties"]["totalRetentionInDays"], 90, "{verb:?}");
    }
    // one of its own that is too short is refused as before
    let own = json!({"properties": {"retentionInDays": 90, "totalRetentionInDays": 40}});
    assert_eq!(house.fail(Verb::Put, "@/tables/Long_CL", own).await.1, "InvalidParameter");
}
