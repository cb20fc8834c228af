//! Which addresses the server looks at for a challenge. Its own machine answers it as it answers nobody else, so who comes
//! from outside does not learn through it what listens there.

use std::net::{IpAddr, Ipv4Addr};

use super::Identifier;

/// How far a look goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To other machines alone.
    Elsewhere,
    /// To this machine as well.
    Everywhere,
}

/// True for addresses that mean this machine, this link or nobody: loopback, unspecified, link-local, multicast,
/// broadcast; also inside IPv6.
pub fn is_special_address(address: IpAddr) -> bool {
    let special = |a: Ipv4Addr| {
        let here = a.is_loopback() || a.octets().first() == Some(&0);
        here || a.is_link_local() || a.is_multicast() || a.is_broadcast()
    };
    match address.to_canonical() {
        IpAddr::V4(v4) => special(v4),
        IpAddr::V6(v6) => {
            let [high @ .., _, _] = v6.segments();
            let embeds = high == [0; 6] || high == [0x64, 0xff9b, 0, 0, 0, 0];
            let embedded = Ipv4Addr::from(u32::try_from(u128::from(v6) & 0xffff_ffff).unwrap_or(0));
            let here = v6.is_loopback() || v6.is_unspecified();
            here || v6.is_unicast_link_local() || v6.is_multicast() || (embeds && special(embedded))
        }
    }
}

/// True for a name that can lead nowhere else.
pub(super) fn is_special(identifier: &Identifier) -> bool {
    match identifier.value.parse() {
        Ok(address) => is_special_address(address),
        Err(_) => identifier.base() == "localhost" || identifier.base().ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_of_this_machine_are_known_in_every_form() {
        for special in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(is_special_address(special.parse().unwrap()), "{special}");
        }
        for plain in
            ["10.0.0.1", "192.168.1.1", "192.0.2.1", "2001:db8::1", "fd00::1", "64:ff9b::a00:1"]
        {
            assert!(!is_special_address(plain.parse().unwrap()), "{plain}");
        }
        let named = |value: &str| Identifier { kind: "dns".into(), value: value.into() };
        assert!(is_special(&named("localhost")) && is_special(&named("*.a.localhost")));
        assert!(!is_special(&named("localhost.example")) && !is_special(&named("notlocalhost")));
    }
}
