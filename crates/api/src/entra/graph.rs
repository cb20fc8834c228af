//! Microsoft Graph: applications, service principals, users, groups, directory roles and outside providers, as az and
//! the SDKs call them. Every change is told to AuditLogs, refused ones too.

mod applications;
mod assignments;
mod batch;
mod directory;
mod groups;
mod options;
mod search;
mod users;
mod way;

use std::sync::Arc;

use axum::response::Response;
use http::Method;
use identity::{Audiences, Caller, GraphArea, GraphError};
use model::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::audit::{DirectoryEvent, Event, Target};
use crate::wire::blocking::blocking;
use crate::wire::body;
use crate::wire::caller::authenticate;
use crate::wire::error::{ApiError, empty_response, json_response};
use crate::{Doors, Incoming};
use options::Options;
use way::{Told, Way};

/// How the names of kinds of objects begin, in lower case.
const KIND: &str = "microsoft.graph.";
/// Largest body.
const BODY_MAX: usize = 256 << 10;

/// One call, taken apart.
pub(super) struct Call {
    /// `GET`, `POST`, `PATCH`, `DELETE`.
    method: String,
    /// Path below the version, in lower case.
    lower: Vec<String>,
    options: Options,
    body: Value,
    caller: Caller,
    now: DateTime,
}

/// What a call came to.
pub(super) enum Reply {
    /// One object.
    Object(u16, Value),
    /// A list, paged and cut down as asked for.
    List(Vec<Value>),
    /// Done.
    Empty,
}

