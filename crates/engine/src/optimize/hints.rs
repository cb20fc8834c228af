//! What a filter tells a scan: time bounds, terms, comparisons.

use ahash::AHashMap;
use values::{ScalarType, Value};

use crate::plan::{ColumnId, Expr, Field, Matching, Scan, Set, visit};
use crate::source::{Comparison, Hint, Piece, ScanColumn, TickRange};

/// Terms that an index knows: shorter ones stand in too many rows to prune.
const TERM_MIN: usize = 3;

/// Columns asked for the same text from which on it is worth while to look through all terms for a part of one: the
/// values of a few columns are looked through as fast.
const MANY: usize = 4;

/// Most values of an `in` that become a hint.
const SET_MAX: usize = 10_000;

/// Adds to the scan what the conjuncts imply.
pub(super) fn learn(scan: &mut Scan, fields: &[Field], conjuncts: &[Expr]) {
    let columns = Columns { scan_columns: &scan.columns, fields };
    let schema = scan.table.schema();
    let mut time = TickRange::ALL;
    let mut hints = Vec::new();
    for conjunct in conjuncts {
        if let Some(hint) = columns.hint(conjunct, false) {
            if let Hint::Compare { column, op, value: Value::DateTime(at) } = &hint
                && schema.columns.get(*column).is_some_and(|c| &*c.name == "TimeGenerated")
            {
                time = time.and(bounds(*op, at.ticks()));
            }
            hints.push(hint);
        }
    }
    if time != TickRange::ALL {
        scan.time = Some(scan.time.map_or(time, |t| t.and(time)));
    }
    scan.hints.extend(hints);
}

fn bounds(op: Comparison, at: i64) -> TickRange {
    match op {
        Comparison::Equal => TickRange { start: at, end: at },
        Comparison::Less => TickRange { start: i64::MIN, end: at.saturating_sub(1) },
        Comparison::LessOrEqual => TickRange { start: i64::MIN, end: at },
        Comparison::Greater => TickRange { start: at.saturating_add(1), end: i64::MAX },
        Comparison::GreaterOrEqual => TickRange { start: at, end: i64::MAX },
    }
}

struct Columns<'a> {
    scan_columns: &'a [ScanColumn],
    fields: &'a [Field],
}

