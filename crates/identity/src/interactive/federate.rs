//! Federation: people who have an account at an outside OpenID Connect provider sign in there and come back (code flow
//! with PKCE). The provider's id token says who it was; a user here must be linked to that, or may be made.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::{SecretText, sha256};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use state::Condition;
use uuid::Uuid;

use super::expiring::random_token;
use super::{
    BrowserAnswer, BrowserRequest, FLOW_SECONDS, Flow, OwnChange, Proof, Redirect, ResponseMode,
    Show, Stage, Vouched,
};
use crate::directory::{OutsideIdentity, User, documents};
use crate::jwt::Jwt;
use crate::outside::{CONFIGURATION, Outside, TENANT, find_key};
use crate::time::unix_seconds;
use crate::token::OAuthError;
use crate::{GraphError, Identity, IdentityError, NewUser};

/// Collection of providers, by id.
const PROVIDERS: &str = "identity/providers";
/// The method of proofs that a provider vouched for, in `amr`.
pub(super) const FEDERATED: &str = "fed";
/// Clocks may differ by so many seconds.
const SKEW: i64 = 5 * 60;
const PROVIDERS_MAX: usize = 20;

/// An outside provider. No `Debug`: the sealed secret is nobody's business.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentityProvider {
    /// Its id here.
    pub id: String,
    /// Name for people, on the button.
    pub display_name: String,
    /// Our client id there.
    pub client_id: String,
    /// Our secret there, sealed under the machine's own key.
    sealed_secret: String,
    /// `.../.well-known/openid-configuration`
    pub metadata_url: String,
    /// What we ask for.
    pub scope: String,
    /// Claim that tells people apart; `sub` unless the provider's tokens have a better one.
    pub user_id_claim: String,
    /// Claim of the name for people.
    pub display_name_claim: String,
    /// Claim of the mail address.
    pub email_claim: String,
    /// True: whoever the provider vouches for becomes a user here (without any rights).
    pub creates_users: bool,
}

/// A browser on its way to a provider and back.
#[derive(Clone)]
pub(super) struct Errand {
    provider: String,
    nonce: String,
    verifier: String,
}

impl Identity {
    /// Gives the house its way out to providers. Once, at the start.
    pub fn set_outside(&self, outside: Arc<dyn Outside>) {
        self.issuers().set_way_out(outside);
    }

    /// Providers in wire form, without secrets.
    pub fn list_identity_providers(&self) -> Result<Vec<Value>, GraphError> {
        Ok(self.providers()?.iter().map(provider_value).collect())
    }

    /// Registers a provider: Graph's openIdConnectProvider.
    pub fn create_identity_provider(&self, body: &Value) -> Result<Value, GraphError> {
        let text = |name: &str| {
            body.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned()
        };
        let required = |name: &str| match text(name) {
            value if value.is_empty() => {
                Err(GraphError::bad_request(format!("{name} is required")))
            }
            value => Ok(value),
        };
        let claim = |name: &str, default: &str| {
            let named = body.pointer(&format!("/claimsMapping/{name}")).and_then(Value::as_str);
            named.filter(|n| !n.is_empty()).unwrap_or(default).to_owned()
        };
        if self.providers()?.len() >= PROVIDERS_MAX {
            return Err(GraphError::bad_request(format!("at most {PROVIDERS_MAX} providers")));
        }
        let metadata_url = required("metadataUrl")?;
        if !metadata_url.starts_with("https://") || !metadata_url.ends_with(CONFIGURATION) {
            return Err(GraphError::bad_request(
                "metadataUrl must be https and end in /.well-known/openid-configuration",
            ));
        }
        let id = Uuid::new_v4().to_string();
        let secret = SecretText::new(required("clientSecret")?);
        let scope = text("scope");
        let provider = IdentityProvider {
            sealed_secret: self
                .local_key()
                .seal(&format!("provider/{id}"), secret.expose().as_bytes())?,
            display_name: required("displayName")?,
            client_id: required("clientId")?,
            metadata_url,
            scope: if scope.is_empty() { "openid profile email".to_owned() } else { scope },
            user_id_claim: claim("userId", "sub"),
            display_name_claim: claim("displayName", "name"),
            email_claim: claim("email", "email"),
            creates_users: body.get("createsUsers").and_then(Value::as_bool).unwrap_or(false),
            id,
        };
        let document =
            serde_json::to_value(&provider).map_err(|e| IdentityError::damaged(PROVIDERS, e))?;
        self.store()
            .put(PROVIDERS, &provider.id, document, Condition::Absent)
            .map_err(IdentityError::from)?;
        Ok(provider_value(&provider))
    }

