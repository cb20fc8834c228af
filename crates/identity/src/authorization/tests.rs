#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::sync::Arc;

use arm::{Answer, Arm, Call, Caller, CallerKind, Settings, Verb};
use serde_json::json;

use super::*;
use crate::testing::{House, SUBSCRIPTION, house, now};

const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const GROUP: &str = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/soc";

/// Resource Manager over a house, with its subscription and a group.
struct World {
    house: House,
    arm: Arc<Arm>,
}

fn world() -> World {
    let house = house();
    let identity = &house.identity;
    let settings =
        Settings { public_url: "https://localhost:8443".into(), location: "local".into() };
    let arm = Arm::builder(house.store.clone(), settings)
        .types(arm::TYPES)
        .types(TYPES)
        .provider(ROLE_ASSIGNMENTS, Arc::new(RoleAssignments::new(identity.clone())))
        .hook(ROLE_ASSIGNMENTS, Arc::new(RoleAssignments::new(identity.clone())))
        .provider(ROLE_DEFINITIONS, Arc::new(RoleDefinitions::new(identity.clone())))
        .provider(PERMISSIONS, Arc::new(Permissions::new(identity.clone())))
        .build()
        .unwrap();
    let world = World { house, arm };
    let subscription = json!({ "id": SUBSCRIPTION, "name": "11111111-2222-3333-4444-555555555555", "properties": {} });
    let collection = arm::SUBSCRIPTIONS.to_ascii_lowercase();
    let key = ResourceId::new(SUBSCRIPTION).key();
    world
        .house
        .identity
        .store()
        .put(&collection, &key, subscription, state::Condition::Any)
        .unwrap();
    world.put(GROUP, json!({ "location": "local" })).unwrap();
    world
}

fn guid(n: u8) -> String {
    format!("dddddddd-0000-0000-0000-0000000000{n:02}")
}

fn assignment(scope: &str, n: u8) -> String {
    format!(
        "{}/providers/Microsoft.Authorization/roleAssignments/{}",
        scope.trim_end_matches('/'),
        guid(n)
    )
}

fn definition(n: u8) -> String {
    format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{}", guid(n))
}

fn body(role: &str, principal: &str) -> Value {
    let role = format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}");
    json!({ "properties": { "roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal" } })
}

fn custom(name: &str, actions: &[&str], scopes: &[&str]) -> Value {
    json!({ "properties": { "roleName": name, "description": "d", "type": "CustomRole",
        "permissions": [{ "actions": actions, "notActions": [] }], "assignableScopes": scopes } })
}

impl World {
    fn call(&self, verb: Verb, call: &Call) -> Result<Answer, ArmError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.arm.answer(verb, call))
    }

    fn put(&self, id: &str, body: Value) -> Result<Answer, ArmError> {
        self.put_as(&self.house.admin.object_id, id, body)
    }

    fn put_as(&self, caller: &str, id: &str, body: Value) -> Result<Answer, ArmError> {
        let caller = Caller { name: caller.to_owned(), kind: CallerKind::Application };
        self.call(Verb::Put, &Call { caller, ..Call::system(id, body, now()) })
    }

    fn get(&self, id: &str) -> Result<Value, ArmError> {
        self.call(Verb::Get, &Call::system(id, Value::Null, now())).map(Answer::value)
    }

    fn delete(&self, id: &str) -> Result<Answer, ArmError> {
        self.call(Verb::Delete, &Call::system(id, Value::Null, now()))
    }

    fn list(&self, scope: &str, kind: &str, filter: Option<&str>) -> Result<Vec<Value>, ArmError> {
        let path =
            format!("{}/providers/Microsoft.Authorization/{kind}", scope.trim_end_matches('/'));
        let mut call = Call::system(path.as_str(), Value::Null, now());
        call.query.extend(filter.map(|f| ("$filter".to_owned(), f.to_owned())));
        let value = self.call(Verb::Get, &call)?.value();
        Ok(value["value"].as_array().unwrap().clone())
    }

    fn allows(&self, principal: &str, action: &str, scope: &str) -> bool {
        self.house.identity.access().allows(principal, action, &ResourceId::new(scope), false)
    }
}

