//! The encryptions of PKCS#12 and PKCS#8: PBES2 and the old ones by triple DES and RC2; and PBMAC1.

use crypto::password_based::{CbcCipher, Pkcs12Purpose, pbkdf2, pkcs12_key};
use crypto::{Hash, SecretBytes};
use zeroize::Zeroizing;

use crate::PkiError;
use crate::der::{Node, Reader, tag};

const PBES2: &str = "1.2.840.113549.1.5.13";
const PBKDF2: &str = "1.2.840.113549.1.5.12";

/// Old encryptions: each names cipher, digest and derivation at once.
pub(super) const OLD: &[(&str, CbcCipher)] = &[
    ("1.2.840.113549.1.12.1.3", CbcCipher::TripleDes),
    ("1.2.840.113549.1.12.1.5", CbcCipher::Rc2(128)),
    ("1.2.840.113549.1.12.1.6", CbcCipher::Rc2(40)),
];

/// Ciphers of PBES2.
pub(super) const CIPHERS: &[(&str, CbcCipher)] = &[
    ("2.16.840.1.101.3.4.1.2", CbcCipher::Aes128),
    ("2.16.840.1.101.3.4.1.22", CbcCipher::Aes192),
    ("2.16.840.1.101.3.4.1.42", CbcCipher::Aes256),
    ("1.2.840.113549.3.7", CbcCipher::TripleDes),
];

/// Pseudo-random functions of PBKDF2.
pub(super) const MACS: &[(&str, Hash)] = &[
    ("1.2.840.113549.2.7", Hash::Sha1),
    ("1.2.840.113549.2.9", Hash::Sha256),
    ("1.2.840.113549.2.10", Hash::Sha384),
    ("1.2.840.113549.2.11", Hash::Sha512),
];

const NONE: PkiError = PkiError::Format("key file with a known encryption");

/// A password in both forms that the methods want.
pub(super) struct Password {
    plain: Zeroizing<Vec<u8>>,
    wide: Zeroizing<Vec<u8>>,
}

impl Password {
    pub(super) fn new(text: &str) -> Self {
        let mut wide = Zeroizing::new(Vec::with_capacity(text.len() * 2 + 2));
        text.encode_utf16().chain([0]).for_each(|unit| wide.extend(unit.to_be_bytes()));
        Self { plain: Zeroizing::new(text.as_bytes().to_vec()), wide }
    }

    /// No password: no bytes at all, not even a final zero.
    fn none() -> Self {
        Self { plain: Zeroizing::default(), wide: Zeroizing::default() }
    }

    /// The form to write with: an empty password is none, as Windows has it, and as every reader tries it.
    pub(super) fn to_write(text: &str) -> Self {
        if text.is_empty() { Self::none() } else { Self::new(text) }
    }

    /// True for no password.
    pub(super) fn is_none(&self) -> bool {
        self.wide.is_empty()
    }

    /// The forms to try: writers do not agree whether an empty password has its final zero.
    pub(super) fn forms(text: &str) -> Vec<Self> {
        let mut forms = vec![Self::new(text)];
        if text.is_empty() {
            forms.push(Self::none());
        }
        forms
    }

    /// Big-endian UTF-16 with its final zero.
    pub(super) fn wide(&self) -> &[u8] {
        &self.wide
    }
}

/// Decrypts by what the AlgorithmIdentifier says.
pub(super) fn decrypt(
    algorithm: &Node<'_>,
    password: &Password,
    data: &[u8],
) -> Result<SecretBytes, PkiError> {
    let mut inside = algorithm.reader();
    let oid = inside.oid().ok_or(NONE)?;
    let parameters = inside.sequence().ok_or(NONE)?;
    if oid == PBES2 {
        return pbes2(parameters, password, data);
    }
    let cipher = OLD.iter().find(|(o, _)| *o == oid).map(|(_, c)| *c).ok_or(NONE)?;
    let (salt, rounds) = salt_and_rounds(parameters).ok_or(NONE)?;
    let derive =
        |purpose, length| pkcs12_key(Hash::Sha1, purpose, password.wide(), salt, rounds, length);
    let key = derive(Pkcs12Purpose::Key, cipher.key_bytes())?;
    let iv = derive(Pkcs12Purpose::Iv, cipher.iv_bytes())?;
    cipher.decrypt(key.expose(), iv.expose(), data).map_err(|_| PkiError::Password)
}

fn salt_and_rounds(mut parameters: Reader<'_>) -> Option<(&[u8], u32)> {
    let salt = parameters.octets()?;
    Some((salt, u32::try_from(parameters.number()?).ok()?))
}

fn pbes2(
    mut parameters: Reader<'_>,
    password: &Password,
    data: &[u8],
) -> Result<SecretBytes, PkiError> {
    let derivation = parameters.expect(tag::SEQUENCE).ok_or(NONE)?;
    let mut encryption = parameters.sequence().ok_or(NONE)?;
    let oid = encryption.oid().ok_or(NONE)?;
    let cipher = CIPHERS.iter().find(|(o, _)| *o == oid).map(|(_, c)| *c).ok_or(NONE)?;
    let iv = encryption.octets().ok_or(NONE)?;
    let (_, key) = derive_pbkdf2(&derivation, password, Some(cipher.key_bytes()))?;
    cipher.decrypt(key.expose(), iv, data).map_err(|_| PkiError::Password)
}

/// The key of a PBKDF2 AlgorithmIdentifier, `length` bytes long or as long as it says itself.
fn derive_pbkdf2(
    derivation: &Node<'_>,
    password: &Password,
    length: Option<usize>,
) -> Result<(Hash, SecretBytes), PkiError> {
    let parts = || {
        let mut inside = derivation.reader();
        if inside.oid()? != PBKDF2 {
            return None;
        }
        let mut parameters = inside.sequence()?;
        let salt = parameters.octets()?;
        let rounds = u32::try_from(parameters.number()?).ok()?;
        let own_length = parameters.take(tag::INTEGER).and_then(|n| n.number());
        let hash = match parameters.take(tag::SEQUENCE) {
            None => Hash::Sha1,
            Some(function) => {
                let oid = function.reader().oid()?;
                MACS.iter().find(|(o, _)| *o == oid).map(|(_, h)| *h)?
            }
        };
        let length = length.or_else(|| usize::try_from(own_length?).ok())?;
        Some((salt, rounds, hash, length))
    };
    let (salt, rounds, hash, length) = parts().ok_or(NONE)?;
    Ok((hash, pbkdf2(hash, &password.plain, salt, rounds, length)?))
}

/// Digest and key of a PBMAC1 AlgorithmIdentifier (RFC 9579).
pub(super) fn pbmac1(
    algorithm: &Node<'_>,
    password: &Password,
) -> Result<(Hash, SecretBytes), PkiError> {
    let parts = || {
        let mut inside = algorithm.reader();
        inside.oid()?;
        let mut parameters = inside.sequence()?;
        let derivation = parameters.expect(tag::SEQUENCE)?;
        let oid = parameters.sequence()?.oid()?;
        Some((derivation, MACS.iter().find(|(o, _)| *o == oid).map(|(_, h)| *h)?))
    };
    let (derivation, hash) = parts().ok_or(NONE)?;
    let (_, key) = derive_pbkdf2(&derivation, password, None)?;
    Ok((hash, key))
}