/// Why a call gave no answer.
pub(super) enum Failure {
    /// Graph says so.
    Graph(GraphError),
    /// Nothing is served at the path.
    NoPath,
    /// Something is, by these methods.
    Method(&'static str),
}

impl From<GraphError> for Failure {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

/// A family of paths.
type Handler = fn(&mut Way<'_>) -> Result<Reply, Failure>;

/// First segment, the area whose rights are asked for, who answers.
const FAMILIES: &[(&str, GraphArea, Handler)] = &[
    ("applications", GraphArea::Applications, applications::applications),
    ("serviceprincipals", GraphArea::Applications, applications::principals),
    ("users", GraphArea::Users, users::users),
    ("me", GraphArea::Users, users::me),
    ("groups", GraphArea::Groups, groups::groups),
    ("directoryobjects", GraphArea::Users, directory::objects),
    ("rolemanagement", GraphArea::Roles, directory::roles),
    ("identity", GraphArea::Providers, directory::providers),
    ("oauth2permissiongrants", GraphArea::Grants, directory::permission_grants),
    ("organization", GraphArea::Users, directory::organization),
    ("domains", GraphArea::Users, directory::domains),
];

/// Calls by POST that only read.
const READING: &[&str] =
    &["getbyids", "getmembergroups", "getmemberobjects", "checkmembergroups", "checkmemberobjects"];

/// `/v1.0/...`
pub(crate) async fn answer(doors: &Arc<Doors>, incoming: Incoming) -> Result<Response, ApiError> {
    let answer = match incoming.segment(1).as_str() {
        "$batch" => batch::answer(doors, incoming).await,
        _ => one(doors, incoming).await,
    };
    answer.map_err(|error| in_own_form(error, doors.clock.now()))
}

/// An error of the doors in common as Graph writes it.
fn in_own_form(mut error: ApiError, now: DateTime) -> ApiError {
    if let Some(inside) = error.body.get_mut("error").and_then(Value::as_object_mut)
        && !inside.contains_key("innerError")
    {
        if error.status == 401 {
            inside.insert("code".to_owned(), "InvalidAuthenticationToken".into());
        }
        let own = GraphError { status: error.status, code: "", message: String::new() };
        let own = own.body(now, Uuid::new_v4());
        inside.insert("innerError".to_owned(), own["error"]["innerError"].clone());
    }
    error
}

/// One call.
async fn one(doors: &Arc<Doors>, mut incoming: Incoming) -> Result<Response, ApiError> {
    let caller = authenticate(doors, &incoming, Audiences::GRAPH)?;
    let now = doors.clock.now();
    let failed =
        |error: GraphError| ApiError::with_body(error.status, error.body(now, Uuid::new_v4()));
    let lower: Vec<String> = incoming.segments.iter().skip(1).map(|s| lower_segment(s)).collect();
    let mut lower = by_app_id(doors, lower);
    // `/users/$count`; `/groups/{id}/members/microsoft.graph.user`
    let counts = lower.last().is_some_and(|last| last == "$count");
    lower.truncate(lower.len() - usize::from(counts));
    let get = matches!(incoming.method, Method::GET | Method::HEAD);
    let cast = lower.last().filter(|last| get && lower.len() > 1 && last.starts_with(KIND));
    let cast = cast.cloned();
    lower.truncate(lower.len() - usize::from(cast.is_some()));
    let family = lower.first().and_then(|first| FAMILIES.iter().find(|(name, ..)| name == first));
    let reads = matches!(incoming.method, Method::GET | Method::HEAD)
        || lower
            .last()
            .is_some_and(|last| READING.contains(&last.trim_start_matches("microsoft.graph.")));
    let area = area_of(family.map_or(GraphArea::Applications, |(_, area, _)| *area), &lower);
    let own = match reads {
        true => own_path(&caller, &lower).is_some(),
        false => is_own(&caller, &incoming.method, &lower, doors),
    };
    let right = |area| doors.identity.require_graph(&caller, area, !reads, own);
    let allowed = match (incoming.method.as_str(), lower.as_slice()) {
        // what is changed of a person decides, and stands in the body
        ("PATCH", [_] | [_, _]) if area == GraphArea::Users => {
            right(area).or_else(|error| right(GraphArea::Passwords).map_err(|_| error))
        }
        _ => right(area),
    };
    let method = match incoming.method.as_str() {
        "HEAD" => "GET".to_owned(),
        other => other.to_owned(),
    };
    let mut call =
        Call { method, options: Options::read(&incoming), lower, body: Value::Null, caller, now };
    if let Err(error) = allowed {
        if !reads {
            let told = Told::new(refused_name(&call), category(area), "Update");
            tell(doors, &incoming, &call, told, &error.message);
        }
        return Err(failed(error));
    }
    let Some((_, _, handler)) = family else { return Err(ApiError::not_found(&incoming)) };
    if !matches!(incoming.method, Method::GET | Method::HEAD) {
        call.body = body::json(doors, &mut incoming, BODY_MAX).await?;
        // annotations tell programs about types; a reference alone is made of one
        if let Some(fields) = call.body.as_object_mut() {
            fields.retain(|name, _| !name.starts_with("@odata.") || name == "@odata.id");
        }
    }
    let handler = *handler;
    // writes wait for the disk, passwords for the processor
    let inside = Arc::clone(doors);
    let (answer, told, call) = blocking(move || {
        let mut way = Way { doors: &inside, call: &call, told: None };
        let answer = handler(&mut way);
        (answer, way.told, call)
    })
    .await?;
    if let Some(told) = told {
        let failure = match &answer {
            Err(Failure::Graph(error)) => error.message.clone(),
            _ => String::new(),
        };
        tell(doors, &incoming, &call, told, &failure);
    }
    let reply = answer.map_err(|failure| match failure {
        Failure::Graph(error) => failed(error),
        Failure::NoPath => ApiError::not_found(&incoming),
        Failure::Method(allowed) if allowed.split(", ").any(|m| incoming.method == *m) => {
            ApiError::not_found(&incoming) // elsewhere below the same path
        }
        Failure::Method(allowed) => ApiError::method(&incoming, allowed),
    })?;
    match reply {
        Reply::Object(..) if counts || cast.is_some() => Err(ApiError::not_found(&incoming)),
        Reply::Object(status, value) => {
            call.options.check().map_err(failed)?;
            let shown = call.options.select(value);
            Ok(json_response(status, &with_context(shown, &incoming)))
        }
        Reply::List(mut all) => {
            if let Some(kind) = cast {
                all.retain(|o| {
                    text(o, "@odata.type").trim_start_matches('#').eq_ignore_ascii_case(&kind)
                });
            }
            let wanted = call.options.wanted(all).map_err(failed)?;
            if counts {
                return Ok(text_response(wanted.len().to_string()));
            }
            let page = call.options.page(wanted, &incoming).map_err(failed)?;
            Ok(json_response(200, &with_context(page, &incoming)))
        }
        Reply::Empty => Ok(empty_response(204)),
    }
}

/// A segment of a path in lower case. `graph.user` is short for `microsoft.graph.user`, as Graph's metadata has it and many
/// of its SDKs write; the name of a person has an @.
fn lower_segment(segment: &str) -> String {
    let lower = segment.to_ascii_lowercase();
    match lower.strip_prefix("graph.") {
        Some(kind) if kind.bytes().all(|b| b.is_ascii_alphabetic()) => format!("{KIND}{kind}"),
        _ => lower,
    }
}

/// An answer of plain text.
fn text_response(text: String) -> Response {
    let mut response = Response::new(axum::body::Body::from(text));
    let plain = http::HeaderValue::from_static("text/plain");
    response.headers_mut().insert(http::header::CONTENT_TYPE, plain);
    response
}

/// `applications(appId='...')` and `servicePrincipals(appId='...')` as the paths with the object's id. A client id that
/// nothing has stays as it was written, which is no object's id.
fn by_app_id(doors: &Doors, mut lower: Vec<String>) -> Vec<String> {
    let first = lower.first().and_then(|s| s.split_once("(appid='"));
    let Some((family, app_id)) = first.and_then(|(f, rest)| Some((f, rest.strip_suffix("')")?)))
    else {
        return lower;
    };
    let found = match family {
        "applications" => doors.identity.application_id(app_id),
        "serviceprincipals" => doors.identity.service_principal_id(app_id),
        _ => return lower,
    };
    let key = [family.to_owned(), found.unwrap_or_else(|| format!("appId='{app_id}'"))];
    lower.splice(..1, key);
    lower
}

/// The path below the caller itself, where it is a person.
fn own_path<'p>(caller: &Caller, lower: &'p [String]) -> Option<&'p [String]> {
    match lower {
        [me, rest @ ..] if me == "me" && caller.user_name.is_some() => Some(rest),
        [users, id, rest @ ..] if users == "users" => is_self(caller, id).then_some(rest),
        _ => None,
    }
}

/// True when a person calls, and `id` is its object id or its name.
pub(super) fn is_self(caller: &Caller, id: &str) -> bool {
    caller.user_name.as_deref().is_some_and(|name| {
        [&*caller.object_id, name].iter().any(|own| own.eq_ignore_ascii_case(id))
    })
}

/// What people may do with themselves: set up an authenticator app where there is none, sign out everywhere.
fn is_own(caller: &Caller, method: &Method, lower: &[String], doors: &Doors) -> bool {
    let Some(rest) = own_path(caller, lower) else { return false };
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let who = caller.object_id.as_ref();
    let is_app = |m: &Value| text(m, "@odata.type").ends_with("softwareOathAuthenticationMethod");
    let first_app =
        || doors.identity.authentication_methods(who).is_ok_and(|m| !m.iter().any(is_app));
    *method == Method::POST
        && match rest.as_slice() {
            ["authentication", "softwareoathmethods"] => first_app(),
            ["revokesigninsessions"] => true,
            _ => false,
        }
}

fn with_context(mut value: Value, incoming: &Incoming) -> Value {
    if let Value::Object(fields) = &mut value {
        let kind = incoming.segments.get(1).map_or("", String::as_str);
        let kind = kind.split('(').next().unwrap_or_default();
        let context = json!(format!("{}/v1.0/$metadata#{kind}", incoming.origin));
        fields.shift_insert(0, "@odata.context".to_owned(), context);
    }
    value
}

/// The area of a path: how people prove themselves, and who has which role of an application, have rights of their own.
fn area_of(family: GraphArea, lower: &[String]) -> GraphArea {
    let below = match lower {
        [me, below, ..] if me == "me" => Some(below),
        [users, _, below, ..] if users == "users" => Some(below),
        _ => None,
    };
    match below {
        Some(below) if below == "authentication" => GraphArea::Methods,
        _ if is_of_roles(lower) => GraphArea::Assignments,
        _ => family,
    }
}

/// True for a path to roles of applications that somebody has.
fn is_of_roles(lower: &[String]) -> bool {
    let named = |name: &String| name == "approleassignments" || name == "approleassignedto";
    lower.iter().skip(1).take(2).any(named)
}

fn category(area: GraphArea) -> &'static str {
    match area {
        GraphArea::Applications | GraphArea::Assignments | GraphArea::Grants => {
            "ApplicationManagement"
        }
        GraphArea::Users | GraphArea::Passwords | GraphArea::Methods => "UserManagement",
        GraphArea::Groups => "GroupManagement",
        GraphArea::Roles => "RoleManagement",
        GraphArea::Providers => "DirectoryManagement",
    }
}

