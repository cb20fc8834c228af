#![allow(clippy::unwrap_used)]
use std::io::{Read, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::{ClientConnection, ServerConnection, Stream};
use rustls_pki_types::ServerName;

use super::*;
use crate::ServerNames;

#[allow(clippy::disallowed_methods)] // a handshake checks certificates against the real time
fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// Runs a handshake and one exchange in memory; gives the protocol and the leaf the client saw.
fn talk(
    server: &TlsServer,
    client: Arc<ClientConfig>,
    name: &str,
) -> Result<(Option<Vec<u8>>, Vec<u8>), String> {
    let (mut near, mut far) = std::os::unix::net::UnixStream::pair().unwrap();
    let config = server.config();
    let serving = std::thread::spawn(move || {
        let mut session = ServerConnection::new(config).unwrap();
        let mut stream = Stream::new(&mut session, &mut far);
        let mut byte = [0];
        if stream.read_exact(&mut byte).is_ok() {
            stream.write_all(&byte).unwrap();
        }
    });
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut session = ClientConnection::new(client, name).unwrap();
    let mut stream = Stream::new(&mut session, &mut near);
    let mut byte = [0];
    let exchanged = stream.write_all(b"!").and_then(|()| stream.read_exact(&mut byte));
    let leaf = session.peer_certificates().and_then(|c| c.first()).map(|c| c.to_vec());
    let protocol = session.alpn_protocol().map(<[u8]>::to_vec);
    drop(near);
    serving.join().unwrap();
    exchanged.map_err(|e| e.to_string())?;
    assert_eq!(&byte, b"!");
    Ok((protocol, leaf.unwrap()))
}

fn client(
    ca_pem: &str,
    protocols: &[&[u8]],
    version: &'static rustls::SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities(ca_pem).unwrap());
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
    Arc::new(config)
}

#[test]
fn both_versions_both_protocols_and_every_name() {
    let home = tempfile::tempdir().unwrap();
    let (made, _) =
        ServerCertificate::ensure(home.path(), &ServerNames::standard([]), now()).unwrap();
    let server = TlsServer::new(&made).unwrap();
    let ca = made.authority().to_pem();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for protocol in PROTOCOLS {
            let spoken = talk(&server, client(&ca, &[protocol], version), "localhost").unwrap().0;
            assert_eq!(spoken.as_deref(), Some(protocol));
        }
    }
    for name in [
        "localhost",
        "127.0.0.1",
        "::1",
        "default.vault.localhost",
        "mine.vault.localhost",
        "vault.localhost",
    ] {
        assert!(talk(&server, client_config(&ca).unwrap(), name).is_ok(), "{name}");
    }
    assert!(talk(&server, client_config(&ca).unwrap(), "example.com").is_err());
}

#[test]
fn a_client_trusts_its_own_authority_alone() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let names = ServerNames::standard([]);
    let (mine, _) = ServerCertificate::ensure(one.path(), &names, now()).unwrap();
    let (other, _) = ServerCertificate::ensure(two.path(), &names, now()).unwrap();
    let server = TlsServer::new(&mine).unwrap();
    let refused = talk(&server, client_config(&other.authority().to_pem()).unwrap(), "localhost");
    assert!(refused.unwrap_err().contains("UnknownIssuer"));
    assert!(client_config("").is_err());
    assert!(
        client_config("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err()
    );
}

#[test]
fn a_renewed_certificate_is_served_without_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let (old, _) =
        ServerCertificate::ensure(home.path(), &ServerNames::standard([]), now()).unwrap();
    let server = TlsServer::new(&old).unwrap();
    let (new, made) =
        ServerCertificate::ensure(home.path(), &ServerNames::standard(["new.example"]), now())
            .unwrap();
    assert!(made);
    let ca = new.authority().to_pem();
    assert!(talk(&server, client_config(&ca).unwrap(), "new.example").is_err());
    server.replace(&new).unwrap();
    let (_, leaf) = talk(&server, client_config(&ca).unwrap(), "new.example").unwrap();
    assert_eq!(leaf, new.certificate().der());
}
