//! Tags on their own.

use arm::Verb;
use serde_json::{Value, json};

use crate::house::House;

#[tokio::test]
async fn tags_are_replaced_merged_and_taken_away() {
    let house = House::new().await;
    let body = |operation: &str, tags: Value| json!({"operation": operation, "properties": {"tags": tags}});
    for target in ["@", "#"] {
        let path = format!("{target}/providers/Microsoft.Resources/tags/default");
        let steps = [
            (Verb::Put, body("", json!({"a": "1", "b": "2"})), json!({"a": "1", "b": "2"})),
            (
                Verb::Patch,
                body("Merge", json!({"b": "3", "c": "4"})),
                json!({"a": "1", "b": "3", "c": "4"}),
            ),
            (
                Verb::Patch,
                body("delete", json!({"A": "1", "c": "other"})),
                json!({"b": "3", "c": "4"}),
            ),
            (Verb::Patch, body("Replace", json!({"z": "9"})), json!({"z": "9"})),
        ];
        for (verb, body, wanted) in steps {
            let answer = house.send(verb, &path, body).await.unwrap();
            assert_eq!((answer.status, &answer.value()["properties"]["tags"]), (200, &wanted));
            assert_eq!(house.get(target).await["tags"], wanted);
        }
        assert_eq!(
            house.fail(Verb::Patch, &path, body("Odd", json!({}))).await.1,
            "InvalidRequestContent"
        );
        assert_eq!(
            house.fail(Verb::Put, &path, body("", json!({"a": 1}))).await.1,
            "InvalidTagsInRequest"
        );
        assert_eq!(
            house.fail(Verb::Put, &path, body("", json!([]))).await.1,
            "InvalidRequestContent"
        );
        let other = format!("{target}/providers/Microsoft.Resources/tags/other");
        assert_eq!(
            house.fail(Verb::Put, &other, body("", json!({}))).await.1,
            "InvalidResourceName"
        );
        house.send(Verb::Delete, &path, Value::Null).await.unwrap();
        assert_eq!(house.get(&path).await["properties"]["tags"], json!({}));
    }
    let nowhere = "@/savedSearches/none/providers/Microsoft.Resources/tags/default";
    assert_eq!(house.fail(Verb::Get, nowhere, Value::Null).await.0, 404);
}

#[tokio::test]
async fn the_subscription_keeps_its_tags() {
    let house = House::new().await;
    let path = "~/providers/Microsoft.Resources/tags/default";
    let body = json!({"properties": {"tags": {"env": "prod"}}});
    assert_eq!(house.put(path, body).await.status, 200);
    let names = arm::BootstrapNames::default();
    arm::bootstrap(&house.arm, &names, crate::house::now()).await.unwrap();
    assert_eq!(house.get(path).await["properties"]["tags"], json!({"env": "prod"}));
    assert_eq!(house.get("~").await["tags"], json!({"env": "prod"}));
    let bad = json!({"properties": {"tags": {"env": 1}}});
    assert_eq!(house.fail(Verb::Put, path, bad).await.1, "InvalidTagsInRequest");
    house.send(Verb::Delete, path, Value::Null).await.unwrap();
    assert_eq!(house.get(path).await["properties"]["tags"], json!({}));
}
