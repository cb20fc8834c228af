//! Client secrets: made by us, shown once, kept as a salted digest.
//!
//! A secret here always has 256 random bits and more, so a slow password hash would protect nothing (there is no
//! dictionary to try) and would hand whoever floods the token endpoint milliseconds of our processor per request.
//! A salted HMAC-SHA-256 is enough and costs a microsecond. The type [`GeneratedSecret`] is the only source of a
//! [`StoredSecret`], so a password chosen by a person cannot end up here; those need a memory-hard hash, and the
//! scheme's name leads the stored form so that one can stand beside this.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::{
    CryptoError, SecretText, constant_time_eq, hmac_sha256, random_alphanumeric, random_bytes,
};

const SCHEME: &str = "hmac-sha256";
/// 44 letters and digits hold 262 bits.
const SECRET_LENGTH: usize = 44;
/// No secret is longer; a longer text is refused before it is hashed.
const SECRET_LENGTH_MAX: usize = 256;

/// A new client secret in the clear, to be shown once.
pub struct GeneratedSecret(SecretText);

impl GeneratedSecret {
    /// Makes one.
    pub fn new() -> Result<Self, CryptoError> {
        Ok(Self(random_alphanumeric(SECRET_LENGTH)?))
    }

    /// Takes back a secret that [`GeneratedSecret::new`] made earlier (the administrator's key file); none when the
    /// text is too short to be one.
    pub fn restore(text: String) -> Option<Self> {
        let fits = text.len() >= SECRET_LENGTH && text.len() <= SECRET_LENGTH_MAX;
        let text = SecretText::new(text);
        fits.then_some(Self(text))
    }

    /// The secret's text.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What may be stored of it.
    pub fn to_stored(&self) -> Result<StoredSecret, CryptoError> {
        let salt = random_bytes()?;
        Ok(StoredSecret { salt, hash: hmac_sha256(&salt, self.expose().as_bytes()) })
    }
}

/// A client secret as kept on disk: salt and digest. The text cannot be had back from it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredSecret {
    salt: [u8; 16],
    hash: [u8; 32],
}

impl StoredSecret {
    /// Reads the form of [`StoredSecret::to_text`].
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('$');
        let (scheme, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
        if scheme != SCHEME || parts.next().is_some() {
            return None;
        }
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        Some(Self { salt: decode(salt)?.try_into().ok()?, hash: decode(hash)?.try_into().ok()? })
    }

    /// `hmac-sha256$salt$digest`.
    pub fn to_text(&self) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        format!("{SCHEME}${}${}", encode(&self.salt), encode(&self.hash))
    }

    /// True when `presented` is the secret; compared in constant time.
    pub fn verify(&self, presented: &str) -> bool {
        if presented.len() > SECRET_LENGTH_MAX {
            return false;
        }
        let hash = Zeroizing::new(hmac_sha256(&self.salt, presented.as_bytes()));
        constant_time_eq(&*hash, &self.hash)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_secret_verifies_through_its_stored_form_and_nothing_else_does() {
        let secret = GeneratedSecret::new().unwrap();
        let text = secret.to_stored().unwrap().to_text();
        let stored = StoredSecret::parse(&text).unwrap();
        assert!(stored.verify(secret.expose()));
        assert!(!text.contains(secret.expose()));
        let long = format!("{}{}", secret.expose(), "x".repeat(400));
        let shorter = &secret.expose()[..43];
        for wrong in ["", shorter, &secret.expose().to_lowercase(), &long] {
            assert!(!stored.verify(wrong), "{wrong}");
        }
        assert!(!GeneratedSecret::new().unwrap().to_stored().unwrap().verify(secret.expose()));
    }

    #[test]
    fn two_stored_forms_of_one_secret_differ() {
        let secret = GeneratedSecret::new().unwrap();
        assert!(secret.to_stored().unwrap() != secret.to_stored().unwrap());
    }

    #[test]
    fn a_short_text_is_no_generated_secret() {
        assert!(GeneratedSecret::restore("hunter2".into()).is_none());
        let secret = GeneratedSecret::new().unwrap();
        assert!(GeneratedSecret::restore(secret.expose().into()).is_some());
    }

    #[test]
    fn damaged_stored_forms_are_refused() {
        let good = GeneratedSecret::new().unwrap().to_stored().unwrap().to_text();
        let cut = &good[..good.len() - 1];
        for bad in [
            "",
            "$$",
            "md5$AA$AA",
            "hmac-sha256$AA$AA",
            cut,
            &format!("{good}$x"),
            &format!("{good}="),
        ] {
            assert!(StoredSecret::parse(bad).is_none(), "{bad}");
        }
    }
}
