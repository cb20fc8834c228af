//! What pillars add: extension types, children, providers, hooks, actions, delete answers.

use std::sync::{Arc, Mutex};

use arm::{
    Action, Answer, Arm, ArmError, Call, DeleteAnswer, Etag, Field, Hook, Index, Kind, Page, Place,
    Provider, PutContext, ResourceType, Scope, Verb,
};
use async_trait::async_trait;
use model::ResourceId;
use serde_json::{Value, json};

use crate::house::House;

const TYPES: &[ResourceType] = &[
    ResourceType::new("Test.Security/rules")
        .scopes(&[Scope::On("Microsoft.OperationalInsights/workspaces")])
        .etag(Etag::Checked)
        .invalid_code("BadRequest")
        .check(|rule: &mut PutContext<'_>| {
            rule.check_fields(&[
                Field::required("displayName", Kind::Text(9)),
                Field::new("query", Kind::Text(99)),
            ])
        }),
    ResourceType::new("Test.Security/rules/actions"),
    ResourceType::new("Test.Security/automations")
        .scopes(&[Scope::On("Microsoft.OperationalInsights/workspaces")])
        .delete(DeleteAnswer::Object),
    ResourceType::new("Test.Security/watchlists")
        .scopes(&[Scope::On("Microsoft.OperationalInsights/workspaces")])
        .delete(DeleteAnswer::NoContent),
    ResourceType::new("Test.Security/templates")
        .scopes(&[Scope::On("Microsoft.OperationalInsights/workspaces")])
        .read_only(),
    ResourceType::new("Test.Security/templates/notes"),
    ResourceType::new("Test.Security/vaults").indexes(&[Index {
        collection: "vault-names",
        key: |value| value["properties"]["dns"].as_str().map(str::to_owned),
    }]),
    ResourceType::new("Test.Security/notes").scopes(&[Scope::OnAny]),
];

/// Refuses one word in queries, and keeps what it is told.
#[derive(Default)]
struct Watcher {
    told: Mutex<Vec<String>>,
}

#[async_trait]
impl Hook for Watcher {
    async fn check(&self, _arm: &Arm, context: &mut PutContext<'_>) -> Result<(), ArmError> {
        tokio::task::yield_now().await;
        if context.text("query") == Some("broken") {
            return Err(context.invalid("properties.query", "does not bind"));
        }
        context.set("bound", true);
        Ok(())
    }

    async fn deleting(&self, _arm: &Arm, id: &ResourceId, value: &Value) -> Result<(), ArmError> {
        match value["properties"]["query"].as_str() {
            Some("kept") => Err(ArmError::conflict(format!("'{id}' is in use"))),
            _ => Ok(()),
        }
    }

    async fn changed(
        &self,
        _arm: &Arm,
        id: &ResourceId,
        old: Option<&Value>,
        value: Option<&Value>,
    ) -> Result<(), ArmError> {
        let show = |v: Option<&Value>| {
            v.map_or("-".to_owned(), |v| v["properties"]["displayName"].to_string())
        };
        self.told.lock().unwrap().push(format!("{} {} {}", id.name(), show(old), show(value)));
        Ok(())
    }
}

/// Two templates that no store holds.
struct Templates;

#[async_trait]
impl Provider for Templates {
    async fn get(
        &self,
        _arm: &Arm,
        _call: &Call,
        place: &Place,
    ) -> Result<Option<Value>, ArmError> {
        Ok(["one", "two"].contains(&place.id.name()).then(|| json!({"name": place.id.name()})))
    }

    async fn list(&self, _arm: &Arm, call: &Call, _scope: &Place) -> Result<Page, ArmError> {
        Page::cut(vec![json!({"name": "one"}), json!({"name": "two"})], call, 1)
    }
}

struct Run;

#[async_trait]
impl Action for Run {
    async fn run(&self, _arm: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        Ok(Answer::json(202, json!({"ran": place.id.name(), "with": call.body})))
    }
}

async fn house() -> (House, Arc<Watcher>) {
    let watcher = Arc::new(Watcher::default());
    let house = House::with(|b| {
        b.types(TYPES)
            .hook("test.security/rules", watcher.clone())
            .provider("Test.Security/templates", Arc::new(Templates))
            .action("Test.Security/rules", Verb::Post, "run", Arc::new(Run))
            .action("Test.Security", Verb::Post, "checkName", Arc::new(Run))
    })
    .await;
    (house, watcher)
}

