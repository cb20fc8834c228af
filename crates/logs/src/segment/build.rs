//! Building a segment: column after column, so that no more than one column of it is held unpacked.

use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_schema::Schema as ArrowSchema;
use base64::Engine;
use model::{Column, ScalarType};
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, Type, TypePtr};

use super::checksums::SummingWriter;
use super::index::{self, Indexed};
use super::parts::{self, Origin, Split};
use super::physical::{self, Described, Laid};
use super::terms::Collector;
use super::{FORMAT, Facts, ROW_GROUP_ROWS, dynamic};
use crate::columns::{self, TIME_GENERATED};
use crate::disk::Disk;
use crate::error::Error;
use crate::gather;
use crate::memory::Span;

/// Largest dictionary page; columns whose dictionary does not pay have none.
const DICTIONARY_BYTES_MAX: usize = 64 << 20;
/// Rows of a page: sixteen blocks.
const PAGE_ROWS: usize = 16 * super::BLOCK_ROWS;

/// A segment under construction.
pub(crate) struct Builder {
    rows: usize,
    types: Vec<TypePtr>,
    described: Vec<Described>,
    /// Finished chunks: per column its leaves, per leaf its row groups.
    chunks: Vec<Vec<ArrowColumnChunk>>,
    /// Parts of dynamic columns, to be stored behind all columns.
    parts: Vec<Split>,
    indexed: Vec<String>,
    terms: Collector,
    /// Bytes of the largest column so far.
    column_bytes_max: u64,
    /// Bytes of the parts.
    parts_bytes: u64,
}

/// Where a segment goes and whose rows it holds.
pub(crate) struct Label<'a> {
    /// Workspace of the table.
    pub workspace: &'a str,
    /// The table.
    pub table: &'a str,
    /// The table's folder.
    pub folder: &'a Path,
    /// Path below it, without ending.
    pub path: String,
    /// Of the rows' times.
    pub times: Span,
    /// Of their receipt.
    pub ingested: Span,
    /// Identities of the appends that the rows came with.
    pub batches: &'a [u128],
}

impl Builder {
    /// For a segment of so many rows.
    pub(crate) fn new(rows: usize) -> Self {
        Self {
            rows,
            types: Vec::new(),
            described: Vec::new(),
            chunks: Vec::new(),
            parts: Vec::new(),
            indexed: Vec::new(),
            terms: Collector::new(rows),
            column_bytes_max: 0,
            parts_bytes: 0,
        }
    }

    /// Adds a column: all rows of the segment, sorted by time.
    pub(crate) fn add(&mut self, column: &Column, array: &ArrayRef) -> Result<(), Error> {
        self.try_add(column, array).map_err(|e| invalid(&e))
    }

    fn try_add(&mut self, column: &Column, array: &ArrayRef) -> ParquetResult<()> {
        self.column_bytes_max = self.column_bytes_max.max(columns::unpacked_bytes(array));
        let place = self.indexed.len();
        let laid = match column.ty {
            ScalarType::Dynamic => {
                let views = array.as_binary_view_opt().ok_or_else(|| wrong_form(column))?;
                let coded = gather::code(views);
                match &coded {
                    Some((values, keys)) => self.terms.add_coded_dynamics(place, values, keys),
                    None => self.terms.add_dynamics(place, views),
                }
                self.indexed.push(column.name.to_string());
                for part in parts::split(column, views, &coded) {
                    self.parts_bytes += columns::unpacked_bytes(&part.array);
                    self.parts.push(part);
                }
                dynamic::lay(column, views, &coded)?
            }
            ScalarType::String => {
                self.terms.add_texts(place, array);
                self.indexed.push(column.name.to_string());
                physical::lay(column, array)?
            }
            _ => physical::lay(column, array)?,
        };
        self.store(column, laid, None)
    }

    /// Stores the parts that no column has the name of.
    fn add_parts(&mut self) -> ParquetResult<()> {
        for Split { origin, column, array } in std::mem::take(&mut self.parts) {
            if self.described.iter().all(|d| *d.name != *column.name) {
                let laid = physical::lay(&column, &array)?;
                self.store(&column, laid, Some(origin))?;
            }
        }
        Ok(())
    }

