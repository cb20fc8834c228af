//! Tokens for people: what authorization codes, device codes and refresh tokens are redeemed for.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::{SecretText, constant_time_eq, random_below, random_bytes, sha256};
use serde_json::{Value, json};

use super::access::Access;
use super::assertion::Endpoint;
use super::claims::{LIFE_MIN, LIFE_SPREAD, issuer};
use super::membership::{Channel, Membership};
use super::optional::{self, About};
use super::{
    OAuthError, OPENID_SCOPES, SignIn, SignInKind, TokenEndpoint, TokenRequest, client, refresh,
};
use crate::directory::{Application, PORTAL_CLIENT, User};
use crate::interactive::{EVERYTHING, Granted, Place, Wanted, redirect_kind};
use crate::tenant::TenantSegment;
use crate::time::unix_seconds;
use crate::{AuthError, Identity, IdentityError};

pub(crate) const CODE: &str = "authorization_code";
pub(crate) const REFRESH: &str = "refresh_token";
pub(crate) const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// As some clients write it.
pub(crate) const DEVICE_SHORT: &str = "device_code";

/// Id tokens are read once.
const ID_TOKEN_SECONDS: i64 = 60 * 60;

/// An id token to be made.
pub(crate) struct IdToken<'a> {
    pub(crate) granted: &'a Granted,
    pub(crate) user: &'a User,
    pub(crate) origin: &'a str,
    pub(crate) v1: bool,
    /// The code that goes with it.
    pub(crate) code: Option<&'a str>,
    /// How it comes to the application.
    pub(crate) channel: Channel,
    /// Address of the browser, or of who redeems.
    pub(crate) source: IpAddr,
    pub(crate) now: i64,
}

impl Identity {
    /// Answers a person's grant.
    pub(crate) fn user_grant(
        &self,
        request: &TokenRequest<'_>,
        grant: &str,
        sign_in: &mut SignIn,
    ) -> Result<Value, OAuthError> {
        sign_in.kind = SignInKind::NonInteractiveUser;
        let segment = self.tenant().segment(request.tenant);
        let segment = segment.map_err(|why| OAuthError::no_tenant(request.tenant, why))?;
        let v1 = segment == TenantSegment::Adfs || request.endpoint == TokenEndpoint::V1;
        let directory = self.directory();
        let basic = request.basic();
        let named =
            request.parameter("client_id")?.map(str::to_owned).or_else(|| basic.map(|(id, _)| id));
        let app_id = named.ok_or_else(|| OAuthError::missing("client_id"))?;
        sign_in.app_id = app_id.chars().take(100).collect();
        let application = directory.client(&app_id);
        let application = application
            .ok_or_else(|| OAuthError::unknown_application(&app_id, &self.tenant().id))?;
        sign_in.app_id.clone_from(&application.app_id);
        sign_in.display_name.clone_from(&application.display_name);
        self.require_living_application(application, true)?;
        match grant {
            CODE => self.redeem_code(request, application, sign_in, v1),
            REFRESH => self.redeem_refresh(request, application, sign_in, v1),
            _ => self.redeem_device(request, application, sign_in, v1),
        }
    }