const RULES: &str = "@/providers/Test.Security/rules";

fn rule(name: &str, query: &str) -> Value {
    json!({"properties": {"displayName": name, "query": query}})
}

#[tokio::test]
async fn extensions_and_their_children_live_on_the_workspace() {
    let (house, watcher) = house().await;
    assert_eq!(house.put(&format!("{RULES}/r"), rule("a", "q")).await.status, 201);
    let stored = house.get(&format!("{RULES}/r")).await;
    assert_eq!(
        stored["id"],
        json!(format!("{}/providers/Test.Security/rules/r", house.installation.workspace))
    );
    assert_eq!(stored["properties"]["bound"], true);
    house.put(&format!("{RULES}/r/actions/x"), json!({"properties": {}})).await;
    assert_eq!(house.names(&format!("{RULES}/r/actions")).await, ["x"]);
    assert_eq!(house.names(RULES).await, ["r"], "children are not among their parents");
    assert_eq!(
        house.fail(Verb::Put, &format!("{RULES}/none/actions/x"), json!({})).await.1,
        "ParentResourceNotFound"
    );
    assert_eq!(
        house.fail(Verb::Put, "#/providers/Test.Security/rules/r", rule("a", "q")).await.1,
        "InvalidResourceScope"
    );
    assert_eq!(
        house.fail(Verb::Put, &format!("{RULES}/s"), rule("a", "broken")).await,
        (400, "BadRequest".into())
    );
    assert_eq!(
        house.fail(Verb::Put, &format!("{RULES}/s"), json!({})).await,
        (400, "BadRequest".into())
    );

    house.put(&format!("{RULES}/r"), rule("b", "q")).await;
    house.send(Verb::Delete, &format!("{RULES}/r"), Value::Null).await.unwrap();
    for path in ["r/actions", "r/actions/x"] {
        assert_eq!(house.fail(Verb::Get, &format!("{RULES}/{path}"), Value::Null).await.0, 404);
    }
    assert_eq!(*watcher.told.lock().unwrap(), ["r - \"a\"", "r \"a\" \"b\"", "r \"b\" -"]);
}

#[tokio::test]
async fn hooks_can_keep_what_is_in_use() {
    let (house, watcher) = house().await;
    house.put(&format!("{RULES}/r"), rule("a", "kept")).await;
    // a workspace that is deleted without force, alone or with its group, rests with all below it
    for path in [&format!("{RULES}/r"), "@?force=true"] {
        assert_eq!(house.fail(Verb::Delete, path, Value::Null).await, (409, "Conflict".into()));
    }
    house.put(&format!("{RULES}/r"), rule("a", "free")).await;
    house.send(Verb::Delete, "@?force=true", Value::Null).await.unwrap();
    assert_eq!(watcher.told.lock().unwrap().last().unwrap(), "r \"a\" -");
}

#[tokio::test]
async fn deletes_answer_as_the_clients_expect() {
    let (house, _) = house().await;
    let cases = [
        ("automations", 200, Some(json!({})), 200),
        ("watchlists", 204, None, 204),
        ("rules", 200, None, 204),
    ];
    for (kind, status, body, again) in cases {
        let path = format!("@/providers/Test.Security/{kind}/x");
        house.put(&path, rule("a", "q")).await;
        let gone = house.send(Verb::Delete, &path, Value::Null).await.unwrap();
        assert_eq!((gone.status, gone.body), (status, body));
        assert_eq!(house.send(Verb::Delete, &path, Value::Null).await.unwrap().status, again);
    }
}

