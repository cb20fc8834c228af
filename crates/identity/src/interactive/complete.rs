//! The end of a sign-in: a code, an id token, or both go back to the application.

use crypto::SecretText;

use super::{
    AuthorizationRequest, BrowserAnswer, BrowserRequest, CODE_SECONDS, Code, Granted, Proof,
    Redirect, ResponseMode, SESSION_SECONDS, Session, Show,
};
use crate::Identity;
use crate::directory::{RedirectKind, User};
use crate::time::unix_seconds;
use crate::token::{Channel, IdToken, OAuthError, SignIn, SignInKind};

impl Identity {
    /// Sends the browser back with what the application asked for. `signed_in` is true when the person proved itself
    /// just now, false when an earlier session spoke for it.
    pub(super) fn complete(
        &self,
        request: &BrowserRequest<'_>,
        asked: &AuthorizationRequest,
        proof: &Proof,
        signed_in: bool,
    ) -> BrowserAnswer {
        if let Err(refusal) = self.still_stands(asked, true) {
            return refusal.answer();
        }
        let user = match self.held(proof) {
            Ok(user) => user,
            Err(error) => return BrowserAnswer::refused(error),
        };
        if let Err(error) = self.require_assigned(asked, proof) {
            return self.not_assigned(request, asked, proof, error);
        }
        let parameters = match self.results(request, asked, proof, &user) {
            Ok(parameters) => parameters,
            Err(error) => return BrowserAnswer::new(super::authorize::told(asked, &error)),
        };
        let redirect = Redirect { uri: asked.redirect_uri.clone(), mode: asked.mode, parameters };
        let mut answer = BrowserAnswer::new(Show::Redirect(redirect));
        let mut sign_in = SignIn::of_browser(request, SignInKind::InteractiveUser);
        sign_in.app_id.clone_from(&asked.app_id);
        sign_in.display_name.clone_from(&asked.app_name);
        sign_in.resource.clone_from(&asked.wanted.resource);
        self.describe(&mut sign_in, proof);
        if !signed_in {
            sign_in.protocol = "ssoSession";
        }
        answer.sign_in = Some(Box::new(sign_in));
        answer
    }

    fn results(
        &self,
        request: &BrowserRequest<'_>,
        asked: &AuthorizationRequest,
        proof: &Proof,
        user: &User,
    ) -> Result<Vec<(&'static str, SecretText)>, OAuthError> {
        let now = unix_seconds(request.now);
        let granted = Granted {
            proof: proof.clone(),
            app_id: asked.app_id.clone(),
            wanted: asked.wanted.clone(),
            nonce: asked.nonce.clone(),
            confidential: asked.kind == RedirectKind::Web,
            spa: asked.kind == RedirectKind::Spa,
        };
        let mut parameters = Vec::new();
        let mut code_text = None;
        if asked.code {
            let code = Code {
                granted: granted.clone(),
                redirect_uri: asked.redirect_uri.clone(),
                kind: asked.kind,
                challenge: asked.challenge.clone(),
                redeemed: None,
            };
            let text =
                self.interactive().codes.insert(code, request.source, now + CODE_SECONDS, now);
            let text = text.map_err(|_| OAuthError::unavailable())?;
            code_text = Some(text.expose().to_owned());
            parameters.push(("code", text));
        }
        if asked.id_token {
            let token = IdToken {
                granted: &granted,
                user,
                origin: &asked.origin,
                v1: asked.v1,
                code: code_text.as_deref(),
                channel: match asked.mode {
                    ResponseMode::FormPost => Channel::Answer,
                    ResponseMode::Query | ResponseMode::Fragment => Channel::Address,
                },
                source: request.source,
                now,
            };
            parameters.push(("id_token", SecretText::new(self.sign_id_token(&token)?)));
        }
        parameters.extend(asked.state.clone().map(|state| ("state", SecretText::new(state))));
        Ok(parameters)
    }

    /// Remembers in this browser who signed in.
    pub(super) fn open_session(
        &self,
        request: &BrowserRequest<'_>,
        proof: &Proof,
        now: i64,
    ) -> Option<SecretText> {
        let session = Session { proof: proof.clone() };
        self.interactive().sessions.insert(session, request.source, now + SESSION_SECONDS, now).ok()
    }

    /// Writes into a sign-in who it was and how it was proved.
    pub(crate) fn describe(&self, sign_in: &mut SignIn, proof: &Proof) {
        sign_in.methods.clone_from(&proof.methods);
        if let Some(user) = self.directory().user(&proof.user_id) {
            sign_in.principal_id.clone_from(&user.id);
            sign_in.user_name.clone_from(&user.user_principal_name);
            sign_in.user_display_name.clone_from(&user.display_name);
        }
    }
}