/// The name of a change that was refused before it was looked at.
fn refused_name(call: &Call) -> &'static str {
    if is_of_roles(&call.lower) {
        let family = call.lower.first().map_or("", String::as_str);
        return assignments::refused_name(family, &call.method);
    }
    match (call.lower.first().map(String::as_str), call.method.as_str()) {
        (Some("users"), "POST") if call.lower.len() == 1 => "Add user",
        (Some("users"), "DELETE") => "Delete user",
        (Some("users" | "me"), _) => "Update user",
        (Some("groups"), "POST") if call.lower.len() == 1 => "Add group",
        (Some("groups"), "DELETE") if call.lower.len() == 2 => "Delete group",
        (Some("groups"), _) => "Update group",
        (Some("applications"), "POST") if call.lower.len() == 1 => "Add application",
        (Some("applications"), "DELETE") => "Delete application",
        (Some("serviceprincipals"), "POST") if call.lower.len() == 1 => "Add service principal",
        (Some("serviceprincipals"), "DELETE") => "Remove service principal",
        (Some("serviceprincipals"), _) => match call.lower.last().map(String::as_str) {
            Some("addpassword") => "Add service principal credentials",
            Some("removepassword") => "Remove service principal credentials",
            _ => "Update service principal",
        },
        (Some("oauth2permissiongrants"), "POST") => "Add delegated permission grant",
        (Some("oauth2permissiongrants"), _) => "Remove delegated permission grant",
        (Some("rolemanagement"), "POST") => "Add member to role",
        (Some("rolemanagement"), _) => "Remove member from role",
        _ => "Update application",
    }
}

