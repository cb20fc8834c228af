//! Reading a segment: row groups of chosen columns, checked and in the form of `model::rows`.

mod chunks;
mod group;
mod pages;

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::{Field, Schema as ArrowSchema, SchemaRef};
use engine::source::{Comparison, PartStep};
use model::{Column, ScalarType, Value};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader,
};
use parquet::file::statistics::Statistics;

use super::checksums::{CheckedFile, Checksums, sum_file};
use super::index::{self, Index, Indexed};
use super::physical::{self, Described};
use super::terms::Collector;
use super::{Segment, dynamic, prune};
use crate::disk::Disk;
use crate::error::Error;
use crate::gather;
use crate::memory::Span;
use crate::parquet_file::caught;
use chunks::Chunks;
pub(crate) use group::GroupReader;
pub(crate) use pages::Keeper;
use pages::Pages;

/// An opened segment.
pub(crate) struct Reader {
    rows: Rows,
}

/// The opened Parquet file.
struct Rows {
    path: PathBuf,
    file: Arc<CheckedFile>,
    metadata: Arc<ParquetMetaData>,
    columns: Vec<Stored>,
}

/// A column of the file.
#[derive(Clone, Debug)]
struct Stored {
    column: Column,
    described: Described,
    /// Its leaves in the Parquet schema.
    leaves: std::ops::Range<usize>,
}

impl Reader {
    /// Opens the rows of a segment, whose index this is.
    pub(super) fn open(segment: &Segment, index: &Index) -> Result<Self, Error> {
        Ok(Self { rows: Rows::open(segment, index.sums.clone())? })
    }

    /// Number of row groups.
    pub(crate) fn groups(&self) -> usize {
        self.rows.metadata.num_row_groups()
    }

    /// Rows of a row group.
    pub(crate) fn group_rows(&self, group: usize) -> usize {
        let groups = self.rows.metadata.row_groups();
        groups.get(group).map_or(0, |g| usize::try_from(g.num_rows()).unwrap_or(0))
    }

    /// The place of a column among those stored; none when it has no value in any row (or another type).
    pub(crate) fn position(&self, column: &Column) -> Option<usize> {
        self.rows.columns.iter().position(|s| s.column == *column && s.described.part.is_none())
    }

    /// The place and the type of a part of a dynamic column, where it is stored apart.
    pub(crate) fn part(&self, column: &Column, path: &[PartStep]) -> Option<(usize, ScalarType)> {
        let mut stored = self.rows.columns.iter().enumerate();
        let (place, stored) =
            stored.find(|(_, s)| s.described.part.as_ref().is_some_and(|o| o.is(column, path)))?;
        Some((place, stored.column.ty))
    }

