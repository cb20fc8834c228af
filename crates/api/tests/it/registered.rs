//! Applications as they are registered: what is kept of them and what is refused by its name, roles and who has them.

use api::Event;
use serde_json::{Value, json};

use crate::house::{Fixture, house};
use crate::sign_in::{signed_in, user};

const READ: &str = "11111111-0000-4000-8000-000000000001";
const WRITE: &str = "11111111-0000-4000-8000-000000000002";
const NONE: &str = "00000000-0000-0000-0000-000000000000";

pub(super) fn scope(id: &str, value: &str, kind: &str) -> Value {
    json!({
        "id": id, "value": value, "type": kind, "isEnabled": true,
        "adminConsentDisplayName": format!("{value} (admin)"), "adminConsentDescription": "For administrators.",
        "userConsentDisplayName": format!("Use {value}"), "userConsentDescription": format!("Lets the app use {value}."),
    })
}

pub(super) fn role(id: &str, value: &str, types: &[&str]) -> Value {
    json!({ "id": id, "value": value, "displayName": value, "description": value, "isEnabled": true,
        "allowedMemberTypes": types })
}

/// A house, its administrator's token, and what a test does with them.
struct Office {
    house: Fixture,
    admin: String,
}

impl Office {
    async fn open() -> Self {
        let house = house().await;
        let admin = house.admin_token().await;
        Self { house, admin }
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let told = self.house.call(method, &format!("/v1.0/{path}"), &self.admin, body).await;
        (told.status, if told.bytes.is_empty() { Value::Null } else { told.json() })
    }

    async fn good(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert!(status < 300, "{method} {path}: {status} {answer}");
        answer
    }

