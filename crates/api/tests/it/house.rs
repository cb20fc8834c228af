//! A house to knock at: identity and Resource Manager as they are, tables with canned answers, a clock that stands.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use api::{Event, HealthCheck, House, Limits};
use arm::{BootstrapNames, Installation, Settings, bootstrap};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::{read_private, write_private};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use identity::{
    AdminCredentials, DenyAssignments, Identity, IdentityConfig, Permissions, PublicUrls,
    RoleAssignments, RoleDefinitions,
};
use model::{Clock, ResourceId, Rows, TableInfo, TableKind, Tables};
use parking_lot::Mutex;
use serde_json::{Value, json};
use state::{MemoryStore, Store};
use testkit::{CannedTables, ManualClock, TempFolder, schema, temp_folder};
use tower::ServiceExt;
use vault::{AuditHouse, AuditLog, KeyFiles, Vaults};

pub const ORIGIN: &str = "https://localhost:8443";
pub const AUDIT_WORKSPACE: &str = "audit";
/// The columns that the vault's audit rows fill.
const AZURE_DIAGNOSTICS: &str = "TimeGenerated:datetime, ResourceProvider:string, ResourceType:string, Category:string, ResourceId:string, _ResourceId:string, Resource:string, OperationName:string, OperationVersion:string, ResultType:string, ResultSignature:string, ResultDescription:string, DurationMs:long, CallerIPAddress:string, CorrelationId:string, identity_claim_oid_g:string, identity_claim_appid_g:string, identity_claim_upn_s:string, identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g:string, identity_claim_http_schemas_xmlsoap_org_ws_2005_05_identity_claims_upn_s:string, _SubscriptionId:string, SubscriptionId:string, ResourceGroup:string, requestUri_s:string, id_s:string, clientInfo_s:string, httpStatusCode_d:real, AdditionalFields:dynamic";
const AZKV_AUDIT_LOGS: &str = "TimeGenerated:datetime, _ResourceId:string, _SubscriptionId:string, OperationName:string, OperationVersion:string, ResultType:string, ResultSignature:string, ResultDescription:string, DurationMs:int, CallerIpAddress:string, CorrelationId:string, Identity:dynamic, RequestUri:string, Id:string, ClientInfo:string, HttpStatusCode:int, Properties:dynamic";
const PASSWORD: &str = "client_credentials";

/// A role to assign, by its GUID.
pub const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
pub const CONTRIBUTOR: &str = "b24988ac-6180-42a0-ab88-20f7382dd24c";
pub const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
pub const DATA_READER: &str = "3b03c2da-16b3-4a49-8834-0f8130efdd3b";
pub const PUBLISHER: &str = "3913510d-42f4-4e42-8a64-420c390055eb";

pub struct Fixture {
    pub router: Router,
    pub events: Arc<Mutex<Vec<Event>>>,
    pub house: Arc<House>,
    pub tables: Arc<CannedTables>,
    pub clock: Arc<ManualClock>,
    pub admin: AdminCredentials,
    pub there: Installation,
    /// Lives as long as the house: keys are in it.
    source: Mutex<IpAddr>,
    _folder: TempFolder,
}

/// An answer, read to its end.
pub struct Told {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Told {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.bytes)))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// The error's code, in whichever envelope.
    pub fn code(&self) -> String {
        let body = self.json();
        let code = body["error"]["code"].as_str().or_else(|| body["error"].as_str());
        code.unwrap_or_default().to_owned()
    }
}

/// Signing keys are made once for all tests.
fn share_keys(folder: &TempFolder) -> bool {
    static KEYS: OnceLock<String> = OnceLock::new();
    let file = folder.join("token-signing.json");
    match KEYS.get() {
        Some(keys) => {
            write_private(&file, keys.as_bytes()).unwrap();
            true
        }
        None if file.exists() => {
            let _ = KEYS.set(read_private(&file).unwrap().unwrap().expose().to_owned());
            true
        }
        None => false,
    }
}

pub async fn house() -> Fixture {
    house_with(Limits::default()).await
}

/// A built-in table, its columns written as KQL writes them.
pub async fn put_table(tables: &CannedTables, workspace: &str, name: &str, columns: &str) {
    let info = TableInfo {
        name: name.into(),
        kind: TableKind::Microsoft,
        schema: schema(columns),
        retention_days: 30,
        total_retention_days: 30,
    };
    tables.put_table(workspace, info, false).await.unwrap();
}

