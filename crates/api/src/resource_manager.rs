//! Azure Resource Manager: one door for every resource type. What a path means, `arm` knows.

use std::sync::Arc;

use arm::{Call, Caller, CallerKind, Target, Verb, Visible, lenient_json};
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method};
use identity::Audiences;
use model::ResourceId;
use serde_json::Value;

use crate::wire::body;
use crate::wire::caller::authenticate;
use crate::wire::error::{ApiError, empty_response, json_response};
use crate::{House, Incoming};

pub(crate) async fn answer(house: &Arc<House>, mut incoming: Incoming) -> Result<Response, ApiError> {
    let caller = authenticate(house, &incoming, Audiences::RESOURCE_MANAGER)?;
    let verb = match incoming.method {
        Method::GET => Verb::Get,
        Method::HEAD => Verb::Head,
        Method::PUT => Verb::Put,
        Method::PATCH => Verb::Patch,
        Method::DELETE => Verb::Delete,
        Method::POST => Verb::Post,
        _ => return Err(ApiError::method(&incoming, "GET, HEAD, PUT, PATCH, DELETE, POST")),
    };
    let id = ResourceId::new(&incoming.segments.join("/"));
    let Some(api_version) = incoming.parameter("api-version").filter(|v| !v.is_empty()).map(str::to_owned) else {
        return Err(ApiError::new(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        ));
    };
    let target = Target::parse(id.as_str())?;
    let (action, scope) = target.permission(verb);
    let (scope, lists) = (scope.clone(), matches!(target, Target::Collection { .. } | Target::Namespaces { .. }));
    let reads = matches!(verb, Verb::Get | Verb::Head);
    if !(house.identity.allows(&caller, &action, &scope, false)
        || (reads && lists && house.identity.reaches(&caller, &scope)))
    {
        house.identity.require(&caller, &action, &scope, false)?;
    }
    let bytes = body::read(house, &mut incoming, house.limits.body_bytes).await?;
    let body = if bytes.iter().all(u8::is_ascii_whitespace) { Value::Null } else { lenient_json(&bytes)? };
    let visible: Option<Visible> = (reads && lists).then(|| {
        let (identity, caller) = (Arc::clone(&house.identity), caller.clone());
        Arc::new(move |id: &ResourceId| identity.reaches(&caller, id)) as Visible
    });
    let call = Call {
        id,
        api_version,
        caller: Caller { name: caller.object_id.to_string(), kind: CallerKind::Application },
        now: house.clock.now(),
        if_match: incoming.header("if-match").map(str::to_owned),
        if_none_match: incoming.header("if-none-match").map(str::to_owned),
        query: incoming.query.clone(),
        body,
        visible,
    };
    let answer = run(house, verb, call).await?;
    let mut response = match &answer.body {
        Some(body) => json_response(answer.status, &absolute(body, &incoming.origin)),
        None => empty_response(answer.status),
    };
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// Calls wait for the disk, so they run where waiting is allowed.
async fn run(house: &Arc<House>, verb: Verb, call: Call) -> Result<arm::Answer, ApiError> {
    let (house, runtime) = (Arc::clone(house), tokio::runtime::Handle::current());
    let task = tokio::task::spawn_blocking(move || runtime.block_on(house.arm.answer(verb, &call)));
    match task.await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(ApiError::new(500, "InternalServerError", "The request failed inside the server; its log says why.")),
    }
}

/// `nextLink` as an absolute URL: clients follow it as it stands.
fn absolute(body: &Value, origin: &str) -> Value {
    let mut body = body.clone();
    if let Some(Value::String(link)) = body.get_mut("nextLink") {
        if link.starts_with('/') {
            *link = format!("{origin}{link}");
        }
    }
    body
}
