//! Reading a table for a query: memory and segments as one stream of morsels that several workers pull from.

mod fill;
mod group;
mod sought;
mod units;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_buffer::BooleanBuffer;
use engine::source::{
    Counters, RowBound, RowFilter, Scan, ScanColumn, ScanRequest, SourceError, TableSource,
    TickRange,
};
use model::{Batch, Column, Schema};

use crate::columns::TIME_GENERATED;
use crate::error::Error;
use crate::memory::Span;
use crate::segment::{Asker, Reader, Segment, Sets};
use crate::table::{Snapshot, has_time};
use fill::Wanted;
use sought::Sought;
use units::{Queue, Stored, Unit};

/// A table as it was at one moment, for one query.
pub(crate) struct Source {
    snapshot: Snapshot,
    /// Rows received before this tick have expired.
    oldest: i64,
    rows: u64,
    asker: Asker,
}

impl Source {
    /// The table behind a snapshot, for a query; rows received before `oldest` do not show.
    pub(crate) fn new(snapshot: Snapshot, oldest: i64, asker: Asker) -> Self {
        let stored = snapshot.segments.iter().map(|s| s.facts.rows);
        let in_memory = snapshot.memory.iter().map(|b| b.rows as u64);
        let rows = stored.chain(in_memory).sum();
        Self { snapshot, oldest, rows, asker }
    }
}

impl TableSource for Source {
    fn name(&self) -> &str {
        &self.snapshot.table.name
    }

    fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.snapshot.info.schema)
    }

    fn scan(&self, request: ScanRequest) -> Result<Box<dyn Scan>, SourceError> {
        if let Some(damage) = self.snapshot.damage.first() {
            return Err(SourceError::Storage(damage.to_string()));
        }
        let all = TickRange::ALL;
        let bounds = Bounds {
            // A table without a time of its own is not bounded by one.
            time: request.time.filter(|_| has_time(&self.snapshot.info)).unwrap_or(all),
            ingested: request
                .ingested
                .unwrap_or(all)
                .and(TickRange { start: self.oldest, end: i64::MAX }),
        };
        Ok(Box::new(TableScan::new(self.snapshot.clone(), bounds, request, self.asker)?))
    }

    fn row_count(&self) -> Option<u64> {
        Some(self.rows)
    }

    fn has_parts(&self) -> bool {
        true
    }
}

/// What rows must lie in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Of `TimeGenerated`.
    pub time: TickRange,
    /// Of the receipt.
    pub ingested: TickRange,
}

impl Bounds {
    fn may_hold(&self, times: Span, ingested: Span) -> bool {
        times.overlaps(self.time.start, self.time.end)
            && ingested.overlaps(self.ingested.start, self.ingested.end)
    }
}

/// A scan under way.
struct TableScan {
    context: Context,
    queue: Queue,
    /// Rows still wanted.
    left: Option<AtomicUsize>,
}

/// What every unit of work needs.
pub(crate) struct Context {
    /// The table.
    pub snapshot: Snapshot,
    /// What rows must lie in.
    pub bounds: Bounds,
    /// Columns, and how to come by them.
    pub wanted: Wanted,
    /// The condition on rows, if any.
    pub condition: Option<Condition>,
    /// How good rows must be, if only the best are wanted.
    pub best: Option<Best>,
    /// The request.
    pub request: ScanRequest,
    /// For whom columns are kept.
    pub asker: Asker,
    /// Whether looking up sets in the index is worth its while.
    pub sets: Sets,
    /// What is looked for in rows in memory.
    sought: Sought,
}

impl Context {
    /// The columns handed on, then those of the condition and of the bound.
    fn all_wanted(&self) -> impl Iterator<Item = &Wanted> {
        let best = self.best.as_ref().map(|best| &best.wanted);
        [&self.wanted].into_iter().chain(self.condition.as_ref().map(|c| &c.wanted)).chain(best)
    }

    /// The table's column; of a part, the column that it is taken from.
    fn column(&self, stored: &Stored) -> Option<&Column> {
        self.all_wanted().find_map(|wanted| wanted.column(stored))
    }

    /// Where a segment has it; of a part, where it has the whole.
    fn place(&self, stored: &Stored, reader: &Reader) -> Option<usize> {
        self.all_wanted().find_map(|wanted| wanted.place(stored, reader))
    }
}

/// A condition that is looked at before the other columns are read.
pub(crate) struct Condition {
    /// The columns that it looks at.
    pub wanted: Wanted,
    filter: Arc<dyn RowFilter>,
}

impl Condition {
    fn new(
        filter: &Arc<dyn RowFilter>,
        schema: &Schema,
        columns: &[ScanColumn],
    ) -> Result<Self, SourceError> {
        let looked_at: Vec<ScanColumn> =
            filter.columns().iter().filter_map(|at| columns.get(*at).cloned()).collect();
        Ok(Self { wanted: Wanted::new(schema, &looked_at)?, filter: Arc::clone(filter) })
    }

    /// The rows that stay, of a batch of the columns that it looks at.
    pub(crate) fn keep(&self, batch: &Batch) -> Result<BooleanBuffer, Error> {
        self.filter.keep(batch).map_err(Error::Condition)
    }
}

/// Only the best rows by a column are wanted.
pub(crate) struct Best {
    /// The column.
    pub wanted: Wanted,
    bound: Arc<dyn RowBound>,
    /// The column is the time that rows are sorted by.
    by_time: bool,
}