    fn redeem_code(
        &self,
        request: &TokenRequest<'_>,
        application: &Arc<Application>,
        sign_in: &mut SignIn,
        v1: bool,
    ) -> Result<Value, OAuthError> {
        let now = unix_seconds(request.now);
        let text = request.parameter("code")?.ok_or_else(|| OAuthError::missing("code"))?;
        let unknown = || {
            OAuthError::invalid_grant(
                70_008,
                "The authorization code is not known here, or its time is over; sign in again.",
            )
        };
        let redeemed = || {
            OAuthError::invalid_grant(
                54_005,
                "The authorization code was already redeemed; sign in again.",
            )
        };
        let code = self.interactive().code(text, now).ok_or_else(unknown)?;
        if code.granted.app_id != application.app_id {
            return Err(unknown());
        }
        if let Some(family) = &code.redeemed {
            // a code that comes twice was copied: what the first one got ends too (RFC 6749, 4.1.2)
            self.end_family(family);
            return Err(redeemed());
        }
        if request.parameter("redirect_uri")? != Some(code.redirect_uri.as_str()) {
            return Err(OAuthError::invalid_grant(
                500_112,
                "The redirect_uri is not the one that the code was asked for with.",
            ));
        }
        // an address that is not the application's any more gets nothing
        if redirect_kind(application, &code.redirect_uri, request.origin) != Some(code.kind) {
            return Err(OAuthError::redirect_mismatch(&code.redirect_uri, &application.app_id));
        }
        self.require_page(request, application, &code.granted)?;
        check_verifier(code.challenge.as_deref(), request.parameter("code_verifier")?)?;
        self.prove_client(request, application, code.granted.confidential, sign_in)?;
        let mut granted = code.granted.clone();
        self.narrow(request, &mut granted)?;
        let family = refresh::new_family().map_err(|_| OAuthError::unavailable())?;
        if !self.interactive().redeem(text, now, &family) {
            return Err(redeemed());
        }
        self.begin_family(request, &granted, &family, sign_in, v1)
    }

    /// Another resource, or other scopes, than the sign-in was for. Either way the person must agree to them now: what
    /// it took back since is over.
    fn narrow(&self, request: &TokenRequest<'_>, granted: &mut Granted) -> Result<(), OAuthError> {
        let (scope, resource) = (request.parameter("scope")?, request.parameter("resource")?);
        let of_resource = |s: &str| !OPENID_SCOPES.contains(&s);
        let asks = resource.is_some()
            || scope.is_some_and(|scope| scope.split_whitespace().any(of_resource));
        if !asks {
            self.require_consent(&granted.app_id, &granted.wanted, &granted.proof.user_id)?;
            return self.givable(granted).map(|_| ());
        }
        let directory = self.directory();
        let place = Place {
            urls: self.urls(),
            directory: &directory,
            tenant: &self.tenant().id,
            app_id: &granted.app_id,
        };
        let asked = Wanted::of_one(scope, resource, &place)?;
        self.require_consent(&granted.app_id, &asked, &granted.proof.user_id)?;
        let before = &granted.wanted;
        granted.wanted = Wanted {
            openid: asked.openid || before.openid,
            offline: asked.offline || before.offline,
            profile: asked.profile || before.profile,
            email: asked.email || before.email,
            ..asked
        };
        self.givable(granted).map(|_| ())
    }

    fn redeem_device(
        &self,
        request: &TokenRequest<'_>,
        application: &Arc<Application>,
        sign_in: &mut SignIn,
        v1: bool,
    ) -> Result<Value, OAuthError> {
        let now = unix_seconds(request.now);
        sign_in.protocol = "deviceCode";
        let code = match request.parameter("device_code")? {
            Some(code) => Some(code),
            None => request.parameter("code")?, // as version 1 names it
        };
        let code = code.ok_or_else(|| OAuthError::missing("device_code"))?;
        let needed = !application.is_fallback_public_client;
        self.prove_client(request, application, needed, sign_in)?;
        let mut granted = self.device_granted(code, &application.app_id, now)?;
        granted.confidential |= needed;
        self.require_consent(&granted.app_id, &granted.wanted, &granted.proof.user_id)?;
        let family = refresh::new_family().map_err(|_| OAuthError::unavailable())?;
        self.begin_family(request, &granted, &family, sign_in, v1)
    }

    fn begin_family(
        &self,
        request: &TokenRequest<'_>,
        granted: &Granted,
        family: &str,
        sign_in: &mut SignIn,
        v1: bool,
    ) -> Result<Value, OAuthError> {
        let refresh = match granted.wanted.offline {
            true => Some(
                refresh::begin(self.store(), family, granted, unix_seconds(request.now))
                    .map_err(unavailable)?,
            ),
            false => None,
        };
        self.give(request, granted, refresh, sign_in, v1)
    }

