//! Units of work of a scan, and the queue that workers take them from.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array};
use arrow_buffer::BooleanBuffer;
use engine::source::{Counters, Part, TickRange};
use model::Batch;
use parking_lot::{Condvar, Mutex};

use super::{Best, Context, group, lone_terms};
use crate::error::Error;
use crate::memory::MemoryBatch;
use crate::segment::{BLOCK_ROWS, BlockSet, GroupReader, Pruner, ROW_GROUP_ROWS, Reader, Segment};
use crate::table::{Snapshot, time_column};

/// A piece of work.
pub(super) enum Unit {
    /// Rows in memory.
    Memory(Arc<MemoryBatch>),
    /// A segment not yet looked into.
    Segment(Arc<Segment>),
    /// A row group of a segment.
    Group(Arc<Opened>, usize),
    /// A row group under reading.
    Reading(Box<Reading>),
}

/// A segment looked into.
pub(super) struct Opened {
    pub(super) segment: Arc<Segment>,
    pub(super) reader: Arc<Reader>,
    /// Blocks to read.
    pub(super) blocks: BlockSet,
    /// Columns that need not be read to judge the condition: none of their values can meet what is asked of them.
    pub(super) idle: Vec<Stored>,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// The column at this position of the table.
    Column(usize),
    /// When rows were received.
    Ingestion,
    /// The rows' numbers.
    Items,
    /// What a path into a dynamic column leads to.
    Part(Arc<Part>),
    /// Nobody looks at it.
    Nothing,
}

pub(super) type Worked = Result<(Option<Batch>, Vec<Unit>), Error>;

impl Unit {
    /// Does the work: gives rows, further work, or both.
    pub(super) fn work(self, context: &Context) -> Worked {
        match self {
            Self::Memory(batch) => Ok((read_memory(&batch, context)?, Vec::new())),
            Self::Segment(segment) if too_late(context, segment.facts.times()) => {
                Counters::add(&context.request.counters.segments_pruned, 1);
                Ok((None, Vec::new()))
            }
            Self::Segment(segment) => Ok((None, open(&segment, context)?)),
            Self::Group(opened, number) => {
                let time = opened.reader.position(&time_column());
                let times = time.and_then(|at| opened.reader.span(number, at));
                match times.is_some_and(|times| too_late(context, times)) {
                    true => Ok((None, Vec::new())),
                    false => group::start(&opened, number, context),
                }
            }
            Self::Reading(reading) => reading.next(context),
        }
    }
}

/// True when rows of these times are not among the best any more.
fn too_late(context: &Context, times: crate::memory::Span) -> bool {
    context.best.as_ref().is_some_and(|best| !best.may_hold(times))
}

fn read_memory(batch: &MemoryBatch, context: &Context) -> Result<Option<Batch>, Error> {
    let bounds = &context.bounds;
    let Snapshot { info, table, .. } = &context.snapshot;
    let mut look = context.sought.of(batch, &info.schema, &table.synthetic);
    if !look.may_hold() {
        return Ok(None);
    }
    let inside = |span: crate::memory::Span, r: TickRange| span.within(r.start, r.end);
    let mut keep: Option<BooleanArray> = None;
    let mut also = |more: BooleanArray| {
        keep = Some(match keep.take() {
            None => more,
            Some(keep) => and(&keep, &more),
        });
    };
    if !inside(batch.times, bounds.time) {
        also(within(&batch.row_times(), bounds.time));
    }
    if !inside(batch.ingested, bounds.ingested) {
        also(within(&batch.ingestion(), bounds.ingested));
    }
    if let Some(condition) = &context.condition {
        let looked_at = condition.wanted.in_memory(batch, None, &look.idle(), &context.snapshot)?;
        also(BooleanArray::new(condition.keep(&looked_at)?, None));
    }
    if let Some(best) = &context.best {
        let column = best.wanted.in_memory(batch, None, &[], &context.snapshot)?;
        let kept = best.keep(&column, keep.map(|keep| keep.values().clone()));
        keep = kept.map(|kept| BooleanArray::new(kept, None));
    }
    let keep = keep.filter(|keep| keep.true_count() < batch.rows);
    if keep.as_ref().is_some_and(|keep| keep.true_count() == 0) {
        return Ok(None);
    }
    context.wanted.in_memory(batch, keep.as_ref(), &[], &context.snapshot).map(Some)
}

