//! Log files that a syslog daemon writes, followed through rotation.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
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
    let known = reader.position();
    let mut followed: Vec<Followed> = paths
        .iter()
        .map(|path| Followed::new(path, known.get("files").and_then(|f| f.get(*path))))
        .collect();
    while reader.pause(EVERY) {
        let mut moved = false;
        for file in &mut followed {
            match file.advance(reader) {
                Ok(more) => moved |= more,
                Err(error) => {
                    tracing::debug!(path = file.path, %error, "a log file cannot be read now");
                }
            }
        }
        if moved {
            let places: Map<String, Value> = followed.iter().map(Followed::place).collect();
            reader.keep_position(&json!({ "files": places }));
        }
    }
}

/// A path, and the file that was found there last: it is read to its end after another took its place.
struct Followed {
    path: &'static str,
    file: Option<File>,
    inode: u64,
    offset: u64,
    /// Nothing is known from an earlier run.
    fresh: bool,
}

impl Followed {
    fn new(path: &'static str, known: Option<&Value>) -> Self {
        let number = |name: &str| known.and_then(|k| k.get(name)).and_then(Value::as_u64);
        let (inode, offset) = (number("inode"), number("offset"));
        let fresh = inode.is_none() || offset.is_none();
        let mut followed = Self {
            path,
            file: None,
            inode: inode.unwrap_or(0),
            offset: offset.unwrap_or(0),
            fresh,
        };
        // Rotated while nobody read: the rest stands in the file's first successor.
        let candidates = [path.to_owned(), format!("{path}.1")];
        let open = |path: &String| {
            let file = File::open(path).ok()?;
            (file.metadata().ok()?.ino() == followed.inode).then_some(file)
        };
        followed.file = candidates.iter().find_map(open).filter(|_| !fresh);
        followed
    }

    fn place(&self) -> (String, Value) {
        (self.path.to_owned(), json!({ "inode": self.inode, "offset": self.offset }))
    }

    /// Stores what is new; true when the place moved.
    fn advance(&mut self, reader: &Reader) -> io::Result<bool> {
        let mut moved = false;
        loop {
            let rotated = self.is_replaced();
            let Some(file) = &mut self.file else { break };
            if self.offset > file.metadata()?.len() {
                self.offset = 0; // cut off and written anew
            }
            file.seek(SeekFrom::Start(self.offset))?;
            let mut bytes = Vec::new();
            file.take(CHUNK).read_to_end(&mut bytes)?;
            let is_chunk = bytes.len() as u64 == CHUNK;
            // Whole lines; what is too long for one chunk, or will never be completed, is taken as it is.
            let whole = bytes.iter().rposition(|b| *b == b'\n').map(|at| at + 1);
            let end = whole.unwrap_or(if is_chunk || rotated { bytes.len() } else { 0 });
            let end = if rotated && !is_chunk { bytes.len() } else { end };
            bytes.truncate(end);
            if end > 0 {
                if !store(reader, self.path, &bytes) {
                    return Ok(moved);
                }
                self.offset += end as u64;
                moved = true;
            } else if rotated {
                self.file = None;
                break;
            } else {
                return Ok(moved);
            }
        }
        Ok(self.open()? || moved)
    }

    /// True when another file stands at the path.
    fn is_replaced(&self) -> bool {
        std::fs::metadata(self.path).is_ok_and(|m| m.ino() != self.inode)
    }

    /// Turns to the file at the path.
    fn open(&mut self) -> io::Result<bool> {
        let file = File::open(self.path)?;
        let (inode, size) = (file.metadata()?.ino(), file.metadata()?.len());
        self.offset = if self.fresh { size.saturating_sub(FIRST_BYTES) } else { 0 };
        (self.inode, self.file, self.fresh) = (inode, Some(file), false);
        Ok(true)
    }
}

fn store(reader: &Reader, path: &str, bytes: &[u8]) -> bool {
    let facility = FILES.iter().find(|(p, _)| *p == path).and_then(|(_, facility)| *facility);
    let received = Received {
        collector: Some(&reader.host),
        facility,
        ..Received::at(reader.house.clock.now())
    };
    let mut lines = LogLines::new(received);
    let each = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    each.for_each(|line| lines.push_bytes(line));
    let (parts, _) = lines.finish();
    reader.store(&parts)
}
