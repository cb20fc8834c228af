//! Batches on disk, for what does not fit into memory. The files have no name: they vanish with the process.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, ErrorKind, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use model::Batch;
use values::ScalarType;

use super::run::Run;
use super::{ExecError, columns};
use crate::source::Counters;

static SERIAL: AtomicU64 = AtomicU64::new(0);

fn failed(what: &str, error: impl std::fmt::Display) -> ExecError {
    ExecError::ResourceLimit(format!(
        "the query needs more memory than allowed, and {what} the spill file failed: {error}; \
         narrow the query or free disk space"
    ))
}

/// A file open for reading and writing that has no name any more.
fn nameless(run: &Run) -> Result<File, ExecError> {
    let folder = run.settings.spill.clone().unwrap_or_else(std::env::temp_dir);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("query-{}-{serial}.spill", std::process::id()));
    let create = || OpenOptions::new().read(true).write(true).create_new(true).open(&path);
    let file = create().or_else(|error| match error.kind() {
        ErrorKind::NotFound => std::fs::create_dir_all(&folder).and_then(|()| create()),
        _ => Err(error),
    });
    let file = file.map_err(|e| failed("creating", e))?;
    std::fs::remove_file(&path).map_err(|e| failed("unlinking", e))?;
    Ok(file)
}

/// Batches being written.
pub(crate) struct SpillWriter {
    writer: StreamWriter<BufWriter<File>>,
    schema: SchemaRef,
    rows: usize,
}

impl SpillWriter {
    /// For columns of these types.
    pub(crate) fn new(types: &[ScalarType], run: &Run) -> Result<Self, ExecError> {
        let fields: Vec<Field> = types
            .iter()
            .enumerate()
            .map(|(at, ty)| Field::new(at.to_string(), columns::data_type(*ty), true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let file = BufWriter::with_capacity(1 << 18, nameless(run)?);
        let writer = StreamWriter::try_new(file, &schema).map_err(|e| failed("starting", e))?;
        Ok(Self { writer, schema, rows: 0 })
    }

    /// Adds a batch; it has at least one column.
    pub(crate) fn write(&mut self, batch: &Batch, run: &Run) -> Result<(), ExecError> {
        let plain = batch.columns.iter().map(columns::plain).collect::<Result<Vec<_>, _>>()?;
        let batch = columns::compact(Batch { columns: plain, rows: batch.rows })?;
        Counters::add(&run.settings.counters.spilled, columns::weight(&batch) as u64);
        self.rows += batch.rows;
        let record = RecordBatch::try_new(Arc::clone(&self.schema), batch.columns)
            .map_err(columns::internal)?;
        self.writer.write(&record).map_err(|e| failed("writing", e))
    }

    /// Done writing: back to the start.
    pub(crate) fn finish(self) -> Result<SpillReader, ExecError> {
        let mut file = self
            .writer
            .into_inner()
            .map_err(|e| failed("finishing", e))?
            .into_inner()
            .map_err(|e| failed("finishing", e))?;
        file.seek(SeekFrom::Start(0)).map_err(|e| failed("reading", e))?;
        let reader = StreamReader::try_new(BufReader::with_capacity(1 << 18, file), None)
            .map_err(|e| failed("reading", e))?;
        Ok(SpillReader { reader, rows: self.rows })
    }
}

/// Batches read back, in order.
pub(crate) struct SpillReader {
    reader: StreamReader<BufReader<File>>,
    rows: usize,
}

impl SpillReader {
    /// Rows in the whole file.
    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    /// The next batch.
    pub(crate) fn next(&mut self) -> Result<Option<Batch>, ExecError> {
        let record: Option<Result<RecordBatch, ArrowError>> = self.reader.next();
        match record {
            None => Ok(None),
            Some(Err(error)) => Err(failed("reading", error)),
            Some(Ok(record)) => {
                Ok(Some(Batch { rows: record.num_rows(), columns: record.columns().to_vec() }))
            }
        }
    }
}