impl Columns<'_> {
    /// The table's column that an expression is, casts from and paths into it included where `loose`.
    fn position(&self, expr: &Expr, loose: bool) -> Option<usize> {
        match expr {
            Expr::Column(id, _) => {
                let at = self.fields.iter().position(|f| f.id == *id)?;
                match self.scan_columns.get(at)? {
                    ScanColumn::Column(position) => Some(*position),
                    ScanColumn::IngestionTime | ScanColumn::Part(_) => None,
                }
            }
            // terms of a dynamic's part stand among the terms of the whole
            Expr::Cast(inner, ScalarType::String) if loose && inner.ty() == ScalarType::Dynamic => {
                self.position(inner, loose)
            }
            Expr::Path { base, .. } if loose => self.position(base, loose),
            _ => None,
        }
    }

    /// A condition that every row meeting the conjunct meets. `many`: columns are asked for the same text.
    fn hint(&self, expr: &Expr, many: bool) -> Option<Hint> {
        match expr {
            Expr::And(parts) => {
                let hints: Vec<Hint> = parts.iter().filter_map(|p| self.hint(p, many)).collect();
                (!hints.is_empty()).then_some(Hint::All(hints))
            }
            Expr::Or(parts) => {
                let many = many || parts.len() >= MANY;
                let hints = parts.iter().map(|p| self.hint(p, many)).collect::<Option<_>>()?;
                Some(Hint::Any(hints))
            }
            Expr::Call { function, args, .. } => self.call(function.name, args, many),
            Expr::InSet { value, set: Set::Values(values), matching, negated: false } => {
                self.set(value, values, *matching)
            }
            _ => None,
        }
    }

    fn call(&self, name: &str, args: &[Expr], many: bool) -> Option<Hint> {
        let [left, right] = args else { return None };
        let comparison = |flip: bool| {
            Some(match (name, flip) {
                ("==", _) => Comparison::Equal,
                ("<", false) | (">", true) => Comparison::Less,
                ("<=", false) | (">=", true) => Comparison::LessOrEqual,
                (">", false) | ("<", true) => Comparison::Greater,
                (">=", false) | ("<=", true) => Comparison::GreaterOrEqual,
                _ => return None,
            })
        };
        let (column, value, flipped) = match (left, right) {
            (_, Expr::Literal(value, _)) => (left, value, false),
            (Expr::Literal(value, _), _) => (right, value, true),
            _ => return None,
        };
        if let Value::String(text) = value
            && let Some(Needed { terms, mut pieces }) =
                Needed::of(name, text).filter(|_| !flipped || matches!(name, "==" | "=~"))
        {
            pieces.retain(|piece| many || matches!(piece, Piece::Start(_)));
            let by_terms = self.position(column, true).and_then(|c| by_terms(c, terms, pieces));
            return match (name, self.position(column, false)) {
                ("==", Some(c)) => {
                    let equal =
                        Hint::Compare { column: c, op: Comparison::Equal, value: value.clone() };
                    Some(by_terms.map_or(equal.clone(), |t| Hint::All(vec![t, equal])))
                }
                _ => by_terms,
            };
        }
        let op = comparison(flipped)?;
        let position = self.position(column, false)?;
        if matches!(value, Value::Null) || value.scalar_type() != Some(column.ty()) {
            return None;
        }
        Some(Hint::Compare { column: position, op, value: value.clone() })
    }

    fn set(&self, value: &Expr, values: &[Value], matching: Matching) -> Option<Hint> {
        if values.is_empty() || values.len() > SET_MAX {
            return None;
        }
        let terms_of = |v: &Value, operator: &str| match v {
            Value::String(s) => needed_terms(operator, s),
            _ => None,
        };
        let column = self.position(value, true)?;
        let term_hint = |terms| Hint::Terms { column: Some(column), terms };
        match matching {
            Matching::Exact if value.ty() != ScalarType::String => {
                Some(Hint::In { column: self.position(value, false)?, values: values.to_vec() })
            }
            Matching::Exact | Matching::IgnoreCase | Matching::HasAny => {
                let operator = if matching == Matching::HasAny { "has" } else { "=~" };
                let hints = values
                    .iter()
                    .map(|v| terms_of(v, operator).map(term_hint))
                    .collect::<Option<Vec<_>>>()?;
                Some(Hint::Any(hints))
            }
            Matching::HasAll => {
                let hints: Vec<Hint> =
                    values.iter().filter_map(|v| terms_of(v, "has").map(term_hint)).collect();
                (!hints.is_empty()).then_some(Hint::All(hints))
            }
        }
    }
}

/// The columns of which a predicate asks nothing but one test for a text, and the terms that a value must hold to meet it:
/// a value without them answers as an empty one does.
pub(crate) fn lone_terms(predicate: &Expr) -> Vec<(ColumnId, Vec<String>)> {
    let mut uses: AHashMap<ColumnId, usize> = AHashMap::new();
    let mut tests: Vec<(ColumnId, Vec<String>)> = Vec::new();
    visit(predicate, &mut |expr| match expr {
        Expr::Column(id, _) => *uses.entry(*id).or_default() += 1,
        Expr::Call { function, args, .. } => {
            if let [tested, Expr::Literal(Value::String(text), _)] = args.as_slice()
                && let Some(id) = text_column(tested)
                && let Some(terms) = needed_terms(function.name, text)
            {
                tests.push((id, terms));
            }
        }
        _ => {}
    });
    tests.retain(|(id, _)| uses.get(id) == Some(&1));
    tests
}

