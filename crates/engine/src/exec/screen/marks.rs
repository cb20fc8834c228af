//! What a row must hold to meet a condition, as texts and numbers that one look-up can find.

use values::{ScalarType, Value};

use crate::functions::terms;
use crate::plan::{ColumnId, Expr, Matching, Set};

/// Shorter texts stand in too many rows.
const TEXT_MIN: usize = 2;

/// Sets with more members are tested by themselves.
const SET_MAX: usize = 1_000;

/// Something that stands in a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mark {
    /// The column's text holds this, in whatever case; lower case, ASCII.
    Text(ColumnId, Box<str>),
    /// The column is this number (ticks of a datetime).
    Number(ColumnId, i64),
}

/// Marks of which one must be there.
pub(super) type Clause = Vec<Mark>;

/// The clauses that every row meeting the condition meets. Not all that there are.
pub(super) fn clauses(condition: &Expr) -> Vec<Clause> {
    match condition {
        Expr::And(parts) => parts.iter().flat_map(clauses).collect(),
        Expr::Or(parts) => {
            let each = parts.iter().map(|part| clauses(part).into_iter().max_by_key(rarity));
            each.collect::<Option<Vec<Clause>>>().map(|all| all.concat()).into_iter().collect()
        }
        Expr::Call { function, args, .. } => match args.as_slice() {
            [tested, Expr::Literal(value, _)] => of_call(function.name, tested, value),
            [Expr::Literal(value, _), tested] if matches!(function.name, "==" | "=~") => {
                of_call(function.name, tested, value)
            }
            _ => Vec::new(),
        },
        Expr::InSet { value, set: Set::Values(values), matching, negated: false }
            if values.len() <= SET_MAX =>
        {
            let marks = values.iter().map(|v| mark(value, v));
            match matching {
                Matching::HasAll => marks.flatten().map(|mark| vec![mark]).collect(),
                Matching::Exact | Matching::IgnoreCase | Matching::HasAny => {
                    marks.collect::<Option<Clause>>().into_iter().collect()
                }
            }
        }
        _ => Vec::new(),
    }
}

/// How rarely a clause is met, roughly: as rarely as its most frequent mark.
fn rarity(clause: &Clause) -> usize {
    let of = |mark: &Mark| match mark {
        Mark::Text(_, text) => text.len(),
        Mark::Number(..) => 4,
    };
    clause.iter().map(of).min().unwrap_or(0)
}

fn of_call(operator: &str, tested: &Expr, value: &Value) -> Vec<Clause> {
    let seeks = matches!(operator, "==" | "=~") || terms::needs_the_text(operator);
    mark(tested, value).filter(|_| seeks).map(|mark| vec![vec![mark]]).unwrap_or_default()
}

fn mark(tested: &Expr, value: &Value) -> Option<Mark> {
    match value {
        Value::String(text) => {
            let usable = text.len() >= TEXT_MIN && text.is_ascii();
            let column = text_column(tested).filter(|_| usable)?;
            Some(Mark::Text(column, text.to_ascii_lowercase().into()))
        }
        Value::Int(_) | Value::Long(_) | Value::DateTime(_) => match tested {
            Expr::Column(id, ScalarType::Int | ScalarType::Long | ScalarType::DateTime) => {
                let number = match value {
                    Value::DateTime(at) => at.ticks(),
                    number => number.as_i64()?,
                };
                Some(Mark::Number(*id, number))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The text column that is tested, changed in case at the most.
fn text_column(expr: &Expr) -> Option<ColumnId> {
    match expr {
        Expr::Column(id, ScalarType::String) => Some(*id),
        Expr::Call { function, args, .. } if matches!(function.name, "tolower" | "toupper") => {
            args.first().and_then(text_column)
        }
        _ => None,
    }
}
