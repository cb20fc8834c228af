//! The one thread that writes the journal: whatever waits is written together and synced once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::chain::{self, Chain};
use super::journal::{Group, Journal, Refused, Row};
use super::pages::SystemPages;
use super::{AuditRecord, Entry, Job, Shared};

/// Most entries written together.
const BATCH_MAX: usize = 1_000;
/// How long rows that are owed wait for the next try, when nobody else comes.
const RETRY: Duration = Duration::from_secs(1);
/// Longest wait for the tables to take the rows of the file whose turn it is.
const TURN: Duration = Duration::from_secs(10);

type Done = oneshot::Sender<Result<u64, String>>;

/// Starts the thread.
pub(super) fn start(shared: &Arc<Shared>) {
    let (own, runtime) = (Arc::clone(shared), Handle::current());
    let work = move || {
        let mut writer = Writer { shared: own, runtime, open: None, owed: Vec::new() };
        writer.run();
    };
    if let Err(error) = std::thread::Builder::new().name("vault-audit".into()).spawn(work) {
        tracing::error!(%error, "the writer of the audit log cannot be started");
        shared.queue.lock().closed = true;
    }
}

struct Writer {
    shared: Arc<Shared>,
    runtime: Handle,
    open: Option<(Journal, Chain)>,
    /// Rows that end changes and could not be written: they come first.
    owed: Vec<(AuditRecord, u64)>,
}

impl Writer {
    fn run(&mut self) {
        // what an earlier run left goes into the tables at once, not with the first call
        if let Err(error) = self.open() {
            tracing::error!(error, "the audit journal cannot be opened");
        }
        while let Some(batch) = self.take() {
            self.write(batch);
        }
        self.shared.parcels.close();
    }

    /// What waits; nothing once the log has ended.
    fn take(&self) -> Option<Vec<Entry>> {
        let mut queue = self.shared.queue.lock();
        while queue.entries.is_empty() {
            if queue.closed {
                return None;
            }
            if self.owed.is_empty() {
                self.shared.filled.wait(&mut queue);
            } else if self.shared.filled.wait_for(&mut queue, RETRY).timed_out() {
                break;
            }
        }
        let count = queue.entries.len().min(BATCH_MAX);
        Some(queue.entries.drain(..count).collect())
    }

    fn write(&mut self, batch: Vec<Entry>) {
        if let Err(why) = self.open() {
            return batch.into_iter().for_each(|entry| self.refuse(entry, &why));
        }
        let batch = match self.try_to_write(batch) {
            Ok(()) => return,
            Err((batch, why)) => {
                let ends = |entry: &Entry| matches!(entry.job, Job::Row { ends, .. } if ends != 0);
                let (ends, others): (Vec<_>, Vec<_>) = batch.into_iter().partition(ends);
                let refused = !others.is_empty();
                others.into_iter().for_each(|entry| self.refuse(entry, &why));
                match refused {
                    // room was kept for these
                    true => match self.try_to_write(ends) {
                        Ok(()) => return,
                        Err((ends, _)) => (ends, why),
                    },
                    false => (ends, why),
                }
            }
        };
        let (ends, why) = batch;
        ends.into_iter().for_each(|entry| self.refuse(entry, &why));
    }

    fn refuse(&mut self, entry: Entry, why: &str) {
        if let Job::Row { record, ends } = entry.job
            && ends != 0
        {
            self.owed.push((*record, ends));
        }
        if let Some(done) = entry.done {
            let _ = done.send(Err(why.to_owned())); // a client that went away waits no more
        }
    }

    /// Writes a batch, those who are owed first; gives it back when the disk does not take it.
    fn try_to_write(&mut self, batch: Vec<Entry>) -> Result<(), (Vec<Entry>, String)> {
        let Some((journal, before)) = &mut self.open else {
            return Err((batch, "the journal is not open".into()));
        };
        if batch.is_empty() && self.owed.is_empty() {
            return Ok(());
        }
        let mut chain = before.clone();
        let proof = self.shared.house.keyring.audit_key().ok();
        let mut group = Group::default();
        let mut waiting: Vec<(Option<Done>, u64)> = Vec::with_capacity(batch.len());
        let mut row = |record: AuditRecord, ends: u64| {
            let link = chain.extend(&record, proof.as_deref());
            Row { record, link, ends }
        };
        let owed = self.owed.len();
        group.rows.extend(self.owed.drain(..).map(|(record, ends)| row(record, ends)));
        for entry in batch {
            let number = match entry.job {
                Job::Row { record, ends } => {
                    group.rows.push(row(*record, ends));
                    0
                }
                Job::Change(record) => {
                    let id = journal.new_change();
                    group.changes.push((id, *record));
                    id
                }
                Job::Mark => 0,
            };
            waiting.push((entry.done, number));
        }
        match written(&self.shared, journal, &group, before, &chain) {
            Ok(()) => {
                *before = chain.clone();
                self.shared.written.store(chain.sequence, Ordering::Release);
                let rows = group.rows.into_iter().map(|row| (row.record, row.link));
                self.shared.parcels.add(rows);
                for (done, number) in waiting {
                    if let Some(done) = done {
                        let _ = done.send(Ok(number)); // a client that went away waits no more
                    }
                }
                Ok(())
            }
            Err(why) => {
                let mut rows = group.rows.into_iter();
                self.owed.extend(rows.by_ref().take(owed).map(|row| (row.record, row.ends)));
                Err((given_back(rows, group.changes, waiting), why))
            }
        }
    }

    /// The journal, opened when it is not yet.
    fn open(&mut self) -> Result<(), String> {
        if self.open.is_some() {
            return Ok(());
        }
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
        self.owed = open.map(|(id, record)| (record.clone().unfinished(WHY), *id)).collect();
        self.shared.written.store(end.sequence, Ordering::Release);
        if recovered.rows.is_empty() {
            self.shared.stored.send_replace(end.sequence);
        }
        self.shared.parcels.recover(recovered.rows);
        self.open = Some((journal, end));
        if !self.owed.is_empty() {
            let _ = self.try_to_write(Vec::new()); // they stay owed otherwise
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

/// Writes a group, waiting for its file's turn.
fn written(
    shared: &Shared,
    journal: &mut Journal,
    group: &Group,
    before: &Chain,
    after: &Chain,
) -> Result<(), String> {
    let until = Instant::now() + TURN;
    loop {
        let stored = *shared.stored.borrow();
        match journal.write(group, before, after, stored) {
            Ok(()) => return Ok(()),
            Err(Refused::Disk(error)) => return Err(error.to_string()),
            Err(Refused::NotYet) => {
                if let Some(why) = shared.failing.lock().clone() {
                    return Err(why);
                }
                if Instant::now() > until {
                    return Err("the tables are too slow for the journal".into());
                }
                shared.hurry.notify_one();
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// The batch again, from what was made of it.
fn given_back(
    rows: impl Iterator<Item = Row>,
    changes: Vec<(u64, AuditRecord)>,
    waiting: Vec<(Option<Done>, u64)>,
) -> Vec<Entry> {
    let mut rows = rows.map(|row| Job::Row { record: Box::new(row.record), ends: row.ends });
    let mut changes = changes.into_iter().map(|(_, record)| Job::Change(Box::new(record)));
    let entry = |(done, number): (Option<Done>, u64)| {
        let job = if number == 0 { rows.next() } else { changes.next() };
        Entry { job: job.unwrap_or(Job::Mark), done }
    };
    waiting.into_iter().map(entry).collect()
}
