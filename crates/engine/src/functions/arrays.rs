//! Arrays inside of dynamic values.

use std::cmp::Ordering;

use values::dynamic::PathPart;
use values::{DateTime, DynamicBuilder, DynamicRef, Kind, ScalarType, TimeSpan, Value};

use super::Function;
use super::call::{Call, Columnar, DynamicArg, EvalError};
use super::strings::Window;
use super::support::Answer;

/// Most elements of `range` and `repeat`.
const LENGTH_MAX: i64 = 1 << 20;
/// Most bytes that `repeat` makes of one value.
const BYTES_MAX: usize = 8 << 20;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("array_length", length),
    Function::new("arraylength", length),
    Function::new("array_concat", concat),
    Function::new("array_iff", iff),
    Function::new("array_iif", iff),
    Function::new("array_index_of", index_of),
    Function::new("array_reverse", reverse),
    Function::new("array_rotate_left", |c| rotate(c, 1)),
    Function::new("array_rotate_right", |c| rotate(c, -1)),
    Function::new("array_shift_left", |c| shift(c, 1)),
    Function::new("array_shift_right", |c| shift(c, -1)),
    Function::new("array_slice", slice),
    Function::new("array_sort_asc", |c| sort(c, false)),
    Function::new("array_sort_desc", |c| sort(c, true)),
    Function::new("array_split", split),
    Function::new("array_sum", sum),
    Function::new("pack_array", pack_array).with_part(pack_array_part),
    Function::new("repeat", repeat),
    Function::new("range", range),
    Function::new("zip", zip),
];

/// Writes an array of parts.
pub(super) fn write_array<'d>(
    out: &mut DynamicBuilder,
    items: impl IntoIterator<Item = DynamicRef<'d>>,
) {
    out.begin_array();
    items.into_iter().for_each(|item| out.dynamic(item));
    out.end_array();
}

fn all<'c>(call: &'c Call<'_>) -> Result<Vec<DynamicArg<'c>>, EvalError> {
    (0..call.len()).map(|i| call.dynamic(i)).collect()
}

fn length(call: &Call<'_>) -> Answer {
    let arrays = call.dynamic(0)?;
    call.longs(|row| i64::try_from(arrays.array(row)?.len()).ok())
}

/// Elements of all arguments; one that is no array counts as its own element, null as none.
fn concat(call: &Call<'_>) -> Answer {
    let arrays = all(call)?;
    call.arrays(|row, out| {
        let mut any = false;
        for part in arrays.iter().filter_map(|a| a.get(row)) {
            any = true;
            if part.kind() == Kind::Array {
                part.array().for_each(|item| out.dynamic(item));
            } else {
                out.dynamic(part);
            }
        }
        any.then_some(())
    })
}

fn iff(call: &Call<'_>) -> Answer {
    let conditions = call.dynamic(0)?;
    call.built(|row, out| {
        let (yes, no) = (call.value(1, row), call.value(2, row));
        let pick = |value: &Value, at: usize, out: &mut DynamicBuilder| match value {
            Value::Dynamic(d) if d.as_ref().kind() == Kind::Array => {
                match i64::try_from(at).ok().and_then(|at| d.as_ref().index(at)) {
                    Some(item) => out.dynamic(item),
                    None => out.null(),
                }
            }
            value => out.value(value),
        };
        out.begin_array();
        for (at, condition) in conditions.array(row)?.array().enumerate() {
            match condition.as_bool().or_else(|| condition.to_f64().map(|v| v != 0.0)) {
                Some(true) => pick(&yes, at, out),
                Some(false) => pick(&no, at, out),
                None => out.null(),
            }
        }
        out.end_array();
        Some(())
    })
}

/// The argument's value at a row as a dynamic value of its own.
fn as_dynamic(call: &Call<'_>, index: usize, row: usize) -> values::Dynamic {
    values::Dynamic::from_value(&call.value(index, row))
}

fn index_of(call: &Call<'_>) -> Answer {
    let arrays = call.dynamic(0)?;
    call.longs(|row| {
        let array = arrays.array(row)?;
        let wanted = as_dynamic(call, 1, row);
        let window = Window::of(call, 2, row, array.len())?;
        let hits = array
            .array()
            .enumerate()
            .skip(window.start)
            .take(window.length)
            .filter(|(_, item)| *item == wanted.as_ref());
        let at = hits.map(|(at, _)| at).nth(window.occurrence - 1);
        Some(at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1))
    })
}

fn reverse(call: &Call<'_>) -> Answer {
    let arrays = call.dynamic(0)?;
    call.arrays(|row, out| {
        let items: Vec<_> = arrays.array(row)?.array().collect();
        items.into_iter().rev().for_each(|item| out.dynamic(item));
        Some(())
    })
}

