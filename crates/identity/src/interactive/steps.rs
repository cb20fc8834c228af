//! The steps of a sign-in: password, authenticator app, new password, going on as who is signed in. Those of passkeys
//! are beside, in `passkey`.

use crypto::{SecretText, StoredPassword, TotpSecret};

use super::authorize::{bare_page, told};
use super::passkey::SECURITY_INFO_APP;
use super::request::Prompt;
use super::{
    AuthorizationRequest, BrowserAnswer, BrowserRequest, Flow, Goal, OwnChange, PageKind, Proof,
    Show, Stage,
};
use crate::Identity;
use crate::directory::User;
use crate::time::unix_seconds;
use crate::token::{OAuthError, SignIn, SignInKind};

/// Wrong codes after which the password is asked for again.
const WRONG_CODES_MAX: u8 = 5;

impl Identity {
    /// A page's form comes back: `POST /{tenant}/login`. Checks passwords: keep it off threads that others wait for.
    pub fn continue_sign_in(&self, request: &BrowserRequest<'_>) -> BrowserAnswer {
        let (token, flow) = match self.flow(request, "flow") {
            Ok(found) => found,
            Err(error) => return BrowserAnswer::refused(error),
        };
        if let Some(answer) = self.overtaken(&flow) {
            return answer;
        }
        let step = request.parameter("step").unwrap_or_default();
        match (step, &flow.stage) {
            ("password", Stage::Start | Stage::Outside(_)) => {
                self.password_step(request, token, flow)
            }
            ("passkey", Stage::Start | Stage::Outside(_)) => {
                self.passkey_step(request, token, flow)
            }
            ("addpasskey", Stage::SecurityInfo(proof)) => {
                let proof = proof.clone();
                self.add_passkey_step(request, token, flow, proof)
            }
            ("removepasskey", Stage::SecurityInfo(proof)) => {
                let proof = proof.clone();
                self.remove_passkey_step(request, token, flow, proof)
            }
            ("code", Stage::Code(proof)) => {
                let proof = proof.clone();
                self.code_step(request, token, flow, proof)
            }
            ("newpassword", Stage::NewPassword(proof)) => {
                let proof = proof.clone();
                self.new_password_step(request, token, flow, proof)
            }
            ("continue", Stage::Confirm(proof)) => {
                let proof = proof.clone();
                self.confirmed(request, token, flow, &proof)
            }
            ("other", _) => self.show_stage(request, token, flow, Stage::Start, None),
            ("deny", _) => self.denied(request, &token, &flow),
            ("federate", Stage::Start | Stage::Outside(_)) => {
                self.start_errand(request, &token, flow)
            }
            // an old page, sent again: the one that is due
            _ => {
                let stage = flow.stage.clone();
                self.show_stage(request, token, flow, stage, None)
            }
        }
    }

    fn password_step(
        &self,
        request: &BrowserRequest<'_>,
        token: String,
        flow: Flow,
    ) -> BrowserAnswer {
        let name = request.parameter("username").unwrap_or_default().trim();
        let name = match name.contains('@') {
            true => name.to_owned(),
            false => format!("{name}@{}", self.tenant().domain),
        };
        let mut sign_in = self.started(request, &flow);
        sign_in.user_name = name.chars().take(200).collect();
        match self.check_password(request, &name) {
            Ok(proof) => {
                self.describe(&mut sign_in, &proof);
                self.proved(request, token, flow, proof, sign_in)
            }
            Err(error) => {
                let message = error.message.clone();
                if let Some(user) = self.directory().user_by_name(&name) {
                    sign_in.principal_id.clone_from(&user.id);
                    sign_in.user_display_name.clone_from(&user.display_name);
                }
                sign_in.failed(&error);
                let mut answer = self.show_stage(request, token, flow, Stage::Start, Some(message));
                answer.sign_in = Some(Box::new(sign_in));
                answer
            }
        }
    }

    /// One answer for a wrong name and a wrong password, after the same time.
    fn check_password(
        &self,
        request: &BrowserRequest<'_>,
        name: &str,
    ) -> Result<Proof, OAuthError> {
        let (inside, now) = (self.interactive(), unix_seconds(request.now));
        let who = format!("user/{}", name.to_lowercase());
        inside.may_guess(&who, request.source, now)?;
        let presented = request.parameter("password").unwrap_or_default();
        let user = self.directory().user_by_name(name).cloned();
        let stored = user.as_ref().and_then(|u| u.password.clone());
        let right = inside.check(|| match &stored {
            Some(stored) => stored.verify(presented),
            None => {
                StoredPassword::verify_nothing(presented);
                false
            }
        })?;
        let user = match user.filter(|_| right) {
            Some(user) => user,
            None => {
                inside.guesses.guessed(&who, request.source, now);
                return Err(OAuthError::wrong_password());
            }
        };
        if !user.account_enabled {
            return Err(OAuthError::user_disabled());
        }
        inside.guesses.succeeded(&who, request.source);
        Ok(Proof::of(&user, now, &["pwd"]))
    }

