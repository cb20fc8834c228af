//! Nonces: given out once, taken once. What was given out is held in memory; after a restart clients ask again.

use std::collections::{HashSet, VecDeque};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::{CryptoError, random_bytes};

/// How many may be out at once; the oldest are forgotten.
const OUT_MAX: usize = 20_000;

/// Nonces that are out.
#[derive(Default)]
pub struct Nonces {
    out: HashSet<[u8; 16]>,
    order: VecDeque<[u8; 16]>,
}

impl Nonces {
    /// A new one.
    pub fn issue(&mut self) -> Result<String, CryptoError> {
        let nonce: [u8; 16] = random_bytes()?;
        self.out.insert(nonce);
        self.order.push_back(nonce);
        while self.order.len() > OUT_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.out.remove(&oldest);
            }
        }
        Ok(URL_SAFE_NO_PAD.encode(nonce))
    }

    /// Takes one back; false when it was not out.
    pub fn take(&mut self, nonce: &str) -> bool {
        let bytes = URL_SAFE_NO_PAD.decode(nonce).ok().and_then(|b| b.try_into().ok());
        bytes.is_some_and(|bytes: [u8; 16]| self.out.remove(&bytes))
    }
}
