//! Sends for the ACME client: HTTPS to the server, a small web server for http-01 while a challenge is open, the operator's
//! hook for dns-01.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use vault::{
    ChallengeKind, Challenged, HttpRequest, HttpResponse, IssuerRecord, Outside, Vault, dns_record,
};

use super::hook;
use crate::serve::House;
use crate::trust;

const ANSWER_MAX: u64 = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at something that is not ready, and how many there are.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSES_MAX: u32 = 120;

/// Asks the ACME server of a pending certificate.
pub(super) fn obtain(house: &House, vault: &Arc<Vault>, name: &str) -> Result<(), String> {
    let now = house.clock.now().unix_seconds();
    let network = Network {
        agent: agent(house)?,
        hooks: house.data.hooks(),
        shown: RefCell::new(None),
        pauses: Cell::new(0),
    };
    vault.obtain_by_acme(name, &network, now).map_err(|e| e.to_string())
}

/// Trusts the system's authorities, and this instance's own for a server like itself.
fn agent(house: &House) -> Result<Agent, String> {
    let own = std::fs::read_to_string(house.data.authority()).map_err(|e| e.to_string())?;
    let mut roots = trust::system_authorities().unwrap_or_default();
    roots.extend(trust::authorities(&own).map_err(|e| e.to_string())?);
    Ok(trust::careful_agent(roots, PATIENCE))
}

struct Network {
    agent: Agent,
    hooks: PathBuf,
    shown: RefCell<Option<Shown>>,
    pauses: Cell<u32>,
}

enum Shown {
    File(WebServer),
    Record { hook: String, name: String, text: String },
}

impl Network {
    fn run(&self, hook: &str, action: &str, name: &str, text: &str) -> Result<(), String> {
        let variables =
            [("VEDETTE_ACTION", action), ("VEDETTE_NAME", name), ("VEDETTE_TEXT", text)];
        hook::run(&self.hooks, hook, &[action, name, text], &variables)
    }
}

impl Outside for Network {
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, String> {
        let answer = match (request.method, &request.body) {
            ("POST", Some(body)) => {
                let post = self.agent.post(&request.url);
                post.header("content-type", "application/jose+json").send(body.as_str())
            }
            ("HEAD", _) => self.agent.head(&request.url).call(),
            _ => self.agent.get(&request.url).call(),
        };
        let answer = answer.map_err(|e| e.to_string())?;
        let header = |name: &str| {
            answer.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned)
        };
        let (status, nonce, location) =
            (answer.status().as_u16(), header("replay-nonce"), header("location"));
        let mut body = Vec::new();
        let mut reader = answer.into_body().into_reader().take(ANSWER_MAX);
        reader.read_to_end(&mut body).map_err(|e| e.to_string())?;
        Ok(HttpResponse { status, nonce, location, body })
    }

    fn show(
        &self,
        kind: ChallengeKind,
        issuer: &IssuerRecord,
        challenged: &Challenged,
    ) -> Result<(), String> {
        let setting = |name: &str| issuer.acme.get(name).and_then(Value::as_str);
        let shown = match kind {
            ChallengeKind::Http01 => {
                let address = setting("httpListen").unwrap_or("0.0.0.0:80");
                Shown::File(WebServer::start(address, challenged)?)
            }
            ChallengeKind::Dns01 => {
                let hook = setting("dnsHook");
                let hook =
                    hook.ok_or("dns-01 needs the name of a hook: acme.dnsHook of the issuer")?;
                let name = format!("_acme-challenge.{}", challenged.identifier.value);
                let text = dns_record(&challenged.key_authorization);
                self.run(hook, "add", &name, &text)?;
                Shown::Record { hook: hook.to_owned(), name, text }
            }
        };
        *self.shown.borrow_mut() = Some(shown);
        Ok(())
    }

    fn hide(&self) {
        match self.shown.borrow_mut().take() {
            Some(Shown::Record { hook, name, text }) => {
                if let Err(why) = self.run(&hook, "remove", &name, &text) {
                    tracing::warn!(name, why, "the record of a challenge could not be taken away");
                }
            }
            Some(Shown::File(server)) => server.stop(),
            None => {}
        }
    }

    fn pause(&self) -> bool {
        self.pauses.set(self.pauses.get() + 1);
        std::thread::sleep(PAUSE);
        self.pauses.get() < PAUSES_MAX
    }
}

/// Answers one path with one text while a challenge is open.
struct WebServer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl WebServer {
    fn start(address: &str, challenged: &Challenged) -> Result<Self, String> {
        let listener = TcpListener::bind(address);
        let listener = listener.map_err(|e| format!("http-01 cannot listen on {address}: {e}"))?;
        listener.set_nonblocking(true).map_err(|e| e.to_string())?;
        let path = format!("/.well-known/acme-challenge/{}", challenged.token);
        let (text, stop) = (challenged.key_authorization.clone(), Arc::new(AtomicBool::new(false)));
        let ended = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => drop(answer(stream, &path, &text)), // the next one may fare better
                    Err(_) => std::thread::sleep(Duration::from_millis(20)),
                }
            }
        });
        Ok(Self { stop, thread })
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
    }
}

fn answer(mut stream: TcpStream, path: &str, text: &str) -> std::io::Result<()> {
    const HEAD_MAX: usize = 4096;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    let mut head = Vec::new();
    let mut buffer = [0; 512];
    while !head.windows(4).any(|w| w == b"\r\n\r\n") && head.len() < HEAD_MAX {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        head.extend(buffer.iter().take(count));
    }
    let line = String::from_utf8_lossy(&head);
    let asked = line.split(' ').nth(1).unwrap_or_default();
    let (status, body) = if asked == path { ("200 OK", text) } else { ("404 Not Found", "") };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/octet-stream\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}