    fn redeem_refresh(
        &self,
        request: &TokenRequest<'_>,
        application: &Arc<Application>,
        sign_in: &mut SignIn,
        v1: bool,
    ) -> Result<Value, OAuthError> {
        let now = unix_seconds(request.now);
        let text = request
            .parameter("refresh_token")?
            .ok_or_else(|| OAuthError::missing("refresh_token"))?;
        let accepts = |granted: &Granted| {
            if granted.app_id != application.app_id {
                return Err(OAuthError::invalid_grant(
                    700_005,
                    "The refresh token was given to another application.",
                ));
            }
            self.require_page(request, application, granted)?;
            let mut row = sign_in.clone();
            self.prove_client(request, application, granted.confidential, &mut row)?;
            self.living_user(granted)?;
            self.narrow(request, &mut granted.clone()) // now, so that a slip costs no token
        };
        let (mut granted, successor) = refresh::redeem(self.store(), text, now, accepts)?;
        self.narrow(request, &mut granted)?;
        granted.nonce = None;
        self.give(request, &granted, Some(successor), sign_in, v1)
    }

    /// A confidential client proves itself; whoever brings a proof without need has it checked too.
    fn prove_client(
        &self,
        request: &TokenRequest<'_>,
        application: &Arc<Application>,
        needed: bool,
        sign_in: &mut SignIn,
    ) -> Result<(), OAuthError> {
        let directory = self.directory();
        let credentials = directory.credentials_of(application);
        let (tenant, urls, issuers) = (self.tenant(), self.urls(), self.issuers());
        let endpoint = Endpoint { tenant, urls, issuers, request };
        let proved = client::prove(&endpoint, credentials, sign_in);
        match proved {
            Ok(Some(_)) => {
                self.throttle().succeeded(&application.app_id, request.source);
                Ok(())
            }
            Ok(None) if needed => Err(OAuthError::client_proof_required()),
            Ok(None) => Ok(()),
            Err(error) if error.counts_as_attack() => {
                let now = unix_seconds(request.now);
                Err(self
                    .throttle()
                    .failed(&application.app_id, request.source, now)
                    .unwrap_or(error))
            }
            Err(error) => Err(error),
        }
    }

    /// What a page got is redeemed by pages of its application alone, what others got by no page.
    fn require_page(
        &self,
        request: &TokenRequest<'_>,
        application: &Application,
        granted: &Granted,
    ) -> Result<(), OAuthError> {
        let is_own = |origin: &str| {
            // the portal's pages are at this very origin
            application.redirects.has_page_at(origin)
                || (origin == request.origin && application.app_id == PORTAL_CLIENT)
        };
        match request.page {
            Some(origin) if is_own(origin) => Ok(()),
            _ if granted.spa => Err(OAuthError::page_required()),
            Some(origin) if origin != request.origin => Err(OAuthError::page_refused(origin)),
            _ => Ok(()),
        }
    }

    fn living_user(&self, granted: &Granted) -> Result<Arc<User>, OAuthError> {
        match self.directory().user(&granted.proof.user_id) {
            None => Err(OAuthError::invalid_grant(50_034, "The user of the token does not exist any more.")),
            Some(user) if !user.account_enabled => Err(OAuthError { error: "invalid_grant", ..OAuthError::user_disabled() }),
            Some(_) => self.holds(&granted.proof).ok_or_else(|| {
                OAuthError::invalid_grant(50_173, "The sign-in was revoked: the password changed, or somebody signed the user out; sign in again.")
            }),
        }
    }

