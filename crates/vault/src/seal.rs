//! Seals: ways to the unseal key. Each wraps the same key under one of its own, so one of them is enough to open.
//!
//! | kind | wrapping key |
//! |---|---|
//! | `keyFile` | 32 random bytes in a file beside the data, or a systemd credential |
//! | `passphrase` | argon2id of a passphrase |
//! | `shamir` | 32 random bytes divided among people |
//! | `pkcs11` | an AES key in a token, which it never leaves |

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::pkcs11::{TokenAccess, TokenKey, TokenMechanism, no_module};
use crypto::shamir::{self, Share};
use crypto::{
    CryptoError, SealingKey, SecretBytes, SecretText, Stretch, passphrase_key, random_bytes,
};
use serde_json::{Value, json};

use crate::VaultError;

/// A seal to be made.
pub enum NewSeal {
    /// A key file; where it lies, the house knows.
    KeyFile,
    /// A passphrase.
    Passphrase(SecretText),
    /// Shares: how many are needed, and how many there are.
    Shamir {
        /// Needed to open.
        threshold: u8,
        /// Handed out.
        count: u8,
    },
    /// A key in a token.
    Pkcs11 {
        /// Which one.
        key: TokenKey,
        /// The token makes it when it has none of that name.
        make: bool,
    },
}

/// What a new seal leaves behind for its keepers.
pub(crate) enum Keepsake {
    /// The content of the key file.
    KeyFile(SecretText),
    /// Nothing: the passphrase is known already, the token has its key.
    Known,
    /// One for each person.
    Shares(Vec<SecretText>),
}

/// A stored seal.
pub(crate) struct Seal {
    pub(crate) id: String,
    pub(crate) kind: SealKind,
    created: String,
    wrapped: Vec<u8>,
}

/// What a stored seal asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealKind {
    /// A key file.
    KeyFile,
    /// A passphrase, stretched like this.
    Passphrase {
        /// Salt.
        salt: Vec<u8>,
        /// Cost.
        stretch: Stretch,
    },
    /// Shares.
    Shamir {
        /// Needed to open.
        threshold: u8,
        /// Handed out.
        count: u8,
    },
    /// A key in a token.
    Pkcs11 {
        /// Which one.
        key: TokenKey,
        /// How it seals.
        mechanism: TokenMechanism,
    },
}

impl SealKind {
    /// As status and documents name it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::KeyFile => "keyFile",
            Self::Passphrase { .. } => "passphrase",
            Self::Shamir { .. } => "shamir",
            Self::Pkcs11 { .. } => "pkcs11",
        }
    }
}

/// What a share begins with, so that a stray text is told apart from one.
const SHARE_MARK: &str = "vedette-share-";
/// What a key file begins with.
const FILE_MARK: &str = "vedette-unseal-";

fn context(id: &str) -> String {
    format!("vedette|seal|{id}|1")
}

impl Seal {
    /// Wraps the unseal key; what its keepers need beside it.
    pub(crate) fn make(
        new: &NewSeal,
        unseal: &SealingKey,
        token: Option<&TokenAccess>,
        created: String,
    ) -> Result<(Self, Keepsake), VaultError> {
        let id = hex::encode(random_bytes::<8>()?);
        let (kind, key, keepsake) = match new {
            NewSeal::KeyFile => {
                let key = SealingKey::generate()?;
                let text = key_file_text(&key);
                (SealKind::KeyFile, key, Keepsake::KeyFile(text))
            }
            NewSeal::Passphrase(passphrase) => {
                const SHORTEST: usize = 12;
                if passphrase.expose().chars().count() < SHORTEST {
                    return Err(VaultError::bad_parameter(format!(
                        "a passphrase has at least {SHORTEST} characters"
                    )));
                }
                let (salt, stretch) = (random_bytes::<16>()?.to_vec(), Stretch::USUAL);
                let key = passphrase_key(passphrase.expose(), &salt, stretch)?;
                (SealKind::Passphrase { salt, stretch }, key, Keepsake::Known)
            }
            NewSeal::Shamir { threshold, count } => {
                let key = SealingKey::generate()?;
                let shares = shamir::divide(key.expose(), *threshold, *count)
                    .map_err(|e| VaultError::bad_parameter(e.to_string()))?;
                let texts = shares.iter().map(share_text).collect();
                let (threshold, count) = (*threshold, *count);
                (SealKind::Shamir { threshold, count }, key, Keepsake::Shares(texts))
            }
            NewSeal::Pkcs11 { key, make } => {
                let token = token.ok_or_else(no_module)?;
                let (mechanism, wrapped) = token.wrap(key, *make, unseal, &context(&id))?;
                let kind = SealKind::Pkcs11 { key: key.clone(), mechanism };
                return Ok((Self { id, kind, created, wrapped }, Keepsake::Known));
            }
        };
        let wrapped = key.seal(unseal.expose(), &context(&id))?;
        Ok((Self { id, kind, created, wrapped }, keepsake))
    }

