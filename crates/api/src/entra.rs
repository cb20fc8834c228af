//! Entra: tokens, discovery, keys; cloud discovery; the part of Microsoft Graph that applications need.

mod discovery;
mod graph;
mod token;

use std::sync::Arc;

use axum::response::Response;
use identity::TokenEndpoint;

use crate::wire::error::ApiError;
use crate::{Doors, Incoming};

pub(crate) use discovery::metadata_endpoints;
pub(crate) use graph::answer as graph;

/// True for paths below a tenant that Entra serves.
pub(crate) fn is_entra(incoming: &Incoming) -> bool {
    let second = incoming.segment(1);
    matches!(second.as_str(), "oauth2" | ".well-known" | "discovery" | "v2.0")
}

/// `/{tenant}/...`
pub(crate) async fn answer(doors: &Arc<Doors>, incoming: Incoming) -> Result<Response, ApiError> {
    let tail: Vec<String> = (1..incoming.segments.len()).map(|i| incoming.segment(i)).collect();
    let tail: Vec<&str> = tail.iter().map(String::as_str).collect();
    match tail.as_slice() {
        ["oauth2", "v2.0", "token"] => token::answer(doors, incoming, TokenEndpoint::V2).await,
        ["oauth2", "token"] => token::answer(doors, incoming, TokenEndpoint::V1).await,
        tail => discovery::answer(doors, &incoming, tail),
    }
}
