//! Applications, service principals, their secrets and owners: as far as `az ad app` and `az ad sp` go.

use identity::{AssignedSide, GraphError, Holder, NewApplication, NewPassword};
use serde_json::{Value, json};

use super::way::{Told, Way};
use super::{Call, Failure, Reply, assignments, bad_request, id_of, optional, referenced, text};
use crate::Doors;

/// Entra's name, dash and trailing blank included: queries look for it.
const CREDENTIALS: &str = "Update application \u{2013} Certificates and secrets management ";
/// The same of service principals, which have a name for each.
const ADDED: &str = "Add service principal credentials";
const REMOVED: &str = "Remove service principal credentials";

/// What is done to an application, in AuditLogs' words.
const fn told(operation: &'static str, kind: &'static str) -> Told {
    Told::new(operation, "ApplicationManagement", kind)
}

/// `/applications`
pub(super) fn applications(way: &mut Way<'_>) -> Result<Reply, Failure> {
    let (doors, call) = (way.doors, way.call);
    let identity = &doors.identity;
    match (call.method.as_str(), way.path().as_slice()) {
        ("GET", []) => Ok(Reply::List(identity.list_applications())),
        ("POST", []) => way.create(told("Add application", "Add"), || {
            identity.create_application(new_application(&call.body)?, call.now)
        }),
        (_, []) => Err(Failure::Method("GET, POST")),
        ("GET", [id]) => Ok(Reply::Object(200, identity.application(id)?)),
        ("PATCH", [id]) => {
            update_application(way, id)?;
            Ok(Reply::Empty)
        }
        ("DELETE", [id]) => {
            way.change(told("Delete application", "Delete"), id, || identity.delete_application(id))
        }
        (_, [_]) => Err(Failure::Method("GET, PATCH, DELETE")),
        ("POST", [id, "addpassword"]) => {
            add_password(way, id, CREDENTIALS, Holder::Application(id))
        }
        ("POST", [id, "removepassword"]) => {
            remove_password(way, id, CREDENTIALS, Holder::Application(id))
        }
        ("GET", [id, "owners"]) => Ok(Reply::List(identity.application_owners(id)?)),
        ("POST", [id, "owners", "$ref"]) => {
            way.change(told("Add owner to application", "Assign"), id, || {
                identity.change_application_owner(id, &referenced(&call.body)?, true)
            })
        }
        ("DELETE", [id, "owners", owner, "$ref"]) => {
            way.change(told("Remove owner from application", "Unassign"), id, || {
                identity.change_application_owner(id, owner, false)
            })
        }
        (_, [id, "federatedidentitycredentials", rest @ ..]) => federated(way, id, rest),
        (_, [_, "addpassword" | "removepassword"]) => Err(Failure::Method("POST")),
        (_, [_, "owners", ..]) => Err(Failure::Method("GET, POST, DELETE")),
        _ => Err(Failure::NoPath),
    }
}

/// `PATCH /applications/{id}`: what it was and what it is then is told, addresses under the name that Entra has for them.
fn update_application(way: &mut Way<'_>, id: &str) -> Result<(), GraphError> {
    const SECRETS: [&str; 2] = ["keyCredentials", "passwordCredentials"];
    let (identity, body) = (&way.doors.identity, &way.call.body);
    let credentials = body.get(SECRETS[0]).is_some();
    let operation = if credentials { CREDENTIALS } else { "Update application" };
    let before = keys(way.doors, id);
    way.begin(told(operation, "Update"), id)?;
    let stood = identity.application(id)?;
    identity.update_application(id, body)?;
    let stands = identity.application(id)?;
    if credentials {
        way.changed("KeyDescription", before, keys(way.doors, id));
    }
    if addresses(&stood) != addresses(&stands) {
        way.changed("AppAddress", addresses(&stood), addresses(&stands));
    }
    let names = body.as_object().into_iter().flat_map(|fields| fields.keys());
    for name in names.filter(|name| !SECRETS.contains(&name.as_str())) {
        let (old, new) = (&stood[name], &stands[name]);
        if old != new {
            way.changed(name, clipped(old), clipped(new));
        }
    }
    Ok(())
}

