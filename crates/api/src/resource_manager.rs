//! Azure Resource Manager: one door for every resource type. What a path means, `arm` knows.

mod vault_calls;

use std::sync::Arc;

use arm::{Call, CallerKind, Place, SUBSCRIPTIONS, TENANTS, Target, Verb, Visible};
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method};
use identity::{Audiences, Caller};
use model::ResourceId;
use serde_json::Value;

use crate::audit::{ActivityEvent, Event};
use crate::wire::blocking::blocking_future;
use crate::wire::body;
use crate::wire::caller::authenticate;
use crate::wire::error::{ApiError, empty_response, json_response};
use crate::{Doors, Incoming};
use vault_calls::VaultCall;

const METHODS: &[(Method, Verb)] = &[
    (Method::GET, Verb::Get),
    (Method::HEAD, Verb::Head),
    (Method::PUT, Verb::Put),
    (Method::PATCH, Verb::Patch),
    (Method::DELETE, Verb::Delete),
    (Method::POST, Verb::Post),
];

/// Actions by POST that only read: whoever may read the resource may call them.
const READING_ACTIONS: &[&str] = &[
    "microsoft.securityinsights/incidents/alerts",
    "microsoft.securityinsights/incidents/bookmarks",
    "microsoft.securityinsights/incidents/entities",
];

const ROLE_ASSIGNMENTS: &str = "Microsoft.Authorization/roleAssignments";
/// Its list is the caller's own, without ids to filter by.
const OWN_PERMISSIONS: &str = "microsoft.authorization/permissions";

pub(crate) async fn answer(
    doors: &Arc<Doors>,
    mut incoming: Incoming,
) -> Result<Response, ApiError> {
    let caller = authenticate(doors, &incoming, Audiences::RESOURCE_MANAGER)?;
    let verb = METHODS.iter().find(|(method, _)| *method == incoming.method).map(|(_, v)| *v);
    let Some(verb) = verb else {
        return Err(ApiError::method(&incoming, "GET, HEAD, PUT, PATCH, DELETE, POST"));
    };
    let sent = incoming.parameter("api-version").filter(|v| !v.is_empty());
    let api_version = sent.map(str::to_owned).ok_or_else(ApiError::missing_api_version)?;
    let id = ResourceId::new(&incoming.segments.join("/"));
    let target = Target::parse(id.as_str())?;
    if !is_version(&api_version) {
        return Err(ApiError::invalid_api_version(&api_version, &versions_of(doors, &target)));
    }
    let asked = Asked { caller, verb, id, api_version, target };
    let vault_call = VaultCall::of(doors, &incoming, &asked);
    if matches!(verb, Verb::Get | Verb::Head) {
        let answered = read(doors, incoming, asked).await;
        if let Some(call) = vault_call {
            call.told(doors, &answered).await?;
        }
        return answered;
    }
    let mut activity = activity(doors, &incoming, &asked);
    let reads = is_reading(&asked);
    let body = match authorize(doors, &asked) {
        Ok(_) => body::json(doors, &mut incoming, doors.limits.body_bytes).await,
        Err(error) => Err(error),
    };
    let answered = match body {
        Ok(body) => {
            // who got which right is worth telling; other bodies may hold anything
            let rights = target_type(&asked.target).eq_ignore_ascii_case(ROLE_ASSIGNMENTS);
            activity.request = rights.then(|| body.clone());
            match vault_call {
                Some(call) => call.change(doors, incoming, asked, body).await,
                None => act(doors, incoming, asked, body, None).await,
            }
        }
        Err(error) => match vault_call {
            Some(call) => {
                let refused = Err(error);
                call.told(doors, &refused).await.and(refused)
            }
            None => Err(error),
        },
    };
    activity.status = answered.as_ref().map_or_else(|e| e.status, |r| r.status().as_u16());
    if let Err(error) = &answered {
        let text = |name: &str| error.body["error"][name].as_str().unwrap_or_default().to_owned();
        activity.failure = Some((text("code"), text("message")));
    }
    if !reads {
        (doors.audit)(Event::Activity(Box::new(activity)));
    }
    answered
}

async fn read(
    doors: &Arc<Doors>,
    mut incoming: Incoming,
    asked: Asked,
) -> Result<Response, ApiError> {
    let visible = authorize(doors, &asked)?;
    let body = body::json(doors, &mut incoming, doors.limits.body_bytes).await?;
    act(doors, incoming, asked, body, visible).await
}

