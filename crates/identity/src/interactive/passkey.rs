//! Passkeys in a browser: signing in with one, and the page where a person adds and removes its own.
//!
//! A passkey alone signs in: it is possessed, and the authenticator checked who used it. The challenge lies in the flow,
//! is made anew for each page, and is gone with the first answer, right or wrong.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::{CryptoError, constant_time_eq, random_bytes};

use super::{
    BrowserAnswer, BrowserRequest, Flow, Goal, OwnChange, PasskeyQuestion, Proof, SecurityInfo,
    Show, ShownPasskey, Stage,
};
use crate::Identity;
use crate::directory::{Passkey, User};
use crate::time::{graph_text, unix_seconds};
use crate::token::{OAuthError, SignIn};
use crate::urls::passkey_host;
use crate::webauthn::{
    ALGORITHMS, Asserted, Assertion, CREDENTIAL_ID_MAX, Expected, verify_assertion,
    verify_registration,
};

/// Client id and name under which sign-ins to the page are logged, Entra's own for it.
pub(super) const SECURITY_INFO_APP: (&str, &str) =
    ("19db86c3-b2b9-44cc-b339-36da233a3be2", "My Signins");
/// The property that AuditLogs name.
const PASSKEY: &str = "Fido2AuthenticationMethod";
/// Longest text of a field, in base64url.
const FIELD_MAX: usize = 48 << 10;

const NO_HOST: &str =
    "passkeys need a host name; open this page under the server's name, not its address";

impl Flow {
    /// The same flow for a page that is shown next.
    pub(super) fn with_new_challenge(mut self) -> Result<Self, CryptoError> {
        let asks = matches!(self.stage, Stage::Start | Stage::Outside(_) | Stage::SecurityInfo(_));
        self.challenge = match asks && passkey_host(&self.origin).is_some() {
            true => Some(random_bytes::<32>()?),
            false => None,
        };
        Ok(self)
    }

    pub(super) fn passkey_question(&self) -> Option<PasskeyQuestion> {
        Some(PasskeyQuestion {
            rp_id: passkey_host(&self.origin)?.to_owned(),
            challenge: URL_SAFE_NO_PAD.encode(self.challenge?),
        })
    }
}

/// A field of a form, decoded.
fn bytes(request: &BrowserRequest<'_>, name: &str) -> Result<Vec<u8>, OAuthError> {
    let text = request.parameter(name).filter(|t| t.len() <= FIELD_MAX);
    let decoded = text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    decoded.ok_or_else(|| {
        OAuthError::passkey_refused(&format!("the browser's answer has no readable '{name}'"))
    })
}

impl Identity {
    /// `/security-info`: a person signs in anew, then adds and removes its own passkeys.
    pub fn security_info(&self, request: &BrowserRequest<'_>) -> BrowserAnswer {
        self.begin(request, Goal::SecurityInfo)
    }

    /// The person proved itself: its page, and the row that says so.
    pub(super) fn begin_security_info(
        &self,
        request: &BrowserRequest<'_>,
        flow: &Flow,
        proof: &Proof,
    ) -> BrowserAnswer {
        let mut sign_in = self.started(request, flow);
        self.describe(&mut sign_in, proof);
        let flow = Flow { stage: Stage::SecurityInfo(proof.clone()), ..flow.clone() };
        let mut answer = self.page_of_new(flow, unix_seconds(request.now), None);
        answer.sign_in = Some(Box::new(sign_in));
        answer
    }

    /// What the page shows of a person.
    pub(super) fn security_info_of(&self, proof: &Proof) -> Option<SecurityInfo> {
        let user = self.directory().user(&proof.user_id).cloned()?;
        let day = |seconds: i64| graph_text(seconds).chars().take(10).collect::<String>();
        let shown = |passkey: &Passkey| ShownPasskey {
            id: passkey.id.clone(),
            credential_id: passkey.credential_id.clone(),
            display_name: passkey.display_name.clone(),
            rp_id: passkey.rp_id.clone(),
            created: day(passkey.created),
            last_used: passkey.last_used.map(day),
        };
        Some(SecurityInfo {
            handle: URL_SAFE_NO_PAD.encode(user.handle()),
            display_name: user.display_name.clone(),
            algorithms: &ALGORITHMS,
            passkeys: user.passkeys.iter().map(shown).collect(),
            done: None,
        })
    }

