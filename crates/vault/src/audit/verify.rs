//! Reads the chain back: was a row edited, removed or moved, and is its end still there?

use crypto::constant_time_eq;
use model::{DateTime, QueryRequest, Rows, Value};

use super::chain::{self, digest, proof};
use super::row::{DIAGNOSTICS, Form, LOGS, canonical};
use super::{AuditHouse, TABLES};
use crate::VaultError;

/// Rows looked at with one query.
const PAGE: u64 = 20_000;
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
    /// Rows whose proof was checked; none while sealed.
    pub proven: u64,
    /// Rows written while the vault was sealed: without a proof.
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
struct Read {
    sequence: u64,
    previous: String,
    digest: String,
    proof: String,
    canonical: String,
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
    let mut expected = first;
    let mut previous: Option<String> = None;
    let mut from = first;
    while from <= last {
        let to = last.min(from + PAGE - 1);
        for row in page(house, TABLES[0], &DIAGNOSTICS, from, to).await.map_err(failed)? {
            judge(&mut report, &row, &mut expected, &mut previous, key.as_deref());
            if let Some((end, _)) = &noted
                && end.sequence == row.sequence
                && chain::text_of(end.digest.as_ref()) != row.digest
            {
                report.find(format!("row {}: not the one that the store noted here", row.sequence));
            }
        }
        let copies = page(house, TABLES[1], &LOGS, from, to).await.map_err(failed)?;
        for row in copies {
            if digest(row.sequence, &row.previous, &row.canonical) != row.digest {
                report.find(format!(
                    "row {} of {}: its content was changed",
                    row.sequence, TABLES[1]
                ));
            }
        }
        from = to + 1;
    }
    if let Some((end, _)) = noted
        && end.sequence > last
    {
        report.find(format!("rows {} to {} are missing at the end", last + 1, end.sequence));
    }
    Ok(report)
}

fn judge(
    report: &mut AuditReport,
    row: &Read,
    expected: &mut u64,
    previous: &mut Option<String>,
    key: Option<&crypto::SealingKey>,
) {
    let sequence = row.sequence;
    report.rows += 1;
    match sequence.cmp(expected) {
        std::cmp::Ordering::Greater => {
            report.find(format!("rows {} to {} are missing", *expected, sequence - 1));
        }
        std::cmp::Ordering::Less => report.find(format!("row {sequence} is there twice")),
        std::cmp::Ordering::Equal => {
            if previous.as_ref().is_some_and(|p| *p != row.previous) {
                report.find(format!("row {sequence} does not follow the row before it"));
            }
        }
    }
    if digest(sequence, &row.previous, &row.canonical) != row.digest {
        report.find(format!("row {sequence}: its content was changed"));
    }
    match key {
        _ if row.proof.is_empty() => report.unproven += 1,
        Some(key) if constant_time_eq(proof(key, &row.digest).as_bytes(), row.proof.as_bytes()) => {
            report.proven += 1;
        }
        Some(_) => report.find(format!("row {sequence}: its proof is false")),
        None => {}
    }
    *expected = sequence + 1;
    *previous = Some(row.digest.clone());
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
         a = tostring({link}.previous), b = tostring({link}.digest), c = tostring({link}.proof), {}",
        source(table, form),
        parts.join(", ")
    );
    let rows = run(house, text).await?;
    Ok(rows.iter().flat_map(Rows::values).filter_map(|row| read(&row)).collect())
}

fn read(row: &[Value]) -> Option<Read> {
    let texts: Vec<String> = row.iter().map(plain).collect();
    let (head, parts) = texts.split_first_chunk::<4>()?;
    let parts: [&str; 14] = parts.iter().map(String::as_str).collect::<Vec<_>>().try_into().ok()?;
    let [sequence, previous, digest, proof] = head;
    Some(Read {
        sequence: sequence.parse().ok()?,
        previous: previous.clone(),
        digest: digest.clone(),
        proof: proof.clone(),
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