    /// Removes a provider.
    pub fn delete_identity_provider(&self, id: &str) -> Result<(), GraphError> {
        let gone =
            self.store().delete(PROVIDERS, id, Condition::Any).map_err(IdentityError::from)?;
        if gone { Ok(()) } else { Err(GraphError::not_found(id)) }
    }

    fn providers(&self) -> Result<Vec<IdentityProvider>, IdentityError> {
        documents(self.store(), PROVIDERS)
    }

    /// Id and name, for the buttons of the sign-in page.
    pub(super) fn provider_names(&self) -> Vec<(String, String)> {
        let all = self.providers().unwrap_or_default();
        all.into_iter().map(|p| (p.id, p.display_name)).collect()
    }

    /// Sends the browser to a provider.
    pub(super) fn start_errand(
        &self,
        request: &BrowserRequest<'_>,
        token: &str,
        flow: Flow,
    ) -> BrowserAnswer {
        match self.errand(request, token, &flow) {
            Ok(redirect) => BrowserAnswer::new(Show::Redirect(redirect)),
            Err(why) => {
                tracing::warn!(why, "an outside provider cannot be asked");
                let message = Some(format!("The provider cannot be asked now: {why}"));
                self.show_stage(request, token.to_owned(), flow, Stage::Start, message)
            }
        }
    }

    fn errand(
        &self,
        request: &BrowserRequest<'_>,
        token: &str,
        flow: &Flow,
    ) -> Result<Redirect, String> {
        let now = unix_seconds(request.now);
        let provider = self.provider(request.parameter("provider").unwrap_or_default())?;
        let metadata = self.issuers().metadata(&provider.metadata_url)?;
        let authorization = metadata.url("authorization_endpoint")?;
        let random = || random_token().map(|t| t.expose().to_owned()).map_err(|e| e.to_string());
        let errand =
            Errand { provider: provider.id.clone(), nonce: random()?, verifier: random()? };
        let challenge = URL_SAFE_NO_PAD.encode(sha256(errand.verifier.as_bytes()));
        let nonce = errand.nonce.clone();
        // under a new name: the provider sees it
        self.interactive().flows.take(token, now);
        let flow = Flow { stage: Stage::Outside(errand), challenge: None, ..flow.clone() };
        let state = self
            .interactive()
            .flows
            .insert(flow, request.source, now + FLOW_SECONDS, now)
            .map_err(|e| e.to_string())?;
        let text = |text: &str| SecretText::new(text.to_owned());
        Ok(Redirect {
            uri: authorization,
            mode: ResponseMode::Query,
            parameters: vec![
                ("client_id", text(&provider.client_id)),
                ("response_type", text("code")),
                ("response_mode", text("query")),
                ("redirect_uri", text(&callback(request.origin))),
                ("scope", text(&provider.scope)),
                ("state", state),
                ("nonce", text(&nonce)),
                ("code_challenge", text(&challenge)),
                ("code_challenge_method", text("S256")),
            ],
        })
    }

    /// The browser comes back from a provider: `GET /federation/callback`. Waits for the provider.
    pub fn federation_callback(&self, request: &BrowserRequest<'_>) -> BrowserAnswer {
        let (token, flow) = match self.flow(request, "state") {
            Ok(found) => found,
            Err(error) => return BrowserAnswer::refused(error),
        };
        if let Some(answer) = self.overtaken(&flow) {
            return answer;
        }
        let Stage::Outside(errand) = &flow.stage else {
            return BrowserAnswer::refused(OAuthError::flow_over());
        };
        let mut sign_in = self.started(request, &flow);
        match self.vouched(request, errand) {
            Ok(Known { user, identity, made }) => {
                let vouched = Vouched { provider: errand.provider.clone(), identity };
                let proof = Proof::of(&user, unix_seconds(request.now), &[FEDERATED]);
                let proof = Proof { outside: Some(vouched), ..proof };
                self.describe(&mut sign_in, &proof);
                let added = made.then(|| OwnChange::of(&user, &sign_in.app_id, "Add user", "Add"));
                let mut answer = self.proved(request, token, flow, proof, sign_in);
                answer.changes.extend(added);
                answer
            }
            Err(error) => {
                sign_in.failed(&error);
                let message = Some(error.message);
                let mut answer = self.show_stage(request, token, flow, Stage::Start, message);
                answer.sign_in = Some(Box::new(sign_in));
                answer
            }
        }
    }

