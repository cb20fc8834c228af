//! Who is calling, and may they do this here: applications, tokens, discovery, role assignments.
//!
//! [`Identity`] is the one door. A request's way through it:
//!
//! ```text
//! /{tenant}/oauth2/v2.0/token   Identity::token(form)              -> access token, or an OAuth error
//! Authorization: Bearer ...     Identity::authenticate(token, ..)  -> Caller, or AuthError (401 + challenge)
//! a browser at the sign-in pages  Identity::authorize, continue_sign_in, device_page, security_info -> a page, or back with a code
//! any action at any scope       Identity::require(caller, ..)      -> (), or Denied (403)
//! a query                       Identity::tables_readable(..)      -> the tables it may see
//! ```
//!
//! Applications, principals and role assignments are documents in the store and, compiled, in memory: no question
//! above touches a disk. Writes go to the store first and are in force when they return. Nothing here speaks HTTP.

mod access;
mod audience;
mod auth_error;
mod authenticate;
mod authorization;
mod bootstrap;
mod cache;
mod caller;
mod cloud;
mod directory;
mod discovery;
mod error;
mod identity;
mod interactive;
mod jwt;
mod outside;
mod signing_keys;
mod tenant;
mod time;
mod token;
mod urls;
pub mod webauthn;

pub use access::{Permission, RoleAssignment, RoleDefinition};
pub use audience::Audiences;
pub use auth_error::{AuthError, Denied, bearer_token};
pub use authorization::{DenyAssignments, Permissions, RoleAssignments, RoleDefinitions, TYPES};
pub use bootstrap::AdminCredentials;
pub use caller::Caller;
pub use directory::{
    Application, AssignedSide, DirectoryRoles, FederatedCredential, GraphArea, GraphError, Group,
    Holder, KeyCredential, NewAppRole, NewApplication, NewGroup, NewPassword, NewUser, ObjectKind,
    PORTAL_CLIENT, PasswordAnswer, PasswordCredential, RedirectUris, ServicePrincipal, TotpAnswer,
    User,
};
pub use discovery::Generation;
pub use error::IdentityError;
pub use identity::{Identity, IdentityConfig};
pub use interactive::{
    BrowserAnswer, BrowserRequest, IdentityProvider, OwnChange, Page, PageKind, PasskeyQuestion,
    Redirect, ResponseMode, SecurityInfo, Show, ShownPasskey,
};
pub use outside::{Outside, OutsideReply};
pub use tenant::Tenant;
pub use token::{
    CredentialKind, ManagedIdentityRequest, OAuthError, SignIn, SignInKind, SignInStep,
    TokenAnswer, TokenEndpoint, TokenRequest, basic_header,
};
pub use urls::PublicUrls;

#[cfg(test)]
mod hygiene;
#[cfg(test)]
mod testing;
