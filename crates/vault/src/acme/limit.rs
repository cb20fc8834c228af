//! How many accounts may be made from one place: each is a document for good.

use std::collections::HashMap;
use std::net::IpAddr;

use pki::acme::Problem;

/// New accounts from one place within [`SPAN`].
pub(super) const ACCOUNTS_MAX: u32 = 50;
/// Seconds over which they are counted.
const SPAN: i64 = 3 * 60 * 60;
/// Places that are counted at a time.
const PLACES_MAX: usize = 10_000;

/// Where new accounts came from lately.
#[derive(Default)]
pub(super) struct Newcomers(HashMap<IpAddr, (i64, u32)>);

impl Newcomers {
    /// Counts one more, or refuses it.
    pub(super) fn admit(&mut self, source: IpAddr, now: i64) -> Result<(), Problem> {
        let source = network_of(source);
        if self.0.len() >= PLACES_MAX && !self.0.contains_key(&source) {
            self.0.retain(|_, (since, _)| (0..SPAN).contains(&(now - *since)));
        }
        let is_known = self.0.contains_key(&source);
        if self.0.len() >= PLACES_MAX && !is_known {
            return Err(Problem::rate_limited("too many accounts are being made here", SPAN));
        }
        let (since, count) = self.0.entry(source).or_insert((now, 0));
        if !(0..SPAN).contains(&(now - *since)) {
            (*since, *count) = (now, 0);
        }
        if *count >= ACCOUNTS_MAX {
            let wait = *since + SPAN - now;
            return Err(Problem::rate_limited(
                "too many accounts were made from this address",
                wait,
            ));
        }
        *count += 1;
        Ok(())
    }
}

/// The network of an address that one customer has all of: the address itself in IPv4, /64 in IPv6.
pub fn network_of(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use pki::acme::ProblemKind;

    #[test]
    fn a_place_makes_so_many_accounts_in_a_while() {
        let mut newcomers = Newcomers::default();
        let (one, two): (IpAddr, IpAddr) =
            ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..ACCOUNTS_MAX {
            newcomers.admit(one, 1000).unwrap();
        }
        let refused = newcomers.admit(one, 1001).unwrap_err();
        assert_eq!((refused.kind, refused.status), (ProblemKind::RateLimited, 429));
        assert_eq!(refused.retry_after, Some(SPAN - 1));
        newcomers.admit(two, 1001).unwrap();
        assert!(newcomers.admit("::ffff:192.0.2.1".parse().unwrap(), 1001).is_err(), "the same");
        assert!(newcomers.admit(one, 1000 + SPAN - 1).is_err());
        newcomers.admit(one, 1000 + SPAN).unwrap();
        for at in 0..ACCOUNTS_MAX {
            newcomers.admit(format!("2001:db8::{at:x}").parse().unwrap(), 1000).unwrap();
        }
        assert!(newcomers.admit("2001:db8::ffff".parse().unwrap(), 1000).is_err(), "one network");
        newcomers.admit("2001:db8:1::1".parse().unwrap(), 1000).unwrap();
    }

    #[test]
    fn places_are_bounded() {
        let mut newcomers = Newcomers::default();
        for at in 0..PLACES_MAX as u32 {
            newcomers.admit(IpAddr::V4(at.into()), 0).unwrap();
        }
        let another: IpAddr = "203.0.113.1".parse().unwrap();
        assert!(newcomers.admit(another, 1).is_err());
        newcomers.admit(another, SPAN).unwrap();
        assert_eq!(newcomers.0.len(), 1);
    }
}