impl Best {
    fn new(
        bound: &Arc<dyn RowBound>,
        schema: &Schema,
        columns: &[ScanColumn],
    ) -> Result<Self, SourceError> {
        let column: Vec<ScanColumn> = columns.get(bound.column()).cloned().into_iter().collect();
        let by_time = match column.as_slice() {
            [ScanColumn::Column(at)] => {
                schema.columns.get(*at).is_some_and(|c| &*c.name == TIME_GENERATED)
            }
            _ => false,
        };
        Ok(Self { wanted: Wanted::new(schema, &column)?, bound: Arc::clone(bound), by_time })
    }

    /// True where the largest times are wanted: the newest rows are read first.
    pub(crate) fn newest_first(&self) -> bool {
        self.by_time && self.bound.descending()
    }

    /// False when rows of these times cannot be among the best any more.
    pub(crate) fn may_hold(&self, times: Span) -> bool {
        !self.by_time || self.bound.may_hold(times.min, times.max)
    }

    /// The rows that may be among the best, of those that stay; `held` is a batch of the column alone.
    pub(crate) fn keep(&self, held: &Batch, keep: Option<BooleanBuffer>) -> Option<BooleanBuffer> {
        let Some(column) = held.columns.first() else { return keep };
        let among = keep.unwrap_or_else(|| BooleanBuffer::new_set(held.rows));
        Some(self.bound.keep(column, &among))
    }
}

/// The columns (positions in the table) of which the condition asks nothing but one test for a text, and the terms that
/// it needs.
fn lone_terms(request: &ScanRequest) -> Vec<(usize, &[String])> {
    let Some(filter) = &request.filter else { return Vec::new() };
    let mut lone = Vec::new();
    for (at, terms) in filter.lone_terms() {
        if let Some(ScanColumn::Column(column)) = request.columns.get(*at) {
            lone.push((*column, terms.as_slice()));
        }
    }
    lone
}

impl TableScan {
    fn new(
        snapshot: Snapshot,
        bounds: Bounds,
        request: ScanRequest,
        asker: Asker,
    ) -> Result<Self, SourceError> {
        let wanted = Wanted::new(&snapshot.info.schema, &request.columns)?;
        let wanted = wanted.without(&request.judged, &request.columns);
        let mut units: Vec<Unit> = Vec::new();
        let considered = snapshot.segments.len() as u64;
        let mut segments: Vec<Arc<Segment>> = snapshot
            .segments
            .iter()
            .filter(|s| bounds.may_hold(s.facts.times(), s.facts.ingested()))
            .cloned()
            .collect();
        Counters::add(&request.counters.segments, considered);
        Counters::add(&request.counters.segments_pruned, considered - segments.len() as u64);
        for batch in &snapshot.memory {
            if bounds.may_hold(batch.times, batch.ingested) {
                units.push(Unit::Memory(Arc::clone(batch)));
            }
        }
        let best = match &request.bound {
            Some(bound) => Some(Best::new(bound, &snapshot.info.schema, &request.columns)?),
            None => None,
        };
        if let Some(best) = best.as_ref().filter(|best| best.by_time) {
            match best.newest_first() {
                true => segments.sort_by_key(|s| std::cmp::Reverse(s.facts.times().max)),
                false => segments.sort_by_key(|s| s.facts.times().min),
            }
        }
        units.extend(segments.into_iter().map(Unit::Segment));
        let left = request.limit.map(AtomicUsize::new);
        let condition = match &request.filter {
            Some(filter) => Some(Condition::new(filter, &snapshot.info.schema, &request.columns)?),
            None => None,
        };
        let sought = Sought::new(&request.hints, &lone_terms(&request));
        let sets = Sets::default();
        let context =
            Context { snapshot, bounds, wanted, condition, best, request, asker, sets, sought };
        Ok(Self { context, queue: Queue::new(units), left })
    }

    /// Cuts a batch to the rows still wanted; none when there are none.
    fn within_limit(&self, batch: Batch) -> Option<Batch> {
        let Some(left) = &self.left else { return Some(batch) };
        let take = |left: usize| (left > 0).then(|| left.saturating_sub(batch.rows));
        match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(before) if before >= batch.rows => Some(batch),
            Ok(before) => Some(batch.slice(0, before)),
            Err(_) => None,
        }
    }

    fn is_satisfied(&self) -> bool {
        self.left.as_ref().is_some_and(|left| left.load(Ordering::Relaxed) == 0)
    }
}

impl Scan for TableScan {
    fn filters(&self) -> bool {
        true
    }

    fn next(&self) -> Result<Option<Batch>, SourceError> {
        if self.context.request.cancel.is_cancelled() {
            self.queue.end();
            return Err(SourceError::Cancelled);
        }
        if self.is_satisfied() {
            self.queue.end();
            return Ok(None);
        }
        let Some((unit, taken)) = self.queue.take() else { return Ok(None) };
        let (batch, rest) = unit.work(&self.context).map_err(SourceError::from)?;
        taken.done(rest);
        let batch = batch.filter(|b| b.rows > 0).and_then(|b| self.within_limit(b));
        let batch = batch.unwrap_or(Batch { columns: Vec::new(), rows: 0 });
        Counters::add(&self.context.request.counters.rows_read, batch.rows as u64);
        Ok(Some(batch))
    }
}
