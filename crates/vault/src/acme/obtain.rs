//! The ACME client of a vault: certificates whose issuer is an ACME server elsewhere. The machine is `pki::acme::Client`;
//! here it gets the issuer's settings, the account's sealed key and somebody who sends.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use crypto::{KeyKind, KeyPair};
use pki::acme::{ChallengeKind, Challenged, Client, ClientError, HttpRequest, HttpResponse, Wish};
use serde_json::{Value, json};

use crate::certificates::OWN;
use crate::{IssuerRecord, Vault, VaultError};

/// Sends and waits for the client.
pub trait Outside {
    /// Sends a request and gives what came back; failures are texts for people.
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, String>;
    /// Makes a challenge visible until [`Outside::hide`].
    fn show(
        &self,
        kind: ChallengeKind,
        issuer: &IssuerRecord,
        shown: &Challenged,
    ) -> Result<(), String>;
    /// Takes it away again.
    fn hide(&self);
    /// Waits a little before something is asked again; false once it has taken too long.
    fn pause(&self) -> bool;
}

/// More requests than any order takes.
const REQUESTS_MAX: usize = 2000;

impl Vault {
    /// Asks an ACME server for the pending version of a certificate, and completes or fails its operation. Waits for
    /// others: call it where that is allowed.
    pub fn obtain_by_acme(
        &self,
        name: &str,
        outside: &dyn Outside,
        now: i64,
    ) -> Result<(), VaultError> {
        let pending = self.pending(name)?;
        let issuer = self.issuer(&pending.issuer)?;
        let challenge = match issuer.acme.get("challenge").and_then(Value::as_str) {
            Some("dns-01") => ChallengeKind::Dns01,
            _ => ChallengeKind::Http01,
        };
        let wish = Wish {
            directory: issuer.directory().unwrap_or_default().to_owned(),
            contact: issuer.emails().iter().map(|e| format!("mailto:{e}")).collect(),
            external: self.external_account(&issuer)?,
            identifiers: Self::acme_names(&pending)?,
            challenge,
            csr: pending.csr.clone(),
        };
        let mut client = Client::new(wish, self.acme_account_key(&issuer)?);
        let done = drive(&mut client, challenge, &issuer, outside);
        outside.hide();
        let chain = match done {
            Ok(()) => client.chain().map(<[pki::Certificate]>::to_vec).unwrap_or_default(),
            Err(why) => return self.fail_pending(name, &pending.version, "AcmeFailed", &why),
        };
        match self.complete(name, &pending.version, &chain, None, None, now) {
            Ok(_) => Ok(()),
            Err(error) if error.status == 503 => Err(error),
            Err(error) => self.fail_pending(name, &pending.version, error.code, &error.message),
        }
    }

    /// Name and key of the account at the authority, where the issuer has one.
    fn external_account(
        &self,
        issuer: &IssuerRecord,
    ) -> Result<Option<(String, Vec<u8>)>, VaultError> {
        let (Some(kid), Some(password)) = (&issuer.account_id, self.issuer_password(issuer)?)
        else {
            return Ok(None);
        };
        let text: Vec<u8> = password
            .expose()
            .iter()
            .copied()
            .filter(|b| !b.is_ascii_whitespace() && *b != b'=')
            .collect();
        let key = URL_SAFE_NO_PAD.decode(&text).or_else(|_| STANDARD.decode(password.expose()));
        let key = key.map_err(|_| {
            VaultError::bad_parameter(
                "The issuer's pwd is no key of an external account: base64url is expected.",
            )
        })?;
        Ok(Some((kid.clone(), key)))
    }

    /// The account's key, made once and sealed.
    fn acme_account_key(&self, issuer: &IssuerRecord) -> Result<KeyPair, VaultError> {
        let (name, place) = (
            issuer.name.to_ascii_lowercase(),
            format!("acme-account-{}", issuer.name.to_ascii_lowercase()),
        );
        let stored = self.own_settings().get("acmeAccounts").and_then(|a| a.get(&name)).cloned();
        if let Some(sealed) = stored {
            let bytes = self.open_aside(OWN, &place, &sealed)?;
            return Ok(KeyPair::from_der(bytes.expose())?);
        }
        let key = KeyPair::generate(KeyKind::P256)?;
        let sealed = self.seal_aside(OWN, &place, key.to_pkcs8()?.expose())?;
        self.change_own(|own| {
            own.entry("acmeAccounts").or_insert_with(|| json!({}))[&name] = sealed;
            Ok(())
        })?;
        Ok(key)
    }
}

/// Runs the machine to its end.
fn drive(
    client: &mut Client,
    challenge: ChallengeKind,
    issuer: &IssuerRecord,
    outside: &dyn Outside,
) -> Result<(), String> {
    let told = |error: ClientError| error.to_string();
    let mut visible: Option<Challenged> = None;
    for _ in 0..REQUESTS_MAX {
        if client.challenged() != visible.as_ref() {
            outside.hide();
            visible = client.challenged().cloned();
            if let Some(shown) = &visible {
                outside.show(challenge, issuer, shown)?;
            }
        }
        if client.is_polling() && !outside.pause() {
            return Err("the ACME server takes too long".to_owned());
        }
        let Some(request) = client.request().map_err(told)? else { return Ok(()) };
        let response = outside.send(&request).map_err(|why| format!("{}: {why}", request.url))?;
        client.response(&response).map_err(told)?;
    }
    Err("the ACME server asks for too much".to_owned())
}
