//! An application may change while somebody signs in to it: it is removed, disabled, moved to another address. What held
//! when the sign-in began is looked at again at every step, and before anything is given.

use std::sync::Arc;

use super::request::{Refusal, redirect_kind};
use super::{AuthorizationRequest, BrowserAnswer, Flow, Goal, Proof};
use crate::Identity;
use crate::directory::{Application, User};
use crate::token::OAuthError;

impl Identity {
    /// The answer to a flow that cannot go on; none where it can.
    pub(super) fn overtaken(&self, flow: &Flow) -> Option<BrowserAnswer> {
        match &flow.goal {
            Goal::Application(asked) => self.still_stands(asked, false).err().map(Refusal::answer),
            Goal::Device { user_code } => {
                let living = match self.device_wants(user_code) {
                    Some((app_id, _)) => self.living_client(&app_id, false).map(|_| ()),
                    None => Err(OAuthError::flow_over()),
                };
                living.err().map(BrowserAnswer::refused)
            }
            Goal::SecurityInfo => None,
        }
    }

    /// Refuses what a new request would be refused for now: nothing goes to an address that is not the application's
    /// any more. `must` refuses an application without a service principal too; before somebody agrees it may have none.
    pub(super) fn still_stands(
        &self,
        asked: &AuthorizationRequest,
        must: bool,
    ) -> Result<(), Refusal> {
        let application = self.living_client(&asked.app_id, must).map_err(Refusal::Shown)?;
        if redirect_kind(&application, &asked.redirect_uri, &asked.origin) != Some(asked.kind) {
            let error = OAuthError::redirect_mismatch(&asked.redirect_uri, &asked.app_id);
            return Err(Refusal::Shown(error));
        }
        match asked.id_token && !application.id_token_issuance {
            true => Err(Refusal::Told(Box::new(asked.clone()), OAuthError::id_token_disabled())),
            false => Ok(()),
        }
    }

    /// An application that may act for people.
    pub(super) fn living_client(
        &self,
        app_id: &str,
        must: bool,
    ) -> Result<Arc<Application>, OAuthError> {
        let directory = self.directory();
        let application = directory.client(app_id);
        let application = application
            .ok_or_else(|| OAuthError::unknown_application(app_id, &self.tenant().id))?;
        self.require_living_application(application, must)?;
        Ok(Arc::clone(application))
    }

    /// The user of a proof that still holds, or why it does not.
    pub(super) fn held(&self, proof: &Proof) -> Result<Arc<User>, OAuthError> {
        self.holds(proof).ok_or_else(|| match self.directory().user(&proof.user_id) {
            Some(user) if !user.account_enabled => OAuthError::user_disabled(),
            _ => OAuthError::flow_over(),
        })
    }
}
