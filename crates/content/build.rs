//! Lists the files of the repository's `content/` folder for embedding.
//!
//! A sorted list of (path, text) is all that is needed, so a walk over the folder replaces a crate for it.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Embedded by `tables.rs` itself.
const TABLES: &str = "tables";

#[allow(clippy::print_stdout)] // how a build script speaks to cargo
fn main() -> io::Result<()> {
    let crate_folder = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let content = Path::new(&crate_folder).join("../../content").canonicalize()?;
    println!("cargo::rerun-if-changed={}", content.display());
    let mut paths = Vec::new();
    for folder in entries(&content)? {
        if folder.is_dir() && folder.file_name().is_some_and(|name| name != TABLES) {
            walk(&folder, &mut paths)?;
        }
    }
    let mut files: Vec<(String, PathBuf)> =
        paths.into_iter().filter_map(|path| Some((relative(&content, &path)?, path))).collect();
    files.sort();
    let mut list = String::from("&[\n");
    for (name, path) in files {
        writeln!(list, "    ({name:?}, include_str!({:?})),", path.display().to_string())
            .map_err(io::Error::other)?;
    }
    list.push_str("]\n");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("files.rs"), list)
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect()
}

/// Files below `folder`, without notes to the reader and hidden ones.
#[allow(clippy::print_stdout)] // as above
fn walk(folder: &Path, into: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for path in entries(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            walk(&path, into)?;
        } else if name != "README.md" && !name.starts_with('.') {
            into.push(path);
        }
    }
    Ok(())
}

/// The path below `content/`, with forward slashes.
fn relative(content: &Path, path: &Path) -> Option<String> {
    let parts: Vec<_> =
        path.strip_prefix(content).ok()?.iter().map(|p| p.to_string_lossy()).collect();
    Some(parts.join("/"))
}