    /// Takes the challenge out of a flow: whoever comes second finds none.
    fn take_challenge(&self, token: &str, now: i64) -> Result<[u8; 32], OAuthError> {
        let mut taken = None;
        self.interactive().flows.change(token, now, |flow| taken = flow.challenge.take());
        taken.ok_or_else(|| {
            let why = "the page's question was answered before; try again on this page";
            OAuthError::passkey_refused(why)
        })
    }

    pub(super) fn passkey_step(
        &self,
        request: &BrowserRequest<'_>,
        token: String,
        flow: Flow,
    ) -> BrowserAnswer {
        let mut sign_in = self.started(request, &flow);
        sign_in.methods = METHODS.iter().map(|m| (*m).to_owned()).collect();
        match self.check_passkey(request, &token, &flow, &mut sign_in) {
            Ok(proof) => {
                self.describe(&mut sign_in, &proof);
                self.proved(request, token, flow, proof, sign_in)
            }
            Err(error) => {
                let error = self.slowed_down(request, &sign_in, error);
                let message = error.message.clone();
                sign_in.failed(&error);
                let mut answer = self.show_stage(request, token, flow, Stage::Start, Some(message));
                answer.sign_in = Some(Box::new(sign_in));
                answer
            }
        }
    }

    /// Counts a failure. A signature cannot be guessed, so a right one is always taken; those who send wrong ones are
    /// told to wait, and sources that spray are slowed down for passwords too.
    fn slowed_down(
        &self,
        request: &BrowserRequest<'_>,
        sign_in: &SignIn,
        error: OAuthError,
    ) -> OAuthError {
        let (inside, now) = (self.interactive(), unix_seconds(request.now));
        let who = format!("passkey/{}", sign_in.principal_id);
        let wait = inside.guesses.wait(&who, request.source, now);
        inside.guesses.guessed(&who, request.source, now);
        wait.map_or(error, OAuthError::account_throttled)
    }

    /// Who the passkey is of. `sign_in` learns it as soon as it is known, also of one that fails.
    fn check_passkey(
        &self,
        request: &BrowserRequest<'_>,
        token: &str,
        flow: &Flow,
        sign_in: &mut SignIn,
    ) -> Result<Proof, OAuthError> {
        let now = unix_seconds(request.now);
        let challenge = self.take_challenge(token, now)?;
        let rp_id =
            passkey_host(&flow.origin).ok_or_else(|| OAuthError::passkey_refused(NO_HOST))?;
        let id = bytes(request, "credential")?;
        if id.is_empty() || id.len() > CREDENTIAL_ID_MAX {
            return Err(OAuthError::passkey_unknown());
        }
        let id = URL_SAFE_NO_PAD.encode(id);
        let user = self.directory().user_of_passkey(&id).cloned();
        let user = user.ok_or_else(OAuthError::passkey_unknown)?;
        sign_in.principal_id.clone_from(&user.id);
        sign_in.user_name.clone_from(&user.user_principal_name);
        sign_in.user_display_name.clone_from(&user.display_name);
        let passkey = user.passkeys.iter().find(|p| p.credential_id == id);
        let passkey = passkey.ok_or_else(OAuthError::passkey_unknown)?;
        let handle = bytes(request, "userhandle")?;
        if !constant_time_eq(&handle, &user.handle()) {
            return Err(OAuthError::passkey_refused("it names another user than its own"));
        }
        if passkey.rp_id != rp_id {
            return Err(OAuthError::passkey_refused("it is for another host name of this server"));
        }
        let expected = Expected { challenge: &challenge, origin: &flow.origin, rp_id };
        let assertion = Assertion {
            client_data: &bytes(request, "clientdata")?,
            authenticator_data: &bytes(request, "authenticatordata")?,
            signature: &bytes(request, "signature")?,
        };
        let key = URL_SAFE_NO_PAD.decode(&passkey.public_key).unwrap_or_default();
        let asserted = verify_assertion(&expected, &key, &assertion)
            .map_err(|why| OAuthError::passkey_refused(&why.to_string()))?;
        if !user.account_enabled {
            return Err(OAuthError::user_disabled());
        }
        self.note_use(&user, passkey, &asserted, now)?;
        let who = format!("passkey/{}", user.id);
        self.interactive().guesses.succeeded(&who, request.source);
        Ok(Proof::of(&user, now, METHODS))
    }

