//! `case`, `iff`, `coalesce`: each branch sees only the rows that reach it.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int32Array, StringViewArray};
use arrow_buffer::BooleanBuffer;
use values::{ScalarType, Value};

use super::columns::{Coded, internal, plain};
use super::{Input, Scalar};
use crate::exec::ExecError;
use crate::functions::{Columnar, EvalContext};

#[derive(Debug)]
pub(super) struct Case {
    pub(super) branches: Vec<(Scalar, Scalar)>,
    pub(super) otherwise: Box<Scalar>,
}

/// A branch's rows and what it gives for them.
struct Taken {
    rows: BooleanBuffer,
    result: Columnar,
}

impl Case {
    pub(super) fn eval(
        &self,
        input: &Input<'_>,
        context: &EvalContext,
        ty: ScalarType,
    ) -> Result<Columnar, ExecError> {
        let rows = input.rows();
        let mut open = BooleanBuffer::new_set(rows);
        let mut left = rows;
        let mut taken: Vec<Taken> = Vec::new();
        for (condition, result) in &self.branches {
            if left == 0 {
                break;
            }
            let all = left == rows;
            let hit = if all {
                condition.tri(input, context, true)?.yes
            } else {
                let part = condition.tri(&input.select(&open), context, true)?.yes;
                spread(&open, &part)
            };
            let count = hit.count_set_bits();
            if count == rows {
                return result.eval(input, context);
            }
            if count > 0 {
                taken.push(branch(result, input, context, &hit)?);
                open = &open & &!&hit;
                left -= count;
            }
        }
        if left == rows {
            return self.otherwise.eval(input, context);
        }
        if left > 0 {
            taken.push(branch(&self.otherwise, input, context, &open)?);
        }
        merge(&taken, rows, ty)
    }
}

fn branch(
    result: &Scalar,
    input: &Input<'_>,
    context: &EvalContext,
    rows: &BooleanBuffer,
) -> Result<Taken, ExecError> {
    let result = match result.literal() {
        Some(value) => Columnar::Scalar(value.clone()),
        None => result.eval(&input.select(rows), context)?,
    };
    Ok(Taken { rows: rows.clone(), result })
}

/// Sets those of the rows in `open` whose number within `open` is set in `part`.
fn spread(open: &BooleanBuffer, part: &BooleanBuffer) -> BooleanBuffer {
    let mut hit = vec![false; open.len()];
    for (at, row) in open.set_indices().enumerate() {
        if let Some(slot) = hit.get_mut(row) {
            *slot = part.value(at);
        }
    }
    BooleanBuffer::from(hit)
}

/// The branches' results in the order of the rows.
fn merge(taken: &[Taken], rows: usize, ty: ScalarType) -> Result<Columnar, ExecError> {
    let scalars: Option<Vec<&Value>> = taken
        .iter()
        .map(|t| match &t.result {
            Columnar::Scalar(value) => Some(value),
            Columnar::Array(_) => None,
        })
        .collect();
    if let (Some(scalars), ScalarType::String) = (&scalars, ty) {
        return merge_texts(taken, scalars, rows);
    }
    let arrays: Vec<ArrayRef> = taken
        .iter()
        .map(|t| match &t.result {
            Columnar::Scalar(value) => plain(&Columnar::Scalar(value.clone()).into_array(ty, 1)),
            Columnar::Array(array) => plain(array),
        })
        .collect::<Result<_, _>>()?;
    let mut places = vec![(0, 0); rows];
    for (branch, part) in taken.iter().enumerate() {
        let one = matches!(part.result, Columnar::Scalar(_));
        for (at, row) in part.rows.set_indices().enumerate() {
            if let Some(place) = places.get_mut(row) {
                *place = (branch, if one { 0 } else { at });
            }
        }
    }
    let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    arrow_select::interleave::interleave(&arrays, &places).map(Columnar::Array).map_err(internal)
}

/// Constant texts become a dictionary.
fn merge_texts(taken: &[Taken], texts: &[&Value], rows: usize) -> Result<Columnar, ExecError> {
    let values =
        StringViewArray::from_iter_values(texts.iter().map(|v| v.as_str().unwrap_or_default()));
    let mut codes = vec![0_i32; rows];
    for (branch, part) in (0_i32..).zip(taken) {
        for row in part.rows.set_indices() {
            if let Some(code) = codes.get_mut(row) {
                *code = branch;
            }
        }
    }
    let column = Coded::try_new(Int32Array::from(codes), Arc::new(values)).map_err(internal)?;
    Ok(Columnar::Array(Arc::new(column)))
}