    /// The tokens.
    fn give(
        &self,
        request: &TokenRequest<'_>,
        granted: &Granted,
        refresh: Option<SecretText>,
        sign_in: &mut SignIn,
        v1: bool,
    ) -> Result<Value, OAuthError> {
        let now = unix_seconds(request.now);
        let user = self.living_user(granted)?;
        self.describe(sign_in, &granted.proof);
        sign_in.resource.clone_from(&granted.wanted.resource);
        let (directory, givable) = (self.directory(), self.givable(granted)?);
        self.admit(&granted.app_id, request.source, now)?;
        let failed = |_| OAuthError::unavailable();
        let token_id = URL_SAFE_NO_PAD.encode(random_bytes::<16>().map_err(failed)?);
        let spread = i64::try_from(random_below(LIFE_SPREAD).map_err(failed)?).unwrap_or(0);
        let life = LIFE_MIN + spread;
        let access = Access {
            request,
            granted,
            givable: &givable,
            directory: &directory,
            user: &user,
            issued: user.time_of_new(now),
            not_before: now,
            expires: now + life,
            token_id: &token_id,
            asks_v1: v1,
        };
        let claims = self.access_claims(&access);
        sign_in.token_id.clone_from(&token_id);
        let token = self.sign(&claims, now)?;
        let mut body = json!({
            "token_type": "Bearer",
            "scope": granted.wanted.given(),
            "expires_in": life,
            "ext_expires_in": life,
            "access_token": token,
        });
        if v1 {
            for (name, value) in [
                ("expires_in", life),
                ("ext_expires_in", life),
                ("expires_on", now + life),
                ("not_before", now),
            ] {
                body[name] = json!(value.to_string());
            }
            body["resource"] = json!(granted.wanted.resource);
        }
        if let Some(refresh) = refresh {
            body["refresh_token"] = json!(refresh.expose());
        }
        if granted.wanted.openid {
            let token = IdToken {
                granted,
                user: &user,
                origin: request.origin,
                v1,
                code: None,
                channel: Channel::Answer,
                source: request.source,
                now,
            };
            body["id_token"] = json!(self.sign_id_token(&token)?);
        }
        if request.parameter("client_info")? == Some("1") {
            let info = json!({ "uid": user.id, "utid": self.tenant().id });
            body["client_info"] = json!(URL_SAFE_NO_PAD.encode(info.to_string()));
        }
        Ok(body)
    }

    /// Signs an id token.
    pub(crate) fn sign_id_token(&self, token: &IdToken<'_>) -> Result<String, OAuthError> {
        let IdToken { granted, user, origin, v1, code, now, .. } = token;
        let token_id = random_bytes::<16>().map_err(|_| OAuthError::unavailable())?;
        let mut claims = json!({
            "aud": granted.app_id,
            "iss": issuer(origin, &self.tenant().id, *v1),
            "iat": now,
            "nbf": now,
            "exp": now + ID_TOKEN_SECONDS,
            "amr": granted.proof.methods,
            "auth_time": granted.proof.time,
            "name": user.display_name,
            "oid": user.id,
            "preferred_username": user.user_principal_name,
            "sub": self.subject(&user.id, &granted.app_id),
            "tid": self.tenant().id,
            "uti": URL_SAFE_NO_PAD.encode(token_id),
            "ver": if *v1 { "1.0" } else { "2.0" },
        });
        if let Some(nonce) = &granted.nonce {
            claims["nonce"] = json!(nonce);
        }
        if let Some(code) = code {
            let digest = sha256(code.as_bytes());
            claims["c_hash"] = json!(URL_SAFE_NO_PAD.encode(digest.get(..16).unwrap_or_default()));
        }
        if granted.wanted.email
            && let Some(mail) = &user.mail
        {
            claims["email"] = json!(mail);
        }
        if granted.wanted.profile || *v1 {
            for (name, value) in [("given_name", &user.given_name), ("family_name", &user.surname)]
            {
                if let Some(value) = value {
                    claims[name] = json!(value);
                }
            }
        }
        if *v1 {
            claims["upn"] = json!(user.user_principal_name);
            claims["unique_name"] = json!(user.user_principal_name);
        }
        self.put_asked_for(&mut claims, token);
        self.sign(&claims, *now)
    }

