//! A file system that fails on demand and can lose what was never synced: what tests put under the store.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::{Disk, DiskFile, Entry, ReadAt, SystemDisk};

/// Switches of a [`FaultyDisk`].
#[derive(Debug)]
pub struct Faults {
    /// Bytes that can still be written before the disk is full.
    pub space: AtomicU64,
    /// Every sync fails.
    pub sync_fails: AtomicBool,
    /// Nothing can be created, written, renamed or removed.
    pub read_only: AtomicBool,
    /// Every read fails.
    pub read_fails: AtomicBool,
    /// Syncs that succeeded, of files.
    pub syncs: AtomicU64,
    /// Whoever creates a file next is held, which is then told in [`Self::held`].
    pub hold_next: AtomicBool,
    /// Somebody is held, until this is taken back.
    pub held: AtomicBool,
    unsynced: Mutex<Unsynced>,
}

/// What a power cut would take.
#[derive(Debug, Default)]
struct Unsynced {
    /// Length known to be on disk, of files written here.
    lengths: HashMap<PathBuf, u64>,
    /// Names created and not yet synced with their folder.
    names: Vec<PathBuf>,
    /// Renames not yet synced with their folder.
    renames: Vec<(PathBuf, PathBuf)>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            space: AtomicU64::new(u64::MAX),
            sync_fails: AtomicBool::new(false),
            read_only: AtomicBool::new(false),
            read_fails: AtomicBool::new(false),
            syncs: AtomicU64::new(0),
            hold_next: AtomicBool::new(false),
            held: AtomicBool::new(false),
            unsynced: Mutex::default(),
        }
    }
}

impl Faults {
    /// A power cut: drops bytes, names and renames that were never synced. The store above must be gone.
    pub fn cut_power(&self) -> io::Result<()> {
        let unsynced = std::mem::take(&mut *self.unsynced.lock());
        for (from, to) in unsynced.renames.iter().rev() {
            if to.exists() {
                std::fs::rename(to, from)?;
            }
        }
        for (path, length) in unsynced.lengths {
            if path.exists() {
                SystemDisk.truncate(&path, length)?;
            }
        }
        for name in unsynced.names {
            SystemDisk.remove(&name)?;
        }
        Ok(())
    }

    fn wait_where_held(&self) {
        if self.hold_next.swap(false, Ordering::SeqCst) {
            self.held.store(true, Ordering::SeqCst);
            while self.held.load(Ordering::SeqCst) {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
    }

    fn writable(&self) -> io::Result<()> {
        if self.read_only.load(Ordering::SeqCst) {
            return Err(io::Error::from(io::ErrorKind::ReadOnlyFilesystem));
        }
        Ok(())
    }

    fn synced(&self) -> io::Result<()> {
        if self.sync_fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("input/output error (injected)"));
        }
        self.syncs.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// How many of `wanted` bytes still fit.
    fn take_space(&self, wanted: u64) -> u64 {
        let take =
            |space: u64| Some(if space == u64::MAX { space } else { space.saturating_sub(wanted) });
        match self.space.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take) {
            Ok(before) | Err(before) => before.min(wanted),
        }
    }
}

/// The real file system behind [`Faults`].
#[derive(Clone, Debug, Default)]
pub struct FaultyDisk {
    /// The switches.
    pub faults: Arc<Faults>,
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.faults.wait_where_held();
        self.faults.writable()?;
        if self.faults.take_space(1) == 0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let file = SystemDisk.create(path)?;
        let mut unsynced = self.faults.unsynced.lock();
        unsynced.lengths.insert(path.to_owned(), 0);
        unsynced.names.push(path.to_owned());
        drop(unsynced);
        let faults = Arc::clone(&self.faults);
        Ok(Box::new(FaultyFile { file, path: path.to_owned(), length: 0, faults }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadAt>> {
        let file = SystemDisk.open(path)?;
        Ok(Box::new(FaultyReader { file, faults: Arc::clone(&self.faults) }))
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.faults.writable()?;
        SystemDisk.truncate(path, length)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.faults.writable()?;
        SystemDisk.rename(from, to)?;
        let mut unsynced = self.faults.unsynced.lock();
        if let Some(length) = unsynced.lengths.remove(from) {
            unsynced.lengths.insert(to.to_owned(), length);
        }
        unsynced.renames.push((from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.faults.writable()?;
        SystemDisk.remove(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.faults.synced()?;
        let mut unsynced = self.faults.unsynced.lock();
        unsynced.names.retain(|name| name.parent() != Some(path));
        unsynced.renames.retain(|(_, to)| to.parent() != Some(path));
        Ok(())
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        if !path.is_dir() {
            self.faults.writable()?;
        }
        SystemDisk.create_folder(path)
    }

    fn remove_folder(&self, path: &Path) {
        SystemDisk.remove_folder(path);
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        SystemDisk.list(path)
    }
}

struct FaultyFile {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    length: u64,
    faults: Arc<Faults>,
}

impl DiskFile for FaultyFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.faults.writable()?;
        let fits = self.faults.take_space(bytes.len() as u64);
        let part = bytes.get(..usize::try_from(fits).unwrap_or(0)).unwrap_or(bytes);
        self.file.write_all(part)?;
        self.length += part.len() as u64;
        if part.len() < bytes.len() {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.faults.synced()?;
        self.faults.unsynced.lock().lengths.insert(self.path.clone(), self.length);
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.faults.writable()?;
        self.length = length;
        self.file.truncate(length)
    }
}

struct FaultyReader {
    file: Box<dyn ReadAt>,
    faults: Arc<Faults>,
}

impl ReadAt for FaultyReader {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        if self.faults.read_fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("input/output error (injected)"));
        }
        self.file.read_at(offset, bytes)
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }
}
