//! The bytes of a row group: column chunks fetched ahead in few reads, or pages one by one when few are wanted.

use std::io::Read;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{ChunkReader, Length};

use crate::error::Error;
use crate::segment::checksums::CheckedFile;

/// Chunks closer together than this are fetched in one read.
const GAP_MAX: u64 = 128 * 1024;

/// Parts of a file held in memory, the rest behind them.
pub(super) struct Chunks {
    file: Arc<CheckedFile>,
    held: Vec<(u64, Bytes)>,
}

impl Chunks {
    /// Nothing held: every read goes to the file.
    pub(super) fn on_demand(file: &Arc<CheckedFile>) -> Self {
        Self { file: Arc::clone(file), held: Vec::new() }
    }

    /// Fetches these ranges (offset, length).
    pub(super) fn ahead(
        file: &Arc<CheckedFile>,
        mut ranges: Vec<(u64, u64)>,
    ) -> Result<Self, Error> {
        ranges.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (start, length) in ranges {
            let end = start.saturating_add(length);
            match joined.last_mut() {
                Some((_, last)) if start <= last.saturating_add(GAP_MAX) => *last = end.max(*last),
                _ => joined.push((start, end)),
            }
        }
        let mut held = Vec::with_capacity(joined.len());
        for (start, end) in joined {
            let length = usize::try_from(end - start).unwrap_or(usize::MAX);
            held.push((start, file.bytes(start, length)?));
        }
        Ok(Self { file: Arc::clone(file), held })
    }

    fn held(&self, start: u64) -> Option<Bytes> {
        let at = self.held.partition_point(|(offset, _)| *offset <= start).checked_sub(1)?;
        let (offset, bytes) = self.held.get(at)?;
        let skip = usize::try_from(start - offset).ok()?;
        (skip < bytes.len()).then(|| bytes.slice(skip..))
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.file.len()
    }
}

impl ChunkReader for Chunks {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        match self.held(start) {
            Some(bytes) => Ok(Box::new(bytes.reader())),
            None => self.file.get_read(start),
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        match self.held(start).filter(|bytes| bytes.len() >= length) {
            Some(bytes) => Ok(bytes.slice(..length)),
            None => self.file.get_bytes(start, length),
        }
    }
}
