//! OAuth errors in Entra's form: an OAuth word for programs, an AADSTS number for people and search engines.

use model::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::tenant::NoTenant;
use crate::time::entra_text;

/// Why no token was given. Texts never hold what the client presented as proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthError {
    /// HTTP status.
    pub status: u16,
    /// OAuth word.
    pub error: &'static str,
    /// AADSTS number.
    pub code: u32,
    /// What is wrong and how to mend it.
    pub message: String,
    /// Seconds to wait.
    pub retry_after: Option<u64>,
}

const INVALID_REQUEST: (u16, &str) = (400, "invalid_request");
const INVALID_CLIENT: (u16, &str) = (401, "invalid_client");
const INVALID_GRANT: (u16, &str) = (400, "invalid_grant");
const UNAUTHORIZED_CLIENT: (u16, &str) = (400, "unauthorized_client");

impl OAuthError {
    fn new((status, error): (u16, &'static str), code: u32, message: impl Into<String>) -> Self {
        Self { status, error, code, message: message.into(), retry_after: None }
    }

    /// The error as Entra's JSON.
    pub fn body(&self, now: DateTime, trace_id: Uuid, correlation_id: Uuid) -> Value {
        let timestamp = entra_text(now);
        let description = format!(
            "AADSTS{}: {} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {timestamp}",
            self.code, self.message
        );
        json!({
            "error": self.error,
            "error_description": description,
            "error_codes": [self.code],
            "timestamp": timestamp,
            "trace_id": trace_id.to_string(),
            "correlation_id": correlation_id.to_string(),
        })
    }

    /// True when the error may be a guess at a credential.
    pub(crate) fn counts_as_attack(&self) -> bool {
        matches!(
            self.code,
            700_016 | 700_021 | 700_023 | 700_024 | 700_027 | 700_211
                ..=700_213 | 7_000_215 | 7_000_222
        )
    }

    pub(crate) fn no_tenant(segment: &str, why: NoTenant) -> Self {
        let segment = clipped(segment);
        match why {
            NoTenant::Malformed => Self::new(
                INVALID_REQUEST,
                900_023,
                format!("The tenant '{segment}' is neither a GUID nor a domain name."),
            ),
            NoTenant::Unknown => Self::new(
                INVALID_REQUEST,
                90_002,
                format!(
                    "Tenant '{segment}' not found. Check the tenant id; 'vedette env' prints this server's."
                ),
            ),
        }
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        let message = format!("The request body must contain the parameter '{parameter}'.");
        Self::new(INVALID_REQUEST, 900_144, message)
    }

    pub(crate) fn repeated(parameter: &str) -> Self {
        let message = format!("The parameter '{parameter}' is given more than once.");
        Self::new(INVALID_REQUEST, 90_100, message)
    }

    pub(crate) fn malformed(parameter: &str) -> Self {
        let message = format!(
            "The parameter '{}' cannot be decoded: behind a '%' must be two hexadecimal digits, and its bytes must be UTF-8.",
            clipped(parameter)
        );
        Self::new(INVALID_REQUEST, 90_100, message)
    }

    pub(crate) fn unsupported_grant(grant: &str) -> Self {
        let message = format!(
            "The grant type '{}' is not supported; use client_credentials, authorization_code, device_code or refresh_token.",
            clipped(grant)
        );
        Self::new((400, "unsupported_grant_type"), 70_003, message)
    }

    pub(crate) fn unknown_application(app_id: &str, tenant: &str) -> Self {
        let message = format!(
            "Application with identifier '{}' was not found in the directory '{tenant}'. Check the client id and the tenant.",
            clipped(app_id)
        );
        Self::new(UNAUTHORIZED_CLIENT, 700_016, message)
    }

    pub(crate) fn no_principal(app_id: &str, tenant: &str) -> Self {
        let message = format!(
            "The application '{app_id}' has no service principal in the tenant '{tenant}'; create one, as 'az ad sp create --id {app_id}' does."
        );
        Self::new(UNAUTHORIZED_CLIENT, 7_000_229, message)
    }

    pub(crate) fn disabled(app_id: &str) -> Self {
        Self::new(UNAUTHORIZED_CLIENT, 7_000_112, format!("Application '{app_id}' is disabled."))
    }

    pub(crate) fn no_credential() -> Self {
        let message = "The request must carry a client_secret, a client_assertion or a Basic Authorization header.";
        Self::new(INVALID_CLIENT, 7_000_216, message)
    }

    pub(crate) fn wrong_secret(app_id: &str) -> Self {
        let message = format!(
            "Invalid client secret provided. Send the secret's value, not its id, for a secret of the application '{app_id}'."
        );
        Self::new(INVALID_CLIENT, 7_000_215, message)
    }

    pub(crate) fn expired_secret(app_id: &str) -> Self {
        let message =
            format!("The client secret of the application '{app_id}' is expired; add a new one.");
        Self::new(INVALID_CLIENT, 7_000_222, message)
    }

    pub(crate) fn assertion_type() -> Self {
        let message = "client_assertion_type must be 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'.";
        Self::new(INVALID_REQUEST, 90_100, message)
    }

    pub(crate) fn malformed_assertion() -> Self {
        Self::new(INVALID_REQUEST, 50_027, "The client assertion is no JSON Web Token.")
    }

    pub(crate) fn assertion_issuer() -> Self {
        let message =
            "The client assertion's 'iss' and 'sub' must both be the client id of the request.";
        Self::new(INVALID_CLIENT, 700_021, message)
    }

    pub(crate) fn assertion_audience(expected: &str) -> Self {
        let message =
            format!("The client assertion's 'aud' must be the token endpoint, '{expected}'.");
        Self::new(INVALID_CLIENT, 700_023, message)
    }

    pub(crate) fn assertion_time(why: &str) -> Self {
        let message = format!("The client assertion is not within its time range: {why}.");
        Self::new(INVALID_CLIENT, 700_024, message)
    }

    pub(crate) fn assertion_signature(why: &str) -> Self {
        let message = format!("The client assertion's signature was not accepted: {why}.");
        Self::new(INVALID_CLIENT, 700_027, message)
    }

    /// No federated identity credential fits what the assertion says: 700211 issuer, 700212 audience, 700213 subject.
    pub(crate) fn no_federated(code: u32, claim: &str, presented: &str) -> Self {
        let message = format!(
            "No matching federated identity record found for the presented assertion {claim} '{}'. Issuer, subject and audience of a credential must be those of the token, to the letter.",
            clipped(presented)
        );
        Self::new(INVALID_CLIENT, code, message)
    }

    pub(crate) fn outside_issuer(issuer: &str, why: &str) -> Self {
        let message = format!(
            "The keys of the assertion's issuer '{}' were not to be had: {}.",
            clipped(issuer),
            clipped(why)
        );
        Self::new(INVALID_CLIENT, 50_166, message)
    }

    /// What an application gets for itself was given to it beforehand: there is nothing to choose.
    pub(crate) fn default_scope(scope: &str) -> Self {
        let message = format!(
            "The provided value for scope '{}' is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).",
            clipped(scope)
        );
        Self::new((400, "invalid_scope"), 1_002_012, message)
    }

    pub(crate) fn invalid_scope(scope: &str, why: &str) -> Self {
        let message = format!(
            "The provided value for the parameter 'scope' is not valid: '{}' {why}.",
            clipped(scope)
        );
        Self::new((400, "invalid_scope"), 70_011, message)
    }

    pub(crate) fn undefined_scope(scope: &str, resource: &str) -> Self {
        let message = format!(
            "The application asked for scope '{}' that doesn't exist on the resource '{}'. Ask for '.default', for a scope that the API defines ('user_impersonation' where it defines none) or, at Graph, for one of its permissions.",
            clipped(scope),
            clipped(resource)
        );
        Self::new((400, "invalid_scope"), 650_053, message)
    }

    pub(crate) fn unknown_resource(resource: &str, tenant: &str) -> Self {
        let message = format!(
            "The resource principal named '{}' was not found in the tenant '{tenant}'. Ask for a resource that this server serves, its own URL among them.",
            clipped(resource)
        );
        Self::new((400, "invalid_resource"), 500_011, message)
    }

    pub(crate) fn disabled_resource(resource: &str, tenant: &str) -> Self {
        let message = format!(
            "The service principal for resource '{}' is disabled in the tenant '{tenant}', which prevents tokens from being issued for it.",
            clipped(resource)
        );
        Self::new((400, "invalid_resource"), 500_014, message)
    }

    pub(crate) fn throttled(seconds: i64) -> Self {
        let message = format!("Too many requests. Try again in {seconds} seconds.");
        let retry_after = u64::try_from(seconds).ok();
        Self { retry_after, ..Self::new((429, "temporarily_unavailable"), 90_055, message) }
    }

    pub(crate) fn bad_request(message: &str) -> Self {
        Self::new(INVALID_REQUEST, 90_100, format!("{message}."))
    }

    pub(crate) fn redirect_mismatch(uri: &str, app_id: &str) -> Self {
        let message = format!(
            "The redirect URI '{}' specified in the request does not match the redirect URIs configured for the application '{app_id}'.",
            clipped(uri)
        );
        Self::new(INVALID_REQUEST, 50_011, message)
    }

    pub(crate) fn response_type(message: &str) -> Self {
        Self::new((400, "unsupported_response_type"), 700_054, format!("{message}."))
    }

    pub(crate) fn id_token_disabled() -> Self {
        Self::response_type(
            "response_type 'id_token' is not enabled for the application; set web.implicitGrantSettings.enableIdTokenIssuance",
        )
    }

    pub(crate) fn pkce_required() -> Self {
        let message = "Proof Key for Code Exchange is required for this redirect address: send code_challenge and code_challenge_method=S256.";
        Self::new(INVALID_REQUEST, 9_002_325, message)
    }

    /// What a page got is asked for by no program, and by no other page.
    pub(crate) fn page_required() -> Self {
        let message = "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests, from the origin of one of the application's spa redirect addresses.";
        Self::new(INVALID_REQUEST, 9_002_327, message)
    }

    /// What no page got is asked for by a page.
    pub(crate) fn page_refused(origin: &str) -> Self {
        let message = format!(
            "Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type. Request origin: '{}'. Register the redirect address under spa.",
            clipped(origin)
        );
        Self::new(INVALID_REQUEST, 9_002_326, message)
    }

    pub(crate) fn client_proof_required() -> Self {
        let message = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
        Self::new(INVALID_CLIENT, 7_000_218, message)
    }

    pub(crate) fn invalid_grant(code: u32, message: &str) -> Self {
        Self::new(INVALID_GRANT, code, message)
    }

    pub(crate) fn page_over() -> Self {
        let message = "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which cannot be extended. It is now expired; sign in again.";
        Self::new(INVALID_GRANT, 700_084, message)
    }

    pub(crate) fn token_reused() -> Self {
        let message = "The refresh token was used before: somebody may have a copy, so all that came of the sign-in is revoked. Sign in again.";
        Self::new(INVALID_GRANT, 70_000, message)
    }

    pub(crate) fn authorization_pending() -> Self {
        let message = "OAuth 2.0 device flow error. Authorization is pending. Continue polling.";
        Self::new((400, "authorization_pending"), 70_016, message)
    }

    pub(crate) fn authorization_declined() -> Self {
        Self::new((400, "authorization_declined"), 65_004, "The person declined the sign-in.")
    }

    pub(crate) fn device_unknown() -> Self {
        let message = "The device code was not given by this server to this application.";
        Self::new((400, "bad_verification_code"), 70_018, message)
    }

    pub(crate) fn device_expired() -> Self {
        let message = "The time of the device code is over, or it was redeemed; start again.";
        Self::new((400, "expired_token"), 70_020, message)
    }

    pub(crate) fn wrong_password() -> Self {
        Self::new(INVALID_GRANT, 50_126, "The name or the password is wrong.")
    }

    pub(crate) fn user_disabled() -> Self {
        Self::new(INVALID_GRANT, 50_057, "The user account is disabled.")
    }

    pub(crate) fn account_throttled(seconds: i64) -> Self {
        let message = format!("Too many wrong attempts. Try again in {seconds} seconds.");
        let retry_after = u64::try_from(seconds).ok();
        Self { retry_after, ..Self::new((429, "temporarily_unavailable"), 50_053, message) }
    }

    pub(crate) fn second_factor() -> Self {
        Self::new((400, "interaction_required"), 50_074, "Strong authentication is required.")
    }

    pub(crate) fn wrong_code() -> Self {
        Self::new(
            INVALID_GRANT,
            500_121,
            "The code is wrong, or was used before. Take the next one.",
        )
    }

    pub(crate) fn passkey_unknown() -> Self {
        let message = "This passkey is not known here, or was removed. Sign in with your password and add it under /security-info.";
        Self::new(INVALID_GRANT, 135_010, message)
    }

    pub(crate) fn passkey_refused(why: &str) -> Self {
        Self::new(INVALID_GRANT, 500_121, format!("The passkey was not accepted: {why}."))
    }

    pub(crate) fn password_expired() -> Self {
        Self::new((400, "interaction_required"), 50_055, "The password must be changed.")
    }

    pub(crate) fn login_required() -> Self {
        Self::new((400, "login_required"), 50_058, "Nobody is signed in with this browser.")
    }

    pub(crate) fn interaction_required() -> Self {
        let message = "The person must be asked before a code goes to this address.";
        Self::new((400, "interaction_required"), 16_000, message)
    }

    pub(crate) fn consent_required(app_id: &str) -> Self {
        let message = format!(
            "The user has not agreed to what the application '{}' asks for. Send the person to the authorization endpoint for this resource and scope.",
            clipped(app_id)
        );
        Self::new(INVALID_GRANT, 65_001, message)
    }

    pub(crate) fn administrator_required(app_id: &str, scope: &str) -> Self {
        let message = format!(
            "The application '{}' asks for '{}', which only an administrator can agree to. An administrator can agree for everybody (az ad app permission grant).",
            clipped(app_id),
            clipped(scope)
        );
        Self::new((400, "access_denied"), 90_094, message)
    }

    pub(crate) fn id_token_hint(why: &str) -> Self {
        let message = format!("Invalid JWT token: the id_token_hint is not usable, {why}.");
        Self::new(INVALID_REQUEST, 50_027, message)
    }

    pub(crate) fn access_denied() -> Self {
        Self::new((400, "access_denied"), 65_004, "The person declined the sign-in.")
    }

    pub(crate) fn flow_over() -> Self {
        let message = "This sign-in is over, or took too long. Go back to where you came from and start again.";
        Self::new(INVALID_REQUEST, 165_000, message)
    }

    pub(crate) fn foreign_flow() -> Self {
        let message = "This sign-in was begun in another browser, or cookies are blocked. Start again in one window.";
        Self::new(INVALID_REQUEST, 165_000, message)
    }

    pub(crate) fn federation(why: &str) -> Self {
        let message = format!("The outside provider did not vouch for anybody: {why}.");
        Self::new(INVALID_GRANT, 50_107, message)
    }

    pub(crate) fn not_linked(issuer: &str, subject: &str) -> Self {
        let message = format!(
            "Nobody here is linked to '{}' of '{}'. An administrator can add it to a user's identities.",
            clipped(subject),
            clipped(issuer)
        );
        Self::new(INVALID_GRANT, 50_034, message)
    }

    pub(crate) fn unavailable() -> Self {
        let message = "No token can be signed now; the server's log tells why.";
        Self::new((503, "temporarily_unavailable"), 90_033, message)
    }
}

/// What a client sent, short and harmless enough to repeat.
fn clipped(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
