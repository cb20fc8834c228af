//! Entra: tokens, sign-in pages, discovery, keys; cloud discovery; the part of Microsoft Graph that applications, users
//! and groups need.

mod browser;
mod discovery;
mod form;
mod graph;
mod machine;
mod pages;
mod token;

use std::sync::Arc;

use axum::response::Response;
use identity::TokenEndpoint;

use crate::wire::error::ApiError;
use crate::{Doors, Incoming};

use browser::Door;
pub(crate) use discovery::metadata_endpoints;
pub(crate) use graph::answer as graph;
pub(crate) use machine::router as machine_router;

/// True for paths below a tenant that Entra serves.
pub(crate) fn is_entra(incoming: &Incoming) -> bool {
    let second = incoming.segment(1);
    matches!(
        second.as_str(),
        "oauth2" | ".well-known" | "discovery" | "v2.0" | "login" | "userrealm"
    )
}

/// True for documents that tell nothing but where things are, and the keys of tokens.
pub(crate) fn is_open_document(incoming: &Incoming) -> bool {
    let tail: Vec<String> = (0..incoming.segments.len()).map(|i| incoming.segment(i)).collect();
    let tail: Vec<&str> = tail.iter().map(String::as_str).collect();
    matches!(
        tail.as_slice(),
        [_, ".well-known", "openid-configuration"]
            | [_, "v2.0", ".well-known", "openid-configuration"]
            | [_, "discovery", "v2.0", "keys"]
            | [_, "discovery", "keys" | "instance"]
            | ["metadata", "endpoints"]
    )
}

/// Pages and answers outside the tenant's paths.
pub(crate) async fn at_root(doors: &Arc<Doors>, incoming: Incoming) -> Result<Response, ApiError> {
    match (incoming.segment(0).as_str(), incoming.segment(1).as_str(), incoming.segments.len()) {
        ("devicelogin", "", 1) => browser::answer(doors, incoming, Door::Device).await,
        ("security-info", "", 1) => browser::answer(doors, incoming, Door::SecurityInfo).await,
        ("federation", "callback", 2) => browser::answer(doors, incoming, Door::Callback).await,
        ("oidc", "userinfo", 2) => browser::user_info(doors, &incoming),
        _ => Err(ApiError::not_found(&incoming)),
    }
}

/// `/{tenant}/...`
pub(crate) async fn answer(doors: &Arc<Doors>, incoming: Incoming) -> Result<Response, ApiError> {
    let tail: Vec<String> = (1..incoming.segments.len()).map(|i| incoming.segment(i)).collect();
    let tail: Vec<&str> = tail.iter().map(String::as_str).collect();
    match tail.as_slice() {
        ["oauth2", "v2.0", "token"] => token::answer(doors, incoming, TokenEndpoint::V2).await,
        ["oauth2", "token"] => token::answer(doors, incoming, TokenEndpoint::V1).await,
        ["oauth2", "v2.0", "devicecode"] => {
            token::device_code(doors, incoming, TokenEndpoint::V2).await
        }
        ["oauth2", "devicecode"] => token::device_code(doors, incoming, TokenEndpoint::V1).await,
        ["oauth2", "v2.0", "authorize"] => browser::answer(doors, incoming, Door::Authorize).await,
        ["oauth2", "authorize"] => browser::answer(doors, incoming, Door::AuthorizeV1).await,
        ["oauth2", "v2.0", "logout"] | ["oauth2", "logout"] => {
            browser::answer(doors, incoming, Door::Logout).await
        }
        ["login"] => browser::answer(doors, incoming, Door::Login).await,
        tail => discovery::answer(doors, &incoming, tail),
    }
}
