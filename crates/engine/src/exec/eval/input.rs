//! The rows an expression sees: a batch, or some rows of it, gathered column by column on demand.

use std::cell::RefCell;
use std::sync::Arc;

use arrow_array::{ArrayRef, UInt32Array};
use arrow_buffer::BooleanBuffer;
use model::Batch;

use super::columns::{coded, take_column};
use crate::exec::ExecError;

enum Source<'a> {
    Columns(&'a [ArrayRef]),
    /// One column alone, at a position.
    One(usize, ArrayRef),
}

/// The rows an expression sees.
pub(crate) struct Input<'a> {
    source: Source<'a>,
    rows: usize,
    selected: Option<UInt32Array>,
    gathered: RefCell<Vec<Option<ArrayRef>>>,
}

impl<'a> Input<'a> {
    /// All rows of a batch.
    pub(crate) fn of(batch: &'a Batch) -> Self {
        Self {
            source: Source::Columns(&batch.columns),
            rows: batch.rows,
            selected: None,
            gathered: RefCell::default(),
        }
    }

    /// One column, as the input's column at a position.
    pub(super) fn one(position: usize, column: ArrayRef) -> Input<'static> {
        Input {
            rows: column.len(),
            source: Source::One(position, column),
            selected: None,
            gathered: RefCell::default(),
        }
    }

    /// Number of rows.
    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    /// All rows of the column at a position.
    fn base(&self, at: usize) -> Option<&ArrayRef> {
        match &self.source {
            Source::Columns(columns) => columns.get(at),
            Source::One(position, column) => (*position == at).then_some(column),
        }
    }

    /// True where the column at a position holds each value once.
    pub(super) fn is_coded(&self, at: usize) -> bool {
        self.base(at).is_some_and(|column| coded(column).is_some())
    }

    /// The column at a position.
    pub(crate) fn column(&self, at: usize) -> Result<ArrayRef, ExecError> {
        let base = self
            .base(at)
            .ok_or_else(|| ExecError::Evaluation(format!("a step has no column {at}")))?;
        let Some(rows) = &self.selected else { return Ok(Arc::clone(base)) };
        let mut gathered = self.gathered.borrow_mut();
        if gathered.len() <= at {
            gathered.resize(at + 1, None);
        }
        if let Some(Some(known)) = gathered.get(at) {
            return Ok(Arc::clone(known));
        }
        let taken = take_column(base, rows)?;
        if let Some(slot) = gathered.get_mut(at) {
            *slot = Some(Arc::clone(&taken));
        }
        Ok(taken)
    }

    /// The rows that are set.
    pub(crate) fn select(&self, keep: &BooleanBuffer) -> Input<'_> {
        let rows: UInt32Array = match &self.selected {
            None => keep.set_indices_u32().collect::<Vec<_>>().into(),
            Some(rows) => {
                let rows = rows.values();
                keep.set_indices().filter_map(|at| rows.get(at).copied()).collect::<Vec<_>>().into()
            }
        };
        let source = match &self.source {
            Source::Columns(columns) => Source::Columns(columns),
            Source::One(position, column) => Source::One(*position, Arc::clone(column)),
        };
        Input { source, rows: rows.len(), selected: Some(rows), gathered: RefCell::default() }
    }
}
