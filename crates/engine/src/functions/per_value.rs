//! Functions that want some of their arguments the same for all rows (a format, a pattern, a period): where such an
//! argument is a column, they run once for each of its values, over the rows that have it.

use std::sync::Arc;

use ahash::AHashMap as HashMap;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, StringViewArray, UInt32Array};
use values::{ScalarType, Value};

use super::Function;
use super::call::{Call, Columnar, EvalError, decode};
use super::support::Answer;

/// The function over a call whose columns are no dictionaries.
pub(super) fn evaluate(function: &Function, call: &Call<'_>) -> Answer {
    let varying = varying(function, call);
    if varying.is_empty() {
        return (function.eval)(call);
    }
    let mut order: Vec<u32> = Vec::with_capacity(call.rows);
    let mut pieces: Vec<ArrayRef> = Vec::new();
    for rows in alike(call, &varying) {
        pieces.push(piece(function, call, &varying, &rows)?);
        order.extend(rows);
    }
    let mut places = vec![0_u32; call.rows];
    for (at, row) in (0..).zip(order) {
        if let Some(place) = places.get_mut(row as usize) {
            *place = at;
        }
    }
    let pieces: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
    if pieces.is_empty() {
        return Ok(Columnar::Scalar(Value::null_of(call.result)));
    }
    let joined = arrow_select::concat::concat(&pieces).map_err(failed)?;
    arrow_select::take::take(&joined, &UInt32Array::from(places), None)
        .map(Columnar::Array)
        .map_err(failed)
}

/// The places of arguments that should be constants and are columns.
pub(super) fn varying(function: &Function, call: &Call<'_>) -> Vec<usize> {
    let is_column = |at: &usize| matches!(call.args.get(*at), Some(Columnar::Array(_)));
    function.fixed.iter().copied().filter(is_column).collect()
}

fn failed(error: arrow_schema::ArrowError) -> EvalError {
    EvalError::new(error.to_string())
}

/// Rows with the same values at these arguments, together.
fn alike(call: &Call<'_>, varying: &[usize]) -> Vec<Vec<u32>> {
    let mut groups: Vec<Vec<u32>> = Vec::new();
    let mut known: HashMap<Vec<String>, usize> = HashMap::new();
    for row in 0..u32::try_from(call.rows).unwrap_or(u32::MAX) {
        let key = varying.iter().map(|at| call.value(*at, row as usize).to_string()).collect();
        let group = *known.entry(key).or_insert(groups.len());
        match groups.get_mut(group) {
            Some(rows) => rows.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups
}

/// The results of rows that agree in the varying arguments. A value that the function refuses is data here: it gives null.
fn piece(
    function: &Function,
    call: &Call<'_>,
    varying: &[usize],
    rows: &[u32],
) -> Result<ArrayRef, EvalError> {
    let first = rows.first().map_or(0, |row| *row as usize);
    let indices = UInt32Array::from(rows.to_vec());
    let args = call.args.iter().enumerate().map(|(at, arg)| match arg {
        Columnar::Scalar(_) => Ok(arg.clone()),
        Columnar::Array(_) if varying.contains(&at) => Ok(Columnar::Scalar(call.value(at, first))),
        Columnar::Array(column) => {
            arrow_select::take::take(column, &indices, None).map(Columnar::Array).map_err(failed)
        }
    });
    let args: Vec<Columnar> = args.collect::<Result<_, _>>()?;
    let made = match (function.eval)(&Call { args: &args, rows: rows.len(), ..*call }) {
        Err(error) if !error.limit => Columnar::Scalar(Value::null_of(call.result)),
        made => made?,
    };
    Ok(match made {
        Columnar::Scalar(value) if call.result == ScalarType::String => {
            let text = value.to_string();
            Arc::new(StringViewArray::from_iter_values(rows.iter().map(|_| &text)))
        }
        made => {
            let column = made.into_array(call.result, rows.len());
            match column.as_dictionary_opt::<Int32Type>() {
                Some(coded) => decode(coded)?,
                None => column,
            }
        }
    })
}
