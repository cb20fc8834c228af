//! authenticatorData: what the authenticator says about itself and its user, in its own binary form.

use ciborium::Value;
use crypto::{constant_time_eq, sha256};

use super::{CREDENTIAL_ID_MAX, MESSAGE_MAX, WebAuthnError, cbor};

/// Somebody touched it.
const USER_PRESENT: u8 = 1;
/// It knows who: by PIN, fingerprint, face.
const USER_VERIFIED: u8 = 1 << 2;
/// The key may be on several devices.
const BACKUP_ELIGIBLE: u8 = 1 << 3;
/// It is.
const BACKED_UP: u8 = 1 << 4;
/// A credential follows.
const ATTESTED: u8 = 1 << 6;
/// Extensions follow.
const EXTENSIONS: u8 = 1 << 7;

pub(super) struct AuthenticatorData<'a> {
    rp_id_hash: &'a [u8; 32],
    flags: u8,
    pub(super) sign_count: u32,
    pub(super) attested: Option<Attested<'a>>,
}

/// A credential that the authenticator made.
pub(super) struct Attested<'a> {
    pub(super) aaguid: [u8; 16],
    pub(super) id: &'a [u8],
    pub(super) public_key: &'a [u8],
}

const CUT: WebAuthnError = WebAuthnError::Malformed("the authenticator data is cut off");

impl<'a> AuthenticatorData<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, WebAuthnError> {
        if bytes.len() > MESSAGE_MAX {
            return Err(WebAuthnError::Malformed("the authenticator data is longer than 32 KB"));
        }
        let (rp_id_hash, rest) = bytes.split_first_chunk::<32>().ok_or(CUT)?;
        let (flags, rest) = rest.split_first().ok_or(CUT)?;
        let (count, mut rest) = rest.split_first_chunk::<4>().ok_or(CUT)?;
        let attested = match flags & ATTESTED {
            0 => None,
            _ => Some(Attested::read(&mut rest)?),
        };
        if flags & EXTENSIONS != 0 && !matches!(cbor(&mut rest), Some(Value::Map(_))) {
            return Err(WebAuthnError::Malformed("the authenticator's extensions are no map"));
        }
        if !rest.is_empty() {
            return Err(WebAuthnError::Malformed("something follows the authenticator data"));
        }
        Ok(Self { rp_id_hash, flags: *flags, sign_count: u32::from_be_bytes(*count), attested })
    }

    /// For this host, with a user who was there and was recognized.
    pub(super) fn check(&self, rp_id: &str) -> Result<(), WebAuthnError> {
        if !constant_time_eq(self.rp_id_hash, &sha256(rp_id.as_bytes())) {
            return Err(WebAuthnError::WrongRpId);
        }
        if self.flags & USER_PRESENT == 0 {
            return Err(WebAuthnError::NotPresent);
        }
        if self.flags & USER_VERIFIED == 0 {
            return Err(WebAuthnError::NotVerified);
        }
        if self.backed_up() && !self.backup_eligible() {
            return Err(WebAuthnError::BackupState);
        }
        Ok(())
    }

    pub(super) fn backup_eligible(&self) -> bool {
        self.flags & BACKUP_ELIGIBLE != 0
    }

    pub(super) fn backed_up(&self) -> bool {
        self.flags & BACKED_UP != 0
    }
}

impl<'a> Attested<'a> {
    /// From the front of the bytes; the key ends where its CBOR does.
    fn read(rest: &mut &'a [u8]) -> Result<Self, WebAuthnError> {
        let (aaguid, after) = rest.split_first_chunk::<16>().ok_or(CUT)?;
        let (length, after) = after.split_first_chunk::<2>().ok_or(CUT)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if length == 0 || length > CREDENTIAL_ID_MAX {
            return Err(WebAuthnError::Malformed("the credential id has not 1 to 1023 bytes"));
        }
        let (id, after) = after.split_at_checked(length).ok_or(CUT)?;
        let mut left = after;
        cbor(&mut left).ok_or(WebAuthnError::UnsupportedKey)?;
        let used = after.len().saturating_sub(left.len());
        let public_key = after.get(..used).ok_or(CUT)?;
        *rest = left;
        Ok(Self { aaguid: *aaguid, id, public_key })
    }
}
