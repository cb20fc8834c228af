//! The door to the file system. Everything the store writes or reads goes through [`Disk`], so that tests can fill the
//! disk, fail an fsync or drop what was never synced.

mod faulty;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

pub use faulty::{Faults, FaultyDisk};

/// A file system, or one that misbehaves on demand.
pub trait Disk: Send + Sync {
    /// A new, empty file to write; one that exists is an error.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for reads at any offset.
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadAt>>;
    /// A whole file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.open(path)?;
        let length = usize::try_from(file.length()?).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        file.read_at(0, &mut bytes)?;
        Ok(bytes)
    }
    /// Cuts an existing file and syncs it.
    fn truncate(&self, path: &Path, length: u64) -> io::Result<()>;
    /// Moves a file within its folder, replacing the target.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Deletes a file; one that is absent is no error.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes names created or renamed in a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// Creates a folder and its parents and makes them durable.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder if it is empty.
    fn remove_folder(&self, path: &Path);
    /// Files and folders in a folder, by name; an absent folder is empty.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;
}

/// A file under writing.
pub trait DiskFile: Send {
    /// Appends all of `bytes`.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes everything written so far durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts back to `length`; the next write goes there.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

/// A file under reading, by several threads at once.
pub trait ReadAt: Send + Sync {
    /// Fills `bytes` from `offset`, or fails.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()>;
    /// The file's length.
    fn length(&self) -> io::Result<u64>;
}

/// A name in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its path.
    pub path: PathBuf,
    /// True for a folder.
    pub folder: bool,
}

/// The real file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        Ok(Box::new(SystemFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadAt>> {
        Ok(Box::new(SystemFile(File::open(path)?)))
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => {
                self.create_folder(parent)?;
                match fs::create_dir(path) {
                    Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
                    _ => {}
                }
                self.sync_folder(parent)
            }
            _ => fs::create_dir_all(path),
        }
    }

    fn remove_folder(&self, path: &Path) {
        let _ = fs::remove_dir(path); // refused while files are in it, which is what is wanted
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let entries = match fs::read_dir(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            found.push(Entry { path: entry.path(), folder: entry.file_type()?.is_dir() });
        }
        found.sort();
        Ok(found)
    }
}

struct SystemFile(File);

impl DiskFile for SystemFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }
}

impl ReadAt for SystemFile {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(bytes, offset)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}
