//! Units of work of a scan, and the queue that workers take them from.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array};
use arrow_buffer::BooleanBuffer;
use engine::source::{Counters, TickRange};
use model::Batch;
use parking_lot::{Condvar, Mutex};
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};

use super::Context;
use crate::error::Error;
use crate::memory::MemoryBatch;
use crate::rewrite::ingestion_column;
use crate::segment::{BLOCK_ROWS, BlockSet, GroupReader, Pruner, ROW_GROUP_ROWS, Reader, Segment};
use crate::table::time_column;

/// A piece of work.
pub(super) enum Unit {
    /// Rows in memory.
    Memory(Arc<MemoryBatch>),
    /// A segment not yet looked into.
    Segment(Arc<Segment>),
    /// A row group of a segment and the blocks of it to read.
    Group(Arc<Segment>, Arc<Reader>, usize, Arc<BlockSet>),
    /// A row group under reading.
    Reading(Box<Reading>),
}

/// A row group under reading; keeps its segment's files alive.
pub(super) struct Reading {
    segment: Arc<Segment>,
    reader: GroupReader,
    /// Positions of the columns read, in the order in which the reader gives them.
    stored: Vec<Stored>,
    /// Columns read before, for the condition's sake: the same rows as the reader gives.
    before: Vec<(Stored, ArrayRef)>,
    /// Rows to keep of those that come; none when they are chosen already.
    keep: Option<BooleanBuffer>,
    /// Rows given so far.
    at: usize,
}

/// A column that the reader gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// The column at this position of the table.
    Column(usize),
    /// When rows were received.
    Ingestion,
    /// The rows' numbers.
    Items,
}

type Worked = Result<(Option<Batch>, Vec<Unit>), Error>;

impl Unit {
    /// Does the work: gives rows, further work, or both.
    pub(super) fn work(self, context: &Context) -> Worked {
        match self {
            Self::Memory(batch) => Ok((read_memory(&batch, context)?, Vec::new())),
            Self::Segment(segment) => Ok((None, open(&segment, context)?)),
            Self::Group(segment, reader, group, blocks) => {
                start(segment, &reader, group, &blocks, context)
            }
            Self::Reading(reading) => reading.next(context),
        }
    }
}

fn read_memory(batch: &MemoryBatch, context: &Context) -> Result<Option<Batch>, Error> {
    let bounds = &context.bounds;
    let read = context.wanted.in_memory(batch, &context.snapshot)?;
    let inside = |span: crate::memory::Span, r: TickRange| span.within(r.start, r.end);
    let mut keep: Option<BooleanArray> = None;
    if !inside(batch.times, bounds.time) {
        keep = Some(within(&batch.row_times(), bounds.time));
    }
    if !inside(batch.ingested, bounds.ingested) {
        let ingested = within(&batch.ingestion(), bounds.ingested);
        keep = Some(match keep {
            None => ingested,
            Some(keep) => and(&keep, &ingested),
        });
    }
    let Some(batch) = filtered(read, keep)? else { return Ok(None) };
    let Some(condition) = &context.condition else { return Ok(Some(batch)) };
    let keep = condition.keep_of(&batch)?;
    filtered(batch, Some(BooleanArray::new(keep, None)))
}

fn within(ticks: &Int64Array, range: TickRange) -> BooleanArray {
    ticks.values().iter().map(|t| Some(*t >= range.start && *t <= range.end)).collect()
}

fn and(left: &BooleanArray, right: &BooleanArray) -> BooleanArray {
    BooleanArray::new(left.values() & right.values(), None)
}

fn filtered(batch: Batch, keep: Option<BooleanArray>) -> Result<Option<Batch>, Error> {
    let Some(keep) = keep else { return Ok(Some(batch)) };
    let rows = keep.true_count();
    if rows == 0 {
        return Ok(None);
    }
    if rows == batch.rows {
        return Ok(Some(batch));
    }
    let filter = |array: &arrow_array::ArrayRef| arrow_select::filter::filter(array, &keep);
    let columns = batch.columns.iter().map(filter).collect::<Result<_, _>>();
    let columns = columns.map_err(|e| Error::Invalid(format!("rows do not filter: {e}")))?;
    Ok(Some(Batch { columns, rows }))
}

