//! Folders: temporary ones for stores, and the measuring kit beside the repository.

use std::path::{Path, PathBuf};

/// A folder that is deleted with this value.
#[derive(Debug)]
pub struct TempFolder(tempfile::TempDir);

/// A new empty folder, for a store or files.
pub fn temp_folder() -> TempFolder {
    TempFolder(
        tempfile::Builder::new().prefix("vedette-test-").tempdir().expect("temporary folder"),
    )
}

impl TempFolder {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A path inside.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file inside, with the folders above it, and gives its path.
    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        std::fs::create_dir_all(path.parent().expect("a path with a parent")).expect("folder");
        std::fs::write(&path, content).expect("file");
        path
    }
}

/// A path of the measuring kit beside the repository (`../shared`, or `VEDETTE_SHARED`); none, said aloud, where it is
/// not there.
#[allow(clippy::print_stderr)]
pub fn shared_kit(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("VEDETTE_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let found = root.join(path);
    if found.exists() {
        return Some(found);
    }
    eprintln!("SKIPPED: {} is not there; set VEDETTE_SHARED to the measuring kit", found.display());
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_gone_with_its_value() {
        let folder = temp_folder();
        let file = folder.write("a/b.txt", "x");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "x");
        drop(folder);
        assert!(!file.exists());
    }

    #[test]
    fn a_missing_part_of_the_kit_is_none() {
        assert_eq!(shared_kit("no/such/thing"), None);
    }
}
