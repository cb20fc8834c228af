//! Rows of any origin, sorted and laid down as segments: sealing takes them from memory, compaction from segments.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, UInt32Array};
use model::{Column, DateTime, ScalarType};
use values::TICKS_PER_DAY;

use crate::catalogue::segment_name;
use crate::columns::{self, INGESTION_TIME, ITEM_NUMBER, TIME_GENERATED};
use crate::disk::Disk;
use crate::error::Error;
use crate::gather::{self, Texts};
use crate::memory::{MemoryBatch, Span};
use crate::segment::{Builder, Facts, Label, ROW_GROUP_ROWS, Segment};
use crate::table::Table;

/// Days with fewer rows share a segment with their neighbours.
const DAY_ROWS_MIN: usize = 4 * crate::segment::BLOCK_ROWS;

/// Some rows to be laid down.
pub(crate) trait Part {
    /// How many.
    fn rows(&self) -> usize;
    /// Columns with values.
    fn columns(&self) -> Result<Vec<Column>, Error>;
    /// A column's values; none when it has none.
    fn column(&self, column: &Column) -> Result<Option<ArrayRef>, Error>;
    /// The rows' numbers.
    fn items(&self) -> Result<Int64Array, Error>;
    /// When the rows were received.
    fn ingestion(&self) -> Result<Int64Array, Error>;
}

impl Part for Arc<MemoryBatch> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> Result<Vec<Column>, Error> {
        Ok(self.columns.iter().map(|c| c.column.clone()).collect())
    }

    fn column(&self, column: &Column) -> Result<Option<ArrayRef>, Error> {
        Ok(MemoryBatch::column(self, column).cloned())
    }

    fn items(&self) -> Result<Int64Array, Error> {
        Ok(MemoryBatch::items(self))
    }

    fn ingestion(&self) -> Result<Int64Array, Error> {
        Ok(MemoryBatch::ingestion(self))
    }
}

impl Part for Arc<Segment> {
    fn rows(&self) -> usize {
        usize::try_from(self.facts.rows).unwrap_or(usize::MAX)
    }

    fn columns(&self) -> Result<Vec<Column>, Error> {
        let hidden = |c: &&Column| !matches!(&*c.name, INGESTION_TIME | ITEM_NUMBER);
        Ok(self.reader()?.columns().filter(hidden).cloned().collect())
    }

    fn column(&self, column: &Column) -> Result<Option<ArrayRef>, Error> {
        self.reader()?.whole(column)
    }

    fn items(&self) -> Result<Int64Array, Error> {
        hidden(self, &item_column())
    }

    fn ingestion(&self) -> Result<Int64Array, Error> {
        hidden(self, &ingestion_column())
    }
}

/// The hidden column of row numbers.
pub(crate) fn item_column() -> Column {
    Column::new(ITEM_NUMBER, ScalarType::Long)
}

/// The hidden column of receipt times.
pub(crate) fn ingestion_column() -> Column {
    Column::new(INGESTION_TIME, ScalarType::DateTime)
}

fn hidden(segment: &Segment, column: &Column) -> Result<Int64Array, Error> {
    let missing =
        || Error::damaged(&segment.rows_path(), format!("it lacks the column '{}'", column.name));
    let array = segment.reader()?.whole(column)?.ok_or_else(missing)?;
    array.as_primitive_opt::<Int64Type>().cloned().ok_or_else(missing)
}

/// How to lay rows down.
pub(crate) struct Plan<'a> {
    /// The table.
    pub table: &'a Table,
    /// Where files go.
    pub disk: &'a dyn Disk,
    /// Most rows of a segment.
    pub segment_rows_max: usize,
    /// Rows received before this tick are left out.
    pub drop_before: i64,
    /// Identities of the appends that the rows came with.
    pub batches: &'a [u128],
}

/// One segment under way.
struct Target {
    order: UInt32Array,
    builder: Builder,
    times: Span,
    ingested: Span,
    first_row: u64,
}

