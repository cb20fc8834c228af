//! Expressions over one text column: once per distinct value of its dictionary, remembered while the dictionary comes
//! again.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::BooleanBuffer;
use parking_lot::Mutex;
use values::ScalarType;

use super::columns::{self, Coded, coded, internal};
use super::{Input, Scalar};
use crate::exec::ExecError;
use crate::functions::{Columnar, EvalContext};

/// Dictionaries remembered: a few workers, each in a segment of its own.
const REMEMBERED: usize = 8;
/// A dictionary that came twice is evaluated whole although it has up to this many times the batch's rows.
const WORTHWHILE: usize = 64;

/// An expression of one text column.
#[derive(Debug)]
pub(super) struct PerValue {
    column: usize,
    inner: Box<Scalar>,
    answers: Mutex<Vec<Answer>>,
}

/// What the expression gives for the values of one dictionary; none where it was seen once and too large.
#[derive(Debug)]
struct Answer {
    /// Kept alive so that its address stays its own.
    values: ArrayRef,
    result: Option<Columnar>,
}

impl PerValue {
    pub(super) fn new(column: usize, inner: Scalar) -> Self {
        Self { column, inner: Box::new(inner), answers: Mutex::default() }
    }

    /// Next to nothing where values stand once.
    pub(super) fn cost(&self, input: &Input<'_>) -> usize {
        if input.is_coded(self.column) { 2 } else { self.inner.cost(input) }
    }

    pub(super) fn eval(
        &self,
        input: &Input<'_>,
        context: &EvalContext,
        ty: ScalarType,
    ) -> Result<Columnar, ExecError> {
        let column = input.column(self.column)?;
        let Some(dictionary) = coded(&column) else { return self.inner.eval(input, context) };
        if dictionary.is_empty() {
            return Ok(Columnar::Array(columns::empty(ty)));
        }
        match self.answer(dictionary, context)? {
            Some(result) => follow(dictionary, result, ty),
            None => self.inner.eval(input, context),
        }
    }

    /// The expression over the dictionary's values, where that is known or worth its while.
    fn answer(
        &self,
        dictionary: &Coded,
        context: &EvalContext,
    ) -> Result<Option<Columnar>, ExecError> {
        let values = dictionary.values();
        let identity = columns::identity(values);
        let mut seen = false;
        {
            let mut answers = self.answers.lock();
            if let Some(at) = answers.iter().position(|a| columns::identity(&a.values) == identity)
            {
                let answer = answers.remove(at);
                let result = answer.result.clone();
                answers.push(answer);
                if result.is_some() {
                    return Ok(result);
                }
                seen = true;
            }
        }
        let limit = dictionary.len().saturating_mul(if seen { WORTHWHILE } else { 1 });
        let result = if values.len() <= limit {
            let whole = Input::one(self.column, Arc::clone(values));
            Some(self.inner.eval(&whole, context)?)
        } else {
            None
        };
        let mut answers = self.answers.lock();
        answers.retain(|a| columns::identity(&a.values) != identity);
        if answers.len() >= REMEMBERED {
            answers.remove(0);
        }
        answers.push(Answer { values: Arc::clone(values), result: result.clone() });
        Ok(result)
    }
}

/// Per-value answers as a column: texts keep the codes, others follow them.
fn follow(dictionary: &Coded, result: Columnar, ty: ScalarType) -> Result<Columnar, ExecError> {
    let Columnar::Array(values) = result else { return Ok(result) };
    if ty == ScalarType::String {
        let values = columns::plain(&values)?;
        if values.len() < dictionary.values().len() {
            return Err(ExecError::Evaluation("a function lost rows".to_owned()));
        }
        return Ok(Columnar::Array(Arc::new(dictionary.with_values(values))));
    }
    if let (Some(bools), 0) = (values.as_boolean_opt(), dictionary.null_count()) {
        return Ok(Columnar::Array(follow_bools(dictionary, bools)));
    }
    let taken = arrow_select::take::take(&values, dictionary.keys(), None).map_err(internal)?;
    Ok(Columnar::Array(taken))
}

fn follow_bools(dictionary: &Coded, bools: &BooleanArray) -> ArrayRef {
    if bools.len() == 1 {
        let (rows, only) = (dictionary.len(), bools.iter().next().flatten());
        return Arc::new(match only {
            Some(true) => BooleanArray::new(BooleanBuffer::new_set(rows), None),
            Some(false) => BooleanArray::new(BooleanBuffer::new_unset(rows), None),
            None => BooleanArray::new_null(rows),
        });
    }
    let codes = dictionary.keys().values();
    let pick = |table: &[bool]| {
        BooleanBuffer::collect_bool(codes.len(), |row| {
            codes.get(row).is_some_and(|code| table.get(*code as usize).copied().unwrap_or(false))
        })
    };
    let truth: Vec<bool> = bools.values().iter().collect();
    let valid = bools.nulls().map(|n| pick(&n.iter().collect::<Vec<_>>()).into());
    Arc::new(BooleanArray::new(pick(&truth), valid))
}
