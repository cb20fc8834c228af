//! What is written into the journal, in which order: each caller writes its own entry, without a thread between, and
//! whoever needs it on the disk waits for the one thread that flushes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::chain::{self, Chain};
use super::journal::{Group, Journal, Refused, Row};
use super::pages::{Flush, SystemPages};
use super::{AuditRecord, Job, Opening, Shared};

/// How long the thread waits before it tries again what failed.
const RETRY: Duration = Duration::from_secs(1);

/// Why an entry was not written.
pub(super) enum Unwritten {
    /// The disk does not take it.
    Refused(String),
    /// The tables must take some rows first.
    NotYet(Job),
    /// The journal is not open.
    Closed(Job),
}

/// The journal, once it is open, and what it is owed.
#[derive(Default)]
pub(super) struct Writer {
    open: Option<(Journal, Chain)>,
    /// Rows that end changes and could not be written: they come first.
    owed: Vec<(AuditRecord, u64)>,
    /// A change was begun since the journal was last flushed.
    changed: bool,
}

impl Writer {
    /// Writes an entry, behind what is owed; gives the number of a change that it begins. The end of a change that cannot
    /// be written stays owed.
    pub(super) fn write(&mut self, shared: &Shared, job: Job) -> Result<u64, Unwritten> {
        let Some((journal, before)) = &mut self.open else { return Err(Unwritten::Closed(job)) };
        let mut chain = before.clone();
        let proof = shared.house.keyring.audit_key().ok();
        let mut row = |record: AuditRecord, ends: u64| {
            let link = chain.extend(&record, proof.as_deref());
            Row { record, link, ends }
        };
        let owed = self.owed.len();
        let mut group = Group::default();
        group.rows.extend(self.owed.drain(..).map(|(record, ends)| row(record, ends)));
        let (mut number, begins) = (0, matches!(job, Job::Change(_)));
        match job {
            Job::Row { record, ends } => group.rows.push(row(*record, ends)),
            Job::Change(record) => {
                number = journal.new_change();
                group.changes.push((number, *record));
            }
            Job::Mark => {}
        }
        let refused = match journal.write(&group, before, &chain, *shared.stored.borrow()) {
            Ok(()) => {
                *before = chain;
                self.changed |= begins;
                shared.written.store(before.sequence, Ordering::Release);
                group.rows.into_iter().for_each(|row| shared.parcels.add(&row.record, row.link));
                return Ok(number);
            }
            Err(refused) => refused,
        };
        let mut rows = group.rows.into_iter();
        self.owed.extend(rows.by_ref().take(owed).map(|row| (row.record, row.ends)));
        let job = match (rows.next(), group.changes.pop()) {
            (Some(row), _) => Job::Row { record: Box::new(row.record), ends: row.ends },
            (None, Some((_, record))) => Job::Change(Box::new(record)),
            (None, None) => Job::Mark,
        };
        match refused {
            Refused::NotYet => Err(Unwritten::NotYet(job)),
            Refused::Disk(error) => {
                let is_mark = matches!(job, Job::Mark);
                self.owe(job);
                if owed > 0 && !is_mark {
                    let _ = self.write(shared, Job::Mark); // room was kept for what is owed
                }
                Err(Unwritten::Refused(error.to_string()))
            }
        }
    }

    /// How everything written so far becomes durable.
    pub(super) fn flushes(&mut self) -> std::io::Result<Vec<Flush>> {
        let flushes = self.open.as_mut().map_or(Ok(Vec::new()), |(journal, _)| journal.flushes());
        self.changed &= flushes.is_err();
        flushes
    }

    /// True where a change was begun since the journal was last flushed.
    pub(super) const fn has_changes(&self) -> bool {
        self.changed
    }

    /// What follows goes into the other file.
    pub(super) fn leave_file(&mut self) {
        if let Some((journal, _)) = &mut self.open {
            journal.leave_file();
            self.changed = true;
        }
    }

    /// Keeps the end of a change for later; other entries are let go.
    pub(super) fn owe(&mut self, job: Job) {
        if let Job::Row { record, ends: ends @ 1.. } = job {
            self.owed.push((*record, ends));
        }
    }
}

