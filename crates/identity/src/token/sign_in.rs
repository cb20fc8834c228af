//! A sign-in attempt as a value, for the sign-in log.

use std::net::IpAddr;

use model::DateTime;
use uuid::Uuid;

use super::{OAuthError, TokenRequest};
use crate::interactive::BrowserRequest;

/// Who signed in, and whether somebody sat before it: each kind has a table of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInKind {
    /// An application with its own credential.
    ServicePrincipal,
    /// An identity of this machine.
    ManagedIdentity,
    /// A person at a browser.
    InteractiveUser,
    /// A client in a person's name.
    NonInteractiveUser,
}

/// How a client proved itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// It did not.
    None,
    /// A client secret.
    Secret,
    /// An assertion signed with a certificate's key.
    Certificate,
    /// A token of an outside issuer.
    Federated,
}

/// One attempt to get a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// Whose it is.
    pub kind: SignInKind,
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
    /// Object id of the service principal or the user; empty when unknown.
    pub principal_id: String,
    /// The name that a user signs in with; empty for applications.
    pub user_name: String,
    /// A user's name for people.
    pub user_display_name: String,
    /// How a user was proved: `pwd`, `mfa`, `fed`, `fido`.
    pub methods: Vec<String>,
    /// `deviceCode`, `ssoSession` or `none`.
    pub protocol: &'static str,
    /// The resource asked for; empty when the attempt failed before it was read.
    pub resource: String,
    /// Address of the client.
    pub source: IpAddr,
    /// The client's User-Agent.
    pub user_agent: String,
    /// How it proved itself.
    pub credential: CredentialKind,
    /// Id of the secret, certificate or federated credential used; empty when none fitted.
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
            user_agent: request.user_agent.unwrap_or_default().chars().take(500).collect(),
            ..Self::empty(SignInKind::ServicePrincipal, correlation_id, request.now, request.source)
        }
    }

    /// An attempt in a browser.
    pub(crate) fn of_browser(request: &BrowserRequest<'_>, kind: SignInKind) -> Self {
        let correlation_id = request.correlation_id.and_then(|id| Uuid::try_parse(id).ok());
        let correlation_id = correlation_id.unwrap_or_else(Uuid::new_v4);
        Self {
            user_agent: request.user_agent.unwrap_or_default().chars().take(500).collect(),
            ..Self::empty(kind, correlation_id, request.now, request.source)
        }
    }

    pub(crate) fn empty(
        kind: SignInKind,
        correlation_id: Uuid,
        time: DateTime,
        source: IpAddr,
    ) -> Self {
        Self {
            kind,
            id: Uuid::new_v4(),
            correlation_id,
            time,
            app_id: String::new(),
            display_name: String::new(),
            principal_id: String::new(),
            user_name: String::new(),
            user_display_name: String::new(),
            methods: Vec::new(),
            protocol: "none",
            resource: String::new(),
            source,
            user_agent: String::new(),
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
