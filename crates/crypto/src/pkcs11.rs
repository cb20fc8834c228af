//! Keys in a token: an HSM, a smart card, or software that speaks PKCS#11 as they do. The key never leaves the token;
//! what it seals goes in and out through the token's own library.
//!
//! Names and settings are here in every build, so that what was stored is read everywhere. The library itself is loaded
//! by builds with the feature `pkcs11` alone; the others refuse by name.

use std::path::PathBuf;

use crate::{CryptoError, SealingKey, SecretText, read_private};

#[cfg(feature = "pkcs11")]
mod module;
#[cfg(all(test, feature = "pkcs11"))]
mod tests;
mod uri;

pub use uri::TokenKey;

/// What a binary without the feature says.
const WITHOUT: &str = "this binary was built without PKCS#11; build one with it: make build FEATURES=pkcs11 \
                       (cargo build --features pkcs11)";

/// The way to the tokens of this machine: settings of whoever runs the server, never of a document or a request.
#[derive(Clone, Debug)]
pub struct TokenAccess {
    /// The token's library, loaded into this process.
    pub module: PathBuf,
    /// Where the PIN is.
    pub pin: Pin,
}

/// Where a PIN is; read each time it is needed, never kept.
#[derive(Clone, Debug)]
pub enum Pin {
    /// A file with nothing else in it, such as a systemd credential.
    File(PathBuf),
    /// An environment variable.
    Variable(&'static str),
}

impl Pin {
    /// The PIN; none where nobody gave one.
    pub fn read(&self) -> Result<Option<SecretText>, CryptoError> {
        let text = match self {
            Self::File(path) => read_private(path)?.ok_or_else(|| {
                CryptoError::Token(format!("there is no file {} with the PIN", path.display()))
            })?,
            Self::Variable(name) => match std::env::var(name) {
                Ok(text) => SecretText::new(text),
                Err(_) => return Ok(None),
            },
        };
        let pin = text.expose().trim_end_matches(['\r', '\n']);
        Ok((!pin.is_empty()).then(|| SecretText::new(pin.to_owned())))
    }

    /// The place in words.
    pub fn place(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Variable(name) => format!("the variable {name}"),
        }
    }
}

/// How a token's key seals. What is stored says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenMechanism {
    /// The token encrypts with `CKM_AES_GCM`: nonce, ciphertext, tag; the context is authenticated.
    AesGcm,
    /// For tokens without GCM: the token encrypts a random seed with `CKM_AES_CBC`, and a key derived from the result
    /// seals here, with the context. The seed is stored; without the token nothing follows from it.
    AesCbc,
}

impl TokenMechanism {
    /// As documents name it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AesGcm => "aesGcm",
            Self::AesCbc => "aesCbc",
        }
    }

    /// The mechanism of that name.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::AesGcm, Self::AesCbc].into_iter().find(|mechanism| mechanism.word() == word)
    }
}

/// Why nothing can be asked of a token where no module was named.
pub fn no_module() -> CryptoError {
    let why = if cfg!(feature = "pkcs11") {
        "the server was started without a PKCS#11 module; name the token's library: \
         vedette serve --pkcs11-module /path/to/library.so"
    } else {
        WITHOUT
    };
    CryptoError::Token(why.into())
}

#[cfg(feature = "pkcs11")]
impl TokenAccess {
    /// Seals a key under a key in a token, and sees that it opens again. `make` lets the token make its key when it has
    /// none of that name. The context is not stored; the same one opens.
    pub fn wrap(
        &self,
        under: &TokenKey,
        make: bool,
        key: &SealingKey,
        context: &str,
    ) -> Result<(TokenMechanism, Vec<u8>), CryptoError> {
        module::wrap(self, under, make, key, context)
    }

    /// The key that was sealed.
    pub fn unwrap_key(
        &self,
        under: &TokenKey,
        mechanism: TokenMechanism,
        wrapped: &[u8],
        context: &str,
    ) -> Result<SealingKey, CryptoError> {
        module::unwrap_key(self, under, mechanism, wrapped, context)
    }
}

#[cfg(not(feature = "pkcs11"))]
impl TokenAccess {
    /// Refused: this build has no PKCS#11.
    pub fn wrap(
        &self,
        _: &TokenKey,
        _: bool,
        _: &SealingKey,
        _: &str,
    ) -> Result<(TokenMechanism, Vec<u8>), CryptoError> {
        Err(no_module())
    }

    /// Refused: this build has no PKCS#11.
    pub fn unwrap_key(
        &self,
        _: &TokenKey,
        _: TokenMechanism,
        _: &[u8],
        _: &str,
    ) -> Result<SealingKey, CryptoError> {
        Err(no_module())
    }
}
