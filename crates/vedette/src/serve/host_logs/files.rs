//! Log files that a syslog daemon writes, followed through rotation.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;

use collect::{LogLines, Received};
use serde_json::{Map, Value, json};

use super::{EVERY, Reader};

/// Files and the facility of lines that name none.
const FILES: &[(&str, Option<&str>)] = &[
    ("/var/log/syslog", None),
    ("/var/log/messages", None),
    ("/var/log/auth.log", Some("auth")),
    ("/var/log/secure", Some("authpriv")),
];
/// Bytes of the past that a first start takes in.
const FIRST_BYTES: u64 = 1 << 20;
/// Most bytes read at once.
const CHUNK: u64 = 1 << 20;

/// The files that this process may read.
pub(super) fn readable() -> Vec<&'static str> {
    FILES.iter().map(|(path, _)| *path).filter(|path| File::open(path).is_ok()).collect()
}

/// Follows the files until the server ends.
pub(super) fn follow(reader: &Reader, paths: &[&'static str]) {
    let mut places = match reader.position().get("files") {
        Some(Value::Object(places)) => places.clone(),
        _ => Map::new(),
    };
    while reader.pause(EVERY) {
        let mut moved = false;
        for path in paths {
            match advance(reader, path, &mut places) {
                Ok(more) => moved |= more,
                Err(error) => tracing::debug!(path, %error, "a log file cannot be read now"),
            }
        }
        if moved {
            reader.keep_position(&json!({ "files": places }));
        }
    }
}

/// Stores what is new in a file; true when there was something.
fn advance(reader: &Reader, path: &str, places: &mut Map<String, Value>) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    let (inode, size) = (file.metadata()?.ino(), file.metadata()?.len());
    let known = places.get(path);
    let number = |name: &str| known.and_then(|k| k.get(name)).and_then(Value::as_u64);
    let offset = match (number("inode"), number("offset")) {
        (Some(known), Some(offset)) if known == inode && offset <= size => offset,
        (Some(_), _) => 0, // rotated or cut off: a new file
        _ => size.saturating_sub(FIRST_BYTES),
    };
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(CHUNK).read_to_end(&mut bytes)?;
    // Whole lines; a line longer than a chunk is taken in pieces.
    let end = bytes.iter().rposition(|b| *b == b'\n').map(|at| at + 1);
    let end = end.unwrap_or(if bytes.len() as u64 == CHUNK { bytes.len() } else { 0 });
    bytes.truncate(end);
    let facility = FILES.iter().find(|(p, _)| *p == path).and_then(|(_, facility)| *facility);
    let received = Received {
        collector: Some(&reader.host),
        facility,
        ..Received::at(reader.house.clock.now())
    };
    let mut lines = LogLines::new(received);
    bytes
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .for_each(|line| lines.push_bytes(line));
    let (parts, _) = lines.finish();
    if !reader.store(&parts) {
        return Ok(false);
    }
    let moved = end > 0 || known.is_none();
    places.insert(path.to_owned(), json!({ "inode": inode, "offset": offset + end as u64 }));
    Ok(moved)
}