pub(super) fn within(ticks: &Int64Array, range: TickRange) -> BooleanArray {
    ticks.values().iter().map(|t| Some(*t >= range.start && *t <= range.end)).collect()
}

fn and(left: &BooleanArray, right: &BooleanArray) -> BooleanArray {
    BooleanArray::new(left.values() & right.values(), None)
}

pub(super) fn filtered(batch: Batch, keep: Option<BooleanArray>) -> Result<Option<Batch>, Error> {
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
    let index = segment.index()?;
    let synthetic = &context.snapshot.table.synthetic;
    let mut pruner = Pruner::new(&index, &context.snapshot.info.schema, synthetic)
        .with_keeper(segment.keeper(context.asker));
    let may_hold =
        |pruner: &mut Pruner<'_>| match pruner.blocks(&context.request.hints, &context.sets) {
            Err(error @ Error::Damaged { .. }) => {
                // The index only saves work; it is made again when the segment is next opened.
                tracing::warn!(%error, "a segment is read without its index");
                segment.close();
                Ok(BlockSet::all(pruner.block_count()))
            }
            answer => answer,
        };
    if may_hold(&mut pruner)?.is_empty() {
        Counters::add(&context.request.counters.segments_pruned, 1);
        return Ok(Vec::new());
    }
    let reader = segment.reader()?;
    let mut pruner = pruner.with_statistics(&reader);
    let blocks = may_hold(&mut pruner)?;
    let idle = if blocks.is_empty() { Vec::new() } else { idle(&mut pruner, context) };
    let time = reader.position(&time_column());
    let per_group = ROW_GROUP_ROWS / BLOCK_ROWS;
    let mut groups = Vec::new();
    for group in 0..reader.groups() {
        let first = group * per_group;
        let span = time.and_then(|at| reader.span(group, at));
        let range = context.bounds.time;
        if (first..first + per_group).any(|block| blocks.contains(block))
            && span.is_none_or(|span| span.overlaps(range.start, range.end))
        {
            groups.push(group);
        }
    }
    if context.best.as_ref().is_some_and(Best::newest_first) {
        groups.reverse();
    }
    if groups.is_empty() {
        Counters::add(&context.request.counters.segments_pruned, 1);
    }
    drop(pruner);
    let opened = Arc::new(Opened { segment: Arc::clone(segment), reader, blocks, idle });
    Ok(groups.into_iter().map(|group| Unit::Group(Arc::clone(&opened), group)).collect())
}

/// The columns whose terms, all that the condition asks of them, stand nowhere in the segment.
fn idle(pruner: &mut Pruner<'_>, context: &Context) -> Vec<Stored> {
    let mut lone = lone_terms(&context.request);
    lone.retain(|(column, terms)| pruner.lacks(*column, terms).unwrap_or(false));
    lone.into_iter().map(|(column, _)| Stored::Column(column)).collect()
}

pub(super) fn find(held: &[(Stored, ArrayRef)], wanted: &Stored) -> Option<ArrayRef> {
    held.iter().find(|(stored, _)| stored == wanted).map(|(_, array)| Arc::clone(array))
}

impl Reading {
    /// What `reader` gives of the columns in `stored`, beside those read before; `keep` tells which rows stay.
    pub(super) fn new(
        segment: Arc<Segment>,
        reader: GroupReader,
        (stored, before): (Vec<Stored>, Vec<(Stored, ArrayRef)>),
        keep: Option<BooleanBuffer>,
    ) -> Self {
        Self { segment, reader, stored, before, keep, at: 0 }
    }

    /// The next rows, and the rest of the row group as further work.
    pub(super) fn next(mut self: Box<Self>, context: &Context) -> Worked {
        let Some(arrays) = self.reader.next()? else { return Ok((None, Vec::new())) };
        let rows = arrays.first().map_or(0, |a| a.len());
        let from = self.at;
        self.at += rows;
        let fits = self.before.iter().all(|(_, array)| self.at <= array.len());
        if !fits || self.keep.as_ref().is_some_and(|keep| self.at > keep.len()) {
            let path = self.segment.rows_path();
            return Err(Error::damaged(&path, "its columns differ in length"));
        }
        let held = |wanted: &Stored| match self.stored.iter().position(|s| s == wanted) {
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
