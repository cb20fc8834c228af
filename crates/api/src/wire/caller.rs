//! Who calls: read from the Authorization header before anything else is looked at.

use identity::{Audiences, AuthError, Caller, bearer_token};

use super::error::ApiError;
use crate::{Doors, Incoming};

/// The caller behind the request's token.
pub(crate) fn authenticate(
    doors: &Doors,
    incoming: &Incoming,
    accepted: Audiences,
) -> Result<Caller, ApiError> {
    let header = incoming.header("authorization").unwrap_or("");
    let caller = match bearer_token(header) {
        Some(token) => doors.identity.authenticate(token, accepted, doors.clock.now()),
        None => Err(AuthError::Missing),
    };
    caller.map_err(|error| ApiError::unauthenticated(&doors.identity, &incoming.origin, &error))
}