    /// An application and the id of its service principal.
    async fn app(&self, name: &str, more: Value) -> (Value, String) {
        let mut body = json!({ "displayName": name });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let app = self.good("POST", "applications", body).await;
        let principal = json!({ "appId": app["appId"] });
        let principal = self.good("POST", "servicePrincipals", principal).await;
        (app, text(&principal["id"]))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn message(answer: &Value) -> &str {
    answer["error"]["message"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn what_is_kept_of_an_application_is_shown_again() {
    let office = Office::open().await;
    let wanted = json!({
        "api": {
            "requestedAccessTokenVersion": 2,
            "oauth2PermissionScopes": [scope(READ, "Files.Read", "User"), scope(WRITE, "Files.Write", "Admin")],
            "preAuthorizedApplications": [{ "appId": READ, "delegatedPermissionIds": [READ] }],
        },
        "appRoles": [role(READ, "Reader", &["User"]), role(WRITE, "Job", &["Application", "User"])],
        "groupMembershipClaims": "SecurityGroup",
        "optionalClaims": { "idToken": [{ "name": "email", "essential": true }], "accessToken": [{ "name": "ipaddr" }] },
        "web": { "redirectUris": ["https://a.example/cb"], "homePageUrl": "https://a.example", "logoutUrl": "https://a.example/out",
            "implicitGrantSettings": { "enableIdTokenIssuance": true, "enableAccessTokenIssuance": false } },
        "spa": { "redirectUris": ["https://b.example"] },
        "publicClient": { "redirectUris": ["http://localhost"] },
        "tags": ["one", "two"],
        "notes": "Ask Ann.",
    });
    let (app, principal) = office.app("files", wanted.clone()).await;
    let path = format!("applications/{}", text(&app["id"]));
    let patched = office.app("patched", json!({})).await.0;
    let other = format!("applications/{}", text(&patched["id"]));
    office.good("PATCH", &other, wanted).await;
    let (made, patched) = (
        office.good("GET", &path, Value::Null).await,
        office.good("GET", &other, Value::Null).await,
    );
    for name in [
        "api",
        "appRoles",
        "groupMembershipClaims",
        "optionalClaims",
        "web",
        "spa",
        "tags",
        "notes",
    ] {
        assert_eq!(made[name], patched[name], "{name}");
    }
    assert_eq!(made["api"]["requestedAccessTokenVersion"], 2);
    assert_eq!(made["api"]["oauth2PermissionScopes"][1]["type"], "Admin");
    assert_eq!(
        made["api"]["preAuthorizedApplications"][0]["delegatedPermissionIds"],
        json!([READ])
    );
    assert_eq!(made["appRoles"][1]["allowedMemberTypes"], json!(["Application", "User"]));
    assert_eq!(made["groupMembershipClaims"], "SecurityGroup");
    assert_eq!(made["optionalClaims"]["idToken"][0]["name"], "email");
    assert_eq!(made["web"]["logoutUrl"], "https://a.example/out");
    assert_eq!((&made["tags"], &made["notes"]), (&json!(["one", "two"]), &json!("Ask Ann.")));
    // as the service principal shows it
    let principal = format!("servicePrincipals/{principal}");
    let shown = office.good("GET", &principal, Value::Null).await;
    assert_eq!(shown["appRoles"], made["appRoles"]);
    assert_eq!(shown["oauth2PermissionScopes"], made["api"]["oauth2PermissionScopes"]);
    assert_eq!(shown["appRoleAssignmentRequired"], false);
    // what GET shows, PATCH takes
    let mut whole = made.clone();
    for read_only in ["@odata.context", "createdDateTime", "publisherDomain", "deletedDateTime"] {
        whole.as_object_mut().unwrap().shift_remove(read_only);
    }
    office.good("PATCH", &path, whole).await;
    let again = office.good("GET", &path, Value::Null).await;
    assert_eq!(again, made);
    // one part leaves the others alone; null takes away
    office.good("PATCH", &path, json!({ "api": { "requestedAccessTokenVersion": null }, "groupMembershipClaims": null })).await;
    let left = office.good("GET", &path, Value::Null).await;
    assert_eq!(left["api"]["requestedAccessTokenVersion"], Value::Null);
    assert_eq!(left["groupMembershipClaims"], Value::Null);
    assert_eq!(left["api"]["oauth2PermissionScopes"], made["api"]["oauth2PermissionScopes"]);
}

#[tokio::test]
async fn what_is_not_kept_is_refused_by_its_name() {
    let office = Office::open().await;
    let (app, principal) = office.app("strict", json!({})).await;
    let id = text(&app["id"]);
    let path = format!("applications/{id}");
    let secret = office.good("POST", &format!("{path}/addPassword"), json!({})).await;
    let long = "x".repeat(1025);
    let cases = [
        (json!({ "nonsense": 1 }), "'nonsense'"),
        (json!({ "web": { "nonsense": 1 } }), "'web.nonsense'"),
        (
            json!({ "web": { "implicitGrantSettings": { "nonsense": true } } }),
            "'web.implicitGrantSettings.nonsense'",
        ),
        (
            json!({ "web": { "implicitGrantSettings": { "enableIdTokenIssuance": "yes" } } }),
            "true or false",
        ),
        (json!({ "web": { "logoutUrl": "javascript:alert(1)" } }), "web.logoutUrl"),
        (json!({ "web": { "logoutUrl": "http://localhost.evil.example/" } }), "web.logoutUrl"),
        (json!({ "web": "x" }), "web must be an object"),
        (json!({ "spa": { "nonsense": 1 } }), "'spa.nonsense'"),
        (json!({ "publicClient": { "nonsense": 1 } }), "'publicClient.nonsense'"),
        (json!({ "api": { "nonsense": 1 } }), "'api.nonsense'"),
        (json!({ "api": { "knownClientApplications": [READ] } }), "'api.knownClientApplications'"),
        (json!({ "api": { "acceptMappedClaims": true } }), "'api.acceptMappedClaims'"),
        (json!({ "api": { "requestedAccessTokenVersion": 3 } }), "requestedAccessTokenVersion"),
        (
            json!({ "api": { "preAuthorizedApplications": [{ "appId": READ, "delegatedPermissionIds": [READ] }] } }),
            READ,
        ),
        (json!({ "api": { "oauth2PermissionScopes": [{ "id": READ }] } }), "value is required"),
        (
            json!({ "api": { "oauth2PermissionScopes": [scope(NONE, "A", "User")] } }),
            "id must be a GUID",
        ),
        (
            json!({ "api": { "oauth2PermissionScopes": [scope(READ, "A b", "User")] } }),
            "value must be",
        ),
        (
            json!({ "api": { "oauth2PermissionScopes": [scope(READ, ".default", "User")] } }),
            "value must be",
        ),
        (
            json!({ "api": { "oauth2PermissionScopes": [scope(READ, "a/b", "User")] } }),
            "value must be",
        ),
        (
            json!({ "api": { "oauth2PermissionScopes": [scope(READ, "A", "Everybody")] } }),
            "type must be",
        ),
        (
            json!({ "api": { "oauth2PermissionScopes": [scope(READ, "A", "User"), scope(READ, "B", "User")] } }),
            "duplicate",
        ),
        (
            json!({ "api": { "oauth2PermissionScopes": [scope(READ, "A", "User"), scope(WRITE, "a", "User")] } }),
            "duplicate",
        ),
        (json!({ "appRoles": [role(READ, "A", &[])] }), "allowedMemberTypes"),
        (json!({ "appRoles": [role(READ, "A", &["Robot"])] }), "allowedMemberTypes"),
        (json!({ "appRoles": [role("x", "A", &["User"])] }), "id must be a GUID"),
        (
            json!({ "appRoles": [role(READ, "A", &["User"]), role(WRITE, "A", &["User"])] }),
            "duplicate",
        ),
        (json!({ "appRoles": [{ "id": READ, "nonsense": 1 }] }), "'appRoles.nonsense'"),
        (json!({ "groupMembershipClaims": "Everything" }), "groupMembershipClaims must be"),
        (
            json!({ "optionalClaims": { "saml2Token": [{ "name": "email" }] } }),
            "'optionalClaims.saml2Token'",
        ),
        (json!({ "optionalClaims": { "idToken": [{ "name": "xms_pl" }] } }), "'xms_pl'"),
        (json!({ "optionalClaims": { "idToken": [{ "name": "sid" }] } }), "'sid'"),
        (
            json!({ "optionalClaims": { "idToken": [{ "name": "groups", "additionalProperties": ["emit_as_roles"] }] } }),
            "additionalProperties",
        ),
        (json!({ "passwordCredentials": [{ "displayName": "new" }] }), "addPassword"),
        (
            json!({ "passwordCredentials": [{ "keyId": secret["keyId"], "nonsense": 1 }] }),
            "'passwordCredentials.nonsense'",
        ),
        (
            json!({ "keyCredentials": [{ "key": "AAAA", "nonsense": 1 }] }),
            "'keyCredentials.nonsense'",
        ),
        (json!({ "notes": long }), "notes"),
        (json!({ "tags": [1] }), "tags"),
        (
            json!({ "requiredResourceAccess": [{ "resourceAppId": READ }] }),
            "'requiredResourceAccess'",
        ),
    ];
    for (body, why) in cases {
        let (status, answer) = office.call("PATCH", &path, body.clone()).await;
        assert!(status == 400 && message(&answer).contains(why), "{body}: {status} {answer}");
        let mut new = body.clone();
        new["displayName"] = json!("x");
        let (status, answer) = office.call("POST", "applications", new).await;
        assert_eq!(status, 400, "{body}: {answer}");
    }
    // what clients write out although it is empty is nothing
    office.good("PATCH", &path, json!({ "web": { "redirectUriSettings": [] }, "api": { "knownClientApplications": [] }, "info": {} })).await;
    let unknown = json!({ "passwordCredential": { "displayName": "x", "nonsense": 1 } });
    let (status, answer) = office.call("POST", &format!("{path}/addPassword"), unknown).await;
    assert!(status == 400 && message(&answer).contains("passwordCredential.nonsense"), "{answer}");
    // secrets that a list leaves out are gone, as in Azure
    office
        .good("PATCH", &path, json!({ "passwordCredentials": [{ "keyId": secret["keyId"] }] }))
        .await;
    let kept = office.good("GET", &path, Value::Null).await;
    assert_eq!(kept["passwordCredentials"].as_array().unwrap().len(), 1);
    office.good("PATCH", &path, json!({ "passwordCredentials": [] })).await;
    let gone = office.good("GET", &path, Value::Null).await;
    assert_eq!(gone["passwordCredentials"], json!([]));
    let (status, _) = office
        .call(
            "PATCH",
            &format!("servicePrincipals/{principal}"),
            json!({ "appRoleAssignmentRequired": "x" }),
        )
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_new_service_principal_is_what_it_was_asked_to_be() {
    let office = Office::open().await;
    for (body, enabled, required) in [
        (json!({}), true, false),
        (json!({ "accountEnabled": "True" }), true, false), // as az writes it
        (json!({ "accountEnabled": "False" }), false, false),
        (json!({ "displayName": "new", "tags": [], "notes": null }), true, false),
        (json!({ "accountEnabled": false, "appRoleAssignmentRequired": true }), false, true),
    ] {
        let app = office.good("POST", "applications", json!({ "displayName": "new" })).await;
        let mut new = body.clone();
        new["appId"] = app["appId"].clone();
        let made = office.good("POST", "servicePrincipals", new).await;
        let is = (&made["accountEnabled"], &made["appRoleAssignmentRequired"]);
        assert_eq!(is, (&json!(enabled), &json!(required)), "{body}");
    }
    let app = office.good("POST", "applications", json!({ "displayName": "new" })).await;
    for (name, value) in [
        ("nonsense", json!(1)),
        ("accountEnabled", json!("perhaps")),
        ("displayName", json!("another")),
        ("tags", json!(["a"])),
        ("keyCredentials", json!([{ "key": "x" }])),
        ("owners@odata.bind", json!(["https://x/v1.0/users/none"])),
    ] {
        let (status, told) = office
            .call("POST", "servicePrincipals", json!({ "appId": app["appId"], name: value }))
            .await;
        assert!(status == 400 && message(&told).contains(&format!("'{name}'")), "{name}: {told}");
    }
    office.good("POST", "servicePrincipals", json!({ "appId": app["appId"] })).await; // none was made
}

#[tokio::test]
async fn what_is_enabled_is_not_taken_away() {
    let office = Office::open().await;
    let roles = json!([role(READ, "Reader", &["User"])]);
    let scopes = json!([scope(READ, "Files.Read", "User")]);
    let (app, _) = office
        .app("files", json!({ "appRoles": roles, "api": { "oauth2PermissionScopes": scopes } }))
        .await;
    let path = format!("applications/{}", text(&app["id"]));
    let off = |list: &Value| {
        let mut list = list.clone();
        list[0]["isEnabled"] = json!(false);
        list
    };
    let renamed = json!([role(READ, "Other", &["User"])]);
    for body in [
        json!({ "appRoles": [] }),
        json!({ "appRoles": renamed }),
        json!({ "api": { "oauth2PermissionScopes": [] } }),
    ] {
        let (status, answer) = office.call("PATCH", &path, body.clone()).await;
        assert_eq!(status, 400, "{body}");
        assert_eq!(answer["error"]["code"], "CannotDeleteOrUpdateEnabledEntitlement");
        assert_eq!(
            message(&answer),
            "Permission (scope or role) cannot be deleted or updated unless disabled first."
        );
    }
    for (first, then) in [
        (json!({ "appRoles": off(&roles) }), json!({ "appRoles": [] })),
        (
            json!({ "api": { "oauth2PermissionScopes": off(&scopes) } }),
            json!({ "api": { "oauth2PermissionScopes": [] } }),
        ),
    ] {
        office.good("PATCH", &path, first).await;
        office.good("PATCH", &path, then).await;
    }
}

#[tokio::test]
async fn roles_are_given_and_taken() {
    let office = Office::open().await;
    let roles = json!([role(READ, "Reader", &["User"]), role(WRITE, "Job", &["Application"])]);
    let (_, api) = office.app("api", json!({ "appRoles": roles })).await;
    let (client, daemon) = office.app("daemon", json!({})).await;
    let ann = text(&user(&office.house, "ann", json!({})).await["id"]);
    let group = json!({ "displayName": "g", "mailNickname": "g", "mailEnabled": false, "securityEnabled": true });
    let group = text(&office.good("POST", "groups", group).await["id"]);
    let body = |holder: &str, role: &str| json!({ "principalId": holder, "resourceId": api, "appRoleId": role });
    let of = |family: &str, holder: &str| format!("{family}/{holder}/appRoleAssignments");
    let at = format!("servicePrincipals/{api}/appRoleAssignedTo");
    let all = [
        (of("users", &ann), body(&ann, READ), "User"),
        (of("groups", &group), body(&group, NONE), "Group"),
        (at.clone(), body(&daemon, WRITE), "ServicePrincipal"),
    ];
    let mut made = Vec::new();
    for (path, body, kind) in &all {
        let (status, one) = office.call("POST", path, body.clone()).await;
        assert_eq!(status, 201, "{one}");
        for (name, value) in body.as_object().unwrap() {
            assert_eq!(one[name], *value, "{name}");
        }
        assert_eq!(
            (&one["principalType"], &one["resourceDisplayName"]),
            (&json!(kind), &json!("api"))
        );
        let (status, again) = office.call("POST", path, body.clone()).await;
        assert!(status == 400 && message(&again).contains("already exists"), "{again}");
        let shown = office.good("GET", &format!("{path}/{}", text(&one["id"])), Value::Null).await;
        assert_eq!(shown["id"], one["id"]);
        made.push(text(&one["id"]));
    }
    let count = async |path: &str| {
        office.good("GET", path, Value::Null).await["value"].as_array().unwrap().len()
    };
    assert_eq!(count(&at).await, 3);
    for (family, holder) in [("users", &ann), ("groups", &group), ("servicePrincipals", &daemon)] {
        assert_eq!(count(&of(family, holder)).await, 1, "{family}");
    }
    let filtered = format!("{at}?$filter=principalType%20eq%20'User'");
    assert_eq!(count(&filtered).await, 1);
    let unknown = "22222222-0000-4000-8000-000000000009";
    for (path, body, status, why) in [
        (of("users", &ann), body(&ann, WRITE), 400, "not found on application"),
        (of("servicePrincipals", &daemon), body(&daemon, READ), 400, "not found on application"),
        (of("users", &ann), body(&ann, unknown), 400, "not found on application"),
        (of("users", &ann), body(&ann, "x"), 400, "appRoleId"),
        (of("users", &ann), body(&group, READ), 400, "principalId"),
        (
            at.clone(),
            json!({ "principalId": ann, "resourceId": daemon, "appRoleId": READ }),
            400,
            "resourceId",
        ),
        (
            of("users", &ann),
            json!({ "principalId": ann, "resourceId": unknown, "appRoleId": READ }),
            404,
            "",
        ),
        (of("users", &ann), json!({ "principalId": ann }), 400, "resourceId is required"),
        (
            of("users", &ann),
            json!({ "principalId": ann, "resourceId": api, "appRoleId": READ, "nonsense": 1 }),
            400,
            "'nonsense'",
        ),
        (of("users", unknown), body(unknown, READ), 404, ""),
        (at.clone(), body(unknown, READ), 404, ""),
    ] {
        let (told, answer) = office.call("POST", &path, body.clone()).await;
        assert!(told == status && message(&answer).contains(why), "{path} {body}: {told} {answer}");
    }
    // a person without a directory role gives none, not to itself either
    let person = signed_in(&office.house, "ann").await;
    let token = person["access_token"].as_str().unwrap();
    let own = office
        .house
        .call("POST", &format!("/v1.0/{}", of("users", &ann)), token, body(&ann, READ))
        .await;
    assert_eq!(own.status, 403);
    let own = office.house.call("GET", "/v1.0/me/appRoleAssignments", token, Value::Null).await;
    assert_eq!((own.status, own.json()["value"].as_array().unwrap().len()), (200, 1));
    // one goes by its id, others with who had them
    let gone = format!("{}/{}", of("users", &ann), made[0]);
    assert_eq!(
        office.call("DELETE", &format!("{}/{}", of("users", &ann), made[1]), Value::Null).await.0,
        404,
        "another's"
    );
    assert_eq!(office.call("DELETE", &gone, Value::Null).await.0, 204);
    assert_eq!(office.call("DELETE", &gone, Value::Null).await.0, 404);
    office.good("POST", &of("users", &ann), body(&ann, NONE)).await;
    office.good("DELETE", &format!("groups/{group}"), Value::Null).await;
    office.good("DELETE", &format!("users/{ann}"), Value::Null).await;
    assert_eq!(count(&at).await, 1);
    office.good("DELETE", &format!("applications/{}", text(&client["id"])), Value::Null).await;
    assert_eq!(count(&at).await, 0);
    let events = office.house.events.lock();
    let told: Vec<&str> = events
        .iter()
        .filter_map(|e| match e {
            Event::Directory(e) if e.operation.contains("app role") && e.failure.is_empty() => {
                Some(e.operation)
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        told[..4],
        [
            "Add app role assignment grant to user",
            "Add app role assignment to group",
            "Add app role assignment to service principal",
            "Remove app role assignment from user",
        ]
    );
}
