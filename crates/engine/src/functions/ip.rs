//! IPv4 and IPv6 addresses, alone and with a prefix length.

use std::net::Ipv6Addr;

use values::{Kind, ScalarType, Value};

use super::Function;
use super::call::{Call, Columnar, EvalError};
use super::strings::text_of;
use super::support::{Answer, NumberArg};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("parse_ipv4", |c| masked4(c, false)),
    Function::new("parse_ipv4_mask", |c| masked4(c, true)),
    Function::new("format_ipv4", |c| format4(c, false)),
    Function::new("format_ipv4_mask", |c| format4(c, true)),
    Function::new("ipv4_compare", |c| compare(c, &V4, |o| Some(o as i64))),
    Function::new("ipv4_is_match", |c| matches(c, &V4)),
    Function::new("ipv4_is_in_range", |c| matches(c, &V4)),
    Function::new("ipv4_is_in_any_range", |c| in_any_range(c, &V4)),
    Function::new("ipv4_is_private", is_private),
    Function::new("ipv4_netmask_suffix", netmask_suffix),
    Function::new("ipv4_range_to_cidr_list", range_to_cidr_list),
    Function::new("parse_ipv6", |c| masked6(c, false)),
    Function::new("parse_ipv6_mask", |c| masked6(c, true)),
    Function::new("ipv6_compare", |c| compare(c, &V6, |o| Some(o as i64))),
    Function::new("ipv6_is_match", |c| matches(c, &V6)),
    Function::new("ipv6_is_in_range", |c| matches(c, &V6)),
    Function::new("ipv6_is_in_any_range", |c| in_any_range(c, &V6)),
];

/// An address as a number, and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) address: u128,
    pub(crate) prefix: u8,
}

/// One of the two families: how to read it, and its width in bits.
struct Family {
    read: fn(&str) -> Option<Network>,
    bits: u8,
}

const V4: Family = Family { read: parse4, bits: 32 };
const V6: Family = Family { read: parse6, bits: 128 };

impl Family {
    /// The bits of an address that a prefix keeps.
    fn mask(&self, address: u128, prefix: u8) -> u128 {
        let dropped = u32::from(self.bits.saturating_sub(prefix));
        address.checked_shr(dropped).and_then(|kept| kept.checked_shl(dropped)).unwrap_or(0)
    }
}

/// Four numbers of up to three digits.
#[inline]
pub(crate) fn address4(text: &str) -> Option<u32> {
    let mut rest = text.as_bytes();
    let mut address = 0;
    for at in 0..4 {
        if at > 0 {
            rest = rest.strip_prefix(b".")?;
        }
        // by where the next dot stands: half the time of a loop over the digits, whose branches are guessed wrong
        let (part, length) = match *rest {
            [a, b'.', ..] | [a] => (digit(a)?, 1),
            [a, b, b'.', ..] | [a, b] => (digit(a)? * 10 + digit(b)?, 2),
            [a, b, c, ..] => (digit(a)? * 100 + digit(b)? * 10 + digit(c)?, 3),
            [] => return None,
        };
        if part > 255 {
            return None;
        }
        address = address << 8 | part;
        rest = rest.get(length..)?;
    }
    rest.is_empty().then_some(address)
}

#[inline]
fn digit(byte: u8) -> Option<u32> {
    let digit = byte.wrapping_sub(b'0');
    (digit < 10).then_some(u32::from(digit))
}

/// `/24`, no longer than `bits`; the whole width where there is none.
fn split_prefix(text: &str, bits: u8) -> Option<(&str, u8)> {
    let text = text.trim();
    match text.split_once('/') {
        None => Some((text, bits)),
        Some((address, prefix)) => {
            let prefix = prefix.parse().ok().filter(|p| *p <= bits)?;
            Some((address, prefix))
        }
    }
}

/// An IPv4 address with an optional prefix.
pub(crate) fn parse4(text: &str) -> Option<Network> {
    if let Some(address) = address4(text) {
        return Some(Network { address: u128::from(address), prefix: 32 });
    }
    let (address, prefix) = split_prefix(text, 32)?;
    Some(Network { address: u128::from(address4(address)?), prefix })
}

const MAPPED: u128 = 0xFFFF_0000_0000;

