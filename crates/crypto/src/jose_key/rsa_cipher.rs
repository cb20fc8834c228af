//! RSA that encrypts and decrypts. The library has separate types for signing and for each padding; they are made when
//! first needed and kept with the key.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{
    KeyPair, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey,
    PrivateDecryptingKey,
};
use zeroize::Zeroizing;

use super::algorithm::RsaForm;
use super::{REFUSED, UNFIT};
use crate::{CryptoError, SecretBytes};

pub(super) struct RsaCipher {
    pair: KeyPair,
    oaep: OnceLock<OaepPrivateDecryptingKey>,
    pkcs1: OnceLock<Pkcs1PrivateDecryptingKey>,
}

fn oaep(form: RsaForm) -> Option<&'static OaepAlgorithm> {
    match form {
        RsaForm::Oaep => Some(&OAEP_SHA1_MGF1SHA1),
        RsaForm::Oaep256 => Some(&OAEP_SHA256_MGF1SHA256),
        RsaForm::Pkcs1 => None,
    }
}

impl RsaCipher {
    pub(super) fn new(pair: KeyPair) -> Self {
        Self { pair, oaep: OnceLock::new(), pkcs1: OnceLock::new() }
    }

    pub(super) fn pair(&self) -> &KeyPair {
        &self.pair
    }

    fn private(&self) -> Result<PrivateDecryptingKey, CryptoError> {
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&self.pair).map_err(|_| REFUSED)?;
        PrivateDecryptingKey::from_pkcs8(der.as_ref()).map_err(|_| REFUSED)
    }

    pub(super) fn encrypt(&self, form: RsaForm, plain: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let public = self.private()?.public_key();
        let mut out = vec![0; self.pair.public_modulus_len()];
        let too_long = || CryptoError::Key("the text is too long for the key and the padding");
        let length = match oaep(form) {
            Some(algorithm) => OaepPublicEncryptingKey::new(public)
                .and_then(|key| Ok(key.encrypt(algorithm, plain, &mut out, None)?.len())),
            None => Pkcs1PublicEncryptingKey::new(public)
                .and_then(|key| Ok(key.encrypt(plain, &mut out)?.len())),
        };
        out.truncate(length.map_err(|_| too_long())?);
        Ok(out)
    }

    pub(super) fn decrypt(&self, form: RsaForm, text: &[u8]) -> Result<SecretBytes, CryptoError> {
        let mut out = Zeroizing::new(vec![0; self.pair.public_modulus_len()]);
        if text.len() != out.len() {
            return Err(REFUSED);
        }
        let length = match oaep(form) {
            Some(algorithm) => {
                let key = match self.oaep.get() {
                    Some(key) => key,
                    None => {
                        let key = OaepPrivateDecryptingKey::new(self.private()?);
                        let key = key.map_err(|_| UNFIT)?;
                        self.oaep.get_or_init(|| key)
                    }
                };
                key.decrypt(algorithm, text, &mut out, None).map(|plain| plain.len())
            }
            None => {
                let key = match self.pkcs1.get() {
                    Some(key) => key,
                    None => {
                        let key = Pkcs1PrivateDecryptingKey::new(self.private()?);
                        let key = key.map_err(|_| UNFIT)?;
                        self.pkcs1.get_or_init(|| key)
                    }
                };
                key.decrypt(text, &mut out).map(|plain| plain.len())
            }
        };
        out.truncate(length.map_err(|_| REFUSED)?);
        Ok(SecretBytes::new(std::mem::take(&mut *out)))
    }
}
