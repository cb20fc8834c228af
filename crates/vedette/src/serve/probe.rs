//! The way outside for the ACME server: it asks the web server or the name server of whoever wants a certificate. Small
//! answers, short waits, no redirects.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use ureq::{Agent, Error};
use vault::{Look, Probe, Reach, Unseen, dns};

use super::elsewhere;

/// Longest wait for one answer.
const WAIT: Duration = Duration::from_secs(10);
/// Questions asked of a name server before it is given up.
const TRIES: u32 = 3;
const PORT: u16 = 53;

/// Asks over the machine's network.
pub(crate) struct Network {
    elsewhere: Agent,
    everywhere: Agent,
}

impl Network {
    pub(crate) fn new() -> Self {
        let agent = |reach| {
            let config = Agent::config_builder()
                .http_status_as_error(false)
                .timeout_global(Some(WAIT))
                .max_redirects(0)
                .proxy(None)
                .build();
            elsewhere::agent(config, reach)
        };
        Self { elsewhere: agent(Reach::Elsewhere), everywhere: agent(Reach::Everywhere) }
    }
}

fn unseen(error: &Error) -> Unseen {
    match error {
        Error::HostNotFound => Unseen::NoName(error.to_string()),
        error if elsewhere::leads_here(error) => Unseen::Here,
        error => Unseen::NoAnswer(error.to_string()),
    }
}

impl Probe for Network {
    fn http(&self, look: &Look<'_>) -> Result<Vec<u8>, Unseen> {
        let Look { host, port, path, limit, reach } = *look;
        let host = match host.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            _ => host.to_owned(),
        };
        let agent = match reach {
            Reach::Elsewhere => &self.elsewhere,
            Reach::Everywhere => &self.everywhere,
        };
        let answer = agent.get(format!("http://{host}:{port}{path}")).call();
        let mut answer = answer.map_err(|e| unseen(&e))?;
        if answer.status() != 200 {
            return Err(Unseen::Other(format!("status {}", answer.status().as_u16())));
        }
        let mut body = Vec::new();
        let most = u64::try_from(limit).unwrap_or(u64::MAX);
        let read = answer.body_mut().as_reader().take(most).read_to_end(&mut body);
        read.map_err(|e| Unseen::NoAnswer(e.to_string()))?;
        Ok(body)
    }

    fn is_own(&self, address: IpAddr) -> bool {
        elsewhere::is_own(address)
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

/// Over UDP, and over TCP where the answer does not fit.
fn ask(server: SocketAddr, question: &[u8]) -> std::io::Result<Vec<u8>> {
    let answer = ask_udp(server, question)?;
    if dns::is_cut(&answer) { ask_tcp(server, question) } else { Ok(answer) }
}

fn ask_tcp(server: SocketAddr, question: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, WAIT / TRIES)?;
    stream.set_read_timeout(Some(WAIT / TRIES))?;
    stream.set_write_timeout(Some(WAIT / TRIES))?;
    let length = u16::try_from(question.len()).map_err(std::io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), question].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

fn ask_udp(server: SocketAddr, question: &[u8]) -> std::io::Result<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_does_not_fit_into_a_datagram_is_asked_for_again() {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let place = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(place).unwrap();
        let server = std::thread::spawn(move || {
            let mut question = [0; 512];
            let (length, from) = udp.recv_from(&mut question).unwrap();
            let mut answer = question[..length].to_vec();
            answer[2] = 0x83; // an answer, cut
            udp.send_to(&answer, from).unwrap();
            let (mut stream, _) = tcp.accept().unwrap();
            let mut again = vec![0; length + 2];
            stream.read_exact(&mut again).unwrap();
            assert_eq!(again[2..], question[..length]);
            answer[2] = 0x81;
            answer[7] = 3;
            for _ in 0..3 {
                answer.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, 201, 200]);
                answer.extend([b'x'; 200]);
            }
            let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
            stream.write_all(&[&length[..], &answer].concat()).unwrap();
        });
        let texts = Network::new().texts("_acme-challenge.a.example", Some(&place.to_string()));
        assert_eq!(texts.unwrap(), vec!["x".repeat(200); 3]);
        server.join().unwrap();
    }
}
