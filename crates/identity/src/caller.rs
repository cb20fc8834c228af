//! Who is calling.

use std::sync::Arc;

/// An authenticated principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Object id of the service principal or the user: role assignments bind to it.
    pub object_id: Arc<str>,
    /// Application (client) id.
    pub app_id: Arc<str>,
    /// Name for people.
    pub display_name: Arc<str>,
    /// The name that a user signs in with; none for an application.
    pub user_name: Option<Arc<str>>,
    /// What an application may do in the person's name, `scp`; none for an application that acts for itself.
    pub scopes: Option<Arc<str>>,
    /// `uti` of the token, for audit rows; empty when no token was used.
    pub token_id: Arc<str>,
}

impl Caller {
    /// True for an application that acts for itself, and where the person's word reaches one of these scopes.
    pub(crate) fn has_scope(&self, wanted: &[&str]) -> bool {
        self.scopes.as_deref().is_none_or(|scopes| {
            scopes.split(' ').any(|scope| wanted.iter().any(|w| w.eq_ignore_ascii_case(scope)))
        })
    }
}