pub async fn house_with(limits: Limits) -> Fixture {
    let folder = temp_folder();
    let clock = Arc::new(ManualClock::at("2026-11-22T10:00:00Z"));
    let store: Arc<dyn Store> = Arc::new(MemoryStore::with_clock(clock.clone()));
    let tables = Arc::new(CannedTables::new());
    let subscription = arm::subscription_id(&*store).unwrap();
    share_keys(&folder);
    let (identity, first) = Identity::open(IdentityConfig {
        store: Arc::clone(&store),
        keys_directory: folder.path(),
        urls: PublicUrls::new("localhost", 8443, ["box.example"]),
        subscription: &ResourceId::new(&format!("/subscriptions/{subscription}")),
        now: clock.now(),
    })
    .unwrap();
    assert!(first);
    share_keys(&folder);
    let identity = Arc::new(identity);
    let assignments = Arc::new(RoleAssignments::new(identity.clone()));
    let settings = Settings { public_url: ORIGIN.into(), location: "local".into() };
    let files = KeyFiles { own: folder.join("vault.unseal"), credential: None, token: None };
    let vaults = Arc::new(Vaults::open(store.clone(), files, clock.now()).unwrap());
    let keeper: Arc<dyn Clock> = clock.clone();
    let builder = arm::builder(store.clone(), settings, tables.clone());
    let arm = vault::resources::register(builder, &vaults, &keeper)
        .types(identity::TYPES)
        .provider("Microsoft.Authorization/roleAssignments", assignments.clone())
        .hook("Microsoft.Authorization/roleAssignments", assignments)
        .provider(
            "Microsoft.Authorization/roleDefinitions",
            Arc::new(RoleDefinitions::new(identity.clone())),
        )
        .provider("Microsoft.Authorization/denyAssignments", Arc::new(DenyAssignments))
        .provider(
            "Microsoft.Authorization/permissions",
            Arc::new(Permissions::new(identity.clone())),
        )
        .types(sentinel::resource_types::TYPES)
        .build()
        .unwrap();
    let names = BootstrapNames {
        tenant_id: Some(identity.tenant().id.clone()),
        ..BootstrapNames::default()
    };
    let there = bootstrap(&arm, &names, clock.now()).await.unwrap();
    let (group, tenant) = (&there.resource_group, &there.tenant_id);
    vault::resources::bootstrap(&arm, group, tenant, clock.now()).await.unwrap();
    let built_in = [
        ("SecurityEvent", "TimeGenerated:datetime, Computer:string, EventID:int, Data:dynamic"),
        ("Syslog", "TimeGenerated:datetime, HostName:string, SyslogMessage:string"),
    ];
    for (name, columns) in built_in {
        put_table(&tables, &there.customer_id, name, columns).await;
    }
    // beside the workspace, whose tables some tests list
    for (name, columns) in
        [("AzureDiagnostics", AZURE_DIAGNOSTICS), ("AZKVAuditLogs", AZKV_AUDIT_LOGS)]
    {
        put_table(&tables, AUDIT_WORKSPACE, name, columns).await;
    }
    tables.answer("order by s asc", Rows::default());
    let vault_audit = Arc::new(AuditLog::start(AuditHouse {
        folder: folder.join("vault-audit"),
        tables: tables.clone(),
        workspace: AUDIT_WORKSPACE.into(),
        subscription: there.subscription_id.as_str().into(),
        store,
        keyring: vaults.keyring().clone(),
        clock: clock.clone(),
        flush_each: false,
    }));
    let house = Arc::new(House {
        identity,
        arm,
        tables: tables.clone(),
        vaults,
        vault_audit,
        probe: Arc::new(NoNetwork),
        clock: clock.clone(),
        limits,
        health: Arc::new(|| {
            vec![HealthCheck {
                name: "logs",
                healthy: true,
                message: "2 tables <now>".into(),
                metrics: vec![("rows", "Rows stored.", 7.0)],
            }]
        }),
        version: "1.2.3",
    });
    let admin = AdminCredentials::load(folder.path()).unwrap().unwrap();
    let events = Arc::new(Mutex::new(Vec::new()));
    let kept = events.clone();
    let audit: api::Audit = Arc::new(move |event| kept.lock().push(event));
    Fixture {
        router: api::router_with_audit(house.clone(), audit),
        events,
        house,
        tables,
        clock,
        admin,
        there,
        source: Mutex::new([127, 0, 0, 1].into()),
        _folder: folder,
    }
}

impl Fixture {
    /// Fills the places of a path: {ws} customer id, {resource} workspace, {sub} subscription, {group} resource group,
    /// {dcr} immutable id, {rule} the data collection rule, {tenant}.
    pub fn path(&self, template: &str) -> String {
        let there = &self.there;
        let subscription = format!("/subscriptions/{}", there.subscription_id);
        [
            ("{ws}", there.customer_id.as_str()),
            ("{resource}", there.workspace.as_str()),
            ("{sub}", &subscription),
            ("{group}", there.resource_group.as_str()),
            ("{dcr}", &there.data_collection_rule_immutable_id),
            ("{rule}", there.data_collection_rule.as_str()),
            ("{tenant}", &self.admin.tenant_id),
        ]
        .iter()
        .fold(template.to_owned(), |path, (place, value)| path.replace(place, value))
    }