/// The redirect addresses of an application, as Entra's `AppAddress` has them.
fn addresses(application: &Value) -> String {
    let all = ["web", "spa", "publicClient"]
        .iter()
        .filter_map(|kind| application[kind]["redirectUris"].as_array())
        .flatten()
        .map(|uri| json!({ "AddressType": 0, "Address": uri }));
    clipped(&all.collect())
}

/// A value as AuditLogs shows it: not all of a long one.
fn clipped(value: &Value) -> String {
    const LENGTH_MAX: usize = 8192;
    value.to_string().chars().take(LENGTH_MAX).collect()
}

/// `/applications/{id}/federatedIdentityCredentials`
fn federated(way: &mut Way<'_>, id: &str, rest: &[&str]) -> Result<Reply, Failure> {
    let call = way.call;
    let identity = &way.doors.identity;
    if call.method == "GET" {
        return match rest {
            [] => Ok(Reply::List(identity.federated_credentials(id)?)),
            [key] => Ok(Reply::Object(200, identity.federated_credential(id, key)?)),
            _ => Err(Failure::NoPath),
        };
    }
    let key = match (call.method.as_str(), rest) {
        ("POST", []) => "",
        ("PATCH" | "DELETE", [key]) => key,
        (_, []) => return Err(Failure::Method("GET, POST")),
        (_, [_]) => return Err(Failure::Method("GET, PATCH, DELETE")),
        _ => return Err(Failure::NoPath),
    };
    let all = || json!(identity.federated_credentials(id).unwrap_or_default()).to_string();
    let before = all();
    way.begin(told("Update application", "Update"), id)?;
    let mut reply = Reply::Empty;
    match call.method.as_str() {
        "POST" => reply = Reply::Object(201, identity.add_federated_credential(id, &call.body)?),
        "PATCH" => identity.update_federated_credential(id, key, &call.body)?,
        _ => identity.remove_federated_credential(id, key)?,
    }
    way.changed("FederatedIdentityCredentials", before, all());
    Ok(reply)
}

/// `/servicePrincipals`
pub(super) fn principals(way: &mut Way<'_>) -> Result<Reply, Failure> {
    let call = way.call;
    let identity = &way.doors.identity;
    let rest = way.path();
    match (call.method.as_str(), rest.as_slice()) {
        ("GET", []) => Ok(Reply::List(identity.list_service_principals())),
        ("POST", []) => {
            way.create(told("Add service principal", "Add"), || new_principal(way.doors, call))
        }
        (_, []) => Err(Failure::Method("GET, POST")),
        ("GET", [id]) => Ok(Reply::Object(200, identity.service_principal(id)?)),
        ("PATCH", [id]) => {
            update_principal(way, id)?;
            Ok(Reply::Empty)
        }
        ("DELETE", [id]) => way.change(told("Remove service principal", "Delete"), id, || {
            identity.delete_service_principal(id)
        }),
        (_, [_]) => Err(Failure::Method("GET, PATCH, DELETE")),
        (_, [id, "approleassignments", rest @ ..]) => {
            identity.service_principal(id)?;
            assignments::answer(way, AssignedSide::Of(id), rest)
        }
        (_, [id, "approleassignedto", rest @ ..]) => {
            identity.service_principal(id)?;
            assignments::answer(way, AssignedSide::At(id), rest)
        }
        ("GET", [id, "owners" | "ownedobjects"]) => {
            identity.service_principal(id)?;
            let owned = rest.last() == Some(&"ownedobjects");
            Ok(Reply::List(if owned { identity.owned_by(id) } else { Vec::new() }))
        }
        ("POST", [id, "addpassword"]) => add_password(way, id, ADDED, Holder::ServicePrincipal(id)),
        ("POST", [id, "removepassword"]) => {
            remove_password(way, id, REMOVED, Holder::ServicePrincipal(id))
        }
        (_, [_, "addpassword" | "removepassword"]) => Err(Failure::Method("POST")),
        (_, [id, tail @ ..]) => super::groups::membership(way, id, tail),
    }
}