fn rotate(call: &Call<'_>, direction: i64) -> Answer {
    let (arrays, counts) = (call.dynamic(0)?, call.number(1)?);
    call.arrays(|row, out| {
        let mut items: Vec<_> = arrays.array(row)?.array().collect();
        if !items.is_empty() {
            let length = i64::try_from(items.len()).ok()?;
            let by = counts.long(row)?.wrapping_mul(direction).rem_euclid(length);
            items.rotate_left(usize::try_from(by).ok()?);
        }
        items.into_iter().for_each(|item| out.dynamic(item));
        Some(())
    })
}

fn shift(call: &Call<'_>, direction: i64) -> Answer {
    let (arrays, counts) = (call.dynamic(0)?, call.number(1)?);
    call.built(|row, out| {
        let items: Vec<_> = arrays.array(row)?.array().collect();
        let by = counts.long(row)?.saturating_mul(direction);
        let texts = items.first().is_some_and(|i| i.kind() == Kind::String);
        let filler = match call.len() {
            3.. => call.value(2, row),
            _ if texts => Value::empty_string(),
            _ => Value::Null,
        };
        let length = i64::try_from(items.len()).ok()?;
        out.begin_array();
        for at in 0..length {
            let from = at.checked_add(by).and_then(|at| usize::try_from(at).ok());
            match from.and_then(|at| items.get(at)) {
                Some(item) => out.dynamic(*item),
                None => out.value(&filler),
            }
        }
        out.end_array();
        Some(())
    })
}

fn slice(call: &Call<'_>) -> Answer {
    let (arrays, starts, ends) = (call.dynamic(0)?, call.number(1)?, call.number(2)?);
    call.arrays(|row, out| {
        let array = arrays.array(row)?;
        let length = i64::try_from(array.len()).ok()?;
        let place = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
        let start = place(starts.long(row)?).max(0);
        let end = place(ends.long(row)?).min(length - 1);
        let count = usize::try_from(end.saturating_sub(start).saturating_add(1)).unwrap_or(0);
        let items = array.array().skip(usize::try_from(start).ok()?).take(count);
        items.for_each(|item| out.dynamic(item));
        Some(())
    })
}

/// Numbers and times first, then texts, guids, and all else; nulls apart.
fn rank(item: DynamicRef<'_>) -> u8 {
    match item.kind() {
        Kind::Long | Kind::Real | Kind::Decimal | Kind::DateTime | Kind::TimeSpan => 0,
        Kind::String => 1,
        Kind::Guid => 2,
        _ => 3,
    }
}

fn in_order(a: DynamicRef<'_>, b: DynamicRef<'_>, descending: bool) -> Ordering {
    rank(a).cmp(&rank(b)).then_with(|| {
        if rank(a) == 3 {
            return Ordering::Equal;
        }
        let order = a.compare(b);
        if descending { order.reverse() } else { order }
    })
}

/// Sorts the first array and brings the others into the same order. With one array the result is that array, with
/// several an array of them: the binder hands them out as columns.
fn sort(call: &Call<'_>, descending: bool) -> Answer {
    let arrays = (0..call.len())
        .filter(|i| call.types.get(*i) != Some(&ScalarType::Bool))
        .map(|i| call.dynamic(i))
        .collect::<Result<Vec<_>, _>>()?;
    let last = call.len().saturating_sub(1);
    let nulls_last = |row: usize| !matches!(call.value(last, row), Value::Bool(false));
    let by_place = |nulls_last: bool, a: DynamicRef<'_>, b: DynamicRef<'_>| {
        let nulls =
            if nulls_last { a.is_null().cmp(&b.is_null()) } else { b.is_null().cmp(&a.is_null()) };
        nulls.then_with(|| in_order(a, b, descending))
    };
    if let [array] = arrays.as_slice() {
        return call.arrays(|row, out| {
            let mut items: Vec<_> = array.array(row)?.array().collect();
            let nulls_last = nulls_last(row);
            items.sort_by(|a, b| by_place(nulls_last, *a, *b));
            items.into_iter().for_each(|item| out.dynamic(item));
            Some(())
        });
    }
    call.built(|row, out| {
        let first: Vec<_> = arrays.first()?.array(row)?.array().collect();
        let mut order: Vec<usize> = (0..first.len()).collect();
        let item = |at: &usize| first.get(*at).copied().unwrap_or(DynamicRef::NULL);
        let nulls_last = nulls_last(row);
        order.sort_by(|a, b| by_place(nulls_last, item(a), item(b)));
        out.begin_array();
        for array in &arrays {
            let items: Vec<_> = array.array(row).map(|a| a.array().collect()).unwrap_or_default();
            if items.len() == first.len() {
                write_array(out, order.iter().filter_map(|at| items.get(*at).copied()));
            } else {
                out.null();
            }
        }
        out.end_array();
        Some(())
    })
}