    /// All stored columns, parts of others apart.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &Column> {
        self.rows.columns.iter().filter(|s| s.described.part.is_none()).map(|s| &s.column)
    }

    /// False when the statistics of a row group exclude that the stored column compares so.
    pub(super) fn may_hold(
        &self,
        group: usize,
        column: usize,
        op: Comparison,
        value: &Value,
    ) -> bool {
        let Some(stored) = self.rows.columns.get(column) else { return true };
        let form = stored.described.form;
        prune::may_hold(
            self.rows.statistics(group, stored),
            |v| physical::stored_ticks(form, v),
            op,
            value,
        )
    }

    /// Lowest and highest tick of a stored datetime column in a row group, where known.
    pub(crate) fn span(&self, group: usize, column: usize) -> Option<Span> {
        let stored = self.rows.columns.get(column)?;
        let Some(Statistics::Int64(s)) = self.rows.statistics(group, stored) else { return None };
        let ticks = |v: Option<&i64>| v.map(|v| physical::stored_ticks(stored.described.form, *v));
        Some(Span { min: ticks(s.min_opt())?, max: ticks(s.max_opt())? })
    }

    /// True when a few rows of the stored column cost about as much as all: most of it is a dictionary that has to be
    /// unpacked for either. With the bytes that it takes unpacked.
    pub(crate) fn mostly_dictionary(&self, group: usize, column: usize) -> Option<usize> {
        let stored = self.rows.columns.get(column)?;
        let chunk = self.rows.chunks(group, column)?.first()?;
        let dictionary = chunk.data_page_offset().checked_sub(chunk.dictionary_page_offset()?)?;
        let most =
            stored.leaves.len() == 1 && dictionary.saturating_mul(2) > chunk.compressed_size();
        most.then(|| usize::try_from(chunk.uncompressed_size()).unwrap_or(usize::MAX))
    }

    /// Bytes that a stored column of a row group takes unpacked, roughly.
    pub(crate) fn unpacked_bytes(&self, group: usize, column: usize) -> usize {
        let chunks = self.rows.chunks(group, column).unwrap_or_default();
        let bytes = chunks.iter().map(|chunk| chunk.uncompressed_size()).sum::<i64>();
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// Starts reading the columns at these places (each once) of one row group.
    pub(crate) fn read(
        &self,
        group: usize,
        columns: &[usize],
        selection: Option<RowSelection>,
        batch_rows: usize,
        keeper: &Keeper,
    ) -> Result<GroupReader, Error> {
        match selection {
            Some(selection) if selection.row_count() * 4 < self.rows.rows_of(group) => {
                self.rows.read_few(group, columns, selection, batch_rows, keeper)
            }
            selection => self.rows.read(group, columns, selection, batch_rows),
        }
    }

    /// All rows of one column; none when it is not stored.
    pub(crate) fn whole(&self, column: &Column) -> Result<Option<ArrayRef>, Error> {
        self.position(column).map(|at| self.rows.whole(at)).transpose()
    }
}

