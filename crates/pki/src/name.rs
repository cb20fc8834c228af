//! X.500 names: Azure's text (`CN=example.com, O="Example, Inc."`) to DER and back. Keys ignore case, commas may be quoted
//! or escaped, and several attributes of one kind keep their order. The text begins with what stands last in DER, as Azure
//! and RFC 4514 have it: a certificate names the country first and its owner last.

use crate::PkiError;
use crate::der::{Node, Oid, Reader, Writer, tag};

/// Attributes by their short names; the first of equal identifiers is the one that is written.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("CN", "2.5.4.3"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("S", "2.5.4.8"),
    ("ST", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("E", "1.2.840.113549.1.9.1"),
    ("EMAIL", "1.2.840.113549.1.9.1"),
    ("EMAILADDRESS", "1.2.840.113549.1.9.1"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("SN", "2.5.4.4"),
    ("SURNAME", "2.5.4.4"),
    ("G", "2.5.4.42"),
    ("GN", "2.5.4.42"),
    ("GIVENNAME", "2.5.4.42"),
    ("I", "2.5.4.43"),
    ("INITIALS", "2.5.4.43"),
    ("T", "2.5.4.12"),
    ("TITLE", "2.5.4.12"),
    ("D", "2.5.4.13"),
    ("DESCRIPTION", "2.5.4.13"),
    ("POSTALCODE", "2.5.4.17"),
    ("POSTALADDRESS", "2.5.4.16"),
    ("PHONE", "2.5.4.20"),
    ("BUSINESSCATEGORY", "2.5.4.15"),
    ("DNQUALIFIER", "2.5.4.46"),
];

/// Attributes of one name that are read.
const ATTRIBUTES_MAX: usize = 100;
/// Longest text of a name.
const TEXT_MAX: usize = 4096;

/// A name: attributes in the order of the text, the reverse of the certificate's.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Name {
    /// Dotted identifier and value.
    attributes: Vec<(String, String)>,
    der: Vec<u8>,
}

impl Name {
    /// Reads Azure's text. Empty text is the empty name.
    pub fn parse(text: &str) -> Result<Self, PkiError> {
        let bad = || PkiError::Subject(text.chars().take(200).collect());
        if text.len() > TEXT_MAX {
            return Err(bad());
        }
        let mut attributes = Vec::new();
        for part in split(text).ok_or_else(bad)? {
            let (key, value) = part.split_once('=').ok_or_else(bad)?;
            let value = plain(value.trim()).ok_or_else(bad)?;
            let country = identifier(key.trim()).ok_or_else(bad)?;
            if value.is_empty() || attributes.len() == ATTRIBUTES_MAX {
                return Err(bad());
            }
            attributes.push((country, value));
        }
        Ok(Self::new(attributes))
    }

    /// A name of one common name.
    pub fn common(name: &str) -> Self {
        Self::new(vec![("2.5.4.3".to_owned(), name.to_owned())])
    }

    fn new(attributes: Vec<(String, String)>) -> Self {
        let der = Writer::build(|w| {
            w.sequence(|w| {
                for (oid, value) in attributes.iter().rev() {
                    w.wrap(tag::SET, |w| {
                        w.sequence(|w| {
                            w.oid(oid);
                            w.value(string_tag(oid, value), value.as_bytes());
                        });
                    });
                }
            });
        });
        Self { attributes, der }
    }

    /// Reads DER; keeps its bytes, so that an issuer's name stays as it was written.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let node = Node::only(der).filter(|n| n.tag == tag::SEQUENCE)?;
        let mut attributes = Vec::new();
        for set in node.reader().all(ATTRIBUTES_MAX)? {
            if set.tag != tag::SET {
                return None;
            }
            for pair in set.reader().all(ATTRIBUTES_MAX)? {
                let mut pair = Reader::new(pair.whole).sequence()?;
                let (oid, value) = (pair.oid()?, pair.node()?);
                attributes.push((oid, value.text().unwrap_or_else(|| hex::encode(value.content))));
            }
        }
        attributes.reverse();
        Some(Self { attributes, der: der.to_vec() })
    }

    /// DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// True for the name without attributes.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// The first common name.
    pub fn common_name(&self) -> Option<&str> {
        self.attributes.iter().find(|(oid, _)| oid == "2.5.4.3").map(|(_, v)| v.as_str())
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, (oid, value)) in self.attributes.iter().enumerate() {
            let key = ATTRIBUTES.iter().find(|(_, o)| o == oid).map_or(oid.as_str(), |(k, _)| k);
            let comma = if i == 0 { "" } else { ", " };
            if value.contains([',', '+', '"', '=', '<', '>', ';', '#', '\n'])
                || value.starts_with(' ')
                || value.ends_with(' ')
            {
                write!(f, "{comma}{key}=\"{}\"", value.replace('"', "\"\""))?;
            } else {
                write!(f, "{comma}{key}={value}")?;
            }
        }
        Ok(())
    }
}

