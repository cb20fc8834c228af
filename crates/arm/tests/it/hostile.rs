//! Any path and any body: an answer or a refusal, never a fault.

use arm::{Target, Verb};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::house::House;

fn paths() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("subscriptions".to_owned()),
        Just("resourceGroups".to_owned()),
        Just("providers".to_owned()),
        Just("Microsoft.OperationalInsights".to_owned()),
        Just("Microsoft.Resources".to_owned()),
        Just("workspaces".to_owned()),
        Just("tables".to_owned()),
        Just("tags".to_owned()),
        Just("default".to_owned()),
        Just("tenants".to_owned()),
        Just("register".to_owned()),
        Just("SUB".to_owned()),
        Just("Main".to_owned()),
        Just("Logs-1".to_owned()),
        "[^/]{0,8}",
    ];
    prop::collection::vec(word, 0..12).prop_map(|words| format!("/{}", words.join("/")))
}

fn bodies() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-zA-Z/_ -]{0,12}".prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("properties".to_owned()),
        Just("schema".to_owned()),
        Just("columns".to_owned()),
        Just("name".to_owned()),
        Just("type".to_owned()),
        Just("destinations".to_owned()),
        Just("logAnalytics".to_owned()),
        Just("dataFlows".to_owned()),
        Just("streams".to_owned()),
        Just("streamDeclarations".to_owned()),
        Just("Custom-x".to_owned()),
        Just("tags".to_owned()),
        Just("location".to_owned()),
        Just("plan".to_owned()),
        Just("etag".to_owned()),
        Just("retentionInDays".to_owned()),
        Just("query".to_owned()),
        "[a-z]{0,4}",
    ];
    leaf.prop_recursive(5, 30, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn runtime() -> (tokio::runtime::Runtime, House) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let house = runtime.block_on(House::new());
    (runtime, house)
}

#[test]
fn any_path_and_body_is_answered() {
    let (runtime, house) = runtime();
    let verbs = [Verb::Get, Verb::Head, Verb::Put, Verb::Patch, Verb::Post];
    let config = ProptestConfig::with_cases(400);
    proptest!(config, |(path in paths(), body in bodies(), verb in prop::sample::select(verbs.to_vec()))| {
        let path = path.replace("SUB", &house.installation.subscription_id);
        if let Err(error) = runtime.block_on(house.send(verb, &path, body)) {
            prop_assert!((400..500).contains(&error.status), "{verb:?} {path}: {error:?}");
            prop_assert!(error.body()["error"]["code"].is_string());
        }
    });
}

#[test]
fn any_body_is_judged_by_every_type() {
    let (runtime, house) = runtime();
    let targets = [
        "~/resourceGroups/new",
        "#/providers/Microsoft.OperationalInsights/workspaces/new-one",
        "@/savedSearches/new",
        "@/tables/New_CL",
        "#/providers/Microsoft.Insights/dataCollectionEndpoints/new",
        "#/providers/Microsoft.Insights/dataCollectionRules/new",
        "#/providers/Microsoft.Insights/dataCollectionRuleAssociations/new",
        "#/providers/Microsoft.OperationsManagement/solutions/new",
        "#/providers/Microsoft.Insights/workbooks/6f9619ff-8b86-d011-b42d-00cf4fc964ff",
        "@/providers/Microsoft.Resources/tags/default",
    ];
    let config = ProptestConfig::with_cases(300);
    proptest!(config, |(target in prop::sample::select(targets.to_vec()), mut body in bodies(), located in any::<bool>(), patch in any::<bool>())| {
        if let (true, Value::Object(map)) = (located, &mut body) {
            map.insert("location".into(), json!("local"));
        }
        let verb = if patch { Verb::Patch } else { Verb::Put };
        match runtime.block_on(house.send(verb, target, body)) {
            Ok(answer) => prop_assert!(matches!(answer.status, 200 | 201)),
            Err(error) => prop_assert!((400..500).contains(&error.status), "{target}: {error:?}"),
        }
    });
}

proptest! {
    #[test]
    fn targets_of_any_text(path in any::<String>()) {
        let _ = Target::parse(&path).map(|t| t.permission(Verb::Put).0);
    }
}
