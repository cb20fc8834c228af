//! `==`, `!=`, `<`, `<=`, `>`, `>=`. The binder has made both sides the same type.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, StringViewArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use values::{DynamicRef, Kind, ScalarType, Value};

use super::Function;
use super::call::{Call, Columnar, TextArg};
use super::support::Answer;
use super::zip::{NullRule, Side, compare, compared};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("==", |c| by(c, NullRule::OneSide(false), Ordering::is_eq)),
    Function::new("!=", |c| by(c, NullRule::OneSide(true), Ordering::is_ne)),
    Function::new("<", |c| by(c, NullRule::Null, Ordering::is_lt)),
    Function::new("<=", |c| by(c, NullRule::Null, Ordering::is_le)),
    Function::new(">", |c| by(c, NullRule::Null, Ordering::is_gt)),
    Function::new(">=", |c| by(c, NullRule::Null, Ordering::is_ge)),
];

type Holds = fn(Ordering) -> bool;

fn by(call: &Call<'_>, rule: NullRule, holds: Holds) -> Answer {
    let array = match call.types.first() {
        Some(ScalarType::Long | ScalarType::DateTime | ScalarType::TimeSpan) => {
            longs(call, rule, holds)
        }
        Some(ScalarType::Int) => ints(call, rule, holds),
        Some(ScalarType::Real) => reals(call, rule, holds),
        Some(ScalarType::String) => texts(call, holds)?,
        _ => None,
    };
    match array {
        Some(array) => Ok(Columnar::Array(array)),
        None => values(call, rule, holds),
    }
}

/// Gives the loop its comparison as code, not as a pointer, so that it runs many values at once.
macro_rules! specialised {
    ($holds:expr, |$f:ident| $body:expr) => {{
        match ($holds(Ordering::Less), $holds(Ordering::Equal), $holds(Ordering::Greater)) {
            (false, true, false) => {
                let $f = |a, b| a == b;
                $body
            }
            (true, false, true) => {
                let $f = |a, b| a != b;
                $body
            }
            (true, false, false) => {
                let $f = |a, b| a < b;
                $body
            }
            (true, true, false) => {
                let $f = |a, b| a <= b;
                $body
            }
            (false, false, true) => {
                let $f = |a, b| a > b;
                $body
            }
            _ => {
                let $f = |a, b| a >= b;
                $body
            }
        }
    }};
}

fn longs(call: &Call<'_>, rule: NullRule, holds: Holds) -> Option<ArrayRef> {
    let side = |i: usize| -> Option<Side<'_, Int64Type>> {
        Some(match call.args.get(i)? {
            Columnar::Array(a) => Side::Column(a.as_primitive_opt()?),
            Columnar::Scalar(v) => Side::One(match v {
                Value::DateTime(d) => Some(d.ticks()),
                Value::TimeSpan(t) => Some(t.ticks()),
                v => v.as_i64(),
            }),
        })
    };
    let (a, b) = (side(0)?, side(1)?);
    Some(specialised!(holds, |f| compare(call.rows, a, b, rule, f)))
}

fn ints(call: &Call<'_>, rule: NullRule, holds: Holds) -> Option<ArrayRef> {
    let side = |i: usize| -> Option<Side<'_, Int32Type>> {
        Some(match call.args.get(i)? {
            Columnar::Array(a) => Side::Column(a.as_primitive_opt()?),
            Columnar::Scalar(v) => Side::One(v.as_i64().and_then(|v| i32::try_from(v).ok())),
        })
    };
    let (a, b) = (side(0)?, side(1)?);
    Some(specialised!(holds, |f| compare(call.rows, a, b, rule, f)))
}

fn reals(call: &Call<'_>, rule: NullRule, holds: Holds) -> Option<ArrayRef> {
    let side = |i: usize| -> Option<Side<'_, Float64Type>> {
        Some(match call.args.get(i)? {
            Columnar::Array(a) => Side::Column(a.as_primitive_opt()?),
            Columnar::Scalar(v) => Side::One(v.as_f64()),
        })
    };
    let (a, b) = (side(0)?, side(1)?);
    Some(specialised!(holds, |f| compare(call.rows, a, b, rule, f)))
}

/// Texts have no null, so that only the bits matter.
fn texts(call: &Call<'_>, holds: Holds) -> Result<Option<ArrayRef>, super::EvalError> {
    let (a, b) = (call.text(0)?, call.text(1)?);
    let bits = match (&a, &b) {
        (TextArg::Array(column), TextArg::Scalar(text))
        | (TextArg::Scalar(text), TextArg::Array(column))
            if holds(Ordering::Less) == holds(Ordering::Greater) =>
        {
            let same = equal_to(column, text);
            if holds(Ordering::Equal) { same } else { !&same }
        }
        _ => BooleanBuffer::collect_bool(call.rows, |row| holds(a.get(row).cmp(b.get(row)))),
    };
    Ok(Some(Arc::new(BooleanArray::new(bits, None))))
}

/// Rows that hold exactly this text: the first eight bytes of a view (length and prefix) decide most of them.
pub(super) fn equal_to(column: &StringViewArray, text: &str) -> BooleanBuffer {
    let wanted = text.as_bytes();
    let prefix = wanted.get(..4.min(wanted.len())).unwrap_or_default();
    let mut head = [0_u8; 8];
    head[..4].copy_from_slice(&(wanted.len() as u32).to_le_bytes());
    head[4..4 + prefix.len()].copy_from_slice(prefix);
    let head = u64::from_le_bytes(head);
    let views = column.views();
    BooleanBuffer::collect_bool(column.len(), |row| {
        views[row] as u64 == head && (wanted.len() <= 4 || column.value(row).as_bytes() == wanted)
    })
}

/// Every other type, value by value.
fn values(call: &Call<'_>, rule: NullRule, holds: Holds) -> Answer {
    let mut bits = Vec::with_capacity(call.rows);
    let (mut left, mut right) = (Vec::with_capacity(call.rows), Vec::with_capacity(call.rows));
    for row in 0..call.rows {
        let (a, b) = (call.value(0, row), call.value(1, row));
        left.push(!a.is_null());
        right.push(!b.is_null());
        bits.push(match (&a, &b) {
            (Value::Dynamic(a), Value::Dynamic(b)) => dynamics(a.as_ref(), b.as_ref(), holds),
            _ => holds(a.total_cmp(&b)),
        });
    }
    let nulls = |valid: Vec<bool>| Some(NullBuffer::from(valid)).filter(|n| n.null_count() > 0);
    let (left, right) = (nulls(left), nulls(right));
    let holds = BooleanBuffer::from(bits);
    Ok(Columnar::Array(compared(holds, left.as_ref(), right.as_ref(), rule)))
}

/// Dynamic values: unlike kinds are unequal and in no order; NaN equals nothing.
fn dynamics(a: DynamicRef<'_>, b: DynamicRef<'_>, holds: Holds) -> bool {
    if let (Some(x), Some(y)) = (a.as_f64(), b.as_f64()) {
        return x.partial_cmp(&y).is_some_and(holds);
    }
    let order = a.compare(b);
    let comparable = a.kind() == b.kind() || number(a) && number(b);
    if comparable || holds(Ordering::Less) == holds(Ordering::Greater) {
        holds(order)
    } else {
        false
    }
}

fn number(part: DynamicRef<'_>) -> bool {
    matches!(part.kind(), Kind::Long | Kind::Real | Kind::Decimal)
}
