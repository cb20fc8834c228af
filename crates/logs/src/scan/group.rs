//! Reading a row group: what the condition looks at comes first, the other columns only for the rows that stay. Columns
//! read whole are kept for the next query.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::BooleanBuffer;
use engine::source::{Part, TickRange};
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};

use super::Context;
use super::units::{Opened, Reading, Stored, Worked, filtered, find, within};
use crate::error::Error;
use crate::rewrite::ingestion_column;
use crate::segment::{
    Asker, BLOCK_ROWS, BlockSet, GroupReader, Keeper, Picked, Place, ROW_GROUP_ROWS, Reader,
    Segment, Which, parts,
};
use crate::table::time_column;

/// Where less than one row in so many stays, only these rows are read of the other columns.
const FEW: usize = 6;
/// Where more than one row in so many is wanted of a column again and again, it is read whole once and kept.
const MANY: usize = 128;
/// More columns than this are read in pieces, and not kept.
const COLUMNS_MAX: usize = 16;

/// Begins to read a row group: the rows inside the time bounds, of the blocks that are left.
pub(super) fn start(opened: &Opened, group: usize, context: &Context) -> Worked {
    let Opened { segment, reader, blocks, idle } = opened;
    let rows = reader.group_rows(group);
    let bounds = &context.bounds;
    let ingested = segment.facts.ingested();
    let check_ingested = !ingested.within(bounds.ingested.start, bounds.ingested.end);
    let asker = context.asker;
    let group = Group { segment: Arc::clone(segment), reader, group, rows, check_ingested, asker };
    let range = group.time_range(bounds.time)?.unwrap_or(0..rows);
    let picked = select(group.group, rows, &range, blocks);
    let selected = picked.count();
    if selected == 0 {
        return Ok((None, Vec::new()));
    }
    let mut looked_at = group.looked_at(context);
    looked_at.retain(|stored| !idle.contains(stored));
    let before = match looked_at.is_empty() {
        true => Vec::new(),
        false => group.columns(looked_at, &picked, context)?,
    };
    let Some(keep) = group.chosen(&before, selected, context)? else {
        return group.rest(before, picked, None, context);
    };
    let count = keep.count_set_bits();
    if count == 0 {
        return Ok((None, Vec::new()));
    }
    if count.saturating_mul(FEW) > selected {
        return group.rest(before, picked, Some(keep), context);
    }
    // Few rows stay: of the other columns only these are read.
    let narrow = picked.filter(&keep);
    let keep = BooleanArray::new(keep, None);
    let narrowed = before.into_iter().map(|(stored, array)| {
        let array = arrow_select::filter::filter(&array, &keep);
        Ok((stored, array.map_err(|e| Error::Invalid(format!("rows do not filter: {e}")))?))
    });
    let before = narrowed.collect::<Result<Vec<_>, Error>>()?;
    group.rest(before, narrow, None, context)
}

/// A row group about to be read.
struct Group<'a> {
    segment: Arc<Segment>,
    reader: &'a Reader,
    group: usize,
    rows: usize,
    /// Rows are checked against the bounds on the receipt.
    check_ingested: bool,
    /// For whom.
    asker: Asker,
}

