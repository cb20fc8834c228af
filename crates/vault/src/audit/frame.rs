//! How the journal's frames look in bytes.
//!
//! # Format 2
//! All numbers little endian; a text is a length u32 and its bytes.
//! ```text
//! frame   "VAJ1", length of the payload u32, CRC-32 u32 of (generation u64, place of the frame in the file u64,
//!         payload), payload
//! head    first payload of a file, with 0 for the generation of its checksum:
//!         format u16, generation u64, sequence u64 and digest [32] of the last row before, changes begun and not
//!         finished u32 times (id u64, record)
//! group   every other payload: rows up to this sequence are in the tables u64, sequence u64 and digest [32] of the
//!         last row before, entries until the end: 3, id of the change that it ends u64 (0: none), digest [32], proof
//!         (u8, then [32] if 1), record; or 4, id of a change u64, record
//! record  time i64 (ticks), status u16, duration u64 (ms), twelve texts
//! ```
//! Format 1 had records of eleven texts, without the user's name, in entries 1 and 2; these are read as well.
//!
//! The generation in the checksum tells frames of this use of a file from older ones that stand behind them.

use model::DateTime;

use super::row::{AuditRecord, RecordRef};

/// Version of the format.
pub(super) const FORMAT: u16 = 2;
const MAGIC: &[u8; 4] = b"VAJ1";
/// Bytes before a frame's payload.
const PREFIX: usize = 12;
const ROW: u8 = 3;
const CHANGE: u8 = 4;
/// Entries of format 1.
const ROW_1: u8 = 1;
const CHANGE_1: u8 = 2;

/// What a frame of entries says before them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct GroupHead {
    /// Rows up to this one are in the tables.
    pub(super) stored: u64,
    /// The last row before the frame's.
    pub(super) sequence: u64,
    /// Its digest.
    pub(super) digest: [u8; 32],
}

/// What a file says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileHead {
    pub(super) generation: u64,
    /// The last row before the file's.
    pub(super) sequence: u64,
    pub(super) digest: [u8; 32],
    /// Changes begun and not finished.
    pub(super) open: Vec<(u64, AuditRecord)>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A row of the chain.
    Row { ends: u64, digest: [u8; 32], proof: Option<[u8; 32]>, record: AuditRecord },
    /// A change is about to be carried out.
    Change { id: u64, record: AuditRecord },
}

/// A frame under writing: what comes is put behind what is there.
pub(super) struct FrameWriter {
    bytes: Vec<u8>,
    start: usize,
}

impl FrameWriter {
    pub(super) fn begin(mut bytes: Vec<u8>) -> Self {
        let start = bytes.len();
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[0; 8]);
        Self { bytes, start }
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Bytes that stood there before the frame.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    pub(super) fn file_head(&mut self, head: &FileHead) {
        self.put(&FORMAT.to_le_bytes());
        self.put(&head.generation.to_le_bytes());
        self.put(&head.sequence.to_le_bytes());
        self.put(&head.digest);
        self.put(&(head.open.len() as u32).to_le_bytes());
        for (id, record) in &head.open {
            self.put(&id.to_le_bytes());
            self.record(record);
        }
    }

    pub(super) fn group_head(&mut self, head: &GroupHead) {
        self.put(&head.stored.to_le_bytes());
        self.put(&head.sequence.to_le_bytes());
        self.put(&head.digest);
    }

    pub(super) fn row(
        &mut self,
        ends: u64,
        digest: &[u8; 32],
        proof: Option<&[u8; 32]>,
        record: &AuditRecord,
    ) {
        self.bytes.push(ROW);
        self.put(&ends.to_le_bytes());
        self.put(digest);
        match proof {
            Some(proof) => {
                self.bytes.push(1);
                self.put(proof);
            }
            None => self.bytes.push(0),
        }
        self.record(record);
    }

    pub(super) fn change(&mut self, id: u64, record: &AuditRecord) {
        self.bytes.push(CHANGE);
        self.put(&id.to_le_bytes());
        self.record(record);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn record(&mut self, record: &AuditRecord) {
        pack(record, &mut self.bytes);
    }

    /// Completes the frame, which will stand at this place of its file.
    pub(super) fn end(mut self, generation: u64, at: u64) -> Vec<u8> {
        let from = self.start + PREFIX;
        let payload = self.bytes.get(from..).unwrap_or_default();
        let (length, crc) = (payload.len() as u32, checksum(generation, at, payload));
        for (offset, value) in [(4, length), (8, crc)] {
            let place = self.start + offset;
            if let Some(bytes) = self.bytes.get_mut(place..place + 4) {
                bytes.copy_from_slice(&value.to_le_bytes());
            }
        }
        self.bytes
    }
}

/// Records as frames have them, one behind another in one piece of memory.
pub(super) fn unpacked(bytes: &[u8]) -> impl Iterator<Item = RecordRef<'_>> {
    let mut reader = Reader(bytes);
    std::iter::from_fn(move || reader.record(FORMAT))
}