fn refusal(result: Result<Answer, ArmError>) -> (u16, String) {
    let error = result.expect_err("refused");
    (error.status, error.code.to_string())
}

#[test]
fn an_assignment_is_in_force_when_put_answers_and_out_of_it_when_delete_does() {
    let world = world();
    let app = world.house.app("app");
    let id = assignment(GROUP, 1);
    assert!(!world.allows(&app.principal, "a/read", GROUP));
    let made = world.put(&id, body(READER, &app.principal)).unwrap();
    assert_eq!(made.status, 201);
    assert!(world.allows(&app.principal, "a/read", GROUP));
    assert!(!world.allows(&app.principal, "a/read", SUBSCRIPTION));
    let value = world.get(&id).unwrap();
    assert_eq!(Some(&value), made.body.as_ref());
    let properties = &value["properties"];
    assert_eq!(
        (properties["scope"].as_str(), properties["principalId"].as_str()),
        (Some(GROUP), Some(app.principal.as_str()))
    );
    assert_eq!(
        properties["roleDefinitionId"],
        format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{READER}")
    );
    assert_eq!(properties["createdBy"], world.house.admin.object_id);
    assert_eq!(
        (value["type"].as_str(), value["name"].as_str()),
        (Some(ROLE_ASSIGNMENTS), Some(guid(1).as_str()))
    );

    let gone = world.delete(&id).unwrap();
    assert_eq!((gone.status, gone.body), (200, Some(value)));
    assert!(!world.allows(&app.principal, "a/read", GROUP));
    assert_eq!(world.delete(&id).unwrap().status, 204);
    let missing = world.get(&id).unwrap_err();
    assert_eq!((missing.status, &*missing.code), (404, "RoleAssignmentNotFound"));
    let missing = world.get(&definition(77)).unwrap_err();
    assert_eq!((missing.status, &*missing.code), (404, "RoleDefinitionDoesNotExist"));
}

#[test]
fn custom_roles_say_who_made_them() {
    let world = world();
    let id = definition(1);
    world.put(&id, custom("c", &["*/read"], &[SUBSCRIPTION])).unwrap();
    world.put_as("somebody", &id, custom("c", &["*/read"], &[SUBSCRIPTION])).unwrap_err();
    world.put(&id, custom("d", &["*/read"], &[SUBSCRIPTION])).unwrap();
    let made = world.get(&id).unwrap()["properties"].take();
    let me = json!(world.house.admin.object_id);
    assert_eq!((&made["createdBy"], &made["updatedBy"]), (&me, &me));
    assert_eq!(
        (&made["createdOn"], &made["updatedOn"]),
        (&json!(now().to_string()), &json!(now().to_string()))
    );
}

#[test]
fn assignments_are_made_once() {
    let world = world();
    let app = world.house.app("app");
    let (one, two) = (assignment(GROUP, 1), assignment(GROUP, 2));
    world.put(&one, body(READER, &app.principal)).unwrap();
    assert_eq!(
        world.put(&one, body(READER, &app.principal)).unwrap().status,
        200,
        "the same again"
    );
    let mut described = body(READER, &app.principal);
    described["properties"]["description"] = json!("for the audit");
    let caller = Caller { name: "somebody".into(), kind: CallerKind::User };
    let later = model::DateTime::from_ticks(now().ticks() + 10_000_000);
    let call = Call { caller, ..Call::system(one.as_str(), described, later) };
    let changed = world.call(Verb::Put, &call).unwrap();
    assert_eq!(changed.status, 200);
    let properties = &changed.value()["properties"];
    let stored = &world.get(&one).unwrap()["properties"];
    assert_eq!(properties, stored);
    assert_eq!(stored["description"], "for the audit");
    assert_eq!(
        (&stored["updatedBy"], &stored["updatedOn"]),
        (&json!("somebody"), &json!(later.to_string()))
    );
    assert_eq!(stored["createdOn"], json!(now().to_string()));
    assert!(world.allows(&app.principal, "a/read", GROUP));
    assert_eq!(
        refusal(world.put(&two, body(READER, &app.principal))),
        (409, "RoleAssignmentExists".into())
    );
    assert_eq!(
        refusal(world.put(&one, body(OWNER, &app.principal))),
        (409, "RoleAssignmentUpdateNotPermitted".into())
    );
    assert_eq!(
        refusal(world.put(&assignment(SUBSCRIPTION, 1), body(READER, &app.principal))),
        (409, "RoleAssignmentUpdateNotPermitted".into()),
        "a GUID that is taken elsewhere"
    );
    assert_eq!(
        world.put(&assignment(SUBSCRIPTION, 3), body(READER, &app.principal)).unwrap().status,
        201
    );
    assert_eq!(world.put(&assignment("/", 4), body(READER, &app.principal)).unwrap().status, 201);
}

