//! The audit journal: where rows are first, before they go into the tables by the hundred. Two files take turns; a file
//! is used again once all of its rows are in the tables. Files are written in place, over bytes that are already theirs:
//! that syncs faster than a growing file, and a disk that fills up meanwhile takes nothing away. A row that is written
//! outlives the process; a flush makes it outlive the machine.

use std::collections::BTreeMap;
use std::io;

use super::chain::{Chain, Link};
use super::frame::{
    Entry, FileHead, FrameWriter, GroupHead, frame_at, next_frame, read_file_head, read_group,
};
use super::pages::{Flush, Pages};
use super::row::AuditRecord;

/// Most bytes of a file.
pub(super) const FILE_BYTES: u64 = 4 << 20;
/// Files grow by this.
const STEP: u64 = 256 << 10;
/// Room kept for the end of each change that was begun.
const END_BYTES: u64 = 8 << 10;

/// What is written together: everything in it is read back, or nothing.
#[derive(Default)]
pub(super) struct Group {
    pub(super) rows: Vec<Row>,
    pub(super) changes: Vec<(u64, AuditRecord)>,
}

/// A row with its place in the chain, and the change that it ends (0: none).
pub(super) struct Row {
    pub(super) record: AuditRecord,
    pub(super) link: Link,
    pub(super) ends: u64,
}

/// What was found at the start.
#[derive(Default)]
pub(super) struct Recovered {
    /// Rows that may not be in the tables.
    pub(super) rows: Vec<(AuditRecord, Link)>,
    /// Rows up to here are in the tables.
    pub(super) stored: u64,
    /// What does not read.
    pub(super) damage: Vec<String>,
}

/// Why a group was not written.
#[derive(Debug)]
pub(super) enum Refused {
    /// The disk does not take it.
    Disk(io::Error),
    /// The file's turn has come whose rows are not all in the tables yet.
    NotYet,
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// The two files.
pub(super) struct Journal {
    pages: [Box<dyn Pages>; 2],
    /// Bytes that each file has.
    lengths: [u64; 2],
    /// The last row in each file.
    last_rows: [u64; 2],
    /// Files with bytes that were not flushed.
    dirty: [bool; 2],
    /// The file under writing could not be flushed, and nothing is in the other one yet.
    left: bool,
    /// The file under writing; none before the first.
    at: Option<usize>,
    generation: u64,
    position: u64,
    chain: Option<Chain>,
    /// Changes begun and not finished.
    open: BTreeMap<u64, AuditRecord>,
    next_change: u64,
    buffer: Vec<u8>,
}

impl Journal {
    /// Reads what is there.
    pub(super) fn open(mut pages: [Box<dyn Pages>; 2]) -> io::Result<(Self, Recovered)> {
        let mut recovered = Recovered::default();
        let [one, two] = &mut pages;
        let bytes = [one.read()?, two.read()?];
        let lengths = [bytes[0].len() as u64, bytes[1].len() as u64];
        let mut journal = Self {
            pages,
            lengths,
            last_rows: [0; 2],
            // what an earlier run wrote may not be on the disk
            dirty: lengths.map(|length| length > 0),
            left: false,
            at: None,
            generation: 0,
            position: 0,
            chain: None,
            open: BTreeMap::new(),
            next_change: 1,
            buffer: Vec::new(),
        };
        let mut files = Vec::new();
        for (at, bytes) in bytes.iter().enumerate() {
            if let Some((payload, end)) = frame_at(bytes, 0, 0)
                && let Some(head) = read_file_head(payload)
            {
                let head = head.map_err(|format| {
                    io::Error::other(format!(
                        "the audit journal has format {format}, which a newer version wrote"
                    ))
                })?;
                files.push((head, at, end));
            }
        }
        files.sort_by_key(|(head, ..)| head.generation);
        for (head, at, end) in files {
            journal.read_file(
                head,
                at,
                bytes.get(at).map_or(&[], Vec::as_slice),
                end,
                &mut recovered,
            );
        }
        let stored = recovered.stored;
        recovered.rows.retain(|(_, link)| link.sequence > stored);
        Ok((journal, recovered))
    }

    fn read_file(
        &mut self,
        head: FileHead,
        file: usize,
        bytes: &[u8],
        from: usize,
        recovered: &mut Recovered,
    ) {
        let before = Chain::from_raw(head.sequence, head.digest);
        if let Some(chain) = &self.chain
            && *chain != before
        {
            recovered.damage.push(format!(
                "rows {} to {} are missing between its files",
                chain.sequence + 1,
                before.sequence
            ));
        }
        let mut chain = before;
        self.open = head.open.into_iter().collect();
        let mut at = from;
        loop {
            let Some((payload, end)) = frame_at(bytes, at, head.generation) else {
                // the end, or damage when something whole stands behind it
                let Some(next) = next_frame(bytes, at, head.generation) else { break };
                recovered.damage.push(format!("{} bytes do not read", next - at));
                at = next;
                continue;
            };
            let Some((group, entries)) = read_group(payload) else {
                recovered.damage.push(format!("{} bytes make no sense", end - at));
                at = end;
                continue;
            };
            recovered.stored = recovered.stored.max(group.stored);
            chain = Chain::from_raw(group.sequence, group.digest);
            for entry in entries {
                match entry {
                    Entry::Row { ends, digest, proof, record } => {
                        let link = chain.follow(digest, proof);
                        self.open.remove(&ends);
                        recovered.rows.push((record, link));
                    }
                    Entry::Change { id, record } => {
                        self.next_change = self.next_change.max(id.saturating_add(1));
                        self.open.insert(id, record);
                    }
                }
            }
            at = end;
        }
        let newest = self.open.last_key_value().map_or(0, |(id, _)| *id);
        self.next_change = self.next_change.max(newest.saturating_add(1));
        self.last_rows[file] = chain.sequence;
        (self.at, self.generation, self.position) = (Some(file), head.generation, at as u64);
        self.chain = Some(chain);
    }

