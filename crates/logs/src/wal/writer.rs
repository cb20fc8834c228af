//! The one thread that writes the log: whatever waits is written together and synced once.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use arrow_buffer::Buffer;
use model::{Clock, TablesError};
use tokio::sync::oneshot;

use super::files::Files;
use super::record::{Header, TableEnd, write_file_head};
use crate::batch_ids::Ticket;
use crate::budget::Reserved;
use crate::disk::DiskFile;
use crate::memory::{MemoryBatch, Run};
use crate::table::Table;
use crate::tasks::apart;

/// Most bytes written before a sync.
const GROUP_BYTES_MAX: usize = 16 << 20;
/// How long the thread that writes waits for more to do.
const REST: Duration = Duration::from_millis(500);
/// Payloads from this size on are written by themselves rather than copied together.
const DIRECT_BYTES: usize = 256 << 10;

/// Rows to be made durable.
pub(crate) struct Pending {
    /// Where they go.
    pub table: Arc<Table>,
    /// The encoded rows.
    pub payload: Buffer,
    /// CRC-32 of the payload.
    pub crc: u32,
    /// The same rows, to be queried. The number of the first is not known yet.
    pub batch: MemoryBatch,
    /// Identity of the append, where the sender gave one.
    pub ticket: Option<Ticket>,
    /// Their share of the memory budget.
    pub reserved: Reserved,
    /// Told how it went.
    pub done: oneshot::Sender<Result<(), Arc<TablesError>>>,
}

impl Pending {
    fn fail(self, error: &Arc<TablesError>) {
        if let Some(ticket) = self.ticket {
            ticket.failed(Arc::clone(error));
        }
        let _ = self.done.send(Err(Arc::clone(error))); // the caller may be gone
    }
}

/// What the writer is asked to do.
pub(crate) enum Message {
    /// Make rows durable and visible.
    Append(Box<Pending>),
    /// Run this while no append is under way.
    Run(Box<dyn FnOnce(u64) + Send>),
    /// Begin a new file with the next append, so that the one under writing can be removed once it is used up.
    Rotate,
    /// Finish what came before and end.
    Stop,
}

/// The log under writing.
pub(crate) struct Writer {
    files: Arc<Files>,
    clock: Arc<dyn Clock>,
    file_bytes_max: u64,
    next_row: u64,
    /// Last acknowledged row of each table with unsealed rows, for the head of the next file.
    ends: Box<dyn Fn() -> Vec<TableEnd> + Send>,
    open: Option<OpenFile>,
}

struct OpenFile {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    /// Length up to the last acknowledged record.
    good_bytes: u64,
}

/// A record's place in a group.
struct Placed {
    first_row: u64,
    bytes: u64,
}

impl Writer {
    /// A log whose next row has this number. The first file is begun with the first append.
    pub(crate) fn new(
        files: &Arc<Files>,
        clock: &Arc<dyn Clock>,
        file_bytes_max: u64,
        next_row: u64,
        ends: Box<dyn Fn() -> Vec<TableEnd> + Send>,
    ) -> Self {
        let (files, clock) = (Arc::clone(files), Arc::clone(clock));
        Self { files, clock, file_bytes_max, next_row, ends, open: None }
    }

    /// Works until told to stop, or until nobody can send any more. A thread that had nothing to do for a while ends; the
    /// next message begins another.
    pub(crate) fn run(mut self, mut messages: Receiver<Message>) {
        while let Ok(first) = messages.recv() {
            let mut first = Some(first);
            let (writer, messages) = (&mut self, &mut messages);
            if !apart("logs-writer", || writer.work(first.take(), messages)) {
                return;
            }
        }
    }

    /// Works while messages come; false when told to stop.
    fn work(&mut self, first: Option<Message>, messages: &mut Receiver<Message>) -> bool {
        let mut waiting = first;
        while let Some(first) = waiting.take().or_else(|| messages.recv_timeout(REST).ok()) {
            let mut group: Vec<Pending> = Vec::new();
            let mut bytes = 0;
            let mut next = Some(first);
            let mut after = None;
            while let Some(message) = next.take() {
                match message {
                    Message::Append(pending) => {
                        bytes += pending.payload.len();
                        group.push(*pending);
                    }
                    other => {
                        after = Some(other);
                        break;
                    }
                }
                if bytes < GROUP_BYTES_MAX {
                    next = messages.try_recv().ok();
                }
            }
            self.commit(group);
            match after {
                Some(Message::Run(work)) => work(self.next_row),
                Some(Message::Rotate) => self.close(),
                Some(Message::Stop) => return false,
                _ => {}
            }
        }
        true
    }