#[test]
fn assignments_of_nothing_to_nobody_are_refused() {
    let world = world();
    let app = world.house.app("app");
    let put = |body: Value| refusal(world.put(&assignment(GROUP, 1), body)).1;
    let with = |name: &str, value: Value| {
        let mut body = body(READER, &app.principal);
        body["properties"][name] = value;
        body
    };
    assert_eq!(put(json!({})), "InvalidRoleAssignmentRequest");
    assert_eq!(put(with("principalId", json!(null))), "InvalidRoleAssignmentRequest");
    assert_eq!(put(with("principalId", json!("me"))), "InvalidPrincipalId");
    assert_eq!(put(with("principalId", json!(app.app_id))), "PrincipalNotFound");
    assert_eq!(put(with("principalType", json!("User"))), "UnmatchedPrincipalType");
    assert_eq!(put(with("roleDefinitionId", json!("Reader"))), "InvalidRoleDefinitionId");
    assert_eq!(put(with("roleDefinitionId", json!(guid(9)))), "RoleDefinitionDoesNotExist");
    assert_eq!(put(with("condition", json!("true"))), "ConditionNotSupported");
    let unnamed = format!("{GROUP}/providers/Microsoft.Authorization/roleAssignments/first");
    assert_eq!(refusal(world.put(&unnamed, body(READER, &app.principal))).0, 400);
    let elsewhere = assignment("/subscriptions/99999999-2222-3333-4444-555555555555", 1);
    assert_eq!(
        refusal(world.put(&elsewhere, body(READER, &app.principal))).1,
        "SubscriptionNotFound"
    );
    assert!(!world.allows(&app.principal, "a/read", GROUP));
}

#[test]
fn lists_look_up_and_down() {
    let world = world();
    let app = world.house.app("app");
    world.put(&assignment("/", 1), body(READER, &app.principal)).unwrap();
    world.put(&assignment(GROUP, 2), body(READER, &app.principal)).unwrap();
    let names = |scope: &str, filter: Option<&str>| {
        let all = world.list(scope, "roleAssignments", filter).unwrap();
        let mine = all.iter().filter(|a| a["properties"]["principalId"] == app.principal.as_str());
        mine.map(|a| a["name"].as_str().unwrap()[34..].to_owned()).collect::<Vec<_>>().join(" ")
    };
    let of_me = format!("principalId eq '{}'", app.principal);
    assert_eq!(names(SUBSCRIPTION, None), "01 02");
    assert_eq!(names(SUBSCRIPTION, Some("atScope()")), "01");
    assert_eq!(names(GROUP, Some("atScope()")), "01 02");
    assert_eq!(
        names(GROUP, Some(&format!("atScope() and assignedTo('{}')", app.principal))),
        "01 02"
    );
    assert_eq!(names("/", Some(&of_me)), "01 02");
    assert_eq!(world.list(SUBSCRIPTION, "roleAssignments", Some(&of_me)).unwrap().len(), 2);
    assert_eq!(
        world.list(SUBSCRIPTION, "roleAssignments", None).unwrap().len(),
        5,
        "the administrator's three"
    );
    let error = world.list(SUBSCRIPTION, "roleAssignments", Some("color eq 'red'")).unwrap_err();
    assert_eq!((error.status, &*error.code), (400, "UnsupportedQuery"));
}