/// The column that is tested as text.
fn text_column(expr: &Expr) -> Option<ColumnId> {
    match expr {
        Expr::Column(id, ScalarType::String | ScalarType::Dynamic) => Some(*id),
        Expr::Cast(inner, ScalarType::String) => text_column(inner),
        _ => None,
    }
}

/// Whole terms that a text must hold to meet `operator text`, lower case; none where nothing is certain.
fn needed_terms(operator: &str, text: &str) -> Option<Vec<String>> {
    Needed::of(operator, text).map(|needed| needed.terms).filter(|terms| !terms.is_empty())
}

/// The hint of a column that must hold all of this; none where that is nothing.
fn by_terms(column: usize, terms: Vec<String>, pieces: Vec<Piece>) -> Option<Hint> {
    let whole = (!terms.is_empty()).then_some(Hint::Terms { column: Some(column), terms });
    if pieces.is_empty() {
        return whole;
    }
    let pieces = pieces.into_iter().map(|piece| Hint::Piece { column, piece });
    Some(Hint::All(whole.into_iter().chain(pieces).collect()))
}

/// What a text must hold to meet a condition.
struct Needed {
    /// Whole terms, lower case.
    terms: Vec<String>,
    /// Terms of which a part is known: at the ends, where the operator does not say that the term is over.
    pieces: Vec<Piece>,
}

impl Needed {
    /// Of `operator text`; none for other operators.
    fn of(operator: &str, text: &str) -> Option<Self> {
        let mut terms: Vec<(usize, usize)> = Vec::new();
        let mut start = None;
        for (at, c) in text.char_indices() {
            match (c.is_alphanumeric(), start) {
                (true, None) => start = Some(at),
                (false, Some(from)) => {
                    terms.push((from, at));
                    start = None;
                }
                _ => {}
            }
        }
        if let Some(from) = start {
            terms.push((from, text.len()));
        }
        // a term at an end may continue in the searched text, unless the operator says it does not
        let (left_open, right_open) = match operator {
            "==" | "=~" | "has" | "has_cs" => (false, false),
            "hasprefix" | "hasprefix_cs" => (false, true),
            "hassuffix" | "hassuffix_cs" => (true, false),
            "startswith" | "startswith_cs" => (false, true),
            "endswith" | "endswith_cs" => (true, false),
            "contains" | "contains_cs" => (true, true),
            _ => return None,
        };
        let open =
            |from: usize, to: usize| (left_open && from == 0, right_open && to == text.len());
        let piece = |(from, to): &(usize, usize)| {
            let known = text.get(*from..*to).filter(|t| t.is_ascii() && t.len() >= TERM_MIN)?;
            let known = known.to_ascii_lowercase();
            match open(*from, *to) {
                (false, false) => None,
                (false, true) => Some(Piece::Start(known)),
                (true, false) => Some(Piece::End(known)),
                (true, true) => Some(Piece::Inside(known)),
            }
        };
        let pieces = terms.iter().filter_map(piece).collect();
        terms.retain(|(from, to)| open(*from, *to) == (false, false));
        let addresses = addresses(text, &terms);
        let whole = addresses
            .into_iter()
            .chain(terms)
            .filter_map(|(from, to)| text.get(from..to))
            .map(str::to_lowercase)
            .filter(|t| t.len() >= TERM_MIN);
        Some(Self { terms: whole.collect(), pieces })
    }
}

/// Four numbers with dots between them, which an index may know as one term.
fn addresses(text: &str, terms: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let is_number = |(from, to): &(usize, usize)| {
        to - from <= 3 && text[*from..*to].bytes().all(|b| b.is_ascii_digit())
    };
    let is_address = |four: &&[(usize, usize)]| {
        four.iter().all(is_number)
            && four.windows(2).all(|pair| text.get(pair[0].1..pair[1].0) == Some("."))
    };
    terms.windows(4).filter(is_address).map(|four| (four[0].0, four[3].1)).collect()
}
