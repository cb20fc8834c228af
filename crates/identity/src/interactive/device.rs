//! Device codes (RFC 8628): a program shows a short code, a person types it into a browser and signs in there.

use crypto::{SecretText, random_below};
use serde_json::{Value, json};

use super::authorize::bare_page;
use super::grant::{Granted, Place, Proof, Wanted};
use super::{BrowserAnswer, BrowserRequest, DEVICE_SECONDS, Goal, PageKind, Show};
use crate::Identity;
use crate::time::unix_seconds;
use crate::token::{OAuthError, SignIn, SignInKind, TokenAnswer, TokenRequest};

/// Letters that are not taken for one another, and make no words.
const LETTERS: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ";
const CODE_LETTERS: usize = 9;
/// How often the program may ask, in seconds.
const INTERVAL: i64 = 5;

/// A device that waits.
#[derive(Clone)]
pub(super) struct Device {
    user_code: String,
    app_id: String,
    app_name: String,
    wanted: Wanted,
    confidential: bool,
    state: State,
}

#[derive(Clone)]
enum State {
    Waiting,
    In(Proof),
    Refused,
    Redeemed,
}

impl Device {
    pub(super) fn is_for(&self, app_id: &str) -> bool {
        self.app_id.eq_ignore_ascii_case(app_id)
    }

    pub(super) fn is_of(&self, user: &str) -> bool {
        matches!(&self.state, State::In(proof) if proof.user_id == user)
    }
}

impl Identity {
    /// `POST /{tenant}/oauth2/v2.0/devicecode`
    pub fn device_code(&self, request: &TokenRequest<'_>) -> TokenAnswer {
        let mut answer = TokenAnswer::to(request, |sign_in| self.new_device(request, sign_in));
        answer.silent = true; // nobody signed in yet
        answer
    }

    fn new_device(
        &self,
        request: &TokenRequest<'_>,
        sign_in: &mut SignIn,
    ) -> Result<Value, OAuthError> {
        let (tenant, directory, now) = (self.tenant(), self.directory(), unix_seconds(request.now));
        let segment = tenant.segment(request.tenant);
        segment.map_err(|why| OAuthError::no_tenant(request.tenant, why))?;
        let app_id =
            request.parameter("client_id")?.ok_or_else(|| OAuthError::missing("client_id"))?;
        sign_in.app_id = app_id.chars().take(100).collect();
        let application = directory.client(app_id);
        let application =
            application.ok_or_else(|| OAuthError::unknown_application(app_id, &tenant.id))?;
        self.require_living_application(application, false)?;
        let (scope, resource) = (request.parameter("scope")?, request.parameter("resource")?);
        let place = Place {
            urls: self.urls(),
            directory: &directory,
            tenant: &tenant.id,
            app_id: &application.app_id,
        };
        let wanted = Wanted::of_one(scope, resource, &place)?;
        self.admit(&format!("device/{app_id}"), request.source, now)?;
        let user_code = new_code()?;
        let device = Device {
            user_code: user_code.clone(),
            app_id: application.app_id.clone(),
            app_name: application.display_name.clone(),
            wanted,
            confidential: !application.is_fallback_public_client,
            state: State::Waiting,
        };
        let key =
            self.interactive().devices.insert(device, request.source, now + DEVICE_SECONDS, now);
        let key = key.map_err(|_| OAuthError::unavailable())?;
        let uri = format!("{}/devicelogin", request.origin);
        let message = format!(
            "To sign in, use a web browser to open the page {uri} and enter the code {user_code} to authenticate."
        );
        Ok(json!({
            "user_code": user_code,
            "device_code": key.expose(),
            "verification_uri": uri,
            "verification_url": uri,
            "expires_in": DEVICE_SECONDS,
            "interval": INTERVAL,
            "message": message,
        }))
    }

