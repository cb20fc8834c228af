//! Which log files there are and which of them are still needed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::disk::Disk;

/// The log files.
pub(crate) struct Files {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    files: Mutex<Vec<File>>,
}

/// One log file.
struct File {
    path: PathBuf,
    bytes: u64,
    /// Last row of each table that has rows in it, by the table's key.
    tables: HashMap<Arc<str>, u64>,
    /// Under writing.
    open: bool,
    /// Never removed: a part of it does not read.
    kept: bool,
}

impl Files {
    /// Log files in this folder.
    pub(crate) fn new(disk: &Arc<dyn Disk>, folder: &Path) -> Self {
        Self { disk: Arc::clone(disk), folder: folder.to_owned(), files: Mutex::default() }
    }

    /// Where they lie.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The disk they lie on.
    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// A file was begun.
    pub(crate) fn begin(&self, path: &Path) {
        let file = File {
            path: path.to_owned(),
            bytes: 0,
            tables: HashMap::new(),
            open: true,
            kept: false,
        };
        self.files.lock().push(file);
    }

    /// A file was found when the log was read back.
    pub(crate) fn found(
        &self,
        path: &Path,
        bytes: u64,
        tables: HashMap<Arc<str>, u64>,
        kept: bool,
    ) {
        self.files.lock().push(File { path: path.to_owned(), bytes, tables, open: false, kept });
    }

    /// A record was added to the newest file.
    pub(crate) fn add(&self, table: &Arc<str>, last_row: u64, bytes: u64) {
        if let Some(file) = self.files.lock().last_mut() {
            file.bytes += bytes;
            let end = file.tables.entry(Arc::clone(table)).or_default();
            *end = last_row.max(*end);
        }
    }

    /// The newest file is not written any more.
    pub(crate) fn close(&self) {
        if let Some(file) = self.files.lock().last_mut() {
            file.open = false;
        }
    }

    /// True when the file under writing has rows and none of them is needed any more.
    pub(crate) fn is_used_up(&self, sealed: impl Fn(&str) -> u64) -> bool {
        let files = self.files.lock();
        files.last().is_some_and(|file| {
            let needed = file.tables.iter().any(|(table, last)| sealed(table) < *last);
            file.open && !file.tables.is_empty() && !needed
        })
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.lock().iter().map(|f| f.bytes).sum()
    }

    /// Tables that keep the oldest file from being removed.
    pub(crate) fn oldest_tables(&self, sealed: impl Fn(&str) -> u64) -> Vec<Arc<str>> {
        let files = self.files.lock();
        let Some(oldest) = files.first() else { return Vec::new() };
        let needed = oldest.tables.iter().filter(|(table, last)| sealed(table) < **last);
        needed.map(|(table, _)| Arc::clone(table)).collect()
    }

    /// Removes files of whose rows none is needed any more: `sealed` tells up to which row a table's segments reach.
    pub(crate) fn release(&self, sealed: impl Fn(&str) -> u64) {
        let mut files = self.files.lock();
        files.retain(|file| {
            let needed = file.open || file.kept || file.tables.iter().any(|(table, last)| sealed(table) < *last);
            if needed {
                return true;
            }
            match self.disk.remove(&file.path) {
                Ok(()) => false,
                Err(error) => {
                    tracing::warn!(file = %file.path.display(), %error, "a used-up log file could not be removed");
                    true
                }
            }
        });
    }
}