#[test]
fn a_deleted_group_takes_its_assignments_along() {
    let world = world();
    let app = world.house.app("app");
    world.put(&assignment(GROUP, 1), body(READER, &app.principal)).unwrap();
    world.delete(GROUP).unwrap();
    world.put(GROUP, json!({ "location": "local" })).unwrap();
    assert!(
        !world.allows(&app.principal, "a/read", GROUP),
        "a new group of that name is not the old one"
    );
}

#[test]
fn the_last_administrator_keeps_its_role() {
    let world = world();
    let admin = &world.house.admin.object_id;
    let all = world
        .list(SUBSCRIPTION, "roleAssignments", Some(&format!("roleDefinitionId eq '{OWNER}'")))
        .unwrap();
    let id = all[0]["id"].as_str().unwrap();
    assert_eq!(refusal(world.delete(id)), (400, "CannotDeleteLastRbacAdminAssignment".into()));
    let app = world.house.app("second");
    world.put(&assignment(GROUP, 1), body(OWNER, &app.principal)).unwrap();
    assert!(world.delete(id).is_err(), "an owner of one group is no administrator");
    world
        .put(
            &assignment(SUBSCRIPTION, 2),
            body("18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", &app.principal),
        )
        .unwrap();
    assert_eq!(world.delete(id).unwrap().status, 200);
    assert!(!world.allows(admin, "a/write", SUBSCRIPTION));
}

#[test]
fn definitions_are_found_by_name_kind_and_id() {
    let world = world();
    let named = world
        .list(SUBSCRIPTION, "roleDefinitions", Some("roleName eq 'log analytics READER'"))
        .unwrap();
    assert_eq!(named.len(), 1);
    let properties = &named[0]["properties"];
    assert_eq!(
        (properties["type"].as_str(), properties["roleName"].as_str()),
        (Some("BuiltInRole"), Some("Log Analytics Reader"))
    );
    assert_eq!(
        properties["permissions"][0]["notActions"][0],
        "Microsoft.OperationalInsights/workspaces/sharedKeys/read"
    );
    let id = named[0]["id"].as_str().unwrap();
    assert!(id.starts_with(SUBSCRIPTION), "{id}");
    assert_eq!(world.get(id).unwrap(), named[0]);
    assert!(world.get(&format!("/providers/{ROLE_DEFINITIONS}/{READER}")).is_ok());
    assert_eq!(world.get(&definition(9)).unwrap_err().status, 404);
    let builtin = world.list("/", "roleDefinitions", Some("type eq 'BuiltInRole'")).unwrap().len();
    assert_eq!(world.list(GROUP, "roleDefinitions", None).unwrap().len(), builtin);
    assert!(world.list("/", "roleDefinitions", Some("type eq 'CustomRole'")).unwrap().is_empty());
}

#[test]
fn a_custom_role_lives_and_dies() {
    let world = world();
    let app = world.house.app("app");
    let role = custom("Incident Closer", &["Microsoft.SecurityInsights/incidents/*"], &[GROUP]);
    let made = world.put(&definition(1), role.clone()).unwrap();
    assert_eq!(made.status, 201);
    assert_eq!(made.body.unwrap()["properties"]["roleName"], "Incident Closer");
    world.put(&assignment(GROUP, 1), body(&guid(1), &app.principal)).unwrap();
    assert!(world.allows(&app.principal, "Microsoft.SecurityInsights/incidents/write", GROUP));
    let wide = refusal(world.put(&assignment(SUBSCRIPTION, 2), body(&guid(1), &app.principal)));
    assert_eq!(wide.1, "RoleDefinitionNotAssignableAtScope");

    let less = custom("Incident Closer", &["Microsoft.SecurityInsights/incidents/read"], &[GROUP]);
    world.put(&definition(1), less).unwrap();
    assert!(
        !world.allows(&app.principal, "Microsoft.SecurityInsights/incidents/write", GROUP),
        "changed at once"
    );

    assert_eq!(refusal(world.put(&definition(2), role)).1, "RoleDefinitionWithSameNameExists");
    assert_eq!(refusal(world.delete(&definition(1))).1, "RoleDefinitionHasAssignments");
    world.delete(&assignment(GROUP, 1)).unwrap();
    assert_eq!(world.delete(&definition(1)).unwrap().status, 200);
    assert_eq!(world.delete(&definition(1)).unwrap().status, 204);
}