fn tell(doors: &Doors, incoming: &Incoming, call: &Call, told: Told, failure: &str) {
    (doors.audit)(Event::Directory(Box::new(DirectoryEvent {
        time: call.now,
        caller: call.caller.clone(),
        source: incoming.source,
        operation: told.operation,
        category: told.category,
        kind: told.kind,
        correlation_id: incoming.request_id.clone(),
        agent: incoming.header("user-agent").unwrap_or_default().chars().take(500).collect(),
        targets: told.targets,
        failure: failure.to_owned(),
    })));
}

/// An object as AuditLogs shows it.
pub(super) fn target(doors: &Doors, id: &str) -> Target {
    let value = doors.identity.object_value(id).or_else(|| doors.identity.user(id).ok());
    let value = value.unwrap_or_default();
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let kind = match text("@odata.type").as_deref() {
        Some("#microsoft.graph.group") => "Group",
        Some("#microsoft.graph.servicePrincipal") => "ServicePrincipal",
        Some("#microsoft.graph.application") => "Application",
        Some(_) => "User",
        None if text("userPrincipalName").is_some() => "User",
        None => "Other",
    };
    Target {
        id: text("id").unwrap_or_else(|| id.to_owned()),
        kind,
        name: text("displayName").unwrap_or_default(),
        user_name: text("userPrincipalName"),
        app_id: text("appId"),
        changes: Vec::new(),
    }
}

/// The last segment of an `@odata.id`, the way references are written.
pub(super) fn referenced(body: &Value) -> Result<String, GraphError> {
    let id = body.get("@odata.id").and_then(Value::as_str).unwrap_or_default();
    let last = id.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let last = last.trim_start_matches("directoryObjects('").trim_end_matches("')");
    match last.is_empty() {
        true => Err(bad_request("@odata.id is required: the address of an object")),
        false => Ok(last.to_owned()),
    }
}

pub(super) fn text(body: &Value, name: &str) -> String {
    body.get(name).and_then(Value::as_str).unwrap_or("").to_owned()
}

pub(super) fn optional(body: &Value, name: &str) -> Option<String> {
    Some(text(body, name)).filter(|t| !t.is_empty())
}

pub(super) fn texts(body: &Value, name: &str) -> Vec<String> {
    let all = body.get(name).and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn bad_request(message: impl Into<String>) -> GraphError {
    GraphError { status: 400, code: "Request_BadRequest", message: message.into() }
}

pub(super) fn id_of(value: &Value) -> String {
    text(value, "id")
}
