//! One GET of an allowed address: no redirects, no proxy, no credentials, bounded in time and size.

use std::io::Read;
use std::time::Duration;

use ureq::Agent;

use crate::trust;

/// How long an address may take.
const TIME_MAX: Duration = Duration::from_secs(60);

/// The body behind an address.
pub(super) fn get(url: &str, bytes_max: usize) -> Result<Vec<u8>, String> {
    let agent: Agent = Agent::config_builder()
        .tls_config(trust::tls(trust::system_authorities()?))
        .max_redirects(0)
        .timeout_global(Some(TIME_MAX))
        .proxy(None)
        .build()
        .new_agent();
    let mut answer = agent.get(url).call().map_err(|e| e.to_string())?;
    if answer.status().is_redirection() {
        return Err("the address leads to another one, which is not followed".to_owned());
    }
    let most = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut body = Vec::new();
    let mut reader = answer.body_mut().as_reader().take(most.saturating_add(1));
    reader.read_to_end(&mut body).map_err(|e| e.to_string())?;
    if body.len() > bytes_max {
        return Err(format!("the body is larger than {} MB", bytes_max >> 20));
    }
    Ok(body)
}
