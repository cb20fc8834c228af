//! Applications that are for those alone who were assigned to them (`appRoleAssignmentRequired`).

use super::{OAuthError, Resource};
use crate::directory::{Application, Directory, ServicePrincipal, User};

/// Refuses a person who is assigned neither to the application that it signs in at nor to the one that the token is for,
/// where these ask for it.
pub(crate) fn require_user(
    directory: &Directory,
    client: &str,
    resource: Option<&Resource>,
    user: &User,
) -> Result<(), OAuthError> {
    let client = directory.application(client);
    let api = resource.and_then(|r| r.api.as_ref());
    let closed = client.into_iter().chain(api).find(|a| !directory.admits_user(a, &user.id));
    closed.map_or(Ok(()), |application| Err(user_refused(application, user)))
}

/// Refuses an application that is not assigned to the one that the token is for, where that asks for it.
pub(super) fn require_application(
    directory: &Directory,
    resource: &Resource,
    principal: &ServicePrincipal,
) -> Result<(), OAuthError> {
    match &resource.api {
        Some(api) if !directory.admits_principal(api, &principal.id) => {
            let message = format!(
                "Application '{}'({}) is not assigned to a role for the application '{}'({}).",
                principal.app_id, principal.display_name, api.app_id, api.display_name
            );
            Err(refused("invalid_grant", 501_051, message))
        }
        _ => Ok(()),
    }
}

fn user_refused(application: &Application, user: &User) -> OAuthError {
    let message = format!(
        "Your administrator has configured the application {} ('{}') to block users unless they are specifically granted ('assigned') access to the application. The signed in user '{}' is blocked because they are not a direct member of a group with access, nor had access directly assigned by an administrator.",
        application.display_name, application.app_id, user.user_principal_name
    );
    refused("invalid_grant", 50_105, message)
}

fn refused(error: &'static str, code: u32, message: String) -> OAuthError {
    OAuthError { status: 400, error, code, message, retry_after: None }
}
