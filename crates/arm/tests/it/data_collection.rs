//! Data collection rules: every name resolves, every transform binds, or the rule is refused.

use arm::{Verb, data_collection_rule_by_immutable_id};
use model::{QueryError, ScalarType, Tables};
use serde_json::{Value, json};
use testkit::{rows, schema};

use crate::house::{House, now};

const RULE: &str = "#/providers/Microsoft.Insights/dataCollectionRules/rule";

async fn house() -> House {
    let house = House::new().await;
    for (name, columns) in [
        ("Syslog", "TimeGenerated:datetime, Computer:string"),
        ("Mine_CL", "TimeGenerated:datetime, n:long"),
    ] {
        let info = model::TableInfo {
            name: name.into(),
            kind: model::TableKind::Custom,
            schema: schema(columns),
            retention_days: 30,
            total_retention_days: 30,
        };
        house.tables.put_table(&house.installation.customer_id, info, false).await.unwrap();
    }
    house
}

/// A good rule with one change at a path of members.
fn rule(house: &House, path: &str, value: Value) -> Value {
    let mut body = json!({
        "location": "local",
        "properties": {
            "streamDeclarations": {"Custom-raw": {"columns": [{"name": "t", "type": "datetime"}, {"name": "n", "type": "string"}]}},
            "destinations": {"logAnalytics": [{"name": "logs", "workspaceResourceId": house.installation.workspace.as_str()}]},
            "dataFlows": [
                {"streams": ["Custom-raw"], "destinations": ["logs"], "transformKql": "source | project n = tolong(n)", "outputStream": "Custom-Mine_CL"},
                {"streams": ["Microsoft-Syslog"], "destinations": ["logs"]},
            ],
        },
    });
    if !path.is_empty() {
        *body.pointer_mut(&format!("/properties/{path}")).unwrap() = value;
    }
    body
}

