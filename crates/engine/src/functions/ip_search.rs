//! IPv4 addresses and their beginnings inside of texts.

use std::borrow::Cow;

use values::{Kind, Value};

use super::Function;
use super::call::{Call, Columnar};
use super::ip::address4;
use super::strings::text_of;
use super::support::Answer;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("has_ipv4", |c| search(c, Sought::Address)),
    Function::new("has_any_ipv4", |c| search(c, Sought::Address)),
    Function::new("has_ipv4_prefix", |c| search(c, Sought::Prefix)),
    Function::new("has_any_ipv4_prefix", |c| search(c, Sought::Prefix)),
    Function::new("geo_info_from_ip_address", geo_info),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sought {
    Address,
    Prefix,
}

/// A needle that is worth looking for: a whole address, or for a prefix one to three numbers with their dots.
fn valid(needle: &str, sought: Sought) -> bool {
    if address4(needle).is_some() {
        return true;
    }
    let Some(numbers) = needle.strip_suffix('.').filter(|_| sought == Sought::Prefix) else {
        return false;
    };
    let missing = 3_usize.saturating_sub(numbers.matches('.').count());
    missing > 0 && address4(&format!("{numbers}{}", ".0".repeat(missing))).is_some()
}

fn found(text: &str, needle: &str) -> bool {
    let (bytes, length, open) = (text.as_bytes(), needle.len(), needle.ends_with('.'));
    memchr::memmem::find_iter(bytes, needle.as_bytes()).any(|at| {
        let bounded =
            !text.get(..at).and_then(|t| t.chars().next_back()).is_some_and(char::is_alphanumeric);
        let rest = text.get(at..).unwrap_or_default();
        let end = rest
            .char_indices()
            .find(|(i, c)| *i >= length && !(open && (c.is_ascii_digit() || *c == '.')))
            .map_or(rest.len(), |(i, _)| i);
        let (address, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        bounded
            && !after.starts_with(char::is_alphanumeric)
            && address4(address.trim_end_matches('.')).is_some()
    })
}

fn needles(value: &Value) -> Vec<String> {
    match value {
        Value::Dynamic(d) if d.as_ref().kind() == Kind::Array => {
            d.as_ref().array().map(|item| text_of(item).into_owned()).collect()
        }
        value => vec![value.to_string()],
    }
}

fn search(call: &Call<'_>, sought: Sought) -> Answer {
    let texts = call.any_text(0)?;
    let rest = call.args.get(1..).unwrap_or_default();
    let at = |row: usize| -> Vec<String> {
        let all = (1..call.len()).flat_map(|i| needles(&call.value(i, row)));
        all.filter(|n| valid(n, sought)).collect()
    };
    let fixed = rest.iter().all(|a| matches!(a, Columnar::Scalar(_)));
    let known = if fixed { at(0) } else { Vec::new() };
    call.bools(|row| {
        let text: Cow<'_, str> = texts.get(row);
        let own = if fixed { Vec::new() } else { at(row) };
        Some(known.iter().chain(&own).any(|needle| found(&text, needle)))
    })
}

/// Where an address is; null where no database says so.
fn geo_info(call: &Call<'_>) -> Answer {
    let texts = call.any_text(0)?;
    let places = call.context.places.as_deref();
    call.dynamics(|row| places?.find(&texts.get(row)))
}