/// Sorts the rows of all parts by time and writes them as segments, a day each unless days are small. The files are
/// durable when this returns, and not yet listed; if it fails, none is left.
pub(crate) fn rewrite(parts: &[&dyn Part], plan: &Plan<'_>) -> Result<Vec<Facts>, Error> {
    let items = concat_numbers(parts, |p| p.items())?;
    let ingestion = concat_numbers(parts, |p| p.ingestion())?;
    let time = Column::new(TIME_GENERATED, ScalarType::DateTime);
    let times = concat_numbers(parts, |p| match p.column(&time)? {
        Some(array) => array.as_primitive_opt::<Int64Type>().cloned().ok_or_else(wrong_form),
        None => p.ingestion(),
    })?;
    let order = sorted(&times, &ingestion, plan.drop_before);
    let mut targets = Vec::new();
    for range in split(&order, &times, plan.segment_rows_max) {
        targets.push(Target::new(&order[range], &times, &ingestion, &items)?);
    }
    for column in all_columns(parts)? {
        add_column(parts, plan.table, &column, &mut targets)?;
    }
    add_numbers(&ingestion_column(), &ingestion, &mut targets)?;
    add_numbers(&item_column(), &items, &mut targets)?;
    let mut written = Vec::with_capacity(targets.len());
    for target in targets {
        match target.write(plan) {
            Ok(facts) => written.push(facts),
            Err(error) => {
                remove_files(plan.disk, plan.table, &written);
                return Err(error);
            }
        }
    }
    Ok(written)
}

/// Removes files that were written and are not to be listed.
pub(crate) fn remove_files(disk: &dyn Disk, table: &Table, facts: &[Facts]) {
    for facts in facts {
        for ending in ["parquet", "index"] {
            let _ = disk.remove(&table.folder.join(format!("{}.{ending}", facts.path)));
        }
    }
}

impl Target {
    fn new(
        order: &[u32],
        times: &Int64Array,
        ingestion: &Int64Array,
        items: &Int64Array,
    ) -> Result<Self, Error> {
        let of = |a: &Int64Array| Span::of(order.iter().map(|row| a.value(*row as usize)));
        let (Some(times), Some(ingested), Some(items)) = (of(times), of(ingestion), of(items))
        else {
            return Err(wrong_form());
        };
        Ok(Self {
            order: UInt32Array::from(order.to_vec()),
            builder: Builder::new(order.len()),
            times,
            ingested,
            first_row: items.min as u64,
        })
    }

    fn write(self, plan: &Plan<'_>) -> Result<Facts, Error> {
        let label = Label {
            workspace: &plan.table.workspace,
            table: &plan.table.name,
            folder: &plan.table.folder,
            path: segment_name(&day_name(self.times.min), self.first_row),
            times: self.times,
            ingested: self.ingested,
            batches: plan.batches,
        };
        self.builder.write(plan.disk, &label)
    }
}

fn wrong_form() -> Error {
    Error::Invalid("rows have not the form of their types".into())
}

fn concat_numbers(
    parts: &[&dyn Part],
    of: impl Fn(&dyn Part) -> Result<Int64Array, Error>,
) -> Result<Int64Array, Error> {
    let mut all = Vec::with_capacity(parts.iter().map(|p| p.rows()).sum());
    for part in parts {
        let numbers = of(*part)?;
        if numbers.len() != part.rows() {
            return Err(wrong_form());
        }
        all.extend_from_slice(numbers.values());
    }
    Ok(Int64Array::from(all))
}

/// Row positions in order of time; rows of one time stay in the order in which they came.
fn sorted(times: &Int64Array, ingestion: &Int64Array, drop_before: i64) -> Vec<u32> {
    let keep = |row: &u32| ingestion.value(*row as usize) >= drop_before;
    let mut order: Vec<u32> = (0..times.len() as u32).filter(keep).collect();
    order.sort_by_key(|row| times.value(*row as usize));
    order
}

/// Where one segment ends and the next begins: at midnight, unless a day is small, and at row groups when a day is large.
fn split(order: &[u32], times: &Int64Array, rows_max: usize) -> Vec<Range<usize>> {
    let day = |at: usize| times.value(order[at] as usize).div_euclid(TICKS_PER_DAY);
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    for at in 1..=order.len() {
        let ends = at == order.len() || (day(at) != day(at - 1) && at - start >= DAY_ROWS_MIN);
        if ends {
            ranges.push(start..at);
            start = at;
        }
    }
    if let [.., before, last] = ranges.as_mut_slice()
        && last.len() < DAY_ROWS_MIN
        && before.len() < DAY_ROWS_MIN * 2
    {
        before.end = last.end;
        ranges.pop();
    }
    let whole_groups = (rows_max / ROW_GROUP_ROWS).max(1) * ROW_GROUP_ROWS;
    ranges
        .into_iter()
        .flat_map(|range| pieces(range, whole_groups.min(crate::segment::ROWS_MAX)))
        .collect()
}

fn pieces(range: Range<usize>, most: usize) -> Vec<Range<usize>> {
    let (mut pieces, mut start) = (Vec::new(), range.start);
    while start < range.end {
        let end = range.end.min(start + most);
        pieces.push(start..end);
        start = end;
    }
    pieces
}