/// Looks into a segment: which row groups, and which blocks of them, are to be read.
fn open(segment: &Arc<Segment>, context: &Context) -> Result<Vec<Unit>, Error> {
    let reader = segment.reader()?;
    let synthetic = &context.snapshot.table.synthetic;
    let mut pruner = Pruner::new(&reader, &context.snapshot.info.schema, synthetic);
    let blocks = match pruner.blocks(&context.request.hints) {
        Ok(blocks) => blocks,
        Err(error @ Error::Damaged { .. }) => {
            // The index only saves work; it is made again when the segment is next opened.
            tracing::warn!(%error, "a segment is read without its index");
            segment.close();
            BlockSet::all(pruner.block_count())
        }
        Err(error) => return Err(error),
    };
    let blocks = Arc::new(blocks);
    let time = reader.position(&time_column());
    let per_group = ROW_GROUP_ROWS / BLOCK_ROWS;
    let mut units = Vec::new();
    for group in 0..reader.groups() {
        let first = group * per_group;
        let span = time.and_then(|at| reader.span(group, at));
        let range = context.bounds.time;
        if (first..first + per_group).any(|block| blocks.contains(block))
            && span.is_none_or(|span| span.overlaps(range.start, range.end))
        {
            units.push(Unit::Group(
                Arc::clone(segment),
                Arc::clone(&reader),
                group,
                Arc::clone(&blocks),
            ));
        }
    }
    if units.is_empty() {
        Counters::add(&context.request.counters.segments_pruned, 1);
    }
    Ok(units)
}

/// Begins to read a row group: the rows inside the time bounds, of the blocks that are left.
fn start(
    segment: Arc<Segment>,
    reader: &Reader,
    group: usize,
    blocks: &BlockSet,
    context: &Context,
) -> Worked {
    let rows = reader.group_rows(group);
    let bounds = &context.bounds;
    let ingested = segment.facts.ingested();
    let check_ingested = !ingested.within(bounds.ingested.start, bounds.ingested.end);
    let range = time_range(reader, group, bounds.time)?.unwrap_or(0..rows);
    let selection = select(group, rows, &range, blocks);
    if range.is_empty() || selection.as_ref().is_some_and(|s| !s.selects_any()) {
        return Ok((None, Vec::new()));
    }
    let group = Group { segment, reader, group, rows, check_ingested };
    let selected = selection.as_ref().map_or(rows, RowSelection::row_count);
    let looked_at = group.looked_at(context);
    let before = match looked_at.is_empty() {
        true => Vec::new(),
        false => group.columns(looked_at, selection.clone(), context)?,
    };
    let Some(keep) = group.chosen(&before, selected, context)? else {
        return group.rest(before, (selection, selected), None, context);
    };
    let count = keep.count_set_bits();
    if count == 0 {
        return Ok((None, Vec::new()));
    }
    if count.saturating_mul(FEW) > selected {
        return group.rest(before, (selection, selected), Some(keep), context);
    }
    // Few rows stay: of the other columns only these are read.
    let keep = BooleanArray::new(keep, None);
    let narrowed = before.into_iter().map(|(stored, array)| {
        let array = arrow_select::filter::filter(&array, &keep);
        Ok((stored, array.map_err(|e| Error::Invalid(format!("rows do not filter: {e}")))?))
    });
    let before = narrowed.collect::<Result<Vec<_>, Error>>()?;
    let narrow = RowSelection::from_filters(std::slice::from_ref(&keep));
    let narrow = match selection {
        Some(wide) => wide.and_then(&narrow),
        None => narrow,
    };
    group.rest(before, (Some(narrow), count), None, context)
}

/// Where less than one row in so many stays, only these rows are read of the other columns.
const FEW: usize = 6;

/// A row group about to be read.
struct Group<'a> {
    segment: Arc<Segment>,
    reader: &'a Reader,
    group: usize,
    rows: usize,
    /// Rows are checked against the bounds on the receipt.
    check_ingested: bool,
}

