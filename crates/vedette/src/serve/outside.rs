//! The house's way out to identity providers that an operator registered, and to nothing else. TLS always, certificates
//! of the system's authorities (or SSL_CERT_FILE's), no redirects, small answers, little patience.

use std::io::Read;
use std::time::Duration;

use identity::{Outside, OutsideReply};
use serde_json::Value;
use ureq::Agent;

use crate::trust;

const ANSWER_MAX: u64 = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(15);

/// The way out.
pub(super) struct WayOut(());

impl WayOut {
    pub(super) fn new() -> Self {
        Self(())
    }

    /// Made for each call: sign-ins with a provider are rare, and authorities may change.
    fn agent(&self) -> Result<Agent, String> {
        Ok(trust::careful_agent(trust::system_authorities()?, PATIENCE))
    }
}

impl Outside for WayOut {
    fn get(&self, url: &str) -> Result<OutsideReply, String> {
        let answer = self.agent()?.get(url).call().map_err(|e| e.to_string())?;
        read(answer)
    }

    fn post_form(
        &self,
        url: &str,
        form: &[(&str, &str)],
        basic: Option<(&str, &str)>,
    ) -> Result<OutsideReply, String> {
        let fields = form.iter().copied();
        let mut request = self.agent()?.post(url);
        if let Some((id, secret)) = basic {
            request = request.header("authorization", identity::basic_header(id, secret).expose());
        }
        let answer = request.send_form(fields).map_err(|e| e.to_string())?;
        read(answer)
    }
}

fn read(answer: ureq::http::Response<ureq::Body>) -> Result<OutsideReply, String> {
    let status = answer.status().as_u16();
    let mut bytes = Vec::new();
    let mut reader = answer.into_body().into_reader().take(ANSWER_MAX);
    reader.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    Ok(OutsideReply { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
}