fn split(call: &Call<'_>) -> Answer {
    let arrays = call.dynamic(0)?;
    call.built(|row, out| {
        let items: Vec<_> = arrays.array(row)?.array().collect();
        let length = i64::try_from(items.len()).ok()?;
        let cuts: Vec<i64> = match call.value(1, row) {
            Value::Dynamic(d) if d.as_ref().kind() == Kind::Array => {
                d.as_ref().array().map(|c| c.as_i64()).collect::<Option<_>>()?
            }
            value => vec![value.cast(ScalarType::Long).as_i64()?],
        };
        out.begin_array();
        let mut start = 0;
        for cut in cuts
            .into_iter()
            .map(|c| if c < 0 { c.saturating_add(length) } else { c })
            .chain([length])
        {
            let end = usize::try_from(cut.clamp(0, length)).ok()?;
            write_array(out, items.get(start..end).unwrap_or_default().iter().copied());
            start = start.max(end);
        }
        out.end_array();
        Some(())
    })
}

/// None where an element is no number.
fn sum(call: &Call<'_>) -> Answer {
    let arrays = call.dynamic(0)?;
    call.reals(|row| arrays.array(row)?.array().map(DynamicRef::to_f64).sum())
}

fn pack_array(call: &Call<'_>) -> Answer {
    let cells = call.cells(0)?;
    call.arrays(|row, out| {
        cells.iter().for_each(|cell| cell.put(row, out));
        Some(())
    })
}

fn pack_array_part(call: &Call<'_>, path: &[PathPart<'_>]) -> Result<Option<Columnar>, EvalError> {
    let Some((PathPart::Index(position), rest)) = path.split_first() else {
        return call.no_ends();
    };
    let length = i64::try_from(call.len()).unwrap_or(i64::MAX);
    let place = if *position < 0 { position.saturating_add(length) } else { *position };
    match usize::try_from(place).ok().filter(|place| *place < call.len()) {
        Some(place) => call.ends_of_argument(place, rest),
        None => call.no_ends(),
    }
}

fn repeat(call: &Call<'_>) -> Answer {
    let counts = call.number(1)?;
    call.built(|row, out| {
        let value = call.value(0, row);
        let size = values::Dynamic::from_value(&value).as_bytes().len().max(1);
        let fitting = i64::try_from(BYTES_MAX / size).unwrap_or(0).min(LENGTH_MAX);
        let count = counts.long(row).filter(|c| *c >= 0)?.min(fitting);
        out.begin_array();
        (0..count).for_each(|_| out.value(&value));
        out.end_array();
        Some(())
    })
}

/// `range(start, stop[, step])` over integers, reals, timespans and datetimes.
fn range(call: &Call<'_>) -> Answer {
    use ScalarType::{Decimal, Real};
    let real = (0..call.len()).any(|i| matches!(call.types.get(i), Some(Real | Decimal)));
    let kind = call.types.first().copied().unwrap_or(ScalarType::Long);
    let time = matches!(kind, ScalarType::DateTime | ScalarType::TimeSpan);
    let (start, stop) = (call.number(0)?, call.number(1)?);
    let step = if call.len() > 2 { Some(call.number(2)?) } else { None };
    call.built(|row, out| {
        out.begin_array();
        if real && !time {
            let (start, stop) = (start.real(row)?, stop.real(row)?);
            let step = step.as_ref().map_or(Some(1.0), |s| s.real(row))?;
            let count = ((stop - start) / step + 1e-9).floor();
            if step != 0.0 && count >= 0.0 {
                let count = count.min(LENGTH_MAX as f64 - 1.0) as i64;
                (0..=count).for_each(|n| out.real(start + n as f64 * step));
            }
        } else {
            let default = if time { values::TICKS_PER_HOUR } else { 1 };
            let step = step.as_ref().map_or(Some(default), |s| s.long(row))?;
            let (mut at, stop) = (start.long(row)?, stop.long(row)?);
            for _ in 0..LENGTH_MAX {
                if step == 0 || step > 0 && at > stop || step < 0 && at < stop {
                    break;
                }
                match kind {
                    ScalarType::DateTime => out.datetime(DateTime::from_ticks(at)),
                    ScalarType::TimeSpan => out.timespan(TimeSpan::from_ticks(at)),
                    _ => out.long(at),
                }
                let Some(next) = at.checked_add(step) else { break };
                at = next;
            }
        }
        out.end_array();
        Some(())
    })
}

/// Arrays side by side, the shorter ones padded with null.
fn zip(call: &Call<'_>) -> Answer {
    let arrays = all(call)?;
    let mut columns: Vec<Vec<DynamicRef<'_>>> = vec![Vec::new(); arrays.len()];
    call.built(|row, out| {
        for (array, column) in arrays.iter().zip(&mut columns) {
            column.clear();
            match array.get(row) {
                Some(part) if part.kind() == Kind::Array => column.extend(part.array()),
                Some(part) => column.push(part),
                None => {}
            }
        }
        let longest = columns.iter().map(Vec::len).max()?;
        out.begin_array();
        for at in 0..longest {
            out.begin_array();
            for column in &columns {
                out.dynamic(column.get(at).copied().unwrap_or(DynamicRef::NULL));
            }
            out.end_array();
        }
        out.end_array();
        Some(())
    })
}