impl Group<'_> {
    /// What decides which rows stay.
    fn looked_at(&self, context: &Context) -> Vec<Stored> {
        let condition = context.condition.as_ref();
        let mut stored = condition.map_or_else(Vec::new, |c| c.wanted.stored(self.reader));
        if self.check_ingested && !stored.contains(&Stored::Ingestion) {
            stored.push(Stored::Ingestion);
        }
        stored
    }

    /// The rows that stay; none for all. `before` holds what was looked at.
    fn chosen(
        &self,
        before: &[(Stored, ArrayRef)],
        rows: usize,
        context: &Context,
    ) -> Result<Option<BooleanBuffer>, Error> {
        let mut keep = None;
        if self.check_ingested {
            let ingested = find(before, Stored::Ingestion);
            let ticks = ingested.as_ref().and_then(|a| a.as_primitive_opt::<Int64Type>());
            let missing =
                || Error::damaged(&self.segment.rows_path(), "it lacks the times of receipt");
            keep =
                Some(within(ticks.ok_or_else(missing)?, context.bounds.ingested).values().clone());
        }
        if let Some(condition) = &context.condition {
            let batch = condition
                .wanted
                .assemble(rows, &context.snapshot, |wanted| find(before, wanted))?;
            let met = condition.keep(&batch)?;
            keep = Some(keep.map_or_else(|| met.clone(), |inside| &inside & &met));
        }
        Ok(keep.filter(|keep| keep.count_set_bits() < rows))
    }

    /// All selected rows of these columns.
    fn columns(
        &self,
        stored: Vec<Stored>,
        selection: Option<RowSelection>,
        context: &Context,
    ) -> Result<Vec<(Stored, ArrayRef)>, Error> {
        let mut reader = self.read(&stored, selection, self.rows.max(1), context)?;
        let arrays = reader.next()?.unwrap_or_default();
        if arrays.len() != stored.len() {
            return Err(Error::damaged(&self.segment.rows_path(), "a row group lacks its rows"));
        }
        Ok(stored.into_iter().zip(arrays).collect())
    }

    /// The columns not read before, of the selected rows (`selection` and their number).
    fn rest(
        self,
        before: Vec<(Stored, ArrayRef)>,
        selection: (Option<RowSelection>, usize),
        keep: Option<BooleanBuffer>,
        context: &Context,
    ) -> Worked {
        let mut stored = context.wanted.stored(self.reader);
        stored.retain(|s| before.iter().all(|(known, _)| known != s));
        let (selection, rows) = selection;
        if stored.is_empty() {
            let held = |wanted| find(&before, wanted);
            let batch = context.wanted.assemble(rows, &context.snapshot, held)?;
            let batch = filtered(batch, keep.map(|keep| BooleanArray::new(keep, None)))?;
            return Ok((batch, Vec::new()));
        }
        let reader = self.read(&stored, selection, batch_rows(stored.len()), context)?;
        let segment = self.segment;
        Box::new(Reading { segment, reader, stored, before, keep, at: 0 }).next(context)
    }

    fn read(
        &self,
        stored: &[Stored],
        selection: Option<RowSelection>,
        batch_rows: usize,
        context: &Context,
    ) -> Result<GroupReader, Error> {
        let place = |s: &Stored| {
            let missing = || Error::damaged(&self.segment.rows_path(), "it lacks a column");
            context.wanted.place(*s, self.reader).ok_or_else(missing)
        };
        let places = stored.iter().map(place).collect::<Result<Vec<_>, _>>()?;
        self.reader.read(self.group, &places, selection, batch_rows)
    }
}

fn find(held: &[(Stored, ArrayRef)], wanted: Stored) -> Option<ArrayRef> {
    held.iter().find(|(stored, _)| *stored == wanted).map(|(_, array)| Arc::clone(array))
}

/// Rows read at once: whole row groups of few columns, less of many.
fn batch_rows(columns: usize) -> usize {
    ((1 << 21) / columns.max(1)).clamp(8 * BLOCK_ROWS, ROW_GROUP_ROWS)
}

/// The rows of a row group whose time lies inside; none when all do. Rows are sorted by time.
fn time_range(
    reader: &Reader,
    group: usize,
    bounds: TickRange,
) -> Result<Option<std::ops::Range<usize>>, Error> {
    if bounds == TickRange::ALL {
        return Ok(None);
    }
    let column = reader.position(&time_column());
    let place = column.or_else(|| reader.position(&ingestion_column()));
    let Some(place) = place else { return Ok(None) };
    let inside = reader.span(group, place).is_some_and(|s| s.within(bounds.start, bounds.end));
    if inside {
        return Ok(None);
    }
    let rows = reader.group_rows(group);
    let mut times = reader.read(group, &[place], None, rows.max(1))?;
    let times = times.next()?.and_then(|mut arrays| arrays.pop());
    let times = times.as_ref().and_then(|a| a.as_primitive_opt::<Int64Type>());
    let Some(times) = times.filter(|t| t.len() == rows) else { return Ok(None) };
    let start = times.values().partition_point(|t| *t < bounds.start);
    let end = times.values().partition_point(|t| *t <= bounds.end);
    Ok(Some(start..end))
}

