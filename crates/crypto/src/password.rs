//! Passwords that people choose: kept as an argon2id hash, in the PHC string form that other tools read too.
//!
//! A check costs 19 MiB and some tens of milliseconds on purpose. Callers hold the number of checks at a time small,
//! and keep them off threads that others wait for.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use crate::{CryptoError, constant_time_eq, random_bytes};

/// Memory in KiB, passes and lanes of new hashes: the figures that OWASP names for argon2id.
const COST: Cost = Cost { memory: 19_456, passes: 2, lanes: 1 };
/// No password is longer; a longer text is refused before it is hashed.
const LENGTH_MAX: usize = 1024;
/// Costs of a stored hash beyond these are damage, not caution.
const MEMORY_MAX: u32 = 1 << 20;
const PASSES_MAX: u32 = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
struct Cost {
    memory: u32,
    passes: u32,
    lanes: u32,
}

/// A password as kept on disk: salt, costs and hash. The text cannot be had back from it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPassword {
    cost: Cost,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl StoredPassword {
    /// Hashes a password.
    pub fn new(password: &str) -> Result<Self, CryptoError> {
        if password.len() > LENGTH_MAX {
            return Err(CryptoError::Key("the password is longer than 1024 bytes"));
        }
        let salt = random_bytes()?;
        let hash = derive(password, &salt, COST)
            .ok_or(CryptoError::Key("the password could not be hashed; is there free memory?"))?;
        Ok(Self { cost: COST, salt, hash: *hash })
    }

    /// True when `presented` is the password; compared in constant time.
    pub fn verify(&self, presented: &str) -> bool {
        presented.len() <= LENGTH_MAX
            && derive(presented, &self.salt, self.cost)
                .is_some_and(|hash| constant_time_eq(&*hash, &self.hash))
    }

    /// Takes as long as [`StoredPassword::verify`], for names that nobody has.
    pub fn verify_nothing(presented: &str) {
        if presented.len() <= LENGTH_MAX {
            let _ = derive(presented, &[0; 16], COST);
        }
    }

    /// `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`
    pub fn to_text(&self) -> String {
        let Cost { memory, passes, lanes } = self.cost;
        let encode = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes);
        let (salt, hash) = (encode(&self.salt), encode(&self.hash));
        format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}")
    }

    /// Reads the form of [`StoredPassword::to_text`].
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("$argon2id$v=19$")?.split('$');
        let (costs, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
        let mut costs = costs.split(',');
        let mut cost = |name: &str| costs.next()?.strip_prefix(name)?.parse::<u32>().ok();
        let cost = Cost { memory: cost("m=")?, passes: cost("t=")?, lanes: cost("p=")? };
        let sane = cost.memory <= MEMORY_MAX && cost.passes <= PASSES_MAX && cost.lanes <= 16;
        if !sane || costs.next().is_some() || parts.next().is_some() {
            return None;
        }
        let decode = |part: &str| STANDARD_NO_PAD.decode(part).ok();
        let (salt, hash) = (decode(salt)?.try_into().ok()?, decode(hash)?.try_into().ok()?);
        Some(Self { cost, salt, hash })
    }
}

fn derive(password: &str, salt: &[u8], cost: Cost) -> Option<Zeroizing<[u8; 32]>> {
    let params = Params::new(cost.memory, cost.passes, cost.lanes, Some(32)).ok()?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut hash = Zeroizing::new([0; 32]);
    argon.hash_password_into(password.as_bytes(), salt, &mut *hash).ok()?;
    Some(hash)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_password_verifies_through_its_stored_form_and_nothing_else_does() {
        let text = StoredPassword::new("correct horse").unwrap().to_text();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        let stored = StoredPassword::parse(&text).unwrap();
        assert!(stored.verify("correct horse"));
        for wrong in ["", "correct hors", "correct horse ", "Correct horse", &"x".repeat(2000)] {
            assert!(!stored.verify(wrong), "{wrong}");
        }
        assert!(StoredPassword::new("correct horse").unwrap().to_text() != text, "salted");
        assert!(StoredPassword::new(&"x".repeat(1025)).is_err());
    }

    #[test]
    fn damaged_stored_forms_are_refused() {
        let good = StoredPassword::new("p").unwrap().to_text();
        for bad in [
            "",
            "$argon2id$v=19$m=1,t=1,p=1$$",
            &good.replace("argon2id", "argon2i"),
            &good.replace("m=19456", "m=4294967295"),
            &good.replace("t=2", "t=2000"),
            &good.replace("m=19456,", ""),
            &format!("{good}$x"),
            &good[..good.len() - 2],
        ] {
            assert!(StoredPassword::parse(bad).is_none(), "{bad}");
        }
    }
}
