//! Rows that are in the log and not yet in a segment.

use std::convert::Infallible;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array};
use arrow_buffer::Buffer;
use model::{Column, ScalarType};

use crate::codec;
use crate::columns::{self, Named, TIME_GENERATED};
use crate::gather;
use crate::synthetic::Synthetic;

/// Rows of one append within a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// How many.
    pub rows: usize,
    /// Number of the first; the others follow.
    pub first_row: u64,
    /// When they were received, ticks.
    pub received: i64,
    /// Identity of the append, where the sender gave one.
    pub batch: Option<u128>,
}

/// Lowest and highest tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Lowest.
    pub min: i64,
    /// Highest.
    pub max: i64,
}

impl Span {
    /// Of these ticks; none without any.
    pub(crate) fn of(ticks: impl IntoIterator<Item = i64>) -> Option<Self> {
        ticks.into_iter().fold(None, |span: Option<Self>, tick| {
            let (min, max) = span.map_or((tick, tick), |s| (s.min.min(tick), s.max.max(tick)));
            Some(Self { min, max })
        })
    }

    /// True when some tick lies in both.
    pub(crate) fn overlaps(self, start: i64, end: i64) -> bool {
        self.min <= end && self.max >= start
    }

    /// True when all ticks lie inside.
    pub(crate) fn within(self, start: i64, end: i64) -> bool {
        self.min >= start && self.max <= end
    }

    /// Around both.
    pub(crate) fn join(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}

/// Rows in memory, in the order in which they came.
#[derive(Clone, Debug)]
pub(crate) struct MemoryBatch {
    /// Number of rows.
    pub rows: usize,
    /// Columns that hold something.
    pub columns: Vec<Named>,
    /// Where the rows come from, in order.
    pub runs: Vec<Run>,
    /// Of the rows' times.
    pub times: Span,
    /// Of their receipt.
    pub ingested: Span,
}

impl MemoryBatch {
    /// The rows of one append.
    pub(crate) fn new(columns: Vec<Named>, run: Run) -> Self {
        let ingested = Span { min: run.received, max: run.received };
        let times = time_column(&columns).and_then(|t| Span::of(t.values().iter().copied()));
        let times = times.unwrap_or(ingested);
        Self { rows: run.rows, columns, runs: vec![run], times, ingested }
    }

    /// The column of this name and type.
    pub(crate) fn named(&self, column: &Column) -> Option<&Named> {
        self.columns.iter().find(|c| c.column == *column)
    }

    /// The values of the column of this name and type.
    pub(crate) fn column(&self, column: &Column) -> Option<&ArrayRef> {
        self.named(column).map(|c| &c.array)
    }

    /// Number of the last row.
    pub(crate) fn last_row(&self) -> u64 {
        self.runs.iter().map(|r| r.first_row + r.rows as u64).max().unwrap_or(1) - 1
    }

    /// The number of each row.
    pub(crate) fn items(&self) -> Int64Array {
        let numbers = self.runs.iter().flat_map(|r| r.first_row..r.first_row + r.rows as u64);
        Int64Array::from_iter_values(numbers.map(|n| n as i64))
    }

    /// When each row was received.
    pub(crate) fn ingestion(&self) -> Int64Array {
        let ticks = self.runs.iter().flat_map(|r| std::iter::repeat_n(r.received, r.rows));
        Int64Array::from_iter_values(ticks)
    }

    /// The time that each row is sorted and kept by.
    pub(crate) fn row_times(&self) -> Int64Array {
        time_column(&self.columns).cloned().unwrap_or_else(|| self.ingestion())
    }

    /// What the rows show in a column that they do not hold.
    fn absent(&self, column: &Column, synthetic: &Synthetic) -> ArrayRef {
        if &*column.name == TIME_GENERATED && column.ty == ScalarType::DateTime {
            return Arc::new(self.ingestion());
        }
        let items = || Ok::<_, Infallible>(self.items());
        let Ok(made) = synthetic.column(&column.name, column.ty, self.rows, items);
        made.unwrap_or_else(|| columns::nulls(column.ty, self.rows))
    }

