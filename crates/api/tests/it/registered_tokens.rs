//! Tokens for registered applications: their form, whom they name and how, roles, groups, scopes, and whose word it
//! takes.

use serde_json::{Value, json};

use crate::consent::{ARM, GLOBAL_ADMINISTRATOR, GRAPH, World, code_of, directory_role, world};
use crate::house::{ORIGIN, encode};
use crate::registered::{role, scope};
use crate::sign_in::{Browser, PASSWORD, claims, parameter, user};

const READ: &str = "11111111-0000-4000-8000-000000000001";
const WRITE: &str = "11111111-0000-4000-8000-000000000002";
const URI: &str = "https://files.example/api";

/// An API of one's own.
struct Api {
    id: String,
    app_id: String,
    principal: String,
}

impl World {
    async fn admin_call(&self, method: &str, path: &str, body: Value) -> Value {
        let told = self.house.call(method, &format!("/v1.0/{path}"), &self.admin, body).await;
        assert!(told.status < 300, "{path}: {}", told.json());
        if told.bytes.is_empty() { Value::Null } else { told.json() }
    }

    async fn api(&self, more: Value) -> Api {
        let mut body = json!({ "displayName": "Files", "identifierUris": [URI] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let app = self.admin_call("POST", "applications", body).await;
        let principal = json!({ "appId": app["appId"] });
        let principal = self.admin_call("POST", "servicePrincipals", principal).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Api { id: text(&app["id"]), app_id: text(&app["appId"]), principal: text(&principal["id"]) }
    }

    async fn change(&self, api: &Api, body: Value) {
        self.admin_call("PATCH", &format!("applications/{}", api.id), body).await;
    }

    /// Makes the web application a principal of its own.
    async fn principal(&self) -> String {
        let path = format!("servicePrincipals(appId='{}')", self.app_id);
        let told = self.house.call("GET", &format!("/v1.0/{path}"), &self.admin, Value::Null).await;
        if told.status == 200 {
            return told.json()["id"].as_str().unwrap().to_owned();
        }
        let made =
            self.admin_call("POST", "servicePrincipals", json!({ "appId": self.app_id })).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// The web application as one that defines roles itself.
    async fn client(&self) -> Api {
        let principal = self.principal().await;
        Api { id: self.object_id.clone(), app_id: self.app_id.clone(), principal }
    }

    /// Alice's tokens for a scope.
    async fn tokens(&mut self, scope: &str) -> Value {
        let code = self.agreeing(scope).await;
        let (status, tokens) = self.redeem(&code, "").await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    async fn assign(&self, holder: &str, api: &Api, role: &str) {
        let path = format!("servicePrincipals/{}/appRoleAssignedTo", api.principal);
        let body = json!({ "principalId": holder, "resourceId": api.principal, "appRoleId": role });
        self.admin_call("POST", &path, body).await;
    }

    async fn group(&self, name: &str, members: &[&str]) -> String {
        let members: Vec<String> =
            members.iter().map(|m| format!("{ORIGIN}/v1.0/directoryObjects/{m}")).collect();
        let body = json!({ "displayName": name, "mailNickname": name, "mailEnabled": false, "securityEnabled": true,
            "members@odata.bind": members });
        self.admin_call("POST", "groups", body).await["id"].as_str().unwrap().to_owned()
    }

    fn alice_id(&self) -> String {
        self.alice["id"].as_str().unwrap().to_owned()
    }

    async fn for_itself(&self, resource: &str, v1: bool) -> (u16, Value) {
        let (path, what) = match v1 {
            true => ("/{tenant}/oauth2/token", format!("resource={}", encode(resource))),
            false => (
                "/{tenant}/oauth2/v2.0/token",
                format!("scope={}", encode(&format!("{resource}/.default"))),
            ),
        };
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&{what}",
            self.app_id,
            encode(&self.secret)
        );
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let told = self.house.send(self.house.request("POST", path, "", &kind, form)).await;
        (told.status, told.json())
    }
}

fn access(tokens: &Value) -> Value {
    claims(tokens["access_token"].as_str().unwrap())
}

fn has(claims: &Value, names: &[&str]) -> bool {
    names.iter().all(|name| claims.get(name).is_some())
}

fn has_none(claims: &Value, names: &[&str]) -> bool {
    names.iter().all(|name| claims.get(name).is_none())
}

/// The API says which form its tokens have, whatever endpoint was asked and by which of its names.
#[tokio::test]
async fn the_api_says_which_form_its_tokens_have() {
    let mut world = world().await;
    world.principal().await;
    let api = world.api(json!({})).await;
    let tenant = world.house.admin.tenant_id.clone();
    for (version, is_v1) in [(Value::Null, true), (json!(1), true), (json!(2), false)] {
        world.change(&api, json!({ "api": { "requestedAccessTokenVersion": version } })).await;
        for name in [format!("api://{}", api.app_id), api.app_id.clone(), URI.to_owned()] {
            let tokens = world.tokens(&format!("{name}/user_impersonation openid")).await;
            let user = access(&tokens);
            let id = claims(tokens["id_token"].as_str().unwrap());
            assert_eq!(id["ver"], "2.0", "id tokens go by the endpoint");
            let mut all = vec![user];
            for v1 in [true, false] {
                let (status, tokens) = world.for_itself(&name, v1).await;
                assert_eq!(status, 200, "{tokens}");
                all.push(access(&tokens));
            }
            let (ver, audience, issuer) = match is_v1 {
                true => ("1.0", name.as_str(), format!("{ORIGIN}/{tenant}/")),
                false => ("2.0", api.app_id.as_str(), format!("{ORIGIN}/{tenant}/v2.0")),
            };
            let (old, new) = (["appid", "appidacr"], ["azp", "azpacr"]);
            let people = (["upn", "unique_name"], ["preferred_username"]);
            for token in &all {
                assert_eq!(
                    (&token["ver"], &token["aud"]),
                    (&json!(ver), &json!(audience)),
                    "{name}"
                );
                assert_eq!(token["iss"], issuer);
                let (mine, others) = if is_v1 { (old, new) } else { (new, old) };
                assert!(has(token, &mine) && has_none(token, &others), "{token}");
                assert_eq!(token[mine[0]], world.app_id, "{token}");
            }
            let user = &all[0];
            match is_v1 {
                true => assert!(has(user, &people.0) && has_none(user, &people.1), "{user}"),
                false => assert!(has(user, &people.1) && has_none(user, &people.0), "{user}"),
            }
            assert_eq!(
                (&user["scp"], &user["oid"]),
                (&json!("user_impersonation"), &world.alice["id"])
            );
            assert!(has_none(user, &["roles", "groups", "wids"]), "{user}");
        }
    }
    // version 1 of the endpoint gives version 2 of the token
    let (_, tokens) = world.for_itself(&api.app_id, true).await;
    assert_eq!(access(&tokens)["ver"], "2.0");
    let discovery = "/{tenant}/.well-known/openid-configuration";
    let v1 = world.house.call("GET", discovery, "", Value::Null).await.json();
    assert_eq!(v1["issuer"], format!("{ORIGIN}/{tenant}/"));
    // this server's own are as they were
    let own = access(&world.tokens(&format!("{ARM}/user_impersonation")).await);
    assert_eq!((&own["ver"], &own["aud"]), (&json!("2.0"), &json!(ARM)));
    assert!(has(&own, &["appid", "azp", "upn", "preferred_username", "wids"]), "{own}");
}

#[tokio::test]
async fn no_door_takes_a_token_for_an_api() {
    let mut world = world().await;
    let principal = world.principal().await;
    let api = world
        .api(json!({ "appRoles": [role(WRITE, "Directory.ReadWrite.All", &["Application"])] }))
        .await;
    world.assign(&principal, &api, WRITE).await;
    for version in [1, 2] {
        world.change(&api, json!({ "api": { "requestedAccessTokenVersion": version } })).await;
        for name in [format!("api://{}", api.app_id), URI.to_owned()] {
            let user = world.tokens(&format!("{name}/.default openid")).await;
            let (_, app) = world.for_itself(&name, false).await;
            assert_eq!(access(&app)["roles"], json!(["Directory.ReadWrite.All"]));
            for token in [&user["access_token"], &app["access_token"], &user["id_token"]] {
                let token = token.as_str().unwrap();
                for path in [
                    "/v1.0/me",
                    "/v1.0/users",
                    "/oidc/userinfo",
                    "{sub}?api-version=2022-12-01",
                    "/v1/workspaces/{ws}/query?query=Syslog",
                    "/secrets?api-version=7.4",
                ] {
                    let told = world.house.call("GET", path, token, Value::Null).await;
                    assert_eq!(told.status, 401, "{version} {name} {path}");
                }
            }
        }
    }
}

/// `sub` is a person's name at one application: the API in access tokens, the client in id tokens.
#[tokio::test]
async fn people_have_another_name_at_each_application() {
    let mut world = world().await;
    let api = world.api(json!({})).await;
    let tokens = world.tokens(&format!("{URI}/user_impersonation openid offline_access")).await;
    let (at_api, id) = (access(&tokens), claims(tokens["id_token"].as_str().unwrap()));
    assert_ne!(at_api["sub"], id["sub"]);
    assert_eq!(at_api["oid"], id["oid"]);
    let by_id = access(&world.tokens(&format!("{}/user_impersonation", api.app_id)).await);
    assert_eq!(by_id["sub"], at_api["sub"], "by whichever name");
    let graph = world.tokens("openid User.Read").await;
    assert_ne!(access(&graph)["sub"], at_api["sub"]);
    assert_eq!(claims(graph["id_token"].as_str().unwrap())["sub"], id["sub"]);
    let told = world
        .house
        .call("GET", "/oidc/userinfo", graph["access_token"].as_str().unwrap(), Value::Null)
        .await;
    assert_eq!(told.json()["sub"], id["sub"], "OpenID Connect compares these two");
    // what two clients get for one API is of one person
    let body =
        json!({ "displayName": "Second", "web": { "redirectUris": ["https://wiki.example/cb"] } });
    let second = world.admin_call("POST", "applications", body).await;
    let secret = format!("applications/{}/addPassword", second["id"].as_str().unwrap());
    let secret = world.admin_call("POST", &secret, json!({})).await;
    let first = std::mem::replace(&mut world.app_id, second["appId"].as_str().unwrap().to_owned());
    world.secret = secret["secretText"].as_str().unwrap().to_owned();
    let other = world.tokens(&format!("{URI}/user_impersonation openid")).await;
    assert_eq!(access(&other)["sub"], at_api["sub"]);
    assert_ne!(claims(other["id_token"].as_str().unwrap())["sub"], id["sub"]);
    assert_ne!(first, world.app_id);
}

#[tokio::test]
async fn an_api_is_agreed_to_by_all_its_names_at_once() {
    let mut world = world().await;
    let api = world.api(json!({})).await;
    let names = [
        format!("api://{}", api.app_id),
        api.app_id.clone(),
        URI.to_owned(),
        URI.to_uppercase().replace("HTTPS", "https"),
    ];
    let scope = |name: &str| format!("{name}/user_impersonation offline_access");
    let tokens = world.tokens(&scope(&names[0])).await;
    for name in &names {
        assert!(world.silently(&scope(name)).await.is_ok(), "{name}");
    }
    let own = format!("users/{}/oauth2PermissionGrants", world.alice_id());
    let grants = world.admin_call("GET", &own, Value::Null).await;
    let at_api: Vec<&Value> = grants["value"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|g| g["resourceId"] == api.principal)
        .collect();
    let [grant] = at_api.as_slice() else { panic!("{grants}") };
    assert_eq!(grant["clientId"], world.principal().await);
    let path = format!("oauth2PermissionGrants/{}", grant["id"].as_str().unwrap());
    world.admin_call("DELETE", &path, Value::Null).await;
    for name in &names {
        assert_eq!(
            world.silently(&scope(name)).await,
            Err("interaction_required".into()),
            "{name}"
        );
        let answer = world.refresh(&tokens, &scope(name)).await;
        assert_eq!(code_of(&answer), (400, 65_001), "{name}");
    }
    // this server's services have Azure's application ids
    world.tokens("User.Read").await;
    let grants = world.admin_call("GET", &own, Value::Null).await;
    assert_eq!(grants["value"][0]["resourceId"], "00000003-0000-0000-c000-000000000000");
    // an API that goes takes the grants along
    world.tokens(&scope(URI)).await;
    world.admin_call("DELETE", &format!("applications/{}", api.id), Value::Null).await;
    let grants = world.admin_call("GET", &own, Value::Null).await;
    assert_eq!(grants["value"].as_array().unwrap().len(), 1, "{grants}");
}

#[tokio::test]
async fn roles_are_in_tokens_of_who_has_them() {
    let mut world = world().await;
    let own = json!([role(READ, "Editor", &["User"]), role(WRITE, "Off", &["User"])]);
    let wiki = format!("applications/{}", world.object_id);
    world.admin_call("PATCH", &wiki, json!({ "appRoles": own })).await;
    let api = world
        .api(json!({ "appRoles": [role(READ, "Reader", &["User"]), role(WRITE, "Job", &["User", "Application"])] }))
        .await;
    let client = world.client().await;
    let principal = client.principal.clone();
    let alice = world.alice_id();
    let wanted = format!("{URI}/user_impersonation openid");
    let both = async |world: &mut World| {
        let tokens = world.tokens(&wanted).await;
        let of = |claims: Value| claims.get("roles").cloned().unwrap_or_default();
        (of(access(&tokens)), of(claims(tokens["id_token"].as_str().unwrap())))
    };
    assert_eq!(both(&mut world).await, (Value::Null, Value::Null));
    world.assign(&alice, &api, READ).await;
    world.assign(&alice, &client, READ).await;
    world.assign(&alice, &client, WRITE).await;
    assert_eq!(both(&mut world).await, (json!(["Reader"]), json!(["Editor", "Off"])));
    let mut off = own.clone();
    off[1]["isEnabled"] = json!(false);
    world.admin_call("PATCH", &wiki, json!({ "appRoles": off })).await;
    // by a group that she is a direct member of, not by one that this one is in
    let inner = world.group("inner", &[&alice]).await;
    let outer = world.group("outer", &[&inner]).await;
    world.assign(&outer, &api, WRITE).await;
    assert_eq!(both(&mut world).await, (json!(["Reader"]), json!(["Editor"])));
    world.assign(&inner, &api, WRITE).await;
    assert_eq!(both(&mut world).await, (json!(["Job", "Reader"]), json!(["Editor"])));
    // the application's own
    let roles = |tokens: &Value| access(tokens).get("roles").cloned().unwrap_or_default();
    assert_eq!(roles(&world.for_itself(URI, false).await.1), Value::Null);
    world.assign(&principal, &api, WRITE).await;
    assert_eq!(roles(&world.for_itself(URI, false).await.1), json!(["Job"]));
    assert_eq!(roles(&world.for_itself(GRAPH, false).await.1), Value::Null, "of the API alone");
}

#[tokio::test]
async fn applications_may_be_for_those_alone_who_are_assigned() {
    let mut world = world().await;
    let api = world.api(json!({})).await;
    let client = world.client().await;
    let principal = client.principal.clone();
    let alice = world.alice_id();
    let wanted = format!("{URI}/user_impersonation openid offline_access");
    let tokens = world.tokens(&wanted).await;
    let waiting = world.silently(&wanted).await.unwrap();
    let closed = |id: &str| format!("servicePrincipals/{id}");
    let close = json!({ "appRoleAssignmentRequired": true });
    for (closes, of) in [(&principal, &client), (&api.principal, &api)] {
        world.admin_call("PATCH", &closed(closes), close.clone()).await;
        assert_eq!(
            world.admin_call("GET", &closed(closes), Value::Null).await["appRoleAssignmentRequired"],
            true
        );
        assert_eq!(world.silently(&wanted).await, Err("interaction_required".into()));
        assert_eq!(code_of(&world.redeem(&waiting, "").await), (400, 50_105));
        assert_eq!(code_of(&world.refresh(&tokens, &wanted).await), (400, 50_105));
        let path = world.path(&wanted, "");
        world.browser.get(&world.house, &path).await;
        assert!(world.browser.page.contains("AADSTS50105"), "{}", world.browser.page);
        world.assign(&alice, of, "00000000-0000-0000-0000-000000000000").await;
        assert!(world.silently(&wanted).await.is_ok());
    }
    // applications for themselves; the client's own door is not theirs
    let (status, answer) = world.for_itself(URI, false).await;
    assert_eq!(code_of(&(status, answer)), (400, 501_051));
    assert_eq!(world.for_itself(GRAPH, false).await.0, 200);
    world.assign(&principal, &api, "00000000-0000-0000-0000-000000000000").await;
    assert_eq!(world.for_itself(URI, false).await.0, 200);
}

#[tokio::test]
async fn groups_are_named_as_the_application_asks() {
    let mut world = world().await;
    let alice = world.alice_id();
    let api = world.api(json!({})).await;
    let direct = world.group("direct", &[&alice]).await;
    let outer = world.group("outer", &[&direct]).await;
    world.assign(&direct, &api, "00000000-0000-0000-0000-000000000000").await;
    let wanted = format!("{URI}/user_impersonation openid");
    let mut all = vec![direct.clone(), outer];
    all.sort_unstable();
    let (all, assigned, roles) = (json!(all), json!([direct]), json!([GLOBAL_ADMINISTRATOR]));
    for (setting, groups, wids) in [
        ("None", &Value::Null, &Value::Null),
        ("SecurityGroup", &all, &Value::Null),
        ("ApplicationGroup", &assigned, &Value::Null),
        ("DirectoryRole", &Value::Null, &roles),
        ("All", &all, &roles),
        ("ApplicationGroup, DirectoryRole", &assigned, &roles),
    ] {
        world.change(&api, json!({ "groupMembershipClaims": setting })).await;
        let tokens = world.tokens(&wanted).await;
        let token = access(&tokens);
        assert_eq!((&token["groups"], &token["wids"]), (groups, wids), "{setting}");
        let id = claims(tokens["id_token"].as_str().unwrap());
        assert!(has_none(&id, &["groups", "wids"]), "the client did not ask");
    }
    let wiki = format!("applications/{}", world.object_id);
    let client = json!({ "groupMembershipClaims": "SecurityGroup", "web": { "redirectUris": ["https://wiki.example/cb"],
        "implicitGrantSettings": { "enableIdTokenIssuance": true } } });
    world.admin_call("PATCH", &wiki, client).await;
    world.change(&api, json!({ "groupMembershipClaims": "SecurityGroup" })).await;
    let front = async |world: &mut World| {
        let path = world
            .path("openid", "&prompt=none&nonce=n")
            .replace("response_type=code", "response_type=id_token");
        world.agreeing("openid").await;
        let told = world.browser.get(&world.house, &path).await;
        claims(&parameter(&told, "id_token"))
    };
    assert_eq!(front(&mut world).await["groups"], all);
    for n in 0..4 {
        world.group(&format!("g{n}"), &[&alice]).await;
    }
    let token = front(&mut world).await;
    assert!(token["hasgroups"] == true && has_none(&token, &["groups"]), "six: {token}");
    for n in 4..199 {
        world.group(&format!("g{n}"), &[&alice]).await;
    }
    let tokens = world.tokens(&wanted).await;
    let id = claims(tokens["id_token"].as_str().unwrap());
    let arm = access(&world.tokens(&format!("{ARM}/user_impersonation")).await);
    for token in [access(&tokens), id, arm] {
        assert!(has_none(&token, &["groups", "hasgroups"]), "201");
        assert_eq!(token["_claim_names"], json!({ "groups": "src1" }));
        let endpoint = format!("{ORIGIN}/v1.0/users/{alice}/getMemberObjects");
        assert_eq!(token["_claim_sources"], json!({ "src1": { "endpoint": endpoint } }));
    }
    let path = format!("users/{alice}/getMemberObjects");
    let listed = world
        .admin_call("POST", &format!("{path}?$top=999"), json!({ "securityEnabledOnly": true }))
        .await;
    assert_eq!(listed["value"].as_array().unwrap().len(), 201);
}

#[tokio::test]
async fn further_claims_are_given_to_who_asks() {
    let mut world = world().await;
    let claims_of = |names: &[&str]| names.iter().map(|n| json!({ "name": n })).collect::<Vec<_>>();
    let asked =
        ["acct", "auth_time", "email", "family_name", "given_name", "ipaddr", "login_hint", "upn"];
    let api = world.api(json!({ "api": { "requestedAccessTokenVersion": 2 } })).await;
    let alice = format!("users/{}", world.alice_id());
    let person = json!({ "mail": "al@example.org", "surname": "Liddell", "givenName": "Alice" });
    world.admin_call("PATCH", &alice, person).await;
    let wanted = format!("{URI}/user_impersonation openid");
    assert!(has_none(&access(&world.tokens(&wanted).await), &asked));
    world.change(&api, json!({ "optionalClaims": { "accessToken": claims_of(&asked) } })).await;
    let wiki = format!("applications/{}", world.object_id);
    world
        .admin_call("PATCH", &wiki, json!({ "optionalClaims": { "idToken": claims_of(&asked) } }))
        .await;
    let tokens = world.tokens(&wanted).await;
    for token in [access(&tokens), claims(tokens["id_token"].as_str().unwrap())] {
        assert!(has(&token, &asked), "{token}");
        assert_eq!(token["email"], "al@example.org");
        assert_eq!((&token["upn"], &token["acct"]), (&json!("alice@vedette.localhost"), &json!(0)));
        assert_eq!(token["ipaddr"], "127.0.0.1");
    }
}

#[tokio::test]
async fn scopes_are_those_that_the_api_defines() {
    let mut world = world().await;
    let defined = json!([scope(READ, "Files.Read", "User"), scope(WRITE, "Files.Manage", "Admin")]);
    let api = world.api(json!({ "api": { "oauth2PermissionScopes": defined } })).await;
    for undefined in ["user_impersonation", "Files.Other"] {
        let path = world.path(&format!("{URI}/{undefined}"), "");
        let told = world.browser.get(&world.house, &path).await;
        assert_eq!(parameter(&told, "error"), "invalid_scope", "{undefined}");
    }
    world.browser.get(&world.house, &world.path(&format!("{URI}/files.read"), "")).await;
    let said = "Use Files.Read at Files: Lets the app use Files.Read.";
    assert!(world.browser.page.contains(said), "{}", world.browser.page);
    for (asked, given) in
        [("files.read", "Files.Read"), (".default", "Files.Read"), ("Files.Manage", "Files.Manage")]
    {
        let tokens = world.tokens(&format!("{URI}/{asked} offline_access")).await;
        assert_eq!(access(&tokens)["scp"], given, "{asked}");
    }
    // scopes for administrators are not everybody's to agree to
    user(&world.house, "eve", json!({})).await;
    let mut browser = Browser::default();
    browser.get(&world.house, &world.path(&format!("{URI}/Files.Manage"), "")).await;
    browser.password(&world.house, "eve", PASSWORD).await;
    assert!(browser.page.contains("an administrator must agree"), "{}", browser.page);
    browser.step(&world.house, "continue", "").await;
    assert!(browser.page.contains("AADSTS90094"), "{}", browser.page);
    // an application that the API trusts asks nobody
    let trusted = json!([{ "appId": world.app_id, "delegatedPermissionIds": [WRITE] }]);
    world.change(&api, json!({ "api": { "preAuthorizedApplications": trusted } })).await;
    let told = browser.get(&world.house, &world.path(&format!("{URI}/Files.Manage"), "")).await;
    assert_eq!(told.status, 303, "{}", browser.page);
    let (status, tokens) = world.redeem(&parameter(&told, "code"), "").await;
    assert_eq!((status, &access(&tokens)["scp"]), (200, &json!("Files.Manage")));
    // what is switched off is in no token from then on
    let tokens = world.tokens(&format!("{URI}/Files.Read offline_access")).await;
    let mut off = defined.clone();
    off[0]["isEnabled"] = json!(false);
    world.change(&api, json!({ "api": { "oauth2PermissionScopes": off } })).await;
    let token = tokens["refresh_token"].as_str().unwrap();
    let answer = world.token(&format!("grant_type=refresh_token&refresh_token={token}")).await;
    assert_eq!(code_of(&answer), (400, 65_001));
}

/// `az ad app permission grant`: an administrator's word for everybody.
#[tokio::test]
async fn an_administrator_agrees_for_everybody() {
    let world = world().await;
    let defined = json!([scope(READ, "Files.Read", "User"), scope(WRITE, "Files.Manage", "Admin")]);
    let api = world.api(json!({ "api": { "oauth2PermissionScopes": defined } })).await;
    let client = world.principal().await;
    let eve = user(&world.house, "eve", json!({})).await;
    let mut browser = Browser::default();
    browser.get(&world.house, &world.path(&format!("{URI}/Files.Manage"), "")).await;
    browser.password(&world.house, "eve", PASSWORD).await;
    let silently = format!("{URI}/Files.Manage");
    let path = world.path(&silently, "&prompt=none");
    let told = browser.get(&world.house, &path).await;
    assert_eq!(parameter(&told, "error"), "interaction_required");
    let grant = |kind: &str, who: Value, scope: &str| json!({ "clientId": client, "consentType": kind, "principalId": who, "resourceId": api.principal, "scope": scope });
    let good = grant("AllPrincipals", Value::Null, "files.manage Files.Read");
    let with = |name: &str, value: &str| {
        let mut body = good.clone();
        body[name] = json!(value);
        body
    };
    let grants = "/v1.0/oauth2PermissionGrants";
    for (body, status) in [
        (with("scope", "Files.Other"), 400),
        (with("scope", " "), 400),
        (with("consentType", "Everybody"), 400),
        (with("principalId", eve["id"].as_str().unwrap()), 400),
        (with("resourceId", "00000003-0000-0000-c000-000000000000"), 400),
        (with("clientId", READ), 400),
        (with("nonsense", "x"), 400),
        (grant("Principal", json!(READ), "Files.Read"), 404),
    ] {
        let told = world.house.call("POST", grants, &world.admin, body.clone()).await;
        assert_eq!(told.status, status, "{body}: {}", told.json());
    }
    let tokens = crate::sign_in::signed_in(&world.house, "eve").await;
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(world.house.call("POST", grants, token, good.clone()).await.status, 403);
    let made = world.admin_call("POST", "oauth2PermissionGrants", good.clone()).await;
    assert_eq!(
        (&made["consentType"], &made["principalId"]),
        (&json!("AllPrincipals"), &Value::Null)
    );
    assert_eq!(made["scope"], "Files.Manage Files.Read");
    assert_eq!(world.house.call("POST", grants, &world.admin, good).await.status, 409);
    let told = browser.get(&world.house, &path).await;
    let (status, tokens) = world.redeem(&parameter(&told, "code"), "").await;
    assert_eq!((status, &access(&tokens)["scp"]), (200, &json!("Files.Manage")));
    // what she agrees to besides makes none of it her own
    let both = world.path(&format!("{silently} User.Read"), "");
    browser.get(&world.house, &both).await;
    assert!(!browser.page.contains("Files.Manage"), "{}", browser.page);
    let told = browser.step(&world.house, "continue", "").await;
    assert_eq!(told.status, 303, "{}", browser.page);
    let one = format!("oauth2PermissionGrants/{}", made["id"].as_str().unwrap());
    world.admin_call("DELETE", &one, Value::Null).await;
    let told = browser.get(&world.house, &path).await;
    assert_eq!(parameter(&told, "error"), "interaction_required");
    let own = grant("Principal", eve["id"].clone(), "Files.Manage");
    world.admin_call("POST", "oauth2PermissionGrants", own).await;
    let told = browser.get(&world.house, &path).await;
    assert_eq!(parameter(&told, "error"), "");
}

#[tokio::test]
async fn each_part_of_roles_has_rights_of_its_own() {
    let world = world().await;
    let api = world.api(json!({ "appRoles": [role(READ, "Reader", &["User"])] })).await;
    let eve = user(&world.house, "eve", json!({})).await;
    let application_administrator = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3";
    assert_eq!(
        directory_role(&world.house, &world.admin, &eve, application_administrator).await,
        201
    );
    let tokens = crate::sign_in::signed_in(&world.house, "eve").await;
    let token = tokens["access_token"].as_str().unwrap();
    let path = format!("/v1.0/servicePrincipals/{}/appRoleAssignedTo", api.principal);
    let body = json!({ "principalId": eve["id"], "resourceId": api.principal, "appRoleId": READ });
    assert_eq!(world.house.call("POST", &path, token, body).await.status, 201);
    // an application with rights over the directory is guarded by those who have them
    let found = format!("/v1.0/servicePrincipals(appId='{}')", world.house.admin.client_id);
    let admin = world.house.call("GET", &found, &world.admin, Value::Null).await.json();
    let path =
        format!("/v1.0/servicePrincipals/{}/appRoleAssignedTo", admin["id"].as_str().unwrap());
    let body = json!({ "principalId": eve["id"], "resourceId": admin["id"], "appRoleId": "00000000-0000-0000-0000-000000000000" });
    assert_eq!(world.house.call("POST", &path, token, body).await.status, 403);
}

/// A name is one application's, however it is written, and so is the audience of tokens.
#[tokio::test]
async fn names_of_apis_are_not_told_apart_by_slashes_and_case() {
    let world = world().await;
    world.principal().await;
    let (uri, plain) = ("https://vic.example/", "https://vic.example");
    let api = world.api(json!({ "identifierUris": [uri] })).await;
    for taken in [
        plain.to_owned(),
        "HTTPS://VIC.example//".to_owned(),
        format!("API://{}", api.app_id),
        format!("api://{}/", api.app_id.to_uppercase()),
        format!("api://{}/files", api.app_id),
        "https://somebody@files.example".to_owned(),
        format!("https://long.example/{}", "x".repeat(255)),
    ] {
        let body = json!({ "displayName": "Thief", "identifierUris": [taken] });
        let told = world.house.call("POST", "/v1.0/applications", &world.admin, body).await;
        assert_eq!(told.status, 400, "{taken}: {}", told.json());
        let path = format!("/v1.0/applications/{}", world.object_id);
        let body = json!({ "identifierUris": [taken] });
        let told = world.house.call("PATCH", &path, &world.admin, body).await;
        assert_eq!(told.status, 400, "{taken}: {}", told.json());
    }
    let own = format!("api://{}/files", api.app_id);
    world.change(&api, json!({ "identifierUris": [uri, own] })).await;
    for (asked, audience) in [
        (plain, uri),
        (uri, uri),
        ("https://VIC.example", uri),
        (&own.to_uppercase(), &own),
        (&api.app_id.to_uppercase(), &api.app_id),
        (&format!("API://{}/", api.app_id), &format!("api://{}", api.app_id)),
    ] {
        for v1 in [true, false] {
            let (status, tokens) = world.for_itself(asked, v1).await;
            assert_eq!(status, 200, "{asked}: {tokens}");
            assert_eq!(access(&tokens)["aud"], audience, "{asked}");
        }
    }
}

/// An API that is disabled or taken away is nobody's any more, whoever asks and however.
#[tokio::test]
async fn tokens_end_with_the_api() {
    let mut world = world().await;
    world.principal().await;
    let api = world.api(json!({ "appRoles": [role(READ, "Job", &["User", "Application"])] })).await;
    let tokens = world.tokens(&format!("{URI}/user_impersonation offline_access")).await;
    let refresh = |tokens: &Value| {
        format!(
            "grant_type=refresh_token&refresh_token={}",
            tokens["refresh_token"].as_str().unwrap()
        )
    };
    let path = format!("servicePrincipals/{}", api.principal);
    world.admin_call("PATCH", &path, json!({ "accountEnabled": false })).await;
    assert_eq!(code_of(&world.for_itself(URI, false).await), (400, 500_014));
    assert_eq!(code_of(&world.token(&refresh(&tokens)).await), (400, 500_014));
    world.admin_call("PATCH", &path, json!({ "accountEnabled": true })).await;
    let tokens = world.token(&refresh(&tokens)).await;
    assert_eq!(tokens.0, 200, "{}", tokens.1);
    world.admin_call("DELETE", &path, Value::Null).await;
    assert_eq!(code_of(&world.for_itself(URI, false).await), (400, 500_011));
    // what people agreed to went with it
    assert_eq!(code_of(&world.token(&refresh(&tokens.1)).await), (400, 65_001));
}

/// Another role of the same id is another role.
#[tokio::test]
async fn a_role_that_is_taken_away_takes_its_holders_with_it() {
    let mut world = world().await;
    let api = world.api(json!({ "appRoles": [role(READ, "Adm", &["User"])] })).await;
    let alice = world.alice_id();
    world.assign(&alice, &api, READ).await;
    let mut off = json!([role(READ, "Adm", &["User"])]);
    off[0]["isEnabled"] = json!(false);
    for roles in [off, json!([]), json!([role(READ, "SuperAdmin", &["User"])])] {
        world.change(&api, json!({ "appRoles": roles })).await;
    }
    let tokens = world.tokens(&format!("{URI}/user_impersonation")).await;
    assert_eq!(access(&tokens).get("roles"), None);
}

/// The log says what was changed, from what to what, and about whom.
#[tokio::test]
async fn changes_are_told_with_what_was_before() {
    let world = world().await;
    let defined = json!([scope(READ, "Files.Read", "User")]);
    let api = world.api(json!({ "api": { "oauth2PermissionScopes": defined } })).await;
    let client = world.principal().await;
    let grant = json!({ "clientId": client, "consentType": "Principal", "principalId": world.alice_id(),
        "resourceId": api.principal, "scope": "Files.Read" });
    let made = world.admin_call("POST", "oauth2PermissionGrants", grant).await;
    let path = format!("oauth2PermissionGrants/{}", made["id"].as_str().unwrap());
    world.admin_call("DELETE", &path, Value::Null).await;
    let new = "https://new.example/back";
    world
        .change(&api, json!({ "spa": { "redirectUris": [new] }, "groupMembershipClaims": "All" }))
        .await;
    let path = format!("servicePrincipals/{}", api.principal);
    world.admin_call("PATCH", &path, json!({ "accountEnabled": false })).await;
    let events = world.house.events.lock();
    let told = |operation: &str| {
        let mut all = events.iter().rev().filter_map(|event| match event {
            api::Event::Directory(event) if event.operation == operation => Some(event),
            _ => None,
        });
        let last = all.next().unwrap_or_else(|| panic!("{operation}"));
        let names: Vec<String> = last.targets.iter().map(|t| t.name.clone()).collect();
        let changes: Vec<_> = last.targets.iter().flat_map(|t| t.changes.clone()).collect();
        (names, changes)
    };
    let change =
        |name: &str, old: &str, new: &str| (name.to_owned(), old.to_owned(), new.to_owned());
    let kinds = ["DelegatedPermissionGrant.Scope", "DelegatedPermissionGrant.ConsentType"];
    let values = ["Files.Read", "Principal"];
    let (names, changes) = told("Add delegated permission grant");
    assert_eq!((names.len(), &*names[1]), (3, "Files"));
    assert_eq!(changes, [0, 1].map(|i| change(kinds[i], "", values[i])));
    let (again, changes) = told("Remove delegated permission grant");
    assert_eq!(again, names);
    assert_eq!(changes, [0, 1].map(|i| change(kinds[i], values[i], "")));
    let (_, changes) = told("Update application");
    let address = format!(r#"[{{"AddressType":0,"Address":"{new}"}}]"#);
    assert_eq!(changes[0], change("AppAddress", "[]", &address));
    assert_eq!(changes[1].0, "spa");
    assert_eq!(changes[2], change("groupMembershipClaims", "null", "\"All\""));
    let changes: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            api::Event::Directory(event) => Some(event.targets.iter().flat_map(|t| &t.changes)),
            _ => None,
        })
        .flatten()
        .filter(|(name, ..)| name == "AccountEnabled")
        .collect();
    assert_eq!(changes, [&change("AccountEnabled", "true", "false")]);
}