    fn store(&mut self, column: &Column, laid: Laid, part: Option<Origin>) -> ParquetResult<()> {
        let groups = self.rows.div_ceil(ROW_GROUP_ROWS);
        let mut leaves: Vec<Vec<ArrowColumnChunk>> =
            laid.leaves.iter().map(|_| Vec::new()).collect();
        for group in 0..groups {
            let start = group * ROW_GROUP_ROWS;
            let part = laid.array.slice(start, ROW_GROUP_ROWS.min(self.rows - start));
            for (leaf, chunk) in leaves.iter_mut().zip(encode(&laid, &part)?) {
                leaf.push(chunk);
            }
        }
        self.chunks.extend(leaves);
        self.described.push(Described {
            name: column.name.to_string(),
            ty: column.ty.name().to_owned(),
            form: laid.form,
            part,
        });
        self.types.push(laid.parquet);
        Ok(())
    }

    /// Writes both files durably under their final names; the catalogue decides whether they count.
    pub(crate) fn write(mut self, disk: &dyn Disk, label: &Label<'_>) -> Result<Facts, Error> {
        self.add_parts().map_err(|e| invalid(&e))?;
        let rows_path = label.folder.join(format!("{}.parquet", label.path));
        let index_path = label.folder.join(format!("{}.index", label.path));
        let day = rows_path.parent().unwrap_or(label.folder);
        disk.create_folder(day).map_err(|e| Error::disk("create", day, e))?;
        let (rows_temp, index_temp) =
            (rows_path.with_extension("parquet.tmp"), index_path.with_extension("index.tmp"));
        let written = self.write_files(disk, label, &rows_temp, &index_temp).and_then(|facts| {
            for (from, to) in [(&rows_temp, &rows_path), (&index_temp, &index_path)] {
                disk.rename(from, to).map_err(|e| Error::disk("rename", from, e))?;
            }
            disk.sync_folder(day).map_err(|e| Error::disk("sync", day, e))?;
            Ok(facts)
        });
        if written.is_err() {
            for path in [&rows_temp, &index_temp, &rows_path, &index_path] {
                let _ = disk.remove(path); // what stays is removed at the next start
            }
        }
        written
    }

    fn write_files(
        self,
        disk: &dyn Disk,
        label: &Label<'_>,
        rows_path: &Path,
        index_path: &Path,
    ) -> Result<Facts, Error> {
        let failed = |e| Error::disk("write", rows_path, e);
        let rows = self.rows;
        let metadata = self.metadata(label);
        // a column as it was read and as it is laid out; numbers, times and order of the rows
        let held = 2 * self.column_bytes_max + self.parts_bytes + 32 * rows as u64;
        let making_bytes = held + self.terms.bytes();
        let file = disk.create(rows_path).map_err(failed)?;
        let mut summing = SummingWriter::new(file);
        write_rows(&mut summing, rows, self.types, self.described, self.chunks, metadata)
            .map_err(|e| disk_error(e, rows_path))?;
        let (sums, crc) = summing.finish().map_err(failed)?;
        let indexed = Indexed { rows, columns: self.indexed, terms: self.terms };
        let index_bytes = index::write(disk, index_path, &sums, indexed)?;
        Ok(Facts {
            format: FORMAT,
            path: label.path.clone(),
            rows: rows as u64,
            bytes: sums.length,
            crc,
            index_bytes,
            time_min: label.times.min,
            time_max: label.times.max,
            ingested_min: label.ingested.min,
            ingested_max: label.ingested.max,
            making_bytes: making_bytes + sums.length,
        })
    }