    fn note_use(
        &self,
        user: &User,
        passkey: &Passkey,
        asserted: &Asserted,
        now: i64,
    ) -> Result<(), OAuthError> {
        match self.passkey_used(&user.id, &passkey.credential_id, asserted, now) {
            Ok(true) => Ok(()),
            Ok(false) => {
                tracing::warn!(
                    user = user.user_principal_name,
                    passkey = passkey.id,
                    stored = passkey.sign_count,
                    presented = asserted.sign_count,
                    "the counter of a passkey did not grow: there may be a copy of it"
                );
                Err(OAuthError::passkey_refused(
                    "its counter did not grow, so there may be a copy of it; remove it and add a new one",
                ))
            }
            Err(error) if error.status == 404 => Err(OAuthError::passkey_unknown()),
            Err(error) => {
                tracing::warn!(error = error.message, "the use of a passkey cannot be noted");
                Err(OAuthError::unavailable())
            }
        }
    }

    pub(super) fn add_passkey_step(
        &self,
        request: &BrowserRequest<'_>,
        token: String,
        flow: Flow,
        proof: Proof,
    ) -> BrowserAnswer {
        let Some(user) = self.holds(&proof) else {
            return BrowserAnswer::refused(OAuthError::flow_over());
        };
        let mut change = own_change(&user, "User registered security info", "Add");
        match self.register(request, &token, &flow, &user) {
            Ok(name) => {
                let done = format!("The passkey \u{201c}{name}\u{201d} is added.");
                change.changes.push((PASSKEY, String::new(), name));
                self.changed(request, token, flow, proof, change, Ok(done))
            }
            Err(why) => self.changed(request, token, flow, proof, change, Err(why)),
        }
    }

    /// Adds what the browser's authenticator made; its name.
    fn register(
        &self,
        request: &BrowserRequest<'_>,
        token: &str,
        flow: &Flow,
        user: &User,
    ) -> Result<String, String> {
        let now = unix_seconds(request.now);
        let said = |error: OAuthError| error.message;
        let challenge = self.take_challenge(token, now).map_err(said)?;
        let rp_id =
            passkey_host(&flow.origin).ok_or_else(|| said(OAuthError::passkey_refused(NO_HOST)))?;
        let expected = Expected { challenge: &challenge, origin: &flow.origin, rp_id };
        let client_data = bytes(request, "clientdata").map_err(said)?;
        let attestation = bytes(request, "attestation").map_err(said)?;
        let made = verify_registration(&expected, &client_data, &attestation)
            .map_err(|why| said(OAuthError::passkey_refused(&why.to_string())))?;
        let name = request.parameter("name").unwrap_or_default();
        let passkey = Passkey::new(&made, rp_id, name, now);
        let name = passkey.display_name.clone();
        self.add_passkey(&user.id, passkey).map_err(|error| error.message)?;
        Ok(name)
    }

    pub(super) fn remove_passkey_step(
        &self,
        request: &BrowserRequest<'_>,
        token: String,
        flow: Flow,
        proof: Proof,
    ) -> BrowserAnswer {
        let Some(user) = self.holds(&proof) else {
            return BrowserAnswer::refused(OAuthError::flow_over());
        };
        let id = request.parameter("id").unwrap_or_default();
        let named = user.passkeys.iter().find(|p| p.id == id);
        let name = named.map(|p| p.display_name.clone()).unwrap_or_default();
        let removed = match self.remove_passkey(&user.id, id) {
            Ok(()) => Ok(format!("The passkey \u{201c}{name}\u{201d} is removed.")),
            Err(error) if error.status == 404 => Err("That passkey is not there any more.".into()),
            Err(error) => Err(error.message),
        };
        let mut change = own_change(&user, "User deleted security info", "Delete");
        change.changes.push((PASSKEY, name, String::new()));
        self.changed(request, token, flow, proof, change, removed)
    }

    /// The page again after a change, or after one that was refused.
    fn changed(
        &self,
        request: &BrowserRequest<'_>,
        token: String,
        flow: Flow,
        proof: Proof,
        mut change: OwnChange,
        outcome: Result<String, String>,
    ) -> BrowserAnswer {
        let (done, message) = match outcome {
            Ok(done) => (Some(done), None),
            Err(why) => (None, Some(why)),
        };
        change.failure = message.clone().unwrap_or_default();
        let mut answer = self.show_stage(request, token, flow, Stage::SecurityInfo(proof), message);
        if let Show::Page(page) = &mut answer.show
            && let Some(info) = &mut page.security_info
        {
            info.done = done;
        }
        answer.changes.push(change);
        answer
    }
}

/// `amr` of a passkey that checked its user: two factors in one.
const METHODS: &[&str] = &["fido", "mfa"];

fn own_change(user: &User, operation: &'static str, kind: &'static str) -> OwnChange {
    OwnChange::of(user, SECURITY_INFO_APP.0, operation, kind)
}
