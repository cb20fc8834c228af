//! The doors for browsers: authorization, the steps of a sign-in, device codes, a person's own passkeys, signing out,
//! coming back from an outside provider. Identity decides; this reads cookies and writes pages.

use std::net::IpAddr;
use std::sync::Arc;

use axum::response::Response;
use crypto::SecretText;
use http::{HeaderValue, Method, header};
use identity::{BrowserAnswer, BrowserRequest, OwnChange, Show};

use super::form::Form;
use super::pages;
use crate::audit::{DirectoryEvent, Event};
use crate::wire::blocking::blocking;
use crate::wire::error::{ApiError, json_response};
use crate::{Doors, Incoming};

/// Cookies with this prefix are for this very host, over TLS alone, and nobody else can set them.
const SESSION: &str = "__Host-vedette-session";
const BROWSER: &str = "__Host-vedette-browser";
const SESSION_SECONDS: i64 = 12 * 60 * 60;

/// Which door.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Authorize,
    AuthorizeV1,
    Login,
    Logout,
    Device,
    SecurityInfo,
    Callback,
}

/// What a request brings, to be taken to a thread that may wait.
struct Brought {
    tenant: String,
    origin: String,
    form: Form,
    session: Option<SecretText>,
    browser: Option<SecretText>,
    source: IpAddr,
    correlation_id: Option<String>,
    user_agent: Option<String>,
    now: model::DateTime,
}

pub(crate) async fn answer(
    doors: &Arc<Doors>,
    mut incoming: Incoming,
    door: Door,
) -> Result<Response, ApiError> {
    let posts = incoming.method == Method::POST;
    let gets = matches!(incoming.method, Method::GET | Method::HEAD);
    match door {
        Door::Callback | Door::SecurityInfo if !gets => {
            return Err(ApiError::method(&incoming, "GET"));
        }
        _ if !posts && !gets => return Err(ApiError::method(&incoming, "GET, POST")),
        _ => {}
    }
    // a foreign page must not press our buttons
    if posts && matches!(door, Door::Login | Door::Device) && is_foreign(&incoming) {
        return Err(ApiError::new(403, "Forbidden", "The form was sent from another site."));
    }
    let form = match posts {
        true => Form::read(doors, &mut incoming).await?,
        // a code in a link would save the typing that makes a person look at its device
        false if door == Door::Device => Form::default(),
        false => Form::of_query(&mut incoming),
    };
    // by a link one can only go to an outside provider: everything else is a form's button
    let step = form.fields.iter().find(|(n, _)| n == "step").map_or("", |(_, v)| v.as_str());
    if door == Door::Login && gets && step != "federate" {
        return Err(ApiError::method(&incoming, "POST"));
    }
    let tenant = match door {
        Door::Device | Door::SecurityInfo | Door::Callback => doors.identity.tenant().id.clone(),
        _ => incoming.segments.first().cloned().unwrap_or_default(),
    };
    let (request_id, source) = (incoming.request_id.clone(), incoming.source);
    let brought = Brought {
        session: cookie(&incoming, SESSION),
        browser: cookie(&incoming, BROWSER),
        origin: incoming.origin.clone(),
        source: incoming.source,
        correlation_id: incoming.client_request_id().map(str::to_owned),
        user_agent: incoming.header("user-agent").map(str::to_owned),
        now: doors.clock.now(),
        tenant,
        form,
    };
    // passwords take long, providers longer
    let own = Arc::clone(doors);
    let agent = brought.user_agent.clone().unwrap_or_default();
    let answer = blocking(move || ask(&own, &brought, door)).await?;
    let tenant = doors.identity.tenant().id.clone();
    if let Some(sign_in) = answer.sign_in {
        (doors.audit)(Event::SignIn(sign_in));
    }
    for change in answer.changes {
        tell_change(doors, change, source, (request_id.clone(), agent.clone()));
    }
    let mut response = match &answer.show {
        Show::Page(page) => pages::page(page, &tenant),
        Show::Redirect(redirect) => pages::redirect(redirect),
        Show::Refused(error) => pages::refused(error),
    };
    if let Some(session) = &answer.session {
        let life = if session.expose().is_empty() { 0 } else { SESSION_SECONDS };
        set_cookie(&mut response, SESSION, session.expose(), Some(life));
    }
    if let Some(browser) = &answer.browser {
        set_cookie(&mut response, BROWSER, browser.expose(), None);
    }
    Ok(response)
}

