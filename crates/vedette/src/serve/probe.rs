//! The way outside for the ACME server: it asks the web server or the name server of whoever wants a certificate. Small
//! answers, short waits, no redirects.

use std::io::Read;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use ureq::Agent;
use vault::{Probe, dns};

/// Longest wait for one answer.
const WAIT: Duration = Duration::from_secs(10);
/// Questions asked of a name server before it is given up.
const TRIES: u32 = 3;
const PORT: u16 = 53;

/// Asks over the machine's network.
pub(crate) struct Network {
    agent: Agent,
}

impl Network {
    pub(crate) fn new() -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(WAIT))
            .max_redirects(0)
            .proxy(None)
            .build()
            .new_agent();
        Self { agent }
    }
}

impl Probe for Network {
    fn http(&self, host: &str, port: u16, path: &str, limit: usize) -> Result<Vec<u8>, String> {
        let host = match host.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            _ => host.to_owned(),
        };
        let answer = self.agent.get(format!("http://{host}:{port}{path}")).call();
        let mut answer = answer.map_err(|e| e.to_string())?;
        if answer.status() != 200 {
            return Err(format!("status {}", answer.status().as_u16()));
        }
        let mut body = Vec::new();
        let most = u64::try_from(limit).unwrap_or(u64::MAX);
        let read = answer.body_mut().as_reader().take(most).read_to_end(&mut body);
        read.map_err(|e| e.to_string())?;
        Ok(body)
    }

    fn texts(&self, name: &str, server: Option<&str>) -> Result<Vec<String>, String> {
        let server = match server {
            Some(text) => named_server(text)
                .ok_or_else(|| format!("'{text}' is no address of a name server"))?,
            None => {
                system_server().ok_or("no name server is known; set nameServer of the issuer")?
            }
        };
        let id = crypto::random_bytes::<2>().map_err(|e| e.to_string())?;
        let question = dns::question(u16::from_be_bytes(id), name).ok_or("this is no DNS name")?;
        let mut why = String::new();
        for _ in 0..TRIES {
            match ask(server, &question) {
                Ok(answer) => return dns::texts(&question, &answer).map_err(str::to_owned),
                Err(error) => why = format!("{server}: {error}"),
            }
        }
        Err(why)
    }
}

fn ask(server: SocketAddr, question: &[u8]) -> std::io::Result<Vec<u8>> {
    let own = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(own)?;
    socket.connect(server)?; // answers of others are dropped
    socket.set_read_timeout(Some(WAIT / TRIES))?;
    socket.send(question)?;
    let mut answer = vec![0; dns::ANSWER_BYTES_MAX];
    let length = socket.recv(&mut answer)?;
    answer.truncate(length);
    Ok(answer)
}

fn named_server(text: &str) -> Option<SocketAddr> {
    text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse().ok()?, PORT)))
}

/// The first name server that the machine itself asks.
fn system_server() -> Option<SocketAddr> {
    let text = std::fs::read_to_string("/etc/resolv.conf").ok()?;
    let address = text.lines().find_map(|line| {
        line.trim().strip_prefix("nameserver")?.split_whitespace().next()?.parse().ok()
    });
    Some(SocketAddr::new(address?, PORT))
}