/// An IPv6 address with an optional prefix. An IPv4 address, also behind `::`, counts as the mapped one, and its
/// prefix as one of IPv4.
pub(crate) fn parse6(text: &str) -> Option<Network> {
    let (address, prefix) = split_prefix(text, 128)?;
    let short = address.strip_prefix("::").unwrap_or(address);
    let short =
        short.strip_prefix("ffff:").or_else(|| short.strip_prefix("FFFF:")).unwrap_or(short);
    if let Some(v4) = address4(short) {
        let prefix =
            if text.contains('/') { prefix.checked_add(96).filter(|p| *p <= 128)? } else { 128 };
        return Some(Network { address: MAPPED | u128::from(v4), prefix });
    }
    let address = address.split_once('%').map_or(address, |(a, _)| a);
    Some(Network { address: address.parse::<Ipv6Addr>().ok()?.to_bits(), prefix })
}

/// A prefix argument: none where it is out of range.
fn prefix_at(prefixes: Option<&NumberArg<'_>>, row: usize, bits: u8) -> Option<u8> {
    match prefixes {
        None => Some(bits),
        Some(prefixes) => u8::try_from(prefixes.long(row)?).ok().filter(|p| *p <= bits),
    }
}

fn optional<'c>(call: &'c Call<'_>, index: usize) -> Result<Option<NumberArg<'c>>, EvalError> {
    if index < call.len() { call.number(index).map(Some) } else { Ok(None) }
}

fn masked4(call: &Call<'_>, with_mask: bool) -> Answer {
    let (texts, prefixes) = (call.any_text(0)?, if with_mask { optional(call, 1)? } else { None });
    call.longs(|row| {
        let network = texts.with(row, parse4)?;
        let prefix = network.prefix.min(prefix_at(prefixes.as_ref(), row, 32)?);
        i64::try_from(V4.mask(network.address, prefix)).ok()
    })
}

fn dotted(address: u128) -> String {
    std::net::Ipv4Addr::from_bits(address as u32).to_string()
}

fn format4(call: &Call<'_>, show_mask: bool) -> Answer {
    let prefixes = optional(call, 1)?;
    call.texts(|row| {
        let network = match call.value(0, row) {
            Value::String(text) => parse4(&text)?,
            value => {
                let number = value.cast(ScalarType::Long).as_i64()?;
                Network { address: u128::from(u32::try_from(number).ok()?), prefix: 32 }
            }
        };
        let wanted = prefix_at(prefixes.as_ref(), row, 32)?;
        let prefix = network.prefix.min(wanted);
        let address = dotted(V4.mask(network.address, prefix));
        Some(if show_mask { format!("{address}/{prefix}") } else { address })
    })
}

/// All sixteen bytes, as canonical text without shortening.
fn masked6(call: &Call<'_>, with_mask: bool) -> Answer {
    let (texts, prefixes) = (call.any_text(0)?, if with_mask { optional(call, 1)? } else { None });
    let read = |row: usize| {
        let network = texts.with(row, parse6)?;
        let prefix = network.prefix.min(prefix_at(prefixes.as_ref(), row, 128)?);
        Some(V6.mask(network.address, prefix))
    };
    call.written(|row, out| {
        let Some(address) = read(row) else { return };
        for digit in (0..32).rev() {
            let value = (address >> (digit * 4) & 15) as u32;
            out.push(char::from_digit(value, 16).unwrap_or('0'));
            if digit % 4 == 0 && digit > 0 {
                out.push(':');
            }
        }
    })
}

/// Order of two addresses under the shortest of all prefixes.
fn order(family: &Family, a: Network, b: Network, prefix: u8) -> std::cmp::Ordering {
    let prefix = prefix.min(a.prefix).min(b.prefix);
    family.mask(a.address, prefix).cmp(&family.mask(b.address, prefix))
}

fn compare(call: &Call<'_>, family: &Family, f: fn(std::cmp::Ordering) -> Option<i64>) -> Answer {
    let (a, b, prefixes) = (call.any_text(0)?, call.any_text(1)?, optional(call, 2)?);
    call.longs(|row| {
        let (a, b) = (a.with(row, family.read)?, b.with(row, family.read)?);
        f(order(family, a, b, prefix_at(prefixes.as_ref(), row, family.bits)?))
    })
}

fn matches(call: &Call<'_>, family: &Family) -> Answer {
    let (a, b, prefixes) = (call.any_text(0)?, call.any_text(1)?, optional(call, 2)?);
    let fixed = b.constant().map(|text| (family.read)(&text));
    call.bools(|row| {
        let a = a.with(row, family.read)?;
        let b = match fixed {
            Some(network) => network?,
            None => b.with(row, family.read)?,
        };
        Some(order(family, a, b, prefix_at(prefixes.as_ref(), row, family.bits)?).is_eq())
    })
}