fn day_name(ticks: i64) -> String {
    let civil = DateTime::from_ticks(ticks.clamp(0, DateTime::MAX.ticks())).civil();
    format!("{:04}-{:02}-{:02}", civil.year, civil.month, civil.day)
}

fn all_columns(parts: &[&dyn Part]) -> Result<Vec<Column>, Error> {
    let mut all: Vec<Column> = Vec::new();
    for part in parts {
        for column in part.columns()? {
            // A column dropped and made again with another type: the older values no longer show.
            match all.iter_mut().find(|c| c.name == column.name) {
                Some(known) => known.ty = column.ty,
                None => all.push(column),
            }
        }
    }
    Ok(all)
}

/// Adds one column of all parts to every target.
fn add_column(
    parts: &[&dyn Part],
    table: &Table,
    column: &Column,
    targets: &mut [Target],
) -> Result<(), Error> {
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(parts.len());
    for part in parts {
        arrays.push(match part.column(column)? {
            Some(array) => array,
            None => absent(*part, table, column)?,
        });
    }
    if column.ty == ScalarType::String {
        let texts = Texts::collect(&arrays).ok_or_else(wrong_form)?;
        drop(arrays);
        for target in targets {
            let taken = texts.take(&target.order).ok_or_else(wrong_form)?;
            add(target, column, &taken)?;
        }
        return Ok(());
    }
    let all = gather::concat(column.ty, &arrays).ok_or_else(wrong_form)?;
    drop(arrays);
    for target in targets {
        let taken = gather::take(&all, &target.order).ok_or_else(wrong_form)?;
        add(target, column, &taken)?;
    }
    Ok(())
}

/// What a part without the column shows in it.
fn absent(part: &dyn Part, table: &Table, column: &Column) -> Result<ArrayRef, Error> {
    if &*column.name == TIME_GENERATED && column.ty == ScalarType::DateTime {
        return Ok(Arc::new(part.ingestion()?));
    }
    let made = table.synthetic.column(&column.name, column.ty, part.rows(), || part.items())?;
    Ok(made.unwrap_or_else(|| columns::nulls(column.ty, part.rows())))
}

fn add(target: &mut Target, column: &Column, array: &ArrayRef) -> Result<(), Error> {
    let blank = match column.ty {
        ScalarType::String => (0..array.len()).all(|row| model::rows::text(array, row).is_empty()),
        _ => array.null_count() == array.len(),
    };
    if blank { Ok(()) } else { target.builder.add(column, array) }
}

fn add_numbers(column: &Column, numbers: &Int64Array, targets: &mut [Target]) -> Result<(), Error> {
    for target in targets {
        let rows = target.order.values().iter();
        let taken = Int64Array::from_iter_values(rows.map(|row| numbers.value(*row as usize)));
        let array: ArrayRef = Arc::new(taken);
        target.builder.add(column, &array)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_end_at_midnight_unless_days_are_small() {
        let many = DAY_ROWS_MIN;
        let cases: [(&[usize], usize, &[usize]); 6] = [
            (&[many, many, many], 1 << 20, &[many, many, many]),
            (&[10, 10, 10], 1 << 20, &[30]),
            (&[many, 10, many], 1 << 20, &[many, many + 10]),
            (&[many, 10], 1 << 20, &[many + 10]),
            (&[many * 3, 10], 1 << 20, &[many * 3, 10]),
            (&[ROW_GROUP_ROWS * 2 + 5], 1, &[ROW_GROUP_ROWS, ROW_GROUP_ROWS, 5]),
        ];
        for (days, rows_max, want) in cases {
            let ticks = days
                .iter()
                .enumerate()
                .flat_map(|(day, rows)| std::iter::repeat_n(day as i64 * TICKS_PER_DAY + 5, *rows));
            let times = Int64Array::from_iter_values(ticks);
            let order: Vec<u32> = (0..times.len() as u32).collect();
            let got: Vec<usize> =
                split(&order, &times, rows_max).into_iter().map(|r| r.len()).collect();
            assert_eq!(got, want, "{days:?}");
        }
        assert!(split(&[], &Int64Array::from(Vec::<i64>::new()), 10).is_empty());
    }

    #[test]
    fn rows_of_one_time_keep_their_order_and_expired_ones_go() {
        let times = Int64Array::from(vec![5, 1, 5, 1, 3]);
        let ingestion = Int64Array::from(vec![10, 10, 10, 9, 10]);
        assert_eq!(sorted(&times, &ingestion, 10), [1, 4, 0, 2]);
        assert_eq!(sorted(&times, &ingestion, 0), [1, 3, 4, 0, 2]);
    }
}