    /// Several batches as one, in order.
    pub(crate) fn merge(batches: &[Arc<Self>], synthetic: &Synthetic) -> Option<Self> {
        let (first, rest) = batches.split_first()?;
        let rows = batches.iter().map(|b| b.rows).sum();
        let mut columns = Vec::new();
        for column in union(batches) {
            let parts: Vec<ArrayRef> = batches
                .iter()
                .map(|b| {
                    let held = b.column(&column).cloned();
                    held.unwrap_or_else(|| b.absent(&column, synthetic))
                })
                .collect();
            let array = gather::join(column.ty, &parts)?;
            columns.push(Named::new(column, array));
        }
        // Through the codec, so that the merged texts lie in one tight buffer.
        let encoded = Buffer::from(codec::encode(&columns));
        Some(Self {
            rows,
            columns: codec::decode(&encoded, 0, rows).ok()?,
            runs: batches.iter().flat_map(|b| b.runs.iter().copied()).collect(),
            times: rest.iter().fold(first.times, |s, b| s.join(b.times)),
            ingested: rest.iter().fold(first.ingested, |s, b| s.join(b.ingested)),
        })
    }
}

/// Columns of any of the batches, each once.
pub(crate) fn union(batches: &[Arc<MemoryBatch>]) -> Vec<Column> {
    let mut all: Vec<Column> = Vec::new();
    for named in batches.iter().flat_map(|b| &b.columns) {
        if !all.contains(&named.column) {
            all.push(named.column.clone());
        }
    }
    all
}

fn time_column(columns: &[Named]) -> Option<&Int64Array> {
    let time = columns
        .iter()
        .find(|c| &*c.column.name == TIME_GENERATED && c.column.ty == ScalarType::DateTime)?;
    time.array.as_primitive_opt::<Int64Type>()
}

/// Batches of fewer rows are put together when many of them line up.
const SMALL_ROWS: usize = 4096;
/// How many small batches line up before they are put together.
const SMALL_BATCHES: usize = 16;

/// Puts trailing small batches together, so that a table fed row by row is not read batch by batch. A row is moved
/// a few times at most: sizes grow sixteenfold.
pub(crate) fn tidy(batches: &mut Vec<Arc<MemoryBatch>>, synthetic: &Synthetic) {
    for class in [SMALL_ROWS / 256, SMALL_ROWS / 16, SMALL_ROWS] {
        let small = batches.iter().rev().take_while(|b| b.rows < class).count();
        if small < SMALL_BATCHES {
            continue;
        }
        let at = batches.len() - small;
        let small = batches.get(at..);
        if let Some(merged) = small.and_then(|small| MemoryBatch::merge(small, synthetic)) {
            batches.truncate(at);
            batches.push(Arc::new(merged));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use arrow_array::StringViewArray;

    use super::*;

    fn batch(first_row: u64, rows: usize) -> Arc<MemoryBatch> {
        let text = |r: usize| format!("row {}", first_row + r as u64);
        let column = if first_row.is_multiple_of(2) { "even" } else { "odd" };
        let columns = vec![
            Named::new(
                Column::new(column, ScalarType::String),
                Arc::new(StringViewArray::from_iter_values((0..rows).map(text))),
            ),
            Named::new(
                Column::new(TIME_GENERATED, ScalarType::DateTime),
                Arc::new(Int64Array::from_iter_values((0..rows as i64).map(|r| r * 10))),
            ),
        ];
        let run = Run { rows, first_row, received: first_row as i64, batch: None };
        Arc::new(MemoryBatch::new(columns, run))
    }

    fn synthetic() -> Synthetic {
        Synthetic::new(&Arc::from("w"), &Arc::from("T"))
    }

    #[test]
    fn single_rows_are_put_together_without_losing_one() {
        let mut batches = Vec::new();
        for row in 0..5000 {
            batches.push(batch(row, 1));
            tidy(&mut batches, &synthetic());
            assert!(batches.len() < 3 * SMALL_BATCHES + 2, "{}", batches.len());
        }
        assert_eq!(batches.iter().map(|b| b.rows).sum::<usize>(), 5000);
        let mut row = 0;
        for batch in &batches {
            let (items, received) = (batch.items(), batch.ingestion());
            for r in 0..batch.rows {
                assert_eq!((items.value(r), received.value(r)), (row, row));
                let name = if row % 2 == 0 { "even" } else { "odd" };
                let column = batch.column(&Column::new(name, ScalarType::String)).unwrap();
                assert_eq!(model::rows::text(column, r), format!("row {row}"));
                row += 1;
            }
        }
    }

    #[test]
    fn large_batches_are_left_alone() {
        let mut batches: Vec<_> = (0..40).map(|i| batch(i * 5000, 5000)).collect();
        tidy(&mut batches, &synthetic());
        assert_eq!(batches.len(), 40);
        assert_eq!(batches[3].times, Span { min: 0, max: 49_990 });
        assert_eq!(batches[3].last_row(), 19_999);
    }
}
