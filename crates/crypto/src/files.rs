//! Key files: written whole or not at all, on disk when the call returns, readable by the owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::{CryptoError, SecretText};

/// A key file is small; a larger one is none.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Makes a directory (and those above it) that only the owner may enter, and narrows the mode of one that exists.
pub fn private_directory(path: &Path) -> Result<(), CryptoError> {
    let make = || -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)?;
        narrow(path, 0o700)?;
        path.parent().map_or(Ok(()), sync_directory)
    };
    make().map_err(CryptoError::file(path))
}

/// Replaces a file that only the owner may read (mode 0600).
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), CryptoError> {
    replace(path, content, 0o600).map_err(CryptoError::file(path))
}

/// Replaces a file that everyone may read (mode 0644): certificates.
pub fn write_public(path: &Path, content: &[u8]) -> Result<(), CryptoError> {
    replace(path, content, 0o644).map_err(CryptoError::file(path))
}

/// Reads a private file; none when it does not exist. A mode that lets others in (a restored backup) is narrowed.
pub fn read_private(path: &Path) -> Result<Option<SecretText>, CryptoError> {
    let read = || -> io::Result<SecretText> {
        let file = File::open(path)?;
        narrow(path, 0o600)?;
        let mut bytes = zeroize::Zeroizing::new(Vec::new());
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "too large for a key file"));
        }
        match str::from_utf8(&bytes) {
            Ok(text) => Ok(SecretText::new(text.to_owned())),
            Err(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "not a text file")),
        }
    };
    match read() {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CryptoError::file(path)(error)),
    }
}

/// A temporary file beside the target, synced, renamed over it, and the directory synced: after a crash the file is
/// the old one or the new one.
fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = temporary_beside(path)?;
    let written = write_new(&temporary, content, mode).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary); // the failure itself is what the caller must hear of
    }
    written?;
    sync_directory(directory)
}

fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let tag: [u8; 8] = crate::random_bytes().map_err(io::Error::other)?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.tmp", hex::encode(tag)));
    Ok(path.with_file_name(temporary))
}

fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    set_mode(&file, mode)?;
    file.sync_all()
}

#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

/// Takes away what `mode` does not grant.
#[cfg(unix)]
fn narrow(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let now = fs::metadata(path)?.permissions().mode() & 0o777;
    if now & !mode == 0 {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(now & mode))
}

#[cfg(not(unix))]
fn narrow(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path)?.sync_all()
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn modes_are_narrow_from_the_first_byte() {
        let home = tempfile::tempdir().unwrap();
        let keys = home.path().join("a/keys");
        private_directory(&keys).unwrap();
        assert_eq!(mode(&keys), 0o700);
        write_private(&keys.join("k"), b"one").unwrap();
        write_public(&keys.join("c"), b"two").unwrap();
        assert_eq!((mode(&keys.join("k")), mode(&keys.join("c"))), (0o600, 0o644));
    }

    #[test]
    fn wide_modes_of_a_restored_copy_are_narrowed() {
        let home = tempfile::tempdir().unwrap();
        let (directory, file) = (home.path().join("keys"), home.path().join("keys/k"));
        private_directory(&directory).unwrap();
        write_private(&file, b"one").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o664)).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        private_directory(&directory).unwrap();
        assert_eq!(read_private(&file).unwrap().unwrap().expose(), "one");
        assert_eq!((mode(&directory), mode(&file)), (0o700, 0o600));
    }

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("k");
        assert!(read_private(&file).unwrap().is_none());
        for content in ["first", "second, longer", "3"] {
            write_private(&file, content.as_bytes()).unwrap();
            assert_eq!(read_private(&file).unwrap().unwrap().expose(), content);
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn failures_name_the_file() {
        let home = tempfile::tempdir().unwrap();
        let error = write_private(&home.path().join("none/k"), b"x").unwrap_err().to_string();
        assert!(error.contains("none/k"), "{error}");
        let big = home.path().join("big");
        fs::write(&big, vec![b'x'; 2 << 20]).unwrap();
        assert!(read_private(&big).is_err());
        fs::write(&big, [0xff, 0xfe]).unwrap();
        assert!(read_private(&big).is_err());
    }
}
