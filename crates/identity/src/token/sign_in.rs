//! A sign-in attempt as a value, for the sign-in log.

use std::net::IpAddr;

use model::DateTime;
use uuid::Uuid;

use super::{OAuthError, TokenRequest};

/// How a client proved itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// It did not.
    None,
    /// A client secret.
    Secret,
    /// An assertion signed with a certificate's key.
    Certificate,
}

/// One attempt to get a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// Id of the attempt: `trace_id` of error bodies.
    pub id: Uuid,
    /// The client's own id for it.
    pub correlation_id: Uuid,
    /// When.
    pub time: DateTime,
    /// Client id as sent, even when unknown.
    pub app_id: String,
    /// The application's name; empty when unknown.
    pub display_name: String,
    /// Object id of the service principal; empty when unknown.
    pub principal_id: String,
    /// The resource asked for; empty when the attempt failed before it was read.
    pub resource: String,
    /// Address of the client.
    pub source: IpAddr,
    /// The client's User-Agent.
    pub user_agent: String,
    /// How it proved itself.
    pub credential: CredentialKind,
    /// Id of the secret or certificate used; empty when none fitted.
    pub credential_id: String,
    /// `uti` of the token given; empty when none was.
    pub token_id: String,
    /// AADSTS number; 0 for success.
    pub result_code: u32,
    /// Why it failed; empty for success.
    pub result: String,
}

impl SignIn {
    pub(crate) fn new(request: &TokenRequest<'_>, correlation_id: Uuid) -> Self {
        Self {
            id: Uuid::new_v4(),
            correlation_id,
            time: request.now,
            app_id: String::new(),
            display_name: String::new(),
            principal_id: String::new(),
            resource: String::new(),
            source: request.source,
            user_agent: request.user_agent.unwrap_or_default().chars().take(500).collect(),
            credential: CredentialKind::None,
            credential_id: String::new(),
            token_id: String::new(),
            result_code: 0,
            result: String::new(),
        }
    }

    pub(crate) fn failed(&mut self, error: &OAuthError) {
        self.result_code = error.code;
        self.result.clone_from(&error.message);
    }
}