#[tokio::test]
async fn providers_and_actions_take_their_place() {
    let (house, _) = house().await;
    let templates = "@/providers/Test.Security/templates";
    assert_eq!(house.get(&format!("{templates}/two")).await, json!({"name": "two"}));
    assert_eq!(
        house.fail(Verb::Get, &format!("{templates}/three"), Value::Null).await.1,
        "ResourceNotFound"
    );
    assert_eq!(house.names(templates).await, ["one", "two"]);
    assert_eq!(house.fail(Verb::Put, &format!("{templates}/one"), json!({})).await.0, 405);
    assert_eq!(house.fail(Verb::Delete, &format!("{templates}/one"), json!({})).await.0, 405);
    // a document below a resource that is none
    assert_eq!(house.put(&format!("{templates}/one/notes/n"), json!({})).await.status, 201);
    assert_eq!(
        house.fail(Verb::Put, &format!("{templates}/three/notes/n"), json!({})).await.1,
        "ParentResourceNotFound"
    );

    house.put(&format!("{RULES}/r"), rule("a", "q")).await;
    let ran = house.send(Verb::Post, &format!("{RULES}/r/RUN"), json!(1)).await.unwrap();
    assert_eq!(ran, Answer::json(202, json!({"ran": "r", "with": 1})));
    assert_eq!(
        house.fail(Verb::Post, &format!("{RULES}/none/run"), json!(1)).await.1,
        "ResourceNotFound"
    );
    assert_eq!(
        house.fail(Verb::Get, &format!("{RULES}/r/run"), json!(1)).await.1,
        "InvalidResourceType"
    );
    let named =
        house.send(Verb::Post, "~/providers/test.security/checkname", json!(2)).await.unwrap();
    assert_eq!(named.value()["with"], 2);
}

#[test]
fn wrong_registrations_are_told() {
    let build = |add: fn(arm::ArmBuilder) -> arm::ArmBuilder| {
        let store = Arc::new(state::MemoryStore::new());
        add(Arm::builder(store, crate::house::settings()).types(TYPES))
            .build()
            .err()
            .unwrap_or_default()
    };
    assert!(build(|b| b.types(TYPES)).contains("registered twice"));
    assert!(
        build(|b| b.provider("Test.Security/none", Arc::new(Templates)))
            .contains("before its table entry")
    );
    assert!(
        build(|b| b.hook("Test.Security/none", Arc::new(Watcher::default())))
            .contains("before its table entry")
    );
    let action = |b: arm::ArmBuilder| b.action("a/b", Verb::Post, "c", Arc::new(Run));
    assert!(
        build(|b| b.action("a/b", Verb::Post, "c", Arc::new(Run)).action(
            "A/B",
            Verb::Post,
            "C",
            Arc::new(Run)
        ))
        .contains("registered twice")
    );
    assert_eq!(build(action), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_indexed_name_belongs_to_one() {
    let (house, _) = house().await;
    let house = Arc::new(house);
    let vault = |n: u32| format!("#/providers/Test.Security/vaults/v{n}");
    let named = |name: &str| json!({"properties": {"dns": name}});
    let mut writers = Vec::new();
    for n in 0..6 {
        let (house, path, body) = (Arc::clone(&house), vault(n), named("one"));
        writers.push(tokio::spawn(async move { house.send(Verb::Put, &path, body).await }));
    }
    let mut won = Vec::new();
    for (n, writer) in (0..).zip(writers) {
        match writer.await.unwrap() {
            Ok(_) => won.push(n),
            Err(error) => assert_eq!((error.status, error.code.as_ref()), (409, "Conflict")),
        }
    }
    assert_eq!(won.len(), 1);
    let find = |name: &str| house.arm.find("vault-names", name).unwrap();
    assert_eq!(find("one"), Some(house.id(&vault(won[0]))));
    // renamed: the old name is free
    house.put(&vault(won[0]), named("two")).await;
    assert_eq!((find("one"), find("two")), (None, Some(house.id(&vault(won[0])))));
    house.put(&vault(9), named("one")).await;
    house.send(Verb::Delete, &vault(9), Value::Null).await.unwrap();
    assert_eq!(find("one"), None);
}

#[tokio::test]
async fn what_sits_on_a_table_goes_with_it() {
    let (house, _) = house().await;
    let columns = json!([{"name": "TimeGenerated", "type": "dateTime"}]);
    house.put("@/tables/Mine_CL", json!({"properties": {"schema": {"columns": columns}}})).await;
    let note = "@/tables/Mine_CL/providers/Test.Security/notes/n";
    assert_eq!(house.put(note, json!({})).await.status, 201);
    house.send(Verb::Delete, "@/tables/Mine_CL", Value::Null).await.unwrap();
    assert!(house.arm.store().list_all("test.security/notes", "").unwrap().is_empty());
}
