//! Reads the chain back: was a row edited, removed or moved, and is its end still there?

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::atomic::{self, AtomicU64};

use crypto::constant_time_eq;
use model::{DateTime, Rows, Value};

use super::chain::{self, digest, proof};
use super::read::{PAGE, Proof, Read, page, run, source};
use super::row::{DIAGNOSTICS, DIGEST_EVERY, FORMS, Form, LOGS};
use super::{AuditHouse, TABLES};
use crate::VaultError;

/// Behind the number of a row of the second table.
const OF_COPIES: &str = " of AZKVAuditLogs";
/// Most rows behind the end of the chain that are counted.
const STRAYS_MAX: usize = 10_000;
/// Findings told; more are counted.
const TOLD_MAX: usize = 50;

/// What reading the chain back gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Rows of the chain.
    pub rows: u64,
    /// The first place that is still kept.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// Rows whose proof, or that of a row behind them, was checked; none while sealed.
    pub proven: u64,
    /// Rows without a proof: written while the vault was sealed, or cut off from the proof behind them.
    pub unproven: u64,
    /// What is wrong, row by row; empty when all is well.
    pub findings: Vec<String>,
    /// How much is wrong.
    pub wrong: u64,
}

impl AuditReport {
    fn find(&mut self, what: String) {
        self.wrong += 1;
        if self.findings.len() < TOLD_MAX {
            self.findings.push(what);
        }
    }
}

/// Judges all rows of both tables. `written` is the last row of the chain, all up to `settled` are in the tables: what
/// claims a place behind is no row of ours.
pub(super) async fn verify(
    house: &AuditHouse,
    settled: u64,
    written: &AtomicU64,
) -> Result<AuditReport, VaultError> {
    let failed = |why: String| VaultError::new(503, "ServiceUnavailable", why);
    let noted = chain::noted(house).map_err(failed)?;
    let settled = noted.as_ref().map_or(settled, |(end, _)| end.sequence.max(settled));
    let key = house.keyring.audit_key().ok();
    let mut report = AuditReport::default();
    for form in FORMS {
        let strays = strays(house, form, settled, written).await.map_err(failed)?;
        if strays > 0 {
            report.find(format!(
                "{strays} row(s) of {} speak of this house's vaults and have no place in the chain: the server did not write them",
                form.table
            ));
        }
    }
    let Some(Ends { first, last, oldest }) = ends(house, settled).await.map_err(failed)? else {
        if noted.is_some() {
            report.find("all rows are gone: the store knows of some".into());
        }
        return Ok(report);
    };
    (report.first, report.last) = (first, last);
    if first > 1 && !has_expired(house, oldest) {
        report.find(format!("rows 1 to {} are missing, and not by age", first - 1));
    }
    let (mut rows, mut copies) = (Walk::new(""), Walk::new(OF_COPIES));
    let mut proofs = Proofs::default();
    rows.expected = Some(first);
    let mut from = first;
    while from <= last {
        let to = last.min(from + PAGE - 1);
        let page_of = async |form| page(house, form, from..=to, None).await.map_err(failed);
        let mut contents: HashMap<u64, String> = HashMap::new();
        for row in page_of(&DIAGNOSTICS).await? {
            report.rows += 1;
            let is_next = rows.place(&mut report, &row);
            let is_judged = rows.digest(&mut report, &row);
            proofs.step(&mut report, &row, is_next && is_judged, key.as_deref());
            if let Some((end, _)) = &noted
                && end.sequence == row.sequence
                && rows.before.as_ref().is_some_and(|d| *d != chain::text_of(end.digest.as_ref()))
            {
                report.find(format!("row {}: not the one that the store noted here", row.sequence));
            }
            contents.insert(row.sequence, row.canonical);
        }
        for row in page_of(&LOGS).await? {
            copies.place(&mut report, &row);
            if contents.get(&row.sequence).is_some_and(|content| *content != row.canonical) {
                report.find(format!(
                    "row {}{OF_COPIES}: it says something else than in {}",
                    row.sequence, TABLES[0]
                ));
            }
        }
        from = to + 1;
    }
    rows.end(&mut report);
    proofs.end(&mut report);
    if settled > last {
        report.find(format!("rows {} to {settled} are missing at the end", last + 1));
    }
    Ok(report)
}

/// From row to row of one table.
struct Walk {
    /// Behind the numbers of its rows in findings.
    of: &'static str,
    /// The next place; none before the first row.
    expected: Option<u64>,
    /// Digest of the row before, as it was told or made; none where that cannot be known.
    before: Option<String>,
    /// Rows in front of this one that told no digest, and were not held against one.
    silent: u64,
}

impl Walk {
    const fn new(of: &'static str) -> Self {
        Self { of, expected: None, before: None, silent: 0 }
    }

    /// Judges a row by its place; true where it comes next.
    fn place(&mut self, report: &mut AuditReport, row: &Read) -> bool {
        let (sequence, of) = (row.sequence, self.of);
        let expected = self.expected.replace(sequence + 1).unwrap_or(sequence);
        match sequence.cmp(&expected) {
            Ordering::Greater => {
                report.find(format!("rows {expected} to {}{of} are missing", sequence - 1));
            }
            Ordering::Less => report.find(format!("row {sequence}{of} is there twice")),
            Ordering::Equal => return true,
        }
        (self.before, self.silent) = (None, 0); // what is missing is a finding, and what leads to it has no proof
        false
    }

