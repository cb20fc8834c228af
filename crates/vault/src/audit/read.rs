//! Rows read back from the tables: those of this house's vaults, whoever put them there.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use model::{DateTime, QueryRequest, Rows, TimeSpan, Value};

use super::AuditHouse;
use super::row::{Form, PARTS, canonical};

/// Rows looked at with one query.
pub(super) const PAGE: u64 = 20_000;
/// What the query says of a proof that is not there.
const BEHIND: &str = "behind";
/// Clocks may have been set back between two rows.
const MARGIN_SECONDS: i64 = 3600;

/// A row as it was read.
#[derive(Clone)]
pub(super) struct Read {
    pub(super) sequence: u64,
    /// Empty in most rows, as is the digest: see [`link_fields`](super::row::link_fields).
    pub(super) previous: String,
    pub(super) digest: String,
    pub(super) proof: Proof,
    pub(super) canonical: String,
}

/// What a row says of its proof.
#[derive(Clone)]
pub(super) enum Proof {
    /// A row behind it has one, which stands for both.
    Behind,
    /// It was written while the vault was sealed.
    Sealed,
    Of(String),
}

/// The answer to a query.
pub(super) async fn run(house: &AuditHouse, text: String) -> Result<Option<Rows>, String> {
    let request = QueryRequest::new(&*house.workspace, text, house.clock.now());
    let answer = house.tables.query(request).await.map_err(|e| e.to_string())?;
    Ok(answer.tables.into_iter().next().map(|t| t.rows))
}

/// The rows of a table that are calls to vaults of this house, or to none (`s` is the place that they claim). Rows of
/// vaults elsewhere may lie in the same tables.
pub(super) fn source(house: &AuditHouse, form: &Form) -> String {
    let Form { table, calls, resource, link, .. } = form;
    let own = &house.subscription;
    format!(
        "{table} | where {calls} | where isempty({resource}) or {resource} startswith '/subscriptions/{own}' \
         | extend s = tolong({link}.sequence)"
    )
}

/// Rows that claim these places, in order; where a time is given, those since then.
pub(super) async fn page(
    house: &AuditHouse,
    form: &Form,
    places: RangeInclusive<u64>,
    since: Option<DateTime>,
) -> Result<Vec<Read>, String> {
    let link = form.link;
    let parts: Vec<String> =
        form.parts.iter().enumerate().map(|(i, part)| format!("p{i} = {part}")).collect();
    let margin = TimeSpan::from_ticks(MARGIN_SECONDS * 10_000_000);
    let since = since.and_then(|time| time.checked_sub(margin));
    let since = since.map_or_else(String::new, |t| format!(" and TimeGenerated >= datetime({t})"));
    let text = format!(
        "{} | where s between ({} .. {}){since} | order by s asc | project s, \
         a = tostring({link}.previous), b = tostring({link}.digest), \
         c = iff(isnull({link}.proof), '{BEHIND}', tostring({link}.proof)), {}",
        source(house, form),
        places.start(),
        places.end(),
        parts.join(", ")
    );
    let rows = run(house, text).await?;
    Ok(rows.iter().flat_map(Rows::values).filter_map(|row| read(&row)).collect())
}

/// Which of these calls a table has: rows that say all of it, in the place where it belongs.
pub(super) async fn held(
    house: &AuditHouse,
    form: &Form,
    calls: &[(u64, String)],
    since: DateTime,
) -> Result<HashSet<u64>, String> {
    let (Some((first, _)), Some((last, _))) = (calls.first(), calls.last()) else {
        return Ok(HashSet::new());
    };
    let rows = page(house, form, *first..=*last, Some(since)).await?;
    let is_call = |row: &Read| {
        let at = calls.binary_search_by_key(&row.sequence, |(sequence, _)| *sequence).ok();
        at.and_then(|at| calls.get(at)).is_some_and(|(_, canonical)| *canonical == row.canonical)
    };
    Ok(rows.iter().filter(|row| is_call(row)).map(|row| row.sequence).collect())
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
