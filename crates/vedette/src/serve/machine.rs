//! The socket of this machine's own identity: plain HTTP on a loopback address, for processes of users who may ask.
//! The kernel knows whose process is at the other end of a loopback connection; that is looked up before a byte is read.

use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use crypto::{SecretText, random_alphanumeric, read_private, write_private};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::House;
use super::listener::{doors, server, service};
use super::patience::Patience;
use crate::cli::ServeArgs;

const CONNECTIONS_MAX: usize = 256;
const LIFE: Duration = Duration::from_secs(60);
/// File of the secret of App Service's form, beside the keys.
const HEADER: &str = "identity-header";

/// Opens the socket when the operator asks for it; ends with the house.
pub(super) async fn start(
    house: &Arc<House>,
    arguments: &ServeArgs,
    audit: api::Audit,
    mut stopped: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let note = house.data.managed_identity();
    let Some(address) = arguments.managed_identity else {
        let _ = std::fs::remove_file(&note); // of an earlier start
        return Ok(());
    };
    if !address.ip().is_loopback() || !address.is_ipv4() {
        bail!(
            "--managed-identity {address}: tokens are given to this machine alone; use 127.0.0.1:PORT"
        );
    }
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| {
        format!("cannot listen on {address}; choose another port with --managed-identity")
    })?;
    let address = listener.local_addr()?;
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let identity = house.identity.ensure_managed_identity(&name, house.clock.now())?;
    crypto::write_public(&note, format!("http://{address}\n").as_bytes())?;
    tracing::info!(%address, client_id = identity.app_id, object_id = identity.id, "the machine's identity gives tokens");
    let routes = api::machine_router(Arc::new(doors(house)), audit, header(house)?);
    let mut users = vec![0, rustix::process::geteuid().as_raw()];
    users.extend(&arguments.managed_identity_user);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, peer)) = accepted else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            match user_of(peer, address) {
                Some(user) if users.contains(&user) => {}
                user => {
                    tracing::warn!(
                        ?user,
                        "a process of another user asked for the machine's identity"
                    );
                    continue;
                }
            }
            let service = service(routes.clone(), peer, Arc::new(Patience::default()));
            tokio::spawn(async move {
                let server = server();
                let served = server.serve_connection(TokioIo::new(stream), service);
                let _ = tokio::time::timeout(LIFE, served).await; // a silent process loses its place
                drop(place);
            });
        }
    });
    Ok(())
}

fn header(house: &House) -> anyhow::Result<SecretText> {
    let path = house.data.keys().join(HEADER);
    if let Some(known) = read_private(&path)? {
        return Ok(SecretText::new(known.expose().trim().to_owned()));
    }
    let new = random_alphanumeric(44)?;
    write_private(&path, new.expose().as_bytes())?;
    Ok(new)
}

/// The user whose process is at the other end of a loopback connection.
fn user_of(peer: SocketAddr, here: SocketAddr) -> Option<u32> {
    let (SocketAddr::V4(peer), SocketAddr::V4(here)) = (peer, here) else { return None };
    find_user(&std::fs::read_to_string("/proc/net/tcp").ok()?, peer, here)
}

/// Reads the kernel's table of connections: addresses in hexadecimal, as the processor keeps them.
fn find_user(table: &str, peer: SocketAddrV4, here: SocketAddrV4) -> Option<u32> {
    let shown =
        |a: SocketAddrV4| format!("{:08X}:{:04X}", u32::from_ne_bytes(a.ip().octets()), a.port());
    let (local, remote) = (shown(peer), shown(here));
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is = fields.get(1) == Some(&local.as_str()) && fields.get(2) == Some(&remote.as_str());
        if is { fields.get(7)?.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_kernel_tells_whose_connection_it_is() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (peer, here) = (stream.local_addr().unwrap(), listener.local_addr().unwrap());
        assert_eq!(user_of(peer, here), Some(rustix::process::geteuid().as_raw()));
        assert_eq!(user_of("127.0.0.1:1".parse().unwrap(), here), None);
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 0100007F:20FB 01 00000000:00000000 00:00000000 00000000  1000        0 1 1 x\n junk";
        let at = |port: u16| SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, port);
        if cfg!(target_endian = "little") {
            assert_eq!(find_user(table, at(0x1f90), at(0x20fb)), Some(1000));
        }
        assert_eq!(find_user(table, at(0x20fb), at(0x1f90)), None, "the other end is ours");
    }
}