/// `{"appId", "accountEnabled", "appRoleAssignmentRequired"}`: the rest follows from its application, and is refused by name
/// where a client asks for more than nothing.
fn new_principal(doors: &Doors, call: &Call) -> Result<Value, GraphError> {
    let identity = &doors.identity;
    let app_id = text(&call.body, "appId");
    let (mut is_enabled, mut wants_assignments) = (true, false);
    for (name, value) in call.body.as_object().into_iter().flatten() {
        let flag = || {
            let written = value.as_str().and_then(|text| text.to_ascii_lowercase().parse().ok());
            let wrong = || bad_request(format!("the property '{name}' must be true or false"));
            value.as_bool().or(written).ok_or_else(wrong) // az writes "True"
        };
        match name.as_str() {
            "appId" => {}
            _ if value.is_null() => {}
            "accountEnabled" => is_enabled = flag()?,
            "appRoleAssignmentRequired" => wants_assignments = flag()?,
            "displayName" if is_name_of(doors, &app_id, value) => {}
            _ if value == false || value == "" || value == &json!([]) => {}
            _ => {
                let message = format!(
                    "the property '{name}' of a new service principal is not kept here; leave it out"
                );
                return Err(bad_request(message));
            }
        }
    }
    let id = id_of(&identity.create_service_principal(&app_id, call.now)?);
    if wants_assignments {
        identity.require_assignments(&id, true)?;
    }
    if !is_enabled {
        identity.enable_service_principal(&id, false)?;
    }
    identity.service_principal(&id)
}

/// True for the display name of an application.
fn is_name_of(doors: &Doors, app_id: &str, name: &Value) -> bool {
    let id = doors.identity.application_id(app_id);
    let application = id.and_then(|id| doors.identity.application(&id).ok());
    application.is_some_and(|application| application["displayName"] == *name)
}

/// `PATCH /servicePrincipals/{id}`: what is kept of it. Everything is looked at before anything is changed.
fn update_principal(way: &mut Way<'_>, id: &str) -> Result<(), Failure> {
    let (identity, body) = (&way.doors.identity, &way.call.body);
    let wanted = body.get("keyCredentials").filter(|w| !w.is_null());
    let adds = |w: &Value| w.as_array().is_some_and(|all| all.iter().any(|k| k["key"].is_string()));
    let operation = match wanted.map(adds) {
        None => "Update service principal",
        Some(true) => ADDED,
        Some(false) => REMOVED,
    };
    let before = keys(way.doors, id);
    way.begin(told(operation, "Update"), id)?;
    let fields = body.as_object().ok_or_else(|| bad_request("the body must be an object"))?;
    let is_kept = |(name, value): &(&String, &Value)| match name.as_str() {
        "accountEnabled" | "appRoleAssignmentRequired" => value.is_boolean(),
        "keyCredentials" => value.is_array() || value.is_null(),
        _ => false,
    };
    if let Some((name, _)) = fields.iter().find(|field| !is_kept(field)) {
        let message = format!(
            "the property '{name}' of service principals cannot be changed here; accountEnabled, appRoleAssignmentRequired and keyCredentials can"
        );
        return Err(bad_request(message).into());
    }
    if let Some(wanted) = wanted {
        identity.put_principal_keys(id, wanted)?;
        way.changed("KeyDescription", before, keys(way.doors, id));
    }
    // the one that may be refused comes first
    let stood = identity.service_principal(id)?;
    let flag = |name: &str| fields.get(name).and_then(Value::as_bool);
    if let Some(enabled) = flag("accountEnabled") {
        identity.enable_service_principal(id, enabled)?;
        way.changed("AccountEnabled", stood["accountEnabled"].to_string(), enabled.to_string());
    }
    if let Some(required) = flag("appRoleAssignmentRequired") {
        identity.require_assignments(id, required)?;
        let before = stood["appRoleAssignmentRequired"].to_string();
        way.changed("AppRoleAssignmentRequired", before, required.to_string());
    }
    Ok(())
}