impl Rows {
    fn open(segment: &Segment, sums: Checksums) -> Result<Self, Error> {
        let path = segment.rows_path();
        let file = Arc::new(CheckedFile::open(&**segment.disk(), &path, sums)?);
        let damaged = |e: ParquetError| from_parquet(e, &path);
        let metadata = ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Skip)
            .with_offset_index_policy(PageIndexPolicy::Optional);
        let metadata = caught(|| metadata.parse_and_finish(&*file))
            .map_err(|e| Error::damaged(&path, e))?
            .map_err(damaged)?;
        let columns = stored(&metadata)
            .ok_or_else(|| Error::damaged(&path, "its columns are not described"))?;
        Ok(Self { path, file, metadata: Arc::new(metadata), columns })
    }

    /// The Arrow type in which each column of the row group is read: texts as dictionaries where the pages have one.
    fn schema(&self, group: usize) -> SchemaRef {
        let chunks = self.metadata.row_groups().get(group);
        let coded = |leaf: usize| {
            let chunk = chunks.and_then(|g| g.columns().get(leaf));
            chunk.is_some_and(|c| c.dictionary_page_offset().is_some())
        };
        let root = self.metadata.file_metadata().schema();
        let fields = self.columns.iter().zip(root.get_fields()).map(|(stored, field)| {
            let leaf = stored.leaves.start;
            let ty = match stored.column.ty {
                ScalarType::Dynamic => dynamic::read_type([coded(leaf), coded(leaf + 1)]),
                ty => physical::read_type(ty, stored.described.form, coded(leaf)),
            };
            Field::new(field.name(), ty, field.is_optional())
        });
        Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()))
    }

    fn read(
        &self,
        group: usize,
        columns: &[usize],
        selection: Option<RowSelection>,
        batch_rows: usize,
    ) -> Result<GroupReader, Error> {
        let damaged = |e: ParquetError| from_parquet(e, &self.path);
        let options = ArrowReaderOptions::new()
            .with_skip_arrow_metadata(true)
            .with_schema(self.schema(group));
        let metadata =
            ArrowReaderMetadata::try_new(Arc::clone(&self.metadata), options).map_err(damaged)?;
        let chunks = Chunks::ahead(&self.file, self.ranges(group, columns))?;
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, metadata)
            .with_projection(self.mask(columns))
            .with_row_groups(vec![group])
            .with_batch_size(batch_rows);
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        self.group_reader(|| builder.build(), columns)
    }

    /// As [`Rows::read`], of few rows: page by page.
    fn read_few(
        &self,
        group: usize,
        columns: &[usize],
        selection: RowSelection,
        batch_rows: usize,
        keeper: &Keeper,
    ) -> Result<GroupReader, Error> {
        let damaged = |e: ParquetError| from_parquet(e, &self.path);
        let pages = Pages {
            chunks: Arc::new(Chunks::on_demand(&self.file)),
            metadata: Arc::clone(&self.metadata),
            group,
            keeper: keeper.clone(),
        };
        let levels = parquet_to_arrow_field_levels(
            self.metadata.file_metadata().schema_descr(),
            self.mask(columns),
            Some(self.schema(group).fields()),
        );
        let (levels, selection) = (levels.map_err(damaged)?, Some(selection));
        let open = || {
            ParquetRecordBatchReader::try_new_with_row_groups(
                &levels, &pages, batch_rows, selection,
            )
        };
        self.group_reader(open, columns)
    }

    fn mask(&self, columns: &[usize]) -> ProjectionMask {
        let schema = self.metadata.file_metadata().schema_descr();
        ProjectionMask::roots(schema, columns.iter().copied())
    }

    fn group_reader(
        &self,
        open: impl FnOnce() -> parquet::errors::Result<ParquetRecordBatchReader>,
        columns: &[usize],
    ) -> Result<GroupReader, Error> {
        let reader = caught(open)
            .map_err(|e| Error::damaged(&self.path, e))?
            .map_err(|e| from_parquet(e, &self.path))?;
        // The reader gives the columns in the file's order; `order` finds each wanted one among them.
        let mut sorted: Vec<usize> = columns.to_vec();
        sorted.sort_unstable();
        let wanted = columns.iter().map(|at| {
            let stored = self.columns.get(*at)?;
            let place = sorted.iter().position(|s| s == at)?;
            Some((place, stored.column.ty, stored.described.form))
        });
        let wanted = wanted.collect::<Option<Vec<_>>>();
        let wanted = wanted.ok_or_else(|| Error::damaged(&self.path, "a column is missing"))?;
        Ok(GroupReader::new(reader, wanted, self.path.clone()))
    }

    fn rows_of(&self, group: usize) -> usize {
        let groups = self.metadata.row_groups();
        groups.get(group).map_or(0, |g| usize::try_from(g.num_rows()).unwrap_or(0))
    }

    /// A column's chunks of a row group, one a leaf.
    fn chunks(&self, group: usize, column: usize) -> Option<&[ColumnChunkMetaData]> {
        let leaves = self.columns.get(column)?.leaves.clone();
        self.metadata.row_groups().get(group)?.columns().get(leaves)
    }

    fn statistics(&self, group: usize, stored: &Stored) -> Option<&Statistics> {
        self.metadata.row_groups().get(group)?.columns().get(stored.leaves.start)?.statistics()
    }

    /// Where the chunks of these columns lie.
    fn ranges(&self, group: usize, columns: &[usize]) -> Vec<(u64, u64)> {
        let Some(group) = self.metadata.row_groups().get(group) else { return Vec::new() };
        let stored = columns.iter().filter_map(|at| self.columns.get(*at));
        stored
            .flat_map(|s| s.leaves.clone())
            .filter_map(|leaf| group.columns().get(leaf))
            .map(|chunk| chunk.byte_range())
            .collect()
    }

    fn whole(&self, column: usize) -> Result<ArrayRef, Error> {
        let mut parts = Vec::new();
        for group in 0..self.metadata.num_row_groups() {
            let mut reader = self.read(group, &[column], None, self.rows_of(group).max(1))?;
            while let Some(mut arrays) = reader.next()? {
                parts.extend(arrays.pop());
            }
        }
        if let [_] = parts[..]
            && let Some(only) = parts.pop()
        {
            return Ok(only);
        }
        let ty = self.columns.get(column).map(|s| s.column.ty);
        ty.and_then(|ty| gather::join(ty, &parts))
            .ok_or_else(|| Error::damaged(&self.path, "a column has the wrong form"))
    }
}

