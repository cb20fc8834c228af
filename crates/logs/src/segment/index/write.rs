//! Writing the index file.

use std::io;
use std::path::Path;

use super::{ADDRESSES, CHECKSUMS, COLUMNS, COMPLETE, DIRECTORY, MAGIC, PAGE_BYTES, PAGES};
use crate::codec::{put_text, put_varint};
use crate::disk::Disk;
use crate::error::Error;
use crate::segment::checksums::Checksums;
use crate::segment::terms::Collector;
use crate::segment::{BLOCK_ROWS, FORMAT};

/// What is indexed of a segment.
pub(in crate::segment) struct Indexed {
    /// Rows of the segment.
    pub rows: usize,
    /// Names of the indexed columns, in the order in which the collector knows them.
    pub columns: Vec<String>,
    /// The terms.
    pub terms: Collector,
}

/// Writes the index file durably; gives its length.
pub(in crate::segment) fn write(
    disk: &dyn Disk,
    path: &Path,
    sums: &Checksums,
    indexed: Indexed,
) -> Result<u64, Error> {
    let bytes = encode(sums, indexed).map_err(|e| Error::disk("compress", path, e))?;
    let failed = |e| Error::disk("write", path, e);
    let mut file = disk.create(path).map_err(failed)?;
    file.write_all(&bytes).map_err(failed)?;
    file.sync().map_err(failed)?;
    Ok(bytes.len() as u64)
}

fn encode(sums: &Checksums, indexed: Indexed) -> io::Result<Vec<u8>> {
    let columns = encode_columns(&indexed);
    let (directory, pages) = encode_terms(indexed.terms)?;
    let sections = [
        (CHECKSUMS, encode_sums(sums)),
        (COLUMNS, columns),
        (DIRECTORY, directory),
        (PAGES, pages),
    ];
    let mut out = MAGIC.to_vec();
    out.extend(FORMAT.to_le_bytes());
    out.extend((sections.len() as u32).to_le_bytes());
    let mut offset = (out.len() + sections.len() * 24 + 4) as u64;
    for (kind, body) in &sections {
        out.extend(kind.to_le_bytes());
        out.extend(offset.to_le_bytes());
        out.extend((body.len() as u64).to_le_bytes());
        out.extend(crc32fast::hash(body).to_le_bytes());
        offset += body.len() as u64;
    }
    out.extend(crc32fast::hash(&out).to_le_bytes());
    for (_, body) in sections {
        out.extend(body);
    }
    Ok(out)
}

fn encode_sums(sums: &Checksums) -> Vec<u8> {
    let mut out = sums.length.to_le_bytes().to_vec();
    out.extend(sums.blocks.iter().flat_map(|sum| sum.to_le_bytes()));
    out
}

fn encode_columns(indexed: &Indexed) -> Vec<u8> {
    let mut out = (indexed.rows as u64).to_le_bytes().to_vec();
    out.extend((BLOCK_ROWS as u32).to_le_bytes());
    out.push(if indexed.terms.is_complete() { COMPLETE | ADDRESSES } else { 0 });
    out.extend((indexed.columns.len() as u32).to_le_bytes());
    indexed.columns.iter().for_each(|name| put_text(&mut out, name));
    out
}

/// The directory and the pages.
fn encode_terms(terms: Collector) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let blocks = terms.blocks();
    let mut sets: Vec<u64> = Vec::new();
    let mut page = Page::default();
    let mut out = Pages { compressor: zstd::bulk::Compressor::new(1)?, ..Pages::default() };
    let mut failed = None;
    let mut set = 0; // mostly that of the term before
    terms.drain(|term, columns, mut posting| {
        if sets.get(set) != Some(&columns) {
            set = sets.iter().position(|s| *s == columns).unwrap_or_else(|| {
                sets.push(columns);
                sets.len() - 1
            });
        }
        page.push(term, set as u64);
        posting.write(blocks, &mut page.bytes);
        if page.bytes.len() >= PAGE_BYTES {
            let full = std::mem::take(&mut page);
            failed = failed.take().or(out.add(&full).err());
        }
    });
    if !page.bytes.is_empty() {
        failed = failed.or(out.add(&page).err());
    }
    if let Some(error) = failed {
        return Err(error);
    }
    let mut directory = (sets.len() as u32).to_le_bytes().to_vec();
    directory.extend(sets.iter().flat_map(|set| set.to_le_bytes()));
    directory.extend(out.count.to_le_bytes());
    directory.extend(out.entries);
    Ok((directory, out.bytes))
}

/// A page under way.
#[derive(Default)]
struct Page {
    first: Vec<u8>,
    last: Vec<u8>,
    bytes: Vec<u8>,
}

impl Page {
    fn push(&mut self, term: &[u8], set: u64) {
        if self.bytes.is_empty() {
            self.first = term.to_vec();
        }
        let shared = self.last.iter().zip(term).take_while(|(a, b)| a == b).count();
        put_varint(&mut self.bytes, shared as u64);
        put_varint(&mut self.bytes, (term.len() - shared) as u64);
        self.bytes.extend_from_slice(&term[shared..]);
        put_varint(&mut self.bytes, set);
        self.last.clear();
        self.last.extend_from_slice(term);
    }
}

/// Finished pages and their directory.
#[derive(Default)]
struct Pages {
    compressor: zstd::bulk::Compressor<'static>,
    count: u32,
    entries: Vec<u8>,
    bytes: Vec<u8>,
}

impl Pages {
    fn add(&mut self, page: &Page) -> io::Result<()> {
        let packed = self.compressor.compress(&page.bytes)?;
        self.entries.extend((page.first.len() as u16).to_le_bytes());
        self.entries.extend(&page.first);
        self.entries.extend((self.bytes.len() as u64).to_le_bytes());
        self.entries.extend((packed.len() as u32).to_le_bytes());
        self.entries.extend(crc32fast::hash(&packed).to_le_bytes());
        self.bytes.extend(packed);
        self.count += 1;
        Ok(())
    }
}
