//! Missing values of a series: `series_fill_*`.

use values::{DynamicBuilder, DynamicRef, Kind, Value};

use super::super::Function;
use super::super::call::Call;
use super::super::support::Answer;

pub(in super::super) const FUNCTIONS: &[Function] = &[
    Function::new("series_fill_forward", |c| carried(c, true)),
    Function::new("series_fill_backward", |c| carried(c, false)),
    Function::new("series_fill_const", constant),
    Function::new("series_fill_linear", linear),
];

/// What marks a missing value: null, or the placeholder given.
struct Missing(Option<f64>);

impl Missing {
    fn of(call: &Call<'_>, index: usize, row: usize) -> Self {
        Self(match call.value(index, row) {
            Value::Dynamic(d) => d.as_ref().to_f64(),
            value => value.as_f64(),
        })
    }

    fn is(&self, item: DynamicRef<'_>) -> bool {
        match self.0 {
            None => item.is_null(),
            Some(mark) => item.to_f64().is_some_and(|v| v == mark || v.is_nan() && mark.is_nan()),
        }
    }
}

/// Each missing value becomes the one before it (or after it).
fn carried(call: &Call<'_>, forward: bool) -> Answer {
    let series = call.dynamic(0)?;
    call.built(|row, out| {
        let missing = Missing::of(call, 1, row);
        let mut items: Vec<_> = series.array(row)?.array().collect();
        if !forward {
            items.reverse();
        }
        let mut last = None;
        for item in &mut items {
            if missing.is(*item) {
                *item = last.unwrap_or(*item);
            } else {
                last = Some(*item);
            }
        }
        if !forward {
            items.reverse();
        }
        super::super::arrays::write_array(out, items);
        Some(())
    })
}

/// `series_fill_const(series, constant = 0, placeholder = null)`
fn constant(call: &Call<'_>) -> Answer {
    let series = call.dynamic(0)?;
    call.built(|row, out| {
        let missing = Missing::of(call, 2, row);
        let by = if call.len() > 1 { call.value(1, row) } else { Value::Long(0) };
        out.begin_array();
        for item in series.array(row)?.array() {
            if missing.is(item) { out.value(&by) } else { out.dynamic(item) }
        }
        out.end_array();
        Some(())
    })
}

/// `series_fill_linear(series, placeholder = null, fill_edges = true, constant = 0)`. A series of integers stays one.
fn linear(call: &Call<'_>) -> Answer {
    let series = call.dynamic(0)?;
    call.built(|row, out| {
        let missing = Missing::of(call, 1, row);
        let edges = call.value(2, row) != Value::Bool(false);
        let items: Vec<_> = series.array(row)?.array().collect();
        let known: Vec<usize> =
            items.iter().enumerate().filter(|(_, i)| !missing.is(**i)).map(|(at, _)| at).collect();
        let by = if call.len() > 3 { call.value(3, row) } else { Value::Real(0.0) };
        let whole = items.iter().all(|i| missing.is(*i) || i.kind() == Kind::Long);
        out.begin_array();
        for (at, item) in items.iter().enumerate() {
            if !missing.is(*item) {
                out.dynamic(*item);
                continue;
            }
            let next = known.partition_point(|k| *k < at);
            let before = next.checked_sub(1).and_then(|k| known.get(k)).copied();
            match (before, known.get(next).copied()) {
                (Some(a), Some(b)) => between(&items, a, at, b, whole, out),
                (Some(edge), None) | (None, Some(edge)) if edges => {
                    out.dynamic(items.get(edge).copied().unwrap_or(DynamicRef::NULL));
                }
                (None, None) => out.value(&by),
                _ => out.dynamic(*item),
            }
        }
        out.end_array();
        Some(())
    })
}

fn between(
    items: &[DynamicRef<'_>],
    a: usize,
    at: usize,
    b: usize,
    whole: bool,
    out: &mut DynamicBuilder,
) {
    let value = |i: usize| items.get(i).and_then(|v| v.to_f64());
    match value(a).zip(value(b)) {
        Some((left, right)) => {
            let filled = left + (right - left) * (at - a) as f64 / (b - a) as f64;
            if whole { out.long(filled as i64) } else { out.real(filled) }
        }
        None => out.null(),
    }
}
