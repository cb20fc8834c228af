//! The segment: immutable rows of one table, sorted by time. **The stored format lives in this module alone.**
//!
//! # Format 1
//! Two files share a name:
//! * `<id>.parquet`: the rows, readable by any Parquet reader. zstd pages; texts with few distinct values as
//!   dictionaries, others as `DELTA_LENGTH_BYTE_ARRAY`; row groups of [`ROW_GROUP_ROWS`]; sorted by `TimeGenerated`
//!   (by the time of receipt where the table has none). Columns without any value are absent.
//!   * datetime: `TIMESTAMP` in the coarsest of milliseconds, microseconds, nanoseconds that is exact for all values;
//!     else `INT64` ticks of 100 ns since 0001-01-01. timespan: `INT64` ticks.
//!   * dynamic: a group of two binaries in the shape and encoding of Parquet `VARIANT`. guid: `UUID`. decimal: 16
//!     bytes as `values::Decimal` writes them.
//!   * `_IngestionTime`: when the row was received. `_ItemNumber`: the row's number in the store.
//!   * `Type`, `TenantId` and `_ItemId` are absent unless the sender gave them: see [`crate::synthetic`].
//!   * Behind all columns: frequent parts of dynamic ones, named like `LocationDetails.city`. See [`parts`].
//!   * key-value metadata: `vedette.format`, `vedette.columns` (names, KQL types and forms as JSON), `vedette.table`,
//!     `vedette.workspace`, `vedette.time`, `vedette.ingested`, `vedette.batches` (batch ids).
//! * `<id>.index`: a checksum of every 64 KiB of the Parquet file (the footer and page headers included, which
//!   Parquet's own page checksums leave out), and the term dictionary. See [`index`].
//!
//! What is listed in the catalogue ([`Facts`]) suffices to decide whether a query needs the segment at all.

mod build;
mod cache;
mod checksums;
mod dynamic;
pub(crate) mod index;
mod mend;
mod open;
pub(crate) mod parts;
mod physical;
mod prune;
mod reader;
pub(crate) mod terms;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::disk::Disk;
use crate::error::Error;
use crate::memory::Span;

pub(crate) use build::{Builder, Label};
pub(crate) use cache::{Asker, ColumnCache, Picked, Place, Which};
pub(crate) use index::Index;
pub(crate) use mend::{mend_index, read_all};
pub(crate) use open::OpenSegments;
pub(crate) use prune::{Pruner, Sets};
pub(crate) use reader::{GroupReader, Keeper, Reader};
pub(crate) use terms::BlockSet;

/// Version of the format written.
pub(crate) const FORMAT: u32 = 1;
/// Rows of a row group, but the last.
pub(crate) const ROW_GROUP_ROWS: usize = 128 * BLOCK_ROWS;
/// Rows told apart by the term dictionary.
pub(crate) const BLOCK_ROWS: usize = 1024;
/// Most rows of a segment: block numbers are 16 bits wide.
pub(crate) const ROWS_MAX: usize = BLOCK_ROWS * 65_535;

/// What the catalogue keeps about a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// Format version of the files.
    pub format: u32,
    /// Name of the files, without ending, below the table's folder: `<day>/<id>`.
    pub path: String,
    /// Number of rows.
    pub rows: u64,
    /// Length of the Parquet file.
    pub bytes: u64,
    /// CRC-32 of the whole Parquet file.
    pub crc: u32,
    /// Length of the index file.
    pub index_bytes: u64,
    /// Lowest time, ticks.
    pub time_min: i64,
    /// Highest time.
    pub time_max: i64,
    /// Earliest receipt, ticks.
    pub ingested_min: i64,
    /// Latest receipt.
    pub ingested_max: i64,
    /// Bytes of memory that making it took at once, about: the largest column, parts of dynamics, all terms, what was
    /// packed. 0: made before this was noted.
    #[serde(default)]
    pub making_bytes: u64,
}

impl Facts {
    /// Bytes of memory that its rows add to a merge.
    pub(crate) fn merging_bytes(&self) -> u64 {
        /// What one byte of the files was in memory, in segments of several kinds.
        const UNPACKED: u64 = 6;
        match self.making_bytes {
            0 => (self.bytes + self.index_bytes).saturating_mul(UNPACKED),
            known => known,
        }
    }

