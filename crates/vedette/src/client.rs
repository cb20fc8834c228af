//! A client of the running server: everything it does goes through the public API, with the administrator's credentials.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use identity::AdminCredentials;
use serde_json::Value;
use ureq::http::{Method, Request};
use ureq::{Agent, AsSendBody};

use crate::cli::Connection;
use crate::instance::{DataFolder, Instance};
use crate::trust;

/// Largest answer that is read.
const ANSWER_MAX: u64 = 1 << 30;

/// Knows the server of a data folder and speaks for its administrator.
pub(crate) struct Client {
    agent: Agent,
    admin: AdminCredentials,
    pub(crate) instance: Instance,
    bearer: std::sync::OnceLock<String>,
}

/// A status and a body.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    /// A client for the server on the data folder.
    pub(crate) fn connect(connection: &Connection) -> anyhow::Result<Self> {
        let data = DataFolder::new(&connection.data);
        let instance = Instance::load(&data)?;
        let admin = AdminCredentials::load(&data.keys())?.with_context(|| {
            format!("no administrator's credentials in {}", data.keys().display())
        })?;
        let pem = std::fs::read_to_string(data.authority())
            .with_context(|| format!("cannot read {}", data.authority().display()))?;
        let agent = Agent::config_builder()
            .tls_config(trust::tls(trust::authorities(&pem)?))
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(300)))
            .proxy(None)
            .build()
            .new_agent();
        Ok(Self { agent, admin, instance, bearer: std::sync::OnceLock::new() })
    }

    /// An access token; for the server itself unless another resource is named.
    pub(crate) fn token(&self, resource: Option<&str>) -> anyhow::Result<String> {
        let resource = resource.unwrap_or(&self.instance.url).trim_end_matches('/');
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.admin.client_id),
            ("client_secret", self.admin.client_secret.expose()),
            ("scope", &format!("{resource}/.default")),
        ];
        let url = format!("{}/{}/oauth2/v2.0/token", self.instance.url, self.admin.tenant_id);
        let answer = self.agent.post(&url).send_form(form).map_err(|e| self.unreachable(&e))?;
        let reply = read(answer)?;
        let body = reply.json()?;
        match body.get("access_token").and_then(Value::as_str) {
            Some(token) => Ok(token.to_owned()),
            None => bail!(
                "no token: {}",
                body.get("error_description").and_then(Value::as_str).unwrap_or("refused")
            ),
        }
    }

    /// Sends a request with a token of the server itself.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> anyhow::Result<Reply> {
        let bearer = match self.bearer.get() {
            Some(bearer) => bearer,
            None => {
                let token = self.token(None)?;
                self.bearer.get_or_init(|| format!("Bearer {token}"))
            }
        };
        self.send_as(bearer, method, path, headers, body)
    }

    /// The same in another name: `bearer` is the whole header.
    pub(crate) fn send_as(
        &self,
        bearer: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> anyhow::Result<Reply> {
        let method = Method::from_bytes(method.as_bytes())?;
        let mut request =
            Request::builder().method(method).uri(format!("{}{path}", self.instance.url));
        for (name, value) in headers.iter().chain([&("Authorization", bearer)]) {
            request = request.header(*name, *value);
        }
        match body {
            Some(body) => self.run(request.body(body)?),
            None => self.run(request.body(())?),
        }
    }

    fn run(&self, request: Request<impl AsSendBody>) -> anyhow::Result<Reply> {
        read(self.agent.run(request).map_err(|e| self.unreachable(&e))?)
    }

    /// A JSON call; anything but success is an error in the server's own words.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let text = body.map(ToString::to_string);
        let reply = self.send(
            method,
            path,
            &[("Content-Type", "application/json")],
            text.as_deref().map(str::as_bytes),
        )?;
        reply.success()?.json()
    }

    /// The path of something below the workspace, with an api-version.
    pub(crate) fn workspace_path(&self, below: &str, api_version: &str) -> String {
        let mark = if below.contains('?') { '&' } else { '?' };
        format!("{}/{below}{mark}api-version={api_version}", self.instance.workspace_resource_id)
    }

    fn unreachable(&self, error: &ureq::Error) -> anyhow::Error {
        anyhow!(
            "the server at {} does not answer ({error}); is it running? Start it with: vedette serve",
            self.instance.url
        )
    }
}

fn read(answer: ureq::http::Response<ureq::Body>) -> anyhow::Result<Reply> {
    let status = answer.status().as_u16();
    let retry_after =
        answer.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse().ok());
    let mut body = Vec::new();
    answer
        .into_body()
        .into_reader()
        .take(ANSWER_MAX)
        .read_to_end(&mut body)
        .context("the answer broke off")?;
    Ok(Reply { status, retry_after, body })
}

impl Reply {
    /// The body as JSON, null when empty.
    pub(crate) fn json(&self) -> anyhow::Result<Value> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body)
            .with_context(|| format!("the answer (status {}) is not JSON", self.status))
    }

    /// The reply, unless the server refused.
    pub(crate) fn success(self) -> anyhow::Result<Self> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let error = self.json().unwrap_or_default();
        let error = error.get("error").unwrap_or(&Value::Null);
        let mut inner = error;
        while let Some(deeper) = inner.get("innererror") {
            inner = deeper;
        }
        let text = |v: &Value, name: &str| v.get(name).and_then(Value::as_str).map(str::to_owned);
        let code = text(error, "code").unwrap_or_default();
        let message = text(inner, "message").or_else(|| text(error, "message")).unwrap_or_default();
        bail!("the server refused ({} {code}): {message}", self.status)
    }
}
