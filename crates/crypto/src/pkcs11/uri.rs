//! A key in a token, by its PKCS#11 URI (RFC 7512): `pkcs11:token=house;object=unseal`. Slots have no place in it, since
//! their numbers change, and neither have modules and PINs: those are the server's settings.

use std::fmt;

use crate::CryptoError;

/// Which key in which token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenKey {
    /// The token's label.
    pub token: Option<String>,
    /// The token's serial number.
    pub serial: Option<String>,
    /// The key's label.
    pub object: Option<String>,
    /// The key's id.
    pub id: Option<Vec<u8>>,
}

/// A longer text is none of ours; labels have 32 bytes, and each can take three letters.
const LENGTH_MAX: usize = 1000;

fn wrong(why: &str) -> CryptoError {
    CryptoError::Token(format!(
        "{why}; a token's key is named like this: pkcs11:token=LABEL;object=LABEL (also serial=, id=%01)"
    ))
}

impl TokenKey {
    /// Reads a URI.
    pub fn parse(text: &str) -> Result<Self, CryptoError> {
        let path = text.trim().strip_prefix("pkcs11:").filter(|path| path.len() <= LENGTH_MAX);
        let path = path.ok_or_else(|| wrong("this is no PKCS#11 URI"))?;
        if path.contains(['?', '#']) {
            return Err(wrong("module and PIN are settings of the server, not of the URI"));
        }
        let mut key = Self { token: None, serial: None, object: None, id: None };
        for part in path.split(';') {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let bytes = decoded(value).filter(|bytes| !bytes.is_empty());
            let bytes = bytes.ok_or_else(|| wrong(&format!("'{name}' has no readable value")))?;
            let text = || {
                let text = String::from_utf8(bytes.clone());
                text.map_err(|_| wrong(&format!("'{name}' is not in UTF-8")))
            };
            let twice = match name {
                "token" => key.token.replace(text()?).is_some(),
                "serial" => key.serial.replace(text()?).is_some(),
                "object" => key.object.replace(text()?).is_some(),
                "id" => key.id.replace(bytes).is_some(),
                "type" if value == "secret-key" => false,
                "type" => return Err(wrong("the key is a secret key")),
                "slot-id" => return Err(wrong("the numbers of slots change: name the token")),
                _ => return Err(wrong(&format!("'{name}' is not understood"))),
            };
            if twice {
                return Err(wrong(&format!("'{name}' stands there twice")));
            }
        }
        if key.token.is_none() && key.serial.is_none() {
            return Err(wrong("the token is not named"));
        }
        if key.object.is_none() && key.id.is_none() {
            return Err(wrong("the key is not named"));
        }
        Ok(key)
    }
}

impl fmt::Display for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = |text: &'_ Option<String>| text.as_ref().map(|text| text.as_bytes().to_vec());
        let parts = [
            ("token", bytes(&self.token)),
            ("serial", bytes(&self.serial)),
            ("object", bytes(&self.object)),
            ("id", self.id.clone()),
        ];
        let parts = parts.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        f.write_str("pkcs11:")?;
        for (at, (name, value)) in parts.enumerate() {
            let sign = if at == 0 { "" } else { ";" };
            write!(f, "{sign}{name}=")?;
            for &byte in value {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    write!(f, "{}", char::from(byte))?;
                } else {
                    write!(f, "%{byte:02X}")?;
                }
            }
        }
        Ok(())
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        if *first == b'%' {
            let (pair, more) = rest.split_first_chunk::<2>()?;
            rest = more;
            bytes.extend(hex::decode(pair).ok()?);
        } else {
            bytes.push(*first);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn uris_are_read_and_written() {
        let key =
            TokenKey::parse("pkcs11:token=My%20House;object=unseal;id=%01%ff;type=secret-key")
                .unwrap();
        assert_eq!(key.token.as_deref(), Some("My House"));
        assert_eq!(
            (key.object.as_deref(), key.id.as_deref()),
            (Some("unseal"), Some(&[1, 255][..]))
        );
        assert_eq!(key.to_string(), "pkcs11:token=My%20House;object=unseal;id=%01%FF");
        let serial = TokenKey::parse(" pkcs11:serial=0a1b;id=a\n").unwrap();
        assert_eq!(serial.to_string(), "pkcs11:serial=0a1b;id=a");
    }

    #[test]
    fn what_does_not_belong_is_refused_by_name() {
        for (bad, word) in [
            ("", "no PKCS#11 URI"),
            ("pkcs12:token=a;object=b", "no PKCS#11 URI"),
            ("pkcs11:", "no readable value"),
            ("pkcs11:token=a", "the key is not named"),
            ("pkcs11:object=a", "the token is not named"),
            ("pkcs11:token=;object=b", "'token'"),
            ("pkcs11:token=%4;object=b", "'token'"),
            ("pkcs11:token=%zz;object=b", "'token'"),
            ("pkcs11:token=%ff;object=b", "UTF-8"),
            ("pkcs11:token=a;token=b;object=c", "twice"),
            ("pkcs11:slot-id=0;object=b", "slots"),
            ("pkcs11:token=a;object=b;type=private", "secret key"),
            ("pkcs11:token=a;object=b;maker=c", "'maker'"),
            ("pkcs11:token=a;object=b?pin-value=1234", "settings of the server"),
            ("pkcs11:token=a;object=b?module-path=/tmp/x.so", "settings of the server"),
        ] {
            let error = TokenKey::parse(bad).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("pkcs11:token="), "{bad}: {error}");
            assert!(!error.contains("1234"), "{error}");
        }
        assert!(TokenKey::parse(&format!("pkcs11:token=a;object={}", "b".repeat(2000))).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in ".{0,80}") {
            let _ = TokenKey::parse(&text);
            let _ = TokenKey::parse(&format!("pkcs11:token={text};object=b"));
        }

        #[test]
        fn what_is_written_is_read_back(
            token in "[^\0]{1,20}", object in "[^\0]{1,20}", id in proptest::collection::vec(any::<u8>(), 1..20)
        ) {
            let key = TokenKey { token: Some(token), serial: None, object: Some(object), id: Some(id) };
            prop_assert_eq!(TokenKey::parse(&key.to_string()).unwrap(), key);
        }
    }
}
