//! PKCS#12 files, written: the key encrypted, certificates in the open where there is a password, a MAC over all.

use crypto::password_based::{CbcCipher, Pkcs12Purpose, hmac, pbkdf2, pkcs12_key};
use crypto::{Hash, KeyPair, random_bytes};
use zeroize::Zeroizing;

use super::encryption::{CIPHERS, MACS, OLD, Password};
use super::{CERTIFICATE_BAG, DATA, ENCRYPTED_DATA, SHROUDED_KEY_BAG, X509_CERTIFICATE};
use crate::algorithm::hash_oid;
use crate::der::{Writer, tag};
use crate::{Certificate, PkiError};

/// Rounds of the derivation. The password of what the vault hands out is empty: rounds protect nothing there.
const ROUNDS: u32 = 2048;
const LOCAL_KEY_ID: &str = "1.2.840.113549.1.9.21";

/// How a file is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// AES-256 and SHA-256, which everything since 2016 reads.
    Modern,
    /// Triple DES and SHA-1, for what is older.
    Old,
}

/// Writes a file of a key and its chain, the key's own certificate first.
///
/// Without a password the certificates are encrypted too, by triple DES and a password of no bytes, where older readers
/// look for them: Azure's library for TLS in Java knows no other place. OpenSSL, Java's key stores and the rest read it.
pub fn write(
    key: &KeyPair,
    chain: &[Certificate],
    password: &str,
    strength: Strength,
) -> Result<Zeroizing<Vec<u8>>, PkiError> {
    let forms = Password::to_write(password);
    let shrouded = shroud(key, &forms, password, strength)?;
    file(Some(&shrouded), chain, &forms, strength)
}

/// Writes a file of certificates without a key.
pub fn write_certificates(
    chain: &[Certificate],
    password: &str,
    strength: Strength,
) -> Result<Zeroizing<Vec<u8>>, PkiError> {
    file(None, chain, &Password::to_write(password), strength)
}

fn file(
    shrouded: Option<&[u8]>,
    chain: &[Certificate],
    password: &Password,
    strength: Strength,
) -> Result<Zeroizing<Vec<u8>>, PkiError> {
    let own_id = chain.first().filter(|_| shrouded.is_some()).map(Certificate::thumbprint);
    let certificates = bags(|w| {
        chain.iter().for_each(|c| {
            let id = own_id.filter(|id| *id == c.thumbprint());
            bag(w, CERTIFICATE_BAG, id, |w| {
                w.sequence(|w| {
                    w.oid(X509_CERTIFICATE);
                    w.wrap(tag::context(0), |w| w.octets(c.der()));
                });
            });
        });
    });
    let hidden = password.is_none().then(|| triple_des(password, &certificates)).transpose()?;
    let content = Writer::build(|w| {
        w.sequence(|w| {
            match &hidden {
                Some(hidden) => encrypted_data(w, hidden),
                None => data(w, &certificates),
            }
            if let Some(shrouded) = shrouded {
                data(w, &bags(|w| bag(w, SHROUDED_KEY_BAG, own_id, |w| w.raw(shrouded))));
            }
        });
    });
    let hash = if strength == Strength::Old { Hash::Sha1 } else { Hash::Sha256 };
    let salt: [u8; 16] = random_bytes()?;
    let length = hmac(hash, &[], &[]).len();
    let mac_key = pkcs12_key(hash, Pkcs12Purpose::Mac, password.wide(), &salt, ROUNDS, length)?;
    let mac = hmac(hash, mac_key.expose(), &content);
    Ok(Zeroizing::new(Writer::build(|w| {
        w.sequence(|w| {
            w.number(3);
            data(w, &content);
            w.sequence(|w| {
                w.sequence(|w| {
                    w.sequence(|w| {
                        w.oid(hash_oid(hash));
                        w.null();
                    });
                    w.octets(&mac);
                });
                w.octets(&salt);
                w.number(u64::from(ROUNDS));
            });
        });
    })))
}

/// A ContentInfo of type data.
fn data(w: &mut Writer, content: &[u8]) {
    w.sequence(|w| {
        w.oid(DATA);
        w.wrap(tag::context(0), |w| w.octets(content));
    });
}