/// Starts the thread that opens the journal and flushes it.
pub(super) fn start(shared: &Arc<Shared>) {
    let thread = Flusher { shared: Arc::clone(shared), runtime: Handle::current() };
    let work = move || thread.run();
    if let Err(error) = std::thread::Builder::new().name("vault-audit".into()).spawn(work) {
        tracing::error!(%error, "the writer of the audit log cannot be started");
        let mut flushes = shared.flushes.lock();
        flushes.ended = true;
        shared.opening.send_replace(Opening::Failed);
    }
}

struct Flusher {
    shared: Arc<Shared>,
    runtime: Handle,
}

impl Flusher {
    fn run(self) {
        // what an earlier run left goes into the tables at once, not with the first call
        let mut is_open = self.try_to_open();
        loop {
            let Some(waiting) = self.take(is_open) else { break };
            is_open = is_open || self.try_to_open();
            let failed = self.shared.unflushed.lock().is_some();
            let owes = !self.shared.writer.lock().owed.is_empty();
            if owes || failed {
                let _ = self.shared.writer.lock().write(&self.shared, Job::Mark); // tried again later
            }
            if is_open && (failed || !waiting.is_empty()) {
                let flushed = self.shared.flush();
                for waiter in waiting {
                    let _ = waiter.send(flushed.clone()); // a client that went away waits no more
                }
            }
        }
        let _ = self.shared.flush(); // nobody is left to be told
        let mut flushes = self.shared.flushes.lock();
        flushes.ended = true;
        flushes.waiting.clear();
        drop(flushes);
        self.shared.parcels.close();
    }

    /// Opens the journal and says how that went.
    fn try_to_open(&self) -> bool {
        let opened = self.open();
        self.shared.opening.send_replace(match &opened {
            Ok(()) => Opening::Done,
            Err(why) => {
                tracing::error!(why, "the audit journal cannot be opened");
                Opening::Failed
            }
        });
        opened.is_ok()
    }

    /// Who waits for a flush; nobody when it is time to look again at what failed, none once the log has ended.
    fn take(&self, is_open: bool) -> Option<Vec<oneshot::Sender<Result<(), String>>>> {
        let mut flushes = self.shared.flushes.lock();
        if flushes.waiting.is_empty() && !flushes.closed {
            // looked at under the lock that is held by whoever says that something failed
            let failed = self.shared.unflushed.lock().is_some();
            let owes = !self.shared.writer.lock().owed.is_empty();
            match owes || failed || !is_open {
                true => drop(self.shared.wanted.wait_for(&mut flushes, RETRY)),
                false => self.shared.wanted.wait(&mut flushes),
            }
        }
        if flushes.waiting.is_empty() && flushes.closed {
            return None;
        }
        Some(std::mem::take(&mut flushes.waiting))
    }

    fn open(&self) -> Result<(), String> {
        let pages = SystemPages::in_folder(&self.shared.house.folder);
        let (journal, recovered) = Journal::open(pages).map_err(|e| e.to_string())?;
        for what in &recovered.damage {
            tracing::error!("the audit journal is damaged: {what}");
        }
        let noted = chain::noted(&self.shared.house)?.map(|(chain, _)| chain);
        let end = match (journal.chain().cloned(), noted) {
            // rows that the store knows of and the journal does not: it was taken away, or an old one put back
            (Some(chain), Some(noted)) if noted.sequence > chain.sequence => noted,
            (Some(chain), _) => chain,
            (None, _) => self.ask_tables()?,
        };
        const WHY: &str =
            "The server ended before the outcome was recorded; the change may have been made.";
        let open = journal.open_changes().iter();
        let owed = open.map(|(id, record)| (record.clone().unfinished(WHY), *id)).collect();
        self.shared.written.store(end.sequence, Ordering::Release);
        if recovered.rows.is_empty() {
            self.shared.stored.send_replace(end.sequence);
        }
        self.shared.parcels.recover(recovered.rows);
        let mut writer = self.shared.writer.lock();
        *writer = Writer { open: Some((journal, end)), owed, changed: true };
        if !writer.owed.is_empty() {
            let _ = writer.write(&self.shared, Job::Mark); // they stay owed otherwise
        }
        Ok(())
    }

    /// The end of the chain, where no journal tells it.
    fn ask_tables(&self) -> Result<Chain, String> {
        let (answer, answered) = std::sync::mpsc::channel();
        let shared = Arc::clone(&self.shared);
        self.runtime.spawn(async move {
            let _ = answer.send(chain::last(&shared.house).await); // the thread has ended
        });
        answered.recv().map_err(|e| e.to_string())?
    }
}
