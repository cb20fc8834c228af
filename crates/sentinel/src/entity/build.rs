//! From mapped values to an entity: full names are taken apart, what cannot identify anything falls away.

use std::net::IpAddr;

use model::DateTime;

use super::Entity;
use crate::entity_type::{EntityType, Form, Identifier};

/// Longest value of one identifier, in characters.
const VALUE_MAX: usize = 8_192;

impl Entity {
    /// An entity of (identifier, value) pairs; none when nothing identifying is left.
    pub fn build(
        entity_type: &'static EntityType,
        values: impl IntoIterator<Item = (&'static Identifier, String)>,
    ) -> Option<Self> {
        let mut given: Vec<(&'static Identifier, String)> = Vec::new();
        for (identifier, value) in values {
            let value = clean(identifier, &value);
            if let Some(value) =
                value.filter(|_| given.iter().all(|(i, _)| i.name != identifier.name))
            {
                given.push((identifier, value));
            }
        }
        match entity_type.name {
            "Account" => take_apart(entity_type, &mut given, account_parts),
            "Host" => take_apart(entity_type, &mut given, host_parts),
            "FileHash" => name_algorithm(entity_type, &mut given),
            "IP" => normal_address(&mut given)?,
            _ => {}
        }
        let position = |name: &str| entity_type.identifiers.iter().position(|i| i.name == name);
        given.sort_by_key(|(identifier, _)| position(identifier.name));
        (!given.is_empty()).then_some(Self { entity_type, fields: given })
    }
}

/// The value without blanks around it; none for what sources write when they know nothing.
fn clean(identifier: &Identifier, value: &str) -> Option<String> {
    let value = value.trim();
    if value.is_empty() || value == "-" || value == "\\" {
        return None;
    }
    let value: String = value.chars().take(VALUE_MAX).collect();
    match identifier.form {
        Form::Instant => DateTime::parse(&value).map(|at| at.to_string()),
        Form::Flag => Some(value.to_ascii_lowercase()),
        _ => Some(value),
    }
}

/// Replaces `FullName` by its parts; parts that are mapped themselves win.
fn take_apart(
    entity_type: &'static EntityType,
    given: &mut Vec<(&'static Identifier, String)>,
    parts: fn(&str) -> Vec<(&'static str, &str)>,
) {
    let Some(at) = given.iter().position(|(i, _)| i.name == "FullName") else { return };
    let (_, full) = given.remove(at);
    for (name, value) in parts(&full) {
        let known = given.iter().any(|(i, _)| i.name == name);
        if let Some(identifier) =
            entity_type.identifier(name).filter(|_| !known && !value.is_empty())
        {
            given.push((identifier, value.to_owned()));
        }
    }
}

/// `DOMAIN\name`, `name@suffix` or `name`.
fn account_parts(full: &str) -> Vec<(&'static str, &str)> {
    if let Some((domain, name)) = full.split_once('\\') {
        return vec![("Name", name.trim()), ("NTDomain", domain.trim())];
    }
    match full.rsplit_once('@') {
        Some((name, suffix)) if !name.is_empty() => {
            vec![("Name", name.trim()), ("UPNSuffix", suffix.trim())]
        }
        _ => vec![("Name", full)],
    }
}

/// `name.domain`, `DOMAIN\name` or `name`; an address is a name as a whole.
fn host_parts(full: &str) -> Vec<(&'static str, &str)> {
    if full.parse::<IpAddr>().is_ok() {
        return vec![("HostName", full)];
    }
    if let Some((domain, name)) = full.split_once('\\') {
        return vec![("HostName", name.trim()), ("NTDomain", domain.trim())];
    }
    match full.split_once('.') {
        Some((name, domain)) if !name.is_empty() => vec![("HostName", name), ("DnsDomain", domain)],
        _ => vec![("HostName", full)],
    }
}

/// A hash without its algorithm's name: the length tells.
fn name_algorithm(
    entity_type: &'static EntityType,
    given: &mut Vec<(&'static Identifier, String)>,
) {
    if given.iter().any(|(i, _)| i.name == "Algorithm") {
        return;
    }
    let Some((_, hash)) = given.iter().find(|(i, _)| i.name == "Value") else { return };
    let algorithm = match hash.len() {
        32 => "MD5",
        40 => "SHA1",
        64 => "SHA256",
        _ => "Unknown",
    };
    if let Some(identifier) = entity_type.identifier("Algorithm") {
        given.push((identifier, algorithm.to_owned()));
    }
}

/// One spelling per address; what is no address is no IP entity. A port behind it falls away.
fn normal_address(given: &mut [(&'static Identifier, String)]) -> Option<()> {
    let (_, address) = given.iter_mut().find(|(i, _)| i.name == "Address")?;
    let text = address.trim_start_matches('[');
    let bare = text.split(']').next().unwrap_or(text);
    let parsed = bare.parse::<IpAddr>().ok().or_else(|| {
        // 10.0.0.1:443; an IPv6 address never has exactly one colon
        bare.split_once(':').and_then(|(ip, _)| ip.parse::<IpAddr>().ok())
    })?;
    *address = match parsed {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(|| v6.to_string(), |v4| v4.to_string()),
        IpAddr::V4(v4) => v4.to_string(),
    };
    Some(())
}