    /// What the application asks for in its id tokens: its roles, groups, further claims.
    fn put_asked_for(&self, claims: &mut Value, token: &IdToken<'_>) {
        let directory = self.directory();
        let Some(client) = directory.application(&token.granted.app_id) else { return };
        let roles = directory.user_roles(&token.user.id, client);
        if !roles.is_empty() {
            claims["roles"] = json!(roles);
        }
        let membership = Membership {
            directory: &directory,
            user: token.user,
            claims: &client.group_claims,
            application: Some(client),
            origin: token.origin,
            channel: token.channel,
        };
        membership.put(claims);
        let auth_time = token.granted.proof.time;
        let about = About { user: token.user, auth_time, source: token.source };
        optional::put(claims, &client.optional_claims.id_token, &about);
    }

    /// What `/oidc/userinfo` tells about the caller of a token; none for an application.
    pub fn user_info(&self, caller: &crate::Caller) -> Result<Option<Value>, AuthError> {
        if !caller.has_scope(&["openid", EVERYTHING]) {
            return Err(AuthError::MissingScope("openid"));
        }
        let Some(user) = self.directory().user(&caller.object_id).cloned() else {
            return Ok(None);
        };
        let mut info = json!({
            "sub": self.subject(&user.id, &caller.app_id),
            "name": user.display_name,
            "preferred_username": user.user_principal_name,
        });
        for (name, value) in [
            ("given_name", &user.given_name),
            ("family_name", &user.surname),
            ("email", &user.mail),
        ] {
            if let Some(value) = value {
                info[name] = json!(value);
            }
        }
        Ok(Some(info))
    }

    /// One person, one application, one subject: applications cannot compare notes.
    pub(super) fn subject(&self, user: &str, app_id: &str) -> String {
        URL_SAFE_NO_PAD.encode(sha256(format!("{}|{user}|{app_id}", self.tenant().id).as_bytes()))
    }

    pub(crate) fn sign(&self, claims: &Value, now: i64) -> Result<String, OAuthError> {
        let keys = self.key_set();
        let key = keys.signing(now).ok_or_else(OAuthError::unavailable)?;
        key.sign(claims).map_err(|_| OAuthError::unavailable())
    }

    fn end_family(&self, family: &str) {
        if let Err(error) = refresh::end(self.store(), family) {
            tracing::error!(%error, "a family of refresh tokens could not be ended");
        }
    }

    /// Ends everything that lets a person go on without signing in.
    pub(crate) fn forget_sign_ins(&self, user: &str) {
        self.interactive().forget(user);
        // refused by the time of sign-in anyway; this only tidies
        self.end_families(|granted| granted.proof.user_id == user);
    }

    /// Ends the refresh tokens for which `is_over` holds.
    pub(crate) fn end_families(&self, is_over: impl Fn(&Granted) -> bool) {
        if let Err(error) = refresh::sweep(self.store(), i64::MIN, is_over) {
            tracing::warn!(%error, "old refresh tokens could not be removed");
        }
    }

    /// Removes refresh tokens whose time is over.
    pub(crate) fn sweep_refresh_tokens(&self, now: i64) -> Result<(), IdentityError> {
        refresh::sweep(self.store(), now, |granted| self.living_user(granted).is_err())
    }
}

fn unavailable(error: IdentityError) -> OAuthError {
    tracing::error!(%error, "a refresh token could not be kept");
    OAuthError::unavailable()
}

/// PKCE: who redeems is who asked.
fn check_verifier(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), OAuthError> {
    let wrong = || {
        OAuthError::invalid_grant(
            501_481,
            "The code_verifier does not match the code_challenge of the authorization request.",
        )
    };
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (None, Some(_)) | (Some(_), None) => Err(wrong()),
        (Some(challenge), Some(verifier)) => {
            let length = (43..=128).contains(&verifier.len());
            let digest = URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()));
            (length && constant_time_eq(digest.as_bytes(), challenge.as_bytes()))
                .then_some(())
                .ok_or_else(wrong)
        }
    }
}
