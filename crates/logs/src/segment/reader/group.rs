//! One row group under reading.

use std::path::PathBuf;

use arrow_array::ArrayRef;
use model::ScalarType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use crate::error::Error;
use crate::parquet_file::caught;
use crate::segment::dynamic;
use crate::segment::physical::{self, Form};

/// Gives the rows of a row group in batches.
pub(crate) struct GroupReader {
    reader: ParquetRecordBatchReader,
    /// Per wanted column: its place in what the reader gives, its type and form.
    wanted: Vec<(usize, ScalarType, Form)>,
    path: PathBuf,
}

impl GroupReader {
    pub(super) fn new(
        reader: ParquetRecordBatchReader,
        wanted: Vec<(usize, ScalarType, Form)>,
        path: PathBuf,
    ) -> Self {
        Self { reader, wanted, path }
    }

    /// The next rows, columns in the order asked for; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<ArrayRef>>, Error> {
        let next = caught(|| self.reader.next()).map_err(|e| Error::damaged(&self.path, e))?;
        let Some(batch) = next else { return Ok(None) };
        // What a checksum already told is in the text; all else means that the file is not what was written.
        let batch = batch.map_err(|error| Error::damaged(&self.path, error))?;
        let column = |(place, ty, form): &(usize, ScalarType, Form)| {
            let array = batch.columns().get(*place)?;
            match ty {
                ScalarType::Dynamic => dynamic::unlay(array),
                _ => Some(physical::unlay(array.clone(), *form)),
            }
        };
        let columns: Option<Vec<ArrayRef>> = self.wanted.iter().map(column).collect();
        let columns =
            columns.ok_or_else(|| Error::damaged(&self.path, "a column has the wrong form"))?;
        Ok(Some(columns))
    }
}
