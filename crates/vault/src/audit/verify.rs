//! Reads the chain back: was a row edited, removed or moved, and is its end still there?

use std::cmp::Ordering;
use std::collections::HashMap;

use crypto::constant_time_eq;
use model::{DateTime, QueryRequest, Rows, Value};

use super::chain::{self, digest, proof};
use super::row::{DIAGNOSTICS, Form, LOGS, PARTS, canonical};
use super::{AuditHouse, TABLES};
use crate::VaultError;

/// Rows looked at with one query.
const PAGE: u64 = 20_000;
/// Behind the number of a row of the second table.
const OF_COPIES: &str = " of AZKVAuditLogs";
/// What the query says of a proof that is not there.
const BEHIND: &str = "behind";
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

/// A row as it was read.
#[derive(Clone)]
struct Read {
    sequence: u64,
    /// Empty in most rows: see [`link_fields`](super::row::link_fields).
    previous: String,
    digest: String,
    proof: Proof,
    canonical: String,
}

/// What a row says of its proof.
#[derive(Clone)]
enum Proof {
    /// A row behind it has one, which stands for both.
    Behind,
    /// It was written while the vault was sealed.
    Sealed,
    Of(String),
}

/// Judges all rows of both tables.
pub(super) async fn verify(house: &AuditHouse) -> Result<AuditReport, VaultError> {
    let failed = |why: String| VaultError::new(503, "ServiceUnavailable", why);
    let noted = chain::noted(house).map_err(failed)?;
    let key = house.keyring.audit_key().ok();
    let mut report = AuditReport::default();
    let Some(Ends { first, last, oldest }) = ends(house).await.map_err(failed)? else {
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
        let page_of = async |table, form| page(house, table, form, from, to).await.map_err(failed);
        let mut contents: HashMap<u64, String> = HashMap::new();
        for row in page_of(TABLES[0], &DIAGNOSTICS).await? {
            report.rows += 1;
            let is_next = rows.place(&mut report, &row);
            let is_judged = rows.digest(&mut report, &row);
            proofs.step(&mut report, &row, is_next && is_judged, key.as_deref());
            if let Some((end, _)) = &noted
                && end.sequence == row.sequence
                && chain::text_of(end.digest.as_ref()) != row.digest
            {
                report.find(format!("row {}: not the one that the store noted here", row.sequence));
            }
            contents.insert(row.sequence, row.canonical);
        }
        for row in page_of(TABLES[1], &LOGS).await? {
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
    proofs.end(&mut report);
    if let Some((end, _)) = noted
        && end.sequence > last
    {
        report.find(format!("rows {} to {} are missing at the end", last + 1, end.sequence));
    }
    Ok(report)
}

/// From row to row of one table.
struct Walk {
    /// Behind the numbers of its rows in findings.
    of: &'static str,
    /// The next place; none before the first row.
    expected: Option<u64>,
    /// Digest of the row before; none where that is missing.
    before: Option<String>,
}

impl Walk {
    const fn new(of: &'static str) -> Self {
        Self { of, expected: None, before: None }
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
        self.before = None;
        false
    }

    /// Judges a row by its digest; false where that cannot be done: what is missing before it is a finding, or expired.
    fn digest(&mut self, report: &mut AuditReport, row: &Read) -> bool {
        let sequence = row.sequence;
        let before = self.before.replace(row.digest.clone());
        let told = (!row.previous.is_empty() || sequence == 1).then_some(&row.previous);
        if let (Some(before), Some(told)) = (&before, told)
            && before != told
        {
            report.find(format!("row {sequence} does not follow the row before it"));
        }
        let Some(previous) = told.or(before.as_ref()) else { return false };
        let holds = digest(sequence, previous, &row.canonical) == row.digest;
        if !holds && told.is_some() {
            report.find(format!("row {sequence}: its content was changed"));
        } else if !holds {
            report.find(format!("row {sequence}: its content or the digest before it was changed"));
        }
        true
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

async fn run(house: &AuditHouse, text: String) -> Result<Option<Rows>, String> {
    let request = QueryRequest::new(&*house.workspace, text, house.clock.now());
    let answer = house.tables.query(request).await.map_err(|e| e.to_string())?;
    Ok(answer.tables.into_iter().next().map(|t| t.rows))
}

fn source(table: &str, form: &Form) -> String {
    let only = if table == TABLES[0] {
        " | where Category == 'AuditEvent' and ResourceProvider == 'MICROSOFT.KEYVAULT'"
    } else {
        ""
    };
    format!("{table}{only} | extend s = tolong({}.sequence)", form.link)
}

/// The first and the last place that rows have, and the time of the oldest.
struct Ends {
    first: u64,
    last: u64,
    oldest: Option<DateTime>,
}

async fn ends(house: &AuditHouse) -> Result<Option<Ends>, String> {
    let rows = source(TABLES[0], &DIAGNOSTICS);
    let text = format!("{rows} | summarize a = min(s), b = max(s), t = min(TimeGenerated)");
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

/// True when the rows before these are old enough for the table's retention to have taken them.
fn has_expired(house: &AuditHouse, oldest: Option<DateTime>) -> bool {
    const DAY: i64 = 24 * 60 * 60;
    let table = house.tables.table(&house.workspace, TABLES[0]);
    let (Some(table), Some(oldest)) = (table, oldest) else { return false };
    let age = house.clock.now().unix_seconds() - oldest.unix_seconds();
    age >= (i64::from(table.retention_days) - 2) * DAY // it goes by days, and segments by whole ones
}

async fn page(
    house: &AuditHouse,
    table: &str,
    form: &Form,
    from: u64,
    to: u64,
) -> Result<Vec<Read>, String> {
    let link = form.link;
    let parts: Vec<String> =
        form.parts.iter().enumerate().map(|(i, part)| format!("p{i} = {part}")).collect();
    let text = format!(
        "{} | where s between ({from} .. {to}) | order by s asc | project s, \
         a = tostring({link}.previous), b = tostring({link}.digest), \
         c = iff(isnull({link}.proof), '{BEHIND}', tostring({link}.proof)), {}",
        source(table, form),
        parts.join(", ")
    );
    let rows = run(house, text).await?;
    Ok(rows.iter().flat_map(Rows::values).filter_map(|row| read(&row)).collect())
}

fn read(row: &[Value]) -> Option<Read> {
    let texts: Vec<String> = row.iter().map(plain).collect();
    let (head, parts) = texts.split_first_chunk::<4>()?;
    let parts: [&str; PARTS] =
        parts.iter().map(String::as_str).collect::<Vec<_>>().try_into().ok()?;
    let [sequence, previous, digest, proof] = head;
    Some(Read {
        sequence: sequence.parse().ok()?,
        previous: previous.clone(),
        digest: digest.clone(),
        proof: match proof.as_str() {
            BEHIND => Proof::Behind,
            "" => Proof::Sealed,
            proof => Proof::Of(proof.to_owned()),
        },
        canonical: canonical(parts),
    })
}

/// A cell as [`canonical`] has it.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::DateTime(at) => at.ticks().to_string(),
        Value::Null => String::new(),
        other => {
            let mut text = String::new();
            other.write_text(&mut text);
            text
        }
    }
}