    /// A key-file seal around a key that lies in its file already.
    pub(crate) fn around(
        key: &SealingKey,
        unseal: &SealingKey,
        created: String,
    ) -> Result<Self, VaultError> {
        let id = hex::encode(random_bytes::<8>()?);
        let wrapped = key.seal(unseal.expose(), &context(&id))?;
        Ok(Self { id, kind: SealKind::KeyFile, created, wrapped })
    }

    /// The unseal key, if this is the seal's key.
    pub(crate) fn open(&self, key: &SealingKey) -> Option<SealingKey> {
        key.open_key(&self.wrapped, &context(&self.id))
    }

    /// The unseal key, if this is the seal's passphrase.
    pub(crate) fn open_with_passphrase(&self, passphrase: &str) -> Option<SealingKey> {
        let SealKind::Passphrase { salt, stretch } = &self.kind else { return None };
        self.open(&passphrase_key(passphrase, salt, *stretch).ok()?)
    }

    /// The unseal key, if these are enough of the seal's shares.
    pub(crate) fn open_with_shares(&self, shares: &[Share]) -> Option<SealingKey> {
        let SealKind::Shamir { threshold, .. } = self.kind else { return None };
        if shares.len() < usize::from(threshold) {
            return None;
        }
        self.open(&SealingKey::from_bytes(shamir::combine(shares).ok()?.expose())?)
    }

    /// The unseal key, by way of the seal's token; none when the seal has no token.
    pub(crate) fn open_with_token(
        &self,
        token: Option<&TokenAccess>,
    ) -> Option<Result<SealingKey, CryptoError>> {
        let SealKind::Pkcs11 { key, mechanism } = &self.kind else { return None };
        let token = token.ok_or_else(no_module);
        let context = context(&self.id);
        Some(token.and_then(|token| token.unwrap_key(key, *mechanism, &self.wrapped, &context)))
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut value = json!({
            "kind": self.kind.word(), "created": self.created,
            "wrapped": STANDARD.encode(&self.wrapped),
        });
        match &self.kind {
            SealKind::KeyFile => {}
            SealKind::Passphrase { salt, stretch } => {
                value["salt"] = json!(STANDARD.encode(salt));
                value["memoryKib"] = json!(stretch.memory_kib);
                value["passes"] = json!(stretch.passes);
                value["lanes"] = json!(stretch.lanes);
            }
            SealKind::Shamir { threshold, count } => {
                value["threshold"] = json!(threshold);
                value["count"] = json!(count);
            }
            SealKind::Pkcs11 { key, mechanism } => {
                value["uri"] = json!(key.to_string());
                value["mechanism"] = json!(mechanism.word());
            }
        }
        value
    }

    pub(crate) fn from_json(id: &str, value: &Value) -> Option<Self> {
        let bytes = |name: &str| STANDARD.decode(value.get(name)?.as_str()?).ok();
        let number = |name: &str| value.get(name)?.as_u64();
        let small = |name: &str| u8::try_from(number(name)?).ok();
        let medium = |name: &str| u32::try_from(number(name)?).ok();
        let kind = match value.get("kind")?.as_str()? {
            "keyFile" => SealKind::KeyFile,
            "passphrase" => SealKind::Passphrase {
                salt: bytes("salt")?,
                stretch: Stretch {
                    memory_kib: medium("memoryKib")?,
                    passes: medium("passes")?,
                    lanes: medium("lanes")?,
                },
            },
            "shamir" => SealKind::Shamir { threshold: small("threshold")?, count: small("count")? },
            "pkcs11" => SealKind::Pkcs11 {
                key: TokenKey::parse(value.get("uri")?.as_str()?).ok()?,
                mechanism: TokenMechanism::from_word(value.get("mechanism")?.as_str()?)?,
            },
            _ => return None,
        };
        let created = value.get("created")?.as_str()?.to_owned();
        Some(Self { id: id.to_owned(), kind, created, wrapped: bytes("wrapped")? })
    }
}

/// A key file's content.
pub(crate) fn key_file_text(key: &SealingKey) -> SecretText {
    SecretText::new(format!("{FILE_MARK}{}\n", hex::encode(key.expose())))
}

