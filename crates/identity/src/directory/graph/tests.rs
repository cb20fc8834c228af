#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use state::Store;

use super::*;
use crate::testing::{house, later, now, open};

fn new(name: &str) -> NewApplication {
    NewApplication { display_name: name.into(), ..NewApplication::default() }
}

/// The steps of `az ad sp create-for-rbac`.
#[test]
fn an_application_becomes_a_principal_with_a_secret() {
    let house = house();
    let identity = &house.identity;
    let application = identity.create_application(new("my app"), now()).unwrap();
    let (id, app_id) =
        (application["id"].as_str().unwrap(), application["appId"].as_str().unwrap());
    assert_eq!(application["createdDateTime"], "2026-11-22T10:00:00Z");
    let answer = identity.add_password(
        Holder::Application(id),
        NewPassword { display_name: Some("rbac".into()), ..NewPassword::default() },
        now(),
    );
    let answer = answer.unwrap();
    assert_eq!(answer.value["hint"], answer.secret.expose()[..3]);
    assert_eq!(answer.value["secretText"], Value::Null);
    assert_eq!(answer.value["endDateTime"], "2028-11-21T10:00:00Z");
    let principal = identity.create_service_principal(app_id, now()).unwrap();
    assert_eq!(principal["servicePrincipalNames"][0], app_id);
    assert_eq!(principal["passwordCredentials"], serde_json::json!([]), "az reads it unasked");

    assert!(identity.list_service_principals().contains(&principal));
    let listed = identity.application(id).unwrap();
    assert_eq!(listed["passwordCredentials"][0]["keyId"], answer.value["keyId"]);
    assert_eq!(identity.service_principal(principal["id"].as_str().unwrap()).unwrap(), principal);

    let (again, _) = open(house.store.clone(), house.folder.path(), now());
    assert_eq!(again.application(id).unwrap(), listed, "as stored");
    assert_eq!(again.list_service_principals().len(), 2);

    let key_id = answer.value["keyId"].as_str().unwrap();
    identity.remove_password(Holder::Application(id), key_id).unwrap();
    assert_eq!(identity.remove_password(Holder::Application(id), key_id).unwrap_err().status, 400);
    identity.delete_application(id).unwrap();
    assert_eq!(identity.application(id).unwrap_err().code, "Request_ResourceNotFound");
    assert!(!identity.list_service_principals().iter().any(|p| p["appId"] == app_id));
}

#[test]
fn wrong_requests_are_told_why() {
    let house = house();
    let identity = &house.identity;
    let app = house.app("app");
    let none = "11111111-1111-1111-1111-111111111111";
    let status = |result: Result<Value, GraphError>| result.map_or_else(|e| e.status, |_| 200);
    assert_eq!(status(identity.create_application(new("  "), now())), 400);
    assert_eq!(status(identity.create_application(new(&"x".repeat(300)), now())), 400);
    assert_eq!(status(identity.create_application(new("a\nb"), now())), 400);
    assert_eq!(status(identity.create_service_principal(none, now())), 400);
    assert_eq!(status(identity.create_service_principal(&app.app_id, now())), 409);
    assert_eq!(status(identity.add_certificate(&app.object_id, b"no certificate", None)), 400);
    assert_eq!(
        identity
            .add_password(Holder::Application(none), NewPassword::default(), now())
            .err()
            .unwrap()
            .status,
        404
    );
    let backwards = NewPassword { start: Some(100), end: Some(99), display_name: None };
    assert_eq!(
        identity
            .add_password(Holder::Application(&app.object_id), backwards, now())
            .err()
            .unwrap()
            .status,
        400
    );
    assert_eq!(identity.delete_application(none).unwrap_err().status, 404);
    assert_eq!(identity.delete_service_principal(none).unwrap_err().status, 404);
    let uri = NewApplication { identifier_uris: vec!["api://mine".into()], ..new("one") };
    assert_eq!(status(identity.create_application(uri.clone(), now())), 200);
    assert_eq!(status(identity.create_application(uri, now())), 400, "the uri is taken");
    let body = identity.application(none).unwrap_err().body(now(), Uuid::nil());
    assert_eq!(body["error"]["code"], "Request_ResourceNotFound");
    assert_eq!(body["error"]["innerError"]["request-id"], Uuid::nil().to_string());
}

