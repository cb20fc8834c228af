//! An ACME client as a machine without wires: it says what to send next and takes what came back, until the chain is
//! there. Who drives it sends, waits between polls and makes challenges visible.

use crypto::KeyPair;
use serde_json::{Value, json};

use super::{ChallengeKind, Identifier, Jwk, external_binding, key_authorization, sign};
use crate::{Certificate, PkiError, pem};

/// What to send.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// `GET`, `HEAD` or `POST`.
    pub method: &'static str,
    /// Where to.
    pub url: String,
    /// The signed message of a POST.
    pub body: Option<String>,
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub struct HttpResponse {
    /// Status.
    pub status: u16,
    /// `Replay-Nonce`.
    pub nonce: Option<String>,
    /// `Location`.
    pub location: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// What the certificate is for, and how the account is bound.
pub struct Wish {
    /// Where the server's directory is.
    pub directory: String,
    /// `mailto:` addresses.
    pub contact: Vec<String>,
    /// Name and key of an outside account.
    pub external: Option<(String, Vec<u8>)>,
    /// Names.
    pub identifiers: Vec<Identifier>,
    /// The way control of names is shown.
    pub challenge: ChallengeKind,
    /// Signing request in DER.
    pub csr: Vec<u8>,
}

/// A challenge that is to be visible now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenged {
    /// The name.
    pub identifier: Identifier,
    /// http-01: name of the file.
    pub token: String,
    /// http-01: its content.
    pub key_authorization: String,
}

