//! Rows on disk in partitions by key, so that each can be worked on alone.

use arrow_array::{ArrayRef, UInt32Array};
use model::Batch;
use parking_lot::Mutex;
use values::ScalarType;

use super::groups::hash_rows;
use super::operator::Operator;
use super::run::Run;
use super::spill::{SpillReader, SpillWriter};
use super::{ExecError, columns};

/// Partitions of one pass.
const PARTITIONS: usize = 16;
/// Passes before it is given up: then one key alone has too many rows.
pub(crate) const DEPTH_MAX: usize = 4;

/// Partitions being written.
pub(crate) struct Partitions {
    key_types: Vec<ScalarType>,
    seed: u64,
    writers: Vec<SpillWriter>,
}

impl Partitions {
    /// For rows of these types, by keys of those. Each depth divides in its own way.
    pub(crate) fn new(
        types: &[ScalarType],
        key_types: &[ScalarType],
        depth: usize,
        run: &Run,
    ) -> Result<Self, ExecError> {
        // a file has at least one column
        let types = if types.is_empty() { &[ScalarType::Bool][..] } else { types };
        let writers =
            (0..PARTITIONS).map(|_| SpillWriter::new(types, run)).collect::<Result<_, _>>()?;
        Ok(Self { key_types: key_types.to_vec(), seed: depth as u64 + 1, writers })
    }

    /// Adds rows with their keys.
    pub(crate) fn write(
        &mut self,
        batch: &Batch,
        keys: &[ArrayRef],
        run: &Run,
    ) -> Result<(), ExecError> {
        let hashes = hash_rows(keys, &self.key_types, batch.rows, self.seed)?;
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); PARTITIONS];
        for (row, hash) in (0_u32..).zip(hashes) {
            if let Some(partition) = rows.get_mut((hash >> 32) as usize % PARTITIONS) {
                partition.push(row);
            }
        }
        for (writer, rows) in self.writers.iter_mut().zip(rows) {
            if !rows.is_empty() {
                writer.write(&columns::take(batch, &UInt32Array::from(rows))?, run)?;
            }
        }
        Ok(())
    }

    /// Done writing.
    pub(crate) fn finish(self) -> Result<Vec<Partition>, ExecError> {
        self.writers.into_iter().map(|w| Ok(Partition::new(w.finish()?))).collect()
    }
}

/// One partition's rows.
pub(crate) struct Partition {
    rows: f64,
    reader: Mutex<SpillReader>,
}

impl Partition {
    fn new(reader: SpillReader) -> Self {
        Self { rows: reader.rows() as f64, reader: Mutex::new(reader) }
    }
}

impl Operator for Partition {
    fn prepare(&self, _run: &Run) -> Result<(), ExecError> {
        Ok(())
    }

    fn next(&self, _run: &Run) -> Result<Option<Batch>, ExecError> {
        self.reader.lock().next()
    }

    fn estimate(&self) -> f64 {
        self.rows
    }
}
