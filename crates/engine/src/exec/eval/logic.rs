//! Three-valued logic on bits, with rows dropping out as soon as they are decided.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, NullBuffer};
use values::Value;

use super::{Input, Node, Scalar};
use crate::exec::ExecError;
use crate::functions::{Columnar, EvalContext};

/// A bool column: where it is true and where it is false; null is neither.
#[derive(Debug)]
pub(crate) struct Tri {
    pub(crate) yes: BooleanBuffer,
    pub(crate) no: BooleanBuffer,
}

impl Tri {
    fn all(value: Option<bool>, rows: usize) -> Self {
        let bits = |set| {
            if set { BooleanBuffer::new_set(rows) } else { BooleanBuffer::new_unset(rows) }
        };
        Self { yes: bits(value == Some(true)), no: bits(value == Some(false)) }
    }

    /// From a bool column; anything else counts as null.
    pub(crate) fn from_column(column: &Columnar, rows: usize) -> Self {
        let array = match column {
            Columnar::Scalar(Value::Bool(value)) => return Self::all(Some(*value), rows),
            Columnar::Scalar(_) => return Self::all(None, rows),
            Columnar::Array(array) => array.as_boolean_opt(),
        };
        let Some(array) = array else { return Self::all(None, rows) };
        match array.nulls() {
            None => Self { yes: array.values().clone(), no: !array.values() },
            Some(valid) => {
                let yes = array.values() & valid.inner();
                Self { no: valid.inner() & &!&yes, yes }
            }
        }
    }

    /// As a column.
    pub(crate) fn into_column(self, rows: usize) -> Columnar {
        let known = &self.yes | &self.no;
        let nulls = (known.count_set_bits() < rows).then(|| NullBuffer::new(known));
        Columnar::Array(Arc::new(BooleanArray::new(self.yes, nulls)))
    }

    fn and(&self, other: &Self) -> Self {
        Self { yes: &self.yes & &other.yes, no: &self.no | &other.no }
    }

    fn or(&self, other: &Self) -> Self {
        Self { yes: &self.yes | &other.yes, no: &self.no & &other.no }
    }

    fn not(self) -> Self {
        Self { yes: self.no, no: self.yes }
    }

    /// Answers for the set rows of `alive`, spread to all rows; `rest` for the others.
    fn spread(self, alive: &BooleanBuffer, rest: bool) -> Self {
        let mut yes = BooleanBufferBuilder::new(alive.len());
        let mut no = BooleanBufferBuilder::new(alive.len());
        yes.append_n(alive.len(), rest);
        no.append_n(alive.len(), !rest);
        for (at, row) in alive.set_indices().enumerate() {
            yes.set_bit(row, self.yes.value(at));
            no.set_bit(row, self.no.value(at));
        }
        Self { yes: yes.finish(), no: no.finish() }
    }
}

impl Scalar {
    /// A condition's truth. `strict`: only `yes` matters, null may come out as false.
    pub(crate) fn tri(
        &self,
        input: &Input<'_>,
        context: &EvalContext,
        strict: bool,
    ) -> Result<Tri, ExecError> {
        match &self.node {
            Node::And(parts) => fold(parts, input, context, strict, true),
            Node::Or(parts) => fold(parts, input, context, strict, false),
            Node::Not(inner) => Ok(inner.tri(input, context, false)?.not()),
            _ => Ok(Tri::from_column(&self.eval(input, context)?, input.rows())),
        }
    }
}

/// Conjunction or disjunction of `parts`. Each part sees the rows still open, once picking them out pays.
fn fold(
    parts: &[Scalar],
    input: &Input<'_>,
    context: &EvalContext,
    strict: bool,
    conjunction: bool,
) -> Result<Tri, ExecError> {
    let rows = input.rows();
    let mut result = Tri::all(Some(conjunction), rows);
    for (at, part) in parts.iter().enumerate() {
        if at == 0 {
            result = part.tri(input, context, strict)?;
            continue;
        }
        let open = match (conjunction, strict) {
            (true, true) => result.yes.clone(),
            (true, false) => !&result.no,
            (false, _) => !&result.yes,
        };
        let count = open.count_set_bits();
        if count == 0 {
            break;
        }
        let pays = count < rows && count.saturating_mul(20) < rows.saturating_mul(part.cost(input));
        let more = if pays {
            part.tri(&input.select(&open), context, strict)?.spread(&open, conjunction)
        } else {
            part.tri(input, context, strict)?
        };
        result = if conjunction { result.and(&more) } else { result.or(&more) };
    }
    Ok(result)
}
