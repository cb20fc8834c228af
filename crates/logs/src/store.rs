//! The log store: opens, takes rows, changes tables, ends in order.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arrow_buffer::Buffer;
use engine::source::TableSource;
use model::{AppendReceipt, AppendRequest, Feed, FunctionDefinition, TableInfo, TablesError};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::batch_ids::{Begun, Outcome, Ticket, batch_key};
use crate::codec;
use crate::columns::Named;
use crate::complete::complete;
use crate::core::{Core, Workspace};
use crate::error::Error;
use crate::manage::create_workspace;
use crate::memory::{MemoryBatch, Run};
use crate::options::Options;
use crate::recover::{recover, reserved_bytes};
use crate::scan::Source;
use crate::seal::seal;
use crate::segment::Asker;
use crate::table::{Damage, Table, query_cutoff};
use crate::tasks;
use crate::wal::{Message, Pending, TableEnd, Writer};

/// When to come again after the store was busy.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A log of fewer bytes is read back in no time.
const SHORT_LOG: u64 = 1 << 20;
/// Longest time for making the log shorter at the end.
const SHORTENING: Duration = Duration::from_secs(4);

/// Requests of more cells are encoded beside the caller's thread.
const INLINE_CELLS: usize = 50_000;

/// Tables of all workspaces on one disk. Ends in order when dropped.
pub struct LogStore {
    pub(crate) core: Arc<Core>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    spill_folder: PathBuf,
}

impl LogStore {
    /// Opens the store below `options.folder`: reads the catalogue and the log, no segment.
    pub fn open(options: &Options) -> Result<Arc<Self>, Error> {
        let core = Arc::new(Core::new(options));
        let next_row = recover(&core)?;
        let (sender, receiver) = channel();
        core.connect(sender);
        let ends = {
            let core = Arc::downgrade(&core);
            Box::new(move || core.upgrade().map_or_else(Vec::new, |core| table_ends(&core)))
        };
        let limit = options.limits.wal_file_bytes;
        let writer = Writer::new(&core.files, &core.clock, limit, next_row, ends);
        let store = Self {
            core: Arc::clone(&core),
            threads: Mutex::default(),
            spill_folder: options.folder.join("spill"),
        };
        store.spawn("logs-writer", move || writer.run(receiver))?;
        if options.limits.background {
            let (sealing, maintenance) = (Arc::clone(&core), core);
            store.spawn("logs-seal", move || tasks::run_sealing(&sealing))?;
            store.spawn("logs-merge", move || tasks::run_maintenance(&maintenance))?;
        }
        Ok(Arc::new(store))
    }

    fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let started = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        let thread = started
            .map_err(|source| Error::Disk { what: "cannot start a thread".into(), source })?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// Adds a workspace; one that exists stays as it is. Durable when it returns.
    pub fn create_workspace(&self, id: &str) -> Result<(), TablesError> {
        create_workspace(&self.core, id, None).map(drop)
    }

    /// Lets a feed catch up before a query reads one of its tables, for as long as the feed lives.
    pub fn add_feed(&self, feed: &Arc<dyn Feed>) {
        self.core.add_feed(feed);
    }

    /// Puts all rows into segments.
    pub fn flush(&self) -> Result<(), TablesError> {
        for table in self.core.all_tables() {
            seal(&self.core, &table)?;
        }
        self.core.rotate_used_log();
        Ok(())
    }

    /// Drops expired segments and merges small ones; gives how many of each. The background does so by itself.
    pub fn maintain(&self) -> Result<(usize, usize), TablesError> {
        Ok(tasks::maintain(&self.core)?)
    }

