//! Who asks for the token, and the proof of it: a secret in the form or in a Basic header, or a signed assertion.

use std::sync::Arc;

use super::OAuthError;
use super::assertion::{self, Assertion, Endpoint};
use super::sign_in::{CredentialKind, SignIn};
use crate::directory::{Application, Credentials, Directory, ServicePrincipal};
use crate::time::unix_seconds;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An authenticated client.
pub(crate) struct Client<'d> {
    pub application: &'d Arc<Application>,
    pub principal: &'d Arc<ServicePrincipal>,
    pub credential: CredentialKind,
}

/// Finds the client and checks its proof.
pub(crate) fn authenticate<'d>(
    endpoint: &Endpoint<'_>,
    directory: &'d Directory,
    sign_in: &mut SignIn,
) -> Result<Client<'d>, OAuthError> {
    let (tenant, request) = (endpoint.tenant, endpoint.request);
    let basic = request.basic();
    let assertion = request.parameter("client_assertion")?;
    let named = match (request.parameter("client_id")?, &basic) {
        (Some(id), _) => Some(id.to_owned()),
        (None, Some((id, _))) => Some(id.clone()),
        (None, None) => assertion.and_then(assertion::client_id),
    };
    let app_id = named.ok_or_else(|| OAuthError::missing("client_id"))?;
    sign_in.app_id = app_id.chars().take(100).collect();
    let application = directory.application(&app_id);
    let application =
        application.ok_or_else(|| OAuthError::unknown_application(&app_id, &tenant.id))?;
    sign_in.app_id.clone_from(&application.app_id);
    sign_in.display_name.clone_from(&application.display_name);
    let principal = directory.principal_of(&application.app_id);
    if let Some(principal) = principal {
        sign_in.principal_id.clone_from(&principal.id); // whose secret was guessed at
    }

    let credential = prove(endpoint, directory.credentials_of(application), sign_in)?;
    let credential = credential.ok_or_else(OAuthError::no_credential)?;
    let principal =
        principal.ok_or_else(|| OAuthError::no_principal(&application.app_id, &tenant.id))?;
    if !principal.account_enabled {
        return Err(OAuthError::disabled(&application.app_id));
    }
    Ok(Client { application, principal, credential })
}

/// Checks the proof that a request brings; none when it brings none.
pub(crate) fn prove(
    endpoint: &Endpoint<'_>,
    credentials: Credentials<'_>,
    sign_in: &mut SignIn,
) -> Result<Option<CredentialKind>, OAuthError> {
    let request = endpoint.request;
    let (basic, assertion) = (request.basic(), request.parameter("client_assertion")?);
    let secret = request.parameter("client_secret")?;
    let secret = secret.or_else(|| basic.as_ref().map(|(_, secret)| secret.expose()));
    let now = unix_seconds(request.now);
    let (credential, used) = if let Some(assertion) = assertion {
        if request.parameter("client_assertion_type")? != Some(JWT_BEARER) {
            return Err(OAuthError::assertion_type());
        }
        let assertion = Assertion::parse(assertion)?;
        (assertion.kind(), assertion.check(credentials, endpoint, now))
    } else if let Some(secret) = secret {
        (CredentialKind::Secret, check_secret(credentials, secret, now))
    } else {
        return Ok(None);
    };
    sign_in.credential = credential;
    sign_in.credential_id = used?;
    Ok(Some(credential))
}

/// The id of the credential that the secret fits.
pub(crate) fn check_secret(
    credentials: Credentials<'_>,
    secret: &str,
    now: i64,
) -> Result<String, OAuthError> {
    let app_id = &credentials.application.app_id;
    let mut fits = credentials.passwords().filter(|p| p.hash.verify(secret));
    let wrong = || OAuthError::wrong_secret(app_id);
    let password = fits.next().ok_or_else(wrong)?;
    if now < password.start {
        Err(wrong())
    } else if password.end < now {
        Err(OAuthError::expired_secret(app_id))
    } else {
        Ok(password.key_id.clone())
    }
}