#[test]
fn secrets_are_not_without_number() {
    let house = house();
    let app = house.app("app");
    let add = || {
        house.identity.add_password(
            Holder::Application(&app.object_id),
            NewPassword::default(),
            now(),
        )
    };
    let refused = (0..60).filter_map(|_| add().err()).collect::<Vec<_>>();
    assert_eq!(refused.len(), 11, "one was there");
    assert!(refused[0].message.contains("50"));
}

#[test]
fn the_last_administrator_cannot_be_removed() {
    let house = house();
    let admin = &house.admin;
    let identity = &house.identity;
    assert_eq!(identity.delete_service_principal(&admin.object_id).unwrap_err().status, 400);
    assert_eq!(identity.enable_service_principal(&admin.object_id, false).unwrap_err().status, 400);
    let application = &identity.list_applications()[0];
    let id = application["id"].as_str().unwrap();
    assert_eq!(identity.delete_application(id).unwrap_err().status, 400);

    let second = house.app("second");
    identity.enable_service_principal(&second.principal, false).unwrap();
    house.assign(
        &second.principal,
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        crate::testing::SUBSCRIPTION,
    );
    assert!(identity.delete_application(id).is_err(), "a disabled one does not count");
    identity.enable_service_principal(&second.principal, true).unwrap();
    identity.delete_application(id).unwrap();
    assert!(identity.delete_service_principal(&second.principal).is_err());
}

#[test]
fn graph_asks_for_its_own_permissions() {
    let house = house();
    let app = house.app("app");
    let token = house.token_for(&app, "https://graph.microsoft.com");
    let caller = house.identity.authenticate(&token, crate::Audiences::GRAPH, later(1)).unwrap();
    house.assign(&app.principal, "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "/");
    use crate::GraphArea::{Applications, Groups, Methods, Passwords, Providers, Roles, Users};
    for area in [Applications, Users, Passwords, Methods, Groups, Roles, Providers] {
        for writes in [false, true] {
            let error = house.identity.require_graph(&caller, area, writes, false).unwrap_err();
            assert_eq!((error.status, error.code), (403, "Authorization_RequestDenied"));
        }
    }
}

#[test]
fn applications_take_no_name_of_a_service() {
    let house = house();
    for (uri, right) in [
        ("api://wiki", true),
        ("https://wiki.example/api", true),
        ("urn:wiki:api", true),
        ("https://graph.microsoft.com", false),
        ("HTTPS://Graph.Microsoft.com/x", false),
        ("https://management.azure.com/", false),
        ("https://localhost:8443", false),
        ("https://box.example/x", false),
        ("https://default.vault.localhost:8443", false),
        ("api://00000003-0000-0000-c000-000000000000", false),
        ("http://wiki.example", false),
        ("ms-appx://wiki", false),
        ("wiki", false),
        ("api://", false),
    ] {
        let new = NewApplication {
            display_name: "wiki".into(),
            identifier_uris: vec![uri.into()],
            ..NewApplication::default()
        };
        let made = house.identity.create_application(new, now());
        assert_eq!(made.is_ok(), right, "{uri}: {:?}", made.err());
    }
}

#[test]
fn documents_of_earlier_versions_are_read() {
    let house = house();
    let app = house.app("old");
    let before = house.identity.application(&app.object_id).unwrap();
    for (collection, key, names) in [
        (APPLICATIONS, &app.app_id, ["api", "appRoles", "groupClaims", "optionalClaims", "tags"]),
        (SERVICE_PRINCIPALS, &app.principal, ["assignmentRequired", "", "", "", ""]),
    ] {
        let mut document = house.store.get(collection, key).unwrap().unwrap().value;
        for name in names {
            document.as_object_mut().unwrap().shift_remove(name);
        }
        house.store.put(collection, key, document, state::Condition::Any).unwrap();
    }
    let (again, _) = open(house.store.clone(), house.folder.path(), now());
    assert_eq!(again.application(&app.object_id).unwrap(), before);
}