    /// The first proof is there: what else is asked for?
    pub(super) fn proved(
        &self,
        request: &BrowserRequest<'_>,
        token: String,
        flow: Flow,
        proof: Proof,
        mut sign_in: SignIn,
    ) -> BrowserAnswer {
        let Some(user) = self.directory().user(&proof.user_id).cloned() else {
            return BrowserAnswer::refused(OAuthError::flow_over());
        };
        let second = proof.methods.iter().any(|m| m == "mfa");
        let (stage, error) = if user.totp.is_some() && !second {
            (Stage::Code(proof), OAuthError::second_factor())
        } else if user.must_change_password && proof.methods.iter().any(|m| m == "pwd") {
            (Stage::NewPassword(proof), OAuthError::password_expired())
        } else {
            return self.finished(request, &token, &flow, &proof);
        };
        sign_in.failed(&error);
        let mut answer = self.show_stage(request, token, flow, stage, None);
        answer.sign_in = Some(Box::new(sign_in));
        answer
    }

    fn code_step(
        &self,
        request: &BrowserRequest<'_>,
        token: String,
        mut flow: Flow,
        mut proof: Proof,
    ) -> BrowserAnswer {
        let mut sign_in = self.started(request, &flow);
        self.describe(&mut sign_in, &proof);
        match self.held(&proof).and_then(|user| self.check_code(request, &user)) {
            Ok(()) => {
                proof.methods.push("mfa".into());
                self.describe(&mut sign_in, &proof);
                self.proved(request, token, flow, proof, sign_in)
            }
            Err(error) => {
                sign_in.failed(&error);
                flow.wrong_codes = flow.wrong_codes.saturating_add(1);
                let stage = match flow.wrong_codes < WRONG_CODES_MAX {
                    true => Stage::Code(proof),
                    false => Stage::Start,
                };
                let mut answer = self.show_stage(request, token, flow, stage, Some(error.message));
                answer.sign_in = Some(Box::new(sign_in));
                answer
            }
        }
    }

    /// A code of the authenticator app works once.
    fn check_code(&self, request: &BrowserRequest<'_>, user: &User) -> Result<(), OAuthError> {
        let (inside, now) = (self.interactive(), unix_seconds(request.now));
        let who = format!("code/{}", user.id);
        inside.may_guess(&who, request.source, now)?;
        // a code has a million forms, and many addresses try many: who gets here knows the password, so the delay locks
        // out nobody who does not
        if let Some(seconds) = inside.guesses.wait_anywhere(&who, now) {
            return Err(OAuthError::account_throttled(seconds));
        }
        let presented = request.parameter("code").unwrap_or_default();
        let step = user.totp.as_ref().and_then(|app| {
            let secret = self.local_key().open(&format!("totp/{}", app.id), &app.sealed)?;
            let secret = TotpSecret::from_bytes(secret.expose().to_vec())?;
            secret.verify(presented, now, app.last_step)
        });
        let used = step.is_some_and(|step| self.totp_used(&user.id, step).is_ok());
        if used {
            inside.guesses.succeeded(&who, request.source);
            inside.guesses.succeeded_anywhere(&who);
            Ok(())
        } else {
            inside.guesses.guessed(&who, request.source, now);
            inside.guesses.guessed_anywhere(&who, now);
            Err(OAuthError::wrong_code())
        }
    }

    fn new_password_step(
        &self,
        request: &BrowserRequest<'_>,
        token: String,
        flow: Flow,
        mut proof: Proof,
    ) -> BrowserAnswer {
        let new = request.parameter("newpassword").unwrap_or_default();
        let again = request.parameter("again").unwrap_or_default();
        let changed = if new != again {
            Err("The two new passwords differ.".to_owned())
        } else if let Err(error) = self.held(&proof) {
            return BrowserAnswer::refused(error);
        } else {
            match self
                .interactive()
                .check(|| self.change_own_password(&proof.user_id, new, request.clock))
            {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(error.message),
                Err(error) => Err(error.message),
            }
        };
        let user = self.directory().user(&proof.user_id).cloned();
        let mut change = user.as_ref().map(|user| {
            OwnChange::of(
                user,
                &self.started(request, &flow).app_id,
                "Change user password",
                "Update",
            )
        });
        let mut answer = match changed {
            Err(message) => {
                change.iter_mut().for_each(|change| change.failure.clone_from(&message));
                self.show_stage(request, token, flow, Stage::NewPassword(proof), Some(message))
            }
            Ok(()) => {
                // the change ended every flow and session of the person but this one
                let now = unix_seconds(request.now);
                proof.time = user.as_ref().map_or(now, |user| user.time_of_new(now));
                self.finished(request, &token, &flow, &proof)
            }
        };
        answer.changes.extend(change);
        answer
    }