/// Why there will be no certificate.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server said no.
    #[error("the ACME server refused: {0}")]
    Refused(String),
    /// The server said something that is none of ACME.
    #[error("the ACME server's answer has no {0}")]
    Answer(&'static str),
    /// Something of our own.
    #[error(transparent)]
    Pki(#[from] PkiError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Directory,
    Nonce,
    Account,
    Order,
    Authorization,
    Challenge,
    PollAuthorization,
    Finalize,
    PollOrder,
    Certificate,
    Done,
}

/// Answers with a bad nonce that are tried again before it is given up.
const BAD_NONCES_MAX: u32 = 5;

/// The machine.
pub struct Client {
    wish: Wish,
    key: KeyPair,
    stage: Stage,
    directory: Value,
    nonce: Option<String>,
    account: String,
    order_url: String,
    order: Value,
    /// Addresses of authorizations that are left, the current one last.
    open: Vec<String>,
    challenge_url: String,
    challenged: Option<Challenged>,
    chain: Vec<Certificate>,
    bad_nonces: u32,
}

impl Client {
    /// Begins. `key` is the account's, of a kind that ACME signs with.
    pub fn new(wish: Wish, key: KeyPair) -> Self {
        Self {
            wish,
            key,
            stage: Stage::Directory,
            directory: Value::Null,
            nonce: None,
            account: String::new(),
            order_url: String::new(),
            order: Value::Null,
            open: Vec::new(),
            challenge_url: String::new(),
            challenged: None,
            chain: Vec::new(),
            bad_nonces: 0,
        }
    }

    /// The chain, once it is there.
    pub fn chain(&self) -> Option<&[Certificate]> {
        (self.stage == Stage::Done).then_some(self.chain.as_slice())
    }

    /// The challenge that must be visible before the next request is sent.
    pub fn challenged(&self) -> Option<&Challenged> {
        self.challenged.as_ref()
    }

    /// True when the next request asks again for something that was not ready: wait a little first.
    pub fn is_polling(&self) -> bool {
        matches!(self.stage, Stage::PollAuthorization | Stage::PollOrder)
    }

    /// What to send next; none when it is done.
    pub fn request(&self) -> Result<Option<HttpRequest>, ClientError> {
        let url = |name| self.place(name);
        let request = match self.stage {
            Stage::Done => return Ok(None),
            Stage::Directory => self.plain("GET", self.wish.directory.clone()),
            Stage::Nonce => self.plain("HEAD", url("newNonce")?),
            Stage::Account => {
                let target = url("newAccount")?;
                let mut body =
                    json!({ "termsOfServiceAgreed": true, "contact": self.wish.contact });
                if let Some((kid, key)) = &self.wish.external {
                    let jwk = Jwk::of(&self.key).ok_or(PkiError::Format("account key"))?;
                    body["externalAccountBinding"] = external_binding(&jwk, kid, key, &target);
                }
                self.signed(None, target, body.to_string().as_bytes())?
            }
            Stage::Order => {
                let body = json!({ "identifiers": self.wish.identifiers });
                self.post(url("newOrder")?, body.to_string().as_bytes())?
            }
            Stage::Authorization | Stage::PollAuthorization => {
                let open = self.open.last().ok_or(ClientError::Answer("authorizations"))?;
                self.post(open.clone(), b"")?
            }
            Stage::Challenge => self.post(self.challenge_url.clone(), b"{}")?,
            Stage::Finalize => {
                use base64::Engine;
                let csr = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&self.wish.csr);
                let body = json!({ "csr": csr }).to_string();
                self.post(self.of_order("finalize")?, body.as_bytes())?
            }
            Stage::PollOrder => self.post(self.order_url.clone(), b"")?,
            Stage::Certificate => self.post(self.of_order("certificate")?, b"")?,
        };
        Ok(Some(request))
    }

    /// Takes the answer to the last request.
    pub fn response(&mut self, response: &HttpResponse) -> Result<(), ClientError> {
        if response.nonce.is_some() {
            self.nonce.clone_from(&response.nonce);
        }
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        if response.status >= 400 {
            return self.refused(response.status, &body);
        }
        self.bad_nonces = 0;
        match self.stage {
            Stage::Directory => {
                self.directory = body;
                self.stage = Stage::Nonce;
            }
            Stage::Nonce => self.stage = Stage::Account,
            Stage::Account => {
                let location = response.location.clone();
                self.account = location.ok_or(ClientError::Answer("Location of the account"))?;
                self.stage = Stage::Order;
            }
            Stage::Order => {
                let location = response.location.clone();
                self.order_url = location.ok_or(ClientError::Answer("Location of the order"))?;
                self.open = texts(&body, "authorizations");
                self.take_order(body)?;
            }
            Stage::Authorization => self.take_authorization(&body)?,
            Stage::Challenge => self.stage = Stage::PollAuthorization,
            Stage::PollAuthorization => self.poll_authorization(&body)?,
            Stage::Finalize | Stage::PollOrder => self.take_order(body)?,
            Stage::Certificate => {
                let text = String::from_utf8_lossy(&response.body);
                self.chain = pem::read(&text, "")?.certificates;
                if self.chain.is_empty() {
                    return Err(ClientError::Answer("certificate"));
                }
                self.stage = Stage::Done;
            }
            Stage::Done => {}
        }
        Ok(())
    }

    fn refused(&mut self, status: u16, body: &Value) -> Result<(), ClientError> {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("type").ends_with(":badNonce") && self.bad_nonces < BAD_NONCES_MAX {
            self.bad_nonces += 1; // the answer carried a fresh one
            return Ok(());
        }
        let detail: String = text("detail").chars().take(500).collect();
        Err(ClientError::Refused(format!("{status} {} {detail}", text("type"))))
    }

    fn take_order(&mut self, order: Value) -> Result<(), ClientError> {
        let status = order.get("status").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.order = order;
        self.stage = match status.as_str() {
            "pending" if !self.open.is_empty() => Stage::Authorization,
            "pending" | "processing" => Stage::PollOrder,
            "ready" => Stage::Finalize,
            "valid" => Stage::Certificate,
            _ => {
                let error = self.order.get("error").map(Value::to_string);
                return Err(ClientError::Refused(format!(
                    "order {status}: {}",
                    error.unwrap_or_default()
                )));
            }
        };
        Ok(())
    }

    fn take_authorization(&mut self, body: &Value) -> Result<(), ClientError> {
        if body.get("status").and_then(Value::as_str) == Some("valid") {
            return self.poll_authorization(body);
        }
        let challenges = body.get("challenges").and_then(Value::as_array);
        let wanted = challenges
            .into_iter()
            .flatten()
            .find(|c| c.get("type").and_then(Value::as_str) == Some(self.wish.challenge.name()));
        let text = |name: &str| wanted.and_then(|c| c.get(name)).and_then(Value::as_str);
        let (url, token) = (text("url"), text("token"));
        let missing = ClientError::Answer("challenge of the kind that is set up");
        let (Some(url), Some(token)) = (url, token) else { return Err(missing) };
        let sane = token.len() <= 200
            && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let identifier = body.get("identifier").cloned().unwrap_or_default();
        let identifier = serde_json::from_value(identifier);
        let identifier = identifier.map_err(|_| ClientError::Answer("identifier"))?;
        if !sane {
            return Err(ClientError::Answer("token"));
        }
        let jwk = Jwk::of(&self.key).ok_or(PkiError::Format("account key"))?;
        let key_authorization = key_authorization(token, &jwk);
        let token = token.to_owned();
        self.challenged = Some(Challenged { identifier, token, key_authorization });
        self.challenge_url = url.to_owned();
        self.stage = Stage::Challenge;
        Ok(())
    }

    fn poll_authorization(&mut self, body: &Value) -> Result<(), ClientError> {
        match body.get("status").and_then(Value::as_str) {
            Some("pending" | "processing") => self.stage = Stage::PollAuthorization,
            Some("valid") => {
                self.challenged = None;
                self.open.pop();
                let more = !self.open.is_empty();
                self.stage = if more { Stage::Authorization } else { Stage::PollOrder };
            }
            _ => {
                let challenges = body.get("challenges").and_then(Value::as_array);
                let error = challenges.into_iter().flatten().find_map(|c| c.get("error"));
                let said = error.map_or_else(String::new, Value::to_string);
                return Err(ClientError::Refused(format!("the challenge failed: {said}")));
            }
        }
        Ok(())
    }

    fn place(&self, name: &'static str) -> Result<String, ClientError> {
        let url = self.directory.get(name).and_then(Value::as_str);
        url.map(str::to_owned).ok_or(ClientError::Answer(name))
    }

    fn of_order(&self, name: &'static str) -> Result<String, ClientError> {
        let url = self.order.get(name).and_then(Value::as_str);
        url.map(str::to_owned).ok_or(ClientError::Answer(name))
    }

    fn plain(&self, method: &'static str, url: String) -> HttpRequest {
        HttpRequest { method, url, body: None }
    }

    fn post(&self, url: String, payload: &[u8]) -> Result<HttpRequest, ClientError> {
        self.signed(Some(&self.account), url, payload)
    }

    fn signed(
        &self,
        account: Option<&str>,
        url: String,
        payload: &[u8],
    ) -> Result<HttpRequest, ClientError> {
        let nonce = self.nonce.as_deref().ok_or(ClientError::Answer("Replay-Nonce"))?;
        let body = sign(&self.key, account, Some(nonce), &url, payload)?;
        Ok(HttpRequest { method: "POST", url, body: Some(body.to_string()) })
    }
}

fn texts(value: &Value, name: &str) -> Vec<String> {
    let list = value.get(name).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).take(200).collect()
}