#[tokio::test]
async fn a_good_rule_is_stored_with_its_ids() {
    let house = house().await;
    house.tables.answer("", rows("n:long", []));
    let stored = house.put(RULE, rule(&house, "", Value::Null)).await;
    assert_eq!(stored.status, 201);
    let stored = stored.value();
    let properties = &stored["properties"];
    assert_eq!(
        properties["destinations"]["logAnalytics"][0]["workspaceId"],
        json!(house.installation.customer_id)
    );
    let id = properties["immutableId"].as_str().unwrap();
    let read = data_collection_rule_by_immutable_id(&house.arm, id).unwrap().unwrap();
    let exists = |w: &str, t: &str| house.tables.table(w, t).is_some();
    let target = &read.targets("Custom-raw", &exists).unwrap()[0];
    assert_eq!(target.table, "Mine_CL");
    assert_eq!(
        target.columns.as_deref().unwrap(),
        [("t".to_owned(), ScalarType::DateTime), ("n".to_owned(), ScalarType::String)]
    );
    assert_eq!(format!("\"{}\"", read.etag), stored["etag"].as_str().unwrap());
    let (text, source) = &house.tables.transforms()[0];
    assert_eq!(text, "source | project n = tolong(n)");
    assert_eq!(*source, schema("t:datetime,n:string"));

    // the same again keeps the id; tags alone may be patched
    let again = house.put(RULE, stored.clone()).await;
    assert_eq!((again.status, &again.value()["properties"]["immutableId"]), (200, &json!(id)));
    let patched = house
        .send(Verb::Patch, RULE, json!({"tags": {"a": "b"}, "properties": {"dataFlows": []}}))
        .await
        .unwrap()
        .value();
    assert_eq!(patched["tags"], json!({"a": "b"}));
    assert_eq!(patched["properties"]["dataFlows"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn names_that_lead_nowhere_are_refused() {
    let house = house().await;
    house.tables.answer("", rows("n:long", []));
    let workspace = house.installation.workspace.as_str();
    let cases = [
        ("destinations", json!(null), "InvalidPayload"),
        ("destinations", json!({}), "InvalidPayload"),
        ("destinations", json!({"logAnalytics": {}}), "InvalidPayload"),
        ("destinations", json!({"logAnalytics": [{"name": "logs"}]}), "InvalidPayload"),
        (
            "destinations",
            json!({"logAnalytics": [{"workspaceResourceId": workspace}]}),
            "InvalidPayload",
        ),
        (
            "destinations",
            json!({"logAnalytics": [{"name": "logs", "workspaceResourceId": format!("{workspace}x")}]}),
            "InvalidPayload",
        ),
        ("destinations", json!({"azureMonitorMetrics": {"name": "logs"}}), "InvalidPayload"),
        ("destinations/logAnalytics/0/name", json!("other"), "InvalidPayload"),
        ("dataFlows", json!([]), "InvalidPayload"),
        ("dataFlows", json!([5]), "InvalidPayload"),
        ("dataFlows/0/streams", json!(["Custom-undeclared"]), "InvalidPayload"),
        ("dataFlows/0/streams", json!(["Microsoft-"]), "InvalidPayload"),
        ("dataFlows/0/destinations", json!([]), "InvalidPayload"),
        ("dataFlows/0/transformKql", json!(5), "InvalidPayload"),
        ("dataFlows/0/outputStream", json!("Mine_CL"), "InvalidPayload"),
        ("dataFlows/0/outputStream", json!("Custom-None_CL"), "InvalidOutputTable"),
        ("dataFlows/1/streams", json!(["Microsoft-None"]), "InvalidOutputTable"),
        (
            "streamDeclarations",
            json!({"Raw": {"columns": [{"name": "a", "type": "int"}]}}),
            "InvalidPayload",
        ),
        ("streamDeclarations/Custom-raw/columns", json!([]), "InvalidPayload"),
        ("streamDeclarations/Custom-raw/columns/0/type", json!("varchar"), "InvalidPayload"),
        ("streamDeclarations/Custom-raw/columns/0/name", json!("it's"), "InvalidPayload"),
        ("streamDeclarations/Custom-raw/columns/0/name", json!("n"), "InvalidPayload"),
    ];
    for (path, value, code) in cases {
        let got = house.fail(Verb::Put, RULE, rule(&house, path, value.clone())).await;
        assert_eq!(got, (400, code.to_owned()), "{path} = {value}");
    }
    let mut body = rule(&house, "", Value::Null);
    body["properties"]["dataCollectionEndpointId"] = json!("/subscriptions/x");
    assert_eq!(house.fail(Verb::Put, RULE, body).await, (400, "InvalidPayload".into()));
    assert_eq!(house.fail(Verb::Get, RULE, Value::Null).await.0, 404, "nothing was stored");
}

#[tokio::test]
async fn transforms_must_bind_and_fit() {
    let house = house().await;
    let error = QueryError::Semantic {
        code: "SEM0100".into(),
        message: "no column 'x'".into(),
        line: 1,
        pos: 9,
        token: "x".into(),
    };
    house.tables.answer_with("tolong", Err(error));
    let refused = house.send(Verb::Put, RULE, rule(&house, "", Value::Null)).await.unwrap_err();
    assert_eq!(
        (refused.code.as_ref(), refused.target.as_deref()),
        ("InvalidTransformQuery", Some("properties.dataFlows[0].transformKql"))
    );
    assert!(refused.message.contains("no column 'x' (line 1, position 9)"), "{}", refused.message);
    house.tables.answer("tolong", rows("n:string, extra:int", []));
    let refused = house.send(Verb::Put, RULE, rule(&house, "", Value::Null)).await.unwrap_err();
    assert_eq!(refused.code, "InvalidTransformOutput");
    assert!(refused.message.contains("n [produced: string, output: long]"), "{}", refused.message);
}

#[tokio::test]
async fn associations_are_found_from_both_ends() {
    let house = house().await;
    let rule = house.installation.data_collection_rule.clone();
    let on = |vm: &str, name: &str| {
        format!(
            "#/providers/Microsoft.Compute/virtualMachines/{vm}/providers/Microsoft.Insights/dataCollectionRuleAssociations/{name}"
        )
    };
    for vm in ["a", "b"] {
        house
            .put(
                &on(vm, "logs"),
                json!({"properties": {"dataCollectionRuleId": rule.as_str().to_uppercase()}}),
            )
            .await;
    }
    let endpoint = house.installation.data_collection_endpoint.clone();
    house
        .put(
            &on("a", "configurationAccessEndpoint"),
            json!({"properties": {"dataCollectionEndpointId": endpoint.as_str()}}),
        )
        .await;
    assert_eq!(house.names(&format!("{rule}/associations")).await, ["logs", "logs"]);
    assert_eq!(
        house.names(&format!("{endpoint}/associations")).await,
        ["configurationAccessEndpoint"]
    );
    let all = on("a", "");
    assert_eq!(
        house.names(all.trim_end_matches('/')).await,
        ["configurationAccessEndpoint", "logs"]
    );
    let cases = [
        ("x", json!({})),
        ("x", json!({"dataCollectionRuleId": "/subscriptions/none"})),
        ("x", json!({"dataCollectionEndpointId": endpoint.as_str()})),
        ("configurationAccessEndpoint", json!({"dataCollectionRuleId": rule.as_str()})),
        (
            "x",
            json!({"dataCollectionRuleId": rule.as_str(), "dataCollectionEndpointId": endpoint.as_str()}),
        ),
    ];
    for (name, properties) in cases {
        let got =
            house.fail(Verb::Put, &on("a", name), json!({"properties": properties.clone()})).await;
        assert_eq!(got, (400, "InvalidPayload".into()), "{name} {properties}");
    }
    let elsewhere = "~/resourceGroups/none/providers/Microsoft.Compute/virtualMachines/a/providers/Microsoft.Insights/dataCollectionRuleAssociations/x";
    assert_eq!(house.fail(Verb::Put, elsewhere, json!({})).await.1, "ResourceGroupNotFound");
    assert!(now() > model::DateTime::MIN);
}

#[tokio::test]
async fn a_rule_goes_with_its_associations_or_not_at_all() {
    let house = house().await;
    let rule = house.installation.data_collection_rule.clone();
    let on = "#/providers/Microsoft.Compute/virtualMachines/a/providers/Microsoft.Insights/dataCollectionRuleAssociations/logs";
    let body = json!({"properties": {"dataCollectionRuleId": rule.as_str()}});
    house.put(on, body).await;
    assert_eq!(
        house.fail(Verb::Delete, rule.as_str(), Value::Null).await,
        (409, "Conflict".into())
    );
    house.get(rule.as_str()).await;
    let path = format!("{rule}?deleteAssociations=true");
    assert_eq!(house.send(Verb::Delete, &path, Value::Null).await.unwrap().status, 200);
    assert_eq!(house.fail(Verb::Get, on, Value::Null).await.0, 404);
}