/// Puts a record behind what is there.
pub(super) fn pack(record: &AuditRecord, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&record.time.ticks().to_le_bytes());
    bytes.extend_from_slice(&record.status.to_le_bytes());
    bytes.extend_from_slice(&record.duration_ms.to_le_bytes());
    for text in texts(record) {
        bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
}

fn texts(record: &AuditRecord) -> [&str; 12] {
    [
        &record.resource,
        &record.operation,
        &record.description,
        &record.source,
        &record.correlation_id,
        &record.object_id,
        &record.app_id,
        &record.uri,
        &record.id,
        &record.agent,
        &record.api_version,
        &record.user_name,
    ]
}

fn checksum(generation: u64, at: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&generation.to_le_bytes());
    hasher.update(&at.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// The payload of the frame at a place, and where the next one begins; none where no whole frame stands.
pub(super) fn frame_at(bytes: &[u8], at: usize, generation: u64) -> Option<(&[u8], usize)> {
    let prefix = bytes.get(at..at.checked_add(PREFIX)?)?;
    let mut reader = Reader(prefix);
    if reader.array::<4>()? != *MAGIC {
        return None;
    }
    let (length, crc) = (reader.u32()?, reader.u32()?);
    let start = at + PREFIX;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    let payload = bytes.get(start..end)?;
    (checksum(generation, at as u64, payload) == crc).then_some((payload, end))
}

/// Where the next whole frame behind a place begins.
pub(super) fn next_frame(bytes: &[u8], from: usize, generation: u64) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let starts = rest.windows(MAGIC.len()).enumerate().filter(|(_, w)| w == MAGIC);
    let mut starts = starts.map(|(offset, _)| from + offset);
    starts.find(|at| frame_at(bytes, *at, generation).is_some())
}

/// What a file's first payload says, or the format of a newer version.
pub(super) fn read_file_head(payload: &[u8]) -> Option<Result<FileHead, u16>> {
    let mut reader = Reader(payload);
    let format = reader.u16()?;
    if !(1..=FORMAT).contains(&format) {
        return Some(Err(format));
    }
    let (generation, sequence, digest) = (reader.u64()?, reader.u64()?, reader.array()?);
    let count = reader.u32()?;
    let mut open = Vec::new();
    for _ in 0..count {
        open.push((reader.u64()?, reader.record(format)?.to_record()));
    }
    Some(Ok(FileHead { generation, sequence, digest, open }))
}

/// What a frame of entries says; none for one that is not as it should be.
pub(super) fn read_group(payload: &[u8]) -> Option<(GroupHead, Vec<Entry>)> {
    let mut reader = Reader(payload);
    let head =
        GroupHead { stored: reader.u64()?, sequence: reader.u64()?, digest: reader.array()? };
    let mut entries = Vec::new();
    while !reader.0.is_empty() {
        let kind = reader.u8()?;
        let format = if matches!(kind, ROW_1 | CHANGE_1) { 1 } else { FORMAT };
        entries.push(match kind {
            ROW | ROW_1 => {
                let (ends, digest) = (reader.u64()?, reader.array()?);
                let proof = match reader.u8()? {
                    0 => None,
                    _ => Some(reader.array()?),
                };
                let record = reader.record(format)?.to_record();
                Entry::Row { ends, digest, proof, record }
            }
            CHANGE | CHANGE_1 => {
                Entry::Change { id: reader.u64()?, record: reader.record(format)?.to_record() }
            }
            _ => return None,
        });
    }
    Some((head, entries))
}

/// Takes bytes from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.u32()?).ok()?;
        str::from_utf8(self.take(length)?).ok()
    }

    /// As a format has it.
    fn record(&mut self, format: u16) -> Option<RecordRef<'a>> {
        let time = DateTime::from_ticks(i64::from_le_bytes(self.array()?));
        let (status, duration_ms) = (self.u16()?, self.u64()?);
        Some(RecordRef {
            time,
            status,
            duration_ms,
            resource: self.text()?,
            operation: self.text()?,
            description: self.text()?,
            source: self.text()?,
            correlation_id: self.text()?,
            object_id: self.text()?,
            app_id: self.text()?,
            uri: self.text()?,
            id: self.text()?,
            agent: self.text()?,
            api_version: self.text()?,
            user_name: if format > 1 { self.text()? } else { "" },
        })
    }
}
