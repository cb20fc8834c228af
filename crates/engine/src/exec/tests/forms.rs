//! The same rows in several physical forms.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Int32Array, StringViewArray};
use model::{Batch, Rows};

use crate::exec::columns::Coded;

/// How rows lie in memory.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// One batch, plain text.
    Plain,
    /// One batch, text coded by a dictionary that also has values nobody uses.
    Coded,
    /// Batches of so many rows that share a dictionary.
    Pieces(usize),
    /// Batches of so many rows, by turns plain and with a dictionary of their own.
    Mixed(usize),
}

pub(super) const FORMS: [Form; 4] = [Form::Plain, Form::Coded, Form::Pieces(3), Form::Mixed(2)];

impl Form {
    pub(super) fn of(self, rows: &Rows) -> Rows {
        let pieces = |batch: &Batch, size: usize| -> Vec<Batch> {
            (0..batch.rows)
                .step_by(size)
                .map(|at| batch.slice(at, size.min(batch.rows - at)))
                .collect()
        };
        let batches = rows.batches.iter().flat_map(|batch| match self {
            Self::Plain => vec![batch.clone()],
            Self::Coded => vec![coded(batch)],
            Self::Pieces(size) => pieces(&coded(batch), size),
            Self::Mixed(size) => pieces(batch, size)
                .into_iter()
                .enumerate()
                .map(|(at, piece)| if at % 2 == 0 { piece } else { coded(&piece) })
                .collect(),
        });
        Rows { schema: Arc::clone(&rows.schema), batches: batches.collect() }
    }
}

fn coded(batch: &Batch) -> Batch {
    let columns = batch.columns.iter().map(code).collect();
    Batch { columns, rows: batch.rows }
}

fn code(column: &ArrayRef) -> ArrayRef {
    let Some(view) = column.as_string_view_opt() else { return Arc::clone(column) };
    let mut values = vec!["nobody uses this"];
    let (mut codes, mut known) = (Vec::new(), HashMap::new());
    for row in 0..view.len() {
        let text = view.value(row);
        let at = *known.entry(text).or_insert_with(|| {
            values.push(text);
            values.len() - 1
        });
        codes.push(at as i32);
    }
    let values: ArrayRef = Arc::new(StringViewArray::from_iter_values(values));
    Arc::new(Coded::try_new(Int32Array::from(codes), values).unwrap())
}
