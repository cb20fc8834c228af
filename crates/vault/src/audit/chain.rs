//! The chain through the rows: digests of each row with the one before, proofs of them, and where it ended last.

use crypto::{SealingKey, hmac_sha256, sha256};
use model::{DateTime, QueryRequest, TimeSpan, Value};
use serde_json::json;
use state::Condition;

use super::row::{AuditRecord, DIAGNOSTICS};
use super::{AuditHouse, TABLES};

const COLLECTION: &str = "vault-audit";
const END: &str = "end";
/// Clocks may have been set back between two rows.
const MARGIN_SECONDS: i64 = 3600;

/// A row's place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Counts from 1.
    pub sequence: u64,
    /// Digest of the row before, in hexadecimal.
    pub previous: String,
    /// Digest of this one.
    pub digest: String,
    /// Proof of the digest; empty where the vault was sealed.
    pub proof: String,
}

/// Where the chain stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) sequence: u64,
    pub(super) digest: String,
}

impl Chain {
    pub(super) fn beginning() -> Self {
        Self { sequence: 0, digest: String::new() }
    }

    /// The link of the next row.
    pub(super) fn extend(&mut self, record: &AuditRecord, key: Option<&SealingKey>) -> Link {
        let previous = std::mem::take(&mut self.digest);
        self.sequence += 1;
        let digest = digest(self.sequence, &previous, &record.canonical());
        let proof = key.map_or_else(String::new, |key| proof(key, &digest));
        self.digest.clone_from(&digest);
        Link { sequence: self.sequence, previous, digest, proof }
    }
}

/// The digest of a row: of its place, the one before, and what it says.
pub(super) fn digest(sequence: u64, previous: &str, canonical: &str) -> String {
    hex::encode(sha256(format!("{sequence}\n{previous}\n{canonical}").as_bytes()))
}

/// The proof of a digest.
pub(super) fn proof(key: &SealingKey, digest: &str) -> String {
    hex::encode(hmac_sha256(key.expose(), digest.as_bytes()))
}

/// The end as it was noted: place, digest, when.
pub(super) fn noted(house: &AuditHouse) -> Result<Option<(Chain, DateTime)>, String> {
    let document = house.store.get(COLLECTION, END).map_err(|e| e.to_string())?;
    Ok(document.and_then(|d| {
        let chain = Chain {
            sequence: d.value.get("sequence")?.as_u64()?,
            digest: d.value.get("digest")?.as_str()?.to_owned(),
        };
        Some((chain, DateTime::parse(d.value.get("time")?.as_str()?)?))
    }))
}

/// Notes the end.
pub(super) fn note(house: &AuditHouse, chain: &Chain) -> Result<(), state::StoreError> {
    let value = json!({
        "sequence": chain.sequence, "digest": chain.digest, "time": house.clock.now().to_string(),
    });
    house.store.put(COLLECTION, END, value, Condition::Any).map(|_| ())
}

/// The end of the chain as the rows have it: behind the noted one there may be more.
pub(super) async fn last(house: &AuditHouse) -> Result<Chain, String> {
    let noted = noted(house)?;
    let known = noted.as_ref().map_or_else(Chain::beginning, |(chain, _)| chain.clone());
    let since = noted
        .and_then(|(_, time)| time.checked_sub(TimeSpan::from_ticks(MARGIN_SECONDS * 10_000_000)));
    let filter =
        since.map_or_else(String::new, |at| format!(" and TimeGenerated >= datetime({at})"));
    let text = format!(
        "{} | where Category == 'AuditEvent' and ResourceProvider == 'MICROSOFT.KEYVAULT'{filter} \
         | extend s = tolong({link}.sequence), d = tostring({link}.digest) \
         | where s >= {} | top 1 by s desc | project s, d",
        TABLES[0],
        known.sequence,
        link = DIAGNOSTICS.link,
    );
    let request = QueryRequest::new(&*house.workspace, text, house.clock.now());
    let answer = house.tables.query(request).await.map_err(|e| e.to_string())?;
    let rows = answer.tables.first().map(|t| &t.rows);
    let cell = |name: &str| rows.and_then(|rows| rows.get(0, name));
    Ok(match (cell("s"), cell("d")) {
        (Some(Value::Long(s)), Some(Value::String(d))) => {
            Chain { sequence: s.unsigned_abs(), digest: d.to_string() }
        }
        _ => known,
    })
}