    /// Everything asked for was proved just now.
    fn finished(
        &self,
        request: &BrowserRequest<'_>,
        token: &str,
        flow: &Flow,
        proof: &Proof,
    ) -> BrowserAnswer {
        let now = unix_seconds(request.now);
        let session = self.open_session(request, proof, now);
        self.interactive().flows.take(token, now);
        let mut answer = match &flow.goal {
            Goal::Application(asked) if self.must_agree(asked, proof) => {
                let flow = Flow { stage: Stage::Confirm(proof.clone()), ..flow.clone() };
                self.page_of_new(flow, now, None)
            }
            Goal::Application(asked) => self.complete(request, asked, proof, true),
            // one look more before a device, perhaps a stranger's, is let in
            Goal::Device { .. } => {
                let flow = Flow { stage: Stage::Confirm(proof.clone()), ..flow.clone() };
                self.page_of_new(flow, now, None)
            }
            Goal::SecurityInfo => self.begin_security_info(request, flow, proof),
        };
        answer.session = session;
        answer
    }

    fn confirmed(
        &self,
        request: &BrowserRequest<'_>,
        token: String,
        flow: Flow,
        proof: &Proof,
    ) -> BrowserAnswer {
        if let Err(error) = self.held(proof) {
            return BrowserAnswer::refused(error);
        }
        let (app_id, wanted) = match &flow.goal {
            Goal::Application(asked) => (asked.app_id.clone(), asked.wanted.clone()),
            Goal::Device { user_code } => self.device_wants(user_code).unwrap_or_default(),
            Goal::SecurityInfo => return self.begin_security_info(request, &flow, proof),
        };
        // taken back while the page was open: nobody agrees to what the page did not say
        let missing = self.missing_consent(&app_id, &wanted, &proof.user_id);
        if missing.iter().any(|permission| !flow.permissions.contains(permission)) {
            let stage = flow.stage.clone();
            return self.show_stage(request, token, flow, stage, None);
        }
        self.interactive().flows.take(&token, unix_seconds(request.now));
        let changes = match self.agree(&app_id, &wanted, proof, request.now) {
            Ok(changes) => changes,
            Err(error) => return BrowserAnswer::refused(error),
        };
        let mut answer = match &flow.goal {
            Goal::Device { user_code } => self.let_device_in(request, user_code, proof),
            Goal::Application(asked) => self.complete(request, asked, proof, false),
            Goal::SecurityInfo => BrowserAnswer::refused(OAuthError::flow_over()),
        };
        answer.changes = changes;
        answer
    }

    /// True when a page must ask before the application gets anything.
    fn must_agree(&self, asked: &AuthorizationRequest, proof: &Proof) -> bool {
        asked.prompt == Prompt::Consent
            || !self.missing_consent(&asked.app_id, &asked.wanted, &proof.user_id).is_empty()
    }

    fn denied(&self, request: &BrowserRequest<'_>, token: &str, flow: &Flow) -> BrowserAnswer {
        self.interactive().flows.take(token, unix_seconds(request.now));
        match &flow.goal {
            Goal::Application(asked) => {
                BrowserAnswer::new(told(asked, &OAuthError::access_denied()))
            }
            Goal::Device { user_code } => self.refuse_device(request, user_code),
            Goal::SecurityInfo => BrowserAnswer::new(Show::Page(Box::new(bare_page(
                PageKind::SecurityInfoDone,
                None,
            )))),
        }
    }

    /// Keeps the flow at a stage and shows that stage's page.
    pub(super) fn show_stage(
        &self,
        request: &BrowserRequest<'_>,
        token: String,
        flow: Flow,
        stage: Stage,
        message: Option<String>,
    ) -> BrowserAnswer {
        let now = unix_seconds(request.now);
        let flow = Flow { stage, ..flow };
        let permissions = self.permissions(&flow);
        let Ok(flow) = Flow { permissions, ..flow }.with_new_challenge() else {
            return BrowserAnswer::refused(OAuthError::unavailable());
        };
        let kept = flow.clone();
        self.interactive().flows.change(&token, now, |known| *known = kept);
        if self.interactive().flows.get(&token, now).is_none() {
            return BrowserAnswer::refused(OAuthError::flow_over());
        }
        BrowserAnswer::new(self.page(SecretText::new(token), &flow, message))
    }

    /// A row for an attempt in this flow.
    pub(super) fn started(&self, request: &BrowserRequest<'_>, flow: &Flow) -> SignIn {
        let mut sign_in = SignIn::of_browser(request, SignInKind::InteractiveUser);
        match &flow.goal {
            Goal::Application(asked) => {
                sign_in.app_id.clone_from(&asked.app_id);
                sign_in.display_name.clone_from(&asked.app_name);
                sign_in.resource.clone_from(&asked.wanted.resource);
            }
            Goal::Device { user_code } => self.describe_device(&mut sign_in, user_code),
            Goal::SecurityInfo => {
                SECURITY_INFO_APP.0.clone_into(&mut sign_in.app_id);
                SECURITY_INFO_APP.1.clone_into(&mut sign_in.display_name);
            }
        }
        sign_in
    }
}