    /// Of the rows' times.
    pub(crate) fn times(&self) -> Span {
        Span { min: self.time_min, max: self.time_max }
    }

    /// Of their receipt.
    pub(crate) fn ingested(&self) -> Span {
        Span { min: self.ingested_min, max: self.ingested_max }
    }
}

/// A segment listed in the catalogue. Its files are opened when first needed and go with the last user once the
/// segment is [obsolete](Segment::retire).
pub(crate) struct Segment {
    /// What the catalogue says.
    pub facts: Facts,
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    index: Mutex<Option<Arc<Index>>>,
    reader: Mutex<Option<Arc<Reader>>>,
    obsolete: AtomicBool,
    this: Weak<Self>,
    open: Arc<OpenSegments>,
    number: u64,
}

/// Numbers of the segments of this process.
static NUMBERS: AtomicU64 = AtomicU64::new(0);

impl Segment {
    /// A listed segment of the table whose files lie below `folder`.
    pub(crate) fn new(
        facts: Facts,
        folder: &Path,
        disk: &Arc<dyn Disk>,
        open: &Arc<OpenSegments>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            facts,
            folder: folder.to_owned(),
            disk: Arc::clone(disk),
            index: Mutex::new(None),
            reader: Mutex::new(None),
            obsolete: AtomicBool::new(false),
            this: Weak::clone(this),
            open: Arc::clone(open),
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// Tells it from all others of this process.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// Columns kept in memory, this segment's among others.
    pub(crate) fn kept(&self) -> &ColumnCache {
        &self.open.columns
    }

    /// Where a query's reading of this segment leaves what others may use.
    pub(crate) fn keeper(&self, asker: Asker) -> Keeper {
        Keeper { open: Arc::clone(&self.open), segment: self.number, asker }
    }

    /// The Parquet file.
    pub(crate) fn rows_path(&self) -> PathBuf {
        self.folder.join(format!("{}.parquet", self.facts.path))
    }

    /// The index file.
    pub(crate) fn index_path(&self) -> PathBuf {
        self.folder.join(format!("{}.index", self.facts.path))
    }

    /// The opened index: mostly enough to tell that no row is wanted. One that is missing or damaged is made again.
    pub(crate) fn index(&self) -> Result<Arc<Index>, Error> {
        let mut slot = self.index.lock();
        if let Some(index) = &*slot {
            return Ok(Arc::clone(index));
        }
        if self.facts.format > FORMAT {
            return Err(Error::Newer {
                file: self.rows_path().display().to_string(),
                found: self.facts.format,
                known: FORMAT,
            });
        }
        let index = Arc::new(reader::open_index(self)?);
        *slot = Some(Arc::clone(&index));
        drop(slot);
        self.open.indexes.opened(&self.this, Self::close);
        Ok(index)
    }

    /// The opened files.
    pub(crate) fn reader(&self) -> Result<Arc<Reader>, Error> {
        if let Some(reader) = &*self.reader.lock() {
            return Ok(Arc::clone(reader));
        }
        // before the lock: opening it may close others, this one among them where it was opened before
        let index = self.index()?;
        let mut slot = self.reader.lock();
        if let Some(reader) = &*slot {
            return Ok(Arc::clone(reader));
        }
        let reader = Arc::new(Reader::open(self, &index)?);
        *slot = Some(Arc::clone(&reader));
        drop(slot);
        self.open.readers.opened(&self.this, |segment| *segment.reader.lock() = None);
        Ok(reader)
    }

    /// Forgets the opened files, so that the next use opens (and checks) them anew.
    pub(crate) fn close(&self) {
        *self.index.lock() = None;
        *self.reader.lock() = None;
        self.kept().forget(self.number);
    }

    /// The segment left the catalogue: its files are removed once nobody reads them.
    pub(crate) fn retire(&self) {
        self.obsolete.store(true, Ordering::Release);
    }

    /// The disk it lies on.
    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        self.kept().forget(self.number);
        if !self.obsolete.load(Ordering::Acquire) {
            return;
        }
        for path in [self.rows_path(), self.index_path()] {
            if let Err(error) = self.disk.remove(&path) {
                tracing::warn!(file = %path.display(), %error, "a dropped segment could not be removed");
            }
        }
        if let Some(day) = self.rows_path().parent() {
            self.disk.remove_folder(day);
        }
    }
}

#[cfg(test)]
mod tests;
