//! WebAuthn (passkeys): what a browser and its authenticator send, read and checked. Bytes in, verdicts out, without
//! clock or store: who owns a credential and whether a challenge is still good is `interactive::passkey`'s business.
//!
//! Attestation is not asked for (`none`) and not believed: a statement of any format is read over, so the make of an
//! authenticator is its own claim. Signatures of sign-ins are what counts.

mod authenticator_data;
mod client_data;
mod cose;

use ciborium::Value;
use crypto::sha256;

use authenticator_data::AuthenticatorData;
use client_data::ClientData;
pub use cose::ALGORITHMS;
use cose::CoseKey;

/// Longest clientDataJSON, attestation object, authenticator data.
const MESSAGE_MAX: usize = 32 << 10;
/// Longest signature: RSA with 8192 bits.
const SIGNATURE_MAX: usize = 1024;
/// Longest credential id, as the standard has it.
pub const CREDENTIAL_ID_MAX: usize = 1023;
/// How deep CBOR may nest; attestation statements reach four.
const DEPTH_MAX: usize = 16;

/// What the other side must have answered.
pub struct Expected<'a> {
    /// The random bytes that were given out for this very ceremony.
    pub challenge: &'a [u8],
    /// Where the page stands, `https://localhost:8443`.
    pub origin: &'a str,
    /// Whose passkeys are meant: the host of the origin.
    pub rp_id: &'a str,
}

/// A credential as it is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCredential {
    /// Its id, made by the authenticator.
    pub id: Vec<u8>,
    /// Its public key, a COSE_Key as it was sent.
    pub public_key: Vec<u8>,
    /// The make of the authenticator, by its own word; zeros where it does not say.
    pub aaguid: [u8; 16],
    /// Signatures so far; zero for those that do not count.
    pub sign_count: u32,
    /// True when the key may leave the device, to be on others too.
    pub backup_eligible: bool,
    /// True when it has.
    pub backed_up: bool,
}

/// A proof of possession.
pub struct Assertion<'a> {
    /// clientDataJSON
    pub client_data: &'a [u8],
    /// authenticatorData
    pub authenticator_data: &'a [u8],
    /// The signature over both.
    pub signature: &'a [u8],
}

/// What a good assertion says beside the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asserted {
    /// Signatures so far.
    pub sign_count: u32,
    /// True when the key is on other devices too.
    pub backed_up: bool,
}

/// Why a message of a browser or an authenticator is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebAuthnError {
    /// A part cannot be read.
    #[error("the browser's answer cannot be read: {0}")]
    Malformed(&'static str),
    /// An answer to another kind of question.
    #[error("the browser answered another question than the page asked")]
    WrongType,
    /// An answer to another challenge: an old one, or one of another page.
    #[error("the answer belongs to another page or was used before; try again on this page")]
    WrongChallenge,
    /// Made at another address.
    #[error("the answer was made for another address than this page's")]
    WrongOrigin,
    /// Made in a frame of another site.
    #[error("the answer was made inside another site's page")]
    CrossOrigin,
    /// The passkey belongs to another host.
    #[error("the passkey is for another host name than this page's")]
    WrongRpId,
    /// Nobody touched the authenticator.
    #[error("the authenticator did not see anybody; touch it when it asks")]
    NotPresent,
    /// The authenticator did not check who touched it.
    #[error(
        "the authenticator did not check who used it; set up a PIN, a fingerprint or a face on it"
    )]
    NotVerified,
    /// It is backed up, although it cannot be.
    #[error("the authenticator contradicts itself about backups")]
    BackupState,
    /// The key is none of the kinds that were asked for, or none at all.
    #[error("the passkey's key is not of a kind that is taken: ES256, EdDSA, RS256")]
    UnsupportedKey,
    /// The signature is not the credential's.
    #[error("the passkey's signature is wrong")]
    WrongSignature,
}

/// Checks the answer to `navigator.credentials.create()`.
pub fn verify_registration(
    expected: &Expected<'_>,
    client_data: &[u8],
    attestation_object: &[u8],
) -> Result<NewCredential, WebAuthnError> {
    ClientData::read(client_data)?.check("webauthn.create", expected)?;
    let data = attested_data(attestation_object)?;
    let data = AuthenticatorData::read(&data)?;
    data.check(expected.rp_id)?;
    let attested = data.attested.as_ref();
    let attested = attested.ok_or(WebAuthnError::Malformed("it holds no credential"))?;
    CoseKey::read(attested.public_key)?.check()?;
    Ok(NewCredential {
        id: attested.id.to_vec(),
        public_key: attested.public_key.to_vec(),
        aaguid: attested.aaguid,
        sign_count: data.sign_count,
        backup_eligible: data.backup_eligible(),
        backed_up: data.backed_up(),
    })
}

/// Checks the answer to `navigator.credentials.get()` with the key that was registered.
pub fn verify_assertion(
    expected: &Expected<'_>,
    public_key: &[u8],
    assertion: &Assertion<'_>,
) -> Result<Asserted, WebAuthnError> {
    ClientData::read(assertion.client_data)?.check("webauthn.get", expected)?;
    let data = AuthenticatorData::read(assertion.authenticator_data)?;
    data.check(expected.rp_id)?;
    if assertion.signature.len() > SIGNATURE_MAX {
        return Err(WebAuthnError::WrongSignature);
    }
    let mut signed = assertion.authenticator_data.to_vec();
    signed.extend_from_slice(&sha256(assertion.client_data));
    match CoseKey::read(public_key)?.verify(&signed, assertion.signature) {
        true => Ok(Asserted { sign_count: data.sign_count, backed_up: data.backed_up() }),
        false => Err(WebAuthnError::WrongSignature),
    }
}

/// True when an authenticator's counter goes on as it must: it grows, or is not kept at all. One that stands still or
/// goes back is the mark of a copied key.
pub fn counter_goes_on(stored: u32, presented: u32) -> bool {
    (stored == 0 && presented == 0) || presented > stored
}

/// The authenticator data of an attestation object; the statement is read over.
fn attested_data(object: &[u8]) -> Result<Vec<u8>, WebAuthnError> {
    const WRONG: WebAuthnError =
        WebAuthnError::Malformed("the attestation object is no map of fmt, attStmt and authData");
    if object.len() > MESSAGE_MAX {
        return Err(WebAuthnError::Malformed("the attestation object is longer than 32 KB"));
    }
    let mut rest = object;
    let Some(Value::Map(entries)) = cbor(&mut rest) else { return Err(WRONG) };
    let (mut format, mut statement, mut data) = (None, None, None);
    for (name, value) in entries {
        let place = match name.as_text() {
            Some("fmt") => &mut format,
            Some("attStmt") => &mut statement,
            Some("authData") => &mut data,
            _ => continue,
        };
        if place.replace(value).is_some() {
            return Err(WRONG);
        }
    }
    match (format, statement, data) {
        (Some(Value::Text(_)), Some(Value::Map(_)), Some(Value::Bytes(data)))
            if rest.is_empty() =>
        {
            Ok(data)
        }
        _ => Err(WRONG),
    }
}

/// One CBOR item from the front of the bytes.
fn cbor(rest: &mut &[u8]) -> Option<Value> {
    ciborium::de::from_reader_with_recursion_limit(rest, DEPTH_MAX).ok()
}

#[cfg(test)]
pub(crate) mod software;
#[cfg(test)]
mod tests;