/// A change of credentials, told with those before and after.
fn change_credentials<T>(
    way: &mut Way<'_>,
    id: &str,
    operation: &'static str,
    act: impl FnOnce() -> Result<T, GraphError>,
) -> Result<T, GraphError> {
    let before = keys(way.doors, id);
    way.begin(told(operation, "Update"), id)?;
    let done = act()?;
    way.changed("KeyDescription", before, keys(way.doors, id));
    Ok(done)
}

/// The one answer that shows a secret; nothing keeps it.
fn add_password(
    way: &mut Way<'_>,
    id: &str,
    operation: &'static str,
    holder: Holder<'_>,
) -> Result<Reply, Failure> {
    let (identity, call) = (&way.doors.identity, way.call);
    let wanted = call.body.get("passwordCredential").unwrap_or(&Value::Null);
    let answer = change_credentials(way, id, operation, || {
        identity.add_password(holder, new_password(wanted)?, call.now)
    })?;
    let mut shown = answer.value;
    shown["secretText"] = answer.secret.expose().into();
    Ok(Reply::Object(200, shown))
}

fn remove_password(
    way: &mut Way<'_>,
    id: &str,
    operation: &'static str,
    holder: Holder<'_>,
) -> Result<Reply, Failure> {
    let (identity, call) = (&way.doors.identity, way.call);
    change_credentials(way, id, operation, || {
        identity.remove_password(holder, &text(&call.body, "keyId"))
    })?;
    Ok(Reply::Empty)
}

/// The credentials of an object as Entra's audit shows them: ids and names.
fn keys(doors: &Doors, id: &str) -> String {
    let holder = doors.identity.object_value(id).unwrap_or_default();
    let mut all = Vec::new();
    for (list, kind) in
        [("passwordCredentials", "Password"), ("keyCredentials", "AsymmetricX509Cert")]
    {
        for credential in holder.get(list).and_then(Value::as_array).into_iter().flatten() {
            all.push(format!(
                "[KeyIdentifier={},KeyType={kind},KeyUsage=Verify,DisplayName={}]",
                text(credential, "keyId"),
                text(credential, "displayName")
            ));
        }
    }
    json!(all).to_string()
}

/// `{"displayName", "identifierUris", "keyCredentials":[{"key": base64}], "web", "spa", "publicClient", ...}`
fn new_application(body: &Value) -> Result<NewApplication, GraphError> {
    let display_name = text(body, "displayName");
    if display_name.is_empty() {
        return Err(bad_request("displayName is required and must be a string."));
    }
    Ok(NewApplication { display_name, more: body.clone(), ..NewApplication::default() })
}

/// `{"displayName", "startDateTime", "endDateTime"}`
fn new_password(body: &Value) -> Result<NewPassword, GraphError> {
    let known = [
        "displayName",
        "startDateTime",
        "endDateTime",
        // what an answer shows, empty
        "customKeyIdentifier",
        "hint",
        "keyId",
        "secretText",
    ];
    let mut fields = body.as_object().into_iter().flatten();
    if let Some((name, _)) = fields.find(|(n, v)| !known.contains(&n.as_str()) && !v.is_null()) {
        return Err(bad_request(format!(
            "the property 'passwordCredential.{name}' is not kept here; leave it out"
        )));
    }
    let instant = |name: &str| match body.get(name).and_then(Value::as_str) {
        None => Ok(None),
        Some(text) => match model::DateTime::parse(text) {
            Some(time) => Ok(Some(time.unix_seconds())),
            None => Err(bad_request(format!("{name} must be an ISO 8601 date and time."))),
        },
    };
    Ok(NewPassword {
        display_name: optional(body, "displayName"),
        start: instant("startDateTime")?,
        end: instant("endDateTime")?,
    })
}