    /// Puts rows into segments where the next start would be long in reading them back from the log, the largest tables
    /// first, for a few seconds at most: whoever asks for the end does not wait for long.
    pub fn shorten_log(&self) {
        if self.core.files.bytes() < SHORT_LOG {
            return;
        }
        let until = Instant::now() + SHORTENING;
        let mut tables = self.core.all_tables();
        tables.sort_by_key(|table| std::cmp::Reverse(table.unsealed().bytes));
        for table in tables {
            if Instant::now() > until {
                break; // they are in the log
            }
            if let Err(error) = seal(&self.core, &table) {
                tracing::warn!(table = &*table.key, %error, "rows stay in the log until the next start");
                break;
            }
        }
        self.core.rotate_used_log();
    }

    /// Acknowledges what is under way and ends the background. Rows that are not in segments are read back from the
    /// log at the next start; appends fail from now on, queries go on.
    pub fn shutdown(&self) {
        self.core.stop();
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the log store ended badly");
            }
        }
    }

    /// Rows that cannot be read any more, of all tables.
    pub fn damage(&self) -> Vec<Damage> {
        let stray = self.core.stray_damage.lock().clone();
        self.core.all_tables().iter().flat_map(|t| t.damage()).chain(stray).collect()
    }

    /// Accepts that rows of a table are lost: queries on it answer again, without them.
    pub fn accept_damage(&self, workspace: &str, table: &str) -> Result<(), TablesError> {
        let table = self.existing(workspace, table)?;
        let mut damage = table.damage();
        damage.iter_mut().for_each(|d| d.accepted = true);
        self.core.catalogue.put_damage(&damage)?;
        table.accept_damage();
        Ok(())
    }

    /// A table as it is now, to be read without a query: rows not expired, those in memory included.
    pub fn source(
        &self,
        workspace: &str,
        table: &str,
    ) -> Result<Arc<dyn TableSource>, TablesError> {
        let table = self.existing(workspace, table)?;
        let snapshot = table.snapshot();
        let oldest = query_cutoff(&snapshot.info, self.core.clock.now());
        Ok(Arc::new(Source::new(snapshot, oldest, Asker::next())))
    }

    pub(crate) fn spill_folder(&self) -> PathBuf {
        self.spill_folder.clone()
    }

    pub(crate) fn workspace(&self, id: &str) -> Result<Arc<Workspace>, TablesError> {
        self.core.workspace(id).ok_or_else(|| TablesError::UnknownWorkspace(id.to_owned()))
    }

    fn existing(&self, workspace: &str, table: &str) -> Result<Arc<Table>, TablesError> {
        let workspace = self.workspace(workspace)?;
        self.core.table(&workspace, table)
    }

    pub(crate) async fn append_rows(
        &self,
        request: AppendRequest,
    ) -> Result<AppendReceipt, TablesError> {
        let workspace = self.workspace(&request.workspace)?;
        let info = self.core.info(&workspace, &request.table);
        let info = info.ok_or_else(|| TablesError::UnknownTable(request.table.to_string()))?;
        let Some(ticket) = self.register(&request).await? else {
            return Ok(AppendReceipt { rows: 0, duplicate: true });
        };
        let (rows, received) = (request.batch.rows, request.received.ticks());
        if rows == 0 {
            complete(&info, &request)?;
            return Ok(AppendReceipt { rows: 0, duplicate: false });
        }
        let table = self.core.table(&workspace, &request.table)?;
        let large = rows.saturating_mul(request.schema.len()) > INLINE_CELLS;
        let Prepared { payload, crc, columns } = if large {
            let prepared = tokio::task::spawn_blocking(move || prepare(&info, &request)).await;
            prepared.map_err(|_| TablesError::Invalid("the rows do not encode".into()))??
        } else {
            prepare(&info, &request)?
        };
        let bytes = reserved_bytes(payload.len(), rows, columns.len());
        let reserved = self.core.budget.take_within(bytes, self.core.limits.append_wait).await;
        let reserved = reserved.ok_or(TablesError::Busy { retry_after: RETRY_AFTER })?;
        let batch = ticket.as_ref().map(|t| t.key);
        let run = Run { rows, first_row: 0, received, batch };
        let (done, outcome) = oneshot::channel();
        let batch = MemoryBatch::new(columns, run);
        let pending = Pending { table, payload, crc, batch, ticket, reserved, done };
        if !self.core.send(Message::Append(Box::new(pending))) {
            return Err(TablesError::Unwritable("the log store has ended".into()));
        }
        if self.core.budget.is_tight() {
            self.core.wake();
        }
        match outcome.await {
            Ok(Ok(())) => Ok(AppendReceipt { rows, duplicate: false }),
            Ok(Err(error)) => Err(again(&error)),
            Err(_) => Err(TablesError::Unwritable("the log store has ended".into())),
        }
    }

    /// The right to store a batch (none is needed without an id); none when it is stored already.
    async fn register(
        &self,
        request: &AppendRequest,
    ) -> Result<Option<Option<Ticket>>, TablesError> {
        let Some(id) = &request.batch_id else { return Ok(Some(None)) };
        let key = batch_key(&request.workspace, &request.table, id);
        loop {
            let mut outcome = match self.core.ids.begin(key) {
                Begun::New(ticket) => return Ok(Some(Some(ticket))),
                Begun::Stored => return Ok(None),
                Begun::UnderWay(outcome) => outcome,
            };
            let known = outcome.wait_for(|o| !matches!(o, Outcome::Open)).await;
            match known.map(|o| o.clone()) {
                Ok(Outcome::Failed(error)) => return Err(again(&error)),
                Ok(_) => return Ok(None),
                Err(_) => {} // the other one gave up before it was written
            }
        }
    }

    pub(crate) fn replace_functions(&self, workspace: &str, functions: Vec<FunctionDefinition>) {
        let hides = |name: &str| model::Tables::table(self, workspace, name).is_some();
        for function in functions.iter().filter(|f| hides(&f.name)) {
            let name = &*function.name;
            tracing::warn!(name, "a saved function hides the table of its name from every query");
        }
        if let Some(workspace) = self.core.workspace(workspace) {
            let by_name = functions.into_iter().map(|f| (Arc::clone(&f.name), Arc::new(f)));
            *workspace.functions.write() = Arc::new(by_name.collect());
        }
    }
}