    /// Where requests come from, from now on.
    pub fn come_from(&self, address: [u8; 4]) {
        *self.source.lock() = address.into();
    }

    /// Sends a request as it is.
    pub async fn send(&self, mut request: Request<Body>) -> Told {
        let source = SocketAddr::new(*self.source.lock(), 50_000);
        request.extensions_mut().insert(ConnectInfo(source));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        Told { status: parts.status.as_u16(), headers: parts.headers, bytes }
    }

    pub fn request(
        &self,
        method: &str,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Request<Body> {
        let mut request =
            Request::builder().method(method).uri(self.path(path)).header("host", "localhost:8443");
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body.into()).unwrap()
    }

    /// Sends JSON (none for null) in someone's name.
    pub async fn call(&self, method: &str, path: &str, token: &str, body: Value) -> Told {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.send(self.request(method, path, token, &[], text)).await
    }

    /// A token of the first administrator.
    pub async fn admin_token(&self) -> String {
        self.token_of(&self.admin.client_id, self.admin.client_secret.expose(), ORIGIN).await
    }

    /// Asks for a token of a client for a resource.
    pub async fn ask_token(&self, id: &str, secret: &str, resource: &str) -> Told {
        let form = format!(
            "grant_type={PASSWORD}&client_id={id}&client_secret={}&scope={}",
            encode(secret),
            encode(&format!("{resource}/.default"))
        );
        self.form(&form).await
    }

    pub async fn token_of(&self, id: &str, secret: &str, resource: &str) -> String {
        let told = self.ask_token(id, secret, resource).await;
        assert_eq!(told.status, 200, "{}", told.json());
        told.json()["access_token"].as_str().unwrap().to_owned()
    }

    pub async fn form(&self, form: &str) -> Told {
        let path = "/{tenant}/oauth2/v2.0/token";
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        self.send(self.request("POST", path, "", &kind, form.to_owned())).await
    }

    /// A new application with a role at a scope ("" for none), made as `az ad sp create-for-rbac` makes it; its token
    /// for a resource.
    pub async fn principal(&self, role: &str, scope: &str, resource: &str) -> String {
        let admin = self.admin_token().await;
        let named = json!({ "displayName": format!("test {role}") });
        let app = self.call("POST", "/v1.0/applications", &admin, named).await;
        assert_eq!(app.status, 201, "{}", app.json());
        let app = app.json();
        let (id, app_id) = (app["id"].as_str().unwrap(), app["appId"].as_str().unwrap());
        let wanted = json!({ "appId": app_id });
        let principal = self.call("POST", "/v1.0/servicePrincipals", &admin, wanted).await.json();
        let secret = self
            .call("POST", &format!("/v1.0/applications/{id}/addPassword"), &admin, json!({}))
            .await
            .json();
        if !role.is_empty() {
            let name = uuid::Uuid::new_v4();
            let path = format!(
                "{scope}/providers/Microsoft.Authorization/roleAssignments/{name}?api-version=2022-04-01"
            );
            let definition = format!("/providers/Microsoft.Authorization/roleDefinitions/{role}");
            let body = json!({ "properties": {
                "roleDefinitionId": definition, "principalId": principal["id"],
            }});
            let told = self.call("PUT", &path, &admin, body).await;
            assert_eq!(told.status, 201, "{}", told.json());
        }
        self.token_of(app_id, secret["secretText"].as_str().unwrap(), resource).await
    }
}

/// What the house's clock says, in seconds since 1970.
pub fn seconds(house: &Fixture) -> i64 {
    house.clock.now().unix_seconds()
}

/// Percent-encodes all that could have a meaning in a form.
pub fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

/// The token with its header changed, and with or without its signature.
pub fn with_algorithm(token: &str, algorithm: &str, signed: bool) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let mut header: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[0]).unwrap()).unwrap();
    header["alg"] = json!(algorithm);
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    format!("{header}.{}.{}", parts[1], if signed { parts[2] } else { "" })
}

/// The token with another signature of the right length.
pub fn forged(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    bytes[7] ^= 1;
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// Nobody is outside.
struct NoNetwork;

impl vault::Probe for NoNetwork {
    fn http(&self, _: &vault::Look<'_>) -> Result<Vec<u8>, vault::Unseen> {
        Err(vault::Unseen::NoAnswer("no network in tests".into()))
    }

    fn is_own(&self, _: std::net::IpAddr) -> bool {
        false
    }

    fn texts(&self, _: &str, _: Option<&str>) -> Result<Vec<String>, String> {
        Err("no network in tests".into())
    }
}