#[test]
fn custom_roles_that_make_no_sense_are_refused() {
    let world = world();
    let put = |body: Value| refusal(world.put(&definition(1), body)).1;
    for bad in [
        json!({}),
        custom("", &["*/read"], &[GROUP]),
        custom("x", &[], &[GROUP]),
        custom("x", &["*/read"], &[]),
        custom("x", &["*/read"], &["/"]),
        custom("x", &["*/read"], &[&format!("{GROUP}/providers/a/b/c")]),
        json!({ "properties": { "roleName": "x", "permissions": "all", "assignableScopes": [GROUP] } }),
        json!({ "properties": { "roleName": "x", "permissions": [{ "actions": [1] }], "assignableScopes": [GROUP] } }),
        json!({ "properties": { "roleName": "x", "type": "BuiltInRole", "permissions": [{ "actions": ["*"] }], "assignableScopes": [GROUP] } }),
    ] {
        assert_eq!(put(bad.clone()), "InvalidRoleDefinition", "{bad}");
    }
    for scope in [format!("{GROUP}/../other"), format!("{GROUP}/."), format!("{GROUP}/x")] {
        assert_eq!(put(custom("x", &["*/read"], &[&scope])), "InvalidRoleDefinition", "{scope}");
    }
    let mut conditional = custom("x", &["*/read"], &[GROUP]);
    conditional["properties"]["permissions"][0]["condition"] =
        json!("@Resource[a:b] StringEquals 'c'");
    assert_eq!(put(conditional), "ConditionNotSupported");
    let built_in = format!("{SUBSCRIPTION}/providers/{ROLE_DEFINITIONS}/{READER}");
    assert_eq!(
        refusal(world.put(&built_in, custom("x", &["*"], &[GROUP]))).1,
        "RoleDefinitionUpdateNotPermitted"
    );
    assert_eq!(refusal(world.delete(&built_in)).1, "RoleDefinitionDeleteNotPermitted");
}

#[test]
fn custom_roles_name_actions_that_there_are() {
    let world = world();
    for (list, action) in [
        ("actions", "Microsoft.KeyVault/vaults/secrets/getSecret/action"),
        ("notActions", "everything"),
        ("dataActions", "Microsoft.KeyVault/vaults/secrets/getSecrets/action"),
        ("notDataActions", "Microsoft.KeyVault/vaults/write"),
    ] {
        let mut role = custom("x", &["*/read"], &[GROUP]);
        role["properties"]["permissions"][0][list] = json!([action]);
        let error = world.put(&definition(1), role).expect_err(action);
        assert_eq!((error.status, &*error.code), (400, "InvalidActionOrNotAction"), "{list}");
        let message =
            format!("'{action}' does not match any of the actions supported by the providers.");
        assert_eq!(error.message, message);
    }
    let real = custom("VM operator", &["Microsoft.Compute/virtualMachines/start/action"], &[GROUP]);
    assert_eq!(world.put(&definition(1), real).unwrap().status, 201);
}

/// An owner of one group must not change what a role means elsewhere.
#[test]
fn a_role_is_changed_by_those_who_rule_wherever_it_applies() {
    let world = world();
    let app = world.house.app("group owner");
    world.put(&assignment(GROUP, 1), body(OWNER, &app.principal)).unwrap();
    let through_group = format!("{GROUP}/providers/{ROLE_DEFINITIONS}/{}", guid(1));
    let wide = custom("wide", &["*/read"], &[SUBSCRIPTION]);
    let narrow = custom("wide", &["*"], &[GROUP]);
    let as_owner = |body: &Value| world.put_as(&app.principal, &through_group, body.clone());
    assert_eq!(refusal(as_owner(&wide)), (403, "LinkedAuthorizationFailed".into()));
    assert_eq!(as_owner(&narrow).unwrap().status, 201);
    world.delete(&definition(1)).unwrap();
    world.put(&definition(1), wide).unwrap();
    assert_eq!(
        refusal(as_owner(&narrow)),
        (403, "LinkedAuthorizationFailed".into()),
        "it was wide before"
    );
}