/// The networks in an argument: a text, or an array of them.
fn networks(value: &Value, family: &Family, out: &mut Vec<Network>) {
    match value {
        Value::Dynamic(d) if d.as_ref().kind() == Kind::Array => {
            out.extend(d.as_ref().array().filter_map(|item| (family.read)(&text_of(item))));
        }
        value => out.extend((family.read)(&value.to_string())),
    }
}

fn in_any_range(call: &Call<'_>, family: &Family) -> Answer {
    let addresses = call.any_text(0)?;
    let rest = call.args.get(1..).unwrap_or_default();
    let fixed = rest.iter().all(|a| matches!(a, Columnar::Scalar(_)));
    let at = |row: usize| {
        let mut all = Vec::new();
        (1..call.len()).for_each(|i| networks(&call.value(i, row), family, &mut all));
        all
    };
    let known = if fixed { at(0) } else { Vec::new() };
    call.bools(|row| {
        let address = addresses.with(row, family.read)?;
        let hit = |network: &Network| order(family, address, *network, family.bits).is_eq();
        Some(if fixed { known.iter().any(hit) } else { at(row).iter().any(hit) })
    })
}

/// In 10/8, 172.16/12 or 192.168/16.
fn is_private(call: &Call<'_>) -> Answer {
    let texts = call.any_text(0)?;
    call.bools(|row| {
        texts.with(row, |text| match address4(text) {
            Some(a) => Some(a >> 24 == 10 || a >> 20 == 0xAC1 || a >> 16 == 0xC0A8),
            None => private_network(text),
        })
    })
}

/// As [`is_private`] says it of an address with a prefix.
#[cold]
fn private_network(text: &str) -> Option<bool> {
    let network = parse4(text)?;
    let inside = |base: u128, prefix: u8| {
        network.prefix >= prefix && V4.mask(network.address, prefix) == base
    };
    Some(inside(0x0A00_0000, 8) || inside(0xAC10_0000, 12) || inside(0xC0A8_0000, 16))
}

fn netmask_suffix(call: &Call<'_>) -> Answer {
    let texts = call.any_text(0)?;
    call.longs(|row| Some(i64::from(texts.with(row, parse4)?.prefix)))
}

/// The fewest networks that cover exactly the addresses from start to end.
fn range_to_cidr_list(call: &Call<'_>) -> Answer {
    let (starts, ends) = (call.any_text(0)?, call.any_text(1)?);
    call.built(|row, out| {
        let read = |text: &str| address4(text.trim()).map(u64::from);
        let (mut at, end) = (read(&starts.get(row))?, read(&ends.get(row))?);
        out.begin_array();
        while at <= end {
            let aligned = if at == 0 { 32 } else { at.trailing_zeros().min(32) };
            let fitting = (end - at + 1).ilog2();
            let size = aligned.min(fitting);
            out.string(&format!("{}/{}", dotted(u128::from(at)), 32 - size));
            at += 1 << size;
        }
        out.end_array();
        Some(())
    })
}

#[cfg(test)]
mod tests {
    use super::address4;

    /// As anybody would read it.
    fn plainly(text: &str) -> Option<u32> {
        let parts: Vec<&str> = text.split('.').collect();
        let part = |part: &&str| {
            let digits = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| part.parse::<u32>().ok()).flatten().filter(|n| *n < 256)
        };
        let numbers: Option<Vec<u32>> = parts.iter().map(part).collect();
        numbers.filter(|n| n.len() == 4).map(|n| n.iter().fold(0, |all, n| all << 8 | n))
    }

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for text in ["", ".", "...", "1.2.3", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.5", "::1"] {
            assert_eq!(address4(text), None, "{text}");
        }
        let mut state = 1_u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let odd = ["", "/", ":", "a", " ", "\u{e9}", ".", "0", "-", "\0", "256", "999", "1234"];
        let mut read = 0;
        for _ in 0..200_000 {
            let mut parts: Vec<String> = (0..4).map(|_| next(300).to_string()).collect();
            match next(4) {
                0 => parts[next(4) as usize] = odd[next(odd.len() as u64) as usize].to_owned(),
                1 => parts[next(4) as usize].insert_str(0, ["0", "00", "+"][next(3) as usize]),
                _ => {}
            }
            let text = parts.join(".");
            let address = address4(&text);
            assert_eq!(address, plainly(&text), "{text}");
            read += usize::from(address.is_some());
        }
        assert!(read > 50_000);
    }
}