/// The rows of the range that lie in blocks of the set; none for all rows.
fn select(
    group: usize,
    rows: usize,
    range: &std::ops::Range<usize>,
    blocks: &BlockSet,
) -> Option<RowSelection> {
    let first = group * (ROW_GROUP_ROWS / BLOCK_ROWS);
    let mut selectors: Vec<RowSelector> = Vec::new();
    let mut at = 0;
    let mut add = |until: usize, selected: bool| {
        if until > at {
            let count = until - at;
            selectors.push(if selected {
                RowSelector::select(count)
            } else {
                RowSelector::skip(count)
            });
            at = until;
        }
    };
    for block in 0..rows.div_ceil(BLOCK_ROWS) {
        let (start, end) = (block * BLOCK_ROWS, ((block + 1) * BLOCK_ROWS).min(rows));
        let wanted = blocks.contains(first + block);
        let (from, to) = (range.start.clamp(start, end), range.end.clamp(start, end));
        add(from, false);
        add(to, wanted);
        add(end, false);
    }
    let all = selectors.iter().all(|s| !s.skip);
    (!all).then(|| RowSelection::from(selectors))
}

impl Reading {
    /// The next rows, and the rest of the row group as further work.
    fn next(mut self: Box<Self>, context: &Context) -> Worked {
        let Some(arrays) = self.reader.next()? else { return Ok((None, Vec::new())) };
        let rows = arrays.first().map_or(0, |a| a.len());
        let from = self.at;
        self.at += rows;
        let fits = self.before.iter().all(|(_, array)| self.at <= array.len());
        if !fits || self.keep.as_ref().is_some_and(|keep| self.at > keep.len()) {
            let path = self.segment.rows_path();
            return Err(Error::damaged(&path, "its columns differ in length"));
        }
        let held = |wanted: Stored| match self.stored.iter().position(|s| *s == wanted) {
            Some(at) => arrays.get(at).cloned(),
            None => find(&self.before, wanted).map(|array| array.slice(from, rows)),
        };
        let batch = context.wanted.assemble(rows, &context.snapshot, held)?;
        let keep = self.keep.as_ref().map(|keep| BooleanArray::new(keep.slice(from, rows), None));
        let batch = filtered(batch, keep)?;
        Ok((batch, vec![Unit::Reading(self)]))
    }
}

/// Work that is left, shared by the workers of a scan.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    units: VecDeque<Unit>,
    /// Units taken whose further work is not known yet.
    under_way: usize,
    ended: bool,
}

impl Queue {
    /// These units.
    pub(super) fn new(units: Vec<Unit>) -> Self {
        let state = State { units: units.into(), under_way: 0, ended: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The next unit. Waits while others may still bring some; none when all is done.
    pub(super) fn take(&self) -> Option<(Unit, Taken<'_>)> {
        let mut state = self.state.lock();
        loop {
            if state.ended {
                return None;
            }
            if let Some(unit) = state.units.pop_front() {
                state.under_way += 1;
                return Some((unit, Taken { queue: self, done: false }));
            }
            if state.under_way == 0 {
                return None;
            }
            self.changed.wait(&mut state);
        }
    }

    /// Nothing more is wanted.
    pub(super) fn end(&self) {
        let mut state = self.state.lock();
        state.ended = true;
        state.units.clear();
        self.changed.notify_all();
    }
}

/// A unit was taken. Unless it is [done](Taken::done), the scan ends: others would wait for its further work.
pub(super) struct Taken<'a> {
    queue: &'a Queue,
    done: bool,
}

impl Taken<'_> {
    /// The unit leaves this work, which comes next.
    pub(super) fn done(mut self, units: Vec<Unit>) {
        self.done = true;
        let mut state = self.queue.state.lock();
        state.under_way = state.under_way.saturating_sub(1);
        if !state.ended {
            units.into_iter().rev().for_each(|unit| state.units.push_front(unit));
        }
        self.queue.changed.notify_all();
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.queue.end();
        }
    }
}
