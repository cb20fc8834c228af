//! The beginning of a sign-in, and what each page says.

use crypto::{SecretText, constant_time_eq, sha256};

use super::expiring::random_token;
use super::federate::FEDERATED;
use super::request::{Prompt, Refusal};
use super::{
    AuthorizationRequest, BrowserAnswer, BrowserRequest, FLOW_SECONDS, Flow, Goal, Page, PageKind,
    Proof, Redirect, Show, Stage,
};
use crate::Identity;
use crate::directory::{RedirectKind, User};
use crate::time::unix_seconds;
use crate::token::OAuthError;

impl Identity {
    /// An application sends a browser here: `/{tenant}/oauth2/v2.0/authorize`, or version 1 of it.
    pub fn authorize(&self, request: &BrowserRequest<'_>, v1: bool) -> BrowserAnswer {
        let directory = self.directory();
        let read = AuthorizationRequest::read(request, v1, self.tenant(), self.urls(), &directory);
        let living = |read: AuthorizationRequest| {
            let application = directory.client(&read.app_id);
            match application.map(|a| self.require_living_application(a, false)) {
                Some(Err(error)) => Err(Refusal::Shown(error)),
                _ => Ok(read),
            }
        };
        let hinted = |mut read: AuthorizationRequest| {
            let hint = request.parameter("id_token_hint");
            match hint.map(|token| self.hinted_by(token, &read.app_id)).transpose() {
                Ok(user) => {
                    read.hinted = user;
                    Ok(read)
                }
                Err(error) => Err(Refusal::Told(Box::new(read), error)),
            }
        };
        match read.and_then(living).and_then(hinted) {
            Ok(read) => self.begin(request, Goal::Application(Box::new(read))),
            Err(refusal) => refusal.answer(),
        }
    }

    /// True when a single-page application is registered at this origin.
    pub fn is_single_page_origin(&self, origin: &str) -> bool {
        self.directory().applications().iter().any(|a| a.redirects.has_page_at(origin))
    }

    /// Signs the browser out.
    pub fn sign_out(&self, request: &BrowserRequest<'_>) -> BrowserAnswer {
        if let Some(session) = request.session {
            self.interactive().sessions.take(session, unix_seconds(request.now));
        }
        let back = request.parameter("post_logout_redirect_uri");
        // back to an address that some application registered, else nowhere
        let registered = back.filter(|uri| {
            let known = |a: &std::sync::Arc<crate::Application>| a.redirects.find(uri).is_some();
            self.directory().applications().iter().any(known)
                || crate::directory::is_portal_redirect(crate::PORTAL_CLIENT, uri, request.origin)
        });
        let show = match registered {
            Some(uri) => Show::Redirect(Redirect {
                uri: uri.to_owned(),
                mode: super::ResponseMode::Query,
                parameters: request
                    .parameter("state")
                    .map(|state| vec![("state", SecretText::new(state.to_owned()))])
                    .unwrap_or_default(),
            }),
            None => Show::Page(Box::new(bare_page(PageKind::SignedOut, None))),
        };
        let mut answer = BrowserAnswer::new(show);
        answer.session = Some(SecretText::new(String::new()));
        answer
    }

    /// Starts the way to a goal, as short as what is known about the browser allows.
    pub(super) fn begin(&self, request: &BrowserRequest<'_>, goal: Goal) -> BrowserAnswer {
        let now = unix_seconds(request.now);
        let session = self.session(request, now);
        let stage = match (&goal, session) {
            (Goal::Application(asked), session) => {
                // of an age of none is nobody: asked again (OpenID Connect Core 3.1.2.1)
                let fresh =
                    |p: &Proof| asked.max_age.is_none_or(|age| age > 0 && now - p.time <= age);
                let hinted = |p: &Proof| self.is_hinted(asked, p);
                let agreed = |p: &Proof| {
                    self.missing_consent(&asked.app_id, &asked.wanted, &p.user_id).is_empty()
                };
                match (session.filter(fresh).filter(hinted), asked.prompt) {
                    (None, Prompt::None) => {
                        return BrowserAnswer::new(told(asked, &OAuthError::login_required()));
                    }
                    (Some(proof), Prompt::None) if !agreed(&proof) => {
                        let error = OAuthError::consent_required(&asked.app_id);
                        let error = OAuthError { error: "interaction_required", ..error };
                        return BrowserAnswer::new(told(asked, &error));
                    }
                    (Some(proof), Prompt::None | Prompt::Default)
                        if may_be_silent(asked) && agreed(&proof) =>
                    {
                        return self.complete(request, asked, &proof, false);
                    }
                    (Some(_), Prompt::None) => {
                        return BrowserAnswer::new(told(
                            asked,
                            &OAuthError::interaction_required(),
                        ));
                    }
                    (Some(proof), Prompt::Default | Prompt::SelectAccount | Prompt::Consent) => {
                        Stage::Confirm(proof)
                    }
                    (_, Prompt::Login) | (None, _) => Stage::Start,
                }
            }
            (Goal::Device { .. }, Some(proof)) => Stage::Confirm(proof),
            (Goal::Device { .. }, None) => Stage::Start,
            // whoever sits before a browser that is signed in must not add a proof of its own
            (Goal::SecurityInfo, _) => Stage::Start,
        };
        let Ok(browser) = browser_cookie(request) else {
            return BrowserAnswer::refused(OAuthError::unavailable());
        };
        let flow = Flow {
            browser: sha256(browser.expose().as_bytes()),
            origin: request.origin.to_owned(),
            goal,
            stage,
            challenge: None,
            source: request.source,
            wrong_codes: 0,
            permissions: Vec::new(),
        };
        let mut answer = self.page_of_new(flow, now, None);
        answer.browser = Some(browser);
        answer
    }