/// The key in a key file.
pub(crate) fn key_of_file(text: &str) -> Option<SealingKey> {
    let bytes = SecretBytes::new(hex::decode(text.trim().strip_prefix(FILE_MARK)?).ok()?);
    SealingKey::from_bytes(bytes.expose())
}

/// A share as its keeper gets it: a mark, hexadecimal digits, and a check of them against slips.
fn share_text(share: &Share) -> SecretText {
    let check = crypto::sha256(share.expose());
    let check = check.get(..4).unwrap_or_default();
    SecretText::new(format!("{SHARE_MARK}{}{}", hex::encode(share.expose()), hex::encode(check)))
}

/// The share in a text.
pub(crate) fn share_of_text(text: &str) -> Result<Share, VaultError> {
    let read = || {
        let bytes = SecretBytes::new(hex::decode(text.trim().strip_prefix(SHARE_MARK)?).ok()?);
        let (share, check) = bytes.expose().split_last_chunk::<4>()?;
        let fits = crypto::sha256(share).starts_with(check) && share.len() > 1;
        fits.then(|| SecretBytes::new(share.to_vec()))
    };
    read().ok_or_else(|| {
        VaultError::bad_parameter(
            "this is no share, or it was mistyped: it begins with vedette-share-",
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn every_seal_opens_with_its_own_key_through_its_stored_form() {
        let unseal = SealingKey::generate().unwrap();
        let made = |new: &NewSeal| {
            let (seal, keepsake) = Seal::make(new, &unseal, None, "now".into()).unwrap();
            (Seal::from_json(&seal.id, &seal.to_json()).unwrap(), keepsake)
        };
        let (seal, keepsake) = made(&NewSeal::KeyFile);
        let Keepsake::KeyFile(text) = keepsake else { panic!("a file") };
        let opened = seal.open(&key_of_file(text.expose()).unwrap()).unwrap();
        assert_eq!(opened.expose(), unseal.expose());
        assert!(seal.open(&SealingKey::generate().unwrap()).is_none());
        assert!(seal.open_with_passphrase("anything").is_none());

        let passphrase = SecretText::new("correct horse battery".into());
        let (seal, _) = made(&NewSeal::Passphrase(passphrase));
        assert_eq!(
            seal.open_with_passphrase("correct horse battery").unwrap().expose(),
            unseal.expose()
        );
        assert!(seal.open_with_passphrase("correct horse batterz").is_none());

        let (seal, keepsake) = made(&NewSeal::Shamir { threshold: 2, count: 3 });
        let Keepsake::Shares(texts) = keepsake else { panic!("shares") };
        let share = |i: usize| share_of_text(texts[i].expose()).unwrap();
        assert!(seal.open_with_shares(&[share(0)]).is_none());
        assert_eq!(seal.open_with_shares(&[share(2), share(0)]).unwrap().expose(), unseal.expose());
    }

    #[test]
    fn a_stored_token_seal_is_read_by_every_build() {
        let stored = json!({
            "kind": "pkcs11", "created": "now", "wrapped": STANDARD.encode([7; 60]),
            "uri": "pkcs11:token=house;object=unseal", "mechanism": "aesGcm",
        });
        let seal = Seal::from_json("x", &stored).unwrap();
        assert_eq!((seal.kind.word(), &seal.to_json()), ("pkcs11", &stored));
        let why = seal.open_with_token(None).unwrap().err().unwrap().to_string();
        let wanted = if cfg!(feature = "pkcs11") { "--pkcs11-module" } else { "built without" };
        assert!(why.contains(wanted), "{why}");
        for (name, value) in [("uri", "house"), ("mechanism", "rot13")] {
            let mut bad = stored.clone();
            bad[name] = json!(value);
            assert!(Seal::from_json("x", &bad).is_none(), "{name}");
        }
    }

    #[test]
    fn slips_are_refused() {
        let unseal = SealingKey::generate().unwrap();
        let short = NewSeal::Passphrase(SecretText::new("short".into()));
        assert!(Seal::make(&short, &unseal, None, String::new()).is_err());
        assert!(
            Seal::make(&NewSeal::Shamir { threshold: 4, count: 3 }, &unseal, None, String::new())
                .is_err()
        );
        for text in ["", "vedette-share-", "vedette-share-00", "vedette-share-zz", "x"] {
            assert!(share_of_text(text).is_err(), "{text}");
        }
        assert!(key_of_file("vedette-unseal-00").is_none());
        for bad in [json!({}), json!({"kind": "other", "wrapped": "", "created": ""})] {
            assert!(Seal::from_json("x", &bad).is_none());
        }
    }
}