/// The columns that the metadata describes, with their leaves; none when it does not fit the schema.
fn stored(metadata: &ParquetMetaData) -> Option<Vec<Stored>> {
    let file = metadata.file_metadata();
    let described = file.key_value_metadata()?.iter().find(|kv| kv.key == "vedette.columns")?;
    let described: Vec<Described> = serde_json::from_str(described.value.as_deref()?).ok()?;
    let fields = file.schema().get_fields();
    if fields.len() != described.len() {
        return None;
    }
    let mut leaf = 0;
    let mut columns = Vec::with_capacity(described.len());
    for (field, described) in fields.iter().zip(described) {
        let leaves = if field.is_group() { field.get_fields().len() } else { 1 };
        let column = described.column().filter(|c| &*c.name == field.name())?;
        let dynamic = column.ty == ScalarType::Dynamic;
        if leaves != if dynamic { 2 } else { 1 } || dynamic != field.is_group() {
            return None;
        }
        columns.push(Stored { column, described, leaves: leaf..leaf + leaves });
        leaf += leaves;
    }
    Some(columns)
}

/// Opens the index of a segment, or makes it again.
pub(super) fn open_index(segment: &Segment) -> Result<Index, Error> {
    match Index::open(&**segment.disk(), &segment.index_path()) {
        Ok(index) if index.sums.length == segment.facts.bytes => Ok(index),
        Err(error @ Error::Newer { .. }) => Err(error),
        Err(Error::Disk { what, source }) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::Disk { what, source })
        }
        Ok(_) | Err(_) => rebuild_index(segment),
    }
}

/// Makes the index again from the Parquet file, which must be whole.
fn rebuild_index(segment: &Segment) -> Result<Index, Error> {
    let (disk, path) = (segment.disk(), segment.rows_path());
    let (sums, crc) = sum_file(&**disk, &path)?;
    if sums.length != segment.facts.bytes || crc != segment.facts.crc {
        return Err(Error::damaged(&path, "it fails its checksum"));
    }
    let index_path = segment.index_path();
    tracing::warn!(file = %index_path.display(), "the index is missing or damaged and is made again");
    let rows = Rows::open(segment, sums.clone())?;
    let count = usize::try_from(segment.facts.rows).unwrap_or(0);
    let mut indexed = Indexed { rows: count, columns: Vec::new(), terms: Collector::new(count) };
    for (at, stored) in rows.columns.iter().enumerate() {
        let place = indexed.columns.len();
        match stored.column.ty {
            _ if stored.described.part.is_some() => continue,
            ScalarType::String => indexed.terms.add_texts(place, &rows.whole(at)?),
            ScalarType::Dynamic => {
                let array = rows.whole(at)?;
                if let Some(views) = arrow_array::cast::AsArray::as_binary_view_opt(&array) {
                    indexed.terms.add_dynamics(place, views);
                }
            }
            _ => continue,
        }
        indexed.columns.push(stored.column.name.to_string());
    }
    replace_index(&**disk, segment, &sums, indexed)?;
    Index::open(&**disk, &index_path)
}

fn replace_index(
    disk: &dyn Disk,
    segment: &Segment,
    sums: &Checksums,
    indexed: Indexed,
) -> Result<(), Error> {
    let path = segment.index_path();
    let temp = path.with_extension("index.tmp");
    let failed = |e| Error::disk("write", &path, e);
    disk.remove(&temp).map_err(failed)?;
    index::write(disk, &temp, sums, indexed)?;
    disk.rename(&temp, &path).map_err(failed)?;
    path.parent().map_or(Ok(()), |folder| disk.sync_folder(folder)).map_err(failed)
}

/// What the Parquet reader reported, as our own error.
fn from_parquet(error: ParquetError, path: &std::path::Path) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<Error>() {
            Ok(own) => *own,
            Err(other) => Error::damaged(path, other),
        },
        other => Error::damaged(path, other),
    }
}