fn ask(doors: &Doors, brought: &Brought, door: Door) -> BrowserAnswer {
    let request = BrowserRequest {
        tenant: &brought.tenant,
        origin: &brought.origin,
        parameters: &brought.form.fields,
        malformed: brought.form.malformed.as_deref(),
        session: brought.session.as_ref().map(SecretText::expose),
        browser: brought.browser.as_ref().map(SecretText::expose),
        source: brought.source,
        correlation_id: brought.correlation_id.as_deref(),
        user_agent: brought.user_agent.as_deref(),
        now: brought.now,
        clock: &*doors.clock,
    };
    match door {
        Door::Authorize => doors.identity.authorize(&request, false),
        Door::AuthorizeV1 => doors.identity.authorize(&request, true),
        Door::Login => doors.identity.continue_sign_in(&request),
        Door::Logout => doors.identity.sign_out(&request),
        Door::Device => doors.identity.device_page(&request),
        Door::SecurityInfo => doors.identity.security_info(&request),
        Door::Callback => doors.identity.federation_callback(&request),
    }
}

/// What a person changed on a page, as AuditLogs have it.
fn tell_change(
    doors: &Doors,
    change: OwnChange,
    source: IpAddr,
    (correlation_id, agent): (String, String),
) {
    let id = change.target.as_deref().unwrap_or(&change.caller.object_id);
    let mut target = super::graph::target(doors, id);
    let changes = change.changes.into_iter();
    target.changes.extend(changes.map(|(name, old, new)| (name.to_owned(), old, new)));
    (doors.audit)(Event::Directory(Box::new(DirectoryEvent {
        time: doors.clock.now(),
        caller: change.caller,
        source,
        operation: change.operation,
        category: change.category,
        kind: change.kind,
        correlation_id,
        agent: agent.chars().take(500).collect(),
        targets: vec![target],
        failure: change.failure,
    })));
}

/// `GET /oidc/userinfo`
pub(crate) fn user_info(doors: &Doors, incoming: &Incoming) -> Result<Response, ApiError> {
    let caller = crate::wire::caller::authenticate(doors, incoming, identity::Audiences::GRAPH)?;
    if !matches!(incoming.method, Method::GET | Method::HEAD | Method::POST) {
        return Err(ApiError::method(incoming, "GET, POST"));
    }
    match doors.identity.user_info(&caller) {
        Err(error) => Err(ApiError::unauthenticated(&doors.identity, &incoming.origin, &error)),
        Ok(Some(info)) => Ok(json_response(200, &info)),
        Ok(None) => Err(ApiError::new(
            403,
            "Forbidden",
            "userinfo tells about people; the token is an application's.",
        )),
    }
}

/// True when a browser says that another site's page sent the form.
fn is_foreign(incoming: &Incoming) -> bool {
    let origin = incoming.header("origin").is_some_and(|origin| origin != incoming.origin);
    let site = incoming
        .header("sec-fetch-site")
        .is_some_and(|site| !matches!(site, "same-origin" | "none"));
    origin || site
}

fn cookie(incoming: &Incoming, name: &str) -> Option<SecretText> {
    let lines =
        incoming.headers.get_all(header::COOKIE).into_iter().filter_map(|l| l.to_str().ok());
    let mut pairs =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let found = pairs.find(|(n, _)| *n == name).map(|(_, value)| value);
    found.filter(|v| !v.is_empty() && v.len() <= 200).map(|v| SecretText::new(v.to_owned()))
}

/// `Lax`: the cookie comes along when an application sends the browser here, not with a foreign page's form.
fn set_cookie(response: &mut Response, name: &str, value: &str, life: Option<i64>) {
    let life = life.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let text = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{life}");
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}