impl Group<'_> {
    /// What decides which rows stay.
    fn looked_at(&self, context: &Context) -> Vec<Stored> {
        let condition = context.condition.as_ref();
        let mut stored = condition.map_or_else(Vec::new, |c| c.wanted.stored(self.reader));
        let best = context.best.as_ref().map(|best| best.wanted.stored(self.reader));
        for column in best.into_iter().flatten() {
            if !stored.contains(&column) {
                stored.push(column);
            }
        }
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
            let ingested = find(before, &Stored::Ingestion);
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
        if let Some(best) = &context.best {
            let held = |wanted: &Stored| find(before, wanted);
            let column = best.wanted.assemble(rows, &context.snapshot, held)?;
            keep = best.keep(&column, keep);
        }
        Ok(keep.filter(|keep| keep.count_set_bits() < rows))
    }

    /// The picked rows of these columns: kept ones as they are, the others from the file.
    fn columns(
        &self,
        stored: Vec<Stored>,
        picked: &Picked,
        context: &Context,
    ) -> Result<Vec<(Stored, ArrayRef)>, Error> {
        let mut found = Vec::with_capacity(stored.len());
        let mut missing = Vec::new();
        for stored in stored {
            if let Stored::Part(part) = &stored {
                let array = self.part(part, &stored, picked, context)?;
                found.push((stored, array));
                continue;
            }
            let column = self.place(&stored, context)?;
            match self.kept(column, picked) {
                Some(array) => found.push((stored, array)),
                None => missing.push((stored, column)),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let whole = self.most(picked);
        let (all, some): (Vec<_>, Vec<_>) =
            missing.into_iter().partition(|(_, column)| whole || self.worth_all(*column, picked));
        for (columns, whole) in [(all, true), (some, false)] {
            if !columns.is_empty() {
                let places: Vec<usize> = columns.iter().map(|(_, column)| *column).collect();
                let arrays = self.read_columns(&places, picked, whole)?;
                found.extend(columns.into_iter().map(|(stored, _)| stored).zip(arrays));
            }
        }
        Ok(found)
    }

    /// True when all rows are better read than those picked: they cost about the same and there is room to keep them, or
    /// so many rows were wanted of this column before that it is going to be wanted again.
    fn worth_all(&self, column: usize, picked: &Picked) -> bool {
        let kept = self.segment.kept();
        let bytes = self.reader.mostly_dictionary(self.group, column);
        if bytes.is_some_and(|bytes| kept.has_room(bytes)) {
            return true;
        }
        let many = picked.count().saturating_mul(MANY) >= self.rows;
        let unpacked = self.reader.unpacked_bytes(self.group, column);
        many && kept.wanted_again(&self.kept_place(Which::Stored(column)), unpacked, self.asker)
    }

    /// The picked rows of the columns at these places of the file. Where they are read whole they are kept.
    fn read_columns(
        &self,
        places: &[usize],
        picked: &Picked,
        whole: bool,
    ) -> Result<Vec<ArrayRef>, Error> {
        let lacks = || Error::damaged(&self.segment.rows_path(), "a row group lacks its rows");
        let selection = if whole { None } else { selection(picked) };
        let mut reader =
            self.reader.read(self.group, places, selection, self.rows.max(1), &self.keeper())?;
        let arrays = reader.next()?.unwrap_or_default();
        let wanted = if whole { self.rows } else { picked.count() };
        if arrays.len() != places.len() || arrays.iter().any(|array| array.len() != wanted) {
            return Err(lacks());
        }
        if !whole {
            return Ok(arrays);
        }
        for (column, array) in places.iter().zip(&arrays) {
            let place = self.kept_place(Which::Stored(*column));
            self.segment.kept().keep(place, array, self.asker);
        }
        arrays.iter().map(|array| picked.of(array).ok_or_else(lacks)).collect()
    }

    /// A part of a dynamic column: stored apart, kept, or taken out of the whole.
    fn part(
        &self,
        part: &Arc<Part>,
        stored: &Stored,
        picked: &Picked,
        context: &Context,
    ) -> Result<ArrayRef, Error> {
        let lacks = || Error::damaged(&self.segment.rows_path(), "a row group lacks its rows");
        let column = context.column(stored);
        if let Some((place, ty)) = column.and_then(|c| self.reader.part(c, &part.path)) {
            return Ok(parts::wanted(&self.column(place, picked)?, ty, part));
        }
        let place = self.kept_place(Which::Part(Arc::clone(part)));
        let kept = self.segment.kept().get(&place, self.asker);
        if let Some(array) = kept.and_then(|kept| kept.pick(picked)) {
            return Ok(array);
        }
        let whole = self.place(stored, context)?;
        if !self.most(picked) {
            return part.of(&self.column(whole, picked)?).map_err(Error::Condition);
        }
        let all = self.column(whole, &Picked::All(self.rows))?;
        let array = part.of(&all).map_err(Error::Condition)?;
        self.segment.kept().keep(place, &array, self.asker);
        picked.of(&array).ok_or_else(lacks)
    }

    /// The picked rows of one column of the file.
    fn column(&self, place: usize, picked: &Picked) -> Result<ArrayRef, Error> {
        let lacks = || Error::damaged(&self.segment.rows_path(), "a row group lacks its rows");
        match self.kept(place, picked) {
            Some(array) => Ok(array),
            None => {
                let whole = self.most(picked) || self.worth_all(place, picked);
                self.read_columns(&[place], picked, whole)?.pop().ok_or_else(lacks)
            }
        }
    }

    /// True when so many rows are picked that all are read, and kept.
    fn most(&self, picked: &Picked) -> bool {
        picked.count().saturating_mul(4) >= self.rows
    }

    fn kept(&self, column: usize, picked: &Picked) -> Option<ArrayRef> {
        let place = self.kept_place(Which::Stored(column));
        self.segment.kept().get(&place, self.asker)?.pick(picked)
    }

    fn keeper(&self) -> Keeper {
        self.segment.keeper(self.asker)
    }

    fn kept_place(&self, column: Which) -> Place {
        Place { segment: self.segment.number(), group: self.group, column }
    }

    fn place(&self, stored: &Stored, context: &Context) -> Result<usize, Error> {
        let missing = || Error::damaged(&self.segment.rows_path(), "it lacks a column");
        context.place(stored, self.reader).ok_or_else(missing)
    }

    /// The columns not read before, of the picked rows.
    fn rest(
        self,
        mut before: Vec<(Stored, ArrayRef)>,
        picked: Picked,
        keep: Option<BooleanBuffer>,
        context: &Context,
    ) -> Worked {
        let mut stored = context.wanted.stored(self.reader);
        stored.retain(|s| before.iter().all(|(known, _)| known != s));
        if stored.len() > COLUMNS_MAX {
            // parts are no columns of the file: they are read at once
            let (parts, columns) = stored.into_iter().partition(|s| matches!(s, Stored::Part(_)));
            before.extend(self.columns(parts, &picked, context)?);
            stored = columns;
        }
        if stored.len() <= COLUMNS_MAX {
            if !stored.is_empty() {
                before.extend(self.columns(stored, &picked, context)?);
            }
            let held = |wanted: &Stored| find(&before, wanted);
            let batch = context.wanted.assemble(picked.count(), &context.snapshot, held)?;
            let batch = filtered(batch, keep.map(|keep| BooleanArray::new(keep, None)))?;
            return Ok((batch, Vec::new()));
        }
        let reader = self.read(&stored, selection(&picked), context)?;
        Box::new(Reading::new(self.segment, reader, (stored, before), keep)).next(context)
    }

    fn read(
        &self,
        stored: &[Stored],
        selection: Option<RowSelection>,
        context: &Context,
    ) -> Result<GroupReader, Error> {
        let places: Vec<usize> =
            stored.iter().map(|s| self.place(s, context)).collect::<Result<_, _>>()?;
        self.reader.read(self.group, &places, selection, batch_rows(places.len()), &self.keeper())
    }

    /// The rows whose time lies inside; none when all do. Rows are sorted by time.
    fn time_range(&self, bounds: TickRange) -> Result<Option<std::ops::Range<usize>>, Error> {
        if bounds == TickRange::ALL {
            return Ok(None);
        }
        let column = self.reader.position(&time_column());
        let place = column.or_else(|| self.reader.position(&ingestion_column()));
        let Some(place) = place else { return Ok(None) };
        let span = self.reader.span(self.group, place);
        if span.is_some_and(|s| s.within(bounds.start, bounds.end)) {
            return Ok(None);
        }
        let all = Picked::All(self.rows);
        let times = match self.kept(place, &all) {
            Some(times) => Some(times),
            None => self.read_columns(&[place], &all, true)?.pop(),
        };
        let times = times.as_ref().and_then(|a| a.as_primitive_opt::<Int64Type>());
        let Some(times) = times else { return Ok(None) };
        let start = times.values().partition_point(|t| *t < bounds.start);
        let end = times.values().partition_point(|t| *t <= bounds.end);
        Ok(Some(start..end))
    }
}

/// Rows read at once: whole row groups of few columns, less of many.
fn batch_rows(columns: usize) -> usize {
    ((1 << 21) / columns.max(1)).clamp(8 * BLOCK_ROWS, ROW_GROUP_ROWS)
}

/// The rows of the range that lie in blocks of the set.
fn select(group: usize, rows: usize, range: &std::ops::Range<usize>, blocks: &BlockSet) -> Picked {
    let first = group * (ROW_GROUP_ROWS / BLOCK_ROWS);
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for block in 0..rows.div_ceil(BLOCK_ROWS) {
        let (start, end) = (block * BLOCK_ROWS, ((block + 1) * BLOCK_ROWS).min(rows));
        let (from, to) = (range.start.max(start), range.end.min(end));
        if from >= to || !blocks.contains(first + block) {
            continue;
        }
        match runs.last_mut() {
            Some((_, last)) if *last == from => *last = to,
            _ => runs.push((from, to)),
        }
    }
    match runs.as_slice() {
        [] => Picked::Range(0, 0),
        [(0, to)] if *to == rows => Picked::All(rows),
        [(from, to)] => Picked::Range(*from, *to),
        several => {
            let rows = several.iter().flat_map(|(from, to)| *from..*to);
            Picked::Rows(
                rows.map(|row| u32::try_from(row).unwrap_or(u32::MAX)).collect::<Vec<_>>().into(),
            )
        }
    }
}

/// What to ask the Parquet reader for; none for all rows.
fn selection(picked: &Picked) -> Option<RowSelection> {
    let mut selectors: Vec<RowSelector> = Vec::new();
    let mut at = 0;
    let mut add = |from: usize, to: usize| {
        if from > at {
            selectors.push(RowSelector::skip(from - at));
        }
        selectors.push(RowSelector::select(to - from));
        at = to;
    };
    match picked {
        Picked::All(_) => return None,
        Picked::Range(from, to) => add(*from, *to),
        Picked::Rows(rows) => {
            let mut run: Option<(usize, usize)> = None;
            for row in rows.values() {
                let row = *row as usize;
                run = match run {
                    Some((from, to)) if to == row => Some((from, row + 1)),
                    Some((from, to)) => {
                        add(from, to);
                        Some((row, row + 1))
                    }
                    None => Some((row, row + 1)),
                };
            }
            if let Some((from, to)) = run {
                add(from, to);
            }
        }
    }
    Some(RowSelection::from(selectors))
}