/// The string type that an attribute wants.
fn string_tag(oid: &str, value: &str) -> u8 {
    match oid {
        "1.2.840.113549.1.9.1" | "0.9.2342.19200300.100.1.25" if value.is_ascii() => tag::IA5,
        "2.5.4.6" | "2.5.4.5" | "2.5.4.46" if value.is_ascii() => tag::PRINTABLE,
        _ => tag::UTF8,
    }
}

fn identifier(key: &str) -> Option<String> {
    let dotted = key.strip_prefix("OID.").or_else(|| key.strip_prefix("oid.")).unwrap_or(key);
    let known = ATTRIBUTES.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
    match known {
        Some((_, oid)) => Some((*oid).to_owned()),
        None => Oid::parse(dotted).map(|_| dotted.to_owned()),
    }
}

/// Attributes as they stand between commas, semicolons, plus signs or line ends outside of quotes.
fn split(text: &str) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' | ';' | '+' | '\n' if !quoted => {
                parts.push(text.get(start..at)?);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    if quoted || escaped {
        return None;
    }
    let alone = parts.len() == 1;
    parts.retain(|p| !(alone && p.trim().is_empty()));
    Some(parts)
}

/// A value without its quotes and escapes; `""` inside of quotes is one quote.
fn plain(value: &str) -> Option<String> {
    let quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
    let inner = if quoted { value.get(1..value.len() - 1)? } else { value };
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                high if high.is_ascii_hexdigit()
                    && chars.peek().is_some_and(char::is_ascii_hexdigit) =>
                {
                    let low = chars.next()?;
                    let byte = high.to_digit(16)? * 16 + low.to_digit(16)?;
                    out.push(char::from_u32(byte).filter(char::is_ascii)?);
                }
                other => out.push(other),
            },
            '"' if quoted => {
                if chars.next() != Some('"') {
                    return None;
                }
                out.push('"');
            }
            '"' => return None,
            c => out.push(c),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn azures_texts() {
        let cases = [
            ("cn=MyCert", "CN=MyCert"),
            ("CN=a.example, O=\"Example, Inc.\", C=DE", "CN=a.example, O=\"Example, Inc.\", C=DE"),
            ("CN=a;O=b+OU=c", "CN=a, O=b, OU=c"),
            ("O=Example\\, Inc.", "O=\"Example, Inc.\""),
            ("dc=example,dc=com", "DC=example, DC=com"),
            ("emailAddress=a@b.c,ST=Bern", "E=a@b.c, S=Bern"),
            ("2.5.4.3=x, OID.1.2.3.4=y", "CN=x, 1.2.3.4=y"),
            ("CN=\"say \"\"hi\"\"\"", "CN=\"say \"\"hi\"\"\""),
            ("CN=\u{fc}ber", "CN=\u{fc}ber"),
            ("", ""),
        ];
        for (text, expected) in cases {
            let name = Name::parse(text).unwrap();
            assert_eq!(name.to_string(), expected);
            let again = Name::from_der(name.der()).unwrap();
            assert_eq!(again, name, "{text}");
            assert_eq!(Name::parse(expected).unwrap(), name, "{text}");
        }
        assert_eq!(Name::parse("cn=MyCert").unwrap().common_name(), Some("MyCert"));
        let name = Name::parse("CN=a, C=CH").unwrap();
        let country = [0x30, 0x19, 0x31, 0x0b, 0x30, 0x09, 0x06, 0x03, 0x55, 0x04, 0x06];
        assert!(name.der().starts_with(&country), "{:x?}", name.der());
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in ["MyCert", "CN=", "CN=a,", "XX=a", "CN=\"a", "CN=a\\", "=a", "CN=a\"b", ",,"] {
            assert!(Name::parse(bad).is_err(), "{bad}");
        }
        assert!(Name::parse(&"CN=a,".repeat(2000)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_name_or_an_error(text: String, bytes: Vec<u8>) {
            if let Ok(name) = Name::parse(&text) {
                prop_assert_eq!(Name::parse(&name.to_string()).ok(), Some(name));
            }
            let _ = Name::from_der(&bytes);
        }
    }
}