/// Rows on their way into the log.
struct Prepared {
    payload: Buffer,
    crc: u32,
    columns: Vec<Named>,
}

/// Checks, completes and encodes the rows of a request; what is kept in memory is what was encoded.
fn prepare(info: &TableInfo, request: &AppendRequest) -> Result<Prepared, TablesError> {
    let columns = complete(info, request)?;
    let payload = Buffer::from(codec::encode(&columns));
    if u32::try_from(payload.len()).is_err() {
        return Err(TablesError::Invalid("the rows are too large for one request".into()));
    }
    let columns = codec::decode(&payload, 0, request.batch.rows)
        .map_err(|_| TablesError::Invalid("the rows do not encode".into()))?;
    Ok(Prepared { crc: crc32fast::hash(&payload), payload, columns })
}

impl Drop for LogStore {
    fn drop(&mut self) {
        self.shutdown();
    }
}

/// The last acknowledged row of each table whose segments do not reach it.
fn table_ends(core: &Core) -> Vec<TableEnd> {
    let unsealed = core.all_tables().into_iter().filter(|t| t.last_row() > t.sealed());
    unsealed
        .map(|t| TableEnd {
            workspace: t.workspace.to_string(),
            table: t.name.to_string(),
            last_row: t.last_row(),
        })
        .collect()
}

/// A shared error for one of those who share it.
fn again(error: &TablesError) -> TablesError {
    match error {
        TablesError::UnknownWorkspace(name) => TablesError::UnknownWorkspace(name.clone()),
        TablesError::UnknownTable(name) => TablesError::UnknownTable(name.clone()),
        TablesError::Invalid(text) => TablesError::Invalid(text.clone()),
        TablesError::Busy { retry_after } => TablesError::Busy { retry_after: *retry_after },
        TablesError::Unwritable(text) => TablesError::Unwritable(text.clone()),
        TablesError::Damaged(text) => TablesError::Damaged(text.clone()),
    }
}
