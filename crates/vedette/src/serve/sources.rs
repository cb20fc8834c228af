//! How many connections one address may have: places are few, and nobody is to take them all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use vault::network_of;

use super::elsewhere;

/// Connections of each address, /64 networks as one.
pub(super) struct Sources {
    most: usize,
    counts: Mutex<HashMap<IpAddr, usize>>,
}

/// Counts a connection for as long as it lives.
pub(super) struct Counted {
    sources: Arc<Sources>,
    network: IpAddr,
}

impl Sources {
    pub(super) fn new(most: usize) -> Self {
        Self { most, counts: Mutex::default() }
    }

    /// Takes a connection in; none where its address has enough. This machine's own are not held to that.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Counted> {
        let network = network_of(peer);
        let mut counts = self.counts.lock();
        let count = counts.entry(network).or_default();
        if *count >= self.most && !network.is_loopback() && !elsewhere::is_own(peer) {
            if *count == 0 {
                counts.remove(&network);
            }
            return None;
        }
        *count += 1;
        Some(Counted { sources: Arc::clone(self), network })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.sources.counts.lock();
        if let Some(count) = counts.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_has_so_many_connections() {
        let sources = Arc::new(Sources::new(2));
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let one = sources.admit(at("192.0.2.1")).unwrap();
        let _two = sources.admit(at("::ffff:192.0.2.1")).unwrap();
        assert!(sources.admit(at("192.0.2.1")).is_none());
        let _other = sources.admit(at("192.0.2.2")).unwrap();
        drop(one);
        let _three = sources.admit(at("192.0.2.1")).unwrap();
        let network: Vec<_> =
            (0..3).map(|n| sources.admit(at(&format!("2001:db8::{n}")))).collect();
        assert!(network[1].is_some() && network[2].is_none());
        let here: Vec<_> =
            (0..9).filter_map(|n| sources.admit(at(["127.0.0.1", "::1"][n % 2]))).collect();
        assert_eq!(here.len(), 9);
        drop((here, network));
        assert_eq!(sources.counts.lock().len(), 2);
        assert!(Arc::new(Sources::new(0)).admit(at("192.0.2.1")).is_none());
    }
}
