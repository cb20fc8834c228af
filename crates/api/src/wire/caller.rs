//! Who calls: read from the Authorization header before anything else is looked at.

use identity::{Audiences, AuthError, Caller, bearer_token};

use super::error::ApiError;
use crate::{House, Incoming};

/// The caller behind the request's token.
pub(crate) fn authenticate(house: &House, incoming: &Incoming, accepted: Audiences) -> Result<Caller, ApiError> {
    let header = incoming.header("authorization").unwrap_or("");
    let caller = match bearer_token(header) {
        Some(token) => house.identity.authenticate(token, accepted, house.clock.now()),
        None => Err(AuthError::Missing),
    };
    caller.map_err(|error| ApiError::unauthenticated(&house.identity, &incoming.origin, &error))
}
