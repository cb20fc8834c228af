//! Reading the index file: everything but the pages of terms is held, a page is read when a term in it is asked for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::source::Piece;

use super::{ADDRESSES, CHECKSUMS, COLUMNS, COMPLETE, DIRECTORY, MAGIC, PAGE_BYTES_MAX, PAGES};
use crate::codec::{Reader, Truncated};
use crate::disk::{Disk, ReadAt};
use crate::error::Error;
use crate::segment::FORMAT;
use crate::segment::checksums::Checksums;
use crate::segment::reader::Keeper;
use crate::segment::terms::{BlockSet, TERM_BYTES_MAX, read_posting, skip_posting};

/// Terms alike up to which their places are told.
const FOUND_MAX: usize = 1000;

thread_local! {
    /// Making one costs more than unpacking a page with it.
    static UNPACKER: RefCell<Option<zstd::bulk::Decompressor<'static>>> =
        RefCell::new(zstd::bulk::Decompressor::new().ok());
}

/// An opened index file.
pub(crate) struct Index {
    path: PathBuf,
    file: Box<dyn ReadAt>,
    /// Checksums of the Parquet file.
    pub(in crate::segment) sums: Checksums,
    /// Places of the indexed columns by name.
    columns: HashMap<String, usize, ahash::RandomState>,
    /// True when a term that is not found is nowhere in the indexed columns.
    pub complete: bool,
    /// True when addresses are terms of their own here.
    pub addresses: bool,
    blocks: usize,
    sets: Vec<u64>,
    pages: Vec<PagePlace>,
    pages_at: u64,
}

struct PagePlace {
    first: Vec<u8>,
    offset: u64,
    length: usize,
    crc: u32,
}

#[derive(Clone, Copy, Default)]
struct Section {
    offset: u64,
    length: u64,
    crc: u32,
}

/// Where a term stands.
pub(in crate::segment) struct Found {
    /// Bits of the columns.
    pub columns: u64,
    /// The blocks.
    pub blocks: BlockSet,
}

impl Index {
    /// Opens and checks the file.
    pub(in crate::segment) fn open(disk: &dyn Disk, path: &Path) -> Result<Self, Error> {
        let file = disk.open(path).map_err(|e| Error::disk("open", path, e))?;
        let damaged = |_: Truncated| Error::damaged(path, "its parts do not fit together");
        let head = read(&*file, path, 0, 12)?;
        let mut reader = Reader::new(&head);
        let (magic, format, count) =
            (|| Ok((reader.array()?, reader.u32()?, reader.count()?)))().map_err(damaged)?;
        if magic != *MAGIC || count > 64 {
            return Err(Error::damaged(path, "it does not begin as an index does"));
        }
        let table = read(&*file, path, 0, 12 + count * 24 + 4)?;
        let (body, crc) = table.split_at(12 + count * 24);
        if crc != crc32fast::hash(body).to_le_bytes() {
            return Err(Error::damaged(path, "its head fails its checksum"));
        }
        if format > FORMAT {
            let file = path.display().to_string();
            return Err(Error::Newer { file, found: format, known: FORMAT });
        }
        let sections = read_sections(&body[12..]).map_err(damaged)?;
        let section = |kind: u32| {
            let found = sections.iter().find(|(k, _)| *k == kind).map(|(_, s)| *s);
            found.ok_or_else(|| Error::damaged(path, "a part of it is missing"))
        };
        let load = |kind: u32| -> Result<Vec<u8>, Error> {
            let Section { offset, length, crc } = section(kind)?;
            let length = usize::try_from(length).map_err(|_| damaged(Truncated))?;
            let bytes = read(&*file, path, offset, length)?;
            if crc32fast::hash(&bytes) != crc {
                return Err(Error::damaged(path, "a part of it fails its checksum"));
            }
            Ok(bytes)
        };
        let sums = read_sums(&load(CHECKSUMS)?).map_err(damaged)?;
        let (blocks, flags, columns) = read_columns(&load(COLUMNS)?).map_err(damaged)?;
        let (sets, pages) = read_directory(&load(DIRECTORY)?).map_err(damaged)?;
        let pages_at = section(PAGES)?.offset;
        Ok(Self {
            path: path.to_owned(),
            file,
            sums,
            columns: columns.into_iter().zip(0..).collect(),
            complete: flags & COMPLETE != 0,
            addresses: flags & ADDRESSES != 0,
            blocks,
            sets,
            pages,
            pages_at,
        })
    }