/// `YYYY-MM-DD`, with `-preview` or the like behind it. Which ones there are is not asked: clients are newer than lists.
fn is_version(text: &str) -> bool {
    let digits = |part: Option<&str>, count: usize| {
        part.is_some_and(|p| p.len() == count && p.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut parts = text.splitn(4, '-');
    let dated = digits(parts.next(), 4) && digits(parts.next(), 2) && digits(parts.next(), 2);
    let word = |suffix: &str| {
        let first = suffix.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
        first && suffix.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
    };
    dated && text.len() <= 64 && parts.next().is_none_or(word)
}

/// The versions that are named for the type of the target.
fn versions_of(doors: &Doors, target: &Target) -> String {
    let name = match target {
        Target::Resource(place) => &place.type_name,
        Target::Collection { type_name, .. } => type_name,
        Target::Namespaces { .. } => "",
    };
    let kind = doors.arm.resource_type(name);
    let kind = kind.or_else(|| doors.arm.resource_type(SUBSCRIPTIONS));
    kind.map_or_else(String::new, |kind| kind.api_versions.join(","))
}

/// A call, taken apart.
struct Asked {
    caller: Caller,
    verb: Verb,
    id: ResourceId,
    api_version: String,
    target: Target,
}

async fn act(
    doors: &Arc<Doors>,
    mut incoming: Incoming,
    asked: Asked,
    body: Value,
    visible: Option<Visible>,
) -> Result<Response, ApiError> {
    let Asked { caller, verb, id, api_version, target } = asked;
    let name = caller.object_id.to_string();
    let kind = match caller.user_name {
        Some(_) => CallerKind::User,
        None => CallerKind::Application,
    };
    let (own, rights) = (Arc::clone(doors), caller.clone());
    let permits =
        move |action: &str, scope: &ResourceId| own.identity.allows(&rights, action, scope, false);
    let call = Call {
        id,
        api_version,
        caller: arm::Caller { name, kind },
        now: doors.clock.now(),
        if_match: incoming.header("if-match").map(str::to_owned),
        if_none_match: incoming.header("if-none-match").map(str::to_owned),
        query: std::mem::take(&mut incoming.query),
        body,
        visible: visible.clone(),
        permits: Some(Arc::new(permits)),
    };
    // calls wait for the disk
    let own = Arc::clone(doors);
    let mut answer = blocking_future(async move { own.arm.answer(verb, &call).await }).await??;
    if let (Some(visible), Some(body)) = (visible, &mut answer.body) {
        keep_visible(body, &target, &visible);
    }
    if let Some(body) = &mut answer.body {
        absolute_next_link(body, doors.identity.urls().origin().as_str(), &incoming.origin);
    }
    Ok(response(answer))
}

/// What AzureActivity will tell of a call.
fn activity(doors: &Doors, incoming: &Incoming, asked: &Asked) -> ActivityEvent {
    let (action, scope) = asked.target.permission(asked.verb);
    let resource = match &asked.target {
        Target::Resource(place) => place.id.clone(),
        _ => scope.clone(),
    };
    ActivityEvent {
        time: doors.clock.now(),
        caller: asked.caller.clone(),
        source: incoming.source,
        action,
        resource,
        method: incoming.method.to_string(),
        status: 0,
        failure: None,
        request: None,
        correlation_id: incoming.request_id.clone(),
    }
}

fn target_type(target: &Target) -> &str {
    match target {
        Target::Resource(place) => &place.type_name,
        _ => "",
    }
}

fn is_reading(asked: &Asked) -> bool {
    matches!(&asked.target, Target::Collection { type_name, .. }
        if asked.verb == Verb::Post && READING_ACTIONS.iter().any(|a| a.eq_ignore_ascii_case(type_name)))
}

/// May the caller do this? Lists are open to whoever sees something in them, and then filtered.
fn authorize(doors: &Doors, asked: &Asked) -> Result<Option<Visible>, ApiError> {
    let verb = if is_reading(asked) { Verb::Get } else { asked.verb };
    let (caller, target) = (&asked.caller, &asked.target);
    let (action, scope) = target.permission(verb);
    let reads = matches!(verb, Verb::Get | Verb::Head);
    match target {
        // whoever signed in here belongs to the tenant
        Target::Collection { type_name, .. } if reads && type_name == TENANTS => {}
        Target::Resource(place) if reads && place.type_name == TENANTS => {}
        Target::Collection { .. } | Target::Namespaces { .. } if reads => {
            return Ok(doors.identity.listing(caller, &action, scope)?);
        }
        // whoever has a role inside sees the subscription around it; roles of the tenant are everybody's
        Target::Resource(place)
            if reads
                && (place.type_name == SUBSCRIPTIONS || is_of_tenant(place))
                && doors.identity.sees(caller, &place.id) => {}
        // what is not there is no secret: 404 says so
        Target::Resource(place)
            if reads
                && is_of_tenant(place)
                && doors.arm.resource_type(&place.type_name).is_none() => {}
        _ => doors.identity.require(caller, &action, scope, false)?,
    }
    Ok(None)
}

fn is_of_tenant(place: &Place) -> bool {
    place.parent.as_ref().is_some_and(|parent| parent.type_name.is_empty())
}

/// Leaves out of a list what its caller may not see, whoever made the list.
fn keep_visible(body: &mut Value, target: &Target, visible: &Visible) {
    let is_own = matches!(target, Target::Collection { type_name, .. } if type_name.eq_ignore_ascii_case(OWN_PERMISSIONS));
    if let Some(Value::Array(list)) = body.get_mut("value").filter(|_| !is_own) {
        list.retain(|item| {
            let id = item.get("id").and_then(Value::as_str);
            id.is_some_and(|id| visible(&ResourceId::new(id)))
        });
    }
}

fn response(answer: arm::Answer) -> Response {
    let mut response = match &answer.body {
        Some(body) => json_response(answer.status, body),
        None => empty_response(answer.status),
    };
    for (name, value) in &answer.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// `nextLink` under the name by which the client came: clients follow it as it stands.
fn absolute_next_link(body: &mut Value, own: &str, origin: &str) {
    if let Some(Value::String(link)) = body.get_mut("nextLink") {
        let path = link.strip_prefix(own).unwrap_or(link);
        if path.starts_with('/') {
            *link = format!("{origin}{path}");
        }
    }
}
