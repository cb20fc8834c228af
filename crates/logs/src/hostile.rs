//! The readers of stored bytes over bytes from anywhere, for fuzzing: whatever they hold, reading ends, within memory in
//! proportion to them. Checksums are put right first, or next to nothing would pass the door.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_buffer::Buffer;
use model::rows::cell;
use parking_lot::Mutex;

use crate::codec;
use crate::columns::Named;
use crate::disk::{Disk, DiskFile, Entry, ReadAt};
use crate::segment::{self, Facts, OpenSegments, Segment};
use crate::wal;

/// Rows of which values are looked at.
const ROWS_SHOWN: usize = 64;

/// Reads a log file: its records, what is damaged in it, and the columns of each record.
pub fn wal(bytes: &[u8]) {
    let path = Path::new("1.wal");
    let mut mended = bytes.to_vec();
    wal::mend(&mut mended);
    for file in [bytes, &mended] {
        for last in [false, true] {
            let Ok(scanned) = wal::scan(path, file, last) else { continue };
            let buffer = Buffer::from(file);
            for (header, range) in &scanned.records {
                let payload = buffer.slice_with_length(0, range.end);
                let _ = header.last_row();
                if let Ok(columns) = codec::decode(&payload, range.start, header.rows as usize) {
                    columns.iter().for_each(look);
                }
            }
        }
        wal::table_ends(file);
    }
    // the columns of a record alone
    if let Some((rows, payload)) = bytes.split_first_chunk::<2>() {
        let rows = usize::from(u16::from_le_bytes(*rows));
        if let Ok(columns) = codec::decode(&Buffer::from(payload), 0, rows) {
            columns.iter().for_each(look);
        }
    }
}

/// Looks at values, as a query does.
fn look(named: &Named) {
    for row in 0..named.array.len().min(ROWS_SHOWN) {
        let _ = cell(&named.array, named.column.ty, row).to_string();
    }
}

/// Opens a segment of these two files, reads all of its columns and looks terms up.
pub fn segment(rows: &[u8], index: &[u8]) {
    let mut mended = index.to_vec();
    segment::mend_index(&mut mended, rows);
    // the index as it is, put right, and none, so that it is made again
    for index in [Some(index), Some(mended.as_slice()), None] {
        let disk: Arc<dyn Disk> = Arc::new(Files::default());
        let facts = Facts {
            format: segment::FORMAT,
            path: "a".to_owned(),
            rows: 1000,
            bytes: rows.len() as u64,
            crc: crc32fast::hash(rows),
            index_bytes: index.map_or(0, |i| i.len() as u64),
            time_min: i64::MIN,
            time_max: i64::MAX,
            ingested_min: i64::MIN,
            ingested_max: i64::MAX,
            making_bytes: 0,
        };
        let segment =
            Segment::new(facts, Path::new("t"), &disk, &Arc::new(OpenSegments::new(1, 0)));
        let put = |path: PathBuf, bytes: &[u8]| {
            disk.create(&path).and_then(|mut file| file.write_all(bytes)).is_ok()
        };
        put(segment.rows_path(), rows);
        if let Some(index) = index {
            put(segment.index_path(), index);
        }
        segment::read_all(&segment);
    }
}

/// Files in memory.
#[derive(Default)]
struct Files(Arc<Mutex<HashMap<PathBuf, Arc<Mutex<Vec<u8>>>>>>);

struct File(Arc<Mutex<Vec<u8>>>);

impl DiskFile for File {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0.lock().truncate(usize::try_from(length).map_err(io::Error::other)?);
        Ok(())
    }
}

impl ReadAt for File {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let held = self.0.lock();
        let from = usize::try_from(offset).ok().and_then(|offset| held.get(offset..));
        match from.and_then(|from| from.get(..bytes.len())) {
            Some(found) => {
                bytes.copy_from_slice(found);
                Ok(())
            }
            None => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        }
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.lock().len() as u64)
    }
}

impl Disk for Files {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = Arc::new(Mutex::default());
        self.0.lock().insert(path.to_owned(), Arc::clone(&file));
        Ok(Box::new(File(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadAt>> {
        match self.0.lock().get(path) {
            Some(file) => Ok(Box::new(File(Arc::clone(file)))),
            None => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        match self.0.lock().get(path) {
            Some(file) => File(Arc::clone(file)).truncate(length),
            None => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = self.0.lock();
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.lock().remove(path);
        Ok(())
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn create_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn remove_folder(&self, _: &Path) {}

    fn list(&self, _: &Path) -> io::Result<Vec<Entry>> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests;