    /// True unless the application hints at somebody else than who is signed in.
    fn is_hinted(&self, asked: &AuthorizationRequest, proof: &Proof) -> bool {
        let directory = self.directory();
        let user = directory.user(&proof.user_id);
        let is = |hint: &str| {
            user.is_some_and(|u| {
                [&u.user_principal_name, &u.id].iter().any(|name| name.eq_ignore_ascii_case(hint))
                    || u.mail.as_deref().is_some_and(|mail| mail.eq_ignore_ascii_case(hint))
            })
        };
        asked.login_hint.as_deref().is_none_or(is)
            && asked.hinted.as_deref().is_none_or(|hint| proof.user_id == hint)
    }

    /// The name that the application hints at, for the page.
    fn hint(&self, asked: &AuthorizationRequest) -> Option<String> {
        let directory = self.directory();
        let named = || directory.user(asked.hinted.as_deref()?).map(|u| &u.user_principal_name);
        asked.login_hint.clone().or_else(|| named().cloned())
    }

    /// What a person is asked to agree to on a page of this flow.
    pub(super) fn permissions(&self, flow: &Flow) -> Vec<String> {
        match (&flow.stage, &flow.goal) {
            (Stage::Confirm(_), Goal::Application(asked)) if asked.prompt == Prompt::Consent => {
                self.asked_consent(&asked.wanted)
            }
            (Stage::Confirm(proof), Goal::Application(asked)) => {
                self.missing_consent(&asked.app_id, &asked.wanted, &proof.user_id)
            }
            (Stage::Confirm(proof), Goal::Device { user_code }) => {
                let (app_id, wanted) = self.device_wants(user_code).unwrap_or_default();
                self.missing_consent(&app_id, &wanted, &proof.user_id)
            }
            _ => Vec::new(),
        }
    }

    /// Puts a flow away and shows its page.
    pub(super) fn page_of_new(
        &self,
        flow: Flow,
        now: i64,
        message: Option<String>,
    ) -> BrowserAnswer {
        let permissions = self.permissions(&flow);
        let Ok(flow) = Flow { permissions, ..flow }.with_new_challenge() else {
            return BrowserAnswer::refused(OAuthError::unavailable());
        };
        match self.interactive().flows.insert(flow.clone(), flow.source, now + FLOW_SECONDS, now) {
            Ok(token) => BrowserAnswer::new(self.page(token, &flow, message)),
            Err(_) => BrowserAnswer::refused(OAuthError::unavailable()),
        }
    }