    /// The last row written; none when nothing ever was.
    pub(super) fn chain(&self) -> Option<&Chain> {
        self.chain.as_ref()
    }

    /// A number for a change.
    pub(super) fn new_change(&mut self) -> u64 {
        self.next_change += 1;
        self.next_change - 1
    }

    /// Changes that were begun and not finished.
    pub(super) fn open_changes(&self) -> &BTreeMap<u64, AuditRecord> {
        &self.open
    }

    /// Writes a group: rows that follow `before` and end at `after`. `stored` says up to which row the tables have
    /// them. A group that only ends changes may use the room that was kept for it.
    pub(super) fn write(
        &mut self,
        group: &Group,
        before: &Chain,
        after: &Chain,
        stored: u64,
    ) -> Result<(), Refused> {
        let only_ends = group.changes.is_empty() && group.rows.iter().all(|row| row.ends != 0);
        let head = GroupHead { stored, sequence: before.sequence, digest: before.raw_digest() };
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.clear();
        let (mut file, mut generation, mut position) =
            (self.at.unwrap_or(0), self.generation, self.position);
        let kept = END_BYTES * (self.open.len() + group.changes.len()) as u64;
        let mut frame = entries(bytes, &head, group);
        let needed = position + frame.len() as u64 + if only_ends { 0 } else { kept };
        if self.at.is_none() || needed > FILE_BYTES {
            if self.at.is_some() {
                file = 1 - file;
            }
            if self.last_rows[file] > stored {
                return Err(Refused::NotYet);
            }
            (generation, position) = (generation + 1, 0);
            let mut first = FrameWriter::begin(Vec::new());
            first.file_head(&FileHead {
                generation,
                sequence: before.sequence,
                digest: before.raw_digest(),
                open: self.open.iter().map(|(id, record)| (*id, record.clone())).collect(),
            });
            frame = entries(first.end(0, 0), &head, group);
        }
        let at = position + frame.start() as u64;
        let bytes = frame.end(generation, at);
        let end = position + bytes.len() as u64;
        if let Err(error) = self.grow(file, end + kept)
            && (end > self.lengths[file] || !only_ends)
        {
            return Err(error.into());
        }
        self.dirty[file] = true;
        self.pages[file].write(position, &bytes)?;
        self.left &= self.at == Some(file);
        (self.at, self.generation, self.position) = (Some(file), generation, end);
        self.last_rows[file] = after.sequence;
        self.chain = Some(after.clone());
        for row in &group.rows {
            self.open.remove(&row.ends);
        }
        self.open.extend(group.changes.iter().cloned());
        self.buffer = bytes;
        Ok(())
    }

    /// How everything written so far becomes durable, the older file first. Nothing does where a file was left, until the
    /// other one knows of the changes under way.
    pub(super) fn flushes(&mut self) -> io::Result<Vec<Flush>> {
        if self.left {
            return Err(io::Error::other("a file could not be flushed, and the other one waits"));
        }
        let newer = self.at.unwrap_or(0);
        let mut flushes = Vec::new();
        for file in [1 - newer, newer] {
            if self.dirty[file] {
                flushes.push(self.pages[file].flush()?);
                self.dirty[file] = false;
            }
        }
        Ok(flushes)
    }

    /// Goes on in the other file: this one could not be flushed, and what the system still has of it in memory may never
    /// reach the disk, whatever a later flush says.
    pub(super) fn leave_file(&mut self) {
        if self.at.is_some() {
            (self.left, self.position) = (true, FILE_BYTES);
        }
    }

    /// Fills a file with zeros up to where it is needed next, in steps.
    fn grow(&mut self, file: usize, needed: u64) -> io::Result<()> {
        while self.lengths[file] < needed {
            let at = self.lengths[file];
            self.pages[file].write(at, &vec![0; STEP as usize])?;
            self.lengths[file] = at + STEP;
        }
        Ok(())
    }
}

fn entries(bytes: Vec<u8>, head: &GroupHead, group: &Group) -> FrameWriter {
    let mut frame = FrameWriter::begin(bytes);
    frame.group_head(head);
    for (id, record) in &group.changes {
        frame.change(*id, record);
    }
    for Row { record, link, ends } in &group.rows {
        frame.row(*ends, &link.digest, link.proof.as_ref(), record);
    }
    frame
}

#[cfg(test)]
mod tests;