    /// The user that a provider vouches for.
    fn vouched(&self, request: &BrowserRequest<'_>, errand: &Errand) -> Result<Known, OAuthError> {
        let failed = |why: String| OAuthError::federation(&why);
        let provider = self.provider(&errand.provider).map_err(failed)?;
        if let Some(error) = request.parameter("error") {
            let why = request.parameter("error_description").unwrap_or(error);
            return Err(failed(format!(
                "the provider refused: {}",
                why.chars().take(300).collect::<String>()
            )));
        }
        let code =
            request.parameter("code").ok_or_else(|| failed("the provider sent no code".into()))?;
        let metadata = self.issuers().metadata(&provider.metadata_url).map_err(failed)?;
        let secret =
            self.local_key().open(&format!("provider/{}", provider.id), &provider.sealed_secret);
        let secret =
            secret.ok_or_else(|| failed("our secret at the provider cannot be read".into()))?;
        let secret = std::str::from_utf8(secret.expose()).unwrap_or_default().to_owned();
        let secret = SecretText::new(secret);
        let back = callback(request.origin);
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", provider.client_id.as_str()),
            ("code", code),
            ("redirect_uri", back.as_str()),
            ("code_verifier", errand.verifier.as_str()),
        ];
        let in_header = metadata.wants_basic();
        let header = in_header.then(|| (provider.client_id.as_str(), secret.expose()));
        if !in_header {
            form.push(("client_secret", secret.expose()));
        }
        let outside = self.issuers().way_out().map_err(failed)?;
        let reply = outside
            .post_form(&metadata.url("token_endpoint").map_err(failed)?, &form, header)
            .map_err(failed)?;
        let token = reply.body.get("id_token").and_then(Value::as_str).ok_or_else(|| {
            let why = reply
                .body
                .get("error_description")
                .and_then(Value::as_str)
                .unwrap_or("no id token");
            failed(format!(
                "the provider gave no token ({}): {}",
                reply.status,
                why.chars().take(300).collect::<String>()
            ))
        })?;
        let keys = outside.get(&metadata.url("jwks_uri").map_err(failed)?).map_err(failed)?.body;
        let claims = check_id_token(
            token,
            &keys,
            &metadata.text("issuer").map_err(failed)?,
            &provider,
            errand,
            unix_seconds(request.now),
        );
        self.linked(&provider, &claims.map_err(|why| failed(why.to_owned()))?, request)
    }

    /// The user here whom the provider's claims mean; made, where the provider may.
    fn linked(
        &self,
        provider: &IdentityProvider,
        claims: &Claims,
        request: &BrowserRequest<'_>,
    ) -> Result<Known, OAuthError> {
        let directory = self.directory();
        let identity =
            OutsideIdentity { issuer: claims.issuer.clone(), subject: claims.subject.clone() };
        if let Some(user) = directory.user_of_outside(&claims.issuer, &claims.subject) {
            return match user.account_enabled {
                true => Ok(Known { user: user.clone(), identity, made: false }),
                false => Err(OAuthError::user_disabled()),
            };
        }
        if !provider.creates_users {
            return Err(OAuthError::not_linked(&claims.issuer, &claims.subject));
        }
        let failed = |e: GraphError| OAuthError::federation(&e.message);
        let local = claims.name_there.split('@').next().unwrap_or_default();
        let safe: String =
            local.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(30).collect();
        let mark: String = Uuid::new_v4().simple().to_string().chars().take(8).collect();
        let display_name =
            if claims.name.is_empty() { claims.subject.clone() } else { claims.name.clone() };
        let made = self.create_user(
            NewUser {
                // a name of its own: an outside provider must not take over a name that somebody here has
                user_principal_name: if safe.is_empty() {
                    format!("guest-{mark}")
                } else {
                    format!("{safe}-{mark}")
                },
                display_name: display_name.chars().take(200).collect(),
                mail: claims.mail.clone().filter(|mail| !directory.has_address(mail, "")),
                account_enabled: true,
                outside: vec![(claims.issuer.clone(), claims.subject.clone())],
                ..NewUser::default()
            },
            request.now,
        );
        let id = made.map_err(failed)?;
        let id = id.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let user = self.directory().user(&id).cloned().ok_or_else(OAuthError::flow_over)?;
        Ok(Known { user, identity, made: true })
    }

    /// True while a provider is registered. Reads the store: sign-ins through providers alone ask.
    pub(super) fn has_provider(&self, id: &str) -> bool {
        self.store().get(PROVIDERS, id).is_ok_and(|found| found.is_some())
    }

    fn provider(&self, id: &str) -> Result<IdentityProvider, String> {
        let all = self.providers().map_err(|e| e.to_string())?;
        all.into_iter().find(|p| p.id == id).ok_or_else(|| "there is no such provider".to_owned())
    }
}

