//! The identity of this machine: local processes get its tokens without a credential. What lets them is that they run
//! here; what they may do is what was assigned to it, at first nothing.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::random_bytes;
use model::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;

use super::claims::{of_application, put_client};
use super::{OAuthError, Resource, SignIn, SignInKind, TokenAnswer, assigned};
use crate::directory::{DirectoryRoles, ServicePrincipal};
use crate::time::unix_seconds;
use crate::{GraphError, Identity};

/// Tokens of machines live a day in Azure; ours live an hour, as everybody else's.
const LIFE: i64 = 60 * 60;

/// A local process asks for a token.
pub struct ManagedIdentityRequest<'a> {
    /// What for.
    pub resource: &'a str,
    /// Which identity, by client id or object id; the machine's own when absent.
    pub identity: Option<&'a str>,
    /// Address of the process.
    pub source: IpAddr,
    /// The User-Agent header.
    pub user_agent: Option<&'a str>,
    /// Now.
    pub now: DateTime,
}

impl Identity {
    /// The identity of this machine, made when there is none.
    pub fn ensure_managed_identity(
        &self,
        name: &str,
        now: DateTime,
    ) -> Result<ServicePrincipal, GraphError> {
        let known = |p: &std::sync::Arc<ServicePrincipal>| p.managed_identity;
        if let Some(found) = self.directory().principals().into_iter().find(known) {
            return Ok(ServicePrincipal::clone(&found));
        }
        let principal = ServicePrincipal {
            id: Uuid::new_v4().to_string(),
            app_id: Uuid::new_v4().to_string(),
            display_name: name.to_owned(),
            account_enabled: true,
            created: unix_seconds(now),
            graph_roles: Vec::new(),
            directory_roles: DirectoryRoles::default(),
            managed_identity: true,
            assignment_required: false,
            passwords: Vec::new(),
            keys: Vec::new(),
        };
        self.keep_principal(principal.clone())?;
        Ok(principal)
    }

    /// Gives a token of this machine's identity.
    pub fn managed_identity_token(&self, request: &ManagedIdentityRequest<'_>) -> TokenAnswer {
        let correlation_id = Uuid::new_v4();
        let mut sign_in =
            SignIn::empty(SignInKind::ManagedIdentity, correlation_id, request.now, request.source);
        sign_in.user_agent = request.user_agent.unwrap_or_default().chars().take(500).collect();
        match self.managed_token(request, &mut sign_in) {
            Ok(body) => {
                TokenAnswer { status: 200, body, retry_after: None, sign_in, silent: false }
            }
            Err(error) => {
                sign_in.failed(&error);
                let body = json!({ "error": error.error, "error_description": error.message });
                TokenAnswer {
                    status: error.status,
                    body,
                    retry_after: error.retry_after,
                    sign_in,
                    silent: false,
                }
            }
        }
    }

    fn managed_token(
        &self,
        request: &ManagedIdentityRequest<'_>,
        sign_in: &mut SignIn,
    ) -> Result<Value, OAuthError> {
        let now = unix_seconds(request.now);
        sign_in.resource = request.resource.chars().take(300).collect();
        let named = |p: &ServicePrincipal| match request.identity {
            None => true,
            Some(id) => p.id.eq_ignore_ascii_case(id) || p.app_id.eq_ignore_ascii_case(id),
        };
        let principals = self.directory().principals();
        let principal = principals.into_iter().find(|p| p.managed_identity && named(p));
        let principal = principal.ok_or_else(|| {
            OAuthError::bad_request("Identity not found: this machine has no such managed identity")
        })?;
        sign_in.app_id.clone_from(&principal.app_id);
        sign_in.display_name.clone_from(&principal.display_name);
        sign_in.principal_id.clone_from(&principal.id);
        if !principal.account_enabled {
            return Err(OAuthError::disabled(&principal.app_id));
        }
        let directory = self.directory();
        let (client, tenant) = (&principal.app_id, &self.tenant().id);
        let name = request.resource;
        let resource = Resource::for_client(name, client, self.urls(), &directory, tenant)?;
        assigned::require_application(&directory, &resource, &principal)?;
        self.admit(&principal.app_id, request.source, now)?;
        let token_id = random_bytes::<16>().map_err(|_| OAuthError::unavailable())?;
        let token_id = URL_SAFE_NO_PAD.encode(token_id);
        sign_in.token_id.clone_from(&token_id);
        let origin = self.urls().origin();
        let mut claims = of_application(&origin, tenant, &principal, &resource, &directory, true);
        claims["iat"] = json!(now);
        claims["nbf"] = json!(now);
        claims["exp"] = json!(now + LIFE);
        claims["uti"] = json!(token_id);
        put_client(&mut claims, &resource, &principal.app_id, "2");
        let token = self.sign(&claims, now)?;
        Ok(json!({
            "access_token": token,
            "client_id": principal.app_id,
            "expires_in": LIFE.to_string(),
            "expires_on": (now + LIFE).to_string(),
            "ext_expires_in": LIFE.to_string(),
            "not_before": now.to_string(),
            "resource": request.resource,
            "token_type": "Bearer",
        }))
    }
}