    /// Makes a group durable, then visible, then acknowledges it: all or nothing.
    fn commit(&mut self, group: Vec<Pending>) {
        let (mut group, gone): (Vec<_>, Vec<_>) =
            group.into_iter().partition(|p| !p.table.is_dropped());
        for pending in gone {
            let name = pending.table.name.to_string();
            pending.fail(&Arc::new(TablesError::UnknownTable(name)));
        }
        if group.is_empty() {
            return;
        }
        let placed = match self.write(&mut group) {
            Ok(placed) => placed,
            Err(error) => {
                tracing::error!(%error, "rows could not be written to the log");
                let error = Arc::new(TablesError::Unwritable(error.to_string()));
                group.into_iter().for_each(|pending| pending.fail(&error));
                return;
            }
        };
        let now = self.clock.now();
        for (mut pending, place) in group.into_iter().zip(placed) {
            if let Some(run) = pending.batch.runs.first_mut() {
                run.first_row = place.first_row;
            }
            let last_row = pending.batch.last_row();
            self.files.add(&pending.table.key, last_row, place.bytes);
            pending.table.apply(pending.batch, pending.reserved, now);
            if let Some(ticket) = pending.ticket {
                ticket.stored(now);
            }
            let _ = pending.done.send(Ok(())); // the caller may be gone; the rows are stored all the same
        }
        if self.open.as_ref().is_some_and(|open| open.good_bytes >= self.file_bytes_max) {
            self.close();
        }
    }

    fn close(&mut self) {
        self.open = None;
        self.files.close();
    }

    fn write(&mut self, group: &mut [Pending]) -> Result<Vec<Placed>, crate::Error> {
        if self.open.is_none() {
            self.begin()?;
        }
        // Row numbers of a write that fails stay unused: its bytes may have reached the disk.
        let mut placed = Vec::with_capacity(group.len());
        let mut previous: Vec<(Arc<str>, u64)> = Vec::new();
        let mut headers = Vec::with_capacity(group.len());
        for pending in group.iter() {
            let key = &pending.table.key;
            let known = previous.iter().position(|(k, _)| k == key);
            let before = known.map_or_else(|| pending.table.last_row(), |at| previous[at].1);
            let header = self.header(pending, before);
            match known {
                Some(at) => previous[at].1 = header.last_row(),
                None => previous.push((Arc::clone(key), header.last_row())),
            }
            self.next_row = header.last_row() + 1;
            headers.push(header);
        }
        let Some(open) = self.open.as_mut() else { return Ok(placed) };
        let mut written = 0;
        let result = write_records(&mut *open.file, group, &headers, &mut placed, &mut written)
            .map_err(|e| (false, e))
            .and_then(|()| open.file.sync().map_err(|e| (true, e)));
        match result {
            Ok(()) => {
                open.good_bytes += written;
                Ok(placed)
            }
            Err((synced, error)) => {
                let failed = crate::Error::disk("write", &open.path, error);
                // Take the record back. After a failed sync nothing is known of the file any more: leave it as well.
                let cut = open.file.truncate(open.good_bytes);
                if synced || cut.is_err() {
                    self.close();
                }
                Err(failed)
            }
        }
    }

    fn header(&self, pending: &Pending, previous: u64) -> Header {
        let run = pending.batch.runs.first();
        let Run { rows, received, .. } =
            run.copied().unwrap_or(Run { rows: 0, first_row: 0, received: 0, batch: None });
        Header {
            workspace: pending.table.workspace.to_string(),
            table: pending.table.name.to_string(),
            rows: rows as u32,
            first_row: self.next_row,
            previous,
            received,
            batch: pending.ticket.as_ref().map_or(0, |t| t.key),
            payload_bytes: pending.payload.len() as u32,
            payload_crc: pending.crc,
        }
    }

    /// Begins a new file and makes its name durable.
    fn begin(&mut self) -> Result<(), crate::Error> {
        let folder = self.files.folder();
        let (mut number, disk) = (self.next_row, self.files.disk());
        let head = write_file_head(self.next_row, &(self.ends)());
        let begin = |path: &Path| -> io::Result<Box<dyn DiskFile>> {
            let mut file = disk.create(path)?;
            let written = file
                .write_all(&head)
                .and_then(|()| file.sync())
                .and_then(|()| disk.sync_folder(folder));
            if let Err(error) = written {
                let _ = disk.remove(path);
                return Err(error);
            }
            Ok(file)
        };
        loop {
            let path = folder.join(format!("{number:016x}.wal"));
            match begin(&path) {
                Ok(file) => {
                    self.files.begin(&path);
                    self.next_row = number;
                    self.open = Some(OpenFile { file, path, good_bytes: head.len() as u64 });
                    return Ok(());
                }
                // Left behind by a failed write: skip its number.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(e) => return Err(crate::Error::disk("begin", &path, e)),
            }
        }
    }
}

fn write_records(
    file: &mut dyn DiskFile,
    group: &[Pending],
    headers: &[Header],
    placed: &mut Vec<Placed>,
    written: &mut u64,
) -> io::Result<()> {
    let mut together = Vec::new();
    for (pending, header) in group.iter().zip(headers) {
        let before = together.len();
        header.write(&mut together);
        let head_bytes = (together.len() - before) as u64;
        let payload = pending.payload.as_slice();
        placed
            .push(Placed { first_row: header.first_row, bytes: head_bytes + payload.len() as u64 });
        *written += head_bytes + payload.len() as u64;
        if payload.len() < DIRECT_BYTES {
            together.extend_from_slice(payload);
        } else {
            file.write_all(&together)?;
            together.clear();
            file.write_all(payload)?;
        }
    }
    file.write_all(&together)
}
