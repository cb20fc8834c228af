//! The chain through the rows: digests of each row with the one before, proofs of them, and where it ended last.

use crypto::{SealingKey, hmac_sha256, sha256};
use model::DateTime;
use serde_json::json;
use state::Condition;

use super::AuditHouse;
use super::read::{self, PAGE};
use super::row::{AuditRecord, DIAGNOSTICS, DIGEST_EVERY};

const COLLECTION: &str = "vault-audit";
const END: &str = "end";

/// A row's place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Counts from 1.
    pub sequence: u64,
    /// Digest of the row before; none for the first.
    pub previous: Option<[u8; 32]>,
    /// Digest of this one.
    pub digest: [u8; 32],
    /// Proof of the digest; none where the vault was sealed.
    pub proof: Option<[u8; 32]>,
}

/// Where the chain stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) sequence: u64,
    /// None before the first row.
    pub(super) digest: Option<[u8; 32]>,
}

impl Chain {
    pub(super) fn beginning() -> Self {
        Self { sequence: 0, digest: None }
    }

    /// As the journal has it.
    pub(super) fn from_raw(sequence: u64, digest: [u8; 32]) -> Self {
        Self { sequence, digest: (sequence > 0).then_some(digest) }
    }

    /// The digest as the journal has it.
    pub(super) fn raw_digest(&self) -> [u8; 32] {
        self.digest.unwrap_or_default()
    }

    /// From the digest in hexadecimal.
    fn from_text(sequence: u64, digest: &str) -> Option<Self> {
        let mut raw = [0; 32];
        hex::decode_to_slice(digest, &mut raw).ok()?;
        Some(Self::from_raw(sequence, raw))
    }

    /// The link of the next row.
    pub(super) fn extend(&mut self, record: &AuditRecord, key: Option<&SealingKey>) -> Link {
        let previous = text_of(self.digest.as_ref());
        let digest = digest_bytes(self.sequence + 1, &previous, &record.canonical());
        let proof = key.map(|key| hmac_sha256(key.expose(), hexadecimal(&digest).as_bytes()));
        self.follow(digest, proof)
    }

    /// The link of the next row, whose digest is known.
    pub(super) fn follow(&mut self, digest: [u8; 32], proof: Option<[u8; 32]>) -> Link {
        self.sequence += 1;
        let previous = self.digest.replace(digest);
        Link { sequence: self.sequence, previous, digest, proof }
    }
}

/// Digests and proofs as rows have them: in hexadecimal, empty for none.
pub(super) fn text_of(bytes: Option<&[u8; 32]>) -> String {
    bytes.map_or_else(String::new, hexadecimal)
}

/// Digit by digit, as `hex::encode` writes, this costs more than the digest itself.
fn hexadecimal(bytes: &[u8; 32]) -> String {
    let mut digits = [0; 64];
    match hex::encode_to_slice(bytes, &mut digits) {
        Ok(()) => String::from_utf8_lossy(&digits).into_owned(),
        Err(_) => hex::encode(bytes), // cannot happen: there is room for all digits
    }
}

/// The digest of a row: of its place, the one before, and what it says.
pub(super) fn digest(sequence: u64, previous: &str, canonical: &str) -> String {
    hexadecimal(&digest_bytes(sequence, previous, canonical))
}

fn digest_bytes(sequence: u64, previous: &str, canonical: &str) -> [u8; 32] {
    let sequence = sequence.to_string();
    sha256([&sequence, previous, canonical].join("\n").as_bytes())
}

/// The proof of a digest.
pub(super) fn proof(key: &SealingKey, digest: &str) -> String {
    hexadecimal(&hmac_sha256(key.expose(), digest.as_bytes()))
}

/// The end as it was noted: place, digest, when.
pub(super) fn noted(house: &AuditHouse) -> Result<Option<(Chain, DateTime)>, String> {
    let document = house.store.get(COLLECTION, END).map_err(|e| e.to_string())?;
    Ok(document.and_then(|d| {
        let sequence = d.value.get("sequence")?.as_u64()?;
        let chain = Chain::from_text(sequence, d.value.get("digest")?.as_str()?)?;
        Some((chain, DateTime::parse(d.value.get("time")?.as_str()?)?))
    }))
}

/// Notes the end.
pub(super) fn note(house: &AuditHouse, chain: &Chain) -> Result<(), state::StoreError> {
    let value = json!({
        "sequence": chain.sequence, "digest": text_of(chain.digest.as_ref()),
        "time": house.clock.now().to_string(),
    });
    house.store.put(COLLECTION, END, value, Condition::Any).map(|_| ())
}

/// The end of the chain as the rows have it: behind the noted one there may be more, each of which follows the one before.
/// A place that a row merely claims is none. The journal knows better; this is for data folders that have none.
pub(super) async fn last(house: &AuditHouse) -> Result<Chain, String> {
    let noted = noted(house)?;
    let since = noted.as_ref().map(|(_, time)| *time);
    let mut chain = noted.map_or_else(Chain::beginning, |(chain, _)| chain);
    loop {
        let from = chain.sequence + 1;
        let to = chain.sequence + PAGE;
        let mut ahead = chain.clone(); // rows that tell no digest count once one behind them does
        for row in read::page(house, &DIAGNOSTICS, from..=to, since).await? {
            let previous = text_of(ahead.digest.as_ref());
            let made = digest_bytes(row.sequence, &previous, &row.canonical);
            let is_next = row.sequence == ahead.sequence + 1;
            if is_next && (row.digest.is_empty() || row.digest == hexadecimal(&made)) {
                ahead = Chain::from_raw(row.sequence, made);
                if !row.digest.is_empty() {
                    chain = ahead.clone();
                }
            }
        }
        if chain.sequence < to.saturating_sub(DIGEST_EVERY) {
            return Ok(chain);
        }
    }
}