/// A ContentInfo of type encryptedData.
fn encrypted_data(w: &mut Writer, content: &Encrypted) {
    w.sequence(|w| {
        w.oid(ENCRYPTED_DATA);
        w.wrap(tag::context(0), |w| {
            w.sequence(|w| {
                w.number(0);
                w.sequence(|w| {
                    w.oid(DATA);
                    w.raw(&content.algorithm);
                    w.value(tag::implicit(0), &content.text);
                });
            });
        });
    });
}

fn bags(fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
    Writer::build(|w| w.sequence(fill))
}

fn bag(w: &mut Writer, kind: &str, id: Option<[u8; 20]>, fill: impl FnOnce(&mut Writer)) {
    w.sequence(|w| {
        w.oid(kind);
        w.wrap(tag::context(0), fill);
        if let Some(id) = id {
            w.wrap(tag::SET, |w| {
                w.sequence(|w| {
                    w.oid(LOCAL_KEY_ID);
                    w.wrap(tag::SET, |w| w.octets(&id));
                });
            });
        }
    });
}

/// The key as `EncryptedPrivateKeyInfo`.
fn shroud(
    key: &KeyPair,
    forms: &Password,
    password: &str,
    strength: Strength,
) -> Result<Vec<u8>, PkiError> {
    let plain = key.to_pkcs8()?;
    if strength == Strength::Old {
        let Encrypted { algorithm, text } = triple_des(forms, plain.expose())?;
        return Ok(Writer::build(|w| {
            w.sequence(|w| {
                w.raw(&algorithm);
                w.octets(&text);
            });
        }));
    }
    let salt: [u8; 16] = random_bytes()?;
    let iv: [u8; 16] = random_bytes()?;
    let secret = pbkdf2(Hash::Sha256, password.as_bytes(), &salt, ROUNDS, 32)?;
    let text = CbcCipher::Aes256.encrypt(secret.expose(), &iv, plain.expose())?;
    Ok(Writer::build(|w| {
        w.sequence(|w| {
            w.sequence(|w| {
                w.oid("1.2.840.113549.1.5.13");
                w.sequence(|w| {
                    w.sequence(|w| {
                        w.oid("1.2.840.113549.1.5.12");
                        w.sequence(|w| {
                            w.octets(&salt);
                            w.number(u64::from(ROUNDS));
                            w.sequence(|w| {
                                MACS.iter()
                                    .filter(|(_, h)| *h == Hash::Sha256)
                                    .for_each(|(o, _)| w.oid(o));
                                w.null();
                            });
                        });
                    });
                    w.sequence(|w| {
                        CIPHERS
                            .iter()
                            .filter(|(_, c)| *c == CbcCipher::Aes256)
                            .for_each(|(o, _)| w.oid(o));
                        w.octets(&iv);
                    });
                });
            });
            w.octets(&text);
        });
    }))
}

/// An AlgorithmIdentifier in DER, and what was encrypted by it.
struct Encrypted {
    algorithm: Vec<u8>,
    text: Vec<u8>,
}

/// Encrypts by pbeWithSHAAnd3-KeyTripleDES-CBC.
fn triple_des(password: &Password, plain: &[u8]) -> Result<Encrypted, PkiError> {
    let cipher = CbcCipher::TripleDes;
    let salt: [u8; 16] = random_bytes()?;
    let derive =
        |purpose, length| pkcs12_key(Hash::Sha1, purpose, password.wide(), &salt, ROUNDS, length);
    let secret = derive(Pkcs12Purpose::Key, cipher.key_bytes())?;
    let iv = derive(Pkcs12Purpose::Iv, cipher.iv_bytes())?;
    let text = cipher.encrypt(secret.expose(), iv.expose(), plain)?;
    let algorithm = Writer::build(|w| {
        w.sequence(|w| {
            OLD.iter().filter(|(_, c)| *c == cipher).for_each(|(oid, _)| w.oid(oid));
            w.sequence(|w| {
                w.octets(&salt);
                w.number(u64::from(ROUNDS));
            });
        });
    });
    Ok(Encrypted { algorithm, text })
}