    /// The page of a flow's stage.
    pub(super) fn page(&self, token: SecretText, flow: &Flow, message: Option<String>) -> Show {
        let directory = self.directory();
        let name = |p: &Proof| directory.user(&p.user_id).map(|u| u.user_principal_name.clone());
        let (application, hint, leads_to, device) = match &flow.goal {
            Goal::Application(asked) => {
                (asked.app_name.clone(), self.hint(asked), Some(asked.leads_to()), false)
            }
            Goal::Device { user_code } => (self.device_application(user_code), None, None, true),
            Goal::SecurityInfo => ("your security info".to_owned(), None, None, false),
        };
        let (kind, user) = match &flow.stage {
            Stage::Start | Stage::Outside(_) => (PageKind::SignIn, hint),
            Stage::Confirm(proof) if device => (PageKind::ConfirmDevice, name(proof)),
            Stage::Confirm(proof) => (PageKind::Confirm, name(proof)),
            Stage::Code(proof) => (PageKind::Code, name(proof)),
            Stage::NewPassword(proof) => (PageKind::NewPassword, name(proof)),
            Stage::SecurityInfo(proof) => (PageKind::SecurityInfo, name(proof)),
        };
        let providers = if kind == PageKind::SignIn { self.provider_names() } else { Vec::new() };
        Show::Page(Box::new(Page {
            kind,
            flow: token,
            application,
            user,
            message,
            permissions: flow.permissions.clone(),
            providers,
            leads_to,
            passkey: flow.passkey_question(),
            security_info: match &flow.stage {
                Stage::SecurityInfo(proof) => self.security_info_of(proof),
                _ => None,
            },
        }))
    }

    /// Who is signed in with this browser, if that still holds.
    fn session(&self, request: &BrowserRequest<'_>, now: i64) -> Option<Proof> {
        let proof = self.interactive().sessions.get(request.session?, now)?.proof;
        self.holds(&proof).is_some().then_some(proof)
    }

    /// The user of a proof that still holds: enabled, not signed out since, and where an outside provider vouched, still
    /// linked to it.
    pub(crate) fn holds(&self, proof: &Proof) -> Option<std::sync::Arc<User>> {
        let user = self.directory().user(&proof.user_id).cloned()?;
        let vouched = match &proof.outside {
            Some(by) => user.identities.contains(&by.identity) && self.has_provider(&by.provider),
            // of a version that did not keep it
            None => !proof.methods.iter().any(|m| m == FEDERATED) || !user.identities.is_empty(),
        };
        let holds = user.account_enabled && proof.time >= user.sessions_valid_from && vouched;
        holds.then_some(user)
    }

    /// The flow that a form names, when it comes from the browser that began it.
    pub(super) fn flow(
        &self,
        request: &BrowserRequest<'_>,
        name: &str,
    ) -> Result<(String, Flow), OAuthError> {
        let over = || OAuthError::flow_over();
        let token = request.parameter(name).ok_or_else(over)?;
        let flow =
            self.interactive().flows.get(token, unix_seconds(request.now)).ok_or_else(over)?;
        let browser = sha256(request.browser.unwrap_or_default().as_bytes());
        match constant_time_eq(&browser, &flow.browser) {
            true => Ok((token.to_owned(), flow)),
            false => Err(OAuthError::foreign_flow()),
        }
    }
}

impl Refusal {
    /// What the browser gets.
    pub(super) fn answer(self) -> BrowserAnswer {
        match self {
            Self::Shown(error) => BrowserAnswer::refused(error),
            Self::Told(asked, error) => BrowserAnswer::new(told(&asked, &error)),
        }
    }
}

/// Without a click only where nobody else can listen at the address: a code for a loopback address could be asked for
/// by any program on the machine, while the person behind the browser looks on.
fn may_be_silent(asked: &AuthorizationRequest) -> bool {
    asked.kind != RedirectKind::Native && asked.redirect_uri.starts_with("https://")
}

/// The cookie of this browser: the one it has, so that several windows work side by side, or a new one.
fn browser_cookie(request: &BrowserRequest<'_>) -> Result<SecretText, crypto::CryptoError> {
    let whole = |c: &&str| {
        c.len() == 43 && c.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    match request.browser.filter(whole) {
        Some(known) => Ok(SecretText::new(known.to_owned())),
        None => random_token(),
    }
}

/// A page without a flow.
pub(super) fn bare_page(kind: PageKind, message: Option<String>) -> Page {
    Page {
        kind,
        flow: SecretText::new(String::new()),
        application: String::new(),
        user: None,
        message,
        permissions: Vec::new(),
        providers: Vec::new(),
        leads_to: None,
        passkey: None,
        security_info: None,
    }
}

/// Tells the application what went wrong.
pub(super) fn told(asked: &AuthorizationRequest, error: &OAuthError) -> Show {
    let mut parameters = vec![
        ("error", SecretText::new(error.error.to_owned())),
        ("error_description", SecretText::new(format!("AADSTS{}: {}", error.code, error.message))),
    ];
    parameters.extend(asked.state.clone().map(|state| ("state", SecretText::new(state))));
    Show::Redirect(Redirect { uri: asked.redirect_uri.clone(), mode: asked.mode, parameters })
}
