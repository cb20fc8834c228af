//! The two files of the journal: written in place, never made longer than they must be.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Makes durable what was written to a file until it was asked for; whoever writes on meanwhile is not held up.
pub(super) type Flush = Box<dyn FnOnce() -> io::Result<()> + Send>;

/// A file that is written in place. Bytes never written read as nothing, or as what stood there before.
pub(super) trait Pages: Send {
    /// All of it; nothing where there is no file yet.
    fn read(&mut self) -> io::Result<Vec<u8>>;
    /// Writes at a place; the file grows where it must.
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// How what was written becomes durable.
    fn flush(&mut self) -> io::Result<Flush>;
}

/// A file of the system, made when it is first written.
pub(super) struct SystemPages {
    path: PathBuf,
    file: Option<Arc<File>>,
}

impl SystemPages {
    /// The two files in a folder.
    pub(super) fn in_folder(folder: &Path) -> [Box<dyn Pages>; 2] {
        ["journal.0", "journal.1"].map(|name| -> Box<dyn Pages> {
            Box::new(Self { path: folder.join(name), file: None })
        })
    }

    fn open(&mut self) -> io::Result<&Arc<File>> {
        let file = match self.file.take() {
            Some(file) => file,
            None => Arc::new(make(&self.path)?),
        };
        Ok(self.file.insert(file))
    }
}

/// Opens a file, making it with its folder where they are missing; their names are durable then.
fn make(path: &Path) -> io::Result<File> {
    let folder = path.parent().unwrap_or(Path::new("."));
    if !folder.exists() {
        crypto::private_directory(folder).map_err(io::Error::other)?;
        if let Some(above) = folder.parent() {
            File::open(above)?.sync_all()?;
        }
    }
    let is_new = !path.exists();
    let mut options = OpenOptions::new();
    let file =
        options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    if is_new {
        File::open(folder)?.sync_all()?;
    }
    Ok(file)
}

impl Pages for SystemPages {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        match std::fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read,
        }
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.open()?.write_all_at(bytes, at)
    }

    fn flush(&mut self) -> io::Result<Flush> {
        let file = Arc::clone(self.open()?);
        Ok(Box::new(move || file.sync_data()))
    }
}