    /// Which of the indexed columns has this name.
    pub(in crate::segment) fn place(&self, column: &str) -> Option<usize> {
        self.columns.get(column).copied()
    }

    /// Number of blocks of the segment.
    pub(in crate::segment) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Where the term stands, if anywhere. The page of terms that tells it is kept with `keeper`.
    pub(in crate::segment) fn find(
        &self,
        term: &[u8],
        keeper: Option<&Keeper>,
    ) -> Result<Option<Found>, Error> {
        let after = self.pages.partition_point(|page| page.first.as_slice() <= term);
        let at = after.checked_sub(1);
        let Some((at, place)) = at.and_then(|at| Some((at, self.pages.get(at)?))) else {
            return Ok(None);
        };
        let page = match keeper.and_then(|keeper| keeper.terms(at)) {
            Some(page) => page,
            None => {
                // unpacked into more room than it needs
                let page = Arc::from(self.page(place)?.as_slice());
                if let Some(keeper) = keeper {
                    keeper.keep_terms(at, &page);
                }
                page
            }
        };
        self.search(&page, term)
            .map_err(|_| Error::damaged(&self.path, "a page of terms does not read"))
    }

    /// Where terms like this stand; none where they are too many. Those that begin in some way are looked up, else all
    /// terms are looked through.
    pub(in crate::segment) fn matching(&self, piece: &Piece) -> Result<Option<Vec<Found>>, Error> {
        let (first, prefix) = match piece {
            Piece::Start(text) => {
                let after = self.pages.partition_point(|page| *page.first < *text.as_bytes());
                (after.saturating_sub(1), text.as_bytes())
            }
            Piece::End(_) | Piece::Inside(_) => (0, &b""[..]),
        };
        // what was cut off a long term may be what is sought
        let open = !matches!(piece, Piece::Start(_));
        let like = piece.test();
        let like = |term: &[u8]| like(term) || (open && term.len() >= TERM_BYTES_MAX);
        let mut found = Vec::new();
        for place in self.pages.iter().skip(first) {
            if *place.first > *prefix && !place.first.starts_with(prefix) {
                break;
            }
            let page = self.page(place)?;
            self.gather(&page, &like, &mut found)
                .map_err(|_| Error::damaged(&self.path, "a page of terms does not read"))?;
            if found.len() > FOUND_MAX {
                return Ok(None);
            }
        }
        Ok(Some(found))
    }

    fn gather(
        &self,
        page: &[u8],
        like: &impl Fn(&[u8]) -> bool,
        found: &mut Vec<Found>,
    ) -> Result<(), Truncated> {
        let mut reader = Reader::new(page);
        let mut term: Vec<u8> = Vec::new();
        while !reader.is_empty() {
            let set = next_term(&mut reader, &mut term)?;
            if like(&term) {
                let columns = *self.sets.get(set).ok_or(Truncated)?;
                found.push(Found { columns, blocks: read_posting(&mut reader, self.blocks)? });
            } else {
                skip_posting(&mut reader, self.blocks)?;
            }
        }
        Ok(())
    }

    fn page(&self, place: &PagePlace) -> Result<Vec<u8>, Error> {
        let offset = self.pages_at.saturating_add(place.offset);
        let packed = read(&*self.file, &self.path, offset, place.length)?;
        if crc32fast::hash(&packed) != place.crc {
            return Err(Error::damaged(&self.path, "a page of terms fails its checksum"));
        }
        UNPACKER
            .with_borrow_mut(|unpacker| match unpacker {
                Some(unpacker) => unpacker.decompress(&packed, PAGE_BYTES_MAX),
                None => zstd::bulk::decompress(&packed, PAGE_BYTES_MAX),
            })
            .map_err(|_| Error::damaged(&self.path, "a page of terms does not unpack"))
    }