#[test]
fn permissions_of_the_caller() {
    let world = world();
    let path = format!("{GROUP}/providers/{PERMISSIONS}");
    let call = |name: &str| {
        let caller = Caller { name: name.to_owned(), kind: CallerKind::Application };
        let call = Call { caller, ..Call::system(path.as_str(), Value::Null, now()) };
        world.call(Verb::Get, &call).unwrap().value()["value"].as_array().unwrap().clone()
    };
    let mine = call(&world.house.admin.object_id);
    assert_eq!(mine.len(), 3);
    assert!(mine.iter().any(|p| p["actions"][0] == "*"));
    assert!(call(&guid(9)).is_empty());
}

#[test]
fn lists_show_what_may_be_read() {
    let world = world();
    let identity = &world.house.identity;
    let app = world.house.app("app");
    let other = format!("{GROUP}-other");
    world.put(&other, json!({ "location": "local" })).unwrap();
    let caller = |app: &crate::testing::App| {
        let token = world.house.token_for(app, "https://localhost:8443");
        identity.authenticate(&token, crate::Audiences::RESOURCE_MANAGER, now()).unwrap()
    };
    let me = caller(&app);
    let action = "Microsoft.Resources/subscriptions/resourceGroups/read";
    let groups = || {
        let at = ResourceId::new(SUBSCRIPTION);
        let visible = identity
            .listing(&me, action, &at)
            .map_err(|denied| denied.body()["error"]["code"].to_string())?;
        let mut call =
            Call::system(format!("{SUBSCRIPTION}/resourceGroups").as_str(), Value::Null, now());
        call.visible = visible;
        let listed =
            world.call(Verb::Get, &call).unwrap().value()["value"].as_array().unwrap().clone();
        Ok::<_, String>(
            listed
                .iter()
                .map(|g| g["name"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
                .join(" "),
        )
    };
    let subscriptions = || {
        let visible = identity
            .listing(&me, "Microsoft.Resources/subscriptions/read", &ResourceId::new("/"))
            .unwrap();
        visible.is_some_and(|v| v(&ResourceId::new(SUBSCRIPTION)))
    };
    assert_eq!(groups(), Err("\"AuthorizationFailed\"".into()));
    assert!(!subscriptions());
    let thing = format!("{GROUP}/providers/Microsoft.Compute/virtualMachines/vm");
    world.put(&assignment(&thing, 1), body(READER, &app.principal)).unwrap();
    assert_eq!(groups().as_deref(), Ok("soc"), "a group is seen from within");
    assert!(subscriptions());
    world.put(&assignment(SUBSCRIPTION, 2), body(READER, &app.principal)).unwrap();
    assert_eq!(groups().as_deref(), Ok("soc soc-other"));
}

#[test]
fn scopes_have_a_shape() {
    let sub = SUBSCRIPTION;
    for (below, right) in [
        ("", true),
        ("/resourceGroups/rg", true),
        ("/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/v", true),
        ("/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/v/secrets/s", true),
        ("/providers/Microsoft.A/b/c/providers/Microsoft.D/e/f", true),
        ("/", false),
        ("/resourceGroups", false),
        ("/resourceGroups/..", false),
        ("/resourceGroups/rg/../other", false),
        ("/resourceGroups/./providers/Microsoft.KeyVault/vaults/v", false),
        ("/resourceGroups/rg/providers/Microsoft.KeyVault", false),
        ("/resourceGroups/rg/providers/Microsoft.KeyVault/vaults", false),
        ("/resourceGroups/rg/providers/KeyVault/vaults/v", false),
        ("/resourceGroups/rg//providers/Microsoft.KeyVault/vaults/v", false),
        ("/resourceGroups/a%2Fb", false),
        ("/strange/rg", false),
    ] {
        assert_eq!(super::is_scope(&format!("{sub}{below}")), right, "{below}");
    }
    for (scope, right) in [
        ("/", true),
        ("/providers/Microsoft.Management/managementGroups/root", true),
        ("", false),
        ("/..", false),
        ("/subscriptions", false),
        ("/subscriptions/x", false),
    ] {
        assert_eq!(super::is_scope(scope), right, "{scope}");
    }
}
