//! Calls in the name of somebody who may not look at this machine: what a name leads to is looked up once, addresses of
//! the machine itself fall away, and what is left is what is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error};
use vault::{Reach, is_special_address};

/// All that a name leads to is out of reach.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to this machine")]
struct Here;

/// An agent that goes as far as it may.
pub(super) fn agent(config: Config, reach: Reach) -> Agent {
    let names = Names { reach, system: DefaultResolver::default() };
    Agent::with_parts(config, DefaultConnector::default(), names)
}

/// True where a call was not made since it would have led to this machine.
pub(super) fn leads_here(error: &Error) -> bool {
    matches!(error, Error::Other(why) if why.is::<Here>())
}

/// True for an address of this machine. The kernel tells: what goes to one of its own comes from that one. No packet is
/// sent.
pub(super) fn is_own(address: IpAddr) -> bool {
    const ANY_PORT: u16 = 9;
    let address = address.to_canonical();
    let from: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let asked = || -> std::io::Result<IpAddr> {
        let socket = UdpSocket::bind((from, 0))?;
        socket.connect((address, ANY_PORT))?;
        Ok(socket.local_addr()?.ip())
    };
    asked().is_ok_and(|own| own == address)
}

#[derive(Debug)]
struct Names {
    reach: Reach,
    system: DefaultResolver,
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let found = self.system.resolve(uri, config, timeout).map_err(|error| match error {
            Error::Io(_) => Error::HostNotFound,
            other => other,
        })?;
        let mut kept = self.empty();
        for address in found.iter() {
            let is_here = || is_special_address(address.ip()) || is_own(address.ip());
            if self.reach == Reach::Everywhere || !is_here() {
                kept.push(*address);
            }
        }
        if kept.is_empty() { Err(Error::Other(Box::new(Here))) } else { Ok(kept) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn this_machine_is_asked_only_by_those_who_may() {
        assert!(is_own("127.0.0.1".parse().unwrap()) && !is_own("192.0.2.1".parse().unwrap()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let careful = agent(Config::default(), Reach::Elsewhere);
        for host in ["127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"] {
            let error = careful.get(format!("http://{host}:{port}/")).call().unwrap_err();
            assert!(leads_here(&error), "{host}: {error}");
        }
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "nobody connected");
        let config = Agent::config_builder()
            .timeout_global(Some(std::time::Duration::from_millis(200)))
            .build();
        let free = agent(config, Reach::Everywhere);
        let error = free.get(format!("http://127.0.0.1:{port}/")).call().unwrap_err();
        assert!(!leads_here(&error));
        assert!(listener.accept().is_ok(), "somebody connected");
    }
}