    /// `/devicelogin`: asks for the code, then goes on as a sign-in.
    pub fn device_page(&self, request: &BrowserRequest<'_>) -> BrowserAnswer {
        let now = unix_seconds(request.now);
        let Some(typed) = request.parameter("user_code") else {
            return BrowserAnswer::new(Show::Page(Box::new(bare_page(PageKind::DeviceCode, None))));
        };
        let code: String = typed
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_uppercase())
            .take(20)
            .collect();
        let again = |message: String| {
            BrowserAnswer::new(Show::Page(Box::new(bare_page(PageKind::DeviceCode, Some(message)))))
        };
        if let Err(error) = self.interactive().may_guess("device", request.source, now) {
            return again(error.message);
        }
        let waits = |d: &Device| d.user_code == code && matches!(d.state, State::Waiting);
        match self.interactive().devices.change_where(now, waits, |_| ()) {
            Some(()) => {
                self.interactive().guesses.succeeded("device", request.source);
                self.begin(request, Goal::Device { user_code: code })
            }
            None => {
                self.interactive().guesses.guessed("device", request.source, now);
                again(
                    "That code is not known, or its time is over. Start again on the device."
                        .into(),
                )
            }
        }
    }

    /// The name of the application behind a code.
    pub(super) fn device_application(&self, code: &str) -> String {
        let found = self.interactive().devices.change_where(
            i64::MIN,
            |d| d.user_code == code,
            |d| d.app_name.clone(),
        );
        found.unwrap_or_default()
    }

    /// The application behind a code, and what it asks for.
    pub(super) fn device_wants(&self, code: &str) -> Option<(String, Wanted)> {
        self.interactive().devices.change_where(
            i64::MIN,
            |d| d.user_code == code,
            |d| (d.app_id.clone(), d.wanted.clone()),
        )
    }

    pub(super) fn describe_device(&self, sign_in: &mut SignIn, code: &str) {
        sign_in.protocol = "deviceCode";
        self.interactive().devices.change_where(
            i64::MIN,
            |d| d.user_code == code,
            |device| {
                sign_in.app_id.clone_from(&device.app_id);
                sign_in.display_name.clone_from(&device.app_name);
                sign_in.resource.clone_from(&device.wanted.resource);
            },
        );
    }

    pub(super) fn let_device_in(
        &self,
        request: &BrowserRequest<'_>,
        code: &str,
        proof: &Proof,
    ) -> BrowserAnswer {
        let now = unix_seconds(request.now);
        let (app_id, _) = self.device_wants(code).unwrap_or_default();
        if let Err(error) = self.living_client(&app_id, true) {
            return BrowserAnswer::refused(error);
        }
        let waits = |d: &Device| d.user_code == code && matches!(d.state, State::Waiting);
        let done = self
            .interactive()
            .devices
            .change_where(now, waits, |device| device.state = State::In(proof.clone()));
        if done.is_none() {
            return BrowserAnswer::refused(OAuthError::flow_over());
        }
        let mut sign_in = SignIn::of_browser(request, SignInKind::InteractiveUser);
        self.describe_device(&mut sign_in, code);
        self.describe(&mut sign_in, proof);
        let mut answer =
            BrowserAnswer::new(Show::Page(Box::new(bare_page(PageKind::DeviceDone, None))));
        answer.sign_in = Some(Box::new(sign_in));
        answer
    }

    pub(super) fn refuse_device(&self, request: &BrowserRequest<'_>, code: &str) -> BrowserAnswer {
        let now = unix_seconds(request.now);
        let waits = |d: &Device| d.user_code == code && matches!(d.state, State::Waiting);
        self.interactive().devices.change_where(now, waits, |device| device.state = State::Refused);
        BrowserAnswer::new(Show::Page(Box::new(bare_page(PageKind::DeviceRefused, None))))
    }

    /// What a device's code came to; the error says to wait, or that it is over.
    pub(crate) fn device_granted(
        &self,
        key: &str,
        app_id: &str,
        now: i64,
    ) -> Result<Granted, OAuthError> {
        let devices = &self.interactive().devices;
        // one whose time is over is still known, as long as there is room
        let device = devices.get(key, i64::MIN).filter(|device| device.app_id == app_id);
        let device = device.ok_or_else(OAuthError::device_unknown)?;
        devices.get(key, now).ok_or_else(OAuthError::device_expired)?;
        let proof = match device.state {
            State::Waiting => return Err(OAuthError::authorization_pending()),
            State::Refused => return Err(OAuthError::authorization_declined()),
            State::Redeemed => return Err(OAuthError::device_expired()),
            State::In(proof) => proof,
        };
        // once: a second asker with the same code comes too late
        let mut first = false;
        devices.change(key, now, |device| {
            first = matches!(device.state, State::In(_));
            device.state = State::Redeemed;
        });
        if !first {
            return Err(OAuthError::device_expired());
        }
        Ok(Granted {
            proof,
            app_id: device.app_id,
            wanted: device.wanted,
            nonce: None,
            confidential: device.confidential,
            spa: false,
        })
    }
}

fn new_code() -> Result<String, OAuthError> {
    let mut code = String::with_capacity(CODE_LETTERS);
    while code.len() < CODE_LETTERS {
        let index = random_below(LETTERS.len() as u64).map_err(|_| OAuthError::unavailable())?;
        let letter =
            usize::try_from(index).ok().and_then(|i| LETTERS.get(i)).copied().unwrap_or(b'B');
        code.push(char::from(letter));
    }
    Ok(SecretText::new(code).expose().to_owned())
}
