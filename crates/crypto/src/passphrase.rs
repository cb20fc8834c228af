//! Keys from passphrases, by argon2id: slow and hungry on purpose, so that guessing costs.

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use crate::{CryptoError, SealingKey};

/// What a passphrase is stretched with; stored beside what it seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Stretch {
    /// About a quarter of a second and 64 MiB.
    pub const USUAL: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 };
    /// More would be a way to exhaust the machine by an edited file.
    const MEMORY_KIB_MAX: u32 = 1 << 20;
    const PASSES_MAX: u32 = 64;
    const LANES_MAX: u32 = 16;
}

/// The sealing key behind a passphrase.
pub fn passphrase_key(
    passphrase: &str,
    salt: &[u8],
    stretch: Stretch,
) -> Result<SealingKey, CryptoError> {
    let bad = || CryptoError::Key("the passphrase cannot be stretched with these parameters");
    let Stretch { memory_kib, passes, lanes } = stretch;
    if memory_kib > Stretch::MEMORY_KIB_MAX
        || passes > Stretch::PASSES_MAX
        || lanes > Stretch::LANES_MAX
    {
        return Err(bad());
    }
    let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(|_| bad())?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut *key)
        .map_err(|_| bad())?;
    SealingKey::from_bytes(&*key).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn passphrases_salts_and_costs_make_different_keys() {
        let cheap = Stretch { memory_kib: 64, passes: 1, lanes: 1 };
        let key = |p: &str, s: &[u8], c| hex::encode(passphrase_key(p, s, c).unwrap().expose());
        let base = key("correct horse", b"0123456789abcdef", cheap);
        assert_eq!(base, key("correct horse", b"0123456789abcdef", cheap));
        assert_ne!(base, key("correct horsf", b"0123456789abcdef", cheap));
        assert_ne!(base, key("correct horse", b"0123456789abcdeg", cheap));
        assert_ne!(base, key("correct horse", b"0123456789abcdef", Stretch { passes: 2, ..cheap }));
    }

    #[test]
    fn absurd_costs_are_refused() {
        for bad in [
            Stretch { memory_kib: u32::MAX, passes: 1, lanes: 1 },
            Stretch { memory_kib: 64, passes: u32::MAX, lanes: 1 },
            Stretch { memory_kib: 0, passes: 0, lanes: 0 },
        ] {
            assert!(passphrase_key("p", b"0123456789abcdef", bad).is_err());
        }
        let short = passphrase_key("p", b"short", Stretch { memory_kib: 64, passes: 1, lanes: 1 });
        assert!(short.is_err(), "a salt of 8 bytes at least");
    }
}