    fn search(&self, page: &[u8], wanted: &[u8]) -> Result<Option<Found>, Truncated> {
        let mut reader = Reader::new(page);
        let mut term: Vec<u8> = Vec::new();
        while !reader.is_empty() {
            let set = next_term(&mut reader, &mut term)?;
            if term.as_slice() < wanted {
                skip_posting(&mut reader, self.blocks)?;
                continue;
            }
            if term != wanted {
                return Ok(None);
            }
            let columns = *self.sets.get(set).ok_or(Truncated)?;
            return Ok(Some(Found { columns, blocks: read_posting(&mut reader, self.blocks)? }));
        }
        Ok(None)
    }
}

/// The next term of a page in place of the one before; gives the number of its column set.
fn next_term(reader: &mut Reader<'_>, term: &mut Vec<u8>) -> Result<usize, Truncated> {
    let shared = usize::try_from(reader.varint()?).map_err(|_| Truncated)?;
    let further = usize::try_from(reader.varint()?).map_err(|_| Truncated)?;
    term.truncate(shared);
    term.extend_from_slice(reader.take(further)?);
    usize::try_from(reader.varint()?).map_err(|_| Truncated)
}

fn read(file: &dyn ReadAt, path: &Path, offset: u64, length: usize) -> Result<Vec<u8>, Error> {
    let available = file.length().map_err(|e| Error::disk("read", path, e))?;
    if offset.checked_add(length as u64).is_none_or(|end| end > available) {
        return Err(Error::damaged(path, "it ends early"));
    }
    let mut bytes = vec![0; length];
    file.read_at(offset, &mut bytes).map_err(|e| Error::disk("read", path, e))?;
    Ok(bytes)
}

fn read_sections(bytes: &[u8]) -> Result<Vec<(u32, Section)>, Truncated> {
    let mut reader = Reader::new(bytes);
    let mut sections = Vec::new();
    while !reader.is_empty() {
        let kind = reader.u32()?;
        let section = Section { offset: reader.u64()?, length: reader.u64()?, crc: reader.u32()? };
        sections.push((kind, section));
    }
    Ok(sections)
}

fn read_sums(bytes: &[u8]) -> Result<Checksums, Truncated> {
    let mut reader = Reader::new(bytes);
    let mut sums = Checksums { length: reader.u64()?, blocks: Vec::new() };
    while !reader.is_empty() {
        sums.blocks.push(reader.u32()?);
    }
    Ok(sums)
}

fn read_columns(bytes: &[u8]) -> Result<(usize, u8, Vec<String>), Truncated> {
    let mut reader = Reader::new(bytes);
    let rows = usize::try_from(reader.u64()?).map_err(|_| Truncated)?;
    let block_rows = reader.count()?;
    if block_rows != crate::segment::BLOCK_ROWS || rows > crate::segment::ROWS_MAX {
        return Err(Truncated);
    }
    let flags = reader.u8()?;
    let count = reader.count()?;
    let columns = (0..count).map(|_| reader.text().map(str::to_owned));
    Ok((rows.div_ceil(block_rows), flags, columns.collect::<Result<_, _>>()?))
}

fn read_directory(bytes: &[u8]) -> Result<(Vec<u64>, Vec<PagePlace>), Truncated> {
    let mut reader = Reader::new(bytes);
    let count = reader.count()?;
    let sets = (0..count).map(|_| reader.u64()).collect::<Result<Vec<_>, _>>()?;
    let count = reader.count()?;
    let page = |_| {
        let length = usize::from(reader.u16()?);
        let first = reader.take(length)?.to_vec();
        Ok(PagePlace { first, offset: reader.u64()?, length: reader.count()?, crc: reader.u32()? })
    };
    Ok((sets, (0..count).map(page).collect::<Result<_, _>>()?))
}
