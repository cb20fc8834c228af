//! A checksum for every block of a file: made while it is written, checked whenever a part of it is read.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use bytes::{Buf, Bytes};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};

use crate::disk::{Disk, DiskFile, ReadAt};
use crate::error::Error;

/// Bytes under one checksum.
pub(super) const CHECKED_BYTES: usize = 64 * 1024;

/// The checksums of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Checksums {
    /// Length of the file.
    pub length: u64,
    /// CRC-32 of each block, the last one shorter.
    pub blocks: Vec<u32>,
}

/// Writes to a file and sums up what passes.
pub(super) struct SummingWriter {
    file: Box<dyn DiskFile>,
    whole: crc32fast::Hasher,
    pending: Vec<u8>,
    sums: Checksums,
}

impl SummingWriter {
    /// Writes to a new file.
    pub(super) fn new(file: Box<dyn DiskFile>) -> Self {
        Self {
            file,
            whole: crc32fast::Hasher::new(),
            pending: Vec::with_capacity(16 * CHECKED_BYTES),
            sums: Checksums::default(),
        }
    }

    /// Hands full blocks (at the end: all) to the disk.
    fn drain(&mut self, all: bool) -> io::Result<()> {
        let whole_blocks = self.pending.len() / CHECKED_BYTES * CHECKED_BYTES;
        let length = if all { self.pending.len() } else { whole_blocks };
        let ready = &self.pending[..length];
        for block in ready.chunks(CHECKED_BYTES) {
            self.sums.blocks.push(crc32fast::hash(block));
        }
        self.whole.update(ready);
        self.file.write_all(ready)?;
        self.sums.length += length as u64;
        self.pending.drain(..length);
        Ok(())
    }

    /// Writes the rest, syncs, and gives the checksums and the CRC-32 of the whole.
    pub(super) fn finish(mut self) -> io::Result<(Checksums, u32)> {
        self.drain(true)?;
        self.file.sync()?;
        Ok((self.sums, self.whole.finalize()))
    }
}

impl Write for SummingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= 16 * CHECKED_BYTES {
            self.drain(false)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sums up an existing file; gives also the CRC-32 of the whole.
pub(super) fn sum_file(disk: &dyn Disk, path: &Path) -> Result<(Checksums, u32), Error> {
    let read = |e| Error::disk("read", path, e);
    let file = disk.open(path).map_err(read)?;
    let length = file.length().map_err(read)?;
    let mut sums = Checksums { length, blocks: Vec::new() };
    let mut whole = crc32fast::Hasher::new();
    let mut block = vec![0; CHECKED_BYTES];
    let mut at = 0;
    while at < length {
        let size = usize::try_from(length - at).unwrap_or(usize::MAX).min(CHECKED_BYTES);
        let part = &mut block[..size];
        file.read_at(at, part).map_err(read)?;
        sums.blocks.push(crc32fast::hash(part));
        whole.update(part);
        at += size as u64;
    }
    Ok((sums, whole.finalize()))
}

/// A file whose every read is checked.
pub(super) struct CheckedFile {
    path: PathBuf,
    file: Box<dyn ReadAt>,
    sums: Checksums,
}

impl CheckedFile {
    /// Opens the file; its length must be the one summed up.
    pub(super) fn open(disk: &dyn Disk, path: &Path, sums: Checksums) -> Result<Self, Error> {
        let file = disk.open(path).map_err(|e| Error::disk("open", path, e))?;
        let length = file.length().map_err(|e| Error::disk("read", path, e))?;
        if length != sums.length {
            return Err(Error::damaged(
                path,
                format!("it has {length} bytes instead of {}", sums.length),
            ));
        }
        Ok(Self { path: path.to_owned(), file, sums })
    }

    /// The bytes from `start`, checked.
    pub(super) fn bytes(&self, start: u64, length: usize) -> Result<Bytes, Error> {
        let block = CHECKED_BYTES as u64;
        let end = start.checked_add(length as u64).filter(|end| *end <= self.sums.length);
        let end = end.ok_or_else(|| Error::damaged(&self.path, "it refers past its end"))?;
        let first = start / block;
        let from = first * block;
        let to = end.div_ceil(block).saturating_mul(block).min(self.sums.length);
        let size = |n: u64| {
            usize::try_from(n).map_err(|_| Error::damaged(&self.path, "a part of it is too large"))
        };
        let mut bytes = vec![0; size(to - from)?];
        self.file.read_at(from, &mut bytes).map_err(|e| Error::disk("read", &self.path, e))?;
        let wanted = self.sums.blocks.iter().skip(size(first)?);
        for (i, (part, sum)) in bytes.chunks(CHECKED_BYTES).zip(wanted).enumerate() {
            if crc32fast::hash(part) != *sum {
                let at = from + i as u64 * block;
                let what = format!("bytes {at} to {} fail their checksum", at + part.len() as u64);
                return Err(Error::damaged(&self.path, what));
            }
        }
        let skip = size(start - from)?;
        Ok(Bytes::from(bytes).slice(skip..skip + length))
    }
}

impl Length for CheckedFile {
    fn len(&self) -> u64 {
        self.sums.length
    }
}

impl ChunkReader for CheckedFile {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        // Page headers are read this way; they are short, and what follows them is asked for by length.
        let left = usize::try_from(self.sums.length.saturating_sub(start)).unwrap_or(usize::MAX);
        let bytes = self.get_bytes(start, left.min(CHECKED_BYTES))?;
        Ok(Box::new(bytes.reader()))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        self.bytes(start, length).map_err(|e| ParquetError::External(Box::new(e)))
    }
}