    fn metadata(&self, label: &Label<'_>) -> Vec<KeyValue> {
        let span = |s: Span| format!("{},{}", s.min, s.max);
        let base64 = base64::engine::general_purpose::STANDARD_NO_PAD;
        let ids: Vec<u8> = label.batches.iter().flat_map(|id| id.to_be_bytes()).collect();
        let columns = serde_json::to_string(&self.described).unwrap_or_default();
        [
            ("vedette.format", FORMAT.to_string()),
            ("vedette.workspace", label.workspace.to_owned()),
            ("vedette.table", label.table.to_owned()),
            ("vedette.columns", columns),
            ("vedette.time", span(label.times)),
            ("vedette.ingested", span(label.ingested)),
            ("vedette.batches", base64.encode(ids)),
        ]
        .into_iter()
        .map(|(key, value)| KeyValue::new(key.to_owned(), value))
        .collect()
    }
}

/// One row group of one column: a chunk per leaf.
fn encode(laid: &Laid, part: &ArrayRef) -> ParquetResult<Vec<ArrowColumnChunk>> {
    let mut builder = properties();
    for leaf in &laid.leaves {
        let path = || ColumnPath::new(leaf.path.clone());
        builder = builder
            .set_column_dictionary_enabled(path(), leaf.dictionary)
            .set_column_encoding(path(), leaf.encoding);
    }
    let root = Type::group_type_builder("schema").with_fields(vec![Arc::clone(&laid.parquet)]);
    let writer =
        SerializedFileWriter::new(io::sink(), Arc::new(root.build()?), Arc::new(builder.build()))?;
    let schema = Arc::new(ArrowSchema::new(vec![laid.field.clone()]));
    let factory = ArrowRowGroupWriterFactory::new(&writer, schema);
    let writers = factory.create_column_writers(0)?;
    let leaves = compute_leaves(&laid.field, part)?;
    let mut chunks = Vec::with_capacity(leaves.len());
    for (mut writer, leaf) in writers.into_iter().zip(leaves) {
        writer.write(&leaf)?;
        chunks.push(writer.close()?);
    }
    Ok(chunks)
}

fn properties() -> parquet::file::properties::WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by("vedette".to_owned())
}

fn write_rows(
    out: &mut SummingWriter,
    rows: usize,
    types: Vec<TypePtr>,
    described: Vec<Described>,
    chunks: Vec<Vec<ArrowColumnChunk>>,
    metadata: Vec<KeyValue>,
) -> ParquetResult<()> {
    let sorted_by = described.iter().position(|d| d.name == TIME_GENERATED && d.ty == "datetime");
    let sorting = sorted_by.and_then(|at| leaf_of(&types, at)).map(|column_idx| {
        vec![SortingColumn { column_idx, descending: false, nulls_first: false }]
    });
    let properties =
        properties().set_key_value_metadata(Some(metadata)).set_sorting_columns(sorting).build();
    let root = Type::group_type_builder("schema").with_fields(types).build()?;
    let mut writer = SerializedFileWriter::new(out, Arc::new(root), Arc::new(properties))?;
    let mut chunks: Vec<_> = chunks.into_iter().map(Vec::into_iter).collect();
    for _ in 0..rows.div_ceil(ROW_GROUP_ROWS) {
        let mut group = writer.next_row_group()?;
        for leaf in &mut chunks {
            if let Some(chunk) = leaf.next() {
                chunk.append_to_row_group(&mut group)?;
            }
        }
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

/// The place among the leaves of the column at `at`, if it is a single leaf.
fn leaf_of(types: &[TypePtr], at: usize) -> Option<i32> {
    let leaves = |t: &TypePtr| if t.is_group() { t.get_fields().len() } else { 1 };
    i32::try_from(types.get(..at)?.iter().map(leaves).sum::<usize>()).ok()
}

fn wrong_form(column: &Column) -> ParquetError {
    ParquetError::General(format!("column '{}' has not the form of its type", column.name))
}

fn invalid(error: &ParquetError) -> Error {
    Error::Invalid(format!("rows cannot be laid out: {error}"))
}

/// What the disk said, if it was the disk.
fn disk_error(error: ParquetError, path: &Path) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => Error::disk("write", path, *source),
            Err(other) => Error::Invalid(format!("rows cannot be laid out: {other}")),
        },
        other => invalid(&other),
    }
}
