#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use serde_json::json;
use state::Store;

use super::*;
use crate::testing::{house, now, open};

/// Consents of a version that kept resources as they were asked for.
#[test]
fn old_consents_are_of_applications_from_the_next_start_on() {
    let house = house();
    let (api, client) = (house.app("api"), house.app("client"));
    let uri = json!({ "identifierUris": ["https://Files.example/api"] });
    house.identity.update_application(&api.object_id, &uri).unwrap();
    let old = json!({
        "userId": "ann", "appId": client.app_id, "created": 1,
        "granted": {
            format!("api://{}", api.app_id): ["user_impersonation"],
            "https://files.example/api": ["Files.Read"],
            "api://gone": ["user_impersonation"],
            "this server": ["user_impersonation"],
            "https://graph.microsoft.com": ["User.Read"],
        },
    });
    let key = key("ann", &client.app_id);
    house.store.put(CONSENTS, &key, old, Condition::Absent).unwrap();
    let grants = |identity: &Identity| {
        let grants = identity.permission_grants(None).unwrap().into_iter();
        let mut grants: Vec<(String, String)> = grants
            .map(|g| {
                (g["resourceId"].as_str().unwrap().into(), g["scope"].as_str().unwrap().into())
            })
            .collect();
        grants.sort();
        grants
    };
    let (again, _) = open(house.store.clone(), house.folder.path(), now());
    let mut expected: Vec<(String, String)> = [
        ("00000003-0000-0000-c000-000000000000", "User.Read"),
        ("797f4846-ba00-4fd7-ba43-dac1f8f63013", "user_impersonation"),
        ("api://gone", "user_impersonation"),
        (&api.principal, "Files.Read user_impersonation"),
    ]
    .map(|(resource, scopes)| (resource.to_owned(), scopes.to_owned()))
    .to_vec();
    expected.sort();
    assert_eq!(grants(&again), expected);
    // the name of one that is gone says nothing to whoever takes it
    let taken = json!({ "identifierUris": ["api://gone"] });
    again.update_application(&api.object_id, &taken).unwrap();
    assert_eq!(grants(&again), expected);
}