/// The user here whom a provider means.
struct Known {
    user: Arc<User>,
    identity: OutsideIdentity,
    /// Made just now.
    made: bool,
}

/// What an id token says about a person.
struct Claims {
    issuer: String,
    subject: String,
    name: String,
    /// What the mail claim says, for a name here.
    name_there: String,
    /// The same where the provider made sure that it is the person's.
    mail: Option<String>,
}

fn check_id_token(
    token: &str,
    keys: &Value,
    issuer: &str,
    provider: &IdentityProvider,
    errand: &Errand,
    now: i64,
) -> Result<Claims, &'static str> {
    let jwt = Jwt::parse(token).ok_or("its id token is no JSON Web Token")?;
    let algorithm = jwt.algorithm().ok_or("its id token is not signed with RS256 or PS256")?;
    let key = find_key(keys, jwt.header("kid"))
        .ok_or("its id token names a key that it does not publish")?;
    if !jwt.is_signed_by(&key, algorithm) {
        return Err("its id token's signature is wrong");
    }
    // providers of many tenants publish a pattern
    let issuer = match issuer.contains(TENANT) {
        true => {
            let tenant = jwt.text("tid").filter(|t| t.len() == 36 && Uuid::try_parse(t).is_ok());
            issuer.replace(TENANT, tenant.ok_or("its id token names no tenant")?)
        }
        false => issuer.to_owned(),
    };
    if jwt.text("iss") != Some(issuer.as_str()) {
        return Err("its id token is of another issuer");
    }
    let audience = match jwt.claim("aud") {
        Some(Value::String(one)) => *one == provider.client_id,
        Some(Value::Array(all)) => {
            all.iter().any(|a| a.as_str() == Some(&provider.client_id))
                && (all.len() == 1 || jwt.claim("azp").is_some())
        }
        _ => false,
    };
    let party = jwt.claim("azp").is_none_or(|azp| azp.as_str() == Some(&provider.client_id));
    if !audience || !party {
        return Err("its id token is for another application");
    }
    if jwt.text("nonce") != Some(errand.nonce.as_str()) {
        return Err("its id token answers another request");
    }
    let expires = jwt.seconds("exp").ok_or("its id token has no exp")?;
    let in_future = |name: &str| jwt.seconds(name).is_some_and(|at| at > now + SKEW);
    if expires + SKEW < now || in_future("iat") || in_future("nbf") {
        return Err("its id token is not valid now; check the clocks");
    }
    let text =
        |name: &str| jwt.text(name).unwrap_or_default().chars().take(256).collect::<String>();
    let subject = text(&provider.user_id_claim);
    if subject.is_empty() {
        return Err("its id token does not say who it is");
    }
    let verified = match jwt.claim("email_verified") {
        Some(Value::String(text)) => text == "true", // as some write it
        Some(value) => value == &Value::Bool(true),
        None => false,
    };
    let email = text(&provider.email_claim);
    Ok(Claims {
        issuer,
        subject,
        name: text(&provider.display_name_claim),
        mail: (verified && !email.is_empty()).then(|| email.clone()),
        name_there: email,
    })
}

/// Where providers send browsers back to.
fn callback(origin: &str) -> String {
    format!("{origin}/federation/callback")
}

fn provider_value(provider: &IdentityProvider) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.openIdConnectProvider",
        "id": provider.id,
        "displayName": provider.display_name,
        "clientId": provider.client_id,
        "clientSecret": null,
        "metadataUrl": provider.metadata_url,
        "scope": provider.scope,
        "responseType": "code",
        "responseMode": "query",
        "claimsMapping": {
            "userId": provider.user_id_claim,
            "displayName": provider.display_name_claim,
            "email": provider.email_claim,
        },
        "createsUsers": provider.creates_users,
    })
}

#[cfg(test)]
mod tests;
