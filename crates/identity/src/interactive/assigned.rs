//! Sign-ins at applications that are for those alone who were assigned to them.

use super::authorize::told;
use super::request::Prompt;
use super::{AuthorizationRequest, BrowserAnswer, BrowserRequest, Proof};
use crate::Identity;
use crate::token::{OAuthError, Resource, SignIn, SignInKind, require_user};

impl Identity {
    /// Refuses a person who is not assigned to the application, or to the one that its token is for.
    pub(super) fn require_assigned(
        &self,
        asked: &AuthorizationRequest,
        proof: &Proof,
    ) -> Result<(), OAuthError> {
        let directory = self.directory();
        let user = directory.user(&proof.user_id).ok_or_else(OAuthError::flow_over)?;
        let resource = Resource::of(&asked.wanted.resource, self.urls(), &directory);
        require_user(&directory, &asked.app_id, resource.as_ref(), user)
    }

    /// Says so on a page, as Entra does; an application that asked for no page hears of it itself.
    pub(super) fn not_assigned(
        &self,
        request: &BrowserRequest<'_>,
        asked: &AuthorizationRequest,
        proof: &Proof,
        error: OAuthError,
    ) -> BrowserAnswer {
        let mut sign_in = SignIn::of_browser(request, SignInKind::InteractiveUser);
        sign_in.app_id.clone_from(&asked.app_id);
        sign_in.display_name.clone_from(&asked.app_name);
        sign_in.resource.clone_from(&asked.wanted.resource);
        self.describe(&mut sign_in, proof);
        sign_in.failed(&error);
        let mut answer = match asked.prompt {
            Prompt::None => {
                let error = OAuthError { error: "interaction_required", ..error };
                BrowserAnswer::new(told(asked, &error))
            }
            _ => BrowserAnswer::refused(error),
        };
        answer.sign_in = Some(Box::new(sign_in));
        answer
    }
}