    /// Judges a row by its digest, or leaves that to the next that tells one; false where it cannot be done: what is
    /// missing before it is a finding, or expired.
    fn digest(&mut self, report: &mut AuditReport, row: &Read) -> bool {
        let sequence = row.sequence;
        let before = self.before.take();
        let told = (!row.previous.is_empty() || sequence == 1).then_some(&row.previous);
        if let (Some(before), Some(told)) = (&before, told)
            && before != told
        {
            report.find(format!("row {sequence} does not follow the row before it"));
        }
        let made = told.or(before.as_ref()).map(|p| digest(sequence, p, &row.canonical));
        if row.digest.is_empty() {
            self.silent += 1;
            if self.silent == DIGEST_EVERY {
                self.end(report);
            }
            let is_judged = made.is_some();
            self.before = made;
            return is_judged;
        }
        let first = sequence - std::mem::take(&mut self.silent);
        let is_judged = made.is_some();
        if made.is_some_and(|made| made != row.digest) {
            report.find(match (first == sequence, told) {
                (true, Some(_)) => format!("row {sequence}: its content was changed"),
                (true, None) => {
                    format!("row {sequence}: its content or the digest before it was changed")
                }
                (false, _) => format!(
                    "rows {first} to {sequence}: the content of one of them or the digest before them was changed"
                ),
            });
        }
        self.before = Some(row.digest.clone());
        is_judged
    }

    /// Rows that told no digest wait for none any more.
    fn end(&mut self, report: &mut AuditReport) {
        let silent = std::mem::take(&mut self.silent);
        if let Some(last) = self.expected.filter(|_| silent > 0) {
            report.find(format!("rows {} to {}: their digest is missing", last - silent, last - 1));
        }
    }
}

/// Rows whose proof is still to come.
#[derive(Default)]
struct Proofs {
    waiting: u64,
}

impl Proofs {
    fn step(
        &mut self,
        report: &mut AuditReport,
        row: &Read,
        follows: bool,
        key: Option<&crypto::SealingKey>,
    ) {
        if !follows {
            self.end(report); // a proof stands for the rows that lead to it
        }
        match (&row.proof, key) {
            (Proof::Sealed, _) => report.unproven += 1,
            (_, None) => {}
            (Proof::Behind, Some(_)) => self.waiting += 1,
            (Proof::Of(told), Some(key)) => {
                let rows = std::mem::take(&mut self.waiting) + 1;
                if constant_time_eq(proof(key, &row.digest).as_bytes(), told.as_bytes()) {
                    report.proven += rows;
                } else if rows == 1 {
                    report.find(format!("row {}: its proof is false", row.sequence));
                } else {
                    let first = row.sequence + 1 - rows;
                    report.find(format!("rows {first} to {}: their proof is false", row.sequence));
                }
            }
        }
    }

    /// No row behind proves those that wait.
    fn end(&mut self, report: &mut AuditReport) {
        report.unproven += std::mem::take(&mut self.waiting);
    }
}

/// The first and the last place that rows have, and the time of the oldest.
struct Ends {
    first: u64,
    last: u64,
    oldest: Option<DateTime>,
}

async fn ends(house: &AuditHouse, settled: u64) -> Result<Option<Ends>, String> {
    let text = format!(
        "{} | where s between (1 .. {settled}) | summarize a = min(s), b = max(s), t = min(TimeGenerated)",
        source(house, &DIAGNOSTICS)
    );
    let rows = run(house, text).await?;
    let cell = |name: &str| rows.as_ref().and_then(|rows| rows.get(0, name));
    let number = |name: &str| match cell(name)? {
        Value::Long(n) => u64::try_from(n).ok(),
        _ => None,
    };
    let oldest = match cell("t") {
        Some(Value::DateTime(at)) => Some(at),
        _ => None,
    };
    Ok(number("a").zip(number("b")).map(|(first, last)| Ends { first, last, oldest }))
}

/// How many rows of a table have no place that a row of the chain can have.
async fn strays(
    house: &AuditHouse,
    form: &Form,
    settled: u64,
    written: &AtomicU64,
) -> Result<u64, String> {
    let source = source(house, form);
    let number = |value: Option<Value>| match value {
        Some(Value::Long(number)) => number.unsigned_abs(),
        _ => 0,
    };
    let none = run(house, format!("{source} | where isnull(s) or s < 1 | summarize n = count()"));
    let none = number(none.await?.and_then(|rows| rows.get(0, "n")));
    let behind = format!("{source} | where s > {settled} | top {STRAYS_MAX} by s desc | project s");
    let behind = run(house, behind).await?;
    // rows that were written meanwhile are honest
    let end = written.load(atomic::Ordering::Acquire).max(settled);
    let behind = behind.iter().flat_map(Rows::values).filter_map(|row| row.into_iter().next());
    Ok(none + behind.filter(|place| number(Some(place.clone())) > end).count() as u64)
}

/// True when the rows before these are old enough for the table's retention to have taken them.
fn has_expired(house: &AuditHouse, oldest: Option<DateTime>) -> bool {
    const DAY: i64 = 24 * 60 * 60;
    let table = house.tables.table(&house.workspace, TABLES[0]);
    let (Some(table), Some(oldest)) = (table, oldest) else { return false };
    let age = house.clock.now().unix_seconds() - oldest.unix_seconds();
    age >= (i64::from(table.retention_days) - 2) * DAY // it goes by days, and segments by whole ones
}
